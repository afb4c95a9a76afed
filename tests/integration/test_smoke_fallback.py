"""Guests where the test host has no KVM: from snapshots under TCG, or nothing is claimed of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import USER_CACHE, Cli
from fedvhost.guests.cpio import Entry, file
from fedvhost.inside.rows import Verdict
from fedvhost.pipeline.smoke.options import Options, Watcher
from fedvhost.pipeline.smoke.smoking import run_smoke
from fedvhost.smoke.results import RowResult, Smoke, facts
from fedvhost.workspace import Workspace

# One test host at a time: each wants both processors.
pytestmark = pytest.mark.xdist_group("test-hosts")
SILENT = Watcher(lambda _: None, lambda _, __: None)
# Neither module loads, so there is no /dev/kvm in the test host.
NO_KVM: Entry = file(
    "/etc/modprobe.d/no-kvm.conf", b"install kvm_amd /bin/false\ninstall kvm_intel /bin/false\n"
)


@pytest.fixture
def no_snapshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No snapshot is in the cache, and none can be made: qemu refuses sockets whose path is too long."""
    ours, theirs = tmp_path / "cache" / "fedvhost", USER_CACHE / "fedvhost"
    (ours / "parts").mkdir(parents=True)
    (ours / "kernels").symlink_to(theirs / "kernels")
    for part in (theirs / "parts").iterdir():
        if not part.name.startswith("snapshot"):
            (ours / "parts" / part.name).symlink_to(part)
    deep = tmp_path / ("a-folder-with-a-long-name-" * 5)
    deep.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(deep))
    monkeypatch.setattr("tempfile.tempdir", None)


def rows(smoke: Smoke) -> dict[str, RowResult]:
    (run,) = smoke.runs
    return {r.id: r for r in run.rows}


def test_guests_from_snapshots_answer_and_vhost_is_proven_on_and_off(workspace: Workspace) -> None:
    options = Options("guest", ("vhost-on", "vhost-off", "ping-on"), guests="tcg")

    smoke = run_smoke(workspace, options, SILENT)

    found = rows(smoke)
    assert {i: r.why for i, r in found.items() if r.verdict is not Verdict.PASS} == {}
    assert found["vhost-on"].observed["vhost-started"] is True
    assert found["vhost-on"].observed["ticks after"] > found["vhost-on"].observed["ticks before"]
    assert found["vhost-off"].observed == {"vhost-started": False, "worker": False}
    assert "seconds to restore" in found["boot-on"].observed
    assert facts(smoke)["runs"][0]["guests"] == "tcg"


def test_host_without_kvm_is_booted_again_with_snapshots_and_says_why(workspace: Workspace) -> None:
    smoke = run_smoke(workspace, Options("guest", ("boot-off",), files=[NO_KVM]), SILENT)

    assert smoke.ok, rows(smoke)
    assert (smoke.runs[0].guests, facts(smoke)["runs"][0]["guests"]) == ("tcg", "tcg")
    assert "no KVM in this test host" in smoke.runs[0].guests_because


def test_without_kvm_and_without_a_snapshot_nothing_is_claimed(
    workspace: Workspace, no_snapshots: None
) -> None:
    smoke = run_smoke(workspace, Options("guest", ("vhost-on", "bad-vhostfd"), files=[NO_KVM]), SILENT)

    found = rows(smoke)
    assert not smoke.ok
    assert found["boot-on"].verdict is Verdict.UNDECIDED
    assert "no KVM in this test host" in found["boot-on"].why
    assert "does not start guest 'on' outside the test host" in found["boot-on"].why
    assert found["vhost-on"].verdict is Verdict.UNDECIDED
    # It needs no guest that comes up.
    assert found["bad-vhostfd"].verdict is Verdict.PASS


def test_kvm_that_was_asked_for_and_is_not_there_is_no_pass(workspace: Workspace) -> None:
    smoke = run_smoke(workspace, Options("guest", ("boot-on",), guests="kvm", files=[NO_KVM]), SILENT)

    assert rows(smoke)["boot-on"].verdict is Verdict.UNDECIDED
    assert smoke.runs[0].guests == ""


def test_command_ends_with_1_when_guests_cannot_be_had(
    workspace: Workspace, no_snapshots: None, cli: Cli
) -> None:
    ran = cli("-C", workspace.root, "smoke", "--shape", "guest", "--guests", "tcg", "--row", "boot-on")

    assert ran.code == 1, ran.err
    assert "could not decide" in ran.out
    assert "does not hold" in ran.out
