"""Are all the lines that upstream adds in a merged text, and none of them too often?"""

from __future__ import annotations

from collections import Counter

from fedvhost.backport.diff3 import Chunk, Lines, edits
from fedvhost.backport.insertion import tells


def unaccounted(chunk: Chunk, lines: Lines, dropped: Counter[bytes] | None = None) -> str | None:
    """Say which line of upstream's a text in the place of ``chunk`` lost or has too often, None if none.

    ``dropped``: lines, without the space around them, that are left out knowingly; what is found missing
    is taken from it. Lines that say nothing (blank, a lone brace) are not counted.
    """
    changes = edits(chunk.base, chunk.theirs)
    if changes is None:
        return "the conflict is too large to be checked"
    dropped = Counter() if dropped is None else dropped
    added = {line.strip() for e in changes for line in e.new if tells(line)}
    base, ours, theirs, given = (
        Counter(line.strip() for line in side) for side in (chunk.base, chunk.ours, chunk.theirs, lines)
    )
    for line in sorted(added):
        merged = ours[line] + theirs[line] - base[line]  # what a merge without any doubt would have
        # Less if the base has it already; more is never wanted.
        lacking = min(theirs[line], merged) - given[line]
        shown = line.decode("utf-8", "replace")
        if lacking > dropped[line]:
            return f"a line that upstream adds is lost: {shown}"
        if lacking > 0:
            dropped[line] -= lacking
        if given[line] > max(theirs[line], merged, ours[line]):
            return f"a line that upstream adds stands there too often: {shown}"
    return None
