"""Servers of the tests: on free ports of loopback, and gone when the test run is, however that ends."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

STARTS_WITHIN = 60.0  # seconds; a machine whose cores others use is slow


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert isinstance(port, int)
    return port


def start(
    argv: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None, user: str | None = None,
    death: str = "TERM",
) -> subprocess.Popen[bytes]:  # fmt: skip
    """Start a server that the kernel sends ``death`` when this process is killed; ``user`` needs root."""
    words = ["setpriv", "--pdeathsig", death]
    if user is not None:
        words += ["--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--init-groups"]
    with log.open("ab") as out:
        return subprocess.Popen(
            [*words, "--", *(os.fspath(word) for word in argv)],
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd="/",
        )


def wait_for(ready: Callable[[], bool], what: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until ``ready``; what the server said is the message if that takes too long, or it ends."""
    until = time.monotonic() + STARTS_WITHIN
    while not ready():
        ended = process.poll() is not None
        if ended or time.monotonic() > until:
            said = log.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{what} {'ended' if ended else 'does not answer'}:\n{said}")
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether somebody listens on ``port``."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """End a server, by force if it takes more than ten seconds; safe to call twice."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
