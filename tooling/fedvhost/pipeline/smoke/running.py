"""Runs: test hosts booted one after the other, and what each answered."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fedvhost.guests.running import HostRun, Record, joined, run_host
from fedvhost.inside.catalogue import BOOTED
from fedvhost.inside.fallback import Guests
from fedvhost.inside.ground import SLOWEST
from fedvhost.pipeline.smoke.hosts import Host, asking, with_snapshots
from fedvhost.pipeline.smoke.options import Watcher
from fedvhost.smoke.collecting import collect, left_open, notes
from fedvhost.smoke.results import Run, answered, attachments
from fedvhost.workspace import Workspace, write_atomic

# A boot takes 5 s alone on a machine; with others on it, and without KVM, many times that.
_BOOT_SECONDS = 120.0
# Our program in a test host says every three seconds that it is alive; the shell of shape f13 does not.
_SILENCE = 60.0
# Test hosts a run: the rows that two left open stay open.
_MOST = 3
# What a smoke test is of, as modules of a kernel.
_UNDER_TEST = frozenset({"vhost", "vhost_net", "vhost_iotlb", "tun", "tap"})


def run_all(workspace: Workspace, host: Host, watcher: Watcher) -> tuple[Run, ...]:
    """All runs. A test host in which KVM does not work is booted again, with snapshots of its guests."""
    runs: list[Run] = []
    while len(runs) < host.options.repeat:
        number = len(runs) + 1
        folder = host.folder / str(number)
        folder.mkdir(exist_ok=True)
        ran = [_boot(host, folder, _teller(host, number, watcher))]
        told = _told(ran[0].records)
        if told is not None and not told.accelerator and not host.guests.accelerator:
            host = with_snapshots(host, told.because, watcher)
            continue
        while len(ran) < _MOST and _may_be_asked_again(host, ran[-1]) and (rows := left_open(host.rows, ran)):
            again = folder / f"host-{len(ran) + 1}"
            again.mkdir()
            ran.append(_boot(asking(host, rows), again, _teller(host, number, watcher)))
        runs.append(_collected(workspace, host, number, ran, watcher))
    return tuple(runs)


def _may_be_asked_again(host: Host, ran: HostRun) -> bool:
    """Whether what a test host left open may be the emulator's doing: under emulated SVM a current kernel
    loses an interrupt now and then, and its stacks are overwritten, with vhost on and off. A kernel that is
    under test, a real processor, a trace through vhost: those are answers, and stay."""
    emulator = host.emulated and not host.under_test and not host.options.timeout
    return emulator and not (ran.trouble and ran.crashed_in & _UNDER_TEST)


def _told(records: Sequence[Record]) -> Guests | None:
    """How guests are run, by the test host's word; None if it said nothing of it."""
    for record in records:
        if record.get("kind") == "guests":
            return Guests(str(record.get("accelerator", "")), str(record.get("because", "")))
    return None


def _teller(host: Host, number: int, watcher: Watcher) -> Callable[[Record], None]:
    """Who hears each record of a test host as it comes."""
    known = {r.id: r for r in host.rows}
    watcher.doing(f"booting the test host ({host.machine.accelerator.value})")

    def tell(record: Record) -> None:
        if record.get("kind") == "ready":
            watcher.doing("the test host is up")
        elif record.get("kind") == "start" and record.get("row") in known:
            watcher.doing(known[str(record["row"])].title)
        elif (result := answered(record, known)) is not None:
            watcher.answered(number, result)

    return tell


def _collected(
    workspace: Workspace, host: Host, number: int, ran: Sequence[HostRun], watcher: Watcher
) -> Run:
    """What the test hosts of one run answered; their logs are kept unless all is well."""
    folder, records = host.folder / str(number), [r for one in ran for r in one.records]
    results = collect(host.rows, ran)
    for result in results:
        if not any(r.get("kind") == "row" and r.get("row") == result.id for r in records):
            watcher.answered(number, result)
    ready: Mapping[str, Any] = next((r for r in records if r.get("kind") == "ready"), {})
    told = _told(records) or Guests()
    run = Run(
        number, results, ran[-1].trouble, sum(one.seconds for one in ran), ran[0].booted,
        str(ready.get("kernel", "")), guests=told.accelerator, guests_because=told.because,
        notes=notes(host.rows, ran),
    )  # fmt: skip
    if run.ok and len(ran) == 1:
        shutil.rmtree(folder)
        return run
    for (row, name), content in attachments(records).items():
        write_atomic(folder / f"{_plain(row)}.{_plain(name)}", content)
    return dataclasses.replace(run, logs=workspace.relative(folder))


def _boot(host: Host, folder: Path, tell: Callable[[Record], None]) -> HostRun:
    limits = [r.seconds * SLOWEST for r in host.rows]
    timeout = host.options.timeout or _BOOT_SECONDS + sum(limits)
    with joined(host.archives) as initrd, joined([host.kernel]) as booted:
        machine = dataclasses.replace(
            host.machine, kernel=host.machine.kernel or f"/proc/self/fd/{booted}",
            initrd=f"/proc/self/fd/{initrd}", console=folder / "console.log",
            results=folder / "results.jsonl",
        )  # fmt: skip
        silence = _BOOT_SECONDS + max(limits) if host.options.shape in BOOTED else _SILENCE
        return run_host(machine, [initrd, booted], timeout, tell, silence, host.on)


def _plain(name: str) -> str:
    """``name`` as a file name: what the test host says is not trusted with paths."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name).lstrip(".") or "_"
