"""A merged file with diff3 markers, as chunks: what the three sides say where they could not agree.

Lines are bytes with their newline; a last line without one keeps lacking it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Lines = tuple[bytes, ...]

# Aligning is quadratic; beyond this many line pairs a chunk is left to a person.
LARGEST = 4_000_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """A conflict: the same place in the pick's parent (``base``), in the tree it lands on (``ours``)
    and in the pick (``theirs``)."""

    base: Lines
    ours: Lines
    theirs: Lines


Part = Lines | Chunk


def split_lines(text: bytes) -> Lines:
    """Split at newlines only (a form feed or carriage return belongs to its line)."""
    lines = text.split(b"\n")
    return tuple([line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else []))


def parse(merged: bytes, ours: str, theirs: str) -> tuple[Part, ...] | None:
    """Split what ``git merge-tree`` wrote with ``merge.conflictStyle=diff3`` into settled lines and chunks.

    ``ours`` and ``theirs`` are the full object names that git put behind its markers, which makes
    them impossible to mistake for content. None: the markers do not add up.
    """
    begin, end = f"<<<<<<< {ours}".encode(), f">>>>>>> {theirs}".encode()
    parts: list[Part] = []
    settled: list[bytes] = []
    sides: list[list[bytes]] | None = None
    for line in split_lines(merged):
        bare = line.rstrip(b"\r\n")
        if sides is None:
            if bare == begin:
                parts.append(tuple(settled))
                settled, sides = [], [[]]
            else:
                settled.append(line)
        elif bare == end:
            if len(sides) != 3:
                return None
            parts.append(Chunk(tuple(sides[1]), tuple(sides[0]), tuple(sides[2])))
            sides = None
        elif (bare.startswith(b"||||||| ") and len(sides) == 1) or (bare == b"=======" and len(sides) == 2):
            sides.append([])
        else:
            sides[-1].append(line)
    if sides is not None:
        return None
    parts.append(tuple(settled))
    return tuple(parts)


def chunks(parts: Iterable[Part]) -> tuple[Chunk, ...]:
    """Return the conflicts among the parts."""
    return tuple(p for p in parts if isinstance(p, Chunk))


@dataclass(frozen=True, slots=True)
class Edit:
    """``old[start:stop]`` becomes ``new``."""

    start: int
    stop: int
    new: Lines


def edits(old: Sequence[bytes], new: Sequence[bytes]) -> tuple[Edit, ...] | None:
    """Return how ``old`` becomes ``new``; None if they are too large to align here."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    mid_old, mid_new = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(mid_old) * len(mid_new) > LARGEST:
        return None
    matcher = difflib.SequenceMatcher(None, mid_old, mid_new, autojunk=False)
    return tuple(
        Edit(head + i, head + j, tuple(mid_new[k:m]))
        for tag, i, j, k, m in matcher.get_opcodes()
        if tag != "equal"
    )
