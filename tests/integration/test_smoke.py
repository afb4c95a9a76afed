"""The smoke test on real kernels: it passes, it can fail, it ends in time, and it leaves nothing behind."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import CHECKOUT, USER_CACHE, Cli
from fedvhost.evidence import Evidence, read
from fedvhost.guests import cpio
from fedvhost.guests.cpio import Entry, file
from fedvhost.guests.image import HOST_MODULES
from fedvhost.guests.kernel import Kernel, of_distribution
from fedvhost.guests.modules import select
from fedvhost.inside.rows import Verdict
from fedvhost.pipeline.smoke.options import Options, Watcher
from fedvhost.pipeline.smoke.smoking import run_smoke
from fedvhost.smoke.results import Smoke
from fedvhost.workspace import Workspace

ONCE = ("--shape", "driver", "--repeat", "1")
# One test host at a time: each wants both processors.
pytestmark = pytest.mark.xdist_group("test-hosts")
SILENT = Watcher(lambda _: None, lambda _, __: None)


def red(smoke: Smoke) -> dict[str, str]:
    (run,) = smoke.runs
    return {r.id: r.why for r in run.rows if r.verdict is Verdict.FAIL}


def undecided(smoke: Smoke) -> set[str]:
    (run,) = smoke.runs
    return {r.id for r in run.rows if r.verdict is Verdict.UNDECIDED}


def script(path: str, text: str) -> Entry:
    return file(path, f"#!/bin/sh\n{text}\n".encode(), executable=True)


def test_driver_shape_passes_and_leaves_evidence(workspace: Workspace, cli: Cli) -> None:
    ran = cli("-C", workspace.root, "smoke", "--release", "f13", *ONCE, "--json")

    found = json.loads(ran.out)
    assert (ran.code, found["ok"], found["complete"]) == (0, True, True), ran.out
    assert all(row["verdict"] == "pass" for row in found["runs"][0]["rows"])
    kept = read(workspace, "f13", "vhost-net", "smoke", "driver")
    assert isinstance(kept, Evidence)
    assert kept.facts["ok"] and {r["verdict"] for r in kept.facts["rows"]} == {"pass"}
    assert (workspace.root / found["junit"]).is_file()


def test_guest_shape_passes_with_vhost_on_off_and_handed_over(workspace: Workspace) -> None:
    smoke = run_smoke(workspace, Options("guest"), SILENT)

    assert (red(smoke), undecided(smoke)) == ({}, set())
    started = {r.id: r.observed["vhost-started"] for r in smoke.runs[0].rows if r.id.startswith("vhost-")}
    assert started == {"vhost-on": True, "vhost-fd": True, "vhost-off": False}


def test_module_that_may_not_load_is_red_and_the_rest_is_not_green(workspace: Workspace) -> None:
    off = file("/etc/modprobe.d/off.conf", b"install vhost_net /bin/false\n")

    smoke = run_smoke(workspace, Options("driver", files=[off]), SILENT)

    assert set(red(smoke)) == {"module-load"}
    assert len(undecided(smoke)) == len(smoke.runs[0].rows) - 1
    assert not smoke.ok


def test_leaked_reference_turns_unloading_red(workspace: Workspace) -> None:
    leak = script(
        "/etc/fedvhost/before",
        "( until [ -c /dev/vhost-net ]; do sleep 0.05; done; exec sleep 1000 </dev/vhost-net ) &",
    )

    smoke = run_smoke(workspace, Options("driver", files=[leak]), SILENT)

    assert set(red(smoke)) == {"unload-reload"}
    assert "1 references" in red(smoke)["unload-reload"]
    assert undecided(smoke) == set()


def test_corrupted_payload_turns_its_direction_red_and_is_captured(workspace: Workspace) -> None:
    # Before /usr/bin in the test host's PATH. Busybox's shell would take its own tc.
    corrupt = script(
        "/usr/sbin/ip",
        '/usr/bin/ip "$@" || exit\n'
        'case "$*" in *"set in0"*up) exec /usr/bin/tc qdisc add dev in0 root netem corrupt 100%;; esac',
    )

    smoke = run_smoke(workspace, Options("driver", files=[corrupt]), SILENT)

    assert set(red(smoke)) == {"frames-in"}
    assert "changed" in red(smoke)["frames-in"]
    assert undecided(smoke) == set()
    logs = workspace.root / smoke.runs[0].logs
    assert (logs / "frames-in.in0.pcap").read_bytes().startswith(b"\xd4\xc3\xb2\xa1")
    assert (logs / "console.log").stat().st_size > 1000


# A worker that does no work: bound to a processor that something of a higher priority keeps for 8 s.
STARVE = file(
    "/etc/fedvhost/starve.py",
    b"""
