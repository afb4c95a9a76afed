"""A run that stopped at a conflict: the files for a person to edit, and what goes on from there.

::

    .fedvhost/conflict/<release>-<feature>/<package>/…       the conflicted files, to be edited
    .fedvhost/conflict/<release>-<feature>/<package>.json    what was asked, and by which run

What a person edited is never written over: it is moved aside, to ``<package>.kept-1``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fedvhost.backport.diff3 import Chunk, Part, split_lines
from fedvhost.backport.landing import land
from fedvhost.backport.plan import Stop
from fedvhost.backport.resolutions import Question, answered, draft
from fedvhost.errors import InputError
from fedvhost.pipeline.inputs import Job
from fedvhost.values import Oid
from fedvhost.workspace import Workspace, telling_of, write_all, write_atomic

FORMAT = 1
README = "README.txt"
ADVICE = """\
Each folder here holds the files of one commit that could not be merged. Edit them: leave no line that
begins with <<<<<<<, |||||||, ======= or >>>>>>> of those that were put in. Remove a file that is not to be
there. Then: fedvhost resume --release RELEASE. Or: fedvhost abort --release RELEASE.
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A conflict that waits for a person. ``run``: how to go on, as ``backporting`` writes it."""

    feature: str
    release: str
    package: str
    pick: Oid
    subject: str
    questions: tuple[Question, ...]
    run: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was put there for a person to edit: the folder, the files in it; ``kept``: where an older
    answer that nobody recorded was moved to."""

    folder: str
    files: tuple[str, ...]
    kept: str | None = None


def conflict_folder(workspace: Workspace, release: str, feature: str, package: str) -> Path:
    """Where the conflicted files of a package are; the state is beside it, with ``.json``."""
    return workspace.state_dir / "conflict" / f"{release}-{feature}" / package


def state_file(folder: Path) -> Path:
    """The state that belongs to a folder of conflicted files."""
    return folder.with_name(f"{folder.name}.json")


def prepare(workspace: Workspace, job: Job, stop: Stop, tree: Oid, run: Mapping[str, Any]) -> Prepared | None:
    """Put the conflict that a plan stopped at where a person can edit it; what is there of the very same
    conflict stays as it is.

    ``tree`` is what the pick did not land on. None: nothing is in conflict (a name is missing), or
    something that is no file's matter.
    """
    asked = questions(job, stop.commit, tree)
    if not asked:
        return clear(workspace, job)
    folder = _folder_of(workspace, job)
    old = _old_questions(workspace, folder)
    kept = None
    if [q.key for q in old] != [q.key for q in asked] or not folder.is_dir():
        kept = _put_aside(folder, job, old, asked)
        write_all({folder / q.path: draft(q) for q in asked})
        write_atomic(folder.parent / README, ADVICE.encode())
    # Last: what the state does not speak of was not asked.
    one = Waiting(job.feature.name, job.release.name, job.name, stop.commit, stop.subject, asked, run)
    write_atomic(state_file(folder), _to_json(one))
    files = tuple(q.path for q in asked)
    return Prepared(workspace.relative(folder), files, workspace.relative(kept) if kept is not None else None)


def clear(workspace: Workspace, job: Job) -> Prepared | None:
    """Take away what was prepared for a conflict that is none any more; tells what was kept of it."""
    folder = _folder_of(workspace, job)
    kept = _put_aside(folder, job, _old_questions(workspace, folder), ())
    _tidy(folder.parent)
    return None if kept is None else Prepared("", (), workspace.relative(kept))


def waiting(
    workspace: Workspace, release: str, feature: str | None, packages: Sequence[str]
) -> list[Waiting]:
    """Return the conflicts of a release that wait for an answer, of this feature and these packages only.

    Raises:
        InputError: the state of one cannot be read.
    """
    found = [read_waiting(workspace, file) for file in states(workspace)]
    return [
        w for w in found
        if w is not None and w.release == release and feature in (None, w.feature)
        and (not packages or w.package in packages)
    ]  # fmt: skip


def states(workspace: Workspace) -> tuple[Path, ...]:
    """Return the state files of all conflicts."""
    return tuple(sorted((workspace.state_dir / "conflict").glob("*/*.json")))


def remove(workspace: Workspace, one: Waiting) -> Path:
    """Take a conflict away: its state, then its files; returns the folder."""
    folder = conflict_folder(workspace, one.release, one.feature, one.package)
    with telling_of(folder):
        state_file(folder).unlink(missing_ok=True)
        if folder.is_dir():
            shutil.rmtree(folder)
        _tidy(folder.parent)
    return folder


def _folder_of(workspace: Workspace, job: Job) -> Path:
    return conflict_folder(workspace, job.release.name, job.feature.name, job.name)


