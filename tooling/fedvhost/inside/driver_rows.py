"""Shape ``driver``: the kernel half alone. Our own program is the guest's network card and its driver."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable

from fedvhost.inside import vhost
from fedvhost.inside.ground import Ground
from fedvhost.inside.modules import VHOST_NET, load, references, unload, wait_until, workers
from fedvhost.inside.nic import BUFFER, ENTRIES, Nic
from fedvhost.inside.rows import Observed, Rows, Undecided, expect
from fedvhost.inside.tap import Tap, frame
from fedvhost.inside.vhost import Device, Memory

ROWS = Rows()
row = ROWS.row
MODULE = "vhost_net"
# The smallest and the largest of Ethernet, the sizes around a page, and jumbo frames.
SIZES = (64, 65, 128, 512, 1024, 1500, 1514, 2048, 4095, 4096, 4097, 8192, 9000, 9014)
# Misc device, number fixed since Linux 3.2 (2.6.33's was given out when loaded).
_MAJOR = 10
_LOADED = ("module-load",)
# A request of vhost's own type that no kernel has.
UNKNOWN = 0x4008AF7F


@row("module-load", "modprobe vhost_net brings /dev/vhost-net", covers=("module-load-unload",))
def module_load(ground: Ground) -> Observed:
    """The module loads, and udev's or devtmpfs's node is its device."""
    before = references(MODULE)
    try:
        load(MODULE)
    except RuntimeError as error:
        expect(False, f"vhost_net does not load: {error}")
    expect(references(MODULE) is not None, "modprobe said yes, and vhost_net is not in /proc/modules")
    expect(wait_until(VHOST_NET.exists), "vhost_net is loaded, and there is no /dev/vhost-net")
    status = VHOST_NET.stat()
    device = (os.major(status.st_rdev), os.minor(status.st_rdev))
    expect(stat.S_ISCHR(status.st_mode) and device[0] == _MAJOR, f"/dev/vhost-net is {device}", device=device)
    return {"device": device, "loaded before": before is not None}


@row("features", "Features are offered, accepted, and unknown ones refused", after=_LOADED)
def features(ground: Ground) -> Observed:
    """GET_FEATURES has what the feature needs; SET_FEATURES takes that and nothing else."""
    device = Device()
    try:
        offered = device.features()
        named = {
            name: bool(offered >> bit & 1)
            for name, bit in (
                ("notify-on-empty", vhost.NOTIFY_ON_EMPTY), ("indirect", vhost.RING_INDIRECT),
                ("log-all", vhost.LOG_ALL), ("net-header", vhost.NET_HDR), ("mergeable", vhost.MRG_RXBUF),
            )
        }  # fmt: skip
        for needed in ("notify-on-empty", "log-all", "net-header"):
            expect(named[needed], f"vhost_net does not offer '{needed}'", offered=hex(offered), **named)
        device.ioctl(vhost.SET_OWNER)
        device.ioctl(vhost.SET_FEATURES, struct.pack("<Q", offered))
        unknown = next(bit for bit in range(63, 0, -1) if not offered >> bit & 1)
        got = _refusal(lambda: device.set_features(unknown))
        expect(got == "EOPNOTSUPP", f"feature bit {unknown}, not offered, was answered with {got}", got=got)
        return {"offered": hex(offered), "refused bit": unknown, **named}
    finally:
        device.close()


@row("arguments", "Bad arguments are refused, each with its own error", after=_LOADED)
def arguments(ground: Ground) -> Observed:
    """Every wrong argument has its errno; none is taken, none harms the kernel."""
    found = {what: (wanted, got) for what, wanted, got in _bad_arguments()}
    wrong = [
        f"{what}: {got}, not {wanted}"
        for what, (wanted, got) in found.items()
        if got not in wanted.split("|")
    ]
    expect(not wrong, "; ".join(wrong), refused={what: got for what, (_, got) in found.items()})
    return {"refused": {what: got for what, (_, got) in found.items()}}


@row("frames-out", "Frames of 64 to 9014 bytes, guest to host", after=_LOADED)
def frames_out(ground: Ground) -> Observed:
    """What a guest sends arrives on the tap, byte for byte."""
    with Nic("out0") as nic:
        ground.capture(nic.tap.name)
        for number, size in enumerate(SIZES * 2):
            sent = frame(size, number)
            expect(nic.transmit(sent), f"the device did not take a frame of {size} bytes within 3 s")
            got = nic.wire.receive(3.0)
            expect(got is not None, f"a frame of {size} bytes did not arrive", size=size, number=number)
            expect(
                got == sent, f"a frame of {size} bytes arrived changed: {_difference(sent, got)}", size=size
            )
    return {"sizes": list(SIZES), "frames": 2 * len(SIZES)}


@row("frames-in", "Frames of 64 to 9014 bytes, host to guest", after=_LOADED)
def frames_in(ground: Ground) -> Observed:
    """What the host sends arrives in the guest's buffers, byte for byte."""
    with Nic("in0") as nic:
        ground.capture(nic.tap.name)
        for number, size in enumerate(SIZES * 2):
            sent = frame(size, number)
            nic.wire.send(sent)
            got = nic.receive()
            expect(got is not None, f"a frame of {size} bytes did not arrive", size=size, number=number)
            expect(
                got == sent, f"a frame of {size} bytes arrived changed: {_difference(sent, got)}", size=size
            )
    return {"sizes": list(SIZES), "frames": 2 * len(SIZES)}


