"""Runs: test hosts, side by side and one after the other, and what each answered."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedvhost.guests.running import HERE, HostRun, Record, attend, beside, joined
from fedvhost.inside.catalogue import BOOTED
from fedvhost.inside.fallback import Guests
from fedvhost.inside.ground import SLOWEST
from fedvhost.inside.rows import Row
from fedvhost.pipeline.smoke.hosts import Host, asking, with_snapshots
from fedvhost.pipeline.smoke.options import Watcher
from fedvhost.smoke.collecting import collect, left_open, notes
from fedvhost.smoke.dividing import divided
from fedvhost.smoke.results import Run, answered, attachments
from fedvhost.workspace import Workspace, write_atomic

# A boot takes 5 s alone on a machine; with others on it, and without KVM, many times that.
_BOOT_SECONDS = 120.0
# Our program in a test host says every two seconds that it is alive; the shell of shape f13 does not.
_SILENCE = 20.0
# Test hosts one after the other: the rows that two left open stay open.
_MOST = 3
# A second test host beside the first costs a boot: rows that may take so long (seconds) are worth it.
_LONG = 1800.0
_INITRD = 512  # MiB that the file system takes before it is the test host's own
# What a smoke test is of, as modules of a kernel.
_UNDER_TEST = frozenset({"vhost", "vhost_net", "vhost_iotlb", "tun", "tap"})


def run_all(workspace: Workspace, host: Host, watcher: Watcher) -> tuple[Run, ...]:
    """All runs. A test host in which KVM does not work is booted again, with snapshots of its guests."""
    runs: list[Run] = []
    while len(runs) < host.options.repeat:
        number = len(runs) + 1
        folder = host.folder / str(number)
        sides = _sides(host, folder, number, watcher)
        beside([side.run() for side in sides])
        told = next((t for side in sides if (t := side.without_kvm()) is not None), None)
        if told is not None:
            host = with_snapshots(host, told.because, watcher)
            continue
        runs.append(_collected(workspace, host, number, sides, watcher))
    return tuple(runs)


def _sides(host: Host, folder: Path, number: int, watcher: Watcher) -> Sequence[_Side]:
    parts = divided(host.rows, host.options.hosts or _worth(host))
    watching = _for_all(watcher, len(parts))
    return [
        _Side(
            host if len(parts) == 1 else asking(host, rows), rows,
            folder if len(parts) == 1 else folder / f"side-{side}", _teller(host, number, watching(side)),
        )
        for side, rows in enumerate(parts, 1)
    ]  # fmt: skip


def _worth(host: Host) -> int:
    """How many test hosts to run side by side. Where the processor is emulated, one waits for half of its
    time, and two are done earlier; on a real one they would only stand in each other's way when something
    is measured. Somebody else's machine is not ours to fill."""
    long = sum(r.seconds for r in host.rows) > _LONG
    room = len(os.sched_getaffinity(0)) >= 2 and _free_memory() > 2 * (host.machine.memory + _INITRD)
    return (
        2 if host.emulated and host.on == HERE and host.options.shape not in BOOTED and long and room else 1
    )


def _free_memory() -> int:
    """MiB of memory that nobody needs."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) // 1024 if found else 0


@dataclass(slots=True)
class _Side:
    """Some of a run's rows, and the test hosts that are asked them, one after the other."""

    host: Host
    rows: Sequence[Row]
    folder: Path
    tell: Callable[[Record], None]
    ran: list[HostRun] = field(default_factory=list)

    def run(self) -> Generator[None, None, None]:
        """Boot the test host, and another one while there is something left that may be asked again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ran.append((yield from _boot(self.host, self.rows, self.folder, self.tell)))
        while len(self.ran) < _MOST and self.without_kvm() is None and (rows := self._open()):
            again = self.folder / f"host-{len(self.ran) + 1}"
            again.mkdir()
            self.ran.append((yield from _boot(asking(self.host, rows), rows, again, self.tell)))

    def _open(self) -> Sequence[Row]:
        return left_open(self.rows, self.ran) if _may_be_asked_again(self.host, self.ran[-1]) else ()

    def without_kvm(self) -> Guests | None:
        """What the test host said of its guests, if that was: no KVM, and nothing else to run them."""
        told = _told(self.ran[0].records)
        lost = told is not None and not told.accelerator and not self.host.guests.accelerator
        return told if lost else None


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


def _for_all(watcher: Watcher, sides: int) -> Callable[[int], Watcher]:
    """Watchers for test hosts side by side; what each is doing is shown beside what the others are."""
    doing = [""] * sides

    def of(side: int) -> Watcher:
        def now(text: str) -> None:
            doing[side - 1] = text
            watcher.doing(" | ".join(filter(None, doing)))

        return dataclasses.replace(watcher, doing=now)

    return of


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
    workspace: Workspace, host: Host, number: int, sides: Sequence[_Side], watcher: Watcher
) -> Run:
    """What the test hosts of one run answered; their logs are kept unless all is well."""
    folder, ran = host.folder / str(number), [one for side in sides for one in side.ran]
    records = [r for one in ran for r in one.records]
    by_id = {result.id: result for side in sides for result in collect(side.rows, side.ran)}
    results = tuple(by_id[row.id] for row in host.rows)
    for result in results:
        if not any(r.get("kind") == "row" and r.get("row") == result.id for r in records):
            watcher.answered(number, result)
    ready: Mapping[str, Any] = next((r for r in records if r.get("kind") == "ready"), {})
    told = _told(records) or Guests()
    run = Run(
        number, results, next((s.ran[-1].trouble for s in sides if s.ran[-1].trouble), ""),
        max(sum(one.seconds for one in side.ran) for side in sides), ran[0].booted,
        str(ready.get("kernel", "")), guests=told.accelerator, guests_because=told.because,
        notes=tuple(note for side in sides for note in notes(side.rows, side.ran)),
    )  # fmt: skip
    if run.ok and not run.notes:
        shutil.rmtree(folder)
        return run
    for (row, name), content in attachments(records).items():
        write_atomic(folder / f"{_plain(row)}.{_plain(name)}", content)
    return dataclasses.replace(run, logs=workspace.relative(folder))


def _boot(
    host: Host, rows: Sequence[Row], folder: Path, tell: Callable[[Record], None]
) -> Generator[None, None, HostRun]:
    limits = [r.seconds * SLOWEST for r in rows]
    timeout = host.options.timeout or _BOOT_SECONDS + sum(limits)
    with joined(host.archives) as initrd, joined([host.kernel]) as booted:
        machine = dataclasses.replace(
            host.machine, kernel=host.machine.kernel or f"/proc/self/fd/{booted}",
            initrd=f"/proc/self/fd/{initrd}", console=folder / "console.log",
            results=folder / "results.jsonl",
        )  # fmt: skip
        silence = _BOOT_SECONDS + max(limits) if host.options.shape in BOOTED else _SILENCE
        return (yield from attend(machine, [initrd, booted], timeout, tell, silence, host.on))


def _plain(name: str) -> str:
    """``name`` as a file name: what the test host says is not trusted with paths."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name).lstrip(".") or "_"
