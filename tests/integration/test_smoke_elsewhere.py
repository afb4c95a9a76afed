"""The smoke test on another machine: over a real ssh, to a server on loopback; nothing stays there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import Cli
from fedvhost.guests.machine import Accelerator, Machine
from fedvhost.guests.place import VARIABLE, script
from fedvhost.inside.rows import Verdict
from fedvhost.pipeline.smoke.options import Options, Watcher
from fedvhost.pipeline.smoke.smoking import run_smoke
from fedvhost.workspace import Workspace
from sshd import serving

# One test host at a time: each wants both processors.
pytestmark = pytest.mark.xdist_group("test-hosts")
SILENT = Watcher(lambda _: None, lambda _, __: None)
ROWS = ("frames-out", "frames-in")


@dataclass(frozen=True)
class Other:
    """The other machine: where its commands keep temporary files."""

    temporary: Path


@pytest.fixture
def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Other]:
    """Another machine, which is this one."""
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not on PATH")
    with serving(tmp_path / "other") as ssh:
        monkeypatch.setenv(VARIABLE, ssh)
        yield Other(tmp_path / "other" / "tmp")


def test_rows_pass_on_the_other_machine_and_nothing_stays_there(workspace: Workspace, other: Other) -> None:
    options = Options("driver", ROWS, accelerator="tcg", on="ssh:127.0.0.1")

    smoke = run_smoke(workspace, options, SILENT)

    assert {r.id: r.verdict for r in smoke.runs[0].rows if r.id in ROWS} == dict.fromkeys(ROWS, Verdict.PASS)
    assert "on '127.0.0.1'" in smoke.because
    assert _until(lambda: not list(other.temporary.iterdir()))


def test_other_machine_is_asked_whether_its_kvm_boots_a_kernel(workspace: Workspace, other: Other) -> None:
    smoke = run_smoke(workspace, Options("driver", ROWS[:1], on="ssh:127.0.0.1"), SILENT)

    assert smoke.ok, smoke.runs
    said = {"kvm": "booted this kernel", "tcg": "does not boot a kernel"}
    assert said[smoke.accelerator] in smoke.because and "KVM on '127.0.0.1'" in smoke.because


def test_killed_smoke_test_ends_the_machine_over_there(workspace: Workspace, other: Other) -> None:
    argv = [sys.executable, "-m", "fedvhost", "-C", str(workspace.root), "smoke", "--accel", "tcg"]
    with subprocess.Popen([*argv, "--on", "ssh:127.0.0.1"], stdout=subprocess.DEVNULL) as running:
        try:
            assert _until(lambda: machines(other)), "no machine was started"
            running.send_signal(signal.SIGKILL)
            running.wait(30)
        finally:
            running.kill()

    assert _until(lambda: not machines(other)), "the machine outlived the smoke test"
    assert _until(lambda: not list(other.temporary.iterdir()))


def test_machine_that_cannot_be_reached_is_told_with_what_ssh_said(
    workspace: Workspace, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("ssh is not on PATH")
    monkeypatch.setenv(VARIABLE, "ssh -F none -p 1")  # nobody listens on port 1

    ran = cli("-C", workspace.root, "smoke", "--on", "ssh:127.0.0.1")

    assert ran.code == 3
    assert "--on: '127.0.0.1' cannot run a test host" in ran.err and "refused" in ran.err


@pytest.mark.parametrize("on", ["host", "ssh:", "ssh:-oProxyCommand=true", "ssh:two words"])
def test_place_that_is_none_is_refused(workspace: Workspace, cli: Cli, on: str) -> None:
    ran = cli("-C", workspace.root, "smoke", "--on", on)

    assert ran.code == 2
    assert f"--on '{on}': say ssh:HOST" in ran.err


def test_script_for_the_other_machine_is_one_that_a_shell_reads() -> None:
    machine = Machine(Accelerator.TCG, "/boot/vmlinux", "/tmp/initrd", command_line="a=' $(b)\" c")

    text = script(machine, [3, 5])

    assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0
    assert "/boot/vmlinux" not in text


def machines(other: Other) -> list[int]:
    """The processes that are qemu with a temporary folder of the other machine as theirs."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            where = os.readlink(folder / "cwd")  # noqa: PTH115
        except OSError:
            continue
        if b"qemu-system" in words[0] and where.startswith(str(other.temporary)):
            found.append(int(folder.name))
    return found


def _until(holds: Callable[[], object], seconds: float = 90.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False