@row("both-ways", "Frames both ways at once, several times round the rings", after=_LOADED)
def both_ways(ground: Ground) -> Observed:
    """Bursts in both directions keep number and order; the rings wrap and the indices go on."""
    rounds, burst = 10, 24
    with Nic("both0") as nic:
        for turn in range(rounds):
            sent = [frame(64 + (turn * burst + n) * 7 % 1400, turn * burst + n) for n in range(burst)]
            for one in sent:
                nic.wire.send(one)
                expect(nic.transmit(one), "the device stopped taking frames", turn=turn)
            out = [nic.wire.receive(3.0) for _ in sent]
            into = [nic.receive() for _ in sent]
            expect(out == sent, f"guest to host: round {turn} is not what was sent: {_lost(sent, out)}")
            expect(into == sent, f"host to guest: round {turn} is not what was sent: {_lost(sent, into)}")
    return {"frames each way": rounds * burst, "ring entries": ENTRIES}


@row("dirty-log", "The dirty log marks what the device writes", after=_LOADED)
def dirty_log(ground: Ground) -> Observed:
    """The kernel's half of live migration: received frames and used rings are marked, sent frames are not."""
    with Nic("log0", log=True) as nic:
        first = nic.memory.guest // vhost.PAGE
        nic.dirty_pages()
        size = 6000
        nic.wire.send(frame(size, 1))
        expect(nic.receive() is not None, "a frame did not arrive while logging was on")
        marked = nic.dirty_pages()
        buffer = first + nic.rx.ring.buffer(0) // vhost.PAGE
        used = first + nic.rx.ring.used // vhost.PAGE
        expect(
            {buffer, buffer + 1} <= marked,
            "the pages of a received frame are not marked",
            marked=sorted(marked),
        )
        expect(used in marked, "the page of the used ring is not marked", marked=sorted(marked), used=used)
        expect(nic.transmit(frame(size, 2)), "a frame was not taken while logging was on")
        nic.wire.receive(3.0)
        after = nic.dirty_pages()
        sent = first + nic.tx.ring.buffer(0) // vhost.PAGE
        expect(
            sent not in after, "the page of a sent frame, which is only read, is marked", marked=sorted(after)
        )
        expect(first + nic.tx.ring.used // vhost.PAGE in after, "the used ring of sending is not marked")
        untouched = first + nic.rx.ring.buffer(ENTRIES - 1) // vhost.PAGE
        expect(untouched not in marked | after, "a page that nothing touched is marked")
    return {"pages marked by a frame of 6000 bytes": len(marked), "by a sent one": len(after)}


@row("stop-resume", "Stopped and started again, the rings go on where they were", after=_LOADED)
def stop_resume(ground: Ground) -> Observed:
    """What a stop of the guest and the end of a migration need: no frame moves while stopped, and the index
    that the kernel reports is the one to go on from."""
    with Nic("stop0") as nic:
        for number in range(5):
            nic.wire.send(frame(100, number))
            expect(nic.receive() is not None, "a frame did not arrive before the stop")
        nic.disconnect()
        index = nic.device.state(vhost.GET_VRING_BASE, vhost.RX, 0)
        expect(index == 5, f"after five frames the ring stands at {index}", index=index)
        nic.wire.send(frame(100, 5))
        expect(nic.receive(0.3) is None, "a frame arrived though the device was stopped")
        nic.device.state(vhost.SET_VRING_BASE, vhost.RX, index)
        nic.connect()
        got = nic.receive()
        expect(
            got is not None and got == frame(100, 5), "the frame that waited did not arrive after the start"
        )
    return {"index after five frames": index}


@row("worker", "A worker runs while the device is open, and is gone afterwards", after=_LOADED)
def worker(ground: Ground) -> Observed:
    """``vhost-<pid>`` does the work: its time rises with frames, and it ends with the device."""
    before = set(workers())
    with Nic("work0") as nic:
        ours = set(workers()) - before
        expect(len(ours) == 1, f"{len(ours)} workers appeared with one device", workers=sorted(ours))
        (pid,) = ours
        start, sent = workers()[pid], 0
        # Time is counted in ticks of 10 or 4 ms: go on until one is seen.
        while workers()[pid] == start and sent < 20000:
            nic.wire.send(frame(1000, sent))
            expect(nic.receive() is not None, "a frame did not arrive")
            sent += 1
        ticks = workers()[pid] - start
        expect(ticks > 0, f"the worker used no time for {sent} frames")
    expect(
        wait_until(lambda: not ours & set(workers())), "the worker is still there after the device was closed"
    )
    return {"frames until its time rose": sent, "ticks": ticks}


@row("module-refcount", "Each open device holds the module", after=_LOADED)
def module_refcount(ground: Ground) -> Observed:
    """lsmod's number goes up and down with open devices."""
    seen = [references(MODULE)]
    devices = [Device(), Device()]
    seen.append(references(MODULE))
    devices.pop().close()
    seen.append(references(MODULE))
    devices.pop().close()
    wait_until(lambda: references(MODULE) == seen[0])
    seen.append(references(MODULE))
    base = seen[0]
    if base is None:
        raise Undecided("vhost_net is not loaded as a module")
    steps = [None if n is None else n - base for n in seen]
    expect(steps == [0, 2, 1, 0], f"two devices opened and closed moved it by {steps}", seen=seen)
    return {"references": seen}


@row(
    "unload-in-use",
    "Unloading is refused while a device is open",
    covers=("module-load-unload",),
    after=_LOADED,
)
def unload_in_use(ground: Ground) -> Observed:
    """rmmod fails, and the device goes on working."""
    with Nic("busy0") as nic:
        done = unload(MODULE)
        expect(done.status != 0, "vhost_net was unloaded while a device was open")
        expect("in use" in done.said.lower(), f"rmmod was refused for another reason: {done.said}")
        nic.wire.send(frame(100, 1))
        expect(nic.receive() == frame(100, 1), "after the refusal the device no longer worked")
    return {"rmmod": done.said}


@row(
    "unload-reload", "Unloaded when nobody uses it, and loaded again",
    covers=("module-load-unload",), after=_LOADED,
)  # fmt: skip
def unload_reload(ground: Ground) -> Observed:
    """Nothing is left that holds the module; loaded again, frames pass."""
    wait_until(lambda: references(MODULE) == 0)
    count = references(MODULE)
    done = unload(MODULE)
    expect(
        done.status == 0, f"vhost_net cannot be unloaded, {count} references: {done.said}", references=count
    )
    expect(references(MODULE) is None, "rmmod said yes, and vhost_net is still in /proc/modules")
    expect(not VHOST_NET.exists(), "vhost_net is unloaded, and /dev/vhost-net is still there")
    load(MODULE)
    expect(wait_until(VHOST_NET.exists), "loaded again, and there is no /dev/vhost-net")
    with Nic("again0") as nic:
        nic.wire.send(frame(1514, 7))
        expect(nic.receive() == frame(1514, 7), "loaded again, a frame does not arrive")
    return {"references before": count}


def _refusal(attempt: Callable[[], object]) -> str:
    """The name of the error that an attempt ends in; "accepted" if it does not."""
    try:
        attempt()
    except OSError as error:
        # Two names have one number; the kernel's sources have this one.
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        return "EOPNOTSUPP" if name == "ENOTSUP" else name
    return "accepted"


def _bad_arguments() -> list[tuple[str, str, str]]:
    """Attempts: what, the errors that are right (several where kernels differ), and the one that came."""
    device, memory, tap = Device(), Memory(1 << 20), Tap("bad0")
    nothing = os.open(os.devnull, os.O_RDWR)
    table = memory.table()
    ring = vhost.Ring(memory, 0, 8, 0, BUFFER)
    found: list[tuple[str, str, str]] = []

    def attempt(what: str, wanted: str, request: int, argument: bytes | int = 0) -> None:
        found.append((what, wanted, _refusal(lambda: device.ioctl(request, argument))))

    def state(index: int, value: int) -> bytes:
        return struct.pack("<Ii", index, value)

    try:
        attempt("memory table before an owner", "EPERM", vhost.SET_MEM_TABLE, table)
        attempt("ring size before an owner", "EPERM", vhost.SET_VRING_NUM, state(0, 8))
        device.ioctl(vhost.SET_OWNER)
        attempt("second owner", "EBUSY", vhost.SET_OWNER)
        attempt("unknown request", "ENOTTY|ENOIOCTLCMD|EINVAL", UNKNOWN, state(0, 0))
        attempt("memory table at a bad address", "EFAULT", vhost.SET_MEM_TABLE, 8)
        attempt("memory table with padding", "EOPNOTSUPP", vhost.SET_MEM_TABLE, table[:4] + b"\1" + table[5:])
        attempt("too many regions", "E2BIG", vhost.SET_MEM_TABLE, struct.pack("<II", 1 << 20, 0))
        device.ioctl(vhost.SET_MEM_TABLE, table)
        attempt("ring 2 of 2", "ENOBUFS", vhost.SET_VRING_NUM, state(2, 8))
        attempt("ring size 0", "EINVAL", vhost.SET_VRING_NUM, state(0, 0))
        attempt("ring size 3, no power of two", "EINVAL", vhost.SET_VRING_NUM, state(0, 3))
        attempt("ring size 65536", "EINVAL", vhost.SET_VRING_NUM, state(0, 1 << 16))
        attempt("ring index over 65535", "EINVAL", vhost.SET_VRING_BASE, state(0, 1 << 16))
        odd = bytearray(ring.addresses())
        odd[16] |= 1  # the used ring's address
        attempt("misaligned ring", "EINVAL", vhost.SET_VRING_ADDR, bytes(odd))
        flags = struct.pack("<II", 0, 1 << 7) + ring.addresses()[8:]
        attempt("unknown ring flag", "EOPNOTSUPP", vhost.SET_VRING_ADDR, flags)
        attempt("kick on no descriptor", "EBADF", vhost.SET_VRING_KICK, state(0, 9999))
        attempt("kick on no event descriptor", "EINVAL", vhost.SET_VRING_KICK, state(0, nothing))
        attempt("call on no event descriptor", "EINVAL", vhost.SET_VRING_CALL, state(0, nothing))
        attempt("log at no event descriptor", "EINVAL", vhost.SET_LOG_FD, struct.pack("<i", nothing))
        attempt("backend for ring 2 of 2", "ENOBUFS", vhost.NET_SET_BACKEND, state(2, nothing))
        attempt(
            "backend before the ring is set up", "EFAULT", vhost.NET_SET_BACKEND, state(0, tap.descriptor)
        )
        device.state(vhost.SET_VRING_NUM, 0, 8)
        device.ioctl(vhost.SET_VRING_ADDR, ring.addresses())
        attempt("backend on no descriptor", "EBADF|ENOTSOCK", vhost.NET_SET_BACKEND, state(0, 9999))
        attempt("backend that is no tap", "ENOTSOCK", vhost.NET_SET_BACKEND, state(0, nothing))
    finally:
        device.close()
        tap.close()
        os.close(nothing)
    return found


def _difference(sent: bytes, got: bytes | None) -> str:
    if got is None:
        return "nothing"
    if len(sent) != len(got):
        return f"{len(sent)} bytes sent, {len(got)} received"
    changed = [i for i, (a, b) in enumerate(zip(sent, got, strict=True)) if a != b]
    return f"{len(changed)} bytes, the first at {changed[0]}" if changed else "not at all"


def _lost(sent: list[bytes], got: list[bytes | None]) -> str:
    missing = sum(g is None for g in got)
    return f"{missing} of {len(sent)} missing" if missing else "changed or out of order"
