"""Talking to the agent in a guest (``agent.c`` says what it understands)."""

from __future__ import annotations

import socket
import time

from fedvhost.inside.command import Done

SECONDS = 30.0


class Agent:
    """The agent behind the socket at ``path``. A request may be sent while the guest still boots: qemu holds
    it until the agent opens its port."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._socket: socket.socket | None = None
        self._buffer = b""

    def ask(self, *words: str, seconds: float = SECONDS) -> Done:
        """Send a request and return its answer.

        Raises:
            TimeoutError: no answer in time; ConnectionError: qemu is gone.
        """
        assert not any("\t" in w or "\n" in w for w in words), words
        end = time.monotonic() + seconds
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(self.path)
        self._socket.settimeout(seconds)
        self._socket.sendall("\t".join(words).encode() + b"\n")
        head = self._until(lambda b: b.index(b"\n") + 1 if b"\n" in b else None, end)
        status, size = (int(w) for w in head.split())
        content = self._until(lambda b: size if len(b) >= size else None, end)
        return Done(status, content.decode(errors="replace"))

    def read(self, path: str) -> str:
        """A file's text, stripped; OSError if the guest cannot read it."""
        done = self.ask("read", path)
        if done.status:
            raise OSError(f"guest: '{path}': {done.said}")
        return done.said.strip()

    def run(self, *argv: str, seconds: float = SECONDS) -> Done:
        """Run a program in the guest; its failure is a value."""
        return self.ask("run", *argv, seconds=seconds)

    def must(self, *argv: str, seconds: float = SECONDS) -> str:
        """Run a program that has to succeed; RuntimeError if it does not."""
        done = self.run(*argv, seconds=seconds)
        if done.status:
            raise RuntimeError(
                f"guest: '{' '.join(argv)}' failed with status {done.status}: {done.said[-500:]}"
            )
        return done.said.strip()

    def ip(self, *commands: str) -> None:
        """Give ``ip`` several commands at once: each program that starts takes its time; RuntimeError if one
        fails, and those after it were not given."""
        lines = "".join(f"{command}\\n" for command in commands)
        self.must("sh", "-c", f"printf '{lines}' >/tmp/commands")
        self.must("ip", "-batch", "/tmp/commands")

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _until(self, complete: object, end: float) -> bytes:
        """Receive until ``complete`` says how many bytes to take."""
        assert callable(complete) and self._socket is not None
        while (size := complete(self._buffer)) is None:
            self._socket.settimeout(max(end - time.monotonic(), 0.01))
            try:
                piece = self._socket.recv(1 << 16)
            except TimeoutError:
                raise TimeoutError("the guest's agent did not answer in time") from None
            if not piece:
                raise ConnectionError("the guest's qemu closed the agent's line")
            self._buffer += piece
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken
