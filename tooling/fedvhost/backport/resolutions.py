"""Answers that people give to conflicts: the question as a file to edit, and the answer taken from it.

A question is known by its content: the path, and for each conflict what the three sides say. So an answer
holds for another base, for another commit with the same change, and after more picks in front, as long as
the conflict is the same. An answer given beyond the conflicts holds for exactly the same three files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fedvhost.backport.diff3 import Chunk, Lines, Part, occurrences, split_lines

HERE, BEFORE, WITH = b"<<<<<<< here", b"||||||| upstream before it", b">>>>>>> upstream with it"
BETWEEN = b"======="
# The rungs of an answer: a person's, and that of the command which a workspace names as its resolver.
RESOLUTION, RESOLVER = "resolution", "resolver"


@dataclass(frozen=True, slots=True)
class Question:
    """A file that no rung settled. ``parts``: its settled lines and what is in question, in order.

    ``lines_key`` is None where the file as a whole is in question, as when one side does not have it.
    """

    path: str
    parts: tuple[Part, ...]
    file_key: str
    lines_key: str | None = None

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """What is in question."""
        return tuple(p for p in self.parts if isinstance(p, Chunk))

    @property
    def key(self) -> str:
        """What the question is known by, as it was asked."""
        return self.lines_key or self.file_key


@dataclass(frozen=True, slots=True)
class Answer:
    """What stands in the place of each conflict, or (``whole``) in the file: nothing means that the file
    is not to be there. ``rung`` and ``how`` are for the note; ``review``: a person must look."""

    key: str
    whole: bool
    texts: tuple[bytes, ...]
    how: str
    rung: str = RESOLUTION
    review: bool = False


class Answers(Protocol):
    """Where landing looks for an answer."""

    def find(self, question: Question) -> Answer | None: ...


@dataclass(frozen=True, slots=True)
class Known:
    """Recorded answers, by the key of their question."""

    by_key: Mapping[str, Answer]

    def find(self, question: Question) -> Answer | None:
        """Return the answer to this very question; one for the whole file says more, so it comes first."""
        whole = self.by_key.get(question.file_key)
        if whole is not None or question.lines_key is None:
            return whole
        answer = self.by_key.get(question.lines_key)
        # A file that was changed by hand could have the right key and too few texts.
        return answer if answer is not None and len(answer.texts) == len(question.chunks) else None


NO_ANSWERS = Known({})


def ask(path: str, parts: Sequence[Part], sides: Sequence[bytes | None], *, whole: bool) -> Question:
    """Put the question; ``sides`` are the files before the pick, here, and with the pick (None: absent)."""
    joined = tuple(_joined(parts))
    found = [p for p in joined if isinstance(p, Chunk)]
    texts = [b"".join(lines) for c in found for lines in (c.base, c.ours, c.theirs)]
    return Question(path, joined, _key("file", path, sides), None if whole else _key("lines", path, texts))


def ask_whole(path: str, base: bytes | None, ours: bytes | None, theirs: bytes | None) -> Question | None:
    """Put the question of what a whole file is to be; None if it is not text that a person can edit."""
    sides = (base, ours, theirs)
    if any(side is not None and b"\0" in side for side in sides):
        return None
    chunk = Chunk(*(split_lines(side or b"") for side in sides))
    return ask(path, (chunk,), sides, whole=True)


def _joined(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield the parts with neighbouring settled lines made one, and none of them empty."""
    held: Lines = ()
    for part in parts:
        if isinstance(part, Chunk):
            if held:
                yield held
            held = ()
            yield part
        else:
            held += tuple(part)
    if held:
        yield held


def _key(kind: str, path: str, texts: Sequence[bytes | None]) -> str:
    """Hash texts so that no two lists of them are the same: each goes with its length."""
    digest = hashlib.sha256()
    for text in (kind.encode(), path.encode("utf-8", "surrogateescape"), *texts):
        digest.update(b"-\n" if text is None else b"%d\n" % len(text) + text)
    return digest.hexdigest()


def draft(question: Question) -> bytes:
    """Return the file for a person to edit: settled lines, and what is in question between markers."""
    lines: list[bytes] = []
    for part in question.parts:
        if not isinstance(part, Chunk):
            lines += part
            continue
        lines += [HERE + b"\n", *_ended(part.ours), BEFORE + b"\n", *_ended(part.base)]
        lines += [BETWEEN + b"\n", *_ended(part.theirs), WITH + b"\n"]
    return b"".join(lines)


def _ended(lines: Lines) -> Lines:
    """A marker begins its own line, whatever the last line of a side lacks."""
    return lines if not lines or lines[-1].endswith(b"\n") else (*lines[:-1], lines[-1] + b"\n")


def leftover(question: Question, edited: bytes) -> int | None:
    """Return the line (from 1) of the first conflict marker that is left, None if none is."""
    theirs = {line.rstrip(b"\r\n") for line in _said(question)}
    markers = {HERE, BEFORE, BETWEEN, WITH} - theirs  # ``=======`` underlines a heading, too
    for number, line in enumerate(split_lines(edited), 1):
        if line.rstrip(b"\r\n") in markers:
            return number
    return None


def _said(question: Question) -> Iterator[bytes]:
    for part in question.parts:
        if isinstance(part, Chunk):
            yield from (*part.base, *part.ours, *part.theirs)
        else:
            yield from part


def answered(question: Question, edited: bytes | None, how: str) -> Answer:
    """Take the answer from the edited file; None: a person removed it.

    If all settled lines are still there, and it can be told where, the answer is what stands between them.
    Else it is the file as a whole.
    """
    if edited is None:
        return Answer(question.file_key, True, (), how)
    between = None if question.lines_key is None else _between(question.parts, split_lines(edited))
    if question.lines_key is None or between is None:
        return Answer(question.file_key, True, (edited,), how)
    return Answer(question.lines_key, False, tuple(b"".join(lines) for lines in between), how)


def _between(parts: Sequence[Part], lines: Lines) -> tuple[Lines, ...] | None:
    """Return what stands in the place of each chunk, None if settled lines changed or are ambiguous."""
    first = parts[0] if parts and not isinstance(parts[0], Chunk) else ()
    last = parts[-1] if len(parts) > 1 and not isinstance(parts[-1], Chunk) else ()
    if len(first) + len(last) > len(lines):
        return None
    if lines[: len(first)] != tuple(first) or lines[len(lines) - len(last) :] != tuple(last):
        return None
    rest = lines[len(first) : len(lines) - len(last)]
    found: list[Lines] = []
    for middle in parts[1:] if first else parts:
        if isinstance(middle, Chunk) or middle is last:
            continue
        # Twice there: a person may have put it in again, and nothing says which one was there before.
        at = occurrences(middle, rest)
        if len(at) != 1:
            return None
        found.append(rest[: at[0]])
        rest = rest[at[0] + len(middle) :]
    # Two conflicts with nothing between them: nobody can tell whose lines these are.
    return (*found, rest) if len(found) + 1 == sum(isinstance(p, Chunk) for p in parts) else None