import os, pathlib, time
pathlib.Path("/proc/sys/kernel/sched_rt_runtime_us").write_text("-1")
while not os.path.exists("/sys/class/net/work0"):
    time.sleep(0.01)
while True:
    names = {int(p.parent.name): p.read_text() for p in pathlib.Path("/proc").glob("[0-9]*/comm")}
    if found := [pid for pid, name in names.items() if name.startswith("vhost-")]:
        break
os.sched_setaffinity(found[0], {1})
os.sched_setaffinity(0, {1})
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99))
end = time.monotonic() + 8
while time.monotonic() < end:
    pass
""",
)


def test_worker_that_does_no_work_turns_its_row_red_and_no_other(workspace: Workspace) -> None:
    before = script("/etc/fedvhost/before", "python3 -s /etc/fedvhost/starve.py &")

    smoke = run_smoke(workspace, Options("driver", accelerator="tcg", files=[STARVE, before]), SILENT)

    assert red(smoke) == {"worker": "a frame did not arrive"}
    assert undecided(smoke) == set()


def test_vhost_that_is_silently_off_is_found_out(workspace: Workspace) -> None:
    quiet = script(
        "/usr/sbin/qemu-system-x86_64",
        'for a; do shift; set -- "$@" "$(echo "$a" | sed s/vhost=on/vhost=off/)"; done\n'
        'exec /usr/bin/qemu-system-x86_64 "$@"',
    )
    rows = ("vhost-on", "vhost-off", "ping-on")

    smoke = run_smoke(workspace, Options("guest", rows, files=[quiet]), SILENT)

    assert red(smoke) == {"vhost-on": "qemu does not say vhost-started"}, smoke.runs
    assert undecided(smoke) == set(), smoke.runs


# Ends the first test host when frames first go in: its plan still has the row "features".
CRASH = script(
    "/usr/sbin/ip",
    'case "$*" in *"set in0"*)\n'
    "! grep -q features /etc/fedvhost/plan.json || echo c >/proc/sysrq-trigger;; esac\n"
    'exec /usr/bin/ip "$@"',
)
CRASHED = ("features", "frames-in", "worker")


def test_rows_that_a_crashed_test_host_left_open_are_asked_in_a_fresh_one(workspace: Workspace) -> None:
    smoke = run_smoke(workspace, Options("driver", CRASHED, accelerator="tcg", files=[CRASH]), SILENT)

    (run,) = smoke.runs
    assert run.ok, (red(smoke), undecided(smoke), run.trouble)
    (note,) = run.notes
    assert "the kernel of the test host crashed" in note and "during row 'frames-in'" in note
    assert (workspace.root / run.logs / "console.log").is_file()


def test_crash_of_a_kernel_under_test_is_its_answer(workspace: Workspace) -> None:
    ours = of_distribution(USER_CACHE / "fedvhost")
    options = Options(
        "driver", CRASHED, kernel=ours.image, modules=ours.modules, accelerator="tcg", files=[CRASH]
    )

    smoke = run_smoke(workspace, options, SILENT)

    assert "the kernel of the test host crashed" in smoke.runs[0].trouble
    assert undecided(smoke) == {"frames-in", "worker"}
    assert smoke.runs[0].notes == ()


def test_machine_that_hangs_is_stopped_and_nothing_is_decided(workspace: Workspace) -> None:
    stuck = script("/etc/fedvhost/before", "sleep 1000")

    smoke = run_smoke(workspace, Options("driver", accelerator="tcg", timeout=3, files=[stuck]), SILENT)

    assert not smoke.ok
    assert len(undecided(smoke)) == len(smoke.runs[0].rows)
    assert "had not ended after 3 s" in smoke.runs[0].trouble


TWO = ("--shape", "full", "--row", "bad-vhostfd", "--row", "module-absent", "--hosts", "2")


def test_two_test_hosts_answer_as_one(workspace: Workspace, cli: Cli) -> None:
    ran = cli("-C", workspace.root, "smoke", "--accel", "tcg", *TWO, "--json")

    found = json.loads(ran.out)
    assert ran.code == 0, ran.out
    (run,) = found["runs"]
    assert [(r["id"], r["verdict"]) for r in run["rows"]] == [
        ("bad-vhostfd", "pass"),
        ("module-absent", "pass"),
    ]
    assert not (workspace.state_dir / "smoke/full/1").exists()


def test_one_of_two_test_hosts_that_crashes_is_replaced_alone(workspace: Workspace) -> None:
    which = "grep -q module-absent /etc/fedvhost/plan.json"
    crash = script("/etc/fedvhost/before", f"! {which} || echo c >/proc/sysrq-trigger")
    options = Options("full", ("bad-vhostfd", "module-absent"), accelerator="tcg", hosts=2, files=[crash])

    smoke = run_smoke(workspace, options, SILENT)

    (run,) = smoke.runs
    assert undecided(smoke) == {"module-absent"}
    assert [r.id for r in run.rows if r.verdict is Verdict.PASS] == ["bad-vhostfd"]
    assert "the kernel of the test host crashed" in run.trouble
    logs = workspace.root / run.logs
    assert sorted(p.parent.relative_to(logs).as_posix() for p in logs.rglob("console.log")) == [
        "side-1", "side-2", "side-2/host-2", "side-2/host-3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "more"),
    [
        (signal.SIGTERM, ()),
        (signal.SIGKILL, ()),
        (signal.SIGINT, ()),
        (signal.SIGINT, TWO),
    ],
)
def test_killed_smoke_test_leaves_no_machine_and_no_file(
    workspace: Workspace, tmp_path: Path, how: signal.Signals, more: tuple[str, ...]
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    argv = [sys.executable, "-m", "fedvhost", "-C", str(workspace.root), "smoke", "--accel", "tcg", *more]
    running = subprocess.Popen(
        argv, env={**os.environ, "TMPDIR": str(temporary)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        wanted = 2 if more else 1
        assert _until(lambda: len(machines(workspace)) == wanted), "no machine was started"
        running.send_signal(how)
        _, said = running.communicate(timeout=30)
    finally:
        running.kill()

    assert _until(lambda: not machines(workspace)), "the machine outlived the smoke test"
    assert list(temporary.iterdir()) == []
    assert running.returncode == (130 if how is signal.SIGINT else -how), said
    shape = "full" if more else "driver"
    with (workspace.state_dir / "smoke" / f"{shape}.lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_kernel_out_of_an_rpm_is_booted_and_its_build_named(workspace: Workspace, tmp_path: Path) -> None:
    ours = of_distribution(USER_CACHE / "fedvhost")
    rpm = _kernel_rpm(tmp_path, ours, "kernel-2.6.33-1.fc13")

    smoke = run_smoke(workspace, Options("driver", ("frames-in",), kernel_rpms=(rpm,)), SILENT)

    assert (red(smoke), undecided(smoke)) == ({}, set())
    assert smoke.runs[0].kernel == ours.release
    assert dict(smoke.nvrs) == {"kernel": "kernel-2.6.33-1.fc13"}


def test_rpm_without_a_kernel_is_told(workspace: Workspace, tmp_path: Path, cli: Cli) -> None:
    ran = cli("-C", workspace.root, "smoke", "--kernel-rpm", tmp_path / "kernel.rpm")

    assert ran.code == 2
    assert "kernel.rpm': no such file" in ran.err


def test_kernel_without_its_modules_is_refused(workspace: Workspace, cli: Cli) -> None:
    ran = cli("-C", workspace.root, "smoke", "--kernel", "/etc/hostname")

    assert ran.code == 2
    assert "--kernel and --modules belong together" in ran.err


def test_rows_are_listed_with_the_lines_of_the_test_plan_they_decide(workspace: Workspace, cli: Cli) -> None:
    ran = cli("-C", workspace.root, "smoke", "--shape", "driver", "--list")

    assert ran.code == 0
    assert "unload-reload" in ran.out and "[module-load-unload]" in ran.out


def test_archive_is_what_cpio_reads(tmp_path: Path) -> None:
    entries = [file("/etc/motd", b"hello\n"), cpio.link("/bin/sh", "busybox"), cpio.folder("/proc")]
    with (tmp_path / "archive").open("wb") as out:
        size = cpio.write(entries, out)

    listed = subprocess.run(
        ["cpio", "-t", "--quiet"], input=(tmp_path / "archive").read_bytes(), capture_output=True, check=True
    )

    assert listed.stdout.decode().split() == ["bin", "bin/sh", "etc", "etc/motd", "proc"]
    assert (tmp_path / "archive").stat().st_size == size
    assert size % 512 == 0


def test_tmt_finds_no_fault_with_the_metadata() -> None:
    tmt = Path(sys.executable).parent / "tmt"

    ran = subprocess.run(
        [tmt, "lint"], cwd=CHECKOUT / "tests" / "guest", capture_output=True, text=True, check=False
    )

    said = [line for line in ran.stdout.splitlines() if line.startswith(("fail", "warn"))]
    assert (ran.returncode, said) == (0, []), ran.stdout + ran.stderr
    assert "/plans/smoke" in ran.stdout and "/smoke/guest" in ran.stdout


def _kernel_rpm(folder: Path, kernel: Kernel, nvr: str) -> Path:
    """A kernel package as rpmbuild makes one, of a kernel that is there and the modules that are needed."""
    name, version, release = nvr.rsplit("-", 2)
    tree = folder / "tree"
    for module in select(kernel.modules, HOST_MODULES)[0]:
        path = tree / "lib" / "modules" / kernel.release / module.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(module.content)
    (tree / "boot").mkdir()
    (tree / "boot" / f"vmlinuz-{kernel.release}").write_bytes(kernel.image.read_bytes())
    spec = folder / "kernel.spec"
    spec.write_text(
        f"Name: {name}\nVersion: {version}\nRelease: {release}\nSummary: A kernel\nLicense: GPLv2\n"
        "AutoReqProv: no\n%global __os_install_post %{nil}\n%global debug_package %{nil}\n"
        "%description\nA kernel.\n%install\n"
        f"cp -a {tree}/. %{{buildroot}}/\n%files\n/boot/*\n/lib/modules/*\n"
    )
    subprocess.run(
        ["rpmbuild", "-bb", "--quiet", "-D", f"_topdir {folder}/rpm", "-D", "_binary_payload w1.gzdio", spec],
        capture_output=True, check=True,
    )  # fmt: skip
    (rpm,) = (folder / "rpm" / "RPMS").rglob("*.rpm")
    return rpm


def machines(workspace: Workspace) -> list[int]:
    """The processes that are qemu, for this workspace."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"qemu-system" in words[0] and any(os.fsencode(workspace.root) in w for w in words):
            found.append(int(folder.name))
    return found


def _until(holds: Callable[[], object], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False
