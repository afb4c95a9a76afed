"""Everything that a release decision is made on, as one value."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fedvhost.backport.manifest import Feature, Release
from fedvhost.release.contingency import Flag, Rendered
from fedvhost.release.facts import Piece, Said, Standing
from fedvhost.release.items import Checklist
from fedvhost.release.people import Hashes, Words


@dataclass(frozen=True, slots=True)
class PatchSeen:
    """A patch file as it is now: whose, of when, and which upstream commits it says it is."""

    file: str
    author: str
    date: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SpecSeen:
    """A spec as it is now. ``nvr`` as rpm has it, ``newest`` the EVR of the newest changelog entry;
    ``wrong``: what is out of order, ``unknown``: what kept us from finding out; ``lines``: its lines, without
    space around them. ``config``: what the configuration fragment says of each option (None: nothing)."""

    file: str
    nvr: str = ""
    newest: str = ""
    wrong: tuple[str, ...] = ()
    unknown: str = ""
    lines: frozenset[str] = frozenset()
    config_file: str = ""
    config: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One feature on one release, on one day.

    ``ships``: name → SHA-256 of everything that would go out (plan, patches, specs and what is beside them,
    builds): what a sign-off is tied to. ``documents``: name → ``current``, ``older`` or ``missing``.
    ``several``: the workspace has other features too, so a command must name this one. ``machine``: what this
    one compiles for; ``elsewhere``: the build system that builds for others (koji, mock). ``program``: how
    commands begin.
    """

    feature: Feature
    release: Release
    packages: tuple[str, ...]
    checklist: Checklist
    today: datetime.date
    pieces: Mapping[tuple[str, str], Piece]
    words: Words
    flag: Flag
    plan_file: str
    rendered: tuple[Rendered, ...] = ()
    ships: Hashes = field(default_factory=dict)
    patches: Mapping[str, tuple[PatchSeen, ...]] = field(default_factory=dict)
    specs: Mapping[str, SpecSeen] = field(default_factory=dict)
    documents: Mapping[str, str] = field(default_factory=dict)
    several: bool = False
    machine: str = ""
    elsewhere: str = "koji"
    program: str = "fedvhost"

    def piece(self, kind: str, subject: str) -> Piece:
        """A piece of evidence; one that is not there says so."""
        return self.pieces.get((kind, subject)) or Piece(kind, subject, "")

    def command(self, verb: str, *options: str) -> str:
        """A command line on this release and feature."""
        feature = ("--feature", self.feature.name) if self.several else ()
        return " ".join((self.program, verb, "--release", self.release.name, *feature, *options))

    @property
    def nvrs(self) -> Mapping[str, str]:
        """The NVR of each package that was built from what is here now."""
        built = {p: self.piece("build", p) for p in self.packages}
        return {p: n for p, b in built.items() if b.good and (n := b.facts.text("nvr"))}

    @property
    def builds(self) -> Hashes:
        """What identifies each build that is of what is here now: what waivers, and reviews of tests, are
        tied to."""
        good = {f"build {p}" for p in self.packages if self.piece("build", p).good}
        return {n: h for n, h in self.ships.items() if n in good}

    def picks(self, package: str) -> tuple[Said, ...]:
        """The picks of a package, as its backport's evidence has them, if that can be believed."""
        piece = self.piece("backport", package)
        return (piece.facts.each("picks") or ()) if piece.good else ()


def inherit(pieces: Mapping[tuple[str, str], Piece], packages: Iterable[str]) -> dict[tuple[str, str], Piece]:
    """Make evidence on builds stale where the builds are: a smoke test of old packages says nothing of what
    would be built now."""
    builds = [b for p in packages if (b := pieces.get(("build", p))) is not None]
    old = [b for b in builds if b.standing is not Standing.GOOD]
    found = dict(pieces)
    for key, piece in pieces.items():
        if piece.kind in ("smoke", "contingency") and piece.good and old:
            why = "; ".join(f"the build of {b.subject} is {b.standing} ({b.problem})" for b in old)
            found[key] = replace(piece, standing=Standing.STALE, problem=why, changed=old[0].changed)
    return found
