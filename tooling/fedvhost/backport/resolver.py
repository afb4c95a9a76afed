"""The external resolver: what it is asked, as JSON, and what of its answer may be believed.

A program that makes up lines can lose some of upstream's, or write them twice, and nobody would see it. So
each line that upstream adds must stand in the answer as often as upstream and the base have it; what is
left out on purpose must be named. The answer is marked for review whatever it is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from fedvhost.backport.accounting import unaccounted
from fedvhost.backport.diff3 import Chunk, Lines, Part, split_lines
from fedvhost.backport.resolutions import RESOLVER, Answer, Question, leftover

FORMAT = 1
_MARKERS = (b"<<<<<<<", b"|||||||", b">>>>>>>")
# A reason is a sentence in a note and in a commit message, not a page.
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Refused:
    """No answer, or none that may be believed: why."""

    why: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """The answers, one for each question in their order, and what the resolver says of them."""

    answers: tuple[Answer, ...]
    because: str


def request(facts: Mapping[str, str], questions: Sequence[Question]) -> bytes:
    """Return what the resolver reads; ``facts``: names of package, commit and so on."""
    files = [
        {"path": q.path, "whole": q.lines_key is None, "parts": [_part(p) for p in q.parts]}
        for q in questions
    ]
    # Bytes that are no UTF-8 are lone surrogates, which JSON escapes.
    return (json.dumps({"format": FORMAT, **facts, "files": files}, indent=1) + "\n").encode()


def _part(part: Part) -> Any:
    if isinstance(part, Chunk):
        sides = {"base": part.base, "here": part.ours, "with": part.theirs}
        return {"conflict": {side: _text(lines) for side, lines in sides.items()}}
    return {"settled": _text(part)}


def _text(lines: Sequence[bytes]) -> str:
    return b"".join(lines).decode("utf-8", "surrogateescape")


def response(raw: bytes, questions: Sequence[Question]) -> Resolved | Refused:
    """Read what the resolver wrote, and check it."""
    try:
        said = json.loads(raw)
    except ValueError as error:
        return Refused(f"what it wrote is not JSON: {error}")
    if not isinstance(said, dict) or not isinstance(said.get("files"), list):
        return Refused("what it wrote is not an object with a list 'files'")
    because = said.get("because", "")
    if not isinstance(because, str) or not because.isprintable() or len(because) > _LONGEST:
        return Refused(f"'because' is not one line of at most {_LONGEST} signs")
    if not said["files"]:
        return Refused(f"it has no answer{f': {because}' if because else ''}")
    given: dict[str, Mapping[str, Any]] = {}
    for one in said["files"]:
        if not isinstance(one, dict) or not isinstance(one.get("path"), str) or one["path"] in given:
            return Refused("an entry of 'files' has no 'path', or the path of another one")
        given[one["path"]] = one
    if given.keys() != {q.path for q in questions}:
        other = sorted(given.keys() ^ {q.path for q in questions})
        return Refused(f"it must answer for each file in question and no other; not so: {', '.join(other)}")
    answers: list[Answer] = []
    for question in questions:
        answer = _answer(question, given[question.path])
        if isinstance(answer, Refused):
            return Refused(f"{question.path}: {answer.why}")
        answers.append(answer)
    return Resolved(tuple(answers), because)


def _answer(question: Question, said: Mapping[str, Any]) -> Answer | Refused:
    texts, left_out = said.get("texts"), said.get("left_out", [])
    if not _strings(texts) or not _strings(left_out):
        return Refused("'texts' and 'left_out' must be lists of strings")
    if len(texts) != len(question.chunks):
        return Refused(f"{len(texts)} texts for {len(question.chunks)} conflicts")
    parts = [text.encode("utf-8", "surrogateescape") for text in texts]
    dropped = Counter(line.encode("utf-8", "surrogateescape").strip() for line in left_out)
    for chunk, text in zip(question.chunks, parts, strict=True):
        lines = split_lines(text)
        if _marker(question, lines):
            return Refused("a conflict marker stands in a text")
        if (why := unaccounted(chunk, lines, dropped)) is not None:
            return Refused(why)
    if +dropped:
        return Refused("'left_out' names a line that upstream does not add, or that is not left out")
    whole = question.lines_key is None
    return Answer(question.key, whole, tuple(parts), "", RESOLVER, review=True)


def _strings(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(v, str) for v in value)


def _marker(question: Question, lines: Lines) -> bool:
    known = {line for c in question.chunks for side in (c.base, c.ours, c.theirs) for line in side}
    made_up = [line for line in lines if line not in known]
    return any(line.startswith(_MARKERS) for line in made_up) or (
        leftover(question, b"".join(lines)) is not None
    )
