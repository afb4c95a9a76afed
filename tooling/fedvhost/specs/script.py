"""A shell script as far as %prep needs it: commands, and the compounds around each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Fate(Enum):
    """Whether the shell gets into a compound: always, never, or only it knows."""

    LIVE = "live"
    UNKNOWN = "unknown"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Frame:
    """A compound around a command: ``if``, ``for``, ``loop``, ``case``, ``function`` (with its name),
    ``group``, ``subshell``, ``substitution``, ``heredoc``, ``quote``; ``line`` as given to ``scan``."""

    kind: str
    line: int
    name: str = ""
    fate: Fate = Fate.UNKNOWN


@dataclass(frozen=True, slots=True)
class Command:
    """A simple command: its words without quotes, the line it begins on, and the compounds around it.

    Commands with the same ``statement`` are joined by pipes, lists and groups on one logical line;
    ``dead``: behind ``false &&`` or ``true ||``, or behind an ``exit`` at the top.
    """

    line: int
    words: tuple[str, ...]
    frames: tuple[Frame, ...]
    statement: int
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """What ``scan`` found. ``before`` has, for each line, the compounds open where it begins (a quote or
    a continued command included); ``trouble`` is the first line that could not be followed."""

    commands: tuple[Command, ...]
    before: dict[int, tuple[Frame, ...]]
    trouble: int | None


def behind(text: str, position: int) -> int:
    """Return the position behind the ``$(…)`` that begins at ``position``; if it does not end on this
    line, the one behind its ``$(``."""
    depth, at, quote = 0, position + 1, ""
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0:
                return at + 1
        at += 1
    return position + 2


def certain(words: tuple[str, ...]) -> bool | None:
    """Return what a condition of constants says, None for any other command."""
    if words in (("false",), ("true",), (":",)):
        return words[0] != "false"
    bare = words[1:-1] if words[0] in ("[", "[[") else words[1:] if words[0] == "test" else ()
    if (
        len(bare) == 3
        and bare[1] in ("=", "==", "-eq", "!=", "-ne")
        and not any("$" in w or "`" in w for w in bare)
    ):
        return (bare[0] == bare[2]) is (bare[1] in ("=", "==", "-eq"))
    return None
