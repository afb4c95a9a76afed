"""A network card without a guest: a vhost device on a tap, driven by our own rings."""

from __future__ import annotations

import struct
from types import TracebackType

from fedvhost.inside.tap import Tap, Wire
from fedvhost.inside.vhost import (
    HEADER,
    LOG_ALL,
    NET_SET_BACKEND,
    PAGE,
    RX,
    SET_LOG_BASE,
    SET_MEM_TABLE,
    SET_OWNER,
    TX,
    Device,
    Memory,
    Queue,
    Ring,
)

# Room for the largest jumbo frame with its header.
BUFFER = 3 * PAGE
ENTRIES = 64


class Nic:
    """Open device, tap (up, MTU 9000) and both rings at work; a context."""

    def __init__(self, tap: str, mtu: int = 9000, *, log: bool = False) -> None:
        self.tap = Tap(tap, mtu)
        self.wire = Wire(tap)
        self.device = Device()
        self.memory = Memory(8 << 20)
        self.log = bytearray()
        rx = Ring(self.memory, RX, ENTRIES, 0, BUFFER)
        tx = Ring(self.memory, TX, ENTRIES, rx.end, BUFFER)
        assert tx.end <= self.memory.size
        self.device.ioctl(SET_OWNER)
        self.device.set_features(*((LOG_ALL,) if log else ()))
        self.device.ioctl(SET_MEM_TABLE, self.memory.table())
        if log:
            self._dirty = Memory(PAGE)
            self.device.ioctl(SET_LOG_BASE, struct.pack("<Q", self._dirty.address))
        self.rx, self.tx = Queue(self.device, rx, log=log), Queue(self.device, tx, log=log)
        for entry in range(ENTRIES):
            rx.give(entry, BUFFER, writable=True)
        self._sent = 0
        self.connect()

    def connect(self) -> None:
        """Let the device serve the tap."""
        for index in (RX, TX):
            self.device.state(NET_SET_BACKEND, index, self.tap.descriptor)
        self.rx.kick()

    def disconnect(self) -> None:
        """Take the tap from the device."""
        for index in (RX, TX):
            self.device.state(NET_SET_BACKEND, index, -1)

    def transmit(self, frame: bytes, seconds: float = 3.0) -> bool:
        """Send a frame as a guest would; return whether the device has taken it."""
        ring, entry = self.tx.ring, self._sent % ENTRIES
        self._sent += 1
        at = ring.buffer(entry)
        self.memory.map[at : at + HEADER + len(frame)] = bytes(HEADER) + frame
        ring.give(entry, HEADER + len(frame), writable=False)
        self.tx.kick()
        return self.tx.wait(seconds) is not None

    def receive(self, seconds: float = 3.0) -> bytes | None:
        """The next frame that the device gives a guest; its buffer is handed back at once."""
        found = self.rx.wait(seconds)
        if found is None:
            return None
        entry, length = found
        at = self.rx.ring.buffer(entry)
        content = bytes(self.memory.map[at + HEADER : at + length])
        self.rx.ring.give(entry, BUFFER, writable=True)
        self.rx.kick()
        return content

    def dirty_pages(self) -> set[int]:
        """Guest pages that the device marked as written since it was asked last."""
        bits = bytes(self._dirty.map[:])
        self._dirty.map[:] = bytes(PAGE)
        return {n * 8 + bit for n, byte in enumerate(bits) if byte for bit in range(8) if byte >> bit & 1}

    def close(self) -> None:
        """Give everything back."""
        self.device.close()
        self.wire.close()
        self.tap.close()
        self.rx.close()
        self.tx.close()

    def __enter__(self) -> Nic:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
