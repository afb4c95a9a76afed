"""Tap interfaces, and raw frames on them."""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import time
from collections.abc import Callable

from fedvhost.inside.command import must

_TUNSETIFF, _TUNSETVNETHDRSZ, _TUNSETOFFLOAD = 0x400454CA, 0x400454D8, 0x400454D0
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
ETH_P_ALL = 0x0003
# An Ethernet type for experiments (IEEE 802): no protocol of the kernel answers it.
EXPERIMENT = 0x88B5


class Tap:
    """A tap interface of this process, up, with IPv6 off so that nothing speaks on it by itself."""

    def __init__(self, name: str, mtu: int = 1500) -> None:
        self.name = name
        self.descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        request = struct.pack("16sH14x", name.encode(), _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR)
        fcntl.ioctl(self.descriptor, _TUNSETIFF, request)
        fcntl.ioctl(self.descriptor, _TUNSETVNETHDRSZ, struct.pack("i", 10))
        with open(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6", "w") as switch:  # noqa: PTH123
            switch.write("1")
        must("ip", "link", "set", name, "mtu", str(mtu), "up")

    def close(self) -> None:
        """Give the interface back; safe to call twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class Wire:
    """Raw frames of one interface, sent and received."""

    def __init__(self, interface: str, kind: int = EXPERIMENT) -> None:
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(kind))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind((interface, kind))
        self.socket.setblocking(False)

    def send(self, frame: bytes) -> None:
        """Send a frame, header and all."""
        self.socket.send(frame)

    def receive(self, seconds: float, wanted: Callable[[bytes], bool] = bool) -> bytes | None:
        """The next frame from the other side that is ``wanted``; None if none comes in time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.socket], [], [], left)[0]:
                return None
            frame, address = self.socket.recvfrom(65536)
            # Our own frames come back as "outgoing".
            if address[2] != socket.PACKET_OUTGOING and wanted(frame):
                return frame
        return None

    def close(self) -> None:
        """Stop listening."""
        self.socket.close()


def frame(size: int, number: int) -> bytes:
    """An Ethernet frame of ``size`` bytes (without FCS) whose content depends on ``number``."""
    head = b"\x02\0\0\0\0\x02" + b"\x02\0\0\0\0\x01" + struct.pack(">HI", EXPERIMENT, number)
    seed = (number * 2654435761) & 0xFFFFFFFF
    body = bytes((seed >> (i % 4 * 8) ^ i) & 0xFF for i in range(256))
    return (head + body * (size // 256 + 1))[:size]
