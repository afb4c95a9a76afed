"""Declared adaptations: what a person said about how one commit lands, carried out on its hunks.

The pick is changed *before* it is merged: a hunk that is dropped, or whose place is declared, leaves the
pick; an identifier is renamed in the lines that the pick adds. What is left then merges like any pick.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedvhost.backport.diff3 import Lines
from fedvhost.backport.manifest import Adaptation
from fedvhost.errors import InputError
from fedvhost.patches.diff import FileChange, Hunk, apply_hunks


@dataclass(frozen=True, slots=True)
class Insertion:
    """Lines to be put beside an anchor line of the merged file."""

    path: str
    lines: Lines
    anchor: str
    after: bool
    last: bool
    because: str


@dataclass(frozen=True, slots=True)
class Adapted:
    """A pick's files as adapted (path → content), the insertions still to be made, and what was done
    (path → sentence)."""

    files: Mapping[str, bytes]
    insertions: tuple[Insertion, ...]
    done: tuple[tuple[str, str], ...]


def adapt(
    commit: str,
    adaptations: Sequence[Adaptation],
    changes: Mapping[str, FileChange],
    before: Mapping[str, Lines],
) -> Adapted:
    """Carry out ``adaptations`` on the pick's ``changes``; ``before`` has the files of its parent.

    Raises:
        InputError: an adaptation speaks of a file or hunk that the commit does not have.
    """
    hunks = {path: list(change.hunks) for path, change in changes.items()}
    touched: set[str] = set()
    insertions: list[Insertion] = []
    done: list[tuple[str, str]] = []
    for said in adaptations:
        matched = False
        for path in _paths(commit, said, changes):
            chosen = [h for h in hunks[path] if said.hunk is None or h.says(said.hunk)]
            if not chosen:
                continue
            result = _one(commit, said, path, chosen)
            if result is None:
                continue
            replaced, inserted, what = result
            matched = True
            touched.add(path)
            insertions += inserted
            done.append((path, f"{what}: {said.because}"))
            new_hunks: list[Hunk] = []
            for hunk in hunks[path]:
                if hunk in chosen:
                    new_hunks += replaced.get(hunk, ())
                else:
                    new_hunks.append(hunk)
            hunks[path] = new_hunks
        if not matched:
            raise InputError(
                f"the adaptation of {commit[:12]} ({said.because}) matches nothing that the commit changes"
                + (f" in '{said.path}'" if said.path else "")
                + (f"; no such hunk contains {said.hunk!r}" if said.hunk else "")
            )
    files = {p: b"".join(apply_hunks(before.get(p, ()), hunks[p])) for p in sorted(touched)}
    return Adapted(files, tuple(insertions), tuple(done))


def place(insertion: Insertion, content: Lines) -> tuple[Lines, range]:
    """Put an insertion into the merged file; returns the lines and where the new ones are.

    Raises:
        InputError: the anchor line is not there, or not unique.
    """
    found = [i for i, line in enumerate(content) if line.decode("latin-1").strip() == insertion.anchor]
    if not found or (len(found) > 1 and not insertion.last):
        raise InputError(
            f"the declared anchor {insertion.anchor!r} stands {len(found)} times in '{insertion.path}' "
            "as it is here; name a line that stands there once, or the last one with 'last = true'"
        )
    at = found[-1] + (1 if insertion.after else 0)
    return (*content[:at], *insertion.lines, *content[at:]), range(at, at + len(insertion.lines))


def _paths(commit: str, said: Adaptation, changes: Mapping[str, FileChange]) -> Sequence[str]:
    if said.path is None:
        return tuple(changes)
    if said.path not in changes:
        raise InputError(
            f"the adaptation of {commit[:12]} names '{said.path}', which the commit does not change; "
            f"it changes {', '.join(sorted(changes))}"
        )
    return (said.path,)


def _one(
    commit: str, said: Adaptation, path: str, chosen: Sequence[Hunk]
) -> tuple[Mapping[Hunk, Sequence[Hunk]], Sequence[Insertion], str] | None:
    """Return what becomes of the chosen hunks, the insertions, and what was done; None: nothing to do."""
    if said.drop_hunk:
        return {}, (), "left out" + (f" the hunk with '{said.hunk}'" if said.hunk else "")
    if said.rename:
        renamed = {h: (_renamed(h, said.rename),) for h in chosen}
        if all(new == (old,) for old, new in renamed.items()):
            return None
        return renamed, (), "renamed " + ", ".join(f"{a} to {b}" for a, b in sorted(said.rename.items()))
    anchor = said.insert_after if said.insert_after is not None else said.insert_before
    if anchor is None:
        return None
    if any(h.old for h in chosen):
        raise InputError(
            f"the adaptation of {commit[:12]} places a hunk of '{path}' that also removes lines; "
            "only a hunk that purely inserts can be placed"
        )
    after = said.insert_after is not None
    lines = tuple(line for h in chosen for line in h.new)
    side = "after" if after else "before"
    return {}, (Insertion(path, lines, anchor, after, said.last, said.because),), f"placed {side} '{anchor}'"


def _renamed(hunk: Hunk, names: Mapping[str, str]) -> Hunk:
    words = re.compile(rb"\b(" + b"|".join(re.escape(n.encode()) for n in names) + rb")\b")
    new = tuple(words.sub(lambda m: names[m[1].decode()].encode(), line) for line in hunk.new)
    return Hunk(hunk.old_at, hunk.old, hunk.new_at, new)
