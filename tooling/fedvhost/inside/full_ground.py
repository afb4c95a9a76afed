"""What the rows of shape ``full`` share: the cards of its guest, and how data is checked."""

from __future__ import annotations

import hashlib
import random
import socket
import threading
from dataclasses import dataclass

from fedvhost.inside.guest import Guest
from fedvhost.inside.pinger import Echoes, echoes
from fedvhost.inside.rows import expect
from fedvhost.inside.traffic import ECHO

NET = "net"


@dataclass(frozen=True, slots=True)
class Model:
    """A card of guest ``net``: its index, its largest MTU, the driver that has it, whether vhost is on."""

    name: str
    card: int
    largest: int
    driver: str
    vhost: bool = False


ON = Model("virtio-on", 0, 9000, "virtio_net", vhost=True)
SECOND = Model("virtio-on-2", 1, 9000, "virtio_net", vhost=True)
OFF = Model("virtio-off", 2, 9000, "virtio_net")
E1000 = Model("e1000", 3, 9000, "e1000")
# The 8139C+ takes frames up to 4096 bytes.
RTL8139 = Model("rtl8139", 4, 4096, "8139cp")
MODELS = (ON, OFF, E1000, RTL8139)
# IPv4 and ICMP headers.
HEADERS = 28
ALL = (ON, SECOND, OFF, E1000, RTL8139)


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
    address: str, size: int, *, seed: int = 1, seconds: float = 60.0, protocol: int = 0, piece: int = 1 << 16
) -> str:
    """Send random bytes to a guest's echo server and receive them back at the same time; expect the same
    checksum. Returns its first digits.

    Raises:
        OSError: the connection failed, or stalled for ``seconds``.
    """
    content = random.Random(seed).randbytes(size)
    sent, back = hashlib.sha256(content).hexdigest(), hashlib.sha256()
    family, _, _, _, target = socket.getaddrinfo(address, ECHO, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM, protocol) as connection:
        connection.settimeout(seconds)
        connection.connect(target)
        sender = threading.Thread(target=_send, args=(connection, content, piece), daemon=True)
        sender.start()
        left = size
        while left and (got := connection.recv(1 << 16)):
            back.update(got)
            left -= len(got)
        sender.join(seconds)
    expect(left == 0, f"{left} of {size} bytes did not come back from {address}", lacking=left)
    expect(back.hexdigest() == sent, f"{size} bytes to {address} and back have another checksum", bytes=size)
    return sent[:16]


def datagrams(address: str, count: int, largest: int = 1472, *, seed: int = 1) -> dict[str, object]:
    """Send UDP datagrams of random size and content, some at a time, and expect them back unchanged. UDP
    promises nothing: one in twenty may be lost."""
    numbers = random.Random(seed)
    changed = returned = 0
    family, _, _, _, target = socket.getaddrinfo(address, ECHO, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        plug.connect(target)
        plug.settimeout(4.0)
        for start in range(0, count, _BURST):
            sent = {}
            for number in range(start, min(start + _BURST, count)):
                content = number.to_bytes(4, "big") + numbers.randbytes(numbers.randint(0, largest - 4))
                sent[content[:4]] = content
                plug.send(content)
            try:
                while sent:
                    got = plug.recv(1 << 17)
                    if (expected := sent.pop(got[:4], None)) is not None:
                        returned += 1
                        changed += got != expected
            except (TimeoutError, ConnectionRefusedError):
                continue
    seen: dict[str, object] = {"udp": f"{returned}/{count}", "largest": largest}
    expect(changed == 0, f"{changed} of {count} datagrams came back changed", **seen)
    expect(returned >= count * 0.95, f"of {count} datagrams {returned} came back", **seen)
    return seen


_BURST = 8


def at_once(guest: Guest, cards: tuple[int, ...], size: int, seconds: float = 60.0) -> None:
    """A stream to each of these cards, all at the same time.

    Raises:
        Refuted: the first that came back changed. OSError: the first that stalled.
    """
    troubles: list[BaseException] = []

    def one(card: int) -> None:
        try:
            stream(guest.spec.address(card), size, seed=card, seconds=seconds)
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=one, args=(card,), daemon=True) for card in cards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds * 2)
        expect(not thread.is_alive(), f"a stream had not ended after {seconds * 2:.0f} s")
    if troubles:
        raise troubles[0]


def _send(connection: socket.socket, content: bytes, piece: int) -> None:
    try:
        for start in range(0, len(content), piece):
            connection.sendall(content[start : start + piece])
    except OSError:
        return  # the receiving side tells
