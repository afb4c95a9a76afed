"""``/dev/vhost-net`` from user space: the ioctls of <linux/vhost.h>, guest memory, split rings.

What qemu does for a guest, in Python, so that each argument is ours to choose. Layouts: the virtio
specification, "Split Virtqueues"; the interface is that of Linux 2.6.34, and newer kernels still speak it.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import select
import struct
from dataclasses import dataclass

DEVICE = "/dev/vhost-net"
_READ, _WRITE = 2, 1


def _ioctl(direction: int, number: int, size: int) -> int:
    return direction << 30 | size << 16 | 0xAF << 8 | number


GET_FEATURES, SET_FEATURES = _ioctl(_READ, 0x00, 8), _ioctl(_WRITE, 0x00, 8)
SET_OWNER, RESET_OWNER = _ioctl(0, 0x01, 0), _ioctl(0, 0x02, 0)
SET_MEM_TABLE = _ioctl(_WRITE, 0x03, 8)
SET_LOG_BASE, SET_LOG_FD = _ioctl(_WRITE, 0x04, 8), _ioctl(_WRITE, 0x07, 4)
SET_VRING_NUM, SET_VRING_ADDR = _ioctl(_WRITE, 0x10, 8), _ioctl(_WRITE, 0x11, 40)
SET_VRING_BASE, GET_VRING_BASE = _ioctl(_WRITE, 0x12, 8), _ioctl(_READ | _WRITE, 0x12, 8)
SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR = (_ioctl(_WRITE, n, 8) for n in (0x20, 0x21, 0x22))
NET_SET_BACKEND = _ioctl(_WRITE, 0x30, 8)

# Feature bits (numbers, not masks).
NOTIFY_ON_EMPTY, RING_INDIRECT, RING_EVENT_IDX, LOG_ALL, NET_HDR, MRG_RXBUF, VERSION_1 = (
    24,
    28,
    29,
    26,
    27,
    15,
    32,
)
RX, TX = 0, 1
PAGE = 4096
# A virtio-net header without num_buffers.
HEADER = 10
_DESC_WRITE = 2
_RING_LOG = 1


class Memory:
    """Guest memory: ``size`` bytes at guest address ``guest``; rings and buffers are in it."""

    def __init__(self, size: int, guest: int = 0x10000) -> None:
        self.map, self.size, self.guest = mmap.mmap(-1, size), size, guest
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.map))

    def table(self) -> bytes:
        """``struct vhost_memory`` with this one region."""
        return struct.pack("<IIQQQQ", 1, 0, self.guest, self.size, self.address, 0)


@dataclass(slots=True)
class Ring:
    """A split ring of ``num`` entries at offset ``at`` of the memory, each with ``size`` bytes."""

    memory: Memory
    index: int
    num: int
    at: int
    size: int
    next_avail: int = 0
    last_used: int = 0

    @property
    def avail(self) -> int:
        """Offset of the available ring."""
        return self.at + PAGE

    @property
    def used(self) -> int:
        """Offset of the used ring."""
        return self.at + 2 * PAGE

    def buffer(self, entry: int) -> int:
        """Offset of an entry's buffer; each starts a page."""
        return self.at + 3 * PAGE + entry * (-(-self.size // PAGE) * PAGE)

    @property
    def end(self) -> int:
        """Offset after the ring and its buffers."""
        return self.buffer(self.num)

    def give(self, entry: int, length: int, *, writable: bool) -> None:
        """Make an entry's buffer available to the device."""
        view = self.memory.map
        address = self.memory.guest + self.buffer(entry)
        struct.pack_into(
            "<QIHH", view, self.at + entry * 16, address, length, _DESC_WRITE if writable else 0, 0
        )
        struct.pack_into("<H", view, self.avail + 4 + self.next_avail % self.num * 2, entry)
        self.next_avail = self.next_avail + 1 & 0xFFFF
        struct.pack_into("<H", view, self.avail + 2, self.next_avail)

    def taken(self) -> tuple[int, int] | None:
        """The next used entry and the length the device wrote; None if there is none yet."""
        (device,) = struct.unpack_from("<H", self.memory.map, self.used + 2)
        if device == self.last_used:
            return None
        entry, length = struct.unpack_from(
            "<II", self.memory.map, self.used + 4 + self.last_used % self.num * 8
        )
        self.last_used = self.last_used + 1 & 0xFFFF
        return entry, length

    def addresses(self, *, log: bool = False) -> bytes:
        """``struct vhost_vring_addr``; with ``log`` the used ring's writes are logged too."""
        base = self.memory.address
        return struct.pack(
            "<IIQQQQ", self.index, _RING_LOG if log else 0, base + self.at, base + self.used,
            base + self.avail, self.memory.guest + self.used,
        )  # fmt: skip


class Device:
    """An open ``/dev/vhost-net``."""

    def __init__(self) -> None:
        self.descriptor = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)

    def ioctl(self, request: int, argument: bytes | int = 0) -> bytes:
        """One ioctl; what the kernel wrote back. OSError if it refuses."""
        if isinstance(argument, int):
            fcntl.ioctl(self.descriptor, request, argument)
            return b""
        return fcntl.ioctl(self.descriptor, request, argument)

    def features(self) -> int:
        """The features that the kernel offers."""
        return int.from_bytes(self.ioctl(GET_FEATURES, bytes(8)), "little")

    def set_features(self, *bits: int) -> None:
        """Acknowledge features, by number."""
        self.ioctl(SET_FEATURES, struct.pack("<Q", sum(1 << b for b in bits)))

    def state(self, request: int, index: int, value: int) -> int:
        """An ioctl on ``struct vhost_vring_state`` (or ``…_file``); returns the second field afterwards."""
        answer = self.ioctl(request, struct.pack("<Ii", index, value))
        return int(struct.unpack("<Ii", answer)[1])

    def close(self) -> None:
        """Close it; safe to call twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Queue:
    """A ring that the device serves: the ring, and the event descriptors of both directions."""

    def __init__(self, device: Device, ring: Ring, *, log: bool = False, base: int = 0) -> None:
        self.device, self.ring = device, ring
        self.kick_event, self.call_event = os.eventfd(0, os.EFD_NONBLOCK), os.eventfd(0, os.EFD_NONBLOCK)
        device.state(SET_VRING_NUM, ring.index, ring.num)
        device.state(SET_VRING_BASE, ring.index, base)
        device.ioctl(SET_VRING_ADDR, ring.addresses(log=log))
        device.state(SET_VRING_KICK, ring.index, self.kick_event)
        device.state(SET_VRING_CALL, ring.index, self.call_event)

    def kick(self) -> None:
        """Tell the device that there is something new."""
        os.eventfd_write(self.kick_event, 1)

    def wait(self, seconds: float) -> tuple[int, int] | None:
        """The next used entry and its length; None if none comes in time. The interrupt is waited for, so
        a device that forgets it is found."""
        while (found := self.ring.taken()) is None:
            if not select.select([self.call_event], [], [], seconds)[0]:
                return None
            os.eventfd_read(self.call_event)
        return found

    def close(self) -> None:
        """Close the event descriptors."""
        os.close(self.kick_event)
        os.close(self.call_event)
