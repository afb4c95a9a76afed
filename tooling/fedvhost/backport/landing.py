"""How one pick lands on a tree: the ladder of conflict strategies, and the verdict it ends with.

The pick as adapted is merged; what git cannot settle goes through the rungs of ``settling``. *Every*
conflict must be settled, or the pick stops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from fedvhost.backport import settling
from fedvhost.backport.adaptation import Insertion, adapt, place
from fedvhost.backport.diff3 import split_lines
from fedvhost.backport.manifest import Adaptation
from fedvhost.backport.outcome import Landing, Note, Unsettled, Verdict
from fedvhost.backport.resolutions import NO_ANSWERS, RESOLUTION, RESOLVER, Answers, Question
from fedvhost.backport.settling import plain_path, settle
from fedvhost.commits import Merge
from fedvhost.errors import InputError
from fedvhost.values import Oid

# A file that is no more like upstream's than this (percent) is another file. git asks for 50.
LEAST_ALIKE = 30


class Objects(settling.Objects, Protocol):
    """The object store, as far as landing needs it."""

    def merge(self, tree: Oid, pick: Oid) -> Merge: ...
    def absent(self, treeish: Oid, paths: Sequence[str]) -> tuple[str, ...]: ...
    def renames(
        self, old: Oid, new: Oid, paths: Sequence[str] = (), *, likeness: int = 50
    ) -> Mapping[str, tuple[str, int]]: ...
    def mode(self, treeish: Oid, path: str) -> str | None: ...
    def write_blob(self, content: bytes) -> Oid: ...
    def write_tree(self, base: Oid, changes: Mapping[str, tuple[str, Oid] | None]) -> Oid: ...
    def write_commit(
        self, tree: Oid, parents: Sequence[Oid], author: bytes, committer: bytes, message: bytes
    ) -> Oid: ...


def land(
    objects: Objects, tree: Oid, pick: Oid, adaptations: Sequence[Adaptation] = (),
    answers: Answers = NO_ANSWERS,
) -> Landing:  # fmt: skip
    """Land ``pick`` on ``tree``; what no rung settles is settled by ``answers``, if they have one.

    Raises:
        InputError: the pick is a merge, or a declared adaptation does not fit it.
    """
    skip = next((a for a in adaptations if a.skip), None)
    if skip is not None:
        return Landing(pick, Verdict.REDUNDANT, tree, (Note("", "declared", skip.because),))
    adapted = _adapted(objects, tree, pick, adaptations)
    landing = _land(objects, tree, pick, adapted, answers)
    if landing.verdict is Verdict.STOPPED and (followed := _followed(objects, tree, adapted)) is not None:
        again = _land(objects, tree, pick, followed, answers)
        if again.verdict is not Verdict.STOPPED:
            return replace(again, review=True)
    return landing


@dataclass(frozen=True, slots=True)
class _Adapted:
    """The commit to merge instead of a pick, what is left to be placed, what was done, and upstream's
    path → path here of the files that are mapped."""

    theirs: Oid
    insertions: tuple[Insertion, ...] = ()
    notes: tuple[Note, ...] = ()
    mapped: Mapping[str, str] = field(default_factory=dict)


def _land(objects: Objects, tree: Oid, pick: Oid, adapted: _Adapted, answers: Answers) -> Landing:
    """Land a pick as adapted."""
    notes = list(adapted.notes)
    merge = objects.merge(tree, adapted.theirs)
    renamed = _renamed_here(objects, tree, merge)
    notes += [Note(here, "rename", f"upstream's '{was}', {how}") for was, (here, how) in renamed.items()]
    elsewhere = {here: was for was, here in adapted.mapped.items()}
    elsewhere |= {here: was for was, (here, _) in renamed.items()}
    changed: dict[str, tuple[str, Oid] | None] = {}
    unsettled = [
        Unsettled(plain_path(path, merge), f"git calls it a conflict: {kind}")
        for path, kind in merge.complaints
    ]
    review = False
    questions: list[Question] = []
    for conflict in merge.conflicts:
        done = settle(objects, tree, merge, conflict, answers)
        unsettled += done.unsettled
        notes += done.notes
        review |= done.review
        if done.unsettled:
            if done.question is not None and _is_text(objects, merge, conflict.path):
                questions.append(done.question)
            continue
        if done.left_out:
            changed[conflict.path] = None
            continue
        if conflict.ours is not None or done.whole:
            changed[conflict.path] = _blob(objects, merge.tree, conflict.path, b"".join(done.lines))
            continue
        changed[conflict.path] = None
        if done.moved_to in changed:
            unsettled.append(Unsettled(conflict.path, f"two files belong to '{done.moved_to}' here"))
        elif done.moved_to is not None:
            changed[done.moved_to] = _blob(objects, merge.tree, done.moved_to, b"".join(done.lines))
            elsewhere[done.moved_to] = conflict.path
    if unsettled:
        return Landing(
            pick, Verdict.STOPPED, tree, tuple(notes), tuple(unsettled), questions=tuple(questions)
        )
    landed = objects.write_tree(merge.tree, changed)
    landed = _insert_declared(objects, landed, adapted.insertions)
    # A hunk left out of a pick that lands otherwise may mean that a commit before it is missing.
    review |= landed != tree and any(n.rung == "redundant" for n in notes)
    verdict = _verdict(tree, landed, notes)
    return Landing(pick, verdict, landed, tuple(notes), (), review, elsewhere=elsewhere)


def _renamed_here(objects: Objects, tree: Oid, merge: Merge) -> Mapping[str, tuple[str, str]]:
    """Return upstream's path → path here and how it is known, of the files that the pick changes and that
    git found under another name: a guess by likeness, which a clean merge does not tell of."""
    parent = objects.commit(merge.theirs).parents[0]
    picked = objects.diff_paths(parent, merge.theirs)
    gone = set(objects.absent(tree, picked))
    gone -= set(objects.absent(parent, sorted(gone)))  # what the pick creates
    if not gone:
        return {}
    came = set(objects.diff_paths(tree, merge.tree)) - set(picked)
    if not came:
        return {}
    found = objects.renames(parent, tree, sorted(gone | came))
    return {
        was: (now, f"which git takes for this file: {alike} % alike")
        for was, (now, alike) in found.items()
        if was in gone and now in came
    }


def _is_text(objects: Objects, merge: Merge, path: str) -> bool:
    """Tell whether a path is a file where it is at all: a link, say, is nothing to edit."""
    return all(objects.mode(t, path) in (None, "100644", "100755") for t in (merge.ours, merge.theirs))


# What a rung makes of a pick; the first that took part says it.
_VERDICTS = (
    ("renamed", Verdict.RENAMED),
    ("realigned", Verdict.REALIGNED),
    ("definitions", Verdict.REALIGNED),
    ("tokens", Verdict.TOKEN_MERGED),
    ("lines", Verdict.LINE_MERGED),
    ("insertion", Verdict.INSERTED),
)


def _verdict(before: Oid, after: Oid, notes: Sequence[Note]) -> Verdict:
    rungs = {n.rung for n in notes} - {"rename"}  # a note of what git did in its own merge
    if before == after:
        return Verdict.REDUNDANT if rungs else Verdict.IN_BASE
    # What a program made up comes first: nobody may take it for anything else.
    if RESOLVER in rungs:
        return Verdict.BY_RESOLVER
    # A hunk left out is a change of content, which nobody may call an insertion.
    if rungs & {"declared", "redundant", "moved", "superseded", RESOLUTION}:
        return Verdict.ADAPTED
    for rung, verdict in _VERDICTS:
        if rung in rungs:
            return verdict
    return Verdict.CLEAN


def _adapted(objects: Objects, tree: Oid, pick: Oid, adaptations: Sequence[Adaptation]) -> _Adapted:
    """Carry out what is declared."""
    commit = objects.commit(pick)
    if not adaptations or len(commit.parents) != 1:  # the merge says what is wrong with the parents
        return _Adapted(pick)
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
    theirs = objects.write_tree(commit.tree, files)
    if adapted.moved:
        grounds = objects.commit(parent).tree
        for old, new in adapted.moved.items():
            if objects.mode(grounds, old) is not None and objects.mode(tree, new) is None:
                raise InputError(
                    f"the adaptation of {pick.short} maps '{old}' to '{new}', and there is no such file here"
                )
    made = _remade(objects, pick, theirs, adapted.moved)
    done = tuple(Note(p, "declared", how) for p, how in adapted.done)
    return _Adapted(made, adapted.insertions, done, adapted.moved)


def _followed(objects: Objects, tree: Oid, adapted: _Adapted) -> _Adapted | None:
    """Return the pick with files that are not here where a likeness that git does not trust puts them;
    None if nothing puts all of them somewhere."""
    merge = objects.merge(tree, adapted.theirs)
    gone = [c.path for c in merge.conflicts if c.ours is None and c.base is not None and c.theirs is not None]
    if not gone:
        return None
    parent = objects.commit(adapted.theirs).parents[0]
    picked = objects.diff_paths(parent, adapted.theirs)
    alike = objects.renames(parent, tree, likeness=LEAST_ALIKE)
    moved = {p: alike[p][0] for p in gone if p in alike and alike[p][0] not in picked}
    if len(set(moved.values())) < len(gone):
        return None
    theirs = _remade(objects, adapted.theirs, objects.commit(adapted.theirs).tree, moved)
    notes = [
        Note(here, "renamed", f"taken for upstream's '{was}', which is {alike[was][1]} % alike")
        for was, here in moved.items()
    ]
    return _Adapted(theirs, adapted.insertions, (*adapted.notes, *notes), {**adapted.mapped, **moved})


def _remade(objects: Objects, pick: Oid, theirs: Oid, moved: Mapping[str, str]) -> Oid:
    """Return a commit like ``pick`` with the tree ``theirs``, and with files moved in it and its parent."""
    commit = objects.commit(pick)
    parents = commit.parents
    if moved:
        grounds = _moved(objects, objects.commit(parents[0]).tree, moved)
        theirs = _moved(objects, theirs, moved)
        parents = (objects.write_commit(grounds, (), commit.author, commit.committer, b"mapped\n"),)
    return objects.write_commit(theirs, parents, commit.author, commit.committer, commit.message)


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
