"""Everything between us and koji breaks, one thing after the other: no build is lost, none is built twice.

A proxy in front of the real hub breaks it (``realkoji.proxy``); what is counted is the hub's own list of
build tasks.
"""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedvhost.builds.backend import Event, Remark, TaskTree
from fedvhost.builds.koji_backend import Koji
from fedvhost.builds.record import State, save
from fedvhost.errors import FedvhostError, ToolError
from realkoji.proxy import Proxy, Trouble, in_front_of
from realkoji.site import Site
from realkoji.specs import make_srpm


@dataclasses.dataclass(slots=True)
class Broken:
    """A person behind a proxy that does as it is told."""

    site: Site
    proxy: Proxy
    before: int

    def submitted(self) -> int:
        """How many builds the hub was given since the test began."""
        return len(self.site.hub.builds()) - self.before

    def remarks(self) -> str:
        """What a person was told on the way."""
        return "\n".join(e.text for e in self.site.events if isinstance(e, Remark))

    def patience(self, seconds: int, timeout: int = 20) -> None:
        """How long an unreachable hub is asked again."""
        more = f"timeout = {timeout}\n"
        self.site.hub.configure(self.site.home, url=self.proxy.url, patience=seconds, more=more)


@pytest.fixture
def broken(koji_site: Site) -> Iterator[Broken]:
    """A proxy in front of the hub, and a profile that goes through it."""
    with in_front_of(koji_site.hub.port) as proxy:
        found = Broken(koji_site, proxy, len(koji_site.hub.builds()))
        found.patience(5)
        yield found


@pytest.mark.parametrize("kind", ["drop request", "drop half", "drop answer", "bad gateway"])
def test_upload_goes_on_after_a_dropped_connection(broken: Broken, tmp_path: Path, kind: str) -> None:
    broken.proxy.troubles = [Trouble("rawUpload", kind, times=2, skip=1)]  # type: ignore[arg-type]

    record = broken.site.build(make_srpm(tmp_path / "srpm", ballast=3 << 20))

    assert (record.state, broken.submitted()) == (State.DONE, 1)
    # koji's library sends a request once more by itself when a connection was closed; then we wait.
    assert ("the hub closed the connection" in broken.remarks()) or ("502 Bad Gateway" in broken.remarks())


def test_piece_that_arrives_spoiled_is_sent_again(broken: Broken, tmp_path: Path) -> None:
    broken.proxy.troubles = [Trouble("rawUpload", "spoil request", skip=1)]

    record = broken.site.build(make_srpm(tmp_path / "srpm", ballast=3 << 20))

    assert (record.state, broken.submitted()) == (State.DONE, 1)
    assert "a piece of tiny-1.0-1.fc13.src.rpm arrived spoiled" in broken.remarks()


def test_nothing_is_built_of_what_never_arrives_whole(broken: Broken, tmp_path: Path) -> None:
    broken.proxy.troubles = [Trouble("rawUpload", "spoil request", times=9)]

    with pytest.raises(ToolError, match=r"arrives damaged at the koji hub.*nothing was built"):
        broken.site.submit(make_srpm(tmp_path / "srpm"))

    record = broken.site.latest()
    assert (record.state, record.task, broken.submitted()) == (State.SUBMITTING, None, 0)
    found = Koji(broken.site.workspace).status(record)
    assert (found.state, found.because.split(",")[0]) == (State.PREPARED, "it never arrived at the hub")


def test_lost_answer_to_the_submission_finds_the_build(broken: Broken, tmp_path: Path) -> None:
    broken.proxy.troubles = [Trouble("build", "drop answer")]

    record = broken.site.build(make_srpm(tmp_path / "srpm"))

    assert (record.state, broken.submitted()) == (State.DONE, 1)
    assert record.task == broken.site.hub.builds()[-1]["id"]
    assert "the answer was lost; looking for the build at the hub" in broken.remarks()


def test_submission_that_nobody_answers_in_time_is_one_build(broken: Broken, tmp_path: Path) -> None:
    broken.patience(5, timeout=1)
    broken.proxy.troubles = [Trouble("build", "stall")]

    record = broken.site.build(make_srpm(tmp_path / "srpm"))

    assert (record.state, broken.submitted()) == (State.DONE, 1)
    assert "the hub does not answer in time" in broken.remarks()


@pytest.mark.parametrize("kind", ["drop request", "bad gateway"])
def test_submission_that_did_not_arrive_is_sent_again(broken: Broken, tmp_path: Path, kind: str) -> None:
    broken.proxy.troubles = [Trouble("build", kind, times=3)]  # type: ignore[arg-type]

    record = broken.site.build(make_srpm(tmp_path / "srpm"))

    assert (record.state, broken.submitted()) == (State.DONE, 1)


def test_hub_that_goes_away_after_the_submission_loses_no_build(broken: Broken, tmp_path: Path) -> None:
    """The hub has it, its answer was lost, and then nothing answers any more."""
    broken.patience(1)
    broken.proxy.troubles = [
        Trouble("build", "drop answer", times=99),
        Trouble("listTasks", "bad gateway", times=99),
    ]
    with pytest.raises(ToolError, match=r"Whether it has the build is not known.*fedvhost build status 2"):
        broken.site.submit(make_srpm(tmp_path / "srpm"))

    record = broken.site.latest()
    assert (record.state, record.task) == (State.SUBMITTING, None)
    broken.proxy.troubles = []
    koji = Koji(broken.site.workspace)
    record = koji.watch(koji.status(record), broken.site.events.append)
    assert (record.state, broken.submitted()) == (State.DONE, 1)


