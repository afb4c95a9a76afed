"""The rung "redundant": a chunk whose result is already there, or that removes what the base never had."""

from __future__ import annotations

import re

from fedvhost.backport.diff3 import Chunk, Lines, edits
from fedvhost.backport.insertion import Placed, similar

_TOKEN = re.compile(rb"[A-Za-z_][\w.-]*|\d+|[^\s\w]")
# A token that says something on its own: ``virtio-pci.o`` does, ``int`` and ``(`` do not.
_DISTINCT = re.compile(rb"[A-Za-z_][\w.-]{4,}")


def redundant(chunk: Chunk) -> Placed | None:
    """Settle a chunk that has nothing left to do on the base; None if it has."""
    changes = edits(chunk.base, chunk.theirs)
    if not changes:
        return None
    removed = tuple(line for e in changes for line in chunk.base[e.start : e.stop])
    added = tuple(line for e in changes for line in e.new)
    if _says(added) and _within(added, chunk.ours) and not _any_in(removed, chunk.ours):
        return Placed(chunk.ours, (), "the base already has these lines")
    if not added and _says(removed) and not any(similar(r, o) for r in _says(removed) for o in chunk.ours):
        return Placed(chunk.ours, (), "it removes lines that the base does not have")
    if len(changes) == 1 and _words_already_there(removed, added, chunk.ours):
        return Placed(chunk.ours, (), "the base's own form of the line already says this")
    return None


def _says(lines: Lines) -> Lines:
    return tuple(line for line in lines if line.strip())


def _any_in(lines: Lines, among: Lines) -> bool:
    return bool(set(_says(lines)) & set(among))


def _within(lines: Lines, among: Lines) -> bool:
    """Tell whether all lines that say something stand in ``among``, in this order and together."""
    wanted, there = _says(lines), _says(among)
    return any(there[i : i + len(wanted)] == wanted for i in range(len(there) - len(wanted) + 1))


def _words_already_there(removed: Lines, added: Lines, ours: Lines) -> bool:
    """Tell whether one line was changed to say a distinct word, and the base's form of it says it already."""
    if len(removed) != 1 or len(added) != 1:
        return False
    before, after = set(_TOKEN.findall(removed[0])), set(_TOKEN.findall(added[0]))
    gained, lost = after - before, before - after
    if lost or not gained or not all(_DISTINCT.fullmatch(t) for t in gained):
        return False
    forms = [line for line in ours if similar(line, removed[0]) or similar(line, added[0])]
    return len(forms) == 1 and gained <= set(_TOKEN.findall(forms[0]))
