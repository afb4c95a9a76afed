"""The rung "insertion" in a list that is sorted: where a new entry goes is what its order says.

Lists that everybody adds to (includes, tests, objects, ignored files) diverge by their nature, and no line
around an entry need be shared. If all three sides keep them in order, there is one place nevertheless, and
of two entries that want the same spot one comes first. A list counts as sorted if enough lines say so on
each side; that some lines of code happen to be in order proves nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from fedvhost.backport.diff3 import Chunk, Lines, edits
from fedvhost.backport.insertion import Placed, Run

# How far a list is followed on either side of a chunk.
_FOLLOWED = 12
# So many entries in order are no coincidence; where each begins with a number of its own, fewer are none.
_FEWEST, _FEWEST_NUMBERED = 6, 4
# ``#include <x.h>``, ``099 rw auto``, ``test-x``, ``obj-y += x.o``: an entry is one line, and no statement.
_ENTRY = re.compile(rb"[ \t]*(?:#[ \t]*include\b|[\w./*-])[^;{}()=]*(?:[+:]?=[^;{}]*)?")
_NUMBER = re.compile(rb"[ \t]*(\d+)\b")
_PARTS = re.compile(rb"\d+|\D+")


def insert_in_order(chunk: Chunk, before: Lines = (), after: Lines = ()) -> Placed | None:
    """Settle a chunk in which upstream only adds entries to a sorted list; None if it is not one.

    ``before`` and ``after`` are the lines around the chunk, which all sides have.
    """
    changes = edits(chunk.base, chunk.theirs)
    if not changes or any(e.start != e.stop for e in changes):
        return None
    head = _run(before[: -_FOLLOWED - 1 : -1])[::-1]
    tail = _run(after[:_FOLLOWED])
    if not all(_is_list((*head, *side, *tail)) for side in (chunk.base, chunk.ours, chunk.theirs)):
        return None
    lines = list(chunk.ours)
    for entry in (line for e in changes for line in e.new):
        lines.insert(bisect_left([_key(line) for line in lines], _key(entry)), entry)
    # Else the base has an entry of that name or number, or the place is outside of the chunk.
    if not _is_list((*head, *lines, *tail)):
        return None
    runs: list[Run] = []
    for change in changes:
        for offset, entry in enumerate(change.new):
            at = lines.index(entry)
            runs.append(Run(range(at, at + 1), change.new_at + offset))
    return Placed(tuple(lines), tuple(runs), "where it belongs in a list that both sides keep sorted")


def _run(lines: Lines) -> Lines:
    """Return the entries that ``lines`` begin with."""
    for count, line in enumerate(lines):
        if not _is_entry(line):
            return lines[:count]
    return lines


def _is_entry(line: bytes) -> bool:
    return _ENTRY.fullmatch(line.rstrip()) is not None


def _is_list(lines: Sequence[bytes]) -> bool:
    """Tell whether lines are a sorted list, long enough to be meant as one."""
    if not all(map(_is_entry, lines)):
        return False
    numbers = [m[1] for line in lines if (m := _NUMBER.match(line))]
    numbered = len(numbers) == len(lines) and len(set(numbers)) == len(numbers)
    if len(lines) < (_FEWEST_NUMBERED if numbered else _FEWEST) or (numbers and not numbered):
        return False
    return all(_key(one) < _key(other) for one, other in pairwise(lines))


def _key(line: bytes) -> list[tuple[int, bytes]]:
    """Numbers count as numbers: ``99 rw`` comes before ``100 rw``."""
    return [(int(p), b"") if p.isdigit() else (-1, p) for p in _PARTS.findall(line.strip())]
