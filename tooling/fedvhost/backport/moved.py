"""The rung "moved": upstream split a file, and what the pick changes is still in the file it came from.

The commit that brought upstream's file took its lines from another one; if that one is here, each hunk is
looked for in it, with its context, and must be found in exactly one place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fedvhost.backport.diff3 import Lines, occurrences
from fedvhost.backport.insertion import Placed, Run, tells
from fedvhost.patches.diff import FileChange, Hunk

# So many lines that say something must have gone from one file into the other.
_FEWEST_TAKEN = 10
# Context is tried from as much as git shows down to the line next to the change.
_CONTEXTS = (3, 2, 1)
# Lines that say something, which a hunk and its context must have for its place to mean anything.
_FEWEST_TELLING = 2


def came_from(path: str, content: Lines, changes: Mapping[str, FileChange]) -> str | None:
    """Return the file that lost most of what ``path`` began with; ``changes`` are those of the commit that
    brought it. None if no file lost enough."""
    there = {line for line in content if tells(line)}
    taken = {
        other: len(there & {line for hunk in change.hunks for line in hunk.old})
        for other, change in changes.items()
        if other != path
    }
    most = max(taken.values(), default=0)
    best = sorted(other for other, count in taken.items() if count == most)
    return best[0] if most >= _FEWEST_TAKEN and len(best) == 1 else None


def relocate(hunks: Sequence[Hunk], base: Lines, ours: Lines) -> Placed | None:
    """Apply hunks of ``base`` to ``ours``, each in the one place where it stands with its context; None if
    one of them stands nowhere or in several places. Less context than git shows is a place to look at."""
    places: list[tuple[int, Hunk]] = []
    review = False
    for hunk in hunks:
        at, full = _place(hunk, base, ours)
        review |= not full
        if at is None or (places and at < places[-1][0] + len(places[-1][1].old)):
            return None
        places.append((at, hunk))
    lines: list[bytes] = []
    runs: list[Run] = []
    done = 0
    for at, hunk in places:
        lines += ours[done:at]
        if hunk.new:
            runs.append(Run(range(len(lines), len(lines) + len(hunk.new)), hunk.new_at))
        lines += hunk.new
        done = at + len(hunk.old)
    lines += ours[done:]
    return Placed(tuple(lines), tuple(runs), "where the lines around it are", review)


def _place(hunk: Hunk, base: Lines, ours: Lines) -> tuple[int | None, bool]:
    """Return where a hunk goes, and whether all of the context that git shows is there."""
    for size in _CONTEXTS:
        before = base[max(0, hunk.old_at - size) : hunk.old_at]
        after = base[hunk.old_at + len(hunk.old) : hunk.old_at + len(hunk.old) + size]
        wanted = (*before, *hunk.old, *after)
        if sum(map(tells, wanted)) < _FEWEST_TELLING:
            continue
        found = occurrences(wanted, ours)
        if found:
            return (found[0] + len(before) if len(found) == 1 else None), size == _CONTEXTS[0]
    return None, False
