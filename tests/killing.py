"""Runs that are killed (``kill -9``) at a chosen moment: right before the n-th time that they start a
program, make a file safe on disk, or change a file's name."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from backports import Work

# How many moments of a run are tried, at equal distances from its first to its last.
POINTS = 12

_KILLER = """
import os, signal, subprocess, sys
from pathlib import Path
deadly, note = int(sys.argv.pop(1)), sys.argv.pop(1)
count = 0
def counted(real):
    def call(*given, **named):
        global count
        if count == deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1
        return real(*given, **named)
    return call
for owner, names in ((Path, "replace unlink rename"), (os, "fsync"), (subprocess.Popen, "__init__")):
    for name in names.split():
        setattr(owner, name, counted(getattr(owner, name)))
from fedvhost.cli import main
try:
    main()
finally:
    with open(note, "w") as file:
        file.write(str(count))
"""


def moments(work: Work, verb: str, *options: str) -> int:
    """Run a verb to its end; returns how many moments it has at which it could be killed."""
    note = work.root.parent / "moments"
    done = _run(work, -1, note, verb, *options)
    assert done.returncode == 0, done.stderr
    return int(note.read_text())


def kill(work: Work, moment: int, verb: str, *options: str) -> None:
    """Run a verb and kill it at a moment."""
    done = _run(work, moment, work.root.parent / "never", verb, *options)
    assert done.returncode == -signal.SIGKILL, (done.returncode, done.stderr)


def at(point: int, total: int) -> int:
    """Return the moment that a point stands for: 0 is the first, ``POINTS - 1`` the last."""
    return point * (total - 1) // (POINTS - 1)


def _run(work: Work, moment: int, note: Path, verb: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    argv = [sys.executable, "-c", _KILLER, str(moment), str(note), "-C", str(work.root), verb]
    return subprocess.run([*argv, "--release", "f13", *options], capture_output=True, check=False)
