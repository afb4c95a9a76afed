"""A pick as the page shows it: verdict, why it is in, what was done, and upstream's diff beside the patch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fedvhost.backport.outcome import Verdict
from fedvhost.backport.plan import Entry, Evidence
from fedvhost.backport.series import shown
from fedvhost.pipeline.page.material import PackageMaterial
from fedvhost.report.graph import needs_of
from fedvhost.report.sidebyside import FileDiff, FilePair, Row, Same, align, file_diffs, pair
from fedvhost.values import Oid

# Lines of a file that are shown, by how many picks there are: the page must stay small enough to mail.
FEW, MANY = 60, 200
LINES = ((FEW, 400, 1200), (MANY, 60, 200))  # up to so many picks: lines of a same file, of a differing one
FEWEST = (12, 40)

MEANINGS = {
    Verdict.CLEAN: "git merged it",
    Verdict.INSERTED: "only inserts; placed between lines that both sides have",
    Verdict.LINE_MERGED: "both sides change neighbouring lines, none the same one",
    Verdict.TOKEN_MERGED: "both sides change different words of a line",
    Verdict.ADAPTED: "changed for this base, as declared or as needed",
    Verdict.REDUNDANT: "nothing to do here",
    Verdict.IN_BASE: "the base has it already",
    Verdict.STOPPED: "not settled",
}
# Words for the ladder's rungs: why git alone did not do it.
CAUSES = {
    "insertion": "the base's lines around the place differ from upstream's",
    "redundant": "the base lacks what upstream changes, or has the result already",
    "lines": "both sides changed neighbouring lines",
    "tokens": "both sides changed the same line",
    "moved": "upstream moved the lines to another file since",
    "declared": "a person declared how it lands, in the manifest",
    "merge": "git merged it another way",
}

# As a patch's own message says it.
_DONE = {"insertion": "inserted ", "redundant": "left out: "}


@dataclass(frozen=True, slots=True)
class FileView:
    """A file of a pick: one column of ``lines`` where both sides say the same, else ``rows``; ``left``: how
    many more lines there are than are shown."""

    path: str
    same: Same
    added: int
    removed: int
    remark: str
    lines: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    differing: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """What was done to a file beyond git's merge; ``cause``: why it had to be."""

    path: str
    rung: str
    how: str
    cause: str


@dataclass(frozen=True, slots=True)
class Related:
    """A pick that is named on another's card."""

    commit: Oid
    subject: str
    in_plan: bool


@dataclass(frozen=True, slots=True)
class Card:
    """A pick. ``number``: its place among the package's commits, from 1; ``patch`` empty: none came of it;
    ``summary``: in words how the patch stands to upstream's diff."""

    number: int
    commit: Oid
    subject: str
    verdict: str
    meaning: str
    because: str
    review: bool
    lands: bool
    author: str
    date: str
    patch: str
    reasons: tuple[str, ...]
    done: tuple[Done, ...]
    needed_by: tuple[Related, ...]
    needs: tuple[Related, ...]
    files: tuple[FileView, ...]
    added: int
    removed: int
    summary: str


def cards_of(package: PackageMaterial, picks: int) -> tuple[Card, ...]:
    """Make the cards of a package; ``picks`` is how many the whole page has."""
    plan = package.plan
    if plan is None:
        return ()
    subjects = {e.commit: e.subject for e in plan.entries}
    needs = needs_of(plan)
    rolled_up = len(set(package.patch_of.values())) < len(package.patch_of)
    same, differing = next(((s, d) for most, s, d in LINES if picks <= most), FEWEST)
    found = []
    for number, entry in enumerate(plan.entries, 1):
        pairs = _pairs(package, entry, rolled_up)
        # What differs comes first: it is what a reader opens the card for.
        first = sorted(pairs, key=lambda p: p.same is Same.SAME)
        files = tuple(_file_view(p, same, differing) for p in first)
        commit = package.commits.get(entry.commit)
        found.append(
            Card(
                number, entry.commit, entry.subject, entry.verdict.value, MEANINGS[entry.verdict],
                entry.because, entry.review, entry.lands,
                commit.author if commit else "", commit.date if commit else "",
                package.patch_of.get(entry.commit, ""),
                tuple(dict.fromkeys(_reason(e) for e in entry.evidence)),
                tuple(
                    Done(shown(n.path), n.rung, _DONE.get(n.rung, "") + n.how, CAUSES.get(n.rung, ""))
                    for n in entry.notes
                ),
                tuple(_related(c, subjects) for c in needs.get(entry.commit, ())),
                tuple(_related(c, subjects) for c, by in needs.items() if entry.commit in by),
                files,
                sum(f.added for f in files), sum(f.removed for f in files),
                _summary(entry, package, pairs, rolled_up),
            )
        )  # fmt: skip
    return tuple(found)


