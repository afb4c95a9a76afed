"""The record of a build: written before anything is submitted, so that no build is ever lost.

One sealed JSON file a build, ``.fedvhost/builds/<id>.json``, replaced whole at each change. A build is one
package on one build system. What is needed to find it again, a task's number above all, is saved the moment
it is known and before anything else is done.
"""

from __future__ import annotations

import dataclasses
import datetime
import fcntl
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from fedvhost.errors import InputError
from fedvhost.evidence import Spoiled, sealed, unsealed
from fedvhost.workspace import Workspace, nearest, telling_of, write_atomic

SCHEMA = 1
Via = Literal["rpmbuild", "mock", "koji"]
VIAS: tuple[Via, ...] = ("rpmbuild", "mock", "koji")

_ID = re.compile(r"[0-9]{8}T[0-9]{6}-[A-Za-z0-9][A-Za-z0-9._+-]*-[0-9a-f]{6}\Z")


class State(StrEnum):
    """How far a build is.

    ``prepared``: there is an SRPM, nothing was sent. ``submitting``: sending began; whether the build system
    has it is not known until a task is recorded, or its own lists were searched for ``token``.
    ``submitted``: it has it. ``building``. Then the outcome: ``done``, ``failed``, ``cancelled``; or
    ``unknown``, when nobody can tell any more, which never counts as done.
    """

    PREPARED = "prepared"
    SUBMITTING = "submitting"
    SUBMITTED = "submitted"
    BUILDING = "building"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def final(self) -> bool:
        """Whether this is an outcome that nothing changes any more."""
        return self in (State.DONE, State.FAILED, State.CANCELLED)


@dataclass(frozen=True, slots=True)
class Task:
    """A task of koji's. ``label``: what it does, ``buildArch (x86_64)``; ``state`` in koji's words, lower
    case: free, open, closed, canceled, assigned, failed; ``parent`` None: the root."""

    number: int
    parent: int | None = None
    label: str = ""
    arch: str = ""
    state: str = ""
    host: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One build of one package.

    ``token`` is random: what is sent carries it, so that a submission whose answer was lost is recognised
    and not sent twice. ``chain`` is common to the builds of one command. Paths (``srpm``, ``results``,
    ``logs``) are relative to the workspace; ``results`` are the RPMs that came out. ``inputs``: what the
    SRPM was made of, path → SHA-256. ``profile``, ``hub``, ``target``: koji's, or mock's chroot as
    ``target``. ``arches``: koji's --arch-override; ``options``: ``--with X``, ``--without Y`` as given to
    rpmbuild. ``notes``: what a reader must know to judge the outcome (BuildRequires that were not checked).
    ``because``: why it ended as it did, in one line; ``complaint``: the lines of the log that say so.
    ``own`` is for the build system alone: JSON's types. Times are UTC, ``2010-02-09T12:00:00Z``.
    """

    id: str
    token: str
    release: str
    feature: str
    package: str
    nvr: str
    via: Via
    scratch: bool = False
    chain: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    srpm: str = ""
    srpm_sha256: str = ""
    profile: str = ""
    hub: str = ""
    target: str = ""
    arches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    task: int | None = None
    tasks: tuple[Task, ...] = ()
    state: State = State.PREPARED
    because: str = ""
    complaint: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    made: str = ""
    started: str = ""
    ended: str = ""
    own: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether it was built."""
        return self.state is State.DONE


def utc_now() -> str:
    """The time in UTC, to the second. The real one: SOURCE_DATE_EPOCH is for what goes into packages."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_id(package: str) -> str:
    """A name for a build that no other has and that sorts by time: ``20100209T120000-kernel-3fa9c1``."""
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S")
    return f"{moment}-{package}-{secrets.token_hex(3)}"


def new_token() -> str:
    """32 hexadecimal digits that no other submission has."""
    return secrets.token_hex(16)


def builds_dir(workspace: Workspace) -> Path:
    """Where the records are."""
    return workspace.state_dir / "builds"


def record_file(workspace: Workspace, record_id: str) -> Path:
    """The file of one record.

    Raises:
        InputError: no record can have that name.
    """
    if not _ID.match(record_id):
        raise InputError(f"'{record_id}' is no build's name; 'fedvhost build status' lists them")
    return builds_dir(workspace) / f"{record_id}.json"


def own_dir(workspace: Workspace, record: Record) -> Path:
    """A folder of this build's own for what is needed while it runs; it need not exist."""
    return record_file(workspace, record.id).with_suffix("")


