"""A spec as lines of text that go back to the very same bytes.

Old specs are in whatever encoding their packagers typed: bytes that are not UTF-8 ride along as
surrogates. Only ``\\n`` ends a line, so that a form feed or a ``\\x85`` in a changelog stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line: its text, and its ending, which is ``\\n``, ``\\r\\n`` or nothing (the last line)."""

    text: str
    ending: str


def split(content: bytes) -> tuple[RawLine, ...]:
    """Cut bytes into lines; ``join`` gives the same bytes back."""
    lines = []
    for whole in content.decode("utf-8", "surrogateescape").split("\n"):
        ending = "\n"
        text = whole
        if whole.endswith("\r"):
            text, ending = whole[:-1], "\r\n"
        lines.append(RawLine(text, ending))
    last = lines.pop()
    if last.text or last.ending == "\r\n":
        # Nothing follows: what looked like "\r\n" is a lone "\r" at the very end.
        lines.append(RawLine(last.text + ("\r" if last.ending == "\r\n" else ""), ""))
    return tuple(lines)


def join(lines: Iterable[RawLine]) -> bytes:
    """Return the bytes of the lines."""
    return "".join(line.text + line.ending for line in lines).encode("utf-8", "surrogateescape")


def newline(lines: Sequence[RawLine]) -> str:
    """Return the ending that most lines have, for lines that we add."""
    windows = sum(line.ending == "\r\n" for line in lines)
    return "\r\n" if windows * 2 > len(lines) else "\n"


def splice(lines: Sequence[RawLine], at: int, added: Sequence[str]) -> tuple[RawLine, ...]:
    """Return ``lines`` with ``added`` put before index ``at``, in the file's own line ending.

    Behind a last line without an ending, that line gets one and the new last line has none: the file
    goes on missing its final newline.
    """
    ending = newline(lines)
    new = [RawLine(text, ending) for text in added]
    before = list(lines[:at])
    if new and before and not before[-1].ending:
        before[-1] = RawLine(before[-1].text, ending)
        new[-1] = RawLine(new[-1].text, "")
    return (*before, *new, *lines[at:])


def without(lines: Sequence[RawLine], indexes: frozenset[int]) -> tuple[RawLine, ...]:
    """Return ``lines`` without those at ``indexes``; a missing final newline stays missing."""
    kept = [line for index, line in enumerate(lines) if index not in indexes]
    if kept and lines and not lines[-1].ending and len(lines) - 1 in indexes:
        kept[-1] = RawLine(kept[-1].text, "")
    return tuple(kept)


def escaped(text: str) -> str:
    """Return ``text`` for a comment or a changelog: rpm expands macros even there, so ``%`` is doubled."""
    return text.replace("%", "%%")
