"""The rung "superseded": upstream rewrites or removes lines of which the base has an older form.

A frozen release mostly differs from upstream in what upstream did in between. If a pick then rewrites just
those lines, its own lines are the result, provided that they owe nothing to what was done in between: no
name that came in that way stands in them. Whether the base's form was older or the base's own is not said
by the lines, so the result is always marked for review.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from fedvhost.backport.diff3 import Chunk, Edit, Lines, edits
from fedvhost.backport.insertion import Placed, Run, similar, tells

_WORD = re.compile(rb"\w+")
_TOKEN = re.compile(rb"\w+|[^\w\s]")


def supersede(chunk: Chunk) -> Placed | None:
    """Settle a chunk in which upstream replaces whole lines, each of which is here in another form; None
    if one is not, if the base changed more than those lines, or if something in between would come along."""
    here, there = edits(chunk.base, chunk.ours), edits(chunk.base, chunk.theirs)
    if not here or not there:
        return None
    lines: list[bytes] = []
    runs: list[Run] = []
    done = 0
    for edit in there:
        met = [e for e in here if _meets(e, edit)]
        if any(e.start < edit.start or e.stop > edit.stop for e in met):
            return None
        start, stop = _here(edit.start, here, inside=True), _here(edit.stop, here, inside=False)
        if start < done or not _older(chunk.base[edit.start : edit.stop], chunk.ours[start:stop], edit.new):
            return None
        lines += chunk.ours[done:start]
        if edit.new:
            runs.append(Run(range(len(lines), len(lines) + len(edit.new)), edit.new_at))
        lines += edit.new
        done = stop
    lines += chunk.ours[done:]
    how = "upstream rewrites lines that the base has in another form, and keeps nothing of the difference"
    return Placed(tuple(lines), tuple(runs), how, review=True)


def _meets(here: Edit, there: Edit) -> bool:
    """Tell whether the base changed lines that upstream changes, or something right beside them."""
    return here.start <= there.stop and there.start <= here.stop


def _here(at: int, here: Sequence[Edit], *, inside: bool) -> int:
    """Return where ``base[at]`` begins in the base's own lines. Of an edit that begins or ends there, what
    it put in is ``inside`` the lines that follow, or precedes them."""
    shift = 0
    for edit in here:
        if edit.stop < at or (edit.stop == at and not (inside and edit.start == at)):
            shift += len(edit.new) - (edit.stop - edit.start)
    return at + shift


def _older(base: Lines, ours: Lines, new: Lines) -> bool:
    """Tell whether ``ours`` are the lines of ``base`` in another form, of which ``new`` keeps nothing."""
    if base == ours:
        return True
    was, now = [line for line in base if line.strip()], [line for line in ours if line.strip()]
    if len(was) != len(now) or not any(map(tells, was)):
        return False
    pairs = zip(was, now, strict=True)
    if not all(one.split() == other.split() or similar(one, other) for one, other in pairs):
        return False
    between = _words(was) - _words(now)
    return not between & _words(new) and _whole_words_gone(was, now, new)


def _words(lines: Sequence[bytes]) -> Counter[bytes]:
    return Counter(_WORD.findall(b"".join(lines)))


def _whole_words_gone(was: Sequence[bytes], now: Sequence[bytes], new: Sequence[bytes]) -> bool:
    """Tell whether upstream rewrites more than what differs here: if both sides have only put something
    else in the same place, or the base has put something in, neither is the older form."""
    tokens = [_TOKEN.findall(b"".join(lines)) for lines in (was, now, new)]
    here, there = edits(tokens[0], tokens[1]), edits(tokens[0], tokens[2])
    if here is None or there is None or any(e.start == e.stop for e in here):
        return False
    spans = {(e.start, e.stop) for e in there if e.new}
    return not any((e.start, e.stop) in spans for e in here)
