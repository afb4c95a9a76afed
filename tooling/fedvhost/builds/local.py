"""A build that runs on this machine: a process group that ends with us, a log, a lock that says it lives.

The lock is the kernel's (``flock`` on ``.fedvhost/builds/<id>/running``), held by us and by all that the
build starts: as long as anything of it lives, the build is running; after that, what the record says stands.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from fedvhost.builds.backend import Line, Phase, Tell
from fedvhost.builds.record import Record, State, all_records, load, own_dir, save, utc_now
from fedvhost.process import end_group, follow
from fedvhost.workspace import Workspace, telling_of

LOG = "build.log"
_GONE = "the fedvhost that ran it is gone, and what it came to was not written down"


@dataclasses.dataclass(frozen=True, slots=True)
class Ran:
    """A build's process that ended: the record, and the exit status (None: the build was cancelled)."""

    record: Record
    status: int | None


def run_build(
    workspace: Workspace,
    record: Record,
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    tell: Tell,
    phase_of: Callable[[str], str | None],
    privileged: bool = False,
) -> Ran:
    """Run a build to its end, with its log in the build's own folder. Ctrl-C ends the build: the record then
    says cancelled, and so does the answer. A ``privileged`` program becomes another user; then who watches it
    ends it also for ``cancel``.

    Raises:
        ToolMissing: the program is not installed.
        FedvhostError: the disk is full, or the like; the build was ended.
    """
    log = own_dir(workspace, record) / LOG

    def started(group: int) -> None:
        nonlocal record
        own = {**record.own, "group": group, "began": _began(group), "privileged": privileged}
        record = save(workspace, dataclasses.replace(record, own=own))

    def heard(line: str) -> None:
        if (phase := phase_of(line)) is not None:
            tell(Phase(phase))
        tell(Line(line))

    def cancelled() -> bool:
        now = load(workspace, record.id)
        return isinstance(now, Record) and now.state is State.CANCELLED

    with telling_of(log):
        log.parent.mkdir(parents=True, exist_ok=True)
    with _running(log.parent) as lock:
        logs = (workspace.relative(log),)
        record = save(
            workspace,
            dataclasses.replace(record, state=State.BUILDING, started=utc_now(), logs=logs),
        )
        try:
            with telling_of(log):
                status = follow(
                    argv, heard, log=log, cwd=cwd, env=env, started=started, held=lock,
                    unwanted=cancelled if privileged else None,
                )  # fmt: skip
        except KeyboardInterrupt:
            return Ran(_ended(workspace, record, State.CANCELLED, "interrupted (Ctrl-C)"), None)
        except BaseException as error:
            _ended(workspace, record, State.UNKNOWN, f"it could not go on: {error}")
            raise
    now = load(workspace, record.id)
    if isinstance(now, Record) and now.state is State.CANCELLED:
        return Ran(now, None)
    return Ran(record, status)


def status_of(workspace: Workspace, record: Record) -> Record:
    """Return a build of this machine as it stands. One whose processes are gone without an outcome is
    ``unknown``, and stays so."""
    if record.state.final or record.state is State.UNKNOWN:
        return record
    if _is_running(own_dir(workspace, record)):
        return record
    now = load(workspace, record.id)  # it may have ended while we looked
    if isinstance(now, Record) and now.state != record.state:
        return now
    because = _GONE if record.started else "it was never started: the fedvhost that made it is gone"
    return _ended(workspace, record, State.UNKNOWN, because)


def cancel(workspace: Workspace, record: Record) -> Record:
    """End a running build of this machine, also one that another fedvhost watches."""
    record = status_of(workspace, record)
    group, began = record.own.get("group"), record.own.get("began")
    if record.state is not State.BUILDING or not isinstance(group, int):
        return record
    # First the record: the fedvhost that watches must not take the end for a failure.
    record = _ended(workspace, record, State.CANCELLED, "cancelled by 'fedvhost build cancel'")
    if record.own.get("privileged") and _ends(own_dir(workspace, record)):
        return record
    # A number may have been given to another process since.
    if _began(group) == began:
        end_group(group)
    return record


def remove_trees(workspace: Workspace, record: Record) -> None:
    """Remove what earlier builds of the same package left in their folders, logs apart: a failed kernel
    leaves gigabytes. Builds that run are left alone."""
    for old in all_records(workspace):
        if isinstance(old, Record) and old.id != record.id and old.package == record.package:
            folder = own_dir(workspace, old)
            if folder.is_dir() and not _is_running(folder):
                for tree in folder.iterdir():
                    if tree.is_dir():
                        _clear(tree)


def _clear(tree: Path) -> None:
    for entry in tree.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.suffix != ".log":
            entry.unlink(missing_ok=True)
    if not any(tree.iterdir()):
        tree.rmdir()


def _ended(workspace: Workspace, record: Record, state: State, because: str) -> Record:
    return save(workspace, dataclasses.replace(record, state=state, because=because, ended=utc_now()))


@contextmanager
def _running(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder / "running", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _is_running(folder: Path) -> bool:
    try:
        descriptor = os.open(folder / "running", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _ends(folder: Path, patience: float = 40.0) -> bool:
    until = time.monotonic() + patience
    while running := _is_running(folder):
        if time.monotonic() > until:
            break
        time.sleep(0.1)
    return not running


def _began(pid: int) -> int | None:
    """When a process began, in the kernel's ticks; None if there is none of that number."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The name, in parentheses, may hold anything; behind it, the start is the twentieth word.
    return int(text.rpartition(")")[2].split()[19])
