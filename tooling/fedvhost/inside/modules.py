"""Kernel modules: loading, unloading, who holds them."""

from __future__ import annotations

import time
from pathlib import Path

from fedvhost.inside.command import Done, must, run

VHOST_NET = Path("/dev/vhost-net")


def load(name: str) -> None:
    """Load a module and what it needs; RuntimeError if that fails."""
    must("modprobe", name)


def unload(name: str) -> Done:
    """Try to unload a module. It is refused while somebody holds it."""
    return run("rmmod", name)


def references(name: str) -> int | None:
    """The module's reference count, as lsmod shows it; None: not loaded."""
    for line in Path("/proc/modules").read_text().splitlines():
        words = line.split()
        if words[0] == name:
            return int(words[2])
    return None


def wait_until(holds: object, seconds: float = 5.0, step: float = 0.02) -> bool:
    """Wait until the function ``holds`` says yes, at most ``seconds``; return whether it did."""
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True


def workers(owner: int | None = None) -> dict[int, int]:
    """The vhost workers (of one owner, if given): process id to CPU ticks used.

    Until Linux 6.3 a kernel thread ``vhost-<pid of the owner>``; from 6.4 on a thread of the owner itself.
    """
    name = "vhost-" if owner is None else f"vhost-{owner}"
    found: dict[int, int] = {}
    threads = "[0-9]*" if owner is None else str(owner)
    for status in (*Path("/proc").glob("[0-9]*/stat"), *Path("/proc").glob(f"{threads}/task/[0-9]*/stat")):
        try:
            text = status.read_text()
        except OSError:
            continue  # it ended in between
        called, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
        if called == name or (owner is None and called.startswith(name)):
            found[int(text.split(" ", 1)[0])] = int(rest[11]) + int(rest[12])
    return found
