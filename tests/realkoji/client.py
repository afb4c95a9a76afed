"""A build from beginning to end through the backend, as a process of its own that a test can kill.

``client.py WORKSPACE RECORD``: the record is prepared; says on stdout what happens, a line each.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fedvhost.builds.backend import Event, Phase, Remark, TaskTree, Transfer
from fedvhost.builds.koji_backend import Koji
from fedvhost.builds.record import Record, load
from fedvhost.workspace import Workspace


def say(event: Event) -> None:
    """One line an event."""
    match event:
        case Phase(name):
            print(name, flush=True)
        case Transfer(what, done, total):
            print(f"{what} {done}/{total}", flush=True)
        case TaskTree(tasks):
            print("tasks", *(f"{t.number}:{t.state}" for t in tasks), flush=True)
        case Remark(text):
            print(text, flush=True)


def main(root: str, record_id: str) -> None:
    """Submit, watch, collect."""
    workspace = Workspace(Path(root))
    record = load(workspace, record_id)
    assert isinstance(record, Record)
    koji = Koji(workspace)
    record = koji.submit(record, say)
    print("submitted", record.task, flush=True)
    record = koji.watch(record, say)
    record = koji.collect(record, workspace.root / "build" / record.nvr, say)
    print("ended", record.state, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
