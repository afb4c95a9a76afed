"""The plan: which commits land on which base, in which order, why, and with which result.

A plan is written as JSON that a person reviews: sorted keys, stable bytes, facts only (hashes, subjects,
numbers, and the reasons that the manifests or the evidence give; never code).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fedvhost.backport.given_json import Given, read_json
from fedvhost.backport.outcome import Note, Verdict
from fedvhost.errors import InputError
from fedvhost.values import Oid

FORMAT = 1
REQUESTED, PREREQUISITE, FOLLOW_UP = "requested", "prerequisite", "follow-up"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why we believe something. ``kind``: ``manifest``, ``symbol``, ``arguments``, ``export``, ``text``,
    ``declared``, ``neighbour``, ``patch-id``, ``trailer`` or ``content``; ``commit`` is the other
    commit it speaks of."""

    kind: str
    detail: str
    names: tuple[str, ...] = ()
    path: str | None = None
    commit: Oid | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One commit of a plan and how it lands. ``tree`` is the tree after it."""

    commit: Oid
    subject: str
    because: str
    verdict: Verdict
    tree: Oid
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[Note, ...] = ()
    review: bool = False

    @property
    def lands(self) -> bool:
        """Whether the commit becomes a patch (a redundant one does not)."""
        return self.verdict not in (Verdict.REDUNDANT, Verdict.IN_BASE, Verdict.STOPPED)


@dataclass(frozen=True, slots=True)
class Considered:
    """A commit that was looked at and not taken."""

    commit: Oid
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Something a person must decide or look at."""

    commit: Oid
    subject: str
    what: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What taking a commit, right before the pick that stopped, would cost: how many ``conflicts`` it
    brings itself, how many names it uses that are ``missing``, and how many conflicts of the pick are
    ``left`` then (None: it does not land). ``untried``: why nobody knows."""

    conflicts: int = 0
    missing: int = 0
    left: int | None = None
    untried: str = ""

    @property
    def text(self) -> str:
        """The cost in a sentence."""
        if self.untried:
            return f"what taking it costs is not known: {self.untried}"
        own = f"taking it brings {_count(self.conflicts, 'conflict')} of its own"
        if self.missing:
            own += f" and {_count(self.missing, 'missing name')}"
        return (
            own
            if self.left is None
            else f"{own}; with it, {_count(self.left, 'conflict')} would be left here"
        )


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Culprit:
    """An upstream commit behind the context that diverged: taking it was tried, and this came of it.
    ``cost`` is measured when a plan is made, in a time that is limited, so it is told and never written."""

    commit: Oid
    subject: str
    files: int
    outcome: str
    cost: Cost | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a plan ends early: the pick, what could not be settled, and who made the context differ."""

    commit: Oid
    subject: str
    problems: tuple[str, ...]
    conflicts: tuple[ConflictText, ...] = ()
    culprits: tuple[Culprit, ...] = ()
    hints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConflictText:
    """A conflict to be shown: the three panes. Upstream's words, so it is printed and never written."""

    path: str
    why: str
    base: str = ""
    ours: str = ""
    theirs: str = ""


@dataclass(frozen=True, slots=True)
class PackagePlan:
    """The plan of one package. ``entries`` are in upstream's topological order."""

    base: Oid
    base_name: str
    entries: tuple[Entry, ...]
    considered: tuple[Considered, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    stop: Stop | None = None

    @property
    def ok(self) -> bool:
        """Whether every requested commit landed, or was shown to be redundant."""
        return self.stop is None


@dataclass(frozen=True, slots=True)
class Plan:
    """A feature's plan for a release; ``inputs`` maps each manifest to the SHA-256 of what it said."""

    feature: str
    release: str
    packages: Mapping[str, PackagePlan]
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every package's plan is whole."""
        return all(p.ok for p in self.packages.values())


def to_json(plan: Plan) -> bytes:
    """Write a plan; equal plans give equal bytes."""
    raw: dict[str, Any] = {
        "format": FORMAT,
        "feature": plan.feature,
        "release": plan.release,
        "inputs": dict(plan.inputs),
        "packages": {name: _package_raw(p) for name, p in plan.packages.items()},
    }
    return (json.dumps(raw, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def _package_raw(plan: PackagePlan) -> dict[str, Any]:
    raw = asdict(plan)
    if plan.stop is not None:
        raw["stop"].pop("conflicts")
        raw["stop"].pop("hints")
        for culprit in raw["stop"]["culprits"]:
            culprit.pop("cost")
    return raw


def from_json(text: bytes, file: str) -> Plan:
    """Read a plan.

    Raises:
        InputError: it is not a plan, or one of another format.
    """
    raw = read_json(text, file, "a plan", "; make a new one with 'fedvhost plan'")
    written = raw.at("format").number()
    if written != FORMAT:
        raise InputError(f"plan format {written}, this fedvhost reads {FORMAT}; plan again", file=file)
    packages = {name: _package(p) for name, p in raw.at("packages").named().items()}
    inputs = {name: digest.text() for name, digest in raw.at("inputs").named().items()}
    return Plan(raw.at("feature").text(), raw.at("release").text(), packages, inputs)


def _package(raw: Given) -> PackagePlan:
    return PackagePlan(
        raw.at("base").oid(),
        raw.at("base_name").text(),
        tuple(_entry(e) for e in raw.at("entries").each()),
        tuple(
            Considered(c.at("commit").oid(), c.at("subject").text(), c.at("reason").text())
            for c in raw.at("considered").each()
        ),
        tuple(
            Undecided(u.at("commit").oid(), u.at("subject").text(), u.at("what").text())
            for u in raw.at("undecided").each()
        ),
        None if raw.at("stop").empty else _stop(raw.at("stop")),
    )


def _stop(raw: Given) -> Stop:
    culprits = tuple(
        Culprit(c.at("commit").oid(), c.at("subject").text(), c.at("files").number(), c.at("outcome").text())
        for c in raw.at("culprits").each()
    )
    return Stop(
        raw.at("commit").oid(), raw.at("subject").text(), raw.at("problems").texts(), culprits=culprits
    )


def _entry(raw: Given) -> Entry:
    return Entry(
        raw.at("commit").oid(),
        raw.at("subject").text(),
        raw.at("because").text(),
        raw.at("verdict").word(Verdict),
        raw.at("tree").oid(),
        tuple(
            Evidence(
                e.at("kind").text(),
                e.at("detail").text(),
                e.at("names").texts(),
                None if e.at("path").empty else e.at("path").text(),
                None if e.at("commit").empty else e.at("commit").oid(),
            )
            for e in raw.at("evidence").each()
        ),
        tuple(
            Note(n.at("path").text(), n.at("rung").text(), n.at("how").text()) for n in raw.at("notes").each()
        ),
        raw.at("review").flag(),
    )
