"""The rung "redundant": a chunk whose result is already there, or that removes what the base never had.

Each rule asks for more than that some line can be found: a ``return 0;`` or a closing brace stands
everywhere, and a hunk left out by mistake is a fix that is missing.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from fedvhost.backport.diff3 import Chunk, Edit, Lines, edits, occurrences
from fedvhost.backport.insertion import Placed, Run, similar, tells

_TOKEN = re.compile(rb"[A-Za-z_][\w./-]*|\d+|[^\s\w]")
_NAME = re.compile(rb"[A-Za-z_]\w*")
# A token that says something on its own: ``hw/virtio-pci.o`` does, ``int`` and ``(`` do not.
_DISTINCT = re.compile(rb"[A-Za-z_][\w./-]{4,}")
_LISTED = re.compile(rb"[A-Za-z_][\w./-]*|[,\\]")
# A list of a Makefile's: ``obj-$(CONFIG_X) += a.o b.o``.
_LIST = re.compile(rb"(?P<name>[\w$(){}.-]+)[ \t]*[+:?]?=(?:[ \t]*[\w./$(){}-]+)+[ \t]*\\?")
_COMMENT = re.compile(
    rb"//|/\*|\*/|^\s*\*|(?:^|\s)#(?!\s*(?:include|define|undef|if|ifdef|ifndef|elif|else|endif|error|pragma)\b)"
)
# So many lines that stand together are no coincidence, whatever is around them.
_NO_CHANCE = 3


def redundant(chunk: Chunk, ours: Lines, theirs: Lines) -> Placed | None:
    """Settle a chunk that has nothing left to do on the base; None if it has.

    ``ours`` and ``theirs`` are the whole files, as they are here and as the pick leaves them.
    """
    changes = edits(chunk.base, chunk.theirs)
    if not changes:
        return None
    if (runs := _there(changes, chunk)) is not None:
        return Placed(chunk.ours, runs, "the base already has these lines")
    if all(not e.new for e in changes):
        removed = tuple(line for e in changes for line in chunk.base[e.start : e.stop] if line.strip())
        if _never_had(removed, chunk.ours, ours, theirs):
            return Placed(chunk.ours, (), "it removes lines that the base does not have")
    if len(changes) == 1 and _words_already_there(chunk, changes[0]):
        return Placed(chunk.ours, (), "the base's own form of the line already says this")
    return None


def _there(changes: tuple[Edit, ...], chunk: Chunk) -> tuple[Run, ...] | None:
    """Return where in ``ours`` the result of every edit stands, None if that of one does not."""
    runs: list[Run] = []
    for edit in changes:
        removed = {line for line in chunk.base[edit.start : edit.stop] if line.strip()}
        if removed & set(chunk.ours):
            return None
        if any(line.strip() for line in edit.new):
            run = _stands(edit, chunk)
            if run is None:
                return None
            runs.append(run)
    in_order = all(one.at.stop <= other.at.start for one, other in pairwise(runs))
    return tuple(runs) if runs and in_order else None


def _stands(edit: Edit, chunk: Chunk) -> Run | None:
    """Return where the base has put in an edit's lines on its own: in one place, the right one."""
    ours, theirs = _saying(chunk.ours), _saying(chunk.theirs)
    wanted = tuple(line for line in edit.new if line.strip())
    found = occurrences(wanted, tuple(line for _, line in ours))
    base = tuple(line for line in chunk.base if line.strip())
    if len(found) != 1 or occurrences(wanted, base) or not any(map(tells, wanted)):
        return None
    at = found[0]
    first = next(i for i, (index, _) in enumerate(theirs) if index >= edit.new_at)
    size = len(wanted)
    # The same neighbour on one side at least; the edges of a chunk have the same ones.
    same_before = _line(ours, at - 1) == _line(theirs, first - 1)
    same_after = _line(ours, at + size) == _line(theirs, first + size)
    if not same_before and not same_after and sum(map(tells, wanted)) < _NO_CHANCE:
        return None
    return Run(range(ours[at][0], ours[at + size - 1][0] + 1), theirs[first][0])


def _saying(lines: Lines) -> tuple[tuple[int, bytes], ...]:
    """Return the lines that are not blank, with their indexes."""
    return tuple((i, line) for i, line in enumerate(lines) if line.strip())


def _line(numbered: tuple[tuple[int, bytes], ...], at: int) -> bytes | None:
    return numbered[at][1] if 0 <= at < len(numbered) else None


def _never_had(removed: Lines, around: Lines, ours: Lines, theirs: Lines) -> bool:
    """Tell whether no line that upstream removes is here in any form, around the place or elsewhere."""
    if not any(_DISTINCT.search(line) for line in removed):
        return False
    if any(similar(line, other) or _echoes(line, other) for line in removed for other in around):
        return False
    here, there = Counter(ours), Counter(theirs)
    return not any(tells(line) and here[line] > there[line] for line in removed)


def _echoes(line: bytes, other: bytes) -> bool:
    """Tell whether ``other`` has most of the names in ``line``: the same thing done in another way."""
    names = set(_NAME.findall(line))
    return bool(names) and 2 * len(names & set(_NAME.findall(other))) > len(names)


def _words_already_there(chunk: Chunk, edit: Edit) -> bool:
    """Tell whether one line was changed to say a distinct word, and the base's form of it says all that
    upstream's does, in the same order, in code."""
    if edit.stop - edit.start != 1 or len(edit.new) != 1:
        return False
    removed, added = chunk.base[edit.start], edit.new[0]
    before, after = Counter(_TOKEN.findall(removed)), Counter(_TOKEN.findall(added))
    gained = after - before
    if before - after or not gained or not all(_DISTINCT.fullmatch(t) for t in gained):
        return False
    forms = [line for line in chunk.ours if similar(line, removed) or similar(line, added)]
    if len(forms) != 1 or _COMMENT.search(forms[0]) or gained - Counter(_TOKEN.findall(forms[0])):
        return False
    return _says_all(forms[0], added)


def _says_all(form: bytes, line: bytes) -> bool:
    """Tell whether ``form`` says what ``line`` says, the words gained aside, which it has.

    In a list (``obj-y += a.o b.o``) every word speaks for itself, so the two may differ in any of them.
    Elsewhere every token must be there in the same order, and besides them only more words of the same
    list: an operator, say ``!``, would give the words another meaning.
    """
    ours, theirs = Counter(_TOKEN.findall(form)), Counter(_TOKEN.findall(line))
    if (here := _LIST.fullmatch(form.strip())) and (there := _LIST.fullmatch(line.strip())):
        return here["name"] == there["name"]
    tokens = iter(_TOKEN.findall(form))
    in_order = all(token in tokens for token in _TOKEN.findall(line))
    return in_order and all(_LISTED.fullmatch(token) for token in ours - theirs)
