"""Shape ``full``: data through each model of card. Sizes and times of Fedora 13's test day are scaled to
emulation; each row says how."""

from __future__ import annotations

import errno
import threading
import time

from fedvhost.inside.changes import Changes
from fedvhost.inside.full_ground import (
    ALL,
    E1000,
    HEADERS,
    MODELS,
    NET,
    OFF,
    ON,
    RTL8139,
    SECOND,
    Model,
    at_once,
)
from fedvhost.inside.ground import Ground
from fedvhost.inside.pinger import echoes
from fedvhost.inside.rows import Observed, Refuted, Rows, expect
from fedvhost.inside.traffic import STALLED, answers, datagrams, stream

ROWS = Rows()
row = ROWS.row
_BOOTED = ("boot",)
# Bytes each way. The test day had 5 GB; the slowest of the cards here moves some MB a second.
BOTH_WAYS = {ON.name: 16 << 20, OFF.name: 16 << 20, E1000.name: 4 << 20, RTL8139.name: 2 << 20}
# As the test day has them; at each interval so many pings of each size.
SIZES = (0, 1, 48, 64, 512, 1440, 1500, 1505, 4096, 4192, 32767, 65507)
INTERVALS = {0.1: 2, 0.01: 4, 0.001: 6, 0.0001: 6}
MTUS = (576, 1280, 1492, 1500, 4000, 9000)


@row("boot", "A guest with five cards boots: virtio (on, on, off), e1000, rtl8139", guests=(NET,),
     seconds=60)  # fmt: skip
def boot(ground: Ground) -> Observed:
    """Every card has its driver and answers; the kernel serves exactly those with vhost=on."""
    guest = ground.guest(NET)
    seen: dict[str, object] = {"seconds to boot": round(guest.boot_seconds, 1)}
    for model in ALL:
        name = guest.interface(model.card)
        driver = guest.agent.must("sh", "-c", f"basename $(readlink /sys/class/net/{name}/device/driver)")
        expect(driver == model.driver, f"{model.name} has the driver '{driver}', not '{model.driver}'")
        answers(guest.spec.address(model.card), 3)
        if model.driver == "virtio_net":
            started = guest.virtio(model.card)["vhost-started"]
            seen[f"{model.name} vhost-started"] = started
            expect(started == model.vhost, f"{model.name}: vhost-started is {started}", **seen)
    return seen


def _both_ways(ground: Ground, model: Model) -> Observed:
    guest = ground.guest(NET)
    address, size = guest.spec.address(model.card), BOTH_WAYS[model.name]
    ground.capture(guest.spec.tap(model.card))
    start = time.monotonic()
    digits = stream(address, size, seconds=STALLED * ground.pace)
    seconds = time.monotonic() - start
    answers(address, 20)
    return {
        "bytes each way": size,
        "scale": f"1/{5 * 10**9 // size} of the test day",
        "checksum": digits,
        "seconds": round(seconds, 1),
        "pings lost afterwards": 0,
    }


def _pings(ground: Ground, model: Model) -> Observed:
    guest = ground.guest(NET)
    ground.capture(guest.spec.tap(model.card))
    count, shortest = 0, 1.0
    for interval, each in INTERVALS.items():
        for size in SIZES:
            found = answers(guest.spec.address(model.card), each, size, interval)
            count += each
            shortest = min(shortest, found.took / (each - 1))
    return {
        "pings": count,
        "sizes": len(SIZES),
        "intervals": [f"{i:g}" for i in INTERVALS],
        "of each": list(INTERVALS.values()),
        "shortest interval reached": round(shortest, 4),
    }


def _jumbo(ground: Ground, model: Model) -> Observed:
    guest = ground.guest(NET)
    address = guest.spec.address(model.card)
    ground.capture(guest.spec.tap(model.card))
    with Changes(ground) as change:
        change.mtu(guest, model.card, model.largest)
        answers(address, 10, model.largest - HEADERS, whole=True)
        digits = stream(address, 1 << 20, seconds=STALLED * ground.pace)
    return {"mtu": model.largest, "pings with DF": 10, "tcp bytes each way": 1 << 20, "checksum": digits}


for _model in MODELS:

    def _one(ground: Ground, model: Model = _model) -> Observed:
        return _both_ways(ground, model)

    def _two(ground: Ground, model: Model = _model) -> Observed:
        return _pings(ground, model)

    def _three(ground: Ground, model: Model = _model) -> Observed:
        return _jumbo(ground, model)

    _largest = f"MTU {_model.largest}"
    row(f"both-ways-{_model.name}", f"Data both ways at once, {_model.name}",
        covers=("test-day-01-both-ways",), guests=(NET,), after=_BOOTED, seconds=60)(_one)  # fmt: skip
    row(f"ping-{_model.name}", f"Pings: 12 sizes at 4 intervals, none lost, {_model.name}",
        covers=("test-day-02-ping",), guests=(NET,), after=_BOOTED, seconds=60)(_two)  # fmt: skip
    row(f"jumbo-{_model.name}", f"Jumbo frames: {_largest}, {_model.name}",
        covers=("test-day-03-jumbo-frames",), guests=(NET,), after=_BOOTED, seconds=40)(_three)  # fmt: skip


