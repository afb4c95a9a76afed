"""Coming back to builds: how they stand now, their results and logs, an end to them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from fedvhost.builds.record import Record, State
from fedvhost.errors import FedvhostError
from fedvhost.evidence import Spoiled
from fedvhost.pipeline.builds.backends import backend_of
from fedvhost.pipeline.builds.chaining import Watcher, settle
from fedvhost.pipeline.builds.packing import results_dir
from fedvhost.workspace import Workspace

_RUNNING = (State.SUBMITTED, State.BUILDING)
_PAUSE = 0.5  # seconds


def refresh(workspace: Workspace, record: Record, watcher: Watcher, *, wait: bool = False) -> Record:
    """Return a build as it stands now, its results brought if it ended; ``wait``: when it ended.

    Raises:
        ToolError: the build system cannot be reached.
    """
    backend = backend_of(workspace, record)
    record = backend.status(record)
    if wait and backend.stays and not record.state.final:
        watcher.changed(record)
        record = backend.watch(record, partial(watcher.event, record))
    while wait and not backend.stays and record.state in _RUNNING:
        time.sleep(_PAUSE)  # another fedvhost on this machine watches it
        record = backend.status(record)
    return settle(workspace, record, backend, watcher)


def refresh_all(
    workspace: Workspace, records: Sequence[Record | Spoiled]
) -> tuple[tuple[Record | Spoiled, ...], tuple[str, ...]]:
    """Return all builds as they stand now, and what kept us from asking after some of them."""
    found: list[Record | Spoiled] = []
    troubles: dict[str, None] = {}
    for one in records:
        if isinstance(one, Record):
            try:
                one = refresh(workspace, one, Watcher())
            except FedvhostError as error:
                troubles[str(error)] = None
        found.append(one)
    return tuple(found), tuple(troubles)


def bring_logs(workspace: Workspace, record: Record, watcher: Watcher) -> Record:
    """Return a build whose logs are here as far as there are any.

    Raises:
        ToolError: the build system cannot be reached.
    """
    record = refresh(workspace, record, watcher)
    if record.state in (State.DONE, State.FAILED) and record.logs:
        return record
    folder = results_dir(workspace, record.release, record.nvr)
    return backend_of(workspace, record).logs(record, folder, partial(watcher.event, record))


def stop(workspace: Workspace, record: Record) -> Record:
    """Cancel a build and return how it stands then; one that ended before stays as it is.

    Raises:
        ToolError: the build system cannot be reached, or refuses.
    """
    backend = backend_of(workspace, record)
    record = backend.status(record)
    if not record.state.final:
        record = backend.cancel(record)
    return settle(workspace, record, backend, Watcher())