def _related(commit: Oid, subjects: dict[Oid, str]) -> Related:
    return Related(commit, subjects.get(commit, ""), commit in subjects)


def _reason(evidence: Evidence) -> str:
    """The plan's evidence in a sentence; what a manifest says needs no heading."""
    return evidence.detail if evidence.kind == "manifest" else f"{evidence.kind}: {evidence.detail}"


def _pairs(package: PackageMaterial, entry: Entry, rolled_up: bool) -> tuple[FilePair, ...]:
    commit = package.commits.get(entry.commit)
    upstream = file_diffs(commit.diff) if commit else None
    if not entry.lands:
        return pair(upstream, {})
    name = package.patch_of.get(entry.commit)
    content = None if name is None or rolled_up else package.patches.get(name)
    ours = None if content is None else file_diffs(content)
    return pair(upstream, ours)


def _file_view(files: FilePair, most_same: int, most_differing: int) -> FileView:
    side = files.ours or files.upstream
    assert side is not None
    counted = side if files.same is not Same.LEFT_OUT else FileDiff(files.path, ())
    view = FileView(shown(files.path), files.same, counted.added, counted.removed, side.remark)
    if files.same is Same.DIFFERS and files.upstream and files.ours:
        rows = align(files.upstream.lines, files.ours.lines)
        differing = sum(r.differs for r in rows)
        kept, left = _around(rows, most_differing)
        return replace(view, rows=kept, differing=differing, left=left)
    return replace(view, lines=side.lines[:most_same], left=max(0, len(side.lines) - most_same))


def _around(rows: Sequence[Row], most: int) -> tuple[tuple[Row, ...], int]:
    """Keep what differs with three lines around it and the heading of its hunk, as far as there is room;
    and how many rows are left out."""
    near: set[int] = set()
    heading = 0
    for at, row in enumerate(rows):
        if (row.right or row.left or "").startswith("@@"):
            heading = at
        if row.differs and len(near) < most:
            near.update((heading, *range(max(0, at - 3), min(len(rows), at + 4))))
    kept: list[Row] = []
    before = -1
    for at in sorted(near):
        if at != before + 1:
            kept.append(_GAP)
        kept.append(rows[at])
        before = at
    if kept and before < len(rows) - 1:
        kept.append(_GAP)
    return tuple(kept), len(rows) - len(near)


# Where lines are left out, on both sides.
_GAP = Row("⋯", "⋯", False)


def _summary(entry: Entry, package: PackageMaterial, pairs: Iterable[FilePair], rolled_up: bool) -> str:
    if not entry.lands:
        return "No patch: " + MEANINGS[entry.verdict] + "."
    if entry.commit not in package.patch_of:
        return "No patch of it is in the series as it stands: not exported, or changed since."
    if rolled_up:
        return "It is part of a rolled-up patch, so it cannot be compared on its own."
    if entry.commit not in package.commits:
        return "Not compared with upstream's commit: its history is not at hand."
    differing = [p for p in pairs if p.same is not Same.SAME]
    if not differing:
        return "Same change as upstream: it adds and removes the very same lines."
    words = [f"{p.path} ({p.same.value})" for p in differing[:4]]
    more = f" and {len(differing) - 4} more" if len(differing) > 4 else ""
    return f"Changed against upstream: {', '.join(words)}{more}."
