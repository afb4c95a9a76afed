"""The rung "definitions": a C file merged function by function, type by type, by their names.

It is for files in which lines found the wrong partners. What upstream changes in a definition is merged
with the base's definition of that name and no other; what upstream adds stands beside the definitions that
it stands beside upstream; what upstream removes goes, in whatever form it is here; and a change of what the
base never had is left out. The last two take something on trust, so they are marked for review, unless it
can be shown that nothing here needs what goes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fedvhost.backport.definitions import Outline, outline, told_apart
from fedvhost.backport.diff3 import Lines, Sides, edits
from fedvhost.backport.insertion import Run, tells

# More definitions than this that upstream removes or that are not here: another file, not an older one.
_MOST_GONE = 8
_WORD = re.compile(rb"\w+")


@dataclass(frozen=True, slots=True)
class Text:
    """Three sides settled: lines, where upstream's own are (``theirs_at`` counts in the whole of theirs), by
    which rungs, and whether a person must look."""

    lines: Lines
    runs: tuple[Run, ...] = ()
    rungs: tuple[tuple[str, str], ...] = ()
    review: bool = False


Settle = Callable[[Lines, Lines, Lines], Text | None]


@dataclass(slots=True)
class _Joining:
    """The file as it grows."""

    lines: list[bytes] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    rungs: list[tuple[str, str]] = field(default_factory=list)
    review: bool = False

    def add(self, text: Text, theirs_start: int) -> None:
        """Put a settled definition at the end."""
        for run in text.runs:
            at = range(len(self.lines) + run.at.start, len(self.lines) + run.at.stop)
            self.runs.append(Run(at, theirs_start + run.theirs_at, run.loose))
        self.lines += text.lines
        self.rungs += text.rungs
        self.review |= text.review


def by_name(sides: Sides, settle: Settle) -> Text | None:
    """Merge a C file by its definitions; None if that settles not all of it. ``settle`` merges three texts
    (base, ours, theirs) by the other rungs, but not word by word."""
    base, ours, theirs = (outline(side) for side in (sides.base, sides.ours, sides.theirs))
    if not told_apart((base, ours, theirs)):
        return None
    frame = settle(base.lines, ours.lines, theirs.lines)
    if frame is None:
        return None
    joining = _Joining(review=frame.review, rungs=list(frame.rungs))
    upstreams = {i: (run, n) for run in frame.runs for n, i in enumerate(run.at)}
    where = {
        line: start for line, start in zip(theirs.lines, theirs.starts, strict=True) if line in theirs.bodies
    }
    for index, line in enumerate(frame.lines):
        in_run = upstreams.get(index)
        if line in ours.bodies or line in theirs.bodies:
            text = _definition(line, base, ours, theirs, settle)
            if text is None:
                return None
            joining.add(text, where.get(line, 0))
        else:
            text = Text((line,))
            if in_run is not None:
                text = Text((line,), (Run(range(1), 0, in_run[0].loose),))
            at = theirs.starts[in_run[0].theirs_at + in_run[1]] if in_run is not None else 0
            joining.add(text, at)
    return _what_went(frame, base, ours, theirs, joining)


def _definition(line: bytes, base: Outline, ours: Outline, theirs: Outline, settle: Settle) -> Text | None:
    """Merge one definition with its namesakes."""
    was, here, there = (side.bodies.get(line) for side in (base, ours, theirs))
    if here is None:
        # Upstream brings it; one that it only changes was dropped here, and the frame would have kept it so.
        return Text(there, (Run(range(len(there)), 0),)) if there is not None and was is None else None
    if there is None or there in (here, was):
        return Text(here)
    if was is None:
        return None
    if was == here:
        changed = edits(was, there)
        if changed is None:
            return None
        return Text(
            there, tuple(Run(range(e.new_at, e.new_at + len(e.new)), e.new_at) for e in changed if e.new)
        )
    merged = settle(was, here, there)
    # Without a rung it is git's own merge, of two that are known to belong together.
    return None if merged is None else replace(merged, review=merged.review or bool(merged.rungs))


def _what_went(frame: Text, base: Outline, ours: Outline, theirs: Outline, joining: _Joining) -> Text | None:
    """Hold what upstream removes, and what it changes that is not here, against the result."""
    removed = [n for n in base.bodies if n not in theirs.bodies and n in ours.bodies and n not in frame.lines]
    lost = [n for n in ours.bodies if n not in frame.lines and n not in removed]
    vanished = [
        n
        for n in base.bodies
        if n in theirs.bodies and n not in ours.bodies and base.bodies[n] != theirs.bodies[n]
    ]
    landed = [
        n
        for n in base.bodies
        if n in theirs.bodies and n in ours.bodies and base.bodies[n] != theirs.bodies[n]
    ]
    if lost or len(removed) + len(vanished) > _MOST_GONE or (vanished and len(vanished) > len(landed)):
        return None
    names = set(_WORD.findall(b"".join(joining.lines)))
    for definition in removed:
        title = _shown(definition)
        if base.bodies[definition] != ours.bodies[definition]:
            private = any(line.startswith(b"static ") for line in ours.bodies[definition])
            if title.split()[-1].encode("latin-1") in names:
                return None
            joining.review |= not private
            joining.rungs.append(
                ("definitions", f"{title} goes, which is different here and which nothing uses")
            )
    here = set(joining.lines)
    for definition in vanished:
        changed = edits(base.bodies[definition], theirs.bodies[definition])
        old = [
            line for e in changed or () for line in base.bodies[definition][e.start : e.stop] if tells(line)
        ]
        title = _shown(definition)
        if changed is None or title.split()[-1].encode("latin-1") in names or here & set(old):
            return None
        joining.review = True
        joining.rungs.append(("redundant", f"it changes {title}, which the base does not have"))
    return Text(tuple(joining.lines), tuple(joining.runs), tuple(joining.rungs), joining.review)


def _shown(definition: bytes) -> str:
    return definition[1:].rpartition(b" ")[0].decode("latin-1")
