"""Upstream's diff beside the patch as exported: which files say the same, and where the rest differ."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@(.*)", re.DOTALL)
# Longer files are not aligned line by line: that costs the square of their length.
ALIGNED = 3000


class Same(StrEnum):
    """How a file of a patch stands to the same file of upstream's commit."""

    SAME = "same change"
    DIFFERS = "differs"
    LEFT_OUT = "left out"
    ONLY_HERE = "only here"
    UNKNOWN = "not compared"


@dataclass(frozen=True, slots=True)
class FileDiff:
    """One file of a diff. ``lines`` as git writes them, with their sign; a hunk begins with ``@@`` and the
    function it is in, without numbers."""

    path: str
    lines: tuple[str, ...]
    remark: str = ""

    @property
    def changed(self) -> tuple[str, ...]:
        """The added and removed lines, in order."""
        return tuple(line for line in self.lines if line[:1] in "+-")

    @property
    def added(self) -> int:
        """How many lines it adds."""
        return sum(line[:1] == "+" for line in self.lines)

    @property
    def removed(self) -> int:
        """How many lines it removes."""
        return sum(line[:1] == "-" for line in self.lines)


@dataclass(frozen=True, slots=True)
class Row:
    """A line on either side; None where a side has none. ``differs``: the sides do not say the same."""

    left: str | None
    right: str | None
    differs: bool


@dataclass(frozen=True, slots=True)
class FilePair:
    """A file of upstream's commit and of our patch; None: the side does not touch it."""

    path: str
    upstream: FileDiff | None
    ours: FileDiff | None
    same: Same


def file_diffs(diff: bytes) -> Mapping[str, FileDiff]:
    """Read a diff, or a mail with one, as git writes it: path → file."""
    text = diff.decode("utf-8", "surrogateescape")
    found: dict[str, FileDiff] = {}
    for block in re.split(r"^diff --git ", text, flags=re.MULTILINE)[1:]:
        file = _file(block.split("\n"))
        found[file.path] = file
    return found


def pair(
    upstream: Mapping[str, FileDiff] | None, ours: Mapping[str, FileDiff] | None
) -> tuple[FilePair, ...]:
    """Put the files of both sides together; None: that side is not known."""
    pairs = []
    for path in sorted({*(upstream or ()), *(ours or ())}):
        left, right = (upstream or {}).get(path), (ours or {}).get(path)
        if upstream is None or ours is None:
            same = Same.UNKNOWN
        elif left is None:
            same = Same.ONLY_HERE
        elif right is None:
            same = Same.LEFT_OUT
        else:
            same = Same.SAME if left.changed == right.changed else Same.DIFFERS
        pairs.append(FilePair(path, left, right, same))
    return tuple(pairs)


def align(left: Sequence[str], right: Sequence[str]) -> tuple[Row, ...]:
    """Align the lines of two diffs, so that what is the same stands side by side."""
    if max(len(left), len(right)) > ALIGNED:
        return (*(Row(line, None, True) for line in left), *(Row(None, line, True) for line in right))
    return tuple(_aligned(left, right))


def _aligned(left: Sequence[str], right: Sequence[str]) -> Iterator[Row]:
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for what, i1, i2, j1, j2 in matcher.get_opcodes():
        for at in range(max(i2 - i1, j2 - j1)):
            a = left[i1 + at] if i1 + at < i2 else None
            b = right[j1 + at] if j1 + at < j2 else None
            # Other context is expected on another base; only what is added or removed otherwise counts.
            counts = any(line is not None and line[:1] in "+-" for line in (a, b))
            yield Row(a, b, what != "equal" and counts)


def _file(lines: Sequence[str]) -> FileDiff:
    path = _path(lines[0])
    remark = ""
    shown: list[str] = []
    at = 1
    while at < len(lines):
        line = lines[at]
        at += 1
        if match := _HUNK.match(line):
            old, new = (1 if n is None else int(n) for n in match.groups()[:2])
            shown.append(f"@@{match[3]}")
            at = _hunk(lines, at, old, new, shown)
        elif line.startswith("+++ ") and not line.startswith("+++ /dev/null"):
            path = line[4:].removeprefix("b/").rstrip("\t")
        elif line.startswith(("new file mode", "deleted file mode")):
            remark = "new file" if line.startswith("new") else "removed"
        elif line.startswith(("Binary files", "GIT binary patch")):
            remark = "binary"
        elif line.startswith(("old mode", "new mode")):
            shown.append(f"@@ {line}")
    return FileDiff(path, tuple(shown), remark)


def _hunk(lines: Sequence[str], at: int, old: int, new: int, shown: list[str]) -> int:
    """Take the lines of a hunk as its header counts them: the text after it may look like more."""
    while at < len(lines) and (old > 0 or new > 0 or lines[at].startswith("\\")):
        line = lines[at]
        at += 1
        if not line.startswith("\\"):
            old -= line[:1] != "+"
            new -= line[:1] != "-"
        shown.append(line or " ")
    return at


def _path(header: str) -> str:
    """``a/x b/x``, or quoted; without renames both are the same path."""
    return header.strip('"')[2 : (len(header) - 1) // 2] if not header.startswith('"') else header
