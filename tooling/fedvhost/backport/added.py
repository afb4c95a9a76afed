"""Which lines a new version of a file adds: a patience diff that stays quick on 10,000-line files."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise

# Lines old × lines new in a stretch without any anchor, beyond which all of it counts as new.
_MOST_WORK = 1_000_000


def added_lines(old: bytes, new: bytes) -> Sequence[range]:
    """Return the lines of ``new`` (1-based, half-open ranges, ascending) that ``old`` does not have."""
    a, b = old.split(b"\n"), new.split(b"\n")
    if not b[-1]:
        b.pop()  # what follows the last newline is no line
    kept = set(_kept(a, b))
    result: list[range] = []
    for line in (index + 1 for index in range(len(b)) if index not in kept):
        if result and result[-1].stop == line:
            result[-1] = range(result[-1].start, line + 1)
        else:
            result.append(range(line, line + 1))
    return result


def _kept(a: list[bytes], b: list[bytes]) -> Iterator[int]:
    """Yield the indexes of ``b`` that a diff against ``a`` keeps."""
    work = [(0, len(a), 0, len(b))]
    while work:
        a0, a1, b0, b1 = work.pop()
        while a0 < a1 and b0 < b1 and a[a0] == b[b0]:
            yield b0
            a0, b0 = a0 + 1, b0 + 1
        while a0 < a1 and b0 < b1 and a[a1 - 1] == b[b1 - 1]:
            a1, b1 = a1 - 1, b1 - 1
            yield b1
        if a0 == a1 or b0 == b1:
            continue
        anchors = _anchors(a[a0:a1], b[b0:b1])
        for _, j in anchors:
            yield b0 + j
        if anchors:
            edges = [(-1, -1), *anchors, (a1 - a0, b1 - b0)]
            work += [(a0 + i + 1, a0 + k, b0 + j + 1, b0 + m) for (i, j), (k, m) in pairwise(edges)]
        elif (a1 - a0) * (b1 - b0) <= _MOST_WORK:
            matcher = SequenceMatcher(None, a[a0:a1], b[b0:b1], autojunk=False)
            for _, j, size in matcher.get_matching_blocks():
                yield from range(b0 + j, b0 + j + size)


def _anchors(a: list[bytes], b: list[bytes]) -> list[tuple[int, int]]:
    """Return the longest chain of pairs of equal lines, unique on both sides and ascending on both."""
    once_a, once_b = Counter(a), Counter(b)
    where = {line: i for i, line in enumerate(a) if once_a[line] == 1}
    pairs = [(where[line], j) for j, line in enumerate(b) if once_b[line] == 1 and line in where]
    # Longest increasing subsequence by patience sorting; `before` links each pair to its predecessor.
    tops: list[int] = []
    top_index: list[int] = []
    before: list[int] = []
    for index, (i, _) in enumerate(pairs):
        pile = bisect_left(tops, i)
        before.append(top_index[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [i]
        top_index[pile : pile + 1] = [index]
    chain: list[tuple[int, int]] = []
    index = top_index[-1] if top_index else -1
    while index >= 0:
        chain.append(pairs[index])
        index = before[index]
    return chain[::-1]
