"""What a report is made from, as it was found: plan, patches, upstream's commits, evidence, builds, specs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fedvhost.backport.plan import PackagePlan
from fedvhost.builds.record import Record
from fedvhost.evidence import Spoiled
from fedvhost.release.case import Case
from fedvhost.release.facts import Piece
from fedvhost.release.items import Outcome
from fedvhost.values import Oid


@dataclass(frozen=True, slots=True)
class UpstreamCommit:
    """A commit as upstream has it: ``date`` is the author's, ``2010-01-14``; ``diff`` git's, with context."""

    author: str
    date: str
    diff: bytes


@dataclass(frozen=True, slots=True)
class SpecDiff:
    """What became of a package's folder of specs. ``against`` says what it is compared with; ``why_not``
    why there is nothing to show."""

    text: str = ""
    against: str = ""
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Log:
    """The end of a log: ``tail`` its last lines, ``size`` the whole file's in bytes; ``missing``: it is not
    where the record says."""

    file: str
    size: int = 0
    tail: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True)
class BuildMaterial:
    """A build's record with the ends of its logs."""

    record: Record
    logs: tuple[Log, ...] = ()


@dataclass(frozen=True, slots=True)
class Marked:
    """A file that a person has to settle: its path, and the places with conflict markers."""

    path: str
    places: str


@dataclass(frozen=True, slots=True)
class PackageMaterial:
    """One package. ``plan`` None: it is not planned. ``commits``: what the store has of upstream's commits
    (``history``: why it has none). ``patches``: name → content, in the order of the series; ``patch_of``:
    commit → name. ``marked``: the files of the conflict that the plan stopped at, as they are now."""

    name: str
    plan: PackagePlan | None = None
    commits: Mapping[Oid, UpstreamCommit] = field(default_factory=dict)
    history: str = ""
    patches: Mapping[str, bytes] = field(default_factory=dict)
    patch_of: Mapping[Oid, str] = field(default_factory=dict)
    folder: str = ""
    spec: SpecDiff = SpecDiff()
    marked: tuple[Marked, ...] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """All that a report shows. ``outcome`` is the checklist gone through on what ``case`` has; ``pieces``:
    the evidence that each package and the feature should have, there or not, then whatever else there is.

    ``outdated``: the manifests that say something else than when the plan was made; ``plan_problem``: why
    the plan cannot be read; ``spoiled``: records of builds that cannot be believed; ``at_work``: the process
    that works in the workspace right now.
    """

    case: Case
    outcome: Outcome
    packages: tuple[PackageMaterial, ...] = ()
    pieces: tuple[Piece, ...] = ()
    builds: tuple[BuildMaterial, ...] = ()
    spoiled: tuple[Spoiled, ...] = ()
    outdated: tuple[str, ...] = ()
    plan_problem: str = ""
    at_work: int | None = None