def save(workspace: Workspace, record: Record) -> Record:
    """Write ``record``, and return what stands now.

    Two may write at once, the command that watches a build and ``build status``. So an outcome is never
    replaced by a state before it, and a task's number that is known never goes away.
    """
    file = record_file(workspace, record.id)
    with _exclusive(workspace):
        if file.exists():
            old = load(workspace, record.id)
            if isinstance(old, Record):
                record = _advanced(old, record)
        write_atomic(file, sealed({"schema": SCHEMA, **_to_object(record)}))
    return record


def load(workspace: Workspace, record_id: str) -> Record | Spoiled:
    """Return a record as it stands; ``Spoiled`` if its file cannot be believed.

    Raises:
        InputError: there is no such record.
    """
    file = record_file(workspace, record_id)
    if not file.is_file():
        raise InputError(f"there is no build '{record_id}'; 'fedvhost build status' lists them")
    name = workspace.relative(file)
    found = unsealed(file)
    if isinstance(found, str):
        return Spoiled(name, found)
    if found.get("schema") != SCHEMA:
        return Spoiled(name, f"it has format {found.get('schema')!r}; this fedvhost reads {SCHEMA}")
    if found.get("id") != record_id:
        return Spoiled(name, f"it is the record of '{found.get('id')}', under another name")
    try:
        return _from_object(found)
    except (TypeError, ValueError, KeyError) as error:
        return Spoiled(name, f"it does not have a record's form: {error}")


def all_records(workspace: Workspace) -> tuple[Record | Spoiled, ...]:
    """Return every record of the workspace, the oldest first."""
    files = sorted(f for f in builds_dir(workspace).glob("*.json") if _ID.match(f.stem))
    return tuple(load(workspace, f.stem) for f in files)


def find(workspace: Workspace, name: str) -> Record:
    """Return the build that a person means: its id or the beginning of it, its task's number, its NVR or its
    package; of several with the same NVR or package the latest.

    Raises:
        InputError: none or several match, or the record is spoiled.
    """
    records = all_records(workspace)
    spoiled = [s for s in records if isinstance(s, Spoiled)]
    for one in spoiled:
        if Path(one.file).stem.startswith(name):
            raise InputError(f"cannot be believed: {one.reason}", file=one.file)
    good = [r for r in records if isinstance(r, Record)]
    exact = [r for r in good if name == r.id or (name.isdigit() and r.task == int(name))]
    begins = [r for r in good if r.id.startswith(name)]
    if not exact and len(begins) > 1:
        raise InputError(f"'{name}' begins several builds: {', '.join(r.id for r in begins[:5])}")
    named = [r for r in good if name in (r.nvr, r.package)]
    if found := exact or begins or named[-1:]:
        return found[-1]
    known = [*dict.fromkeys(r.package for r in good), *(r.id for r in good[-5:])]
    raise InputError(f"no build '{name}' in this workspace; {nearest(name, known)}")


def _advanced(old: Record, new: Record) -> Record:
    if old.state.final and not new.state.final:
        return old
    if new.task is None and old.task is not None:
        new = dataclasses.replace(new, task=old.task, tasks=new.tasks or old.tasks)
    return new


@contextmanager
def _exclusive(workspace: Workspace) -> Iterator[None]:
    """Be the only one that writes records, for the moment that takes."""
    folder = builds_dir(workspace)
    with telling_of(folder):
        folder.mkdir(parents=True, exist_ok=True)
        workspace.keep_out_of_git()
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _to_object(record: Record) -> dict[str, Any]:
    return dataclasses.asdict(record)


def _from_object(found: Mapping[str, Any]) -> Record:
    fields = {k: v for k, v in found.items() if k != "schema"}
    for name in ("arches", "options", "complaint", "notes", "results", "logs"):
        if not isinstance(fields[name], list) or not all(isinstance(v, str) for v in fields[name]):
            raise TypeError(f"'{name}' is no list of texts")
        fields[name] = tuple(fields[name])
    for name in ("inputs", "own"):
        if not isinstance(fields[name], dict):
            raise TypeError(f"'{name}' is no object")
    fields["tasks"] = tuple(Task(**task) for task in fields["tasks"])
    fields["state"] = State(fields["state"])
    if fields["via"] not in VIAS:
        raise ValueError(f"there is no build system '{fields['via']}'")
    return Record(**fields)