def _old_questions(workspace: Workspace, folder: Path) -> tuple[Question, ...]:
    try:
        old = read_waiting(workspace, state_file(folder))
    except InputError:  # it is being replaced; the files are kept
        return ()
    return old.questions if old is not None else ()


def _tidy(top: Path) -> None:
    """Remove the folder of a run's conflicts if only our own advice is left in it."""
    if top.is_dir() and {p.name for p in top.iterdir()} <= {README}:
        shutil.rmtree(top)


def questions(job: Job, pick: Oid, tree: Oid) -> tuple[Question, ...]:
    """Return what to ask of a pick that stopped: nothing if some of it is no file's matter."""
    landing = land(job.store, tree, pick, job.wanted.adaptations.get(pick, ()), job.answers)
    asked = {q.path for q in landing.questions}
    if any(u.path not in asked for u in landing.unsettled) or not all(map(_plain, asked)):
        return ()
    return landing.questions


def _plain(path: str) -> bool:
    """Tell whether a path of a tree stays inside a folder that it is written to."""
    pure = PurePosixPath(path)
    return not pure.is_absolute() and not {"..", ".git"} & set(pure.parts)


def _put_aside(folder: Path, job: Job, old: Sequence[Question], new: Sequence[Question]) -> Path | None:
    """Make room for new files. What a person edited and nobody recorded is moved, and told of."""
    edited = folder.is_dir() and any(_unrecorded(folder, job, old, new))
    with telling_of(folder):
        # The state first: without its files it would look as if a person had removed them.
        state_file(folder).unlink(missing_ok=True)
        if not folder.is_dir():
            return None
        if not edited:
            shutil.rmtree(folder)
            return None
        number = 1
        while (aside := folder.with_name(f"{folder.name}.kept-{number}")).exists():
            number += 1
        return folder.rename(aside)


def _unrecorded(folder: Path, job: Job, old: Sequence[Question], new: Sequence[Question]) -> Iterator[Path]:
    drafts = {(folder / q.path, draft(q)) for q in (*old, *new)}
    asked = {folder / q.path: q for q in old}
    for file in folder.rglob("*"):
        # A copy that an editor left, or a write that was cut off, is nobody's answer.
        if not file.is_file() or (old and file not in asked) or file.name.endswith(".fedvhost"):
            continue
        content = file.read_bytes()
        if (file, content) in drafts:
            continue
        question = asked.get(file)
        if question is not None:
            known, given = job.answers.find(question), answered(question, content, "")
            if known is not None and (known.key, known.texts) == (given.key, given.texts):
                continue
        yield file


# -- the state, as JSON -----------------------------------------------------------------------------


def read_waiting(workspace: Workspace, file: Path) -> Waiting | None:
    """Read a state; None if there is none.

    Raises:
        InputError: it is none of ours.
    """
    try:
        raw = json.loads(file.read_bytes())
        if raw["format"] != FORMAT:
            raise ValueError(f"format {raw['format']}")
        questions = tuple(_question(q) for q in raw["questions"])
        return Waiting(
            raw["feature"], raw["release"], raw["package"], Oid(raw["pick"]), raw["subject"], questions,
            dict(raw["run"]),
        )  # fmt: skip
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"not the state of a conflict ({type(error).__name__}: {error}); the files beside it are as you "
            "left them; remove this file and give the command that stopped again",
            file=workspace.relative(file),
        ) from error


def _to_json(one: Waiting) -> bytes:
    raw = {
        "format": FORMAT,
        "feature": one.feature,
        "release": one.release,
        "package": one.package,
        "pick": one.pick,
        "subject": one.subject,
        "questions": [
            {
                "path": q.path,
                "file_key": q.file_key,
                "lines_key": q.lines_key,
                "parts": [_part_raw(p) for p in q.parts],
            }
            for q in one.questions
        ],
        "run": dict(one.run),
    }
    return (json.dumps(raw, indent=1, sort_keys=True) + "\n").encode()


def _part_raw(part: Part) -> Any:
    if isinstance(part, Chunk):
        return {"base": _text(part.base), "here": _text(part.ours), "with": _text(part.theirs)}
    return _text(part)


def _text(lines: Sequence[bytes]) -> str:
    # Bytes that are no UTF-8 become lone surrogates, which JSON escapes.
    return b"".join(lines).decode("utf-8", "surrogateescape")


def _question(raw: Mapping[str, Any]) -> Question:
    parts = tuple(_part(p) for p in raw["parts"])
    return Question(raw["path"], parts, raw["file_key"], raw["lines_key"])


def _part(raw: Any) -> Part:
    if isinstance(raw, str):
        return _lines(raw)
    return Chunk(_lines(raw["base"]), _lines(raw["here"]), _lines(raw["with"]))


def _lines(text: str) -> tuple[bytes, ...]:
    return split_lines(text.encode("utf-8", "surrogateescape"))
