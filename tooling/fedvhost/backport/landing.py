"""How one pick lands on a tree: the ladder of conflict strategies, and the verdict it ends with.

Each rung must settle *every* conflict left, or the pick stops. The rungs here: merge, pure insertion,
redundant hunks, declared adaptation. What a rung beyond the plain merge placed must stand in the same
function, structure and preprocessor conditional as upstream's, else it is not placed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from fedvhost.backport.adaptation import Insertion, adapt, place
from fedvhost.backport.csource import enclosing_scope
from fedvhost.backport.diff3 import Chunk, Part, Sides, occurrences, parse, split_lines
from fedvhost.backport.insertion import Run, insert, tells
from fedvhost.backport.manifest import Adaptation
from fedvhost.backport.redundancy import redundant
from fedvhost.commits import Commit, Conflict, Merge
from fedvhost.errors import InputError
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
    def held_line(self, tree: Oid, lines: Sequence[bytes]) -> bytes | None: ...


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
    """What became of one conflicted file; ``runs`` are upstream's lines in it, each with its chunk."""

    lines: list[bytes] = field(default_factory=list)
    runs: list[tuple[Run, Chunk]] = field(default_factory=list)
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
    theirs, insertions, notes = _adapted(objects, tree, pick, adaptations)
    merge = objects.merge(tree, theirs)
    changed: dict[str, tuple[str, Oid] | None] = {}
    unsettled = [
        Unsettled(_plain(path, merge), f"git calls it a conflict: {kind}") for path, kind in merge.complaints
    ]
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
    # A hunk left out of a pick that lands otherwise may mean that a commit before it is missing.
    review |= landed != tree and any(n.rung == "redundant" for n in notes)
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
    objects: Objects, tree: Oid, pick: Oid, adaptations: Sequence[Adaptation]
) -> tuple[Oid, tuple[Insertion, ...], list[Note]]:
    """Return the commit to merge instead of ``pick``, and what is left to be placed."""
    commit = objects.commit(pick)
    if not adaptations or len(commit.parents) != 1:  # the merge says what is wrong with the parents
        return pick, (), []
    parent = commit.parents[0]
    changes = objects.changes(parent, pick)
    before = {p: split_lines(objects.file(parent, p) or b"") for p in changes}
    adapted = adapt(pick, adaptations, changes, before)
    files: dict[str, tuple[str, Oid] | None] = {}
    for path, content in adapted.files.items():
        kept = content is not None and content == b"".join(before[path])
        # Of a file that the pick removes or makes a link, what is kept keeps its mode, too.
        mode = objects.mode(parent if kept and changes[path].deleted else pick, path) or "100644"
        files[path] = None if content is None else (mode, objects.write_blob(content))
    theirs, parents = objects.write_tree(commit.tree, files), commit.parents
    if adapted.moved:
        grounds = objects.commit(parent).tree
        for old, new in adapted.moved.items():
            if objects.mode(grounds, old) is not None and objects.mode(tree, new) is None:
                raise InputError(
                    f"the adaptation of {pick.short} maps '{old}' to '{new}', and there is no such file here"
                )
        theirs, grounds = (_moved(objects, t, adapted.moved) for t in (theirs, grounds))
        parents = (objects.write_commit(grounds, (), commit.author, commit.committer, b"mapped\n"),)
    made = objects.write_commit(theirs, parents, commit.author, commit.committer, commit.message)
    return made, adapted.insertions, [Note(p, "declared", how) for p, how in adapted.done]


def _moved(objects: Objects, tree: Oid, moved: Mapping[str, str]) -> Oid:
    """Return the tree with files of upstream's where the base has them: merging sees one path."""
    changes: dict[str, tuple[str, Oid] | None] = dict.fromkeys(moved)
    for old, new in moved.items():
        content, mode = objects.file(tree, old), objects.mode(tree, old)
        changes[new] = None if content is None or mode is None else (mode, objects.write_blob(content))
    return objects.write_tree(tree, changes)


def _insert_declared(objects: Objects, tree: Oid, insertions: Sequence[Insertion]) -> Oid:
    changed: dict[str, tuple[str, Oid] | None] = {}
    for path in dict.fromkeys(i.path for i in insertions):
        content = split_lines(objects.file(tree, path) or b"")
        placed = place([i for i in insertions if i.path == path], content)
        changed[path] = _blob(objects, tree, path, b"".join(placed))
    return objects.write_tree(tree, changed)


def _blob(objects: Objects, treeish: Oid, path: str, content: bytes) -> tuple[str, Oid]:
    return objects.mode(treeish, path) or "100644", objects.write_blob(content)


