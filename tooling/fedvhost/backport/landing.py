"""How one pick lands on a tree: the ladder of conflict strategies, and the verdict it ends with.

Each rung must settle *every* conflict left, or the pick stops. The rungs here: merge, pure insertion,
redundant hunks, declared adaptation. What a rung beyond the plain merge placed must stand in the same
function, structure and preprocessor conditional as upstream's, else it is not placed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from fedvhost.backport.adaptation import Insertion, adapt, place
from fedvhost.backport.csource import enclosing_scope
from fedvhost.backport.diff3 import Chunk, Lines, Part, parse, split_lines
from fedvhost.backport.insertion import insert
from fedvhost.backport.manifest import Adaptation
from fedvhost.backport.redundancy import redundant
from fedvhost.commits import Commit, Conflict, Merge
from fedvhost.patches.diff import FileChange
from fedvhost.values import Oid


class Verdict(StrEnum):
    """How a pick ended. Only ``stopped`` leaves anything open."""

    CLEAN = "clean"
    INSERTED = "inserted"
    ADAPTED = "adapted"
    REDUNDANT = "redundant"
    IN_BASE = "in-base"
    STOPPED = "stopped"


class Objects(Protocol):
    """The object store, as far as landing needs it."""

    def commit(self, oid: Oid) -> Commit: ...
    def merge(self, tree: Oid, pick: Oid) -> Merge: ...
    def changes(self, old: Oid, new: Oid, paths: Sequence[str] = ()) -> Mapping[str, FileChange]: ...
    def read(self, name: str) -> tuple[Oid, str, bytes] | None: ...
    def file(self, treeish: Oid, path: str) -> bytes | None: ...
    def mode(self, treeish: Oid, path: str) -> str | None: ...
    def write_blob(self, content: bytes) -> Oid: ...
    def write_tree(self, base: Oid, changes: Mapping[str, tuple[str, Oid] | None]) -> Oid: ...
    def write_commit(
        self, tree: Oid, parents: Sequence[Oid], author: bytes, committer: bytes, message: bytes
    ) -> Oid: ...
    def holds_text(self, tree: Oid, text: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Note:
    """What was done to one file beyond the plain merge, by which rung."""

    path: str
    rung: str
    how: str


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A conflict that no rung settled. ``chunk`` is None when the whole file is in question."""

    path: str
    why: str
    chunk: Chunk | None = None


@dataclass(frozen=True, slots=True)
class Landing:
    """The end of one pick: its verdict and the tree after it (before it, if it stopped).

    ``review``: a rung had to choose between places; a person must look.
    """

    pick: Oid
    verdict: Verdict
    tree: Oid
    notes: tuple[Note, ...] = ()
    unsettled: tuple[Unsettled, ...] = ()
    review: bool = False


@dataclass(slots=True)
class _File:
    """What became of one conflicted file."""

    lines: list[bytes] = field(default_factory=list)
    added: list[range] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unsettled: list[Unsettled] = field(default_factory=list)
    review: bool = False


def land(objects: Objects, tree: Oid, pick: Oid, adaptations: Sequence[Adaptation] = ()) -> Landing:
    """Land ``pick`` on ``tree``.

    Raises:
        InputError: the pick is a merge, or a declared adaptation does not fit it.
    """
    skip = next((a for a in adaptations if a.skip), None)
    if skip is not None:
        return Landing(pick, Verdict.REDUNDANT, tree, (Note("", "declared", skip.because),))
    theirs, insertions, notes = _adapted(objects, pick, adaptations)
    merge = objects.merge(tree, theirs)
    changed: dict[str, tuple[str, Oid] | None] = {}
    unsettled: list[Unsettled] = []
    review = False
    for conflict in merge.conflicts:
        done = _settle(objects, tree, merge, conflict)
        unsettled += done.unsettled
        notes += done.notes
        review |= done.review
        if not done.unsettled and conflict.ours is not None:
            changed[conflict.path] = _blob(objects, merge.tree, conflict.path, b"".join(done.lines))
        elif not done.unsettled:
            changed[conflict.path] = None
    if unsettled:
        return Landing(pick, Verdict.STOPPED, tree, tuple(notes), tuple(unsettled))
    landed = objects.write_tree(merge.tree, changed)
    landed = _insert_declared(objects, landed, insertions)
    return Landing(pick, _verdict(tree, landed, notes), landed, tuple(notes), (), review)


def _verdict(before: Oid, after: Oid, notes: Sequence[Note]) -> Verdict:
    rungs = {n.rung for n in notes}
    if before == after:
        return Verdict.REDUNDANT if rungs else Verdict.IN_BASE
    # A hunk left out is a change of content, which nobody may call an insertion.
    if rungs & {"declared", "redundant"}:
        return Verdict.ADAPTED
    return Verdict.INSERTED if rungs else Verdict.CLEAN


