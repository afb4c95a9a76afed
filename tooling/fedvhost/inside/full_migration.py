"""Shape ``full``: live migration under traffic, between vhost on and off, and what must be refused.

Source and destination are two processes of qemu in one test host, on one bridge; a guest travels on from
where the last row brought it. Both ends are looked at: a source says "completed" also when the destination
refused.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fedvhost.inside.ground import Ground
from fedvhost.inside.guest import Card, Guest, GuestSpec, listening
from fedvhost.inside.guest_specs import SPECS
from fedvhost.inside.modules import wait_until
from fedvhost.inside.pinger import echoes
from fedvhost.inside.rows import Observed, Rows, expect
from fedvhost.inside.traffic import ECHO, STALLED, answers, stream

ROWS = Rows()
row = ROWS.row
PLAN = ("live-migration",)
NAMES = {False: "travel", True: "travel-plain"}
# Both slow enough to leave the processor to the migration, which is what takes time, and never at rest.
_STREAM, _PAUSE, _INTERVAL = 2 << 20, 0.05, 0.05
_DONE = frozenset({"completed", "failed", "cancelled"})
_MIGRATION_SECONDS = 60.0
# The echo server's port, as /proc/net/tcp has it.
_ECHO = f":{ECHO:04X} "


@dataclasses.dataclass(slots=True)
class _Traffic:
    """What went through during a migration."""

    sent: int = 0
    lost: int = 0
    longest: float = 0.0
    streams: int = 0
    trouble: BaseException | None = None


def _spec(name: str, number: int, vhost: str, device: tuple[str, ...]) -> GuestSpec:
    plan = SPECS[name]
    card = Card(vhost, device=device, bridge=plan.cards[0].bridge)
    return dataclasses.replace(
        plan, name=f"{name}-{number}", number=number, cards=(card,), identity=plan.number
    )


def _source(ground: Ground, name: str, vhost: str) -> Guest:
    """The traveller where it is; booted anew if it is not with this vhost."""
    found = ground.running(name)
    if found is not None and found.spec.cards[0].vhost == vhost:
        return ground.guest(name)
    ground.end((name,))
    plan = SPECS[name]
    spec = _spec(name, plan.number, vhost, plan.cards[0].device)
    ground.begin(name, spec)
    return ground.guest(name)


def _destination(ground: Ground, name: str, source: Guest, vhost: str, device: tuple[str, ...]) -> Guest:
    spec = _spec(name, source.spec.number + 1, vhost, device)
    socket = f"/run/guests/{spec.name}.migration"
    Path(socket).unlink(missing_ok=True)
    arguments = ("-incoming", f"unix:{socket}")
    guest = ground.own(
        Guest(dataclasses.replace(spec, arguments=arguments, accelerator=source.spec.accelerator))
    )
    ready = wait_until(lambda: listening(socket) or not guest.alive(), 20.0)
    if not ready or not guest.alive():
        said = guest.last_words()
        guest.stop()
        raise ConnectionError(f"the destination did not start: {said}")
    # Connected to before the migration: afterwards qemu may have ended, or be busy with it.
    guest.monitor.execute("query-status")
    return guest


def _state(guest: Guest, seconds: float) -> str:
    """The state of a destination at the end, waited for; what it said if it ended."""
    try:
        return guest.monitor.wait_for("query-status", frozenset({"running"}), seconds)
    except Exception:
        if guest.ended(5.0) is None:
            raise
        return f"ended: {guest.last_words()}"


def _send_over(source: Guest, destination: Guest, seconds: float) -> dict[str, Any]:
    """Migrate, and return what the source says at the end."""
    uri = f"unix:/run/guests/{destination.spec.name}.migration"
    source.monitor.execute("migrate", {"uri": uri})
    source.monitor.wait_for("query-migrate", _DONE, seconds)
    found: dict[str, Any] = source.monitor.execute("query-migrate")
    return found


@contextmanager
def _traffic(address: str, stalled: float) -> Iterator[_Traffic]:
    """Pings, and TCP both ways with checksums, until the end of the block. ``stalled``: after so many seconds
    without a byte TCP has failed."""
    found, stop = _Traffic(), threading.Event()

    def knock() -> None:
        while not stop.is_set():
            # One that is lost where the guest moves is no matter, and is not waited for long.
            one = echoes(address, 5, 500, _INTERVAL, wait=3.0)
            found.sent, found.lost = found.sent + one.sent, found.lost + one.lost
            found.longest = max(found.longest, *one.times, 0.0)

    def carry() -> None:
        try:
            while not stop.is_set() or not found.streams:
                stream(address, _STREAM, seed=found.streams, seconds=stalled, pause=_PAUSE)
                found.streams += 1
        except BaseException as error:
            found.trouble = error

    threads = [threading.Thread(target=one, daemon=True) for one in (knock, carry)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.3)
        yield found
        time.sleep(0.3)
    finally:
        stop.set()
        for thread in threads:
            thread.join(70)


def _migrate(ground: Ground, start: str, goal: str, *, plain: bool) -> Observed:
    name = NAMES[plain]
    source = _source(ground, name, start)
    address = source.spec.address()
    answers(address, 5)
    ground.capture(source.spec.tap())
    began = source.virtio()["vhost-started"]
    expect(began == (start == "on"), f"vhost-started is {began} on the source with vhost={start}")
    destination = _destination(ground, name, source, goal, SPECS[name].cards[0].device)
    ground.capture(destination.spec.tap())
    kept = False
    try:
        with _traffic(address, STALLED * ground.pace) as traffic:
            said = _send_over(source, destination, _MIGRATION_SECONDS * ground.pace)
            there = _state(destination, 10.0 * ground.pace)
            here = str(source.monitor.execute("query-status")["status"])
            if there == "running":
                source.stop()
                destination.arrived()
                ground.put(name, destination)
                kept = True
        seen: dict[str, object] = {
            "both ends": "queue_reset=off",
            "source says": said.get("status"), "source is": here, "destination is": there,
            "down, ms": said.get("downtime"), "seconds": round(said.get("total-time", 0) / 1000, 1),
            "MB": round(said.get("ram", {}).get("transferred", 0) / 1e6),
            "pings meanwhile": f"{traffic.sent - traffic.lost}/{traffic.sent}",
            "longest wait, ms": round(traffic.longest),
            "streams of 2 MiB each way": traffic.streams,
        }  # fmt: skip
        expect(said.get("status") == "completed", "the source did not complete the migration", **seen)
        expect(there == "running", f"the destination is {there}", **seen)
        if traffic.trouble is not None:
            signs = _signs_of_life(destination, address)
            seen |= signs
            told = "; ".join(f"{key}: {value}" for key, value in signs.items())
            what = f"data under way did not survive: {traffic.trouble}; {told}"
            if isinstance(traffic.trouble, TimeoutError):
                raise TimeoutError(what)
            expect(False, what, **seen)
        expect(traffic.streams > 0, "no stream came through", **seen)
        return _looked_at(destination, goal, address, seen)
    finally:
        if not kept:
            destination.stop()
            ground.end((name,))


def _signs_of_life(guest: Guest, address: str) -> dict[str, object]:
    """Whether a guest whose data stalled is dead, deaf, or at work, and what its connections wait for."""
    here = _connections(Path("/proc/net/tcp").read_text())
    try:
        up = guest.agent.ask("read", "/proc/uptime", seconds=10.0).said.strip()
        # The guest's server takes IPv4 by a socket of IPv6.
        there = _connections(guest.agent.ask("read", "/proc/net/tcp6", seconds=10.0).said)
    except (OSError, ValueError) as error:
        up, there = f"none: {error}", []
    return {
        "pings afterwards": f"{len(echoes(address, 5, wait=5.0).times)}/5", "agent's answer": up,
        "connections here": here, "there": there,
    }  # fmt: skip


def _connections(table: str) -> list[str]:
    """The echo server's in a /proc/net/tcp: state, queues, timers, retransmissions as they stand there."""
    return [" ".join(line.split()[3:9]) for line in table.splitlines() if _ECHO in line]


