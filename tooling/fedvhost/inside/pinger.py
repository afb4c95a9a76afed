"""Echo requests of our own: every answer compared, at any interval, and a late one is waited for.

``ping`` waits two round trips after its last request and no longer: on a busy machine answers that are still
under way count as lost (seen: 8 of 10). And it tells nothing of an answer's content but on its screen.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from dataclasses import dataclass, field

# From linux/in.h.
_IP_MTU_DISCOVER, _DO = 10, 2
# Fragments that may be unanswered; more would overrun the 64 receive descriptors of an rtl8139, and be lost
# by right. And the content of a whole packet of 1500 bytes.
_UNDER_WAY, _WHOLE = 48, 1472


@dataclass(slots=True)
class Echoes:
    """What came of the requests. ``times``: round trips in ms; ``took``: seconds until the last was sent."""

    sent: int = 0
    changed: int = 0
    took: float = 0.0
    times: list[float] = field(default_factory=list)
    senders: set[str] = field(default_factory=set)

    @property
    def lost(self) -> int:
        """How many had no answer."""
        return self.sent - len(self.times)


def echoes(
    address: str, count: int, size: int = 56, interval: float = 0.02, *, wait: float = 8.0,
    whole: bool = False, through: str = "", broadcast: bool = False,
) -> Echoes:  # fmt: skip
    """Send ``count`` requests with ``size`` bytes of content, ``interval`` seconds apart (or as fast as this
    machine can), and wait at most ``wait`` seconds for the last answers.

    ``whole``: never in fragments (DF); ``through``: only by this interface.

    Raises:
        OSError: EMSGSIZE, a packet that is too large to be sent whole; ENETUNREACH and the like.
    """
    found = Echoes()
    with _socket(address, whole=whole, through=through, broadcast=broadcast) as plug:
        six = plug.family == socket.AF_INET6
        target = socket.getaddrinfo(address, None, plug.family)[0][4]
        name = struct.unpack("<H", os.urandom(2))[0]
        under_way: dict[int, float] = {}
        window = max(_UNDER_WAY // (size // _WHOLE + 1), 1)
        start = time.monotonic()
        last = start
        while found.sent < count or (under_way and time.monotonic() - last < wait):
            due = start + found.sent * interval
            now = time.monotonic()
            if len(under_way) >= window and now - last > wait:
                window = count  # what was lost holds up the others once, not one by one
            may_send = found.sent < count and len(under_way) < window
            if may_send and now >= due:
                number = found.sent & 0xFFFF
                under_way[number] = time.monotonic()
                plug.sendto(_request(name, number, size, six=six), target)
                found.sent += 1
                last = time.monotonic()
                found.took = last - start
                patience = 0.0
            else:
                patience = max(due - now, 0.0) if may_send else 0.2
            while under_way and select.select([plug], [], [], patience)[0]:
                _take(plug, name, size, under_way, found, six=six)
                patience = 0.0
            if not under_way and patience:
                time.sleep(patience)
    return found


def _socket(address: str, *, whole: bool, through: str, broadcast: bool) -> socket.socket:
    if ":" in address:
        plug = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    else:
        plug = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        if whole:
            plug.setsockopt(socket.IPPROTO_IP, _IP_MTU_DISCOVER, _DO)
    if through:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, through.encode())
    if broadcast:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return plug


def _content(number: int, size: int) -> bytes:
    line = bytes((number + i * 7) & 0xFF for i in range(251))
    return (line * (size // len(line) + 1))[:size]


def _request(name: int, number: int, size: int, *, six: bool) -> bytes:
    body = struct.pack(">HH", name, number) + _content(number, size)
    if six:
        return b"\x80\0\0\0" + body  # the kernel fills in the checksum
    return b"\x08\0" + struct.pack(">H", _checksum(b"\x08\0\0\0" + body)) + body


def _checksum(packet: bytes) -> int:
    padded = packet + b"\0" * (len(packet) % 2)
    total: int = sum(struct.unpack(f">{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


def _take(
    plug: socket.socket, name: int, size: int, under_way: dict[int, float], found: Echoes, *, six: bool
) -> None:
    packet, sender = plug.recvfrom(1 << 17)
    now = time.monotonic()
    head = 0 if six else (packet[0] & 15) * 4
    if len(packet) < head + 8 or packet[head] != (129 if six else 0):
        return
    of, number = struct.unpack_from(">HH", packet, head + 4)
    if of != name or number not in under_way:
        return
    found.times.append((now - under_way.pop(number)) * 1000)
    found.senders.add(sender[0])
    found.changed += packet[head + 8 :] != _content(number, size)
