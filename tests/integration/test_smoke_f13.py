"""Shape f13 on the packages of the real histories: it passes, it can fail, controls fail as they must.

FEDVHOST_F13_RPMS names a folder with folders of RPMs: ``kernel`` and ``qemu-kvm`` (built of the series with
``--with minimal``); for the controls ``kernel-unpatched`` and ``qemu-kvm-unpatched`` (built of the bases),
``kernel-no-use_mm`` (the series without 5da779c34ccf), ``qemu-kvm-vhost_default`` (with that option).
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from conftest import Cli
from fedvhost.guests import f13
from fedvhost.guests.cpio import Entry, file
from fedvhost.inside.rows import Verdict
from fedvhost.pipeline.smoke.options import Options, Watcher
from fedvhost.pipeline.smoke.smoking import run_smoke
from fedvhost.shipped import make_workspace
from fedvhost.smoke.results import Run
from fedvhost.workspace import Workspace, locate

VARIABLE = "FEDVHOST_F13_RPMS"
# Read now: a test's own environment has none of ours.
ROOT = os.environ.get(VARIABLE)
# One test host at a time: each wants both processors.
pytestmark = pytest.mark.xdist_group("test-hosts")
SILENT = Watcher(lambda _: None, lambda _, __: None)
# Red on the series up to v2.6.34: upstream repaired both for v2.6.35.
REPAIRED_LATER = {"address": "7ad9c9d27048", "index": "0f3d9a17469d"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    make_workspace(tmp_path / "workspace")
    return locate(tmp_path / "workspace")


def rpms(*folders: str) -> tuple[Path, ...]:
    if not ROOT:
        pytest.skip(f"{VARIABLE} names no folder with the packages of the real histories")
    found = []
    for folder in folders:
        here = sorted((Path(ROOT) / folder).glob("*.rpm"))
        if not here:
            pytest.skip(f"{VARIABLE}: '{folder}' holds no packages")
        found += here
    return tuple(found)


def ask(
    workspace: Workspace, kernel: str, qemu: str, *rows: str, before: str = "", files: tuple[Entry, ...] = ()
) -> Run:
    """One run of ``rows`` (none: all), on these packages; ``before`` is done in the test host first."""
    if before:
        script = f"#!/bin/sh\n{before}\n".encode()
        files = (*files, file("/etc/fedvhost/before", script, executable=True))
    options = Options("f13", rows, rpms=rpms(kernel, qemu), files=files)
    (run,) = run_smoke(workspace, options, SILENT).runs
    return run


def said(run: Run, *verdicts: Verdict) -> dict[str, str]:
    return {r.id: r.why for r in run.rows if r.verdict in verdicts}


def red(run: Run) -> dict[str, str]:
    return said(run, Verdict.FAIL)


def undecided(run: Run) -> dict[str, str]:
    return said(run, Verdict.UNDECIDED)


def test_real_stack_does_what_the_feature_page_says(workspace: Workspace) -> None:
    run = ask(workspace, "kernel", "qemu-kvm")

    assert undecided(run) == {}
    assert {row: why for row, why in red(run).items() if REPAIRED_LATER.get(row, "none") not in why} == {}
    assert run.kernel.startswith("2.6.33-")
    seen = {r.id: r.observed for r in run.rows}
    assert seen["several-nics"]["references"] == "2"
    assert "unsupported" in seen["migrate-off-on"]["destination"]
    assert seen["contingency"]["shipped"] == "vhost off"


def test_vhost_that_is_silently_off_is_found(workspace: Workspace) -> None:
    """Pings and data still pass, so only looking at vhost itself shows it."""
    swap = """mv /usr/bin/qemu-kvm /usr/bin/qemu-kvm.real
cat > /usr/bin/qemu-kvm <<'END'
#!/bin/sh
n=$#
while [ $n -gt 0 ]; do
    word=$1; shift; n=$((n - 1))
    set -- "$@" "$(echo "$word" | sed 's/vhost=on/vhost=off/')"
