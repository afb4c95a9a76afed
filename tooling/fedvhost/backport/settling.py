"""One conflicted file through the rungs of the ladder.

Every conflict in the file must be settled, or the file is not. What a rung placed must stand in the same
function, structure and preprocessor conditional as upstream's, else it is not placed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from fedvhost.backport.accounting import unaccounted
from fedvhost.backport.byname import Text, by_name
from fedvhost.backport.csource import enclosing_scope
from fedvhost.backport.diff3 import Chunk, Lines, Part, Sides, occurrences, parse, split_lines
from fedvhost.backport.insertion import Placed, Run, in_order, insert, tells
from fedvhost.backport.moved import came_from, relocate
from fedvhost.backport.ordered import insert_in_order
from fedvhost.backport.outcome import Note, Unsettled
from fedvhost.backport.redundancy import redundant
from fedvhost.backport.resolutions import NO_ANSWERS, Answer, Answers, Question, ask, ask_whole
from fedvhost.backport.superseded import supersede
from fedvhost.backport.threeway import merge_lines, merge_tokens
from fedvhost.commits import Commit, Conflict, Merge
from fedvhost.patches.diff import FileChange
from fedvhost.values import Oid

# A commit that touches more files than this splits none: it brings a whole tree.
_WIDEST_SPLIT = 500


class Objects(Protocol):
    """The object store, as far as settling needs it."""

    def commit(self, oid: Oid) -> Commit: ...
    def changes(self, old: Oid, new: Oid, paths: Sequence[str] = ()) -> Mapping[str, FileChange]: ...
    def read(self, name: str) -> tuple[Oid, str, bytes] | None: ...
    def diff_paths(self, old: Oid, new: Oid) -> tuple[str, ...]: ...
    def file(self, treeish: Oid, path: str) -> bytes | None: ...
    def created(self, commit: Oid, path: str) -> Oid | None: ...
    def wrote(self, commit: Oid, path: str, lines: Sequence[range]) -> tuple[Oid, ...]: ...
    def merge_file(self, ours: bytes, base: bytes, theirs: bytes, names: tuple[str, str]) -> bytes | None: ...
    def held_line(self, tree: Oid, lines: Sequence[bytes]) -> bytes | None: ...


@dataclass(slots=True)
class File:
    """What became of one conflicted file; ``runs`` are upstream's lines in it, each with its chunk.

    ``moved_to``: the file that the lines belong to here, if it is another than upstream's. ``question``:
    what to ask a person of what is unsettled. ``whole``: a person said what the file is to be, and with
    ``left_out`` that it is not to be there.
    """

    lines: list[bytes] = field(default_factory=list)
    runs: list[tuple[Run, Chunk]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    unsettled: list[Unsettled] = field(default_factory=list)
    review: bool = False
    moved_to: str | None = None
    question: Question | None = None
    whole: bool = False
    left_out: bool = False


def settle(
    objects: Objects, tree: Oid, merge: Merge, conflict: Conflict, answers: Answers = NO_ANSWERS
) -> File:
    """Take one conflicted file through the rungs; the last one is what a person answered."""
    done = _by_rungs(objects, tree, merge, conflict, answers)
    if not done.unsettled:
        return done
    done.question = done.question or _ask_whole(objects, merge, conflict)
    answer = answers.find(done.question) if done.question is not None else None
    if answer is None or not answer.whole:
        return done
    note = Note(plain_path(conflict.path, merge), answer.rung, answer.how)
    content = b"".join(answer.texts)
    return File(
        list(split_lines(content)), notes=[note], review=answer.review, whole=True, left_out=not answer.texts
    )


def _ask_whole(objects: Objects, merge: Merge, conflict: Conflict) -> Question | None:
    """Put the question of the whole file, None if it is not one file, or nothing to choose between."""
    oids = (conflict.base, conflict.ours, conflict.theirs)
    if sum(oid is not None for oid in oids) < 2 or plain_path(conflict.path, merge) != conflict.path:
        return None
    found = [None if oid is None else objects.read(oid) for oid in oids]
    if any(f is not None and f[1] != "blob" for f in found):
        return None
    base, ours, theirs = (None if f is None else f[2] for f in found)
    return ask_whole(conflict.path, base, ours, theirs)


def _by_rungs(objects: Objects, tree: Oid, merge: Merge, conflict: Conflict, answers: Answers) -> File:
    path = plain_path(conflict.path, merge)
    if conflict.ours is None and conflict.base is not None and conflict.theirs is not None:
        return _absent_here(objects, tree, merge, path)
    if conflict.base is None or conflict.ours is None or conflict.theirs is None:
        return File(unsettled=[Unsettled(path, _whole_file(conflict))])
    found = [objects.read(oid) for oid in (conflict.base, conflict.ours, conflict.theirs)]
    texts = [f[2] for f in found if f is not None and f[1] == "blob"]
    if len(texts) < 3:
        return File(unsettled=[Unsettled(path, "it is not a file: git could not merge it")])
    sides = Sides(*texts)
    merged = objects.file(merge.tree, conflict.path) or b""
    parts = parse(merged, merge.ours, merge.theirs, sides)
    if parts is None or not any(isinstance(p, Chunk) for p in parts):
        return File(unsettled=[Unsettled(path, "git could not merge it as text")])
    whole = (sides.base, sides.ours, sides.theirs)
    done, open_parts = _settle_parts(path, parts, sides)
    if done.unsettled or _misplaced(path, done, sides):
        otherwise = _by_definitions(objects, merge, path, sides) or _realigned(objects, merge, path, sides)
        if otherwise is not None:
            otherwise.review |= _guessed_file(merge, merged)
            return otherwise
    if done.unsettled:
        done.question = ask(path, open_parts, whole, whole=False)
        answer = answers.find(done.question)
        if answer is not None and not answer.whole:
            done, _ = _settle_parts(path, parts, sides, answer)
    if not done.unsettled and (wrong := _misplaced(path, done, sides) or _broken(done, sides)):
        done.unsettled.append(Unsettled(path, wrong, next(p for p in parts if isinstance(p, Chunk))))
        # The rungs were wrong somewhere: all that git could not merge is in question.
        done.question = ask(path, parts, whole, whole=False)
        answer = answers.find(done.question)
        if answer is not None and not answer.whole:
            by_hand = _by_hand(path, parts, answer)
            done = done if _broken(by_hand, sides) else by_hand
    done.review |= _guessed_file(merge, merged)
    return done


def _guessed_file(merge: Merge, merged: bytes) -> bool:
    """Tell whether which file it is here is git's guess, by likeness: the rungs then build on a guess."""
    return f">>>>>>> {merge.theirs}:".encode() in merged


