"""Raising ``Release:`` by Fedora's rules, in whatever macro the number lives.

``1%{?dist}`` → ``2%{?dist}``; a pre-release ``0.3.rc1%{?dist}`` → ``0.4.rc1%{?dist}``; where a minor
bump was begun behind the dist (``1%{?dist}.1``, so that the branch stays behind the next release's) it
goes on: ``1%{?dist}.2``. ``%autorelease`` counts commits by itself and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fedvhost.specs.layout import PREAMBLE, Kind, Layout, Line

_RELEASE = re.compile(r"(?P<head>Release\s*:\s*)(?P<value>\S.*?)\s*$", re.IGNORECASE)
_MINOR = re.compile(r"(?P<head>.*%\{\??dist\}\.)(?P<number>\d+)$")
_NUMBER = re.compile(r"(?P<head>(?:0\.)?)(?P<number>\d+)")
_REFERENCE = re.compile(r"%(?:\{(?P<maybe>[!?]*)(?P<braced>\w+)(?P<rest>:[^{}]*)?\}|(?P<bare>\w+))")


@dataclass(frozen=True, slots=True)
class Digits:
    """A number in the text: the line it is on, and from where to where."""

    line: Line
    start: int
    end: int

    def raised(self) -> str:
        """Return the line's text with the number one higher (``09`` becomes ``10``)."""
        text = self.line.text
        old = text[self.start : self.end]
        return f"{text[: self.start]}{int(old) + 1:0{len(old)}d}{text[self.end :]}"


def automatic(layout: Layout) -> bool:
    """Whether ``%autorelease`` numbers the releases."""
    return any("%autorelease" in value or "%{autorelease" in value for _, _, value in _release_tags(layout))


def candidates(layout: Layout) -> tuple[Digits, ...]:
    """Return the numbers that ``Release:`` may come from, likeliest first.

    More than one where branches define the macro differently; only rpm knows which is taken, so the
    caller tries which of them changes the release.
    """
    found: list[Digits] = []
    for line, offset, value in _release_tags(layout):
        found += _numbers(layout, line, offset, value, frozenset())
    return tuple(dict.fromkeys(found))


def _release_tags(layout: Layout) -> Iterator[tuple[Line, int, str]]:
    for line in layout.section(PREAMBLE):
        if line.kind is Kind.CODE and line.live and (match := _RELEASE.match(line.text)):
            yield line, match.start("value"), match["value"]


def _numbers(layout: Layout, line: Line, offset: int, value: str, seen: frozenset[str]) -> Iterator[Digits]:
    """Walk a release text from the left to its first number, through macros."""
    if match := _MINOR.match(value):
        yield Digits(line, offset + match.start("number"), offset + match.end("number"))
        return
    position = 0
    if value.startswith("0.") and "%" in value[:3]:  # 0.%{fedora_build}
        position = 2
    while position < len(value):
        if match := _NUMBER.match(value, position):
            yield Digits(line, offset + match.start("number"), offset + match.end("number"))
            return
        match = _REFERENCE.match(value, position)
        if match is None:
            return
        name = match["braced"] or match["bare"]
        if not match["rest"] and name not in seen:
            inner = [
                digits
                for where, at, text in _definitions(layout, name)
                for digits in _numbers(layout, where, at, text, seen | {name})
            ]
            if inner:
                yield from inner
                return
        position = match.end()


def _definitions(layout: Layout, name: str) -> Iterator[tuple[Line, int, str]]:
    """Yield where a macro is given a one-line value: line, offset of the value, value."""
    pattern = re.compile(
        rf"\s*(?:%\{{!\?{name}:\s*)?%(?:define|global)\s+{name}\s+(?P<value>[^\s}}].*?)\s*\}}?\s*$"
    )
    plain = re.compile(rf"\s*%(?:define|global)\s+{name}\s+(?P<value>\S.*?)\s*$")
    for line in layout.section(PREAMBLE):
        match = plain.match(line.text) or pattern.match(line.text)
        if match and line.live and line.kind in (Kind.CODE, Kind.MACRO):
            yield line, match.start("value"), match["value"]
