"""Data to a guest's echo server and back, every byte compared."""

from __future__ import annotations

import hashlib
import random
import re
import socket
import threading

from fedvhost.inside.command import run

ECHO = 7
_STATISTICS = re.compile(r"(\d+) packets transmitted, (\d+) received")
_TIMES = re.compile(r"= ([\d.]+)/([\d.]+)/([\d.]+)")


def ping(address: str, count: int, size: int = 56, interval: float = 0.05, *more: str) -> tuple[int, float]:
    """Ping from the test host; how many were answered, and the median-like average in ms (0: none)."""
    seconds = count * interval + 15
    done = run(
        "ping", "-q", "-n", "-c", str(count), "-s", str(size), "-i", f"{interval:g}", "-W", "5",
        *more, address, seconds=seconds,
    )  # fmt: skip
    found, times = _STATISTICS.search(done.said), _TIMES.search(done.said)
    return int(found.group(2)) if found else 0, float(times.group(2)) if times else 0.0


def tcp_echo(address: str, size: int, seed: int = 1, seconds: float = 30.0) -> tuple[str, str]:
    """Send ``size`` random bytes by TCP and receive them back at the same time; both checksums (SHA-256).

    Raises:
        OSError: the connection failed or stalled.
    """
    content = random.Random(seed).randbytes(size)
    back = hashlib.sha256()
    with socket.create_connection((address, ECHO), timeout=seconds) as connection:
        sender = threading.Thread(target=_send, args=(connection, content), daemon=True)
        sender.start()
        left = size
        while left and (piece := connection.recv(1 << 16)):
            back.update(piece)
            left -= len(piece)
        sender.join(seconds)
    return hashlib.sha256(content).hexdigest(), back.hexdigest()


def udp_echo(address: str, count: int, largest: int = 1472, seed: int = 1) -> tuple[int, int]:
    """Send datagrams of random size and content, one at a time; how many came back, and how many of those
    were changed."""
    numbers, returned, changed = random.Random(seed), 0, 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.connect((address, ECHO))
        plug.settimeout(2.0)
        for _ in range(count):
            sent = numbers.randbytes(numbers.randint(1, largest))
            plug.send(sent)
            try:
                got = plug.recv(65536)
            except (TimeoutError, ConnectionRefusedError):
                continue
            returned += 1
            changed += got != sent
    return returned, changed


def _send(connection: socket.socket, content: bytes) -> None:
    try:
        connection.sendall(content)
    except OSError:
        return  # the receiving side tells
