"""Shape ``full``: starts that must fail, ends that must leave nothing, and what ``off`` by default means.

The last rows of the shape: they end guests.
"""

from __future__ import annotations

import ctypes
import gc
import os
import select
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType

from fedvhost.inside.full_ground import NET
from fedvhost.inside.ground import Ground
from fedvhost.inside.guest import Card, Guest, GuestSpec
from fedvhost.inside.guest_rows import bad_vhostfd
from fedvhost.inside.modules import VHOST_NET, load, references, unload, wait_until, workers
from fedvhost.inside.rows import Observed, Refuted, Rows, Undecided, expect
from fedvhost.inside.traffic import STALLED, answers, datagrams, stream

ROWS = Rows()
row = ROWS.row
MODULE = "vhost_net"
CYCLES = 20
# Bounds of what twenty cycles may leave: kernel memory wavers by about 2 MB here with caches of its own.
_TASKS, _KIB = 4, 8192


@row("bad-vhostfd", "A vhostfd that is no vhost device is refused", seconds=60)
def bad_descriptor(ground: Ground) -> Observed:
    """The row of shape guest, here without guests beside it."""
    ground.prepare_kvm()
    return bad_vhostfd(ground)


@row("no-msix", "vhost without MSI-X (vectors=0): pings and data", guests=("no-msix",), seconds=60)
def no_msix(ground: Ground) -> Observed:
    """The guest has one interrupt line for all; whether vhost serves it is told."""
    guest = ground.guest("no-msix")
    ground.capture(guest.spec.tap())
    started = guest.virtio()["vhost-started"]
    answers(guest.spec.address(), 20)
    digits = stream(guest.spec.address(), 1 << 20, seconds=STALLED * ground.pace)
    listed = guest.agent.run("sh", "-c", "ls /sys/class/net/eth0/device/../msi_irqs 2>/dev/null | wc -l")
    expect(listed.said.strip() == "0", "the guest's card has MSI-X vectors all the same", said=listed.said)
    return {"vhost-started": started, "msi vectors": 0, "tcp bytes each way": 1 << 20, "checksum": digits}


@row("guest-crashed", "A guest that crashes under load leaves no worker and no reference",
     guests=("crash",), seconds=60)  # fmt: skip
def guest_crashed(ground: Ground) -> Observed:
    """The guest's kernel panics with streams and datagrams under way; qemu ends with it."""
    return _ended_under_load(ground, "crash", (0,), lambda g: g.agent.ask(
        "spawn", "sh", "-c", "echo c >/proc/sysrq-trigger"
    ))  # fmt: skip


@row("qemu-killed", "qemu killed under load leaves no worker and no reference", guests=(NET,), seconds=60)
def qemu_killed(ground: Ground) -> Observed:
    """By SIGKILL, two cards with vhost=on, streams and datagrams under way."""
    return _ended_under_load(ground, NET, (0, 1), lambda g: os.kill(g.pid, 9))


def _ended_under_load(ground: Ground, name: str, cards: tuple[int, ...], end: object) -> Observed:
    assert callable(end)
    guest = ground.guest(name)
    answers(guest.spec.address(), 3)
    pid, before = guest.pid, references(MODULE)
    had = len(workers(pid))

    def load_it(card: int) -> None:
        try:
            while True:
                stream(guest.spec.address(card), 4 << 20, seconds=5)
                datagrams(guest.spec.address(card), 20)
        except (OSError, Refuted):
            return  # that is what happens here

    threads = [threading.Thread(target=load_it, args=(card,), daemon=True) for card in cards]
    for thread in threads:
        thread.start()
    wait_until(lambda: (guest.worker_ticks() or 0) > 2, 5.0)
    end(guest)
    try:
        expect(guest.ended(30.0 * ground.pace) is not None, "qemu did not end")
        gone = wait_until(lambda: not workers(pid), 10.0)
        expect(gone, f"workers of the dead qemu are left: {workers(pid)}")
        wait_until(lambda: references(MODULE) == _holders(), 10.0)
        seen = {"workers before": had, "references before": before, "after": references(MODULE),
                "processes that hold the device": _holders()}  # fmt: skip
        expect(references(MODULE) == _holders(), "references are left that no process holds", **seen)
        return seen
    finally:
        ground.end((name,))
        for thread in threads:
            thread.join(15)


