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
# Content that looks like markers gives a chunk several readings; nobody needs more of them tried.
MOST_READINGS = 1_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """A conflict: the same place in the pick's parent (``base``), in the tree it lands on (``ours``)
    and in the pick (``theirs``)."""

    base: Lines
    ours: Lines
    theirs: Lines


Part = Lines | Chunk


@dataclass(frozen=True, slots=True)
class Sides:
    """The three files that a conflict is between, whole."""

    base: bytes
    ours: bytes
    theirs: bytes


def split_lines(text: bytes) -> Lines:
    """Split at newlines only (a form feed or carriage return belongs to its line)."""
    lines = text.split(b"\n")
    return tuple([line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else []))


def parse(merged: bytes, ours: str, theirs: str, sides: Sides) -> tuple[Part, ...] | None:
    """Split what ``git merge-tree`` wrote with ``merge.conflictStyle=diff3`` into settled lines and chunks.

    ``ours`` and ``theirs`` are the full object names that git put behind its markers, which makes the
    outer ones impossible to mistake for content. The inner two can be content (``=======`` underlines a
    heading), and git adds a newline to a last line that has none: so every chunk is looked up in the
    ``sides`` it was made from. None: the markers do not add up, or do in more than one way.
    """
    begin, end = f"<<<<<<< {ours}".encode(), f">>>>>>> {theirs}".encode()
    whole = (split_lines(sides.base), split_lines(sides.ours), split_lines(sides.theirs))
    parts: list[Part] = []
    settled: list[bytes] = []
    held: list[bytes] | None = None
    lines = split_lines(merged)
    for at, line in enumerate(lines):
        if held is None:
            if _is_marker(line, begin):
                parts.append(tuple(settled))
                settled, held = [], []
            else:
                settled.append(line)
        elif _is_marker(line, end):
            chunk = _chunk(held, whole, last=at == len(lines) - 1)
            if chunk is None:
                return None
            parts.append(chunk)
            held = None
        else:
            held.append(line)
    if held is not None:
        return None
    parts.append(tuple(settled))
    return tuple(parts)


def _is_marker(line: bytes, marker: bytes) -> bool:
    bare = line.rstrip(b"\r\n")
    # Of a file that was renamed, git says ``<name>:<path>``.
    return bare == marker or bare.startswith(marker + b":")


def _chunk(held: Sequence[bytes], whole: tuple[Lines, Lines, Lines], *, last: bool) -> Chunk | None:
    """Return the one way to read the lines between the outer markers; ``last``: nothing follows them."""
    bars = [i for i, line in enumerate(held) if line.startswith(b"||||||| ")]
    equals = [i for i, line in enumerate(held) if line.rstrip(b"\r\n") == b"======="]
    pairs = [(i, j) for i in bars for j in equals if i < j]
    if len(pairs) > MOST_READINGS:
        return None
    found: set[Chunk] = set()
    for i, j in pairs:
        base = _as_stored(held[i + 1 : j], whole[0], last)
        ours = _as_stored(held[:i], whole[1], last)
        theirs = _as_stored(held[j + 1 :], whole[2], last)
        if base is not None and ours is not None and theirs is not None:
            found.add(Chunk(base, ours, theirs))
    return found.pop() if len(found) == 1 else None


def _as_stored(lines: Sequence[bytes], whole: Lines, last: bool) -> Lines | None:
    """Return the lines with the line ends that the file they are from has, None if they are not in it."""
    if not lines:
        return ()
    if not last:
        return tuple(lines) if occurrences(lines, whole) else None
    tail = whole[-len(lines) :]
    if len(tail) != len(lines) or tail[:-1] != tuple(lines[:-1]):
        return None
    return tail if lines[-1] in (tail[-1], tail[-1] + b"\n", tail[-1] + b"\r\n") else None


def occurrences(block: Sequence[bytes], lines: Sequence[bytes]) -> tuple[int, ...]:
    """Return the indexes at which the lines of ``block`` stand together in ``lines``."""
    if not block:
        return ()
    first, size, wanted = block[0], len(block), list(block)
    return tuple(
        i for i in range(len(lines) - size + 1) if lines[i] == first and list(lines[i : i + size]) == wanted
    )


def chunks(parts: Iterable[Part]) -> tuple[Chunk, ...]:
    """Return the conflicts among the parts."""
    return tuple(p for p in parts if isinstance(p, Chunk))


@dataclass(frozen=True, slots=True)
class Edit:
    """``old[start:stop]`` becomes ``new``, which stands in the new lines from ``new_at``."""

    start: int
    stop: int
    new: Lines
    new_at: int


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
        Edit(head + i, head + j, tuple(mid_new[k:m]), head + k)
        for tag, i, j, k, m in matcher.get_opcodes()
        if tag != "equal"
    )
