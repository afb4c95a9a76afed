"""A program that has become another user, as mock does: we may not signal it, and end it all the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fedvhost.process import follow

# What it is ended by, it writes down.
PROGRAM = """
import pathlib, signal, sys, time
told = pathlib.Path(sys.argv[1])
def ended(number, frame):
    told.write_text(signal.Signals(number).name)
    sys.exit(7)
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    signal.signal(number, ended)
print("begun", flush=True)
time.sleep(60)
"""
FOLLOWER = """
import os, sys
from pathlib import Path
from fedvhost.process import follow
folder, *argv = sys.argv[1:]
follow(argv, lambda line: print(line, flush=True), log=Path(folder, "log"), cwd=Path(folder),
       env=os.environ, unwanted=lambda: False)
"""


@pytest.fixture
def no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel refuses our signals to a group of another user's."""
    real = os.killpg

    def refused(group: int, number: int) -> None:
        real(group, 0)  # who is gone is gone
        raise PermissionError

    monkeypatch.setattr("os.killpg", refused)


@pytest.mark.usefixtures("no_signals")
def test_ctrl_c_reaches_it(tmp_path: Path) -> None:
    def begun(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(
            (sys.executable, "-c", PROGRAM, os.fspath(tmp_path / "told")), begun,
            log=tmp_path / "log", cwd=tmp_path, env=os.environ, unwanted=lambda: False,
        )  # fmt: skip

    assert (tmp_path / "told").read_text() == "SIGINT"


@pytest.mark.usefixtures("no_signals")
def test_it_is_interrupted_once_it_is_unwanted(tmp_path: Path) -> None:
    lines: list[str] = []

    status = follow(
        (sys.executable, "-c", PROGRAM, os.fspath(tmp_path / "told")), lines.append,
        log=tmp_path / "log", cwd=tmp_path, env=os.environ, unwanted=lambda: bool(lines),
    )  # fmt: skip

    assert (status, (tmp_path / "told").read_text()) == (7, "SIGINT")


def test_it_does_not_outlive_us(tmp_path: Path) -> None:
    program = (sys.executable, "-c", PROGRAM, os.fspath(tmp_path / "told"))
    with subprocess.Popen(
        (sys.executable, "-c", FOLLOWER, os.fspath(tmp_path), *program), stdout=subprocess.PIPE
    ) as us:
        assert us.stdout is not None and us.stdout.readline() == b"begun\n"
        us.send_signal(signal.SIGKILL)

    until = time.monotonic() + 10
    while not (tmp_path / "told").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert (tmp_path / "told").read_text() == "SIGHUP"


def test_its_errors_and_its_status_are_heard(tmp_path: Path) -> None:
    lines: list[str] = []

    status = follow(
        ("sh", "-c", "echo out; echo err >&2; read line || echo no keyboard; exit 3"), lines.append,
        log=tmp_path / "log", cwd=tmp_path, env=os.environ, unwanted=lambda: False,
    )  # fmt: skip

    assert (status, lines) == (3, ["out", "err", "no keyboard"])
    assert (tmp_path / "log").read_text() == "out\nerr\nno keyboard\n"