done
exec /usr/bin/qemu-kvm.real "$@"
END
chmod 755 /usr/bin/qemu-kvm"""

    run = ask(workspace, "kernel", "qemu-kvm", "vhost-on", "vhost-off", before=swap)

    assert red(run) == {"vhost-on": "open /dev/vhost-net of qemu-kvm: 0, not 1"}
    assert undecided(run) == {}


def test_reference_that_leaks_is_found(workspace: Workspace) -> None:
    run = ask(
        workspace, "kernel", "qemu-kvm", "arguments", "unload", before="modprobe vhost_net; device hold &"
    )

    assert set(red(run)) == {"module-load"}
    assert "references to vhost_net: 1, not 0" in red(run)["module-load"]
    assert set(undecided(run)) == {"arguments", "unload"}


def test_package_that_ships_both_answers_to_the_contingency_is_found(workspace: Workspace) -> None:
    both = file("/etc/sysconfig/modules/vhost_net.modules", b"modprobe vhost_net\n")

    run = ask(workspace, "kernel", "qemu-kvm", "contingency", "options", files=(both,))

    assert list(red(run)) == ["contingency"]
    assert "loads vhost_net at boot: yes; file that keeps it out: yes" in red(run)["contingency"]


def test_broken_payload_is_found(workspace: Workspace) -> None:
    """What the guest is given is not what the host takes the sum of."""
    rows = (f13.HERE / "rows.sh").read_bytes() + b"md5sum() { (cat; echo) | busybox md5sum; }\n"

    run = ask(workspace, "kernel", "qemu-kvm", "vhost-off", files=(file("/fedvhost/rows.sh", rows),))

    assert list(red(run)) == ["vhost-off"]
    assert "the sum of what the guest got" in red(run)["vhost-off"]


def test_control_unpatched_qemu_does_not_know_the_option(workspace: Workspace) -> None:
    run = ask(workspace, "kernel", "qemu-kvm-unpatched", "options", "vhost-on", "vhost-off")

    assert set(red(run)) == {"options", "vhost-on", "vhost-off"}
    assert all('option "vhost" is not valid for netdev' in why for why in red(run).values())


def test_control_unpatched_kernel_has_no_module(workspace: Workspace) -> None:
    run = ask(workspace, "kernel-unpatched", "qemu-kvm", "options", "vhost-on")

    assert list(red(run)) == ["module-load"]
    assert "vhost_net not found" in red(run)["module-load"]
    assert set(undecided(run)) == {"vhost-on"}


def test_control_without_the_prerequisite_the_module_does_not_load_and_the_row_says_why(
    workspace: Workspace,
) -> None:
    run = ask(workspace, "kernel-no-use_mm", "qemu-kvm", "options")
    assert red(run) == {}

    run = ask(workspace, "kernel-no-use_mm", "qemu-kvm", "module-load")
    assert "vhost_net: Unknown symbol use_mm" in red(run)["module-load"]


def test_control_on_by_default_uses_vhost_unasked(workspace: Workspace) -> None:
    run = ask(workspace, "kernel", "qemu-kvm-vhost_default", "contingency")

    (row,) = [r for r in run.rows if r.id == "contingency"]
    assert (row.verdict, row.observed["shipped"]) == (Verdict.PASS, "vhost on")


def test_packages_without_a_kernel_are_refused(workspace: Workspace, cli: Cli) -> None:
    (rpm, *_) = rpms("qemu-kvm")

    ran = cli("-C", workspace.root, "smoke", "--shape", "f13", "--rpm", rpm)

    assert (ran.code, "one kernel is wanted in these packages, and there are 0" in ran.err) == (2, True), (
        ran.err
    )


def test_program_that_tells_writes_what_python_reads(tmp_path: Path) -> None:
    """Quotes, tabs, umlauts and control characters of a log must not garble the channel."""
    program, channel = tmp_path / "tell", tmp_path / "channel"
    source = (f13.HERE / "tell.c").read_text().replace('"/dev/ttyS1"', f'"{channel}"')
    (tmp_path / "tell.c").write_text(source)
    subprocess.run(["gcc", "-o", program, tmp_path / "tell.c"], check=True)
    channel.write_text("")
    why, seen = tmp_path / "why", tmp_path / "seen"
    why.write_bytes(b'he said "no"\\ \xff\x1b[31m\n')
    seen.write_text("key\tvalue with\ttab\nno pair\nother\t\n")

    subprocess.run([program, "row", "load", "fail", "1.5", why, seen], check=True)

    assert json.loads(channel.read_text()) == {
        "kind": "row", "row": "load", "verdict": "fail", "seconds": 1.5,
        "why": 'he said "no"\\ \xff\x1b[31m', "observed": {"key": "value with\ttab", "other": ""},
    }  # fmt: skip
