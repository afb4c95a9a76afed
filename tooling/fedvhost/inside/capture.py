"""The last frames of an interface, kept in memory in case a row fails; ``pcap`` for tcpdump and Wireshark."""

from __future__ import annotations

import collections
import select
import socket
import struct
import threading
import time

from fedvhost.inside.tap import ETH_P_ALL

# Frames and bytes of each that are kept: what goes out over a serial line should be small.
FRAMES, BYTES = 200, 128
_MAGIC, _ETHERNET = 0xA1B2C3D4, 1


class Capture:
    """Listens on ``interface`` until closed."""

    def __init__(self, interface: str) -> None:
        self.interface = interface
        self._frames: collections.deque[tuple[float, int, bytes]] = collections.deque(maxlen=FRAMES)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.bind((interface, ETH_P_ALL))
        self._open = True
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def pcap(self) -> bytes:
        """What was heard, as a file."""
        out = struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, BYTES, _ETHERNET)
        for moment, size, head in tuple(self._frames):
            whole = int(moment)
            out += struct.pack("<IIII", whole, int((moment - whole) * 1e6), len(head), size) + head
        return out

    def close(self) -> None:
        """Stop listening."""
        self._open = False
        self._thread.join(1.0)
        self._socket.close()

    def _listen(self) -> None:
        while self._open:
            try:
                if select.select([self._socket], [], [], 0.2)[0]:
                    content = self._socket.recv(65536)
                    self._frames.append((time.time(), len(content), content[:BYTES]))
            except OSError:
                return  # the interface is gone
