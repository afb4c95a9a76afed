"""The way out of a test host: one JSON object a line, on the second serial line.

Serial, because it works before any module is loaded and after most things broke.
"""

from __future__ import annotations

import base64
import json
import os
import termios
import threading
from typing import Any

_CHUNK = 3072
# 16550 without a rate that matters: qemu sends at once.
PORT = "/dev/ttyS1"


class Channel:
    """Where records go. Safe to use from several threads."""

    def __init__(self, path: str = PORT) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_NOCTTY)
        self._lock = threading.Lock()
        if os.isatty(self._descriptor):
            modes = termios.tcgetattr(self._descriptor)
            # No newline translation, no echo.
            modes[1] = 0
            modes[3] = 0
            termios.tcsetattr(self._descriptor, termios.TCSANOW, modes)

    def tell(self, kind: str, **facts: Any) -> None:
        """Send a record."""
        line = json.dumps({"kind": kind, **facts}, ensure_ascii=True).encode() + b"\n"
        with self._lock:
            while line:
                line = line[os.write(self._descriptor, line) :]

    def attach(self, row: str, name: str, content: bytes) -> None:
        """Send a file that belongs to a row, in pieces."""
        for start in range(0, len(content), _CHUNK):
            piece = base64.b64encode(content[start : start + _CHUNK]).decode()
            self.tell("file", row=row, name=name, base64=piece)

    def drain(self) -> None:
        """Wait until all has left."""
        if os.isatty(self._descriptor):
            termios.tcdrain(self._descriptor)
