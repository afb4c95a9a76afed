"""Declared adaptations: what a person said about how one commit lands, carried out on its hunks.

The pick is changed *before* it is merged: a hunk that is dropped, or whose place is declared, leaves the
pick; an identifier is renamed in the lines that the pick adds; a file is moved to where the base has it.
What is left then merges like any pick.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

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
    """A pick's files as adapted (upstream's path → content, None: not created after all), where files
    are here (upstream's path → ours), the insertions still to be made, and what was done (our path →
    sentence)."""

    files: Mapping[str, bytes | None]
    moved: Mapping[str, str]
    insertions: tuple[Insertion, ...]
    done: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Work:
    """The state of an adaptation: what is left of the hunks, and what was done so far."""

    hunks: dict[str, tuple[Hunk, ...]]
    touched: set[str] = field(default_factory=set)
    moved: dict[str, str] = field(default_factory=dict)
    insertions: list[Insertion] = field(default_factory=list)
    done: list[tuple[str, str]] = field(default_factory=list)


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
    work = _Work({path: change.hunks for path, change in changes.items()})
    for said in adaptations:
        if said.map_path:
            _map(commit, said, changes, work)
        elif not _change_hunks(commit, said, changes, work):
            raise InputError(
                f"the adaptation of {commit[:12]} ({said.because}) matches nothing that the commit changes"
                + (f" in '{said.path}'" if said.path else "")
                + (f"; no such hunk contains {said.hunk!r}" if said.hunk else "")
            )
    files: dict[str, bytes | None] = {}
    for path in sorted(work.touched):
        never_made = changes[path].created and not changes[path].deleted and not work.hunks[path]
        files[path] = None if never_made else b"".join(apply_hunks(before.get(path, ()), work.hunks[path]))
    insertions = tuple(replace(i, path=work.moved.get(i.path, i.path)) for i in work.insertions)
    done = tuple((work.moved.get(path, path), what) for path, what in work.done)
    return Adapted(files, work.moved, insertions, done)


def _map(commit: str, said: Adaptation, changes: Mapping[str, FileChange], work: _Work) -> None:
    for old, new in sorted(said.map_path.items()):
        if old not in changes:
            raise _not_changed(commit, old, changes)
        if new in changes or new in work.moved.values():
            raise InputError(
                f"the adaptation of {commit[:12]} maps '{old}' to '{new}', "
                "but something else that the commit changes is to be there"
            )
        work.moved[old] = new
        work.done.append((old, f"upstream's '{old}': {said.because}"))


def _change_hunks(commit: str, said: Adaptation, changes: Mapping[str, FileChange], work: _Work) -> bool:
    """Carry out what is said of hunks; returns whether there were such hunks."""
    matched = False
    for path in _paths(commit, said, changes):
        chosen = [h for h in work.hunks[path] if said.hunk is None or h.says(said.hunk)]
        result = _one(commit, said, path, chosen) if chosen else None
        if result is None:
            continue
        replaced, inserted, what = result
        matched = True
        work.touched.add(path)
        work.insertions += inserted
        work.done.append((path, f"{what}: {said.because}"))
        left: list[Hunk] = []
        for hunk in work.hunks[path]:
            left += replaced.get(hunk, ()) if hunk in chosen else (hunk,)
        work.hunks[path] = tuple(left)
    return matched


def place(insertions: Sequence[Insertion], content: Lines) -> Lines:
    """Put the insertions of one file into it as it was merged. Every anchor is looked for in ``content``,
    not in what another insertion put there; at one spot they keep their order.

    Raises:
        InputError: an anchor line is not there, or not unique.
    """
    lines: list[bytes] = []
    done = 0
    for at, insertion in sorted(((_spot(i, content), i) for i in insertions), key=lambda pair: pair[0]):
        lines += [*content[done:at], *insertion.lines]
        done = at
    lines += content[done:]
    # A last line without its newline, of the file or of the hunk, may not be the last one any more.
    end = b"\r\n" if content[:1] and content[0].endswith(b"\r\n") else b"\n"
    return (*(line if line.endswith(b"\n") else line + end for line in lines[:-1]), *lines[-1:])


def _spot(insertion: Insertion, content: Lines) -> int:
    wanted = insertion.anchor.encode().strip()
    found = [i for i, line in enumerate(content) if line.strip() == wanted]
    if not found or (len(found) > 1 and not insertion.last):
        raise InputError(
            f"the declared anchor {insertion.anchor!r} stands {len(found)} times in '{insertion.path}' "
            "as it is here; name a line that stands there once, or the last one with 'last = true'"
        )
    return found[-1] + (1 if insertion.after else 0)


def _paths(commit: str, said: Adaptation, changes: Mapping[str, FileChange]) -> Sequence[str]:
    if said.path is None:
        return tuple(changes)
    if said.path not in changes:
        raise _not_changed(commit, said.path, changes)
    return (said.path,)


def _not_changed(commit: str, path: str, changes: Mapping[str, FileChange]) -> InputError:
    return InputError(
        f"the adaptation of {commit[:12]} names '{path}', which the commit does not change; "
        f"it changes {', '.join(sorted(changes)) or 'no file'}"
    )


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