def test_submitting_again_what_was_cut_off_builds_once(broken: Broken, tmp_path: Path) -> None:
    broken.patience(1)
    broken.proxy.troubles = [
        Trouble("build", "drop answer", times=99),
        Trouble("listTasks", "bad gateway", times=99),
    ]
    with pytest.raises(ToolError):
        broken.site.submit(make_srpm(tmp_path / "srpm"))
    broken.proxy.troubles = []

    record = Koji(broken.site.workspace).submit(broken.site.latest(), broken.site.events.append)

    assert (record.task, broken.submitted()) == (broken.site.hub.builds()[-1]["id"], 1)


def test_hub_is_restarted_while_a_build_runs(broken: Broken, tmp_path: Path) -> None:
    broken.patience(20)
    record = broken.site.submit(make_srpm(tmp_path / "srpm", build="sleep 2\ngcc --version\ntouch program\n"))
    hub, told = broken.site.hub, broken.site.events.append

    def restart(event: Event) -> None:
        told(event)
        if isinstance(event, TaskTree) and event.tasks[-1].state == "open" and len(event.tasks) == 2:
            hub.stop()
        if isinstance(event, Remark) and "trying again" in event.text and not hub.is_up():
            hub.start()

    record = Koji(broken.site.workspace).watch(record, restart)

    assert (record.state, broken.submitted()) == (State.DONE, 1)
    assert "the hub answers 502" in broken.remarks()


def test_expired_session_is_renewed(broken: Broken, tmp_path: Path) -> None:
    """The login ends in the middle of an upload, as it does after a day."""
    expired = False

    def expire(event: Event) -> None:
        nonlocal expired
        broken.site.events.append(event)
        if not expired and "rawUpload" in broken.proxy.seen:
            expired = True
            broken.site.hub.sql("UPDATE sessions SET expired = TRUE WHERE user_id = 1")

    koji = Koji(broken.site.workspace)
    srpm = make_srpm(tmp_path / "srpm", ballast=3 << 20)
    record = save(broken.site.workspace, koji.ready(broken.site.prepare(srpm)))
    record = koji.watch(koji.submit(record, expire), expire)

    assert expired
    assert (record.state, broken.submitted()) == (State.DONE, 1)


def test_build_that_somebody_else_cancels(broken: Broken, tmp_path: Path) -> None:
    record = broken.site.submit(make_srpm(tmp_path / "srpm", build="sleep 60\n"))
    broken.site.hub.session("admin").cancelTask(record.task)

    record = Koji(broken.site.workspace).watch(record, broken.site.events.append)

    assert record.state is State.CANCELLED
    assert record.because == f"task {record.task} was cancelled, not by fedvhost here"


def test_downloaded_file_that_arrives_damaged_is_brought_again(broken: Broken, tmp_path: Path) -> None:
    broken.proxy.troubles = [Trouble("downloadTaskOutput", "spoil answer")]

    record = broken.site.build(make_srpm(tmp_path / "srpm"))

    assert "arrived damaged; bringing it again" in broken.remarks()
    rpm = broken.site.workspace.root / record.results[0]
    subprocess.run(["rpmkeys", "--checksig", "--nosignature", rpm], check=True, capture_output=True)


def test_damage_that_stays_is_told_and_nothing_is_kept(broken: Broken, tmp_path: Path) -> None:
    broken.proxy.troubles = [Trouble("downloadTaskOutput", "spoil answer", times=99)]
    with pytest.raises(ToolError, match="arrives damaged: its checksum is not what the hub"):
        broken.site.build(make_srpm(tmp_path / "srpm"))

    record = broken.site.latest()
    assert record.state is State.DONE
    assert list(broken.site.folder(record).iterdir()) == []
    broken.proxy.troubles = []
    record = Koji(broken.site.workspace).collect(
        record, broken.site.folder(record), broken.site.events.append
    )
    assert len(record.results) == 1


def test_full_disk_leaves_the_build_at_the_hub(broken: Broken, tmp_path: Path) -> None:
    """A real file system of 128 KiB; needs root, to mount it."""
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", full], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a file system, so no disk can be full")
    try:
        (full / "ballast").write_bytes(bytes(120 << 10))
        koji = Koji(broken.site.workspace)
        record = broken.site.submit(make_srpm(tmp_path / "srpm"))
        record = koji.watch(record, broken.site.events.append)
        with pytest.raises(FedvhostError, match=r"are needed and .* are free; make room"):
            koji.collect(record, full, broken.site.events.append)
        assert sorted(p.name for p in full.iterdir()) == ["ballast"]
        assert broken.site.latest().state is State.DONE
        (full / "ballast").unlink()
        assert len(koji.collect(record, full, broken.site.events.append).results) == 1
    finally:
        subprocess.run(["umount", full], check=True)
