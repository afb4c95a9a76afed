"""What each line of a spec is: its section, the ``%if`` branches around it, macro body or plain line.

Nothing is expanded here. rpm would have to, to know which branch is taken; an edit must be right in all
of them, so every branch is read and each line carries the conditions it stands under.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from fedvhost.errors import InputError
from fedvhost.specs.text import RawLine

PREAMBLE = "preamble"

_DIRECTIVE = re.compile(
    r"\s*%(?P<word>if|ifarch|ifnarch|ifos|ifnos|elif|elifarch|elifos|else|endif)\b(?P<rest>.*)"
)
_SECTION = re.compile(
    r"%(?P<name>prep|generate_buildrequires|conf|build|install|check|clean|changelog|description|package|files"
    r"|patchlist|sourcelist|pre|post|preun|postun|pretrans|posttrans|preuntrans|postuntrans"
    r"|trigger\w*|filetrigger\w*|transfiletrigger\w*|verifyscript|sepolicy)(?![\w(-])"
)
_DEFINITION = re.compile(r"\s*%(?:define|global)\s")
_COMMENT = re.compile(r"\s*(?:#|%dnl\b)")
# Text sections: prose in which an odd brace means nothing.
_PROSE = frozenset({"changelog", "description"})


class Kind(Enum):
    """What a line is."""

    CODE = "code"
    COMMENT = "comment"
    BLANK = "blank"
    DIRECTIVE = "directive"  # %if, %else, %endif
    SECTION = "section"  # %prep, %files …
    MACRO = "macro"  # (part of) a macro definition or of a macro that spans lines


@dataclass(frozen=True, slots=True)
class Condition:
    """One ``%if`` branch around a line. ``text`` tells two branches apart wherever they stand, so equal
    texts are equal conditions; ``line`` (from 1) is where the ``%if`` is; ``never``: literally false."""

    text: str
    line: int
    never: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line and where it stands; ``number`` counts from 1, ``section`` is without the ``%``."""

    number: int
    text: str
    kind: Kind
    section: str
    conditions: tuple[Condition, ...]

    @property
    def index(self) -> int:
        """The place in ``Layout.lines``."""
        return self.number - 1

    @property
    def directive(self) -> str:
        """``if``, ``else`` or ``endif`` for rpm's own lines, ``skip`` for macro text, else nothing."""
        if self.kind is not Kind.DIRECTIVE:
            return "skip" if self.kind in (Kind.MACRO, Kind.SECTION) else ""
        match = _DIRECTIVE.match(self.text)
        assert match is not None
        return {"e": "else", "i": "if"}.get(match["word"][0], "") if match["word"] != "endif" else "endif"

    @property
    def live(self) -> bool:
        """False under a condition that is literally false (``%if 0``)."""
        return not any(c.never for c in self.conditions)

    @property
    def under(self) -> tuple[str, ...]:
        """The texts of the conditions, outermost first."""
        return tuple(c.text for c in self.conditions)


@dataclass(frozen=True, slots=True)
class Layout:
    """A spec that was read; ``file`` is for messages."""

    lines: tuple[Line, ...]
    file: str

    def section(self, *names: str) -> tuple[Line, ...]:
        """Return the lines of the sections so named, headings included."""
        return tuple(line for line in self.lines if line.section in names)


def read_layout(raw: Sequence[RawLine], file: str) -> Layout:
    """Read where each line stands.

    Raises:
        InputError: the ``%if``/``%endif`` do not match (file and line are given).
    """
    lines: list[Line] = []
    stack: list[Condition] = []
    section = PREAMBLE
    macro_until = 0
    for index, line in enumerate(raw):
        number, text = index + 1, line.text
        kind = _kind(text)
        if index < macro_until:
            kind = Kind.MACRO
        elif kind is Kind.DIRECTIVE:
            _step(stack, text, number, file)
        elif (match := _SECTION.match(text)) and kind is Kind.CODE:
            kind, section = Kind.SECTION, match["name"]
        elif section not in _PROSE and kind is Kind.CODE:
            end = _unit_end(raw, index)
            if _DEFINITION.match(text) or end > index + 1:
                kind, macro_until = Kind.MACRO, end
        lines.append(Line(number, text, kind, section, tuple(stack)))
    if stack:
        raise InputError(
            f"'{stack[-1].text}' has no %endif; add it before this spec is edited",
            file=file,
            line=stack[-1].line,
        )
    return Layout(tuple(lines), file)


