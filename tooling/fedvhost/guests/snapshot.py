"""The state of a guest that has booted, to be restored in a test host in which guests cannot boot.

The guest is started here under TCG, with the devices that it will have there and nothing behind its cards (a
hub without another port); its agent gives it its addresses; then it is stopped and qemu writes its state, as
for a migration. One boot takes about 8 s on a quiet processor, and the state 60 to 90 MB.

What has to be the same on both sides: qemu itself, machine, processor model, memory, kernel and firmware,
every device in its order. What need not: the other end of a card. A hub offers no offloads, so the guest's
driver takes none; ``queue_reset=off``, since vhost may lack what qemu has (``guest.argv`` says it on both
sides).
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qemu.qmp import QMPError

from fedvhost import process
from fedvhost.errors import FedvhostError
from fedvhost.inside.agent import Agent
from fedvhost.inside.fallback import emulated
from fedvhost.inside.guest import GuestSpec, argv, give_addresses
from fedvhost.inside.qmp import Monitor

# Alone on a processor 8 s; other jobs may want it, too.
BOOT_SECONDS = 90.0
_WRITE_SECONDS = 60.0
# Bytes a second: it goes to a file, and nothing waits for it.
_BANDWIDTH = 1 << 34


class NoSnapshot(FedvhostError):
    """A guest's state could not be had; what needs that guest is not decided."""


def identity(spec: GuestSpec) -> str:
    """What a snapshot depends on, other than files."""
    return hashlib.sha256(repr((spec, _words(spec, "", Path(), Path()))).encode()).hexdigest()


def take(spec: GuestSpec, kernel: Path, initrd: Path, state: Path) -> None:
    """Boot the guest, let it have its addresses, and write its state into the file ``state``.

    Raises:
        NoSnapshot: it did not boot in time, or qemu refused something; the message says which.
        ToolMissing: qemu is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="fedvhost-") as folder, _running(spec, folder, kernel, initrd):
        agent = Agent(f"{folder}/agent")
        try:
            agent.ask("read", "/proc/uptime", seconds=BOOT_SECONDS)
            give_addresses(agent, spec)
        except (OSError, RuntimeError) as error:
            raise NoSnapshot(f"guest '{spec.name}' did not come up outside the test host: {error}") from error
        finally:
            agent.close()
        try:
            _write(Monitor(f"{folder}/qmp"), state)
        except (OSError, QMPError) as error:
            raise NoSnapshot(f"qemu did not write the state of guest '{spec.name}': {error}") from error


def _write(monitor: Monitor, state: Path) -> None:
    monitor.execute("stop")
    monitor.execute("migrate-set-parameters", {"max-bandwidth": _BANDWIDTH})
    # Only paths of our own making get here, and those have no quotes in them.
    assert "'" not in str(state)
    monitor.execute("migrate", {"uri": f"exec:cat >'{state}'"})
    status = monitor.wait_for(
        "query-migrate", frozenset({"completed", "failed", "cancelled"}), _WRITE_SECONDS
    )
    monitor.close()
    if status != "completed":
        raise OSError(f"the migration into a file is '{status}'")


def _words(spec: GuestSpec, folder: str, kernel: Path, initrd: Path) -> tuple[str, ...]:
    """The command line of ``guest.argv``, with kernel and cards' other ends as they can be had here."""
    words = list(argv(emulated(spec), folder, dict.fromkeys(range(len(spec.cards)), 0)))
    for option, path in (("-kernel", kernel), ("-initrd", initrd)):
        words[words.index(option) + 1] = str(path)
    nets = [n + 1 for n, word in enumerate(words) if word == "-netdev"]
    for index, at in enumerate(nets):
        words[at] = f"hubport,id=n{index},hubid={index}"
    return tuple(words)


@contextmanager
def _running(spec: GuestSpec, folder: str, kernel: Path, initrd: Path) -> Iterator[None]:
    """qemu, with its sockets in ``folder``, until the end of the block."""
    log = Path(folder, "qemu")
    with log.open("wb") as said:
        running = process.Running(_words(spec, folder, kernel, initrd), said)
        try:
            end = time.monotonic() + BOOT_SECONDS
            while not (Path(folder, "agent").exists() and Path(folder, "qmp").exists()):
                if (status := running.ended(0.05)) is not None or time.monotonic() > end:
                    words = log.read_text(errors="replace").strip().splitlines()
                    last = words[-1] if words else f"it made no sockets (status {status})"
                    raise NoSnapshot(f"qemu does not start guest '{spec.name}' outside the test host: {last}")
            yield
        finally:
            running.kill()
