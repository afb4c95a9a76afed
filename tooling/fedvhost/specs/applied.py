"""The lines of %prep that apply patches, in every idiom that Fedora's specs have had.

=================================  ==========================================================
``%patch12 -p1``                   NUMBERED; ``%patch -p1`` alone means patch 0
``%patch -P 12 -p1``, ``%patch 12``  OPTION; read by every rpm, the only form from 4.20 on
``ApplyPatch x.patch``             FUNCTION: a shell function of the spec's own that runs patch
``patch -p1 < %{PATCH12}``         SHELL, and ``git am %{P:12}`` and the like
``%autosetup``, ``%autopatch``,    ALL: what is declared is applied
``git am %{patches}``
=================================  ==========================================================
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from itertools import groupby, pairwise

from fedvhost.specs.layout import Layout, Line
from fedvhost.specs.script import Command, Frame, Script
from fedvhost.specs.shell import scan


class Style(Enum):
    """How a line applies patches; see the module's table."""

    NUMBERED = "%patchN"
    OPTION = "%patch -P N"
    FUNCTION = "a shell function"
    SHELL = "patch < %{PATCHN}"
    ALL = "all that are declared"


@dataclass(frozen=True, slots=True)
class Applied:
    """A statement of %prep that applies patches, ``first`` to ``last`` its lines.

    ``numbers`` or ``files`` say which; ``word`` is the function's name, or the number as typed;
    ``span`` the numbers that an ``%autopatch -m -M`` is limited to; ``nested``: in a shell compound.
    """

    first: Line
    last: Line
    style: Style
    numbers: tuple[int, ...] = ()
    files: tuple[str, ...] = ()
    word: str = ""
    span: tuple[int, int] | None = None
    nested: bool = False

    @property
    def plain(self) -> bool:
        """Whether a line beside this one certainly runs when this one is kept by rpm."""
        return not self.nested and self.first.live


@dataclass(frozen=True, slots=True)
class Prep:
    """The %prep of a spec: its lines, its shell, and what applies patches there."""

    lines: tuple[Line, ...]
    script: Script
    applied: tuple[Applied, ...]

    @property
    def style(self) -> Style | None:
        """The idiom that new patches follow; None if nothing is applied yet."""
        live = [a for a in self.applied if a.first.live and not a.nested] or [
            a for a in self.applied if a.first.live and a.style is Style.ALL
        ]
        if any(a.style is Style.ALL for a in live):
            return Style.ALL
        counted = Counter(a.style for a in live)
        return counted.most_common(1)[0][0] if counted else None


_NUMBERED = re.compile(r"%\{?patch(\d+)\}?$")
_PATH = re.compile(r"%\{?PATCH(\d+)\}?|%\{P:(\d+)\}")
_OPTION = re.compile(r"-P(\d*)$")
_GIT = frozenset({"am", "apply"})
# Options with which patch or git only looks.
_LOOKS = frozenset({"--dry-run", "--check", "--stat", "--numstat", "--summary"})


def patches_with(command: Command, functions: frozenset[str]) -> bool:
    """Say whether a command puts patches into the tree: patch, git am, git apply, or such a function."""
    name = command.words[0].rsplit("/", 1)[-1]
    if _LOOKS.intersection(command.words):
        return False
    if name in ("patch", "gpatch") or command.words[0] in functions:
        return True
    if name == "xargs":
        return any(word.rsplit("/", 1)[-1] == "patch" for word in command.words[1:])
    return name == "git" and any(word in _GIT for word in command.words[1:])


def patching_functions(script: Script) -> frozenset[str]:
    """Return the functions of the script whose body runs patch, by itself or through another.

    A command in a variable (``$patch_command``) counts when the variable's name says so.
    """
    bodies: dict[str, list[Command]] = {}
    for command in script.commands:
        for name in {f.name for f in command.frames if f.kind == "function"}:
            bodies.setdefault(name, []).append(command)
    found: frozenset[str] = frozenset()
    while True:
        grown = frozenset(
            name
            for name, commands in bodies.items()
            if any(patches_with(c, found) or _names_patch(c) for c in commands)
        )
        if grown == found:
            return found
        found = grown


def _names_patch(command: Command) -> bool:
    return command.words[0].startswith("$") and "patch" in command.words[0].lower()


