"""Shape ``guest``: real guests, under real KVM where it can be had, with vhost on, off, and handed over."""

from __future__ import annotations

from fedvhost.inside.ground import Ground
from fedvhost.inside.guest import Card, Guest, GuestSpec
from fedvhost.inside.modules import load, references, unload, wait_until, workers
from fedvhost.inside.pinger import echoes
from fedvhost.inside.rows import Observed, Rows, expect
from fedvhost.inside.traffic import answers, datagrams, stream

ROWS = Rows()
row = ROWS.row
MODULE = "vhost_net"
_PINGS = 10
# Enough for several rounds of a ring of 256 entries.
_STREAM = 4 << 20
# One round, where each packet takes its time.
_STREAM_EMULATED = 512 << 10
_DATAGRAMS = 200
# A worker's time is counted in ticks of 10 ms.
_TICKS = 2


def _boots(ground: Ground, name: str) -> Observed:
    try:
        guest = ground.guest(name)
    except ConnectionError as error:
        expect(False, str(error))
        raise
    return {
        "seconds to restore" if guest.spec.state else "seconds to boot": round(guest.boot_seconds, 1),
        "kernel": guest.agent.read("/proc/sys/kernel/osrelease"),
    }


@row("boot-on", "A guest boots with vhost=on", guests=("on",), seconds=120)
def boot_on(ground: Ground) -> Observed:
    """qemu takes vhost=on and the guest comes up."""
    return _boots(ground, "on")


@row("boot-off", "A guest boots with vhost=off", guests=("off",), seconds=120)
def boot_off(ground: Ground) -> Observed:
    """The control."""
    return _boots(ground, "off")


@row("boot-fd", "A guest boots with vhostfd= handed over", guests=("fd",), seconds=120)
def boot_fd(ground: Ground) -> Observed:
    """A descriptor that somebody privileged opened is enough."""
    return _boots(ground, "fd")


@row("vhost-on", "With vhost=on the kernel moves the packets", guests=("on",), after=("boot-on",))
def vhost_on(ground: Ground) -> Observed:
    """qemu says so, and the worker's time rises with traffic."""
    return _in_kernel(ground.guest("on"))


@row("vhost-fd", "With vhostfd= the kernel moves the packets", guests=("fd",), after=("boot-fd",))
def vhost_fd(ground: Ground) -> Observed:
    """The same for a descriptor handed over."""
    return _in_kernel(ground.guest("fd"))


@row("vhost-off", "With vhost=off qemu moves the packets", guests=("off",), after=("boot-off",))
def vhost_off(ground: Ground) -> Observed:
    """The control: without it the proof of vhost=on would prove nothing."""
    guest = ground.guest("off")
    answers(guest.spec.address(), 5)
    status = guest.virtio()
    ticks = guest.worker_ticks()
    seen = {"vhost-started": status["vhost-started"], "worker": ticks is not None}
    expect(not status["vhost-started"], "qemu says vhost-started with vhost=off", **seen)
    expect(ticks is None, "there is a worker for a guest with vhost=off", **seen)
    return seen


@row(
    "documented-checks", "The three checks of the feature page, and what they are worth here",
    guests=("on", "off"), after=("boot-on", "boot-off"),
)  # fmt: skip
def documented_checks(ground: Ground) -> Observed:
    """lsmod's count and the worker must agree with vhost; the features bit has changed its meaning since."""
    on, off = ground.guest("on"), ground.guest("off")
    count, bits = references(MODULE), {g.spec.name: _features(g) for g in (on, off)}
    differ = sorted(bits["on"] ^ bits["off"])
    seen = {
        "1 lsmod count": count,
        "2 bit 15 (mergeable buffers)": {name: int(15 in b) for name, b in bits.items()},
        "2 bits that differ": differ,
        "2 rule of 2010 (bit 15 is 0 with vhost)": "holds" if 15 not in bits["on"] and 15 in bits["off"]
        else "does not hold here: this vhost has mergeable buffers",
        "3 worker": {g.spec.name: g.worker_ticks() is not None for g in (on, off)},
        "qemu": on.monitor.execute("query-version")["qemu"],
    }  # fmt: skip
    expect(
        count is None or count > 0,
        "a guest with vhost=on runs, and lsmod counts no user of vhost_net",
        **seen,
    )
    expect(on.worker_ticks() is not None, "no worker is seen for the guest with vhost=on", **seen)
    expect(off.worker_ticks() is None, "a worker is seen for the guest with vhost=off", **seen)
    return seen


def _pings(guest: Guest) -> Observed:
    """None is lost, small, one full frame, and in fragments."""
    seen: dict[str, object] = {}
    for size in (56, 1472, 4000):
        found = answers(guest.spec.address(), _PINGS, size)
        seen[f"{size} bytes"] = f"{len(found.times)}/{_PINGS}"
    return seen


