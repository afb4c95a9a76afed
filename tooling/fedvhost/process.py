"""The only door to other programs."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fedvhost.errors import ToolFailed, ToolMissing, ToolTimeout

# Where a program comes from, when its package has another name: Fedora's, and Debian's.
PACKAGES: Mapping[str, tuple[str, str]] = {
    "rpmbuild": ("rpm-build", "rpm"),
    "rpmspec": ("rpm-build", "rpm"),
    "rpm2cpio": ("rpm", "rpm2cpio"),
    "setpriv": ("util-linux", "util-linux"),
    "qemu-system-x86_64": ("qemu-system-x86", "qemu-system-x86"),
    "ssh": ("openssh-clients", "openssh-client"),
}


def missing(program: str) -> ToolMissing:
    """The error that a program is not installed, with the packages it is in."""
    return ToolMissing(program, *PACKAGES.get(program, (program,)))


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ended: its exit status and everything it wrote."""

    argv: tuple[str, ...]
    returncode: int
    stdout: bytes
    stderr: bytes


def which(program: str) -> str | None:
    """Return where ``program`` is on PATH, or None."""
    return shutil.which(program)


def run(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    ok: Sequence[int] = (0,),
    timeout: float | None = None,
) -> Completed:
    """Run ``argv`` to its end and return what it wrote. ``env`` replaces the environment.

    Raises:
        ToolMissing: the program is not installed.
        ToolFailed: the exit status is not in ``ok``.
        ToolTimeout: it ran for more than ``timeout`` seconds.
    """
    words = tuple(os.fspath(a) for a in argv)
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=None if env is None else dict(env),
            input=stdin,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError as error:
        if cwd is not None and not cwd.exists():
            raise
        raise missing(words[0]) from error
    except subprocess.TimeoutExpired as error:
        raise ToolTimeout(words, error.timeout) from error
    if done.returncode not in ok:
        raise ToolFailed(words, done.returncode, done.stderr)
    return Completed(words, done.returncode, done.stdout, done.stderr)