def _looked_at(destination: Guest, goal: str, address: str, seen: dict[str, object]) -> Observed:
    """The guest after its move: it answers from there, in the kernel or not as it should be."""
    answers(address, 10)
    started = destination.virtio()["vhost-started"]
    seen["vhost-started there"] = started
    expect(started == (goal == "on"), f"vhost-started is {started} where vhost={goal}", **seen)
    expect(destination.agent.read("/proc/uptime"), "the guest's agent is silent after the move", **seen)
    return seen


for _plain in (False, True):
    for _start, _goal in (("on", "on"), ("on", "off"), ("off", "on")):

        def _one(ground: Ground, start: str = _start, goal: str = _goal, plain: bool = _plain) -> Observed:
            seen = _migrate(ground, start, goal, plain=plain)
            if (start, goal, plain) == ("off", "on", False):
                # With 2010's vhost, which had no mergeable buffers, the destination refused.
                return {**seen, "rule of 2010 (off to on needs mrg_rxbuf=off)": "does not hold here"}
            return seen

        row(
            f"migrate-{_start}-{_goal}{'-plain' if _plain else ''}",
            f"Live migration, vhost {_start} to {_goal}{', mrg_rxbuf=off' if _plain else ''}, under traffic",
            covers=PLAN, guests=(NAMES[_plain],), seconds=120,
        )(_one)  # fmt: skip


@row("migrate-refused", "A destination with mrg_rxbuf=off refuses a guest that uses it",
     covers=PLAN, guests=(NAMES[False],), seconds=90)  # fmt: skip
def migrate_refused(ground: Ground) -> Observed:
    """Both ends are looked at, and the guest goes on where it was."""
    name = NAMES[False]
    found = ground.running(name)
    source = ground.guest(name) if found else _source(ground, name, "on")
    destination = _destination(ground, name, source, "on", ("queue_reset=off", "mrg_rxbuf=off"))
    try:
        said = _send_over(source, destination, _MIGRATION_SECONDS * ground.pace)
        wait_until(lambda: not destination.alive(), 10.0)
        there = _state(destination, 1.0)
        seen = {"source says": said.get("status"), "destination": there, "it said": destination.last_words()}
        expect(there != "running", "the destination took a guest whose features it does not have", **seen)
        if source.monitor.execute("query-status")["status"] != "running":
            source.monitor.execute("cont")
        answers(source.spec.address(), 10)
        return {**seen, "guest goes on": "at the source"}
    finally:
        destination.stop()
