"""What a firmware asks the network for: an address (DHCP, RFC 2131), a router (NDP, RFC 4861), a program
(TFTP, RFC 1350 and 2347)."""

from __future__ import annotations

import random
import select
import socket
import struct
import threading
import time
from collections.abc import Callable

WORDS = b"fedvhost: started from the network"
_SIZE = 32 << 10
# 16-bit code at 0:7c00: writes the text behind it to the first serial port, and halts.
_CODE = bytes.fromhex("fc 31c0 8ed8 baf803 be167c ac 84c0 7403 ee ebf8 f4 ebfd")
# Padded to be many packets; a program that came in one would prove little.
PROGRAM = (_CODE + WORDS + b"\r\n\0").ljust(512, b"\0") + random.Random(1).randbytes(_SIZE - 512)
_COOKIE = bytes.fromhex("63825363")
_OFFER, _ACK, _DISCOVER, _REQUEST = 2, 5, 1, 3
_RRQ, _DATA, _ACKNOWLEDGE, _OACK = 1, 3, 4, 6
_NAME = b"program.0"
# A router that is none (its lifetime is 0), so that iPXE does not wait thirteen seconds for one.
_SOLICITATION, _ADVERTISEMENT = 133, struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 0, 0, 0)


class NetBoot:
    """Serves one guest on ``interface``; a context. ``halfway`` is called in the middle of the program."""

    def __init__(self, interface: str, server: str, client: str, halfway: Callable[[], None]) -> None:
        self.asked: list[str] = []
        self.sent = 0
        self._server, self._client, self._halfway = server, client, halfway
        self._dhcp, self._tftp = (_socket(interface, port) for port in (67, 69))
        self._ndp = _ndp(interface)
        self._open = True
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> NetBoot:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._thread.join(5.0)
        for plug in (self._dhcp, self._tftp, self._ndp):
            plug.close()

    def _serve(self) -> None:
        while self._open:
            for plug in select.select([self._dhcp, self._tftp, self._ndp], [], [], 0.2)[0]:
                packet, sender = plug.recvfrom(4096)
                if plug is self._dhcp:
                    self._lend(packet)
                elif plug is self._ndp:
                    if packet[:1] == bytes((_SOLICITATION,)):
                        plug.sendto(_ADVERTISEMENT, ("ff02::1", 0))
                else:
                    self._send(packet, sender)

    def _lend(self, packet: bytes) -> None:
        """Answer DISCOVER with an offer and REQUEST with the address."""
        kind = _kind(packet)
        if kind not in (_DISCOVER, _REQUEST):
            return
        self.asked.append({_DISCOVER: "discover", _REQUEST: "request"}[kind])
        own = socket.inet_aton(self._server)
        head = bytearray(packet[:44].ljust(44, b"\0"))
        head[0] = 2
        head[16:24] = socket.inet_aton(self._client) + own
        options = (
            bytes((53, 1, _OFFER if kind == _DISCOVER else _ACK, 54, 4)) + own
            + bytes((51, 4)) + struct.pack(">I", 3600) + bytes((1, 4, 255, 255, 255, 0, 255))
        )  # fmt: skip
        answer = bytes(head) + bytes(64) + _NAME.ljust(128, b"\0") + _COOKIE + options
        self._dhcp.sendto(answer.ljust(300, b"\0"), ("255.255.255.255", 68))

    def _send(self, packet: bytes, client: tuple[str, int]) -> None:
        """Send the program in blocks, each acknowledged before the next."""
        if struct.unpack_from(">H", packet)[0] != _RRQ:
            return
        words = packet[2:].split(b"\0")
        self.asked.append(f"tftp {words[0].decode(errors='replace')}")
        options = dict(zip(words[2:-1:2], words[3:-1:2], strict=False))
        size = int(options.get(b"blksize", b"512"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
            plug.bind((self._server, 0))
            plug.settimeout(1.0)
            if options:
                said = b"blksize\0%d\0" % size if b"blksize" in options else b""
                said += b"tsize\0%d\0" % len(PROGRAM) if b"tsize" in options else b""
                if not _acknowledged(plug, struct.pack(">H", _OACK) + said, client, 0):
                    return
            told = False
            for number in range(len(PROGRAM) // size + 1):
                block = PROGRAM[number * size : (number + 1) * size]
                head = struct.pack(">HH", _DATA, number + 1)
                if not _acknowledged(plug, head + block, client, number + 1):
                    return
                self.sent += len(block)
                if not told and self.sent * 2 >= len(PROGRAM):
                    told = True
                    self._halfway()


def _socket(interface: str, port: int) -> socket.socket:
    plug = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    plug.bind(("", port))
    return plug


def _ndp(interface: str) -> socket.socket:
    plug = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    plug.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    index = socket.if_nametoindex(interface)
    plug.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    # What came over a router is no neighbour's: it must arrive with all its hops.
    plug.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    # Who asks for routers asks all of them.
    group = socket.inet_pton(socket.AF_INET6, "ff02::2") + struct.pack("@I", index)
    plug.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    return plug


def _kind(packet: bytes) -> int:
    """The message's kind, option 53; 0 if it is no DHCP request."""
    at = 240
    if len(packet) < at or packet[0] != 1 or packet[236:at] != _COOKIE:
        return 0
    while at + 2 < len(packet) and packet[at] != 255:
        if packet[at] == 0:
            at += 1
            continue
        if packet[at] == 53:
            return packet[at + 2]
        at += 2 + packet[at + 1]
    return 0


def _acknowledged(plug: socket.socket, packet: bytes, client: tuple[str, int], number: int) -> bool:
    """Send until the client has it; False if it never says so."""
    for _ in range(10):
        plug.sendto(packet, client)
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            try:
                answer = plug.recv(600)
            except TimeoutError:
                break
            if answer[:4] == struct.pack(">HH", _ACKNOWLEDGE, number):
                return True
            if struct.unpack_from(">H", answer)[0] == 5:
                return False  # the client only asked for the size
    return False
