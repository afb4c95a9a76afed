"""``fedvhost build`` with rpmbuild: packages that install, failures that explain themselves, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from backports import FEDVHOST, KERNEL_SPEC, QEMU_SPEC, Work
from conftest import Cli, Ran
from fedvhost.builds.record import Record, State, all_records
from fedvhost.evidence import Evidence, changed_inputs, read
from fedvhost.workspace import Workspace

BROKEN = 'sed -i "1i int broken(void) { return nothing_of_that_name; }" kernel/printk.c\n'
SLEEPS = "touch begun; for i in $(seq 600); do echo still at it; sleep 0.1; done\n"


def before_make(work: Work, shell: str) -> None:
    """Put a line before the kernel's make."""
    work.edit(KERNEL_SPEC, "make %{?_smp_mflags}\n", f"{shell}make %{{?_smp_mflags}}\n")


def only(work: Work) -> Record:
    """The one record there is."""
    (record,) = all_records(Workspace(work.root))
    assert isinstance(record, Record)
    return record


def evidence(work: Work, package: str) -> Evidence | None:
    found = read(Workspace(work.root), "f13", "vhost-net", "build", package)
    assert found is None or isinstance(found, Evidence)
    return found


def build(work: Work, *words: str) -> Ran:
    """The command line of a subcommand, which takes no --release."""
    ran = work.call("-C", work.root, "build", *words)
    assert isinstance(ran, Ran)
    return ran


def running(work: Work, *options: str) -> subprocess.Popen[str]:
    """Start a build of the kernel, which sleeps in %build, and return when it does."""
    before_make(work, SLEEPS)
    process = work.start("build", "--package", "kernel", *options)
    until = time.monotonic() + 60
    while not list(work.root.glob(".fedvhost/builds/*/topdir/BUILD/*/begun")):
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.05)
    return process


def built(work: Work, *options: str, code: int = 0) -> Any:
    """Run a build with --json and return what it says; its progress goes to stderr."""
    ran = work.run(*options, "--json")
    assert ran.code == code, ran
    return json.loads(ran.out)


def processes_below(folder: Path) -> list[str]:
    """The processes that work below a folder."""
    found = []
    for cwd in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if cwd.resolve().is_relative_to(folder):
                found.append(cwd.parent.name)
        except OSError:
            continue
    return found


def gone(folder: Path) -> bool:
    """Whether every process below the folder ends within some seconds."""
    until = time.monotonic() + 20
    while processes_below(folder) and time.monotonic() < until:
        time.sleep(0.05)
    return not processes_below(folder)


def test_both_packages_in_one_command_install(done: Work, tmp_path: Path) -> None:
    said = built(done, "build", "--scratch")

    assert [(b["package"], b["state"], b["scratch"]) for b in said["builds"]] == [
        ("kernel", "done", True),
        ("qemu-kvm", "done", True),
    ]
    results = [r for b in said["builds"] for r in b["results"]]
    assert all(r.startswith(f"build/f13/{b['nvr']}/") for b in said["builds"] for r in b["results"])
    install = [
        "rpm",
        "-i",
        "--test",
        "--nodeps",
        "--dbpath",
        str(tmp_path / "db"),
        *(str(done.file(r)) for r in results),
    ]
    subprocess.run(install, check=True, capture_output=True)
    listed = subprocess.run(
        ["rpm", "-qpl", *(done.file(r) for r in results)], check=True, capture_output=True, text=True
    ).stdout
    assert "vhost_net" in listed and "qemu" in listed
    assert not list(done.root.glob(".fedvhost/builds/*/topdir"))


