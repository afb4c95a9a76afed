"""qemu's monitor, by ``qemu.qmp``, for code that is not asynchronous."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from qemu.qmp import QMPClient

T = TypeVar("T")
SECONDS = 20.0


class _Loop:
    """One event loop, in a thread of its own, for all monitors."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def wait(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)


_LOOP: list[_Loop] = []


class Monitor:
    """The monitor at a socket. ``ExecuteError`` of qemu.qmp is raised when qemu refuses a command."""

    def __init__(self, path: str, seconds: float = SECONDS) -> None:
        if not _LOOP:
            _LOOP.append(_Loop())
        self._client = QMPClient()
        # It would log what it also raises.
        self._client.logger.disabled = True
        _LOOP[0].wait(self._client.connect(path), seconds)

    def execute(
        self, command: str, arguments: Mapping[str, object] | None = None, seconds: float = SECONDS
    ) -> Any:
        """Give a command and return qemu's answer."""
        return _LOOP[0].wait(self._client.execute(command, dict(arguments or {})), seconds)

    def wait_for(self, command: str, wanted: frozenset[str], seconds: float) -> str:
        """Ask again until the answer's ``status`` is one of ``wanted``; the last one seen is returned."""
        end = time.monotonic() + seconds
        while True:
            status = str(self.execute(command).get("status", ""))
            if status in wanted or time.monotonic() > end:
                return status
            time.sleep(0.05)

    def close(self) -> None:
        """Hang up; qemu may be gone already."""
        with contextlib.suppress(Exception):
            _LOOP[0].wait(self._client.disconnect(), SECONDS)
