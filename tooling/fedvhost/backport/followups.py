"""Follow-ups: later upstream commits that have to do with what was picked, sorted into what to do with them.

A follow-up is linked to the series by evidence of git's (``lines``: it changes lines that a pick wrote;
``beside``: it only adds, right beside such lines, or ``file``: elsewhere, both in a file that a pick created;
``mention``, ``fixes``, ``revert``: its message names a pick; ``name``: its message names the feature, or a
file or folder that is new with it; ``author``: whoever wrote most of the picks repairs no other files than
those that they change, a bug by its number).

Whether it repairs anything is read from its message. What it repairs must be here, too: a repair of something
that neither base nor series has is not to be taken, nor is one that takes away what is still used here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath

from fedvhost.backport.outcome import Verdict
from fedvhost.backport.plan import Evidence
from fedvhost.backport.repairs import Nature, read_message
from fedvhost.values import Oid

# A commit that touches more files than this is tree-wide (the same limit as for prerequisites).
WIDE = 20
# Evidence that says more than "it is near".
STRONG = frozenset({"lines", "beside", "file", "mention", "fixes", "revert"})
_DOCUMENTS = ("documentation", "docs", "doc")
_DOCUMENT_NAMES = frozenset(
    {"MAINTAINERS", "CREDITS", "README", "TODO", "Changelog", ".gitignore", ".mailmap"}
)
_DOCUMENT_ENDS = frozenset({".txt", ".texi", ".rst", ".md", ".html"})


class Kind(StrEnum):
    """What to do with a follow-up."""

    OFFERED = "offered"
    NOT_TO_BE_TAKEN = "not to be taken"
    IN_BASE = "in base"
    TAKEN = "taken"
    OMITTED = "omitted"
    FEATURE = "feature"
    NOISE = "noise"


@dataclass(frozen=True, slots=True)
class Cause:
    """A commit that a follow-up repairs, how we know, and whether base or series has it."""

    commit: Oid
    subject: str
    how: str
    here: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A later commit with what is known of it.

    ``paths`` and ``lines``: the files it touches, and how many lines it adds and takes away. ``same_code``:
    comments and white space apart it changes nothing. ``causes``: what it says it repairs, or, where it says
    nothing, whose lines it changes. ``absent``: files it changes that neither base nor series has.
    ``taken``, ``omitted``: the reason a manifest gives; ``in_base``: why we know that the base has it.
    """

    commit: Oid
    message: str
    paths: tuple[str, ...]
    lines: int
    evidence: tuple[Evidence, ...]
    causes: tuple[Cause, ...] = ()
    absent: tuple[str, ...] = ()
    same_code: bool = False
    taken: str | None = None
    omitted: str | None = None
    in_base: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """How a follow-up lands on the series: ``on`` are the offered ones landed before it (none: it lands on
    the series as it is); ``conflicts`` the files it stops in, ``missing`` the names it uses that are not
    there; ``lost`` what it takes away and is still used here; ``review``: it lands, and a person must look at
    the place."""

    verdict: Verdict
    conflicts: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    on: tuple[Oid, ...] = ()
    review: bool = False

    @property
    def ok(self) -> bool:
        """Whether it lands, misses nothing, and takes nothing away that is used."""
        return self.verdict is not Verdict.STOPPED and not self.missing and not self.lost

    @property
    def smooth(self) -> bool:
        """Whether it lands as git merges it."""
        return self.ok and self.verdict is Verdict.CLEAN


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A follow-up, sorted, with the reason. ``after``: offered ones whose lines it changes; ``forms``: the
    same change on other lanes (a stable branch's, another tree's); ``instead_of``: the form that upstream
    made first, where this one lands better."""

    commit: Oid
    subject: str
    kind: Kind
    reason: str
    evidence: tuple[Evidence, ...] = ()
    trial: Trial | None = None
    after: tuple[Oid, ...] = ()
    forms: tuple[Oid, ...] = ()
    instead_of: Oid | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """What was looked through: how many commits, how many of them newer than ``until``, the date of the
    newest (seconds since 1970, 0: there is none), and the branches and tags that lead to them."""

    commits: int
    after_until: int
    newest: int
    heads: int


@dataclass(frozen=True, slots=True)
class PackageFollowUps:
    """The follow-ups of one package's series, in upstream's order."""

    base_name: str
    until: str
    picks: int
    search: Search
    found: tuple[FollowUp, ...] = ()

    def of(self, kind: Kind) -> tuple[FollowUp, ...]:
        """Those of one kind."""
        return tuple(f for f in self.found if f.kind is kind)


@dataclass(frozen=True, slots=True)
class FollowUps:
    """The follow-ups of a feature in a release, package by package."""

    feature: str
    release: str
    packages: Mapping[str, PackageFollowUps] = field(default_factory=dict)


def sort(candidate: Candidate) -> tuple[Kind, str]:
    """Say what to do with a candidate, and why.

    What a person decided comes first, then what is there already; then what cannot be a repair whatever its
    message says; then the message; and of repairs, whether what they repair is here.
    """
    if candidate.omitted is not None:
        return Kind.OMITTED, candidate.omitted
    if candidate.taken is not None:
        return Kind.TAKEN, candidate.taken
    if candidate.in_base is not None:
        return Kind.IN_BASE, candidate.in_base
    if len(candidate.paths) > WIDE:
        return Kind.NOISE, f"tree-wide: it touches {len(candidate.paths)} files"
    if candidate.paths and all(map(is_document, candidate.paths)):
        return Kind.NOISE, "it only changes documents"
    if candidate.same_code:
        return Kind.NOISE, "comments and white space apart it changes nothing"
    reading = read_message(candidate.message, candidate.lines)
    signs = "; ".join(reading.signs)
    if reading.nature is Nature.TIDY:
        return Kind.NOISE, f"tidies up ({signs})"
    if reading.nature is Nature.FEATURE:
        return Kind.FEATURE, signs
    if candidate.causes and not any(c.here for c in candidate.causes):
        cause = candidate.causes[0]
        return (
            Kind.NOT_TO_BE_TAKEN,
            f"{cause.how} {cause.commit.short} ({cause.subject}), "
            "which is neither in the base nor in the series",
        )
    if candidate.absent:
        return (
            Kind.NOT_TO_BE_TAKEN,
            f"it changes {', '.join(candidate.absent[:3])}, which neither the base nor the series has",
        )
    return Kind.OFFERED, signs


def is_document(path: str) -> bool:
    """Whether a file is for people to read only."""
    parts = PurePosixPath(path)
    return (
        parts.parts[0].lower() in _DOCUMENTS
        or parts.name in _DOCUMENT_NAMES
        or parts.suffix.lower() in _DOCUMENT_ENDS
    )


def worth_telling(candidate: Candidate, kind: Kind) -> bool:
    """Whether a follow-up is told at all: one that only speaks of the feature is if there is something to do
    or to know about it."""
    strong = any(e.kind in STRONG for e in candidate.evidence)
    return strong or kind not in (Kind.FEATURE, Kind.NOISE)


def best_form(forms: Sequence[tuple[Oid, Trial]]) -> tuple[Oid, Trial]:
    """Return the form of a change that lands best; of equals the first, which is upstream's own."""
    ladder = list(Verdict)  # from clean down to stopped

    def cost(form: tuple[Oid, Trial]) -> tuple[bool, bool, int, int, int]:
        trial = form[1]
        rung = ladder.index(trial.verdict)
        return (not trial.ok, trial.review, rung, len(trial.on), len(trial.missing) + len(trial.lost))

    return min(forms, key=cost)


def follow_through(found: Mapping[Oid, FollowUp]) -> tuple[FollowUp, ...]:
    """Return the follow-ups (by the commit that others name in ``after``, oldest first) where what does not
    land and repairs one that is not to be taken is not to be taken either."""
    told = dict(found)
    for commit, one in found.items():
        behind = [a for a in one.after if told[a].kind is Kind.NOT_TO_BE_TAKEN]
        if one.kind is Kind.OFFERED and behind and one.trial is not None and not one.trial.ok:
            reason = (
                f"it does not land, and follows {behind[0].short} ({told[behind[0]].subject}), which is not"
            )
            told[commit] = replace(one, kind=Kind.NOT_TO_BE_TAKEN, reason=f"{reason} to be taken")
    return tuple(told.values())