def test_evidence_names_what_went_in_and_what_came_out(done: Work) -> None:
    made = built(done, "build", "--package", "kernel")["builds"][0]

    found = evidence(done, "kernel")

    assert found is not None
    assert (found.facts["ok"], found.facts["via"], found.facts["record"]) == (True, "rpmbuild", made["id"])
    assert set(found.facts["results"]) == set(made["results"])
    assert set(found.facts["machines"]) == set(made["results"])
    assert [m for rpm in found.facts["machines"].values() for m in rpm if m.startswith("64-bit ")]
    assert "patches/f13/kernel/series" in found.inputs and KERNEL_SPEC in found.inputs
    assert changed_inputs(Workspace(done.root), found) == ()
    done.file(KERNEL_SPEC).write_text(done.file(KERNEL_SPEC).read_text() + "\n")
    assert changed_inputs(Workspace(done.root), found) == (KERNEL_SPEC,)


def test_a_spec_broken_on_purpose(done: Work) -> None:
    before_make(done, BROKEN)

    ran = done.run("build", "--scratch")

    assert ran.code == 1
    assert "kernel/printk.c:1:27: error: " in ran.out and "nothing_of_that_name" in ran.out
    assert "%build failed (exit status 1)" in ran.out
    assert "not begun: qemu-kvm" in ran.out
    record = only(done)
    assert record.state is State.FAILED
    (log,) = record.logs
    assert log == f"build/f13/{record.nvr}/build.log"
    assert "nothing_of_that_name" in done.file(log).read_text()
    found = evidence(done, "kernel")
    assert found is not None and found.facts["ok"] is False
    assert evidence(done, "qemu-kvm") is None


def test_a_failed_build_does_not_lie_beside_packages_of_an_earlier_one(done: Work) -> None:
    first = built(done, "build", "--package", "kernel")["builds"][0]
    before_make(done, BROKEN)

    second = built(done, "build", "--package", "kernel", code=1)["builds"][0]

    assert second["nvr"] == first["nvr"]
    assert not any(done.file(r).exists() for r in first["results"])
    assert done.file(second["logs"][0]).is_file()


def test_a_build_that_makes_nothing_is_no_success(done: Work) -> None:
    spec = done.file(QEMU_SPEC)
    spec.write_text(spec.read_text().replace("%files", "#files"))

    said = built(done, "build", "--package", "qemu-kvm", code=1)

    assert said["builds"][0]["state"] == "failed"


def test_a_hostile_log_line_does_nothing_to_the_terminal(done: Work) -> None:
    before_make(
        done,
        r"printf 'x.c:1:1: error: \033]0;owned\007\033[2J\r\302\233 gone \342\200\256\n'; false; " + "\n",
    )

    ran = done.run("build", "--package", "kernel")
    logs = build(done, "logs", "kernel", "--all")

    assert (ran.code, logs.code) == (1, 0)
    for shown in (ran.out, ran.err, logs.out):
        assert not {"\x1b", "\x07", "\r", "\x9b", "\u202e"} & set(shown)
    assert r"\x1b]0;owned" in ran.out and r"\x1b]0;owned" in logs.out


def test_what_rpm_could_not_check_is_said_and_on_record(done: Work) -> None:
    if subprocess.run(["rpm", "-q", "--quiet", "rpm"], check=False).returncode == 0:
        pytest.skip("this system's packages are rpm's, so rpmbuild checks BuildRequires itself")
    done.edit(KERNEL_SPEC, "BuildRequires: gcc, make\n", "BuildRequires: gcc, make, no-such-thing >= 3\n")

    ran = done.run("build", "--package", "kernel")

    assert "BuildRequires were not checked by rpm (--nodeps)" in ran.out
    assert "no-such-thing" in " ".join(ran.out.split())
    found = evidence(done, "kernel")
    assert found is not None and "--nodeps" in found.facts["notes"][0]


def test_options_reach_the_spec_and_the_record(done: Work) -> None:
    before_make(done, "echo minimal is '%{?_with_minimal}' debug is '%{?_without_debug}'\n")

    ran = done.run("build", "--package", "kernel", "--with", "minimal", "--without", "debug")

    assert ran.code == 0
    assert "minimal is --with-minimal debug is --without-debug" in done.file(only(done).logs[0]).read_text()
    assert only(done).options == ("--with minimal", "--without debug")


