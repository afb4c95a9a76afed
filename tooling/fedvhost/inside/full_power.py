"""Shape ``full``: the guest's firmware, driver and sleep: PXE, unload and load, suspend."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from fedvhost.inside.full_ground import ALL, E1000, NET, ON, RTL8139
from fedvhost.inside.ground import Ground
from fedvhost.inside.guest import Card, Guest, GuestSpec
from fedvhost.inside.modules import wait_until
from fedvhost.inside.netboot import PROGRAM, WORDS, NetBoot
from fedvhost.inside.pinger import echoes
from fedvhost.inside.rows import HARDWARE, NotHere, Observed, Rows, Undecided, expect
from fedvhost.inside.traffic import STALLED, answers, stream

ROWS = Rows()
row = ROWS.row
_BOOTED = ("boot",)
_ROM = "/usr/share/qemu/pxe-virtio.rom"
_ROUNDS = 3


@row("driver-reload", "The guest's drivers unloaded and loaded again, virtio's three times",
     covers=("test-day-09-driver-load-unload",), guests=(NET,), after=_BOOTED, seconds=60)  # fmt: skip
def driver_reload(ground: Ground) -> Observed:
    """virtio_net (vhost stops and starts with it), and once e1000 and 8139cp, which no vhost serves;
    afterwards every card passes data."""
    guest = ground.guest(NET)
    all_drivers = tuple(dict.fromkeys(m.driver for m in ALL))
    rounds = (all_drivers, *((ON.driver,),) * (_ROUNDS - 1))
    for turn, drivers in enumerate(rounds, 1):
        for driver in drivers:
            gone = guest.agent.ask("remove", driver)
            expect(gone.status == 0, f"round {turn}: {driver} does not unload: {gone.said}")
        started = guest.virtio(ON.card)["vhost-started"]
        expect(not started, f"round {turn}: the driver is gone, and vhost-started is {started}")
        for driver in drivers:
            back = guest.agent.ask("module", f"/modules/{driver}.ko")
            expect(back.status == 0, f"round {turn}: {driver} does not load: {back.said}")
        guest.configure()
        for model in ALL:
            answers(guest.spec.address(model.card), 5)
        started = guest.virtio(ON.card)["vhost-started"]
        expect(started, f"round {turn}: the driver is back, and vhost-started is {started}")
    for model in (ON, E1000, RTL8139):
        stream(guest.spec.address(model.card), 1 << 18, seconds=STALLED * ground.pace)
    return {"rounds": [" ".join(drivers) for drivers in rounds]}


@row("suspend-memory", "Suspend to memory (S3) with the interface up, and woken up", guests=("peer",),
     seconds=120, decided_by=HARDWARE)  # fmt: skip
def suspend_memory(ground: Ground) -> Observed:
    """By /sys/power/state in the guest; the monitor wakes it up; vhost goes on. Where the machine does not
    survive that with vhost=off either, it is not vhost's doing, and nothing is decided."""
    guest = ground.guest("peer")
    if trouble := _slept(ground, guest):
        ground.end(("peer",))
        ground.begin("sleeper", GuestSpec("sleeper", 14, (Card("off"),)))
        try:
            control = _slept(ground, ground.guest("sleeper"))
        finally:
            ground.end(("sleeper",))
        if control:
            raise NotHere(f"with vhost=off as well, the control: {control}")
        expect(False, f"{trouble}; with vhost=off the guest wakes up")
    expect(guest.virtio()["vhost-started"], "vhost did not start again")
    digits = stream(guest.spec.address(), 1 << 20, seconds=STALLED * ground.pace)
    return {"state": "mem, deep", "tcp bytes each way afterwards": 1 << 20, "checksum": digits}


def _slept(ground: Ground, guest: Guest) -> str:
    """Send a guest to sleep, wake it up, and say what went wrong; nothing if it answers again."""
    answers(guest.spec.address(), 5)
    deep = guest.agent.run("sh", "-c", "echo deep >/sys/power/mem_sleep")
    if deep.status:
        raise Undecided(f"the guest's kernel or firmware knows no S3: {deep.said}")
    try:
        guest.agent.ask("spawn", "sh", "-c", "echo mem >/sys/power/state")
        asleep = guest.monitor.wait_for("query-status", frozenset({"suspended"}), 20.0 * ground.pace)
        if asleep != "suspended":
            return f"it does not fall asleep: it is {asleep}"
        guest.monitor.execute("system_wakeup")
    except OSError as error:
        return f"qemu ended: {error}"
    woken = wait_until(lambda: not guest.alive() or _answered(guest) == 3, 20.0 * ground.pace, 0.2)
    if not guest.alive():
        return f"its machine is reset at the wake-up (qemu ended with status {guest.ended(1.0)})"
    return "" if woken else "it does not answer pings after the wake-up"


def _answered(guest: Guest) -> int:
    """How many of three pings are answered."""
    return len(echoes(guest.spec.address(), 3, wait=1.0).times)


def _written(console: Path) -> bool:
    return console.exists() and WORDS in console.read_bytes()


def _note(guest: Guest, started: list[bool]) -> None:
    started.append(bool(guest.virtio()["vhost-started"]))


@row("pxe-boot", "PXE: the guest's firmware boots from the network through vhost",
     covers=("test-day-05-pxe-boot",), seconds=40, quiet=True)  # fmt: skip
def pxe_boot(ground: Ground) -> Observed:
    """iPXE in the card's ROM asks for an address, fetches a program by TFTP and starts it."""
    if not ground.has_kvm():
        raise Undecided("no KVM in this test host (neither kvm-amd nor kvm-intel works in it)")
    if not Path(_ROM).exists():
        raise Undecided(
            "qemu here has no boot ROM for virtio cards (Debian: ipxe-qemu; Fedora: ipxe-roms-qemu)"
        )
    ground.prepare_kvm()
    # The ROM is for the modern card's PCI id; qemu adapts only a ROM that it chose itself, and the BIOS runs
    # none whose id is another.
    card = Card("on", device=("disable-legacy=on", "bootindex=1", f"romfile={_ROM}"))
    spec = GuestSpec("pxe", 15, (card,), memory=128, kernel=False)
    guest = ground.own(Guest(spec))
    try:
        ground.capture(spec.tap())
        started: list[bool] = []
        halfway = partial(_note, guest, started)
        with NetBoot(spec.tap(), spec.host_address(), spec.address(), halfway) as served:
            start = time.monotonic()
            console = Path(guest.folder, "console")

            def says() -> bool:
                return _written(console) or not guest.alive()

            wait_until(says, 30.0 * ground.pace, 0.1)
            seconds = time.monotonic() - start
            seen: dict[str, object] = {
                "requests": served.asked, "bytes fetched": served.sent, "program": len(PROGRAM),
                "seconds": round(seconds, 1),
            }  # fmt: skip
            if not served.asked:
                raise Undecided(
                    f"the firmware asked for nothing within {seconds:.0f} s; whether it came to run at all "
                    "is not known"
                )
            ticks = guest.worker_ticks()
            seen["vhost worker"] = ticks is not None
            expect(_written(console), f"no program was started: {guest.last_words()}",
                   **seen)  # fmt: skip
            expect(ticks is not None, "there is no vhost worker", **seen)
            expect(started == [True], "vhost was not at work during the transfer", **seen)
            seen["vhost-started halfway"] = True
    finally:
        guest.stop()
    return seen