def watch(
    argv: Sequence[str | os.PathLike[str]],
    tell: Callable[[bytes], None],
    *,
    env: Mapping[str, str] | None = None,
    ok: Sequence[int] = (0,),
) -> Completed:
    """Run ``argv``, handing what it writes on stderr to ``tell`` as it comes: programs that show progress.

    Raises:
        ToolMissing: the program is not installed.
        ToolFailed: the exit status is not in ``ok``.
    """
    words = tuple(os.fspath(a) for a in argv)
    stderr = bytearray()
    try:
        process = subprocess.Popen(
            words,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
    except FileNotFoundError as error:
        raise missing(words[0]) from error
    with process:
        assert process.stderr is not None
        while chunk := process.stderr.read(4096):
            stderr += chunk
            tell(chunk)
    if process.returncode not in ok:
        raise ToolFailed(words, process.returncode, bytes(stderr))
    return Completed(words, process.returncode, b"", bytes(stderr))


class Running:
    """A program that runs beside us until it ends or ``kill`` ends it; it never outlives us.

    What it writes goes to ``output``; with ``errors``, what are errors goes there. ``keep`` are descriptors
    that it inherits. ``feed`` are files that it is given one after the other; then its input stays open, so
    that its end tells it of ours.
    """

    def __init__(
        self, argv: Sequence[str | os.PathLike[str]], output: IO[bytes], keep: Sequence[int] = (), *,
        errors: IO[bytes] | None = None, feed: Sequence[Path] = (),
    ) -> None:  # fmt: skip
        self.argv = tuple(os.fspath(a) for a in argv)
        # The kernel ends it when we end, even by SIGKILL.
        guarded = ("setpriv", "--pdeathsig", "KILL", "--", *self.argv)
        if shutil.which(self.argv[0]) is None:
            raise missing(self.argv[0])
        try:
            self._process = subprocess.Popen(
                guarded,
                stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
                stdout=output,
                stderr=errors or subprocess.STDOUT,
                pass_fds=tuple(keep),
                # Ctrl-C is for us: we end it ourselves, and keep what it wrote.
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise missing("setpriv") from error
        # A thread: who is fed slowly is watched meanwhile.
        self._feeder = threading.Thread(target=_give, args=(self._process.stdin, tuple(feed)), daemon=True)
        self._feeder.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def fed(self) -> bool:
        """Whether it has been given everything."""
        return not self._feeder.is_alive()

    def ended(self, seconds: float = 0.0) -> int | None:
        """Wait up to ``seconds`` for its end; return the exit status (negative: a signal) or None."""
        try:
            return self._process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()


def _give(sink: IO[bytes] | None, feed: Sequence[Path]) -> None:
    if sink is None:
        return
    with contextlib.suppress(BrokenPipeError):  # its end is seen by ``Running.ended``
        for path in feed:
            with path.open("rb") as source:
                shutil.copyfileobj(source, sink, 1 << 20)
        sink.flush()


def follow(
    argv: Sequence[str | os.PathLike[str]],
    tell: Callable[[str], None],
    *,
    log: Path,
    cwd: Path,
    env: Mapping[str, str],
    started: Callable[[int], None] = lambda _: None,
    held: int | None = None,
    unwanted: Callable[[], bool] | None = None,
) -> int:
    """Run a long program whose two outputs go into ``log`` and, line by line, to ``tell``; return its exit
    status, negative for a signal.

    It and what it starts are a process group of their own, whose number ``started`` is given; they keep
    the descriptor ``held`` open. Whatever ends this function (Ctrl-C above all) ends the group first.

    ``unwanted`` is for a program that becomes another user, to whom we may send no signal: it gets a terminal
    of its own, which may, and is interrupted once ``unwanted()``.

    Raises:
        ToolMissing: the program is not installed.
    """
    words = tuple(os.fspath(a) for a in argv)
    if shutil.which(words[0], path=env.get("PATH")) is None:
        raise missing(words[0])
    terminal = None if unwanted is None else _Terminal(unwanted)
    kept = [d for d in (held, terminal.theirs if terminal else None) if d is not None]
    with log.open("wb") as sink:
        try:
            process = subprocess.Popen(
                (*(terminal.entering if terminal else ()), *words),
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=kept,
            )
        except BaseException:
            if terminal:
                terminal.close()
            raise
        try:
            if terminal:
                terminal.begin()
            started(process.pid)
            assert process.stdout is not None
            for line in process.stdout:
                sink.write(line)
                sink.flush()
                tell(line.decode(errors="replace").rstrip("\r\n"))
            return process.wait()
        except BaseException:
            if terminal:
                terminal.interrupt()
                _await(process.pid, _Terminal.patience)
                terminal.close()
            end_group(process.pid)
            raise
        finally:
            if terminal:
                terminal.close()
            if process.stdout is not None:
                process.stdout.close()
            process.wait()


class _Terminal:
    """The terminal of a program's own session, of which we hold the keyboard. Its signals come from the
    kernel, and reach also who has become another user. When the keyboard goes away, because we close it or
    are killed, the session is hung up."""

    patience = 30.0  # seconds for tidying up after an interrupt

    def __init__(self, unwanted: Callable[[], bool]) -> None:
        self._keyboard, self.theirs = os.openpty()
        # The first terminal that the leader of a session opens becomes the session's.
        self.entering = ("sh", "-c", ': <"$0"; exec "$@"', os.ttyname(self.theirs))
        self._unwanted = unwanted
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def begin(self) -> None:
        """Leave the screen to the program alone, and begin to watch."""
        os.close(self.theirs)
        self._watcher.start()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        with contextlib.suppress(OSError):  # it ended meanwhile
            os.write(self._keyboard, b"\x03")

    def close(self) -> None:
        """Hang up; safe to call twice."""
        if not self._closed.is_set():
            self._closed.set()
            if self._watcher.is_alive():
                self._watcher.join()
            os.close(self._keyboard)

    def _watch(self) -> None:
        while not self._closed.wait(0.5):
            if self._unwanted():
                self.interrupt()
                return


def end_group(group: int, patience: float = 5.0) -> None:
    """Ask a process group to end, and end it by force if it does not within ``patience`` seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(PermissionError):  # it has become another user; it may end all the same
            try:
                os.killpg(group, number)
            except ProcessLookupError:
                return
        if _await(group, patience):
            return


def _await(group: int, patience: float) -> bool:
    """Wait for the end of a process group, and return whether it came."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(group, os.WNOHANG)
        with contextlib.suppress(PermissionError):
            try:
                os.killpg(group, 0)
            except ProcessLookupError:
                return True
        time.sleep(0.02)
    return False


def consult(argv: Sequence[str | os.PathLike[str]], *, cwd: Path, stdin: bytes, timeout: float) -> Completed:
    """Run a program of the person's own and return what it wrote. After ``timeout`` seconds, and if we are
    interrupted, it is ended together with all that it started: a shell's child would hold the pipe open.

    Raises:
        ToolFailed: its exit status is not 0.
        ToolTimeout: it took too long.
        OSError: it cannot be run.
    """
    words = tuple(os.fspath(a) for a in argv)
    pipe = subprocess.PIPE
    with subprocess.Popen(
        words, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    ) as process:
        try:
            stdout, stderr = process.communicate(stdin, timeout=timeout)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise ToolTimeout(words, timeout) from error
            raise
    if process.returncode:
        raise ToolFailed(words, process.returncode, stderr)
    return Completed(words, process.returncode, stdout, stderr)


class Conversation:
    """A program that stays: we write a request, it writes an answer (``git cat-file --batch``)."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        self.argv = tuple(argv)
        try:
            self._process = subprocess.Popen(
                self.argv,
                env=None if env is None else dict(env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Ctrl-C is for us: the program must live until we have put our state in order.
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise missing(self.argv[0]) from error

    @property
    def requests(self) -> IO[bytes]:
        """Where we write; flush after each request."""
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def answers(self) -> IO[bytes]:
        """Where we read."""
        assert self._process.stdout is not None
        return self._process.stdout

    def close(self) -> None:
        """End the conversation; safe to call twice."""
        self.requests.close()
        self.answers.close()
        self._process.wait(timeout=10)
