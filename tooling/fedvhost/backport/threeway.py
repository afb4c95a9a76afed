"""The rungs "lines" and "tokens": edits of both sides that are beside each other, not on top of each other.

git calls it a conflict when two sides change neighbouring lines. If no line is changed by both, and no two
insertions want one place, there is one result; that is the rung *lines*. The same among the words of a line
is the rung *tokens*: two changes of one line rarely know of each other, so its results are marked for review
(on Linux's stable branches it was wrong more often than right). Not so where the base only calls things by
other names: a name is all that the line keeps of it, if upstream's change does not use the old one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fedvhost.backport.csource import KEYWORDS
from fedvhost.backport.diff3 import Chunk, Edit, Lines, edits, split_lines
from fedvhost.backport.insertion import Placed, Run

_TOKEN = re.compile(rb"\w+|[ \t]+|.", re.DOTALL)
_NAME = re.compile(rb"(?!\w+_t\b|[us](?:8|16|32|64)\b)[A-Za-z_]\w*")
# More edits than this in one chunk: two rewrites, which nobody should interleave.
_MOST_EDITS = 100


@dataclass(frozen=True, slots=True)
class _Merged:
    """A merged sequence, and where upstream's own items are in it: index here, index in theirs, length."""

    items: tuple[bytes, ...]
    runs: tuple[tuple[int, int, int], ...]


def merge_lines(chunk: Chunk) -> Placed | None:
    """Settle a chunk in which the two sides change different lines; None if they meet."""
    merged = _merge(chunk.base, chunk.ours, chunk.theirs)
    if merged is None:
        return None
    runs = tuple(Run(range(at, at + size), theirs_at) for at, theirs_at, size in merged.runs if size)
    return Placed(merged.items, runs, "merged line by line: the two sides change neighbouring lines")


def merge_tokens(chunk: Chunk) -> Placed | None:
    """Settle a chunk in which the two sides change different words of a line; None if they meet."""
    # Where both sides add or remove lines, words say too little about which line is which.
    if len(chunk.base) not in (len(chunk.ours), len(chunk.theirs)):
        return None
    sides = [tuple(_TOKEN.findall(b"".join(lines))) for lines in (chunk.base, chunk.ours, chunk.theirs)]
    merged = _merge(sides[0], sides[1], sides[2])
    if merged is None:
        return None
    lines = split_lines(b"".join(merged.items))
    names = _other_names(sides[0], sides[1])
    if names is not None and _rewords(sides[0], sides[2], names):
        how = (
            "merged word by word: the base only has other names there, and upstream's change has none of them"
        )
        return Placed(lines, _line_runs(lines, chunk.theirs), how)
    how = "merged word by word: the two sides change different words of a line"
    return Placed(lines, _line_runs(lines, chunk.theirs), how, review=True)


def _other_names(base: Lines, ours: Lines) -> frozenset[bytes] | None:
    """Return the names in ``base`` that ``ours`` has others for, one for each and everywhere; None if that
    is not all that differs, or if one of them may be a type: a width is more than a name."""
    called: dict[bytes, bytes] = {}
    for edit in edits(base, ours) or ():
        old, new = base[edit.start : edit.stop], edit.new
        if len(old) != 1 or len(new) != 1 or called.setdefault(old[0], new[0]) != new[0]:
            return None
        if any(_NAME.fullmatch(w) is None or w.decode() in KEYWORDS for w in (*old, *new)):
            return None
    kept = set(called) & set(ours)
    return frozenset(called) if called and not kept else None


def _rewords(base: Lines, theirs: Lines, names: frozenset[bytes]) -> bool:
    """Tell whether upstream puts words in the place of others, and uses none of ``names`` for it."""
    changes = edits(base, theirs) or ()
    return all(e.start < e.stop and e.new and not names & set(e.new) for e in changes)


def _merge(base: Sequence[bytes], ours: Sequence[bytes], theirs: Sequence[bytes]) -> _Merged | None:
    """Merge two changed sequences whose edits do not touch the same items of ``base``."""
    here, there = edits(base, ours), edits(base, theirs)
    if here is None or there is None or max(len(here), len(there)) > _MOST_EDITS:
        return None
    upstream = [e for e in there if not _same(e, here)]
    if any(_meet(one, other) for one in here for other in upstream):
        return None
    items: list[bytes] = []
    runs: list[tuple[int, int, int]] = []
    done = 0
    marked = [(e, False) for e in here] + [(e, True) for e in upstream]
    for edit, is_theirs in sorted(marked, key=lambda m: (m[0].start, m[0].stop)):
        items += base[done : edit.start]
        if is_theirs:
            runs.append((len(items), edit.new_at, len(edit.new)))
        items += edit.new
        done = edit.stop
    items += base[done:]
    return _Merged(tuple(items), tuple(runs))


def _same(edit: Edit, among: Sequence[Edit]) -> bool:
    """Tell whether the other side did just this, too."""
    return any((edit.start, edit.stop, edit.new) == (e.start, e.stop, e.new) for e in among)


def _meet(one: Edit, other: Edit) -> bool:
    """Tell whether two edits change the same items, or insert at one place."""
    if one.start == one.stop and other.start == other.stop:
        return one.start == other.start
    return one.start < other.stop and other.start < one.stop


def _line_runs(lines: Lines, theirs: Lines) -> tuple[Run, ...]:
    """Return the lines that stand in the result as upstream has them, once on both sides."""
    return tuple(
        Run(range(at, at + 1), theirs.index(line))
        for at, line in enumerate(lines)
        if lines.count(line) == 1 and theirs.count(line) == 1
    )
