"""Pings and data to a guest's echo server and back, every byte compared.

On a busy machine an answer may take seconds, and is no loss: what is still under way is waited for, and an
answer is known by its number, not by its turn.
"""

from __future__ import annotations

import hashlib
import random
import socket
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from fedvhost.inside.pinger import Echoes, echoes
from fedvhost.inside.rows import expect

ECHO = 7
# Datagrams that may be unanswered: fewer than any card here has receive descriptors.
_UNDER_WAY = 8
# Seconds that an answer may take; lost is what has none by then.
_PATIENCE = 8.0

# Seconds without a byte after which a stream has stalled (on a quiet machine: ``Ground.pace`` times that).
STALLED = 15.0


def answers(
    address: str, count: int = 10, size: int = 56, interval: float = 0.02, *, whole: bool = False,
    through: str = "",
) -> Echoes:  # fmt: skip
    """Ping, and expect every answer, unchanged."""
    found = echoes(address, count, size, interval, whole=whole, through=through)
    what = f"of {count} pings of {size} bytes to {address}"
    expect(found.lost == 0, f"{what} {found.lost} were not answered", size=size, lost=found.lost)
    expect(found.changed == 0, f"{what} {found.changed} came back changed", size=size, changed=found.changed)
    return found


def stream(
    address: str, size: int, *, seed: int = 1, seconds: float = 60.0, protocol: int = 0,
    piece: int = 1 << 16, pause: float = 0.0,
) -> str:  # fmt: skip
    """Send random bytes to a guest's echo server and receive them back at the same time; expect the same
    checksum (BLAKE2b: SHA-256 takes five times as long under emulation). Returns its first digits.
    ``pause``: seconds between the pieces.

    Raises:
        OSError: the connection failed, or stalled for ``seconds``.
    """
    content = random.Random(seed).randbytes(size)
    sent, back = hashlib.blake2b(content).hexdigest(), hashlib.blake2b()
    family, _, _, _, target = socket.getaddrinfo(address, ECHO, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM, protocol) as connection:
        connection.settimeout(seconds)
        connection.connect(target)
        sender = threading.Thread(target=_send, args=(connection, content, piece, pause), daemon=True)
        sender.start()
        left = size
        while left and (got := connection.recv(1 << 16)):
            back.update(got)
            left -= len(got)
        sender.join(seconds)
    expect(left == 0, f"{left} of {size} bytes did not come back from {address}", lacking=left)
    expect(back.hexdigest() == sent, f"{size} bytes to {address} and back have another checksum", bytes=size)
    return sent[:16]


@dataclass(slots=True)
class Returned:
    """What came back of datagrams, ``changed`` ones among them, and who sent it."""

    count: int = 0
    changed: int = 0
    senders: set[str] = field(default_factory=set)


def exchange(plug: socket.socket, target: tuple[object, ...], contents: Iterable[bytes]) -> Returned:
    """Send datagrams to an echo server, some at a time, and receive them back. The first four bytes of each
    are its number: no two are alike."""
    found, under_way, window = Returned(), dict[bytes, bytes](), _UNDER_WAY
    plug.settimeout(_PATIENCE)

    def take() -> bool:
        try:
            got, sender = plug.recvfrom(1 << 17)
        except TimeoutError:
            return False
        if (sent := under_way.pop(got[:4], None)) is not None:
            found.count += 1
            found.changed += got != sent
            found.senders.add(sender[0])
        return True

    for content in contents:
        under_way[content[:4]] = content
        plug.sendto(content, target)
        while len(under_way) >= window:
            if not take():
                window += len(under_way)  # what was lost holds up the others once
    while under_way and take():
        pass
    return found


def datagrams(address: str, count: int, largest: int = 1472, *, seed: int = 1) -> dict[str, object]:
    """Send UDP datagrams of random size and content, some at a time, and expect them back unchanged. UDP
    promises nothing: one in twenty may be lost."""
    numbers = random.Random(seed)
    contents = (
        n.to_bytes(4, "big") + numbers.randbytes(numbers.randint(0, largest - 4)) for n in range(count)
    )
    family, _, _, _, target = socket.getaddrinfo(address, ECHO, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        found = exchange(plug, target, contents)
    seen: dict[str, object] = {"udp": f"{found.count}/{count}", "largest": largest}
    expect(found.changed == 0, f"{found.changed} of {count} datagrams came back changed", **seen)
    expect(found.count >= count * 0.95, f"of {count} datagrams {found.count} came back", **seen)
    return seen


def _send(connection: socket.socket, content: bytes, piece: int, pause: float) -> None:
    try:
        for start in range(0, len(content), piece):
            connection.sendall(content[start : start + piece])
            time.sleep(pause)
    except OSError:
        return  # the receiving side tells
