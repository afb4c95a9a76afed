"""koji's answers as values: the tree, whose fault it was, which files are brought, under which names."""

from __future__ import annotations

from typing import Any

import pytest

from fedvhost.builds.koji_tasks import Output, culprits, distinct, outputs, reason, state_of, task_tree
from fedvhost.builds.record import State, Task


def raw(number: int, method: str, state: int, *, arch: str = "noarch", label: str | None = None) -> Any:
    """A task as the hub tells it."""
    return {"id": number, "method": method, "state": state, "arch": arch, "label": label, "host_id": 1}


def listed(size: int) -> Any:
    """A file of a task as the hub lists it: volume → stat; sizes are texts, since they may be large."""
    return {"DEFAULT": {"st_size": str(size)}}


def test_children_stand_behind_their_parent_in_order() -> None:
    below = {
        "10": [raw(13, "tagBuild", 0), raw(11, "buildArch", 2, arch="i386", label="i686")],
        "11": [],
        "13": [raw(14, "deeper", 1)],
    }
    tree = task_tree(raw(10, "build", 1), below, {1: "buildvm"})
    assert [(t.number, t.parent, t.label, t.state) for t in tree] == [
        (10, None, "build", "open"),
        (11, 10, "buildArch (i686)", "closed"),
        (13, 10, "tagBuild", "free"),
        (14, 13, "deeper", "open"),
    ]
    assert {t.host for t in tree} == {"buildvm"}


@pytest.mark.parametrize(
    ("number", "state"),
    [
        (0, State.SUBMITTED),
        (1, State.BUILDING),
        (2, State.DONE),
        (3, State.CANCELLED),
        (4, State.SUBMITTED),
        (5, State.FAILED),
    ],
)
def test_only_a_closed_task_is_done(number: int, state: State) -> None:
    assert state_of(task_tree(raw(1, "build", number), {}, {})[0]) is state


def test_the_failed_arch_is_blamed_and_not_the_build_above_it() -> None:
    tasks = (
        Task(1, None, "build", state="failed"),
        Task(2, 1, "rebuildSRPM", state="closed"),
        Task(3, 1, "buildArch (i686)", state="canceled"),
        Task(4, 1, "buildArch (x86_64)", state="failed"),
    )
    assert [t.number for t in culprits(tasks)] == [4]


def test_logs_are_named_after_their_arch_and_the_source_package_stays_there() -> None:
    listing = {
        "build.log": listed(10), "qemu-1-1.i686.rpm": listed(20), "qemu-1-1.src.rpm": listed(30),
        "noarch_rpmdiff.json": listed(1),
    }  # fmt: skip
    found = outputs(Task(70007, 1, "buildArch (i686)", "i686", "closed"), listing)
    assert [(o.name, o.local, o.size, o.folder) for o in found] == [
        ("build.log", "build-i686.log", 10, "tasks/7/70007"),
        ("qemu-1-1.i686.rpm", "qemu-1-1.i686.rpm", 20, "tasks/7/70007"),
    ]


@pytest.mark.parametrize("name", ["../../etc/cron.d/x.log", "/x.log", "a b.rpm", "x\n.log", ".."])
def test_names_from_the_network_leave_the_folder_of_results_alone(name: str) -> None:
    assert outputs(Task(1, 0, "buildArch (x86_64)", "x86_64", "closed"), {name: listed(1)}) == ()


def test_a_noarch_package_is_brought_once() -> None:
    one = Output(1, "doc-1-1.noarch.rpm", "DEFAULT", 5, "doc-1-1.noarch.rpm")
    again = Output(2, "doc-1-1.noarch.rpm", "DEFAULT", 5, "doc-1-1.noarch.rpm")
    assert distinct((one, again)) == (one,)


def test_reason_is_one_line_without_the_hubs_traceback() -> None:
    said = "Traceback (most recent call last):\n  File x\nkoji.BuildError: mock exited with status 1\n"
    assert reason(said) == "mock exited with status 1"
    assert reason("BuildrootError: could not init\n mock buildroot") == "could not init mock buildroot"
