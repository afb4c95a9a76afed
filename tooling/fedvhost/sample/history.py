"""A small git history as a value: steps that edit files, and the objects that they make.

Everything is computed here, object names included, so that one commit's message can cite another and
so that what git stores can be compared with what was meant. Nothing here touches a disk.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fedvhost.values import Oid

Files = Mapping[str, str]  # path → text; every file of a sample is text and mode 100644

STEP_SECONDS = 7 * 3600  # between two steps; commits of one lane are never in the same second


@dataclass(frozen=True, slots=True)
class Put:
    """A new file, or new text for all of an old one."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Swap:
    """``old``, which occurs exactly once, becomes ``new``."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Reword:
    """``old`` becomes ``new`` wherever it occurs."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Append:
    """Text after the last line."""

    path: str
    text: str


Change = Put | Swap | Reword | Append


def after(path: str, anchor: str, text: str) -> Swap:
    """Insert ``text`` right after ``anchor``."""
    return Swap(path, anchor, anchor + text)


def before(path: str, anchor: str, text: str) -> Swap:
    """Insert ``text`` right before ``anchor``."""
    return Swap(path, anchor, text + anchor)


@dataclass(frozen=True, slots=True)
class Step:
    """A commit. ``onto`` is the key of its parent (None: the step before it in the list).

    With ``merges`` it is a merge: its files are the first parent's with the other lane's changes made
    again, those of the steps in ``without`` excepted, and then its own ``changes``, which are what the
    person who merged had to settle by hand. ``{key}`` in ``body`` stands for that step's object name.
    """

    key: str
    author: str
    subject: str
    body: str = ""
    changes: tuple[Change, ...] = ()
    onto: str | None = None
    merges: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class History:
    """Steps in the order they were made, and the branches and tags (name → key) that keep them."""

    start: int  # seconds since 1970 of the first step
    steps: tuple[Step, ...]
    branches: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Made:
    """A history's commits by key, its files at each of them, and the ``git fast-import`` stream."""

    commits: Mapping[str, Oid]
    files: Mapping[str, Files]
    marks: Mapping[str, int]
    stream: bytes


@dataclass(slots=True)
class _Building:
    steps: dict[str, Step] = field(default_factory=dict)
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    files: dict[str, Files] = field(default_factory=dict)
    commits: dict[str, Oid] = field(default_factory=dict)


def make(history: History) -> Made:
    """Compute every object of a history.

    Raises:
        ValueError: a change does not fit the files it is made to.
    """
    so_far, chunks, marks = _Building(), [b"feature done\n"], {}
    blob_marks: dict[str, int] = {}
    previous: str | None = None
    for number, step in enumerate(history.steps):
        parents = tuple(p for p in (step.onto or previous, step.merges) if p is not None)
        files = _files(step, parents, so_far)
        body = step.body.strip("\n").format_map(so_far.commits)
        message = f"{step.subject}\n\n{body}{chr(10) if body else ''}{chr(10) if body else ''}"
        message += f"Signed-off-by: {step.author}\n"
        ident = f"{step.author} {history.start + number * STEP_SECONDS} +0000"
        so_far.steps[step.key], so_far.parents[step.key] = step, parents
        so_far.files[step.key] = files
        so_far.commits[step.key] = _commit_oid(
            files, [so_far.commits[p] for p in parents], ident, message.encode()
        )
        for text in files.values():
            if text not in blob_marks:
                blob_marks[text] = len(blob_marks) + 1
                chunks.append(b"blob\nmark :%d\n" % blob_marks[text] + _data(text.encode()))
        marks[step.key] = 1_000_000 + number
        chunks.append(
            _commit_command(marks[step.key], ident, message.encode(), [marks[p] for p in parents])
            + b"".join(f"M 100644 :{blob_marks[t]} {p}\n".encode() for p, t in sorted(files.items()))
            + b"\n"
        )
        previous = step.key
    chunks += [f"reset refs/heads/{b}\nfrom :{marks[k]}\n\n".encode() for b, k in history.branches.items()]
    for tag, key in history.tags.items():
        step = so_far.steps[key]
        when = history.start + list(so_far.steps).index(key) * STEP_SECONDS
        head = f"tag {tag}\nfrom :{marks[key]}\ntagger {step.author} {when} +0000\n"
        chunks.append(head.encode() + _data(f"{tag}\n".encode()))
    return Made(so_far.commits, so_far.files, marks, b"".join(chunks) + b"done\n")


def _files(step: Step, parents: Sequence[str], so_far: _Building) -> Files:
    files = dict(so_far.files[parents[0]]) if parents else {}
    changes = list(step.changes)
    if step.merges is not None:
        here = _ancestors(parents[0], so_far)
        lane = [k for k in so_far.steps if k in _ancestors(step.merges, so_far) and k not in here]
        again = [so_far.steps[k] for k in lane if k not in step.without]
        changes = [c for s in again for c in s.changes] + changes
    for change in changes:
        try:
            _apply(change, files)
        except ValueError as error:
            raise ValueError(f"step '{step.key}': {error}") from error
    return files


def _ancestors(key: str, so_far: _Building) -> set[str]:
    found, todo = set[str](), [key]
    while todo:
        if (one := todo.pop()) not in found:
            found.add(one)
            todo += so_far.parents[one]
    return found


def _apply(change: Change, files: dict[str, str]) -> None:
    match change:
        case Put(path, text):
            files[path] = text
        case Swap(path, old, new):
            if (times := files.get(path, "").count(old)) != 1:
                raise ValueError(f"{path}: {old!r} occurs {times} times, not once")
            files[path] = files[path].replace(old, new)
        case Reword(path, old, new):
            if old not in files.get(path, ""):
                raise ValueError(f"{path}: {old!r} does not occur")
            files[path] = files[path].replace(old, new)
        case Append(path, text):
            files[path] += text


def _data(content: bytes) -> bytes:
    return b"data %d\n" % len(content) + content + b"\n"


def _commit_command(mark: int, ident: str, message: bytes, parents: Sequence[int]) -> bytes:
    # A scratch ref takes each commit in turn; `reset` at the end names what is to stay.
    head = f"reset refs/heads/import\n\ncommit refs/heads/import\nmark :{mark}\n"
    head += f"author {ident}\ncommitter {ident}\n"
    lines = [f"{word} :{p}\n" for word, p in zip(("from", "merge"), parents, strict=False)]
    return head.encode() + _data(message) + "".join(lines).encode() + b"deleteall\n"


def _object_name(kind: str, content: bytes) -> Oid:
    # git's object names are SHA-1 by format, not for secrecy.
    return Oid(hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest())


def _commit_oid(files: Files, parents: Iterable[Oid], ident: str, message: bytes) -> Oid:
    lines = [f"tree {_tree_oid(files)}", *(f"parent {p}" for p in parents)]
    lines += [f"author {ident}", f"committer {ident}", "", ""]
    return _object_name("commit", "\n".join(lines).encode() + message)


def _tree_oid(files: Files) -> Oid:
    folders: dict[str, dict[str, str]] = {}
    entries: list[tuple[str, str, Oid]] = []  # (name to sort by, mode and name, object)
    for path, text in files.items():
        folder, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(folder, {})[rest] = text
        else:
            entries.append((path, f"100644 {path}", _object_name("blob", text.encode())))
    entries += [(f"{f}/", f"40000 {f}", _tree_oid(below)) for f, below in folders.items()]
    content = b"".join(word.encode() + b"\0" + bytes.fromhex(oid) for _, word, oid in sorted(entries))
    return _object_name("tree", content)
