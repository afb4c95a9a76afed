"""The rung "pure insertion": upstream only inserts, beside context that diverged.

Such a conflict has one answer if the place can be told: between the nearest line before and the nearest
line after that both sides still have. Where neither of the two stood right beside the insertion, where
only similar lines are left, or where the base inserts something of its own at the same spot, the answer
is marked for review. Where nothing is shared on either side the run is *loose*: right only if its scope
can be shown to be the same, and never inside a function.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from fedvhost.backport.diff3 import Chunk, Edit, Lines, edits, occurrences

# Two lines are "the same line, diverged" from here on (difflib's ratio).
SIMILAR = 0.6
# A list is sorted if so many lines before, or after, say so.
_LIST_AROUND = 3


@dataclass(frozen=True, slots=True)
class Run:
    """Lines of upstream's in a settled chunk (range of indexes), and where they begin in its ``theirs``.
    ``loose``: no line around them is shared."""

    at: range
    theirs_at: int
    loose: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A settled chunk: its lines, where upstream's own lines are in it, how it was settled, and whether
    a person must look at it."""

    lines: Lines
    runs: tuple[Run, ...]
    how: str
    review: bool = False


@dataclass(frozen=True, slots=True)
class _Spot:
    at: int
    how: str
    review: bool
    loose: bool = False


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A place in ``ours``, and how many lines of ``base`` are between it and the insertion. ``edge``: no
    line is shared, so it is the edge of the chunk."""

    at: int
    distance: int
    edge: bool

    @property
    def beside(self) -> bool:
        """Whether the insertion stood right here."""
        return self.distance == 0


def insert(chunk: Chunk, before: Lines = (), after: Lines = ()) -> Placed | None:
    """Settle a chunk in which upstream inserts lines and changes none; None if it is not one, if the
    place cannot be told, or if the lines stand there already. ``before`` and ``after``: the lines around
    the chunk, which all sides have."""
    changes = edits(chunk.base, chunk.theirs)
    if not changes or any(e.start != e.stop or _there_already(e, chunk) for e in changes):
        return None
    spots = [_spot(chunk.base, chunk.ours, e.start) for e in changes]
    settled = [s for s in spots if s is not None]
    if len(settled) < len(spots) or [s.at for s in settled] != sorted(s.at for s in settled):
        return None
    lines: list[bytes] = []
    runs: list[Run] = []
    done = 0
    for spot, edit in zip(settled, changes, strict=True):
        lines += chunk.ours[done : spot.at]
        above = (*before[-1:], *lines)[-1:]
        below = (*chunk.ours[spot.at :], *after[:1])[:1]
        new, new_at = _one_blank_line(edit, chunk, (before[-1:], above), (after[:1], below))
        if new:
            runs.append(Run(range(len(lines), len(lines) + len(new)), new_at, spot.loose))
        lines += new
        done = spot.at
    lines += chunk.ours[done:]
    how = "; ".join(dict.fromkeys(s.how for s in settled))
    return Placed(tuple(lines), tuple(runs), how, any(s.review for s in settled))


def _one_blank_line(
    edit: Edit, chunk: Chunk, above: tuple[Lines, Lines], below: tuple[Lines, Lines]
) -> tuple[Lines, int]:
    """Return what is inserted, and where it stands in ``theirs``, without a blank line at its edge that
    would be the second one there and is the only one upstream.

    ``above`` and ``below``: the line around the chunk, and the one that is around the insertion here.
    """
    start, stop = edit.new_at, edit.new_at + len(edit.new)
    if _blank(edit.new[-1:]) and _blank(below[1]):
        stop -= not _blank((*chunk.theirs[stop:], *below[0])[:1])
    if _blank(edit.new[:1]) and _blank(above[1]) and start < stop:
        start += not _blank((*above[0], *chunk.theirs[:start])[-1:])
    return chunk.theirs[start:stop], start


def _blank(line: Lines) -> bool:
    return bool(line) and not line[0].strip()


def _there_already(edit: Edit, chunk: Chunk) -> bool:
    """Tell whether the base put the same lines in on its own: a second copy is never wanted."""
    wanted, ours, base = (tuple(filter(tells, lines)) for lines in (edit.new, chunk.ours, chunk.base))
    return len(occurrences(wanted, ours)) > len(occurrences(wanted, base))


def _spot(base: Lines, ours: Lines, at: int) -> _Spot | None:
    """Where in ``ours`` the insertion before ``base[at]`` belongs.

    The edges of a chunk are anchors too: the merge aligned them on all three sides.
    """
    above, below = _anchor_above(base, ours, at), _anchor_below(base, ours, at)
    low, high = above.at, below.at
    if low > high:
        return None
    if above.edge and below.edge and not above.beside and not below.beside:
        return _loose_spot(base, ours, at)
    if low == high:
        near = above.beside or below.beside
        how = "between the lines that both sides have before and after it"
        return _Spot(low, how if near else f"{how}, which are not the next ones", not near)
    if above.beside and below.beside:
        return _Spot(high, "after what the base has at the same spot", True)
    if above.beside:
        return _Spot(low, "right after the line before it; what follows diverged", False)
    if below.beside:
        return _Spot(high, "right before the line after it; what precedes diverged", False)
    return _similar_spot(base, ours, at, low, high)


def _anchor_above(base: Lines, ours: Lines, at: int) -> _Anchor:
    """Return the place in ``ours`` right after the nearest shared line above."""
    for distance, line in enumerate(reversed(base[:at])):
        if _shared(line, base, ours):
            return _Anchor(ours.index(line) + 1, distance, False)
    return _Anchor(0, at, True)


def _anchor_below(base: Lines, ours: Lines, at: int) -> _Anchor:
    """Return the place in ``ours`` of the nearest shared line below."""
    for distance, line in enumerate(base[at:]):
        if _shared(line, base, ours):
            return _Anchor(ours.index(line), distance, False)
    return _Anchor(len(ours), len(base) - at, True)


def _shared(line: bytes, base: Lines, ours: Lines) -> bool:
    return tells(line) and ours.count(line) == 1 and base.count(line) == 1


def _loose_spot(base: Lines, ours: Lines, at: int) -> _Spot | None:
    """Where an insertion belongs that is inside a block of which the base has nothing."""
    if not ours:
        return _Spot(0, "where the base has nothing of what is around it", True, loose=True)
    # Beside the base's own form of a line is a place, if one that a person must look at.
    return _similar_spot(base, ours, at, 0, len(ours))


def _similar_spot(base: Lines, ours: Lines, at: int, low: int, high: int) -> _Spot | None:
    """Place beside the one diverged form of the line before or after."""
    if at > 0 and (like := _likeness(base[at - 1], ours[low:high])) is not None:
        return _Spot(low + like + 1, "after the base's own form of the line before it", True)
    if at < len(base) and (like := _likeness(base[at], ours[low:high])) is not None:
        return _Spot(low + like, "before the base's own form of the line after it", True)
    return None


def _likeness(line: bytes, among: Sequence[bytes]) -> int | None:
    """Return the index of the one line that is similar, None if none or several are."""
    if not tells(line):
        return None
    found = [i for i, other in enumerate(among) if similar(line, other)]
    return found[0] if len(found) == 1 else None


def similar(one: bytes, other: bytes) -> bool:
    """Tell whether two lines are forms of the same line."""
    matcher = difflib.SequenceMatcher(None, one.strip(), other.strip(), autojunk=False)
    return matcher.quick_ratio() >= SIMILAR and matcher.ratio() >= SIMILAR


def tells(line: bytes) -> bool:
    """Tell whether a line says where we are (a blank line or a lone brace does not)."""
    return any(c.isalnum() for c in line.decode("latin-1"))


def in_order(lines: Sequence[bytes], at: range) -> bool:
    """Tell whether lines stand in a list that is sorted, on both sides of them and with them in it.

    Numbers count as numbers: ``99 rw`` comes before ``100 rw``.
    """
    start, stop = max(0, at.start - _LIST_AROUND), min(len(lines), at.stop + _LIST_AROUND)
    if at.start - start < _LIST_AROUND and stop - at.stop < _LIST_AROUND:
        return False
    keys = [_key(line) for line in lines[start:stop]]
    return all(keys) and all(one < other for one, other in pairwise(keys))


def _key(line: bytes) -> list[tuple[int, bytes]]:
    if not line[:1].isalnum():
        return []
    parts = re.findall(rb"\d+|\D+", line.strip())
    return [(int(p), b"") if p.isdigit() else (-1, p) for p in parts]
