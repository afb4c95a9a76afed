"""The shell of %prep, read just far enough to know where a command stands.

An apply line may be added only where it certainly runs: not in a function, an ``if``, a loop, a
``case`` or a here-document. And a patch counts as applied only where the shell will get to. For both
it is enough to know the words of each command and the compounds around it; this is no shell grammar,
and what it cannot follow it says (``Script.trouble``) rather than guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fedvhost.specs.script import Command, Fate, Frame, Script, behind, certain

_OPENERS = {"if": "if", "for": "for", "select": "for", "while": "loop", "until": "loop", "case": "case"}
_CLOSERS = {"fi": ("if",), "done": ("for", "loop"), "esac": ("case",), "}": ("group", "function")}
_CONTINUE = frozenset({"do", "!", "time", "in"})
_CONDITION = "condition"  # the name of an `if` whose `then` has yet to come
_JOINS = frozenset({"|", "&&", "||"})
_HEREDOC = re.compile(r"<<(?P<dash>-?)\s*(?P<quote>['\"\\]?)(?P<word>[\w.!-]+)(?P=quote)?")
_FUNCTION = re.compile(r"[A-Za-z_][\w-]*")
_CLOSING = {"{": "}", "(": ")", "[": "]"}


@dataclass(slots=True)
class _State:
    """Where the reader is. Copied at ``%if``, so that each branch starts from the same place."""

    frames: list[Frame] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    word: str | None = None
    pending: list[tuple[str, bool]] = field(default_factory=list)  # here-documents that begin after this line
    function: str | None = None  # a name whose body has yet to open
    joined: bool = False  # the statement goes on: behind |, && or ||
    dead: bool = False
    exited: bool = False

    def copy(self) -> _State:
        return replace(self, frames=list(self.frames), words=list(self.words), pending=list(self.pending))


class _Reader:
    def __init__(self) -> None:
        self.state = _State()
        self.commands: list[Command] = []
        self.before: dict[int, tuple[Frame, ...]] = {}
        self.trouble: int | None = None
        self.statement = 0
        self.line = 0
        self.command_line = 0

    # -- a line -------------------------------------------------------------------------------------

    def feed(self, line: int, text: str) -> None:
        """Read one line (without its ending)."""
        self.line = line
        state = self.state
        self.before[line] = tuple(state.frames) + ((Frame("continued", line),) if self._continued else ())
        if state.frames and state.frames[-1].kind == "heredoc":
            self._heredoc(text)
            return
        position = 0
        if state.frames and state.frames[-1].kind == "quote":
            position = self._quote(text, 0, state.frames[-1].name)
            if position > len(text):
                return
            state.frames.pop()
        self._read(text, position)

    @property
    def _continued(self) -> bool:
        return bool(self.state.words) or self.state.word is not None or self.state.joined

    def _heredoc(self, text: str) -> None:
        top = self.state.frames[-1]
        if (text.lstrip("\t") if top.name.startswith("-") else text) == top.name.lstrip("-"):
            self.state.frames.pop()
            self._open_heredoc()

    def _open_heredoc(self) -> None:
        if self.state.pending:
            word, dash = self.state.pending.pop(0)
            self.state.frames.append(Frame("heredoc", self.line, ("-" if dash else "") + word))

    def _quote(self, text: str, position: int, quote: str) -> int:
        """Take quoted text; return the position behind its end, ``len(text) + 1`` if that is not here."""
        start = position
        while position < len(text):
            if text[position] == "\\" and quote != "'":
                position += 2
                continue
            if text[position] == quote:
                self._add(text[start:position])
                return position + 1
            # In "$(…)" the quotes are the inner command's own.
            position = (
                behind(text, position) if text.startswith("$(", position) and quote == '"' else position + 1
            )
        self._add(text[start:] + "\n")
        return len(text) + 1

    def _add(self, text: str) -> None:
        if self.state.word is None and not self.state.words:
            self.command_line = self.line
        self.state.word = (self.state.word or "") + text

    def _read(self, text: str, position: int) -> None:
        while position < len(text):
            char = text[position]
            if char == "#" and self.state.word is None:
                break
            if char == "\\" and position + 1 == len(text):
                self._end_word()
                self.state.joined = True
                return
            if char in "'\"`":
                self._add("")
                position = self._quote(text, position + 1, char)
                if position > len(text):
                    self.state.frames.append(Frame("quote", self.line, char))
                    return
            else:
                position = self._step(text, position)
        self._end_line()

    def _step(self, text: str, position: int) -> int:
        """Take what is at ``position``; return the position behind it."""
        char = text[position]
        if char in " \t":
            self._end_word()
            return position + 1
        if char == "\\":
            self._add(text[position + 1])
            return position + 2
        if text[position : position + 2] in ("${", "$[", "%{", "%[", "%("):
            return self._braced(text, position)
        if text.startswith("$((", position):
            end = behind(text, position)
            self._add(text[position:end])
            return end
        if char in "();&|":
            return self._operator(text, position)
        if char in "<>":
            return self._redirect(text, position)
        self._add(char)
        return position + 1

    def _end_line(self) -> None:
        self._end_command("\n")
        if not self.state.joined:
            self.statement += 1
        self._open_heredoc()

    def _redirect(self, text: str, position: int) -> int:
        self._end_word()
        if text.startswith("<<<", position):
            return position + 3
        if match := _HEREDOC.match(text, position):
            self.state.pending.append((match["word"], bool(match["dash"])))
            return match.end()
        if text[position + 1 : position + 2] == "(":  # process substitution
            self.state.frames.append(Frame("substitution", self.line))
            return position + 2
        return position + (2 if text[position + 1 : position + 2] in ("&", ">", "<") else 1)

    def _braced(self, text: str, position: int) -> int:
        """Take ``${…}``, ``%{…}``, ``%(…)`` as part of a word."""
        opening = text[position + 1]
        closing, depth, end = _CLOSING[opening], 0, position + 1
        while end < len(text):
            depth += (text[end] == opening) - (text[end] == closing)
            end += 1
            if depth == 0:
                break
        self._add(text[position:end])
        return end

    # -- words and operators ------------------------------------------------------------------------

    def _operator(self, text: str, position: int) -> int:
        char = text[position]
        if char == "(":
            return self._open_bracket(text, position)
        if char == ")":
            self._end_command(")")
            # In a `case` this ends a pattern.
            if not (self.state.frames and self.state.frames[-1].kind == "case"):
                self._close(("subshell", "substitution"))
            return position + 1
        operator = text[position : position + 2]
        if operator not in ("&&", "||", ";;"):
            operator = char
        self._end_command(operator)
        return position + len(operator)

    def _open_bracket(self, text: str, position: int) -> int:
        state = self.state
        if text.startswith("()", position) and self._names_function():
            return position + 2
        inside = state.word is not None or bool(state.words)
        if not inside and state.frames and state.frames[-1].kind == "case":
            return position + 1  # the optional bracket before a pattern
        if inside:
            self._end_command("(")
        state.frames.append(Frame("substitution" if inside else "subshell", self.line))
        return position + 1

    def _names_function(self) -> bool:
        """``name()``: remember the name; its body opens with the next ``{`` or ``(``."""
        state = self.state
        name = state.word if state.word is not None else (state.words[-1] if len(state.words) == 1 else None)
        if name is None or not _FUNCTION.fullmatch(name):
            return False
        if state.word is not None and state.words[:1] not in ([], ["function"]):
            return False
        state.function, state.word = name, None
        state.words.clear()
        return True

    def _end_word(self) -> None:
        state = self.state
        if state.word is None:
            return
        word, state.word = state.word, None
        if not state.words:
            if not self._reserved(word):
                state.words.append(word)
            return
        state.words.append(word)
        if state.words[0] == "function" and len(state.words) == 2:
            state.function = word
            state.words.clear()

    def _reserved(self, word: str) -> bool:
        """Take a word of the shell's own where a command begins; False if it is none."""
        state = self.state
        if word in _OPENERS:
            state.frames.append(Frame(_OPENERS[word], self.line, _CONDITION if word == "if" else ""))
            if word in ("for", "select", "case"):
                state.words.append(word)
        elif word in _CLOSERS:
            self._close(_CLOSERS[word])
        elif word == "{":
            kind = "group" if state.function is None else "function"
            state.frames.append(Frame(kind, self.line, state.function or ""))
            state.function = None
        elif word in ("then", "else", "elif"):
            self._turn(word)
        elif word not in _CONTINUE:
            return False
        state.joined = False
        return True

    def _turn(self, word: str) -> None:
        """At ``else``, what was certain of the condition is certain the other way round."""
        frames = self.state.frames
        if not frames or frames[-1].kind != "if":
            return
        top = frames[-1]
        if word == "then":
            frames[-1] = replace(top, name="")
        else:
            flipped = {Fate.LIVE: Fate.DEAD, Fate.DEAD: Fate.LIVE}.get(top.fate, Fate.UNKNOWN)
            pending = word == "elif" and flipped is not Fate.DEAD
            frames[-1] = replace(top, fate=flipped, name=_CONDITION if pending else "")

    def _close(self, kinds: tuple[str, ...]) -> None:
        frames = self.state.frames
        if frames and frames[-1].kind in kinds:
            frames.pop()
        elif self.trouble is None:
            self.trouble = self.line

    def _end_command(self, operator: str) -> None:
        state = self.state
        self._end_word()
        if state.words:
            words = tuple(state.words)
            state.words.clear()
            dead = state.dead or state.exited
            self.commands.append(Command(self.command_line, words, tuple(state.frames), self.statement, dead))
            self._learn(words, operator)
            state.joined = operator in _JOINS
        elif operator != "\n":
            state.joined = operator in _JOINS
        if operator in (";", "\n", "&", ";;") and not state.joined:
            state.dead = False

    def _learn(self, words: tuple[str, ...], operator: str) -> None:
        """Note what is certain: the condition of an ``if``, the left side of a list, an ``exit``."""
        state = self.state
        truth = certain(words)
        top = state.frames[-1] if state.frames else None
        if top and top.name == _CONDITION and operator in (";", "\n"):
            fate = {True: Fate.LIVE, False: Fate.DEAD, None: Fate.UNKNOWN}[truth]
            state.frames[-1] = replace(top, fate=fate)
        if (operator == "&&" and truth is False) or (operator == "||" and truth is True):
            state.dead = True
        if words[0] == "exit" and not state.frames and operator in (";", "\n"):
            state.exited = True


def scan(lines: Iterable[tuple[int, str, str]]) -> Script:
    """Read shell text given as (line, text, directive): ``directive`` is ``if``, ``else`` or ``endif`` for a
    line that belongs to rpm, ``skip`` for one the shell never sees, empty otherwise."""
    reader = _Reader()
    saved: list[_State] = []
    for line, text, directive in lines:
        if directive == "":
            reader.feed(line, text)
            continue
        reader.before[line] = tuple(reader.state.frames)
        if directive == "if":
            saved.append(reader.state.copy())
        elif directive == "else" and saved:
            reader.state = saved[-1].copy()
        elif directive == "endif" and saved:
            # An `exit` in one branch says nothing about what follows all of them.
            reader.state.exited = saved.pop().exited
    if reader.state.frames and reader.trouble is None:
        reader.trouble = reader.state.frames[0].line
    return Script(tuple(reader.commands), reader.before, reader.trouble)