@row("mtu-sizes", "MTUs 576 to 9000: a full packet passes whole, a byte more is refused",
     covers=("mtu-sizes",), guests=(NET,), after=_BOOTED, seconds=40)  # fmt: skip
def mtu_sizes(ground: Ground) -> Observed:
    """With DF, at both ends of the virtio card with vhost on."""
    guest = ground.guest(NET)
    address = guest.spec.address(ON.card)
    ground.capture(guest.spec.tap(ON.card))
    for mtu in MTUS:
        with Changes(ground) as change:
            change.mtu(guest, ON.card, mtu)
            answers(address, 5, mtu - HEADERS, whole=True)
            try:
                echoes(address, 1, mtu - HEADERS + 1, whole=True, wait=0.5)
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
            else:
                raise Refuted(f"at MTU {mtu} a packet of {mtu + 1} bytes was sent whole", {"mtu": mtu})
            answers(address, 3, mtu * 2)
            stream(address, 100_000, seconds=STALLED * ground.pace)
    return {"mtus": list(MTUS), "driver": "virtio, vhost=on", "in fragments": "twice the MTU"}


@row("udp", "UDP: datagrams up to 1472 bytes, and up to 8000 in fragments", covers=("udp",), guests=(NET,),
     after=_BOOTED, seconds=40)  # fmt: skip
def udp(ground: Ground) -> Observed:
    """With vhost on and off, every datagram compared."""
    guest = ground.guest(NET)
    seen: dict[str, object] = {}
    for model in (ON, OFF):
        address = guest.spec.address(model.card)
        ground.capture(guest.spec.tap(model.card))
        whole, pieces = datagrams(address, 400), datagrams(address, 100, 8000)
        seen[model.name] = f"{whole['udp']} and {pieces['udp']} came back"
    return {**seen, "largest": [1472, 8000]}


@row("several-vnics", "Several cards in combination: with vhost twice, without, emulated",
     covers=("several-vnics",), guests=(NET,), after=_BOOTED, seconds=60)  # fmt: skip
def several_vnics(ground: Ground) -> Observed:
    """All pairs of neighbours at once; each card answers only on its own link."""
    guest = ground.guest(NET)
    pairs = ((ON, SECOND), (ON, OFF), (SECOND, E1000), (OFF, RTL8139))
    for pair in pairs:
        at_once(guest, tuple(m.card for m in pair), 1 << 19, 30 * ground.pace)
    for model in ALL:
        answers(guest.spec.address(model.card), 5, through=guest.spec.tap(model.card))
    ticks = guest.worker_ticks()
    expect(ticks is not None, "no vhost worker is seen for a guest with two cards with vhost=on")
    return {"pairs": [f"{a.name} + {b.name}" for a, b in pairs], "tcp bytes each way": 1 << 19}


@row("several-nics-stress", "Five cards under stress at once, then no ping is lost",
     covers=("test-day-12-several-nics",), guests=(NET,), after=_BOOTED, seconds=90)  # fmt: skip
def several_nics_stress(ground: Ground) -> Observed:
    """Streams both ways through all five cards, three rounds."""
    guest = ground.guest(NET)
    size, rounds = 1 << 20, 2
    for _ in range(rounds):
        at_once(guest, tuple(m.card for m in ALL), size, 60 * ground.pace)
    for model in ALL:
        answers(guest.spec.address(model.card), 10)
    return {"cards": len(ALL), "rounds": rounds, "bytes each way, card and round": size, "pings lost": 0}


@row("stress", "Stress: streams, datagrams, large pings at once; the link survives it",
     covers=("test-day-11-netperf-stress",), guests=(NET,), after=_BOOTED, seconds=90)  # fmt: skip
def stress(ground: Ground) -> Observed:
    """As netperf was used on the test day, with our own echo server: many streams, datagrams, and requests
    with one answer each, with vhost on."""
    guest = ground.guest(NET)
    address = guest.spec.address(ON.card)
    ground.capture(guest.spec.tap(ON.card))
    stop, pings, lost = threading.Event(), 0, 0

    def knock() -> None:
        nonlocal pings, lost
        while not stop.is_set():
            found = echoes(address, 10, 20000, 0.001)
            pings, lost = pings + found.sent, lost + found.lost

    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    try:
        at_once(guest, (ON.card,) * 6, 2 << 20, 60 * ground.pace)
        stop.set()
    finally:
        stop.set()
        thread.join(30)
    received = datagrams(address, 200)
    after = answers(address, 50, 56, 0.005)
    return {
        "streams": 6, "bytes each way and stream": 2 << 20, "pings of 20000 bytes meanwhile": pings,
        "of these lost": lost, **received, "pings lost afterwards": after.lost,
        "scale": "12 MiB each way, for minutes of netperf on the test day",
    }  # fmt: skip
