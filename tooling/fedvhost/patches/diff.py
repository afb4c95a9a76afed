"""What ``git diff -U0`` says, as values."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines ``old`` (from index ``old_at``) became ``new`` (from index ``new_at``); indexes from 0.

    Lines keep their newline; a last line without one keeps lacking it.
    """

    old_at: int
    old: tuple[bytes, ...]
    new_at: int
    new: tuple[bytes, ...]

    def says(self, text: str) -> bool:
        """Tell whether an added or removed line contains ``text``."""
        return any(text.encode() in line for line in (*self.old, *self.new))


@dataclass(frozen=True, slots=True)
class FileChange:
    """What happened to one path. ``binary``: git shows no hunks for it. Both ``created`` and ``deleted``:
    a file became a symbolic link, or the reverse."""

    path: str
    hunks: tuple[Hunk, ...]
    created: bool = False
    deleted: bool = False
    binary: bool = False


def parse_diff(diff: bytes) -> Mapping[str, FileChange]:
    """Read ``git diff-tree -p -U0 --no-renames --src-prefix=a/ --dst-prefix=b/`` by path."""
    changes: dict[str, FileChange] = {}
    for block in re.split(rb"^diff --git ", diff, flags=re.MULTILINE)[1:]:
        change = _file_change(block.split(b"\n"))
        before = changes.get(change.path)
        changes[change.path] = change if before is None else _retyped(before, change)
    return changes


def _retyped(removed: FileChange, created: FileChange) -> FileChange:
    """Join the two halves of what git shows for a file that becomes a symbolic link, or the reverse."""
    old = tuple(line for h in removed.hunks for line in h.old)
    new = tuple(line for h in created.hunks for line in h.new)
    return FileChange(
        created.path,
        (Hunk(0, old, 0, new),),
        created=True,
        deleted=True,
        binary=removed.binary or created.binary,
    )


def apply_hunks(old: Sequence[bytes], hunks: Sequence[Hunk]) -> tuple[bytes, ...]:
    """Return the lines that ``old`` becomes."""
    lines: list[bytes] = []
    done = 0
    for hunk in hunks:
        lines += [*old[done : hunk.old_at], *hunk.new]
        done = hunk.old_at + len(hunk.old)
    return (*lines, *old[done:])


def _file_change(lines: Sequence[bytes]) -> FileChange:
    path = _path_of_header(lines[0])
    created = deleted = binary = False
    hunks: list[Hunk] = []
    at = 1
    while at < len(lines):
        line = lines[at]
        if match := _HUNK.match(line):
            hunk, at = _hunk(match, lines, at + 1)
            hunks.append(hunk)
            continue
        created |= line.startswith(b"new file mode")
        deleted |= line.startswith(b"deleted file mode")
        binary |= line.startswith((b"Binary files", b"GIT binary patch"))
        at += 1
    return FileChange(path, tuple(hunks), created, deleted, binary)


def _hunk(match: re.Match[bytes], lines: Sequence[bytes], at: int) -> tuple[Hunk, int]:
    old_start, old_count, new_start, new_count = (1 if g is None else int(g) for g in match.groups())
    old: list[bytes] = []
    new: list[bytes] = []
    while at < len(lines) and (len(old) < old_count or len(new) < new_count or lines[at][:1] == b"\\"):
        kind, text = lines[at][:1], lines[at][1:]
        if kind == b"\\":  # "\ No newline at end of file" speaks of the line just read
            side = new if lines[at - 1][:1] == b"+" else old
            side[-1] = side[-1][:-1]
        else:
            (new if kind == b"+" else old).append(text + b"\n")
        at += 1
    # With no lines on a side, git counts from the line before.
    return Hunk(
        old_start - (1 if old_count else 0), tuple(old), new_start - (1 if new_count else 0), tuple(new)
    ), at


def _path_of_header(header: bytes) -> str:
    """``a/x b/x``: without renames both are the same path, quoted if git must."""
    if (quoted := _QUOTED.match(header)) is not None:
        raw = _ESCAPE.sub(
            lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3 else _ESCAPES.get(m[1], m[1]), quoted[1]
        )[2:]
    else:
        raw = header[2 : (len(header) - 1) // 2]
    return raw.decode(errors="surrogateescape")