def read_prep(layout: Layout) -> Prep:
    """Read %prep; lines of the spec as they are, macros not expanded."""
    lines = layout.section("prep")
    script = scan((line.number, line.text, line.directive) for line in lines)
    by_number = {line.number: line for line in lines}
    functions = patching_functions(script)
    applied = []
    for _, group in groupby(script.commands, key=lambda c: (c.statement, c.frames[:1])):
        commands = tuple(group)
        one = _statement(commands, functions)
        if one is not None:
            style, numbers, files, word, span = one
            first, last = by_number[commands[0].line], _last_line(commands, by_number, script)
            applied.append(
                Applied(first, last, style, numbers, files, word, span, nested=_nested(commands, script))
            )
    applied += _loops(script, functions, by_number)
    return Prep(lines, script, tuple(sorted(applied, key=lambda a: a.first.number)))


def _last_line(commands: tuple[Command, ...], lines: dict[int, Line], script: Script) -> Line:
    """Return the last line of a statement: those that only continue it belong to it."""
    number = max(c.line for c in commands)
    while number + 1 in lines and any(f.kind == "continued" for f in script.before[number + 1]):
        number += 1
    return lines[number]


def _nested(commands: Iterable[Command], script: Script) -> bool:
    frames: list[Frame] = []
    for command in commands:
        frames += script.before.get(command.line, ())
        frames += [f for f in command.frames if f.kind not in ("group", "subshell", "substitution")]
    return bool(frames) or any(c.dead for c in commands)


_Found = tuple[Style, tuple[int, ...], tuple[str, ...], str, tuple[int, int] | None]


def _statement(commands: tuple[Command, ...], functions: frozenset[str]) -> _Found | None:
    """Say what one statement applies, None if nothing."""
    for command in commands:
        found = _macro(command)
        if found is not None:
            return found
    doers = [c for c in commands if patches_with(c, functions)]
    if not doers:
        return None
    words = [word for c in commands for word in c.words]
    if any("%{patches}" in word or word == "%patches" for word in words):
        return Style.ALL, (), (), "", None
    numbers = tuple(int(a or b) for word in words for a, b in _PATH.findall(word))
    if numbers:
        return Style.SHELL, numbers, (), "", None
    for command in doers:
        if command.words[0] in functions and len(command.words) > 1 and not command.words[1].startswith("$"):
            return Style.FUNCTION, (), (command.words[1].rsplit("/", 1)[-1],), command.words[0], None
    files = tuple(w.rsplit("/", 1)[-1] for w in words if w.endswith((".patch", ".diff")))
    return (Style.SHELL, (), files, "", None) if files else None


def _macro(command: Command) -> _Found | None:
    """Read ``%patch…``, ``%autosetup`` and ``%autopatch``."""
    name, arguments = command.words[0], command.words[1:]
    if match := _NUMBERED.match(name):
        return Style.NUMBERED, (int(match[1]), *_options(arguments)), (), match[1], None
    if name in ("%patch", "%{patch}"):
        numbers = _options(arguments)
        bare = tuple(int(w) for i, w in enumerate(arguments) if w.isdecimal() and not _value(arguments, i))
        return Style.OPTION, (*numbers, *bare) or (0,), (), "", None
    if name in ("%autosetup", "%{autosetup}") and "-N" not in arguments:
        return Style.ALL, (), (), "", None
    if name in ("%autopatch", "%{autopatch}"):
        bounds = dict(pairwise(arguments))
        span = (int(bounds.get("-m", 0)), int(bounds.get("-M", 2**31)))
        limited = "-m" in bounds or "-M" in bounds
        return Style.ALL, (), (), "", span if limited else None
    return None


def _options(arguments: tuple[str, ...]) -> tuple[int, ...]:
    numbers = []
    for index, word in enumerate(arguments):
        if match := _OPTION.match(word):
            digits = match[1] or (arguments[index + 1] if index + 1 < len(arguments) else "")
            if digits.isdecimal():
                numbers.append(int(digits))
    return tuple(numbers)


def _value(arguments: tuple[str, ...], index: int) -> bool:
    """Whether the word at ``index`` is the value of the option before it (``-P 3``, ``-F 2``)."""
    return index > 0 and re.fullmatch(r"-[bdFpPz]", arguments[index - 1]) is not None


def _loops(script: Script, functions: frozenset[str], lines: dict[int, Line]) -> list[Applied]:
    """Find loops over ``%{patches}`` whose body runs patch: they apply all that are declared."""
    heads = {
        command.frames[-1]: command
        for command in script.commands
        if command.words[0] == "for" and command.frames and any("%{patches}" in w for w in command.words)
    }
    busy = {frame for c in script.commands if patches_with(c, functions) for frame in c.frames}
    return [
        Applied(lines[head.line], lines[head.line], Style.ALL, nested=len(head.frames) > 1)
        for frame, head in heads.items()
        if frame in busy
    ]