@pytest.mark.parametrize("option", ["x;touch owned", "-p", "a b", "ä", ""])
def test_an_option_that_is_none(done: Work, option: str) -> None:
    assert done.run("build", "--with", option).code == 2
    assert not list(done.root.glob(".fedvhost/builds/*.json"))


def test_ctrl_c_stops_the_build_and_the_record_says_cancelled(done: Work) -> None:
    process = running(done)

    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 130
    assert "interrupted (Ctrl-C)" in out
    assert only(done).state is State.CANCELLED
    assert gone(done.root)
    assert evidence(done, "kernel") is None
    assert build(done, "status", "kernel").code == 1


def test_cancel_from_another_terminal(done: Work) -> None:
    process = running(done)

    assert build(done, "status", "kernel").code == 1
    assert only(done).state is State.BUILDING
    assert build(done, "cancel", "kernel").code == 0

    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "cancelled by 'fedvhost build cancel'" in out
    assert only(done).state is State.CANCELLED
    assert gone(done.root)
    assert build(done, "cancel", "kernel").code == 1


def test_a_killed_fedvhost_leaves_a_build_of_which_nothing_is_claimed(done: Work) -> None:
    process = running(done)

    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    assert gone(done.root)  # nobody reads its output any more: it ends by itself
    ran = build(done, "status", "kernel")
    assert (ran.code, only(done).state) == (3, State.UNKNOWN)
    assert "is gone" in ran.out
    assert evidence(done, "kernel") is None


def test_logs_of_a_running_build(done: Work) -> None:
    process = running(done)

    ran = build(done, "logs", "kernel", "--lines", "3")

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert (ran.code, "still at it" in ran.out) == (0, True)


def test_status_waits_for_a_build_of_another_terminal(done: Work) -> None:
    process = running(done)
    waiting = subprocess.Popen(
        [*FEDVHOST, "-C", done.root, "build", "status", "--wait", "kernel"], stdout=subprocess.PIPE, text=True
    )
    time.sleep(0.5)
    assert waiting.poll() is None

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    out, _ = waiting.communicate(timeout=60)
    assert (waiting.returncode, "cancelled" in out) == (1, True)


def test_a_full_disk_ends_the_build_and_is_told(done: Work) -> None:
    """The log cannot be written: a folder stands in its place."""
    (done.root / "build").mkdir()
    (done.root / "build" / "f13").write_text("in the way\n")

    ran = done.run("build", "--package", "kernel")

    assert ran.code == 3
    assert "build/f13" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--no-wait",), 2, "runs here and ends with this command"),
        (("--arch-override", "x86_64", "--arch-override", "i686"), 2, "builds for one architecture"),
        # rpm would call it so, and put this machine's code into it.
        (("--arch-override", "pdp11"), 2, "and not for pdp11; build --via mock or --via koji"),
        (("--with", "a", "--without", "a"), 2, "which of the two?"),
        (("--package", "kernl"), 2, "has no package 'kernl'"),
    ],
)
def test_orders_that_cannot_be(done: Work, options: tuple[str, ...], code: int, said: str) -> None:
    ran = done.run("build", "--via", "rpmbuild", *options)

    assert (ran.code, said in ran.err) == (code, True), ran
    assert not list(done.root.glob(".fedvhost/builds/*.json"))


def test_status_of_nothing_and_of_a_spoiled_record(done: Work) -> None:
    assert "there is no build yet" in build(done, "status").out
    assert build(done, "status", "kernel").code == 2
    done.run("build", "--package", "kernel")
    (file,) = done.root.glob(".fedvhost/builds/*.json")
    file.write_text(file.read_text().replace('"done"', '"failed"'))

    ran = build(done, "status")

    assert "spoiled" in ran.out
    assert build(done, "status", file.stem).code == 2


def test_a_workspace_whose_path_no_spec_could_bear(done: Work, tmp_path: Path, cli: Cli) -> None:
    odd = tmp_path / "a $(touch owned) 'path'"
    done.root.parent.rename(odd)
    work = Work(odd / "workspace", cli)

    assert work.run("build", "--package", "qemu-kvm").code == 0
    assert not list(tmp_path.rglob("owned"))
