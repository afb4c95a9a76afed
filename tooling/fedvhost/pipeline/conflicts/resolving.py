"""Recorded answers: ``backport/resolutions/<feature>/<key>.json``, read for a run, written by ``resume``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fedvhost.backport.resolutions import (
    RESOLUTION,
    RESOLVER,
    Answer,
    Known,
    Question,
    answered,
    leftover,
)
from fedvhost.errors import InputError
from fedvhost.git.identity import Identity
from fedvhost.workspace import Workspace, write_all

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about one commit, and the folder where a person answers it."""

    feature: str
    folder: Path
    commit: str
    subject: str
    question: Question


@dataclass(frozen=True, slots=True)
class Said:
    """Who answered, on which day (``2010-02-09``), and why so, if the person said it."""

    who: str
    when: str
    because: str = ""
    rung: str = RESOLUTION

    @property
    def how(self) -> str:
        """The answer in a note."""
        by_hand = f"by hand, {self.who.partition(' <')[0]}"
        by = by_hand if self.rung == RESOLUTION else f"by the command '{self.who}'"
        return f"resolved {by}, {self.when}" + (f": {self.because}" if self.because else "")


def said_now(identity: Identity, because: str | None) -> Said:
    """Today's answer of ``identity``."""
    return Said(str(identity), datetime.now(UTC).date().isoformat(), " ".join((because or "").split()))


def said_by(command: str, because: str) -> Said:
    """Today's answer of a resolver."""
    return Said(command, datetime.now(UTC).date().isoformat(), " ".join(because.split()), RESOLVER)


def known_answers(workspace: Workspace, feature: str) -> Known:
    """Read what was answered for a feature.

    Raises:
        InputError: a file is not a recorded answer.
    """
    found: dict[str, Answer] = {}
    for file in sorted((workspace.resolutions_dir / feature).glob("*.json")):
        answer = _read(workspace, file)
        found[answer.key] = answer
    return Known(found)


def take(workspace: Workspace, asked: Sequence[Asked]) -> tuple[tuple[Asked, Answer], ...]:
    """Take the answers from the edited files; nothing is written.

    Raises:
        InputError: a conflict marker is left, or a file is gone that holds part of an answer.
    """
    found: list[tuple[Asked, Answer]] = []
    for one in asked:
        file = one.folder / one.question.path
        where = workspace.relative(file)
        if not one.folder.is_dir():
            raise InputError(
                f"the folder '{workspace.relative(one.folder)}' is gone; "
                "give the command that stopped again, it puts the files there anew"
            )
        content = file.read_bytes() if file.exists() else None
        if content is None and one.question.lines_key is not None:
            raise InputError(
                "the file is gone, and only some of its lines were in question; 'fedvhost abort' and the "
                "command that stopped put it there anew; 'drop-hunk' in the manifest leaves a hunk out",
                file=where,
            )
        line = leftover(one.question, content) if content is not None else None
        if line is not None:
            raise InputError(
                "a conflict marker is left; decide what stands there, remove the markers, and resume again "
                "(nothing is recorded yet, and your edits are kept)",
                file=where,
                line=line,
            )
        found.append((one, answered(one.question, content, "")))
    return tuple(found)


def record(workspace: Workspace, taken: Sequence[tuple[Asked, Answer]], said: Said) -> tuple[str, ...]:
    """Write the answers, all of them or none; returns the files that changed. What is recorded with the
    same content stays as it is, unless there is a new reason."""
    files: dict[Path, bytes] = {}
    for one, answer in taken:
        file = workspace.resolutions_dir / one.feature / f"{answer.key}.json"
        if file.exists() and not said.because:
            known = _read(workspace, file)
            if (known.texts, known.rung) == (answer.texts, said.rung):
                continue
        files[file] = _to_json(one, answer, said)
    return tuple(workspace.relative(path) for path in write_all(files))


def _read(workspace: Workspace, file: Path) -> Answer:
    try:
        raw = json.loads(file.read_bytes())
        if raw["format"] != FORMAT:
            raise ValueError(f"format {raw['format']}")
        if raw["key"] != file.stem:
            raise ValueError(f"the key in it is {raw['key']}")
        texts = tuple(t.encode("utf-8", "surrogateescape") for t in raw["texts"])
        if raw["whole"] and len(texts) > 1:
            raise ValueError("several texts for one file")
        rung = raw.get("rung", RESOLUTION)
        if rung not in (RESOLUTION, RESOLVER):
            raise ValueError(f"an answer of the rung {rung}")
        said = Said(raw["who"], raw["when"], raw["because"], rung)
        return Answer(raw["key"], bool(raw["whole"]), texts, said.how, rung, rung == RESOLVER)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"not a recorded answer ({type(error).__name__}: {error}); remove it to be asked again",
            file=workspace.relative(file),
        ) from error


def _to_json(one: Asked, answer: Answer, said: Said) -> bytes:
    raw: dict[str, Any] = {
        "format": FORMAT,
        "key": answer.key,
        "path": one.question.path,
        "whole": answer.whole,
        "texts": [t.decode("utf-8", "surrogateescape") for t in answer.texts],
        "who": said.who,
        "when": said.when,
        "because": said.because,
        "rung": said.rung,
        "commit": one.commit,
        "subject": one.subject,
    }
    return (json.dumps(raw, indent=1, sort_keys=True) + "\n").encode()
