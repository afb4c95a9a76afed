"""Shape ``full`` of the smoke test: it passes, and each sabotage turns its row red and no other.

A quick part runs always; FEDVHOST_SLOW=1 runs the whole shape and every sabotage (a quarter of an hour).
"""

from __future__ import annotations

import os
import tomllib

import pytest

from fedvhost.guests.cpio import Entry, file
from fedvhost.inside.catalogue import SHAPES
from fedvhost.inside.rows import Verdict
from fedvhost.pipeline.smoke.options import Options, Watcher
from fedvhost.pipeline.smoke.smoking import run_smoke
from fedvhost.smoke.results import Smoke
from fedvhost.workspace import Workspace

# One test host at a time: each wants both processors.
pytestmark = pytest.mark.xdist_group("test-hosts")
SILENT = Watcher(lambda _: None, lambda _, __: None)
slow = pytest.mark.skipif(os.environ.get("FEDVHOST_SLOW") != "1", reason="minutes; set FEDVHOST_SLOW=1")


def verdicts(smoke: Smoke, verdict: Verdict) -> dict[str, str]:
    (run,) = smoke.runs
    return {r.id: r.why for r in run.rows if r.verdict is verdict}


def program(path: str, text: str) -> Entry:
    """Goes before the real one in the test host's PATH. Its shell is busybox: the real one has its path."""
    return file(path, f"#!/bin/sh\n{text}\n".encode(), executable=True)


def ip(rule: str) -> Entry:
    """An ``ip`` that does as it is told, and then something more."""
    return program("/usr/sbin/ip", f'/usr/bin/ip "$@" || exit\ncase "$*" in {rule};; esac')


def qemu(change: str, when: str = "") -> Entry:
    """A qemu that is given other arguments: ``change`` is sed's, for each; ``when``: only with this one."""
    every = f'for a; do shift; set -- "$@" "$(echo "$a" | sed "{change}")"; done'
    lines = f'case "$*" in *"{when}"*)\n{every};; esac' if when else every
    return program("/usr/sbin/qemu-system-x86_64", f'{lines}\nexec /usr/bin/qemu-system-x86_64 "$@"')


HELD = program(
    "/etc/fedvhost/before",
    "( until [ -c /dev/vhost-net ]; do sleep 0.05; done; exec sleep 1000 </dev/vhost-net ) &",
)


def test_every_line_of_the_test_plan_that_a_smoke_test_can_decide_has_a_row(workspace: Workspace) -> None:
    feature = tomllib.loads((workspace.root / "backport/features/vhost-net.toml").read_text())
    plan = {line["id"]: line.get("decided-by") for line in feature["test-plan"]}
    covered = {line for row in SHAPES["full"] for line in row.covers}

    assert covered <= set(plan)
    # S4, suspend to disk, is not tried: the line about suspend stays a person's.
    left = {"test-day-10-suspend"}
    assert {line for line, by in plan.items() if by is None} - covered == left
    assert not covered & {line for line, by in plan.items() if by is not None}


def test_rows_without_a_guest_pass(workspace: Workspace) -> None:
    rows = ("module-absent", "unload-load")

    smoke = run_smoke(workspace, Options("full", rows), SILENT)

    assert verdicts(smoke, Verdict.PASS).keys() == set(rows), smoke.runs


def test_vhost_that_is_silently_off_without_its_module_is_found_out(workspace: Workspace) -> None:
    quiet = qemu("s/vhost=on/vhost=off/; s/,vhostforce=on//")

    smoke = run_smoke(workspace, Options("full", ("module-absent", "bad-vhostfd"), files=[quiet]), SILENT)

    assert "goes on" in verdicts(smoke, Verdict.FAIL)["module-absent"]


SABOTAGES = {
    "migrate-on-on": (qemu("s/netdev=n0,/netdev=n0,mrg_rxbuf=off,/", "-incoming"), ("migrate-off-on-plain",)),
    "guest-to-guest": (ip('*"set brg mtu"*) /usr/bin/ip link set brg mtu 1500'), ("guest-vlan",)),
    "guest-vlan": (
        program(
            "/usr/sbin/ip",
            'for a; do shift; [ "$a" = 7 ] && a=9; set -- "$@" "$a"; done\nexec /usr/bin/ip "$@"',
        ),
        ("ipv6",),
    ),
    "jumbo-virtio-on": (
        ip('*"set g10c0 mtu 9000"*) /usr/bin/tc qdisc add dev g10c0 root netem corrupt 100%'),
        ("jumbo-virtio-off",),
    ),
    "contingency": (qemu("s/^tap,id=n0,ifname=g13c0.*/&,vhost=on/"), ("no-msix",)),
    "unload-load": (HELD, ("bad-vhostfd",)),
    "start-stop": (HELD, ("bad-vhostfd",)),
}  # fmt: skip


@slow
@pytest.mark.parametrize("row", SABOTAGES)
def test_sabotage_turns_its_row_red_and_no_other(workspace: Workspace, row: str) -> None:
    harm, controls = SABOTAGES[row]

    smoke = run_smoke(workspace, Options("full", (row, *controls), files=[harm]), SILENT)

    assert set(verdicts(smoke, Verdict.FAIL)) == {row}, smoke.runs
    assert verdicts(smoke, Verdict.UNDECIDED) == {}


@slow
def test_whole_shape_holds_and_says_what_others_must_decide(workspace: Workspace) -> None:
    smoke = run_smoke(workspace, Options("full"), SILENT)

    assert smoke.ok, (verdicts(smoke, Verdict.FAIL), verdicts(smoke, Verdict.UNDECIDED))
    assert set(verdicts(smoke, Verdict.ELSEWHERE)) <= {"suspend-memory"}
    left = {line.id for line in smoke.elsewhere}
    assert left == {"whql", "latency", "bandwidth", "test-day-10-suspend"}
    assert all(line.decided_by for line in smoke.elsewhere)
