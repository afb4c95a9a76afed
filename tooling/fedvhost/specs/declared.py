"""The patches that a spec declares: ``PatchN:`` tags and the lines of ``%patchlist``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fedvhost.specs.layout import PREAMBLE, Kind, Layout, Line

_TAG = re.compile(r"(?P<tag>Patch(?P<number>\d*))(?P<gap>\s*:\s*)(?P<file>\S.*?)\s*$", re.IGNORECASE)
# Any number that a patch tag carries anywhere, in a macro or commented out: not to be used again.
_RESERVED = re.compile(r"\bPatch(\d+)\s*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Declared:
    """One declared patch.

    ``number`` is what rpm gives it (also when the tag has none); ``digits`` the number as typed
    (``"01"``, empty for a bare ``Patch:`` or a ``%patchlist`` line); ``gap`` the text between tag and
    file, colon included.
    """

    line: Line
    number: int
    digits: str
    gap: str
    file: str

    @property
    def name(self) -> str:
        """The file name: a patch may be declared by the URL it comes from."""
        return self.file.rsplit("/", 1)[-1]

    @property
    def width(self) -> int:
        """How many digits the numbers are padded to with zeros; 0 for no padding."""
        return len(self.digits) if len(self.digits) > 1 and self.digits.startswith("0") else 0


def declared(layout: Layout) -> tuple[Declared, ...]:
    """Return the declared patches of every branch, in the order of the file.

    Numbers of bare tags are rpm's: one more than the highest so far. Where branches differ in how many
    they declare, that is the number with all of them taken.
    """
    found: list[Declared] = []
    highest = -1
    for line in layout.section(PREAMBLE, "package", "patchlist"):
        if line.kind is not Kind.CODE:
            continue
        if line.section == "patchlist":
            digits, gap, file = "", "", line.text.strip()
        elif match := _TAG.match(line.text):
            digits, gap, file = match["number"], match["gap"], match["file"]
        else:
            continue
        number = int(digits) if digits else highest + 1
        highest = max(highest, number)
        found.append(Declared(line, number, digits, gap, file))
    return tuple(found)


def reserved(layout: Layout, but: Iterable[Declared] = ()) -> frozenset[int]:
    """Return the numbers that are taken, in whatever branch, macro or comment; ``but`` these lines' own."""
    free = frozenset(d.line.number for d in but)
    numbers = {d.number for d in declared(layout) if d.line.number not in free}
    for line in layout.lines:
        # Anywhere: a macro defined below %description may declare patches for the package it makes.
        if line.number not in free and line.section != "changelog":
            numbers.update(int(n) for n in _RESERVED.findall(line.text))
    return frozenset(numbers)


def free_run(taken: frozenset[int], start: int, length: int) -> int:
    """Return the first number from ``start`` on behind which ``length`` numbers in a row are free."""
    first = start
    while busy := taken.intersection(range(first, first + length)):
        first = max(busy) + 1
    return first