def _by_definitions(objects: Objects, merge: Merge, path: str, sides: Sides) -> File | None:
    """Settle a C file definition by definition; None if not all of it can be."""
    if not path.endswith((".c", ".h")):
        return None

    def settled(base: Lines, ours: Lines, theirs: Lines) -> Text | None:
        three = Sides(b"".join(base), b"".join(ours), b"".join(theirs))
        merged = objects.merge_file(three.ours, three.base, three.theirs, (merge.ours, merge.theirs))
        parts = parse(merged, merge.ours, merge.theirs, three) if merged is not None else None
        if parts is None:
            return None
        done, _ = _settle_parts(path, parts, three)
        if done.unsettled or any(n.rung == "tokens" for n in done.notes):
            return None
        runs: list[Run] = []
        for run, chunk in done.runs:
            starts = occurrences(chunk.theirs, theirs)
            if len(starts) != 1:
                return None
            runs.append(Run(run.at, starts[0] + run.theirs_at, run.loose))
        return Text(tuple(done.lines), tuple(runs), tuple((n.rung, n.how) for n in done.notes), done.review)

    text = by_name(sides, settled)
    if text is None:
        return None
    whole = Chunk(*(split_lines(side) for side in (sides.base, sides.ours, sides.theirs)))
    done = File(list(text.lines), [(run, whole) for run in text.runs], review=text.review)
    done.notes = [Note(path, "definitions", "merged function by function, type by type, by their names")]
    done.notes += dict.fromkeys(Note(path, rung, how) for rung, how in text.rungs)
    if done.lines == list(whole.ours) or _misplaced(path, done, sides) or _broken(done, sides):
        return None
    return done


