"""Builds on a real koji hub: target, upload, task tree, failures, results, cancel.

The hub, its database, its tasks and files are koji's own; what builds is a stand-in for kojid and mock that
runs rpmbuild on this machine (``realkoji.builder``).
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from fedvhost.builds.backend import Phase, TaskTree, Transfer
from fedvhost.builds.koji_backend import Koji
from fedvhost.builds.record import State
from fedvhost.errors import InputError, ToolError
from realkoji.hub import TARGET
from realkoji.site import Site
from realkoji.specs import BROKEN, make_srpm


def test_scratch_build_brings_rpms_and_logs(koji_site: Site, tmp_path: Path) -> None:
    record = koji_site.build(make_srpm(tmp_path / "srpm"))

    assert (record.state, record.because) == (State.DONE, "")
    assert record.results == ("build/f13/tiny-1.0-1.fc13/tiny-1.0-1.fc13.x86_64.rpm",)
    assert [Path(name).name for name in record.logs] == ["build-x86_64.log", "root-x86_64.log"]
    rpm = koji_site.workspace.root / record.results[0]
    asked = subprocess.run(["rpm", "-qpl", rpm], capture_output=True, text=True, check=True)
    assert asked.stdout.splitlines()[0] == "/usr/bin/tiny"
    assert "gcc -o program" in (koji_site.workspace.root / record.logs[0]).read_text()
    assert sorted(p.name for p in koji_site.folder(record).iterdir()) == sorted(
        Path(name).name for name in (*record.results, *record.logs)
    )
    assert koji_site.on_disk(record) == record


def test_what_happens_is_told(koji_site: Site, tmp_path: Path) -> None:
    record = koji_site.build(make_srpm(tmp_path / "srpm"))

    assert koji_site.events[0] == Phase("submitting")
    uploads = [
        e for e in koji_site.events if isinstance(e, Transfer) and e.what.startswith("uploading tiny-")
    ]
    assert (uploads[0].done, uploads[-1].done) == (0, uploads[-1].total)
    trees = [e.tasks for e in koji_site.events if isinstance(e, TaskTree)]
    assert [task.label for task in trees[-1]] == ["build", "buildArch (x86_64)"]
    assert [task.state for task in trees[-1]] == ["closed", "closed"]
    assert [task.host for task in trees[-1]] == ["builder", "builder"]
    assert (trees[-1][0].number, trees[-1][1].parent) == (record.task, record.task)


def test_compiler_error_of_the_failed_arch_is_found(koji_site: Site, tmp_path: Path) -> None:
    record = koji_site.build(make_srpm(tmp_path / "srpm", "broken", build=BROKEN), arches=("x86_64", "i686"))

    assert record.state is State.FAILED
    assert record.because.startswith(f"task {record.tasks[1].number} buildArch (")
    assert "rpmbuild exited with status 1" in record.because
    assert record.complaint[0].startswith("program.c:1:25: error: ")
    assert "nothing" in record.complaint[0]
    assert record.results == ()
    assert any(name.endswith("build-x86_64.log") for name in record.logs)


def test_arches_are_built_side_by_side(koji_site: Site, tmp_path: Path) -> None:
    record = koji_site.build(make_srpm(tmp_path / "srpm"), arches=("x86_64", "i686"))

    assert (record.state, record.because) == (State.DONE, "")
    assert sorted(task.arch for task in record.tasks[1:]) == ["i686", "x86_64"]
    assert sorted(Path(name).name for name in record.results) == [
        "tiny-1.0-1.fc13.i686.rpm",
        "tiny-1.0-1.fc13.x86_64.rpm",
    ]
    assert sum(name.endswith("/build-i686.log") for name in record.logs) == 1


def test_real_build_is_tagged_and_not_built_twice(koji_site: Site, tmp_path: Path) -> None:
    srpm = make_srpm(tmp_path / "srpm", "qemu", release="7")
    record = koji_site.build(srpm, scratch=False)

    assert record.state is State.DONE
    tagged = koji_site.hub.session("pat").listTagged("f13", package="qemu")
    assert [build["nvr"] for build in tagged] == [record.nvr]
    with pytest.raises(InputError, match=r"qemu-1.0-7.fc13 is built already \(build \d+\)"):
        koji_site.build(srpm, scratch=False)


def test_next_of_a_chain_waits_for_the_repository(koji_site: Site, tmp_path: Path) -> None:
    record = koji_site.build(make_srpm(tmp_path / "srpm", "kernel", release="8"), scratch=False)
    koji_site.hub.session("admin").newRepo("f13-build")

    Koji(koji_site.workspace).available(record, koji_site.events.append)

    admin = koji_site.hub.session("admin")
    event = admin.getRepo("f13-build")["create_event"]
    assert [b["nvr"] for b in admin.listTagged("f13-build", event=event, inherit=True, package="kernel")] == [
        record.nvr
    ]


def test_unknown_target_is_told_before_anything_is_sent(koji_site: Site, tmp_path: Path) -> None:
    before = len(koji_site.hub.builds())
    with pytest.raises(InputError) as refused:
        koji_site.build(make_srpm(tmp_path / "srpm"), target="dist-f13-update-candidate")
    assert "no build target 'dist-f13-update-candidate'" in str(refused.value)
    assert f"did you mean '{TARGET}'?" in str(refused.value)
    assert len(koji_site.hub.builds()) == before


def test_package_that_the_tag_does_not_take_is_told(koji_site: Site, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="package 'foreign' is not in the list for tag 'f13'"):
        koji_site.build(make_srpm(tmp_path / "srpm", "foreign"), scratch=False)


def test_arch_override_needs_scratch(koji_site: Site, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="add --scratch"):
        koji_site.build(make_srpm(tmp_path / "srpm"), scratch=False, arches=("i686",))


def test_unknown_profile_is_told(koji_site: Site, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no koji profile 'koij' in .*did you mean 'koji'\?"):
        koji_site.build(make_srpm(tmp_path / "srpm"), profile="koij")


def test_wrong_password_is_told(koji_site: Site, tmp_path: Path) -> None:
    config = koji_site.home / ".koji" / "config"
    config.write_text(config.read_text().replace("password = pat", "password = tap"))
    with pytest.raises(ToolError, match=r"refused 'login': .*invalid username or password"):
        koji_site.build(make_srpm(tmp_path / "srpm"))


def test_hub_that_is_not_there_is_told(koji_site: Site, tmp_path: Path) -> None:
    koji_site.hub.configure(koji_site.home, url="http://127.0.0.1:9/kojihub")
    with pytest.raises(ToolError, match=r"the koji hub at http://127.0.0.1:9/kojihub cannot be reached"):
        koji_site.build(make_srpm(tmp_path / "srpm"))


def test_cancelled_build_ends_at_the_hub(koji_site: Site, tmp_path: Path) -> None:
    koji = Koji(koji_site.workspace)
    slow = make_srpm(tmp_path / "srpm", build="sleep 60\n")
    record = koji_site.submit(slow)

    record = koji.cancel(record)

    assert record.state is State.CANCELLED
    assert record.because == f"task {record.task} was cancelled"
    assert koji_site.hub.session("pat").getTaskInfo(record.task)["state"] == 3


def test_logs_of_a_running_build(koji_site: Site, tmp_path: Path) -> None:
    koji = Koji(koji_site.workspace)
    slow = make_srpm(tmp_path / "srpm", build="echo begun\nsleep 60\n")
    record = koji_site.submit(slow)
    folder = koji_site.folder(record)
    log, until = folder / "build-x86_64.log", time.monotonic() + 60
    while not (log.is_file() and "begun" in log.read_text()):
        assert time.monotonic() < until, record
        record = koji.logs(record, folder, koji_site.events.append)
    assert record.state is State.BUILDING
    koji.cancel(record)


def test_another_persons_build_cannot_be_cancelled(koji_site: Site, tmp_path: Path) -> None:
    koji = Koji(koji_site.workspace)
    slow = make_srpm(tmp_path / "srpm", build="sleep 60\n")
    record = koji_site.submit(slow)
    koji_site.hub.configure(koji_site.home, "robin")
    with pytest.raises(InputError, match=f"task {record.task} cannot be cancelled: .*not owner"):
        koji.cancel(record)
    koji_site.hub.configure(koji_site.home)
    assert koji.cancel(record).state is State.CANCELLED