def _adapted(
    objects: Objects, pick: Oid, adaptations: Sequence[Adaptation]
) -> tuple[Oid, tuple[Insertion, ...], list[Note]]:
    """Return the commit to merge instead of ``pick``, and what is left to be placed."""
    if not adaptations:
        return pick, (), []
    commit = objects.commit(pick)
    parent = commit.parents[0]
    changes = objects.changes(parent, pick)
    before = {p: split_lines(objects.file(parent, p) or b"") for p in changes}
    adapted = adapt(pick, adaptations, changes, before)
    files = {p: _blob(objects, pick, p, content) for p, content in adapted.files.items()}
    tree = objects.write_tree(commit.tree, files)
    theirs = objects.write_commit(tree, commit.parents, commit.author, commit.committer, commit.message)
    return theirs, adapted.insertions, [Note(p, "declared", how) for p, how in adapted.done]


def _insert_declared(objects: Objects, tree: Oid, insertions: Iterable[Insertion]) -> Oid:
    changed: dict[str, Lines] = {}
    for insertion in insertions:
        lines = changed.get(insertion.path) or split_lines(objects.file(tree, insertion.path) or b"")
        changed[insertion.path], _ = place(insertion, lines)
    return objects.write_tree(
        tree, {p: _blob(objects, tree, p, b"".join(lines)) for p, lines in changed.items()}
    )


def _blob(objects: Objects, treeish: Oid, path: str, content: bytes) -> tuple[str, Oid]:
    return objects.mode(treeish, path) or "100644", objects.write_blob(content)


def _settle(objects: Objects, tree: Oid, merge: Merge, conflict: Conflict) -> _File:
    """Take one conflicted file through the rungs."""
    path = conflict.path
    if conflict.ours is None and conflict.base is not None and conflict.theirs is not None:
        return _absent_here(objects, tree, merge, path)
    if conflict.base is None or conflict.ours is None or conflict.theirs is None:
        what = "added on both sides" if conflict.base is None else "removed upstream, changed here"
        return _File(unsettled=[Unsettled(path, what)])
    parts = parse(objects.file(merge.tree, path) or b"", merge.ours, merge.theirs)
    if parts is None or not any(isinstance(p, Chunk) for p in parts):
        return _File(unsettled=[Unsettled(path, "git could not merge it as text")])
    done = _settle_parts(path, parts)
    theirs = objects.file(merge.theirs, path) or b""
    if not done.unsettled and (misplaced := _misplaced(path, done, theirs)):
        done.unsettled.append(Unsettled(path, misplaced, next(p for p in parts if isinstance(p, Chunk))))
    return done


def _settle_parts(path: str, parts: Sequence[Part]) -> _File:
    done = _File()
    for part in parts:
        if not isinstance(part, Chunk):
            done.lines += part
            continue
        if (placed := redundant(part)) is not None:
            rung = "redundant"
        elif (placed := insert(part)) is not None:
            rung = "insertion"
        else:
            done.unsettled.append(Unsettled(path, "upstream changes lines that are different here", part))
            continue
        start = len(done.lines)
        done.added += [range(start + r.start, start + r.stop) for r in placed.added]
        done.lines += placed.lines
        done.notes.append(Note(path, rung, placed.how))
        done.review |= placed.review
    return done


def _absent_here(objects: Objects, tree: Oid, merge: Merge, path: str) -> _File:
    """Settle a file that the tree does not have: nothing to do if the pick only takes away from it
    lines that stand nowhere in the tree."""
    parent = objects.commit(merge.theirs).parents[0]
    hunks = objects.changes(parent, merge.theirs, (path,))[path].hunks
    if any(h.new for h in hunks):
        return _File(unsettled=[Unsettled(path, "changed upstream; there is no such file here")])
    removed = [line.decode("latin-1").strip() for h in hunks for line in h.old]
    left = next((line for line in removed if line and objects.holds_text(tree, line)), None)
    if left is not None:
        why = f"there is no such file here, but a line that upstream removes stands elsewhere: {left}"
        return _File(unsettled=[Unsettled(path, why)])
    return _File(notes=[Note(path, "redundant", "it removes lines that stand nowhere in the base")])


def _misplaced(path: str, done: _File, theirs: bytes) -> str | None:
    """Say how an inserted run stands in another scope than upstream's, None if none does."""
    if not path.endswith((".c", ".h")):
        return None
    ours = b"".join(done.lines)
    theirs_lines = split_lines(theirs)
    for run in done.added:
        block = tuple(done.lines[run.start : run.stop])
        here = enclosing_scope(ours, run.start + 1)
        there = [enclosing_scope(theirs, at + 1) for at in _occurrences(block, theirs_lines)]
        if there and here not in there:
            names = (" in ".join(s) or "file scope" for s in (here, there[0]))
            return "the place found is {}; upstream's is {}".format(*names)
    return None


def _occurrences(block: Lines, lines: Lines) -> list[int]:
    return [i for i in range(len(lines) - len(block) + 1) if lines[i : i + len(block)] == block]