def _realigned(objects: Objects, merge: Merge, path: str, sides: Sides) -> File | None:
    """Settle a file by another diff algorithm, which may find smaller conflicts; None if it does not.

    Which lines belong together is then a matter of opinion, so it is always marked for review.
    """
    merged = objects.merge_file(sides.ours, sides.base, sides.theirs, (merge.ours, merge.theirs))
    parts = parse(merged, merge.ours, merge.theirs, sides) if merged is not None else None
    if parts is None:
        return None
    done, _ = _settle_parts(path, parts, sides)
    if done.unsettled or _misplaced(path, done, sides) or _broken(done, sides):
        return None
    base, ours, theirs = (split_lines(side) for side in (sides.base, sides.ours, sides.theirs))
    if any(n.rung == "tokens" for n in done.notes):
        return None  # a guess upon a guess
    # An alignment can make a change disappear: then nothing was settled.
    if tuple(done.lines) == ours or unaccounted(Chunk(base, ours, theirs), tuple(done.lines)) is not None:
        return None
    done.notes.insert(0, Note(path, "realigned", "merged by another diff algorithm, Myers' for histogram"))
    done.review = True
    return done


def _whole_file(conflict: Conflict) -> str:
    if conflict.base is not None:
        gone = conflict.theirs is None and conflict.ours is not None
        return "removed upstream, changed here" if gone else "moved to different places upstream and here"
    if conflict.ours is not None and conflict.theirs is not None:
        return "added on both sides"
    return "another thing has its place, or it belongs to a folder that was renamed"


def _settle_parts(
    path: str, parts: Sequence[Part], sides: Sides, answer: Answer | None = None
) -> tuple[File, list[Part]]:
    """Return the file, and its parts as far as they are settled; ``answer`` is for those that are not."""
    done = File()
    left: list[Part] = []
    answers = list(answer.texts) if answer is not None else []
    ours, theirs = split_lines(sides.ours), split_lines(sides.theirs)
    for number, part in enumerate(parts):
        if not isinstance(part, Chunk):
            done.lines += part
            left.append(part)
            continue
        before, after = _around(parts, number)
        if (placed := redundant(part, ours, theirs)) is not None:
            rung = "redundant"
        elif (placed := insert_in_order(part, before, after) or insert(part, before, after)) is not None:
            rung = "insertion"
        elif (placed := merge_lines(part)) is not None:
            rung = "lines"
        elif (placed := merge_tokens(part)) is not None:
            rung = "tokens"
        elif (placed := supersede(part)) is not None:
            rung = "superseded"
        elif answer is not None and answers:
            placed = Placed(split_lines(answers.pop(0)), (), answer.how, answer.review)
            rung = answer.rung
        else:
            done.unsettled.append(Unsettled(path, "upstream changes lines that are different here", part))
            left.append(part)
            continue
        start = len(done.lines)
        for run in placed.runs:
            at = range(start + run.at.start, start + run.at.stop)
            done.runs.append((Run(at, run.theirs_at, run.loose), part))
        done.lines += placed.lines
        left.append(placed.lines)
        done.notes.append(Note(path, rung, placed.how))
        done.review |= placed.review
    done.notes = list(dict.fromkeys(done.notes)) if answer is not None else done.notes
    return done, left


def _around(parts: Sequence[Part], number: int) -> tuple[Lines, Lines]:
    """Return the settled lines before and after a chunk."""
    before = parts[number - 1] if number else ()
    after = parts[number + 1] if number + 1 < len(parts) else ()
    return () if isinstance(before, Chunk) else before, () if isinstance(after, Chunk) else after


def _by_hand(path: str, parts: Sequence[Part], answer: Answer) -> File:
    """Put what a person answered in the place of each conflict."""
    texts = iter(answer.texts)
    lines = [
        line for part in parts for line in (split_lines(next(texts)) if isinstance(part, Chunk) else part)
    ]
    return File(lines, notes=[Note(path, answer.rung, answer.how)], review=answer.review)


def _absent_here(objects: Objects, tree: Oid, merge: Merge, path: str) -> File:
    """Settle a file that the tree does not have: it may be part of another file here; and there is
    nothing to do if the pick only takes away from it lines that stand nowhere in the tree."""
    parent = objects.commit(merge.theirs).parents[0]
    change = objects.changes(parent, merge.theirs, (path,)).get(path)
    # Without hunks it is binary, or only a mode changed: nothing shows that it is not needed.
    if change is None or not change.hunks:
        return File(unsettled=[Unsettled(path, "changed upstream; there is no such file here")])
    moved = _split_since(objects, merge, path, parent, change)
    if moved is not None:
        return moved
    if any(h.new for h in change.hunks):
        return File(unsettled=[Unsettled(path, "changed upstream; there is no such file here")])
    left = objects.held_line(tree, [line.strip() for h in change.hunks for line in h.old])
    if left is not None:
        text = left.decode(errors="replace")
        why = f"there is no such file here, but a line that upstream removes stands elsewhere: {text}"
        return File(unsettled=[Unsettled(path, why)])
    return File(notes=[Note(path, "redundant", "it removes lines that stand nowhere in the base")])