def _data(guest: Guest) -> Observed:
    """TCP both ways at once and UDP, every byte compared."""
    address = guest.spec.address()
    size = _STREAM if guest.spec.accelerator == "kvm" else _STREAM_EMULATED
    digits = stream(address, size)
    return {"tcp bytes each way": size, "checksum": digits, **datagrams(address, _DATAGRAMS)}


for _name in ("on", "off", "fd"):

    def _ping_row(ground: Ground, name: str = _name) -> Observed:
        guest = ground.guest(name)
        ground.capture(guest.spec.tap())
        return _pings(guest)

    def _data_row(ground: Ground, name: str = _name) -> Observed:
        guest = ground.guest(name)
        ground.capture(guest.spec.tap())
        return _data(guest)

    _how = "vhostfd=" if _name == "fd" else f"vhost={_name}"
    row(
        f"ping-{_name}", f"Pings of three sizes, none lost, {_how}", guests=(_name,), after=(f"boot-{_name}",)
    )(_ping_row)
    row(
        f"data-{_name}", f"TCP both ways at once, and UDP, bytes compared, {_how}",
        covers=("udp",) if _name == "on" else (), guests=(_name,), after=(f"boot-{_name}",), seconds=60,
    )(_data_row)  # fmt: skip


@row("bad-vhostfd", "A vhostfd that is no vhost device is refused")
def bad_vhostfd(ground: Ground) -> Observed:
    """qemu says what is wrong and ends; it does not crash, and it does not go on without."""
    status, said = _ends(ground, "vhostfd=99")
    seen = {"closed descriptor": said}
    expect(status is not None, "qemu goes on with a vhostfd that nobody opened", **seen)
    expect(status == 1, f"qemu ended with status {status}, not with 1 and a message", **seen)
    # /dev/null: open, and no vhost device. qemu 7.2 says so and then aborts on an assertion of its own.
    status, said = _ends(ground, "vhostfd=0")
    seen["no vhost device"] = said
    expect(status, "qemu goes on with a vhostfd that is /dev/null", **seen)
    return seen


def _ends(ground: Ground, netdev: str) -> tuple[int | None, str]:
    """qemu's exit status with this property of its card, None if it does not end, and its last words."""
    spec = GuestSpec("refused", 99, (Card("", netdev=("vhost=on", netdev)),))
    guest = Guest(ground.fitted(spec, boots=False))
    try:
        return guest.ended(20.0), guest.last_words()
    finally:
        guest.stop()


@row(
    "unload-in-use", "Unloading is refused while a guest uses it", covers=("module-load-unload",),
    guests=("on",), after=("boot-on",),
)  # fmt: skip
def unload_in_use(ground: Ground) -> Observed:
    """rmmod fails, and the guest still answers."""
    guest = ground.guest("on")
    done = unload(MODULE)
    expect(done.status != 0, "vhost_net was unloaded under a running guest")
    answers(guest.spec.address(), 5)
    return {"rmmod": done.said}


@row(
    "guests-ended", "Guests ended: no worker, no reference, the module unloads",
    covers=("module-load-unload",), guests=("on", "fd"), after=("boot-on", "boot-fd"),
)  # fmt: skip
def guests_ended(ground: Ground) -> Observed:
    """Killed under way, as by a crash of qemu: the kernel cleans up. Stops all guests, so it is the last."""
    ground.stop_guests()
    expect(wait_until(lambda: not workers(), 10.0), "workers are left after all guests have ended")
    wait_until(lambda: references(MODULE) == 0, 10.0)
    count = references(MODULE)
    expect(count == 0, f"after all guests have ended vhost_net has {count} references", references=count)
    done = unload(MODULE)
    expect(done.status == 0, f"vhost_net cannot be unloaded: {done.said}")
    load(MODULE)
    return {"references": count}


def _in_kernel(guest: Guest) -> Observed:
    status = guest.virtio()
    before = guest.worker_ticks()
    seen: dict[str, object] = {"vhost-started": status["vhost-started"], "ticks before": before}
    expect(status["vhost-started"], "qemu does not say vhost-started", **seen)
    expect(before is not None, "there is no worker for this guest", **seen)
    assert before is not None

    def busy() -> bool:
        echoes(guest.spec.address(), 50, 1000, 0.0)
        return (guest.worker_ticks() or 0) >= before + _TICKS

    rose = wait_until(busy, 15.0)
    seen["ticks after"] = guest.worker_ticks()
    expect(rose, "the worker's time does not rise with traffic", **seen)
    return seen


def _features(guest: Guest) -> set[int]:
    """The feature bits that the guest's driver took: sysfs has one digit a bit, lowest first. The card is
    asked for by its interface: virtio0 is the agent's serial port here."""
    text = guest.agent.read(f"/sys/class/net/{guest.interface()}/device/features")
    return {n for n, digit in enumerate(text) if digit == "1"}
