"""How a pick ends: the verdicts, and what is said of files and conflicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from fedvhost.backport.diff3 import Chunk
from fedvhost.backport.resolutions import Question
from fedvhost.values import Oid


class Verdict(StrEnum):
    """How a pick ended. Only ``stopped`` leaves anything open."""

    CLEAN = "clean"
    INSERTED = "inserted"
    LINE_MERGED = "line-merged"
    TOKEN_MERGED = "token-merged"
    REALIGNED = "realigned"
    RENAMED = "renamed"
    ADAPTED = "adapted"
    BY_RESOLVER = "by-resolver"
    REDUNDANT = "redundant"
    IN_BASE = "in-base"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Note:
    """What was done to one file beyond the plain merge, by which rung."""

    path: str
    rung: str
    how: str


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A conflict that no rung settled. ``chunk`` is None when the whole file is in question."""

    path: str
    why: str
    chunk: Chunk | None = None


@dataclass(frozen=True, slots=True)
class Landing:
    """The end of one pick: its verdict and the tree after it (before it, if it stopped).

    ``review``: a rung had to choose between places; a person must look. ``questions``: the unsettled files
    as a person can answer them; a file of which only one side is left, or no text, is not among them.
    ``elsewhere``: path here → upstream's path, of files that are not where upstream has them.
    """

    pick: Oid
    verdict: Verdict
    tree: Oid
    notes: tuple[Note, ...] = ()
    unsettled: tuple[Unsettled, ...] = ()
    review: bool = False
    questions: tuple[Question, ...] = ()
    elsewhere: Mapping[str, str] = field(default_factory=dict)
