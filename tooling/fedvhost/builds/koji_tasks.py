"""Tasks of a koji build as values: the tree, the outcome, whose fault it was, which files are whose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from fedvhost.builds.record import State, Task

# koji.TASK_STATES, by number: part of its protocol since the first release.
STATES = ("free", "open", "closed", "canceled", "assigned", "failed")
_OUTCOMES: Mapping[str, State] = {
    "closed": State.DONE,
    "failed": State.FAILED,
    "canceled": State.CANCELLED,
    "free": State.SUBMITTED,
    "assigned": State.SUBMITTED,
    "open": State.BUILDING,
}


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a task left at the hub, ``size`` in bytes, and the name it gets here."""

    task: int
    name: str
    volume: str
    size: int
    local: str

    @property
    def folder(self) -> str:
        """Where it is, below the hub's work space (koji's own rule)."""
        return f"tasks/{self.task % 10000}/{self.task}"

    @property
    def is_log(self) -> bool:
        """Whether people read it, rather than rpm."""
        return self.name.endswith(".log")


def task_tree(
    root: Mapping[str, Any], descendants: Mapping[str, Sequence[Mapping[str, Any]]], hosts: Mapping[int, str]
) -> tuple[Task, ...]:
    """Return the tasks below ``root`` (as getTaskInfo has it), each behind its parent, in order of number.

    ``descendants`` is getTaskDescendents' answer, task's number as text → children; ``hosts``: id → name.
    """
    found: list[Task] = []

    def add(raw: Mapping[str, Any], parent: int | None) -> None:
        task = _task(raw, parent, hosts)
        found.append(task)
        for child in sorted(descendants.get(str(task.number), ()), key=lambda c: int(c["id"])):
            add(child, task.number)

    add(root, None)
    return tuple(found)


def _task(raw: Mapping[str, Any], parent: int | None, hosts: Mapping[int, str]) -> Task:
    method = str(raw["method"])
    # The hub knows "i386" for every 32-bit arch; the label says which.
    arch = str((raw.get("label") if method == "buildArch" else None) or raw.get("arch") or "")
    host = raw.get("host_id")
    return Task(
        int(raw["id"]),
        parent,
        f"{method} ({arch})" if method == "buildArch" else method,
        arch,
        STATES[int(raw["state"])],
        hosts.get(int(host), "") if host is not None else "",
    )


def state_of(root: Task) -> State:
    """What the root task says of the build."""
    return _OUTCOMES[root.state]


def is_over(task: Task) -> bool:
    """Whether nothing will change it any more."""
    return task.state in ("closed", "canceled", "failed")


def culprits(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Return the failed tasks with no failed child: they are why the root failed; builds of an arch first."""
    failed = [t for t in tasks if t.state == "failed"]
    parents = {t.parent for t in failed}
    lowest = [t for t in failed if t.number not in parents]
    return tuple(sorted(lowest, key=lambda t: (not t.label.startswith("buildArch"), t.number)))


def outputs(task: Task, listing: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> tuple[Output, ...]:
    """Return what is worth having of listTaskOutput's answer (with stat, all volumes): RPMs and logs.

    The source package is left out: it is ours. A log's name tells whose it is: ``build-x86_64.log``.
    """
    found = []
    for name in sorted(listing):
        volumes = listing[name]
        path = PurePosixPath(name)
        # A name from the network becomes a file here: nothing but a plain name will do.
        if not volumes or path.name != name or not re.fullmatch(r"[A-Za-z0-9._+~^-]+", name):
            continue
        volume = sorted(volumes)[0]
        size = int(volumes[volume]["st_size"])
        if name.endswith(".rpm") and not name.endswith(".src.rpm"):
            found.append(Output(task.number, name, volume, size, name))
        elif name.endswith(".log"):
            whose = task.arch if task.label.startswith("buildArch") else task.label
            found.append(Output(task.number, name, volume, size, f"{path.stem}-{whose}{path.suffix}"))
    return tuple(found)


def distinct(found: Iterable[Output]) -> tuple[Output, ...]:
    """Return each local name once: a noarch package is built on every arch, and one of them is enough."""
    return tuple({output.local: output for output in reversed(tuple(found))}.values())[::-1]


def reason(said: str) -> str:
    """The part of a task's error that a person wants, on one line: without class names and the hub's log."""
    lines = [line.strip() for line in said.strip().splitlines() if line.strip()]
    text = lines[-1] if lines and lines[0].startswith("Traceback") else " ".join(lines)
    return re.sub(r"^(?:koji\.)?[A-Z]\w*(?:Error|Fault)?:\s+", "", text)[:500]