def _settle(objects: Objects, tree: Oid, merge: Merge, conflict: Conflict) -> _File:
    """Take one conflicted file through the rungs."""
    path = _plain(conflict.path, merge)
    if conflict.ours is None and conflict.base is not None and conflict.theirs is not None:
        return _absent_here(objects, tree, merge, path)
    if conflict.base is None or conflict.ours is None or conflict.theirs is None:
        return _File(unsettled=[Unsettled(path, _whole_file(conflict))])
    found = [objects.read(oid) for oid in (conflict.base, conflict.ours, conflict.theirs)]
    texts = [f[2] for f in found if f is not None and f[1] == "blob"]
    if len(texts) < 3:
        return _File(unsettled=[Unsettled(path, "it is not a file: git could not merge it")])
    sides = Sides(*texts)
    merged = objects.file(merge.tree, conflict.path) or b""
    parts = parse(merged, merge.ours, merge.theirs, sides)
    if parts is None or not any(isinstance(p, Chunk) for p in parts):
        return _File(unsettled=[Unsettled(path, "git could not merge it as text")])
    done = _settle_parts(path, parts, sides)
    if not done.unsettled and (wrong := _misplaced(path, done, sides) or _broken(done, sides)):
        done.unsettled.append(Unsettled(path, wrong, next(p for p in parts if isinstance(p, Chunk))))
    # Which file it is here is git's guess, by likeness: the rungs then build on a guess.
    done.review |= f">>>>>>> {merge.theirs}:".encode() in merged
    return done


def _plain(path: str, merge: Merge) -> str:
    """Return a path without what git appends where two things want one path (``x~<commit>``)."""
    return path.removesuffix(f"~{merge.ours}").removesuffix(f"~{merge.theirs}")


def _whole_file(conflict: Conflict) -> str:
    if conflict.base is not None:
        gone = conflict.theirs is None and conflict.ours is not None
        return "removed upstream, changed here" if gone else "moved to different places upstream and here"
    if conflict.ours is not None and conflict.theirs is not None:
        return "added on both sides"
    return "another thing has its place, or it belongs to a folder that was renamed"


def _settle_parts(path: str, parts: Sequence[Part], sides: Sides) -> _File:
    done = _File()
    ours, theirs = split_lines(sides.ours), split_lines(sides.theirs)
    for part in parts:
        if not isinstance(part, Chunk):
            done.lines += part
            continue
        if (placed := redundant(part, ours, theirs)) is not None:
            rung = "redundant"
        elif (placed := insert(part)) is not None:
            rung = "insertion"
        else:
            done.unsettled.append(Unsettled(path, "upstream changes lines that are different here", part))
            continue
        start = len(done.lines)
        for run in placed.runs:
            at = range(start + run.at.start, start + run.at.stop)
            done.runs.append((Run(at, run.theirs_at, run.loose), part))
        done.lines += placed.lines
        done.notes.append(Note(path, rung, placed.how))
        done.review |= placed.review
    return done


def _absent_here(objects: Objects, tree: Oid, merge: Merge, path: str) -> _File:
    """Settle a file that the tree does not have: nothing to do if the pick only takes away from it
    lines that stand nowhere in the tree."""
    parent = objects.commit(merge.theirs).parents[0]
    change = objects.changes(parent, merge.theirs, (path,)).get(path)
    # Without hunks it is binary, or only a mode changed: nothing shows that it is not needed.
    if change is None or not change.hunks or any(h.new for h in change.hunks):
        return _File(unsettled=[Unsettled(path, "changed upstream; there is no such file here")])
    left = objects.held_line(tree, [line.strip() for h in change.hunks for line in h.old])
    if left is not None:
        text = left.decode(errors="replace")
        why = f"there is no such file here, but a line that upstream removes stands elsewhere: {text}"
        return _File(unsettled=[Unsettled(path, why)])
    return _File(notes=[Note(path, "redundant", "it removes lines that stand nowhere in the base")])


def _misplaced(path: str, done: _File, sides: Sides) -> str | None:
    """Say how a run of upstream's stands in another scope than upstream's, None if none does."""
    if not path.endswith((".c", ".h")):
        loose = any(run.loose for run, _ in done.runs)
        return "nothing of what is around upstream's lines is here" if loose else None
    ours, theirs = b"".join(done.lines), split_lines(sides.theirs)
    for run, chunk in done.runs:
        here = enclosing_scope(ours, run.at.start + 1)
        starts = occurrences(chunk.theirs, theirs)
        there = [enclosing_scope(sides.theirs, at + run.theirs_at + 1) for at in starts]
        if run.loose and any(label.startswith("function") for label in here):
            return f"nothing of what is around upstream's lines is here, in {' in '.join(here)}"
        if here not in there:
            upstream = there[0] if there else ()
            names = (" in ".join(s) or "file scope" for s in (here, upstream))
            return "the place found is {}; upstream's is {}".format(*names)
    return None


def _broken(done: _File, sides: Sides) -> str | None:
    """Say what is wrong with a settled file whatever its language, None if nothing is."""
    if any(not line.endswith(b"\n") for line in done.lines[:-1]):
        return "the last line of one side has no newline, and more would follow it"
    base, ours = split_lines(sides.base), split_lines(sides.ours)
    for run, _ in done.runs:
        block = done.lines[run.at.start : run.at.stop]
        if sum(map(tells, block)) < 2 or len(occurrences(block, done.lines)) < 2:
            continue
        if len(occurrences(block, ours)) > len(occurrences(block, base)):
            return "the lines that upstream adds stand here already, in another place"
    return None