def _holders() -> int:
    """How many descriptors of /dev/vhost-net are open in the processes of the test host."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*/fd"):
        try:
            names = [os.readlink(f) for f in folder.iterdir()]  # noqa: PTH115
        except OSError:
            continue
        count += names.count(str(VHOST_NET))
    return count


@row("contingency", "Shipped default: a guest started without vhost= does not touch /dev/vhost-net",
     seconds=60, quiet=True)  # fmt: skip
def contingency(ground: Ground) -> Observed:
    """Every open of the device is counted from before the guest starts; one with vhost=on is the control."""
    ground.stop_guests()
    ground.prepare_kvm()
    load(MODULE)
    wait_until(VHOST_NET.exists)
    with Opened(str(VHOST_NET)) as opened:
        ground.begin("default")
        guest = ground.guest("default")
        answers(guest.spec.address(), 20)
        stream(guest.spec.address(), 1 << 20, seconds=STALLED * ground.pace)
        seen: dict[str, object] = {
            "opens of /dev/vhost-net": opened.count(), "references": references(MODULE),
            "worker": guest.worker_ticks() is not None, "vhost-started": guest.virtio()["vhost-started"],
        }  # fmt: skip
        control = Guest(
            ground.fitted(GuestSpec("control", 16, (Card("on"),), arguments=("-S",)), boots=False)
        )
        try:
            control.monitor.execute("query-status")
            seen["opens with vhost=on"] = opened.count()
        finally:
            control.stop()
    ground.end(("default",))
    expect(seen["opens of /dev/vhost-net"] == 0, "a guest without vhost= opened /dev/vhost-net", **seen)
    expect(seen["references"] == 0, "a guest without vhost= holds vhost_net", **seen)
    expect(not seen["worker"] and not seen["vhost-started"], "vhost runs without being asked for", **seen)
    if not seen["opens with vhost=on"]:
        raise Undecided("the control with vhost=on was not counted either")
    return seen


class Opened:
    """Counts how often a file is opened, by inotify; a context."""

    _IN_OPEN = 0x20
    _EVENT = 16

    def __init__(self, path: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK)
        if libc.inotify_add_watch(self._descriptor, path.encode(), self._IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch", path)

    def count(self) -> int:
        """How often since it was asked last."""
        if not select.select([self._descriptor], [], [], 0.1)[0]:
            return 0
        return len(os.read(self._descriptor, 1 << 16)) // self._EVENT

    def __enter__(self) -> Opened:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


@row("start-stop", "Twenty guests started and stopped leave nothing", seconds=120)
def start_stop(ground: Ground) -> Observed:
    """qemu with two cards with vhost=on, stopped by quit and by kill in turn; not booted each time (row
    driver-reload starts and stops vhost under a driver)."""
    ground.stop_guests()
    ground.prepare_kvm()
    load(MODULE)
    # Two at a time: most of a start is qemu's own work, and there are two processors.
    with ThreadPoolExecutor(2) as both:
        list(both.map(partial(_cycle, ground), range(2)))  # what is made once and kept is made now
        before = _standing()
        list(both.map(partial(_cycle, ground), range(CYCLES)))
        wait_until(lambda: not workers() and references(MODULE) == 0, 10.0)
        after = _standing()
    seen: dict[str, object] = {"cycles": CYCLES, "before": before, "after": after}
    expect(references(MODULE) == 0, f"vhost_net has {references(MODULE)} references", **seen)
    expect(not workers(), f"workers are left: {workers()}", **seen)
    grown = {key: after[key] - before[key] for key in before}
    expect(grown["descriptors"] <= 0, f"{grown['descriptors']} descriptors are left open", **seen)
    expect(grown["tasks"] <= _TASKS, f"{grown['tasks']} tasks are left", **seen)
    expect(grown["interfaces"] == 0, f"{grown['interfaces']} interfaces are left", **seen)
    expect(grown["kernel KiB"] <= _KIB, f"{grown['kernel KiB']} KiB of kernel memory are gone", **seen)
    return {**seen, "grown": grown}


def _cycle(ground: Ground, turn: int) -> None:
    guest = Guest(
        ground.fitted(
            # Without a kernel, which qemu would take twice as long to load as to start.
            GuestSpec(
                f"cycle-{turn}",
                50 + turn,
                (Card("on"), Card("on")),
                memory=64,
                arguments=("-S",),
                kernel=False,
            ),
            boots=False,
        )
    )
    try:
        guest.monitor.execute("query-status")
        expect(len(workers(guest.pid)) > 0, "no vhost worker for a qemu with vhost=on", cycle=turn)
        if turn % 2:
            guest.monitor.execute("quit")
            guest.ended(20.0)
    finally:
        guest.stop()


def _standing() -> dict[str, int]:
    """What a leak would show in."""
    gc.collect()
    Path("/proc/sys/vm/drop_caches").write_text("3")
    memory = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    kernel = sum(int(memory[key].split()[0]) for key in ("SUnreclaim", "KernelStack", "PageTables"))
    tasks = int(Path("/proc/loadavg").read_text().split()[3].split("/")[1])
    interfaces = len(list(Path("/sys/class/net").iterdir()))
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "tasks": tasks,
        "interfaces": interfaces,
        "kernel KiB": kernel,
    }


@row("unload-load", "vhost_net unloads when all guests are gone, and a guest starts after it is loaded again",
     covers=("module-load-unload",), seconds=60)  # fmt: skip
def unload_load(ground: Ground) -> Observed:
    """Refused while a qemu holds it, even one that does not run; then allowed; then of use again."""
    ground.stop_guests()
    ground.prepare_kvm()
    load(MODULE)
    user = Guest(ground.fitted(GuestSpec("user", 18, (Card("on"),), arguments=("-S",)), boots=False))
    try:
        user.monitor.execute("query-status")
        refused = unload(MODULE)
        expect(refused.status != 0, "vhost_net was unloaded under a qemu that holds it")
    finally:
        user.stop()
    wait_until(lambda: references(MODULE) == 0, 10.0)
    count = references(MODULE)
    done = unload(MODULE)
    expect(done.status == 0, f"vhost_net cannot be unloaded, {count} references: {done.said}")
    load(MODULE)
    expect(wait_until(VHOST_NET.exists), "loaded again, and there is no /dev/vhost-net")
    _cycle(ground, 1)
    return {"in use": refused.said, "references afterwards": count}


@row("module-absent", "Without the module, vhost=on does not start a guest, vhost=off does", seconds=60)
def module_absent(ground: Ground) -> Observed:
    """qemu must say so and end; going on without would be vhost silently off."""
    ground.stop_guests()
    ground.prepare_kvm()
    if references(MODULE) is not None:
        wait_until(lambda: references(MODULE) == 0, 10.0)
        done = unload(MODULE)
        expect(done.status == 0, f"vhost_net cannot be unloaded: {done.said}")
    seen: dict[str, object] = {}
    try:
        for force in ((), ("vhostforce=on",)):
            guest = Guest(
                ground.fitted(
                    GuestSpec("without", 19, (Card("on", netdev=force),), arguments=("-S",)), boots=False
                )
            )
            try:
                status = guest.ended(20.0)
                seen["vhost=on" + "".join(f",{f}" for f in force)] = f"status {status}: {guest.last_words()}"
                expect(status, "there is no vhost_net, and qemu with vhost=on goes on", **seen)
            finally:
                guest.stop()
        guest = Guest(ground.fitted(GuestSpec("without", 19, (Card("off"),), arguments=("-S",)), boots=False))
        try:
            said = guest.monitor.execute("query-status")["status"]
            seen["vhost=off"] = said
            expect(said == "prelaunch", f"without vhost_net a guest with vhost=off is {said}", **seen)
        finally:
            guest.stop()
    finally:
        load(MODULE)
    return seen