def read_expanded(text: str, file: str) -> Layout:
    """Read a spec that rpm has expanded (``rpmspec -P``): no conditions are left, nor macros."""
    lines: list[Line] = []
    section = PREAMBLE
    for number, line in enumerate(text.split("\n"), start=1):
        kind = Kind.CODE if line.strip() else Kind.BLANK
        if _COMMENT.match(line):
            kind = Kind.COMMENT
        elif match := _SECTION.match(line):
            kind, section = Kind.SECTION, match["name"]
        lines.append(Line(number, line, kind, section, ()))
    return Layout(tuple(lines), file)


def _kind(text: str) -> Kind:
    if not text.strip():
        return Kind.BLANK
    if _DIRECTIVE.match(text):
        return Kind.DIRECTIVE
    return Kind.COMMENT if _COMMENT.match(text) else Kind.CODE


def _step(stack: list[Condition], text: str, number: int, file: str) -> None:
    """Take one directive into account."""
    match = _DIRECTIVE.match(text)
    assert match is not None
    word, rest = match["word"], " ".join(match["rest"].split())
    if word.startswith("if"):
        stack.append(Condition(f"%{word} {rest}", number, never=word == "if" and _literal(rest) is False))
        return
    if not stack:
        raise InputError(f"'%{word}' without an %if before it", file=file, line=number)
    opened = stack.pop()
    if word != "endif":
        # Only the %else of a literal `%if 1` is certainly dead.
        dead = word == "else" and opened.text.startswith("%if ") and _literal(opened.text[4:]) is True
        stack.append(Condition(f"{opened.text} %{word} {rest}".rstrip(), opened.line, never=dead))


def _literal(expression: str) -> bool | None:
    """Return what a condition without any macro says, None if it takes rpm to know."""
    bare = expression.split("#", 1)[0].strip()
    negated, bare = bare.startswith("!"), bare.lstrip("!").strip()
    return (int(bare) != 0) is not negated if bare.isdecimal() else None


def _unit_end(raw: Sequence[RawLine], start: int) -> int:
    """Return the index behind the lines that rpm expands as one, as rpm's own line reader counts:
    open ``%{``, ``%(``, ``%[``, and for a definition a trailing backslash."""
    definition = _DEFINITION.match(raw[start].text) is not None
    depth = {"{": 0, "(": 0, "[": 0}
    opened = 0
    for index in range(start, len(raw)):
        text = raw[index].text
        if index > start and (match := _DIRECTIVE.match(text)):
            opened += match["word"].startswith("if") - (match["word"] == "endif")
            if opened < 0:
                # A stray backslash on the line before. In a branch that is not taken rpm does not join
                # lines, so specs with this build, and this %endif belongs to an %if outside.
                return index
        _count(text, depth)
        if not any(depth.values()) and not (definition and text.endswith("\\")):
            return index + 1
    return start + 1  # never closed: rpm would complain; for us it is a line like any other


_CLOSES = {"}": "{", ")": "(", "]": "["}


def _count(text: str, depth: dict[str, int]) -> None:
    skip = False
    for position, char in enumerate(text):
        if skip:
            skip = False
        elif char == "\\":
            skip = True
        elif (
            char == "%" and text[position + 1 : position + 2] in ("{", "(", "[", "%") and text[position + 1 :]
        ):
            skip = True
            if text[position + 1] != "%":
                depth[text[position + 1]] += 1
        elif depth.get(char):
            depth[char] += 1
        elif char in _CLOSES and depth[_CLOSES[char]]:
            depth[_CLOSES[char]] -= 1


def paragraphs(lines: Sequence[Line]) -> Iterator[tuple[Line, ...]]:
    """Yield the runs of lines between blank lines, directives and headings: a comment and what it is
    about stand in one."""
    run: list[Line] = []
    for line in lines:
        if line.kind in (Kind.BLANK, Kind.DIRECTIVE, Kind.SECTION):
            if run:
                yield tuple(run)
            run = []
        else:
            run.append(line)
    if run:
        yield tuple(run)