def _split_since(objects: Objects, merge: Merge, path: str, parent: Oid, change: FileChange) -> File | None:
    """Settle a file that upstream split off another one which is here; None if it is not so."""
    taken = {c.path for c in merge.conflicts}
    for brought, source in _sources(objects, path, parent, change):
        if source in taken:
            continue
        done = _in_source(objects, merge, path, parent, change, source)
        if done is not None:
            how = f"upstream split it off '{source}' in {brought.short}; changed there, {done.notes[0].how}"
            return replace(done, notes=[Note(path, "moved", how)])
    return None


def _sources(objects: Objects, path: str, parent: Oid, change: FileChange) -> Iterator[tuple[Oid, str]]:
    """Yield the files that a file's lines came from, each with the commit that took them from there: first
    what the file began with, then what is around the lines that are changed, which may have come later."""
    tried: set[str] = set()
    first = objects.created(parent, path)
    around = [range(max(1, h.old_at - 2), h.old_at + len(h.old) + 4) for h in change.hunks]

    def commits() -> Iterator[Oid]:
        if first is not None:
            yield first
            yield from (c for c in objects.wrote(parent, path, around) if c != first)

    for commit in commits():
        before = objects.commit(commit).parents
        if len(before) != 1 or len(objects.diff_paths(before[0], commit)) > _WIDEST_SPLIT:
            continue
        changes = objects.changes(before[0], commit)
        brought = changes.get(path)
        added = tuple(line for h in brought.hunks for line in h.new) if brought is not None else ()
        source = came_from(path, added, changes)
        if source is not None and source not in tried:
            tried.add(source)
            yield commit, source


def _in_source(
    objects: Objects, merge: Merge, path: str, parent: Oid, change: FileChange, source: str
) -> File | None:
    """Make the change in the file that the lines came from; None if it does not fit there."""
    # The pick may change that file, too: what git merged of it is what we build on.
    sides = [objects.file(t, p) for t, p in ((parent, path), (merge.tree, source), (merge.theirs, path))]
    if any(side is None for side in sides):
        return None
    whole = Sides(*(side for side in sides if side is not None))
    base, ours, theirs = (split_lines(side) for side in (whole.base, whole.ours, whole.theirs))
    placed = relocate(change.hunks, base, ours)
    if placed is None:
        return None
    chunk = Chunk(base, ours, theirs)
    runs = [(run, chunk) for run in placed.runs]
    done = File(lines=list(placed.lines), runs=runs, review=placed.review, moved_to=source)
    done.notes.append(Note(path, "moved", placed.how))
    wrong = _misplaced(source, done, whole) or _broken(done, whole)
    return None if wrong else done


def _misplaced(path: str, done: File, sides: Sides) -> str | None:
    """Say how a run of upstream's stands in another scope than upstream's, None if none does.

    A function that is only called otherwise here is a place to look at.
    """
    if not path.endswith((".c", ".h")):
        lost = any(run.loose and not in_order(done.lines, run.at) for run, _ in done.runs)
        return "nothing of what is around upstream's lines is here" if lost else None
    ours, theirs = b"".join(done.lines), split_lines(sides.theirs)
    for run, chunk in done.runs:
        here = enclosing_scope(ours, run.at.start + 1)
        starts = occurrences(chunk.theirs, theirs)
        there = [enclosing_scope(sides.theirs, at + run.theirs_at + 1) for at in starts]
        if run.loose and any(label.startswith("function") for label in here):
            return f"nothing of what is around upstream's lines is here, in {' in '.join(here)}"
        if here in there:
            continue
        if not run.loose and any(_same_but_for_names(here, scope) for scope in there):
            done.review = True
            continue
        upstream = there[0] if there else ()
        names = (" in ".join(s) or "file scope" for s in (here, upstream))
        return "the place found is {}; upstream's is {}".format(*names)
    return None


def _same_but_for_names(one: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether two scopes differ in what functions are called, and in nothing else."""
    bare = [["function" if label.startswith("function ") else label for label in s] for s in (one, other)]
    return bare[0] == bare[1]


def _broken(done: File, sides: Sides) -> str | None:
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


def plain_path(path: str, merge: Merge) -> str:
    """Return a path without what git appends where two things want one path (``x~<commit>``)."""
    return path.removesuffix(f"~{merge.ours}").removesuffix(f"~{merge.theirs}")
