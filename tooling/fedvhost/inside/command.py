"""The one place in a test host that starts programs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Done:
    """A program that ended: status and what it said (both streams)."""

    status: int
    said: str


def run(*argv: str, seconds: float = SECONDS, given: str = "") -> Done:
    """Run a program to its end, with ``given`` as its input. Its failure is a value; OSError if there is no
    such program.

    Raises:
        TimeoutError: it did not end in ``seconds``.
    """
    try:
        done = subprocess.run(
            argv, input=given.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"'{' '.join(argv)}' did not end within {seconds:g} s") from error
    return Done(done.returncode, done.stdout.decode(errors="replace").strip())


def must(*argv: str, seconds: float = SECONDS, given: str = "") -> str:
    """Run a program that has to succeed for the test to mean anything; return what it said.

    Raises:
        RuntimeError: it did not.
    """
    done = run(*argv, seconds=seconds, given=given)
    if done.status:
        raise RuntimeError(f"'{' '.join(argv)}' failed with status {done.status}: {done.said[-500:]}")
    return done.said


def ip(*commands: str) -> None:
    """Give ``ip`` several commands at once: each program that starts costs a tenth of a second here.

    Raises:
        RuntimeError: one failed; those after it were not given.
    """
    must("ip", "-batch", "-", given="".join(f"{command}\n" for command in commands))


def start(argv: Sequence[str], log: str, keep: Sequence[int] = ()) -> subprocess.Popen[bytes]:
    """Start a program that stays; what it says goes to the file ``log``; it inherits ``keep``."""
    with open(log, "wb") as out:  # noqa: PTH123  start-up time: pathlib is not needed in here
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, pass_fds=tuple(keep)
        )
