"""The rung "pure insertion": upstream only inserts, beside context that diverged.

Such a conflict has one answer if the place can be told: between the nearest line before and the nearest
line after that both sides still have. Where only similar lines are left, or the base inserts something
of its own at the same spot, the answer is marked for review.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from fedvhost.backport.diff3 import Chunk, Lines, edits

# Two lines are "the same line, diverged" from here on (difflib's ratio).
SIMILAR = 0.6


@dataclass(frozen=True, slots=True)
class Placed:
    """A settled chunk: its lines, where upstream's own lines are in it (ranges of indexes), how it was
    settled, and whether a person must look at it."""

    lines: Lines
    added: tuple[range, ...]
    how: str
    review: bool = False


@dataclass(frozen=True, slots=True)
class _Spot:
    at: int
    how: str
    review: bool


def insert(chunk: Chunk) -> Placed | None:
    """Settle a chunk in which upstream inserts lines and changes none; None if it is not one, or if the
    place cannot be told."""
    changes = edits(chunk.base, chunk.theirs)
    if not changes or any(e.start != e.stop for e in changes):
        return None
    spots = [_spot(chunk.base, chunk.ours, e.start) for e in changes]
    settled = [s for s in spots if s is not None]
    if len(settled) < len(spots) or [s.at for s in settled] != sorted(s.at for s in settled):
        return None
    lines: list[bytes] = []
    added: list[range] = []
    done = 0
    for spot, edit in zip(settled, changes, strict=True):
        lines += chunk.ours[done : spot.at]
        added.append(range(len(lines), len(lines) + len(edit.new)))
        lines += edit.new
        done = spot.at
    lines += chunk.ours[done:]
    how = "; ".join(dict.fromkeys(s.how for s in settled))
    return Placed(tuple(lines), tuple(added), how, any(s.review for s in settled))


def _spot(base: Lines, ours: Lines, at: int) -> _Spot | None:
    """Where in ``ours`` the insertion before ``base[at]`` belongs.

    The edges of a chunk are anchors too: the merge aligned them on all three sides.
    """
    low, above = _anchor_above(base, ours, at)
    high, below = _anchor_below(base, ours, at)
    if low > high:
        return None
    if low == high:
        return _Spot(low, "between the lines that both sides have before and after it", False)
    if above == 0 and below > 0:
        return _Spot(low, "right after the line before it; what follows diverged", False)
    if below == 0 and above > 0:
        return _Spot(high, "right before the line after it; what precedes diverged", False)
    if above == 0 and below == 0:
        return _Spot(high, "after what the base has at the same spot", True)
    return _similar_spot(base, ours, at, low, high)


def _anchor_above(base: Lines, ours: Lines, at: int) -> tuple[int, int]:
    """Return the index in ``ours`` right after the nearest shared line above, and its distance."""
    for distance, line in enumerate(reversed(base[:at])):
        if _tells(line) and ours.count(line) == 1 and base.count(line) == 1:
            return ours.index(line) + 1, distance
    return 0, at


def _anchor_below(base: Lines, ours: Lines, at: int) -> tuple[int, int]:
    """Return the index in ``ours`` of the nearest shared line below, and its distance."""
    for distance, line in enumerate(base[at:]):
        if _tells(line) and ours.count(line) == 1 and base.count(line) == 1:
            return ours.index(line), distance
    return len(ours), len(base) - at


def _similar_spot(base: Lines, ours: Lines, at: int, low: int, high: int) -> _Spot | None:
    """Place beside the one diverged form of the line before or after."""
    if at > 0 and (like := _likeness(base[at - 1], ours[low:high])) is not None:
        return _Spot(low + like + 1, "after the base's own form of the line before it", True)
    if at < len(base) and (like := _likeness(base[at], ours[low:high])) is not None:
        return _Spot(low + like, "before the base's own form of the line after it", True)
    return None


def _likeness(line: bytes, among: Sequence[bytes]) -> int | None:
    """Return the index of the one line that is similar, None if none or several are."""
    if not _tells(line):
        return None
    found = [i for i, other in enumerate(among) if similar(line, other)]
    return found[0] if len(found) == 1 else None


def similar(one: bytes, other: bytes) -> bool:
    """Tell whether two lines are forms of the same line."""
    matcher = difflib.SequenceMatcher(None, one.strip(), other.strip(), autojunk=False)
    return matcher.quick_ratio() >= SIMILAR and matcher.ratio() >= SIMILAR


def _tells(line: bytes) -> bool:
    """Tell whether a line says where we are (a blank line or a lone brace does not)."""
    return any(c.isalnum() for c in line.decode("latin-1"))
