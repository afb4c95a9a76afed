"""The record of a build: nothing that is known of a build goes away, and nothing is believed unsealed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from fedvhost.builds.local import remove_trees
from fedvhost.builds.record import (
    Record,
    State,
    Task,
    all_records,
    find,
    load,
    new_id,
    new_token,
    own_dir,
    record_file,
    save,
)
from fedvhost.errors import InputError
from fedvhost.evidence import Spoiled
from fedvhost.workspace import Workspace


def a_record(**changes: object) -> Record:
    record = Record(
        new_id("kernel"), new_token(), "f13", "vhost-net", "kernel", "kernel-2.6.33-2.fc13", "koji",
        inputs={"specs/f13/kernel/kernel.spec": "0" * 64}, own={"upload": "cli-build/abc"},
    )  # fmt: skip
    return dataclasses.replace(record, **changes)  # type: ignore[arg-type]


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    tasks = (Task(17, None, "build", state="open"), Task(18, 17, "buildArch", "x86_64", "failed", "h1"))
    record = a_record(task=17, tasks=tasks, state=State.BUILDING, options=("--with x",), notes=("so",))

    save(Workspace(tmp_path), record)

    assert load(Workspace(tmp_path), record.id) == record
    assert all_records(Workspace(tmp_path)) == (record,)


def test_build_status_that_looked_earlier_does_not_undo_an_outcome(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    seen_earlier = save(workspace, a_record(task=17, state=State.BUILDING))
    done = save(workspace, dataclasses.replace(seen_earlier, state=State.DONE))

    assert save(workspace, seen_earlier) == done
    assert load(workspace, done.id) == done


def test_what_an_earlier_build_left_goes_and_its_logs_stay(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    failed = save(workspace, a_record(via="mock", state=State.UNKNOWN))
    results, topdir = own_dir(workspace, failed) / "results", own_dir(workspace, failed) / "topdir"
    for file in (results / "root.log", results / "x.src.rpm", topdir / "BUILD" / "config.log"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    remove_trees(workspace, save(workspace, a_record(via="mock")))

    assert [f.name for f in own_dir(workspace, failed).rglob("*")] == ["results", "root.log"]


def test_a_task_number_never_goes_away(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    record = save(workspace, a_record(task=17, state=State.SUBMITTED))

    kept = save(workspace, dataclasses.replace(record, task=None, state=State.UNKNOWN))

    assert (kept.task, kept.state) == (17, State.UNKNOWN)


def test_unknown_may_still_be_found_out(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    record = save(workspace, a_record(state=State.UNKNOWN))

    assert save(workspace, dataclasses.replace(record, state=State.FAILED)).state is State.FAILED


@pytest.mark.parametrize("damage", ["edited", "truncated", "of another build", "no record"])
def test_a_damaged_record_is_not_believed(tmp_path: Path, damage: str) -> None:
    workspace = Workspace(tmp_path)
    record = save(workspace, a_record(state=State.FAILED))
    file = record_file(workspace, record.id)
    if damage == "edited":
        file.write_text(file.read_text().replace('"failed"', '"done"'))
    elif damage == "truncated":
        file.write_bytes(file.read_bytes()[:-40])
    elif damage == "of another build":
        file = file.replace(record_file(workspace, new_id("kernel")))
    else:
        file.write_text(json.dumps({"state": "done"}))

    (found,) = all_records(workspace)

    assert isinstance(found, Spoiled)
    assert found.file == str(file.relative_to(tmp_path))


def test_a_build_is_found_by_what_a_person_has_at_hand(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    old = save(workspace, a_record(id="20100209T120000-kernel-aaaaaa", task=17))
    new = save(workspace, a_record(id="20100210T120000-kernel-bbbbbb", task=18))

    assert find(workspace, old.id) == old
    assert find(workspace, "20100209") == old
    assert find(workspace, "17") == old
    assert find(workspace, "kernel") == new
    assert find(workspace, "kernel-2.6.33-2.fc13") == new
    with pytest.raises(InputError, match="begins several builds"):
        find(workspace, "2010")
    with pytest.raises(InputError, match="did you mean 'kernel'"):
        find(workspace, "kernl")


@pytest.mark.parametrize("name", ["../../etc/passwd", "x", "20100209T120000-kernel-aaaaaa.json", ""])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no build's name"):
        load(Workspace(tmp_path), name)
