"""A manual page as ``man`` reads it (roff with the man macros): the same words give the same bytes."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_WIDTH = 78
_CHARACTERS = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A term and what it means. ``term`` is in roff already (``bold``, ``italic``, ``plain``)."""

    term: str
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page: a title (``level`` 2: a subsection), lines of synopsis, paragraphs, entries."""

    title: str
    synopsis: str = ""
    text: str = ""
    entries: Sequence[Entry] = ()
    level: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """A page of section 1. ``date``: of the text, for its foot; ``source``: program and version."""

    name: str
    summary: str
    date: str
    source: str
    parts: Sequence[Part]


def page_text(page: Page) -> str:
    """Write a page."""
    name = plain(page.name)
    return "\n".join(
        (
            f'.TH "{plain(page.name.upper())}" 1 "{page.date}" "{plain(page.source)}"',
            ".nh",  # a path or an option that is broken in two cannot be copied
            *(".SH NAME", *_filled(f"{name} \\- {plain(page.summary)}")),
            *(line for part in page.parts for line in _part(part)),
            "",
        )
    )


def plain(text: str) -> str:
    """Text that roff shows as it is."""
    return "".join(c if ord(c) < 128 else f"\\[u{ord(c):04X}]" for c in text.translate(_CHARACTERS))


def bold(text: str) -> str:
    """What is typed as it stands."""
    return rf"\fB{plain(text)}\fR"


def italic(text: str) -> str:
    """What stands for something else."""
    return rf"\fI{plain(text)}\fR"


def paragraphs(text: str) -> Iterator[tuple[str, bool]]:
    """Cut a help text into paragraphs; the second: its lines stay as they are (click's ``\\b``)."""
    for block in re.split(r"\n[ \t]*\n", inspect.cleandoc(text)):
        mark, _, lines = textwrap.dedent(block).partition("\n")
        if mark == "\b":
            yield textwrap.dedent(lines).strip("\n"), True
        else:
            yield " ".join(block.split()), False


def _part(part: Part) -> Iterator[str]:
    yield f".{'SH' if part.level == 1 else 'SS'} {_argument(part.title)}"
    if part.synopsis:
        yield from _filled(part.synopsis)
    for number, (text, kept) in enumerate(paragraphs(part.text) if part.text else ()):
        if number or part.synopsis:
            yield ".PP"
        if kept:
            yield from (".nf", *(_guarded(plain(line)) for line in text.split("\n")), ".fi")
        else:
            yield from _filled(plain(text))
    for entry in part.entries:
        yield from (".TP", _guarded(entry.term), *_filled(plain(" ".join(entry.text.split()))))


def _argument(text: str) -> str:
    return f'"{plain(text)}"' if " " in text else plain(text)


def _filled(text: str) -> Iterator[str]:
    """Cut escaped text into lines of a width that people can read in a diff."""
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > _WIDTH:
            yield _guarded(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield _guarded(line)


def _guarded(line: str) -> str:
    """A line that begins like a request is none."""
    return rf"\&{line}" if line.startswith((".", r"\(aq")) else line
