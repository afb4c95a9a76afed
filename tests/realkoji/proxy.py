"""What can go wrong between a client and its hub: a proxy in front of the real hub that does it on demand."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal
from urllib.parse import parse_qs, urlsplit

Kind = Literal[
    "drop request",
    "drop half",
    "drop answer",
    "bad gateway",
    "stall",
    "spoil request",
    "spoil answer",
    "hold request",
    "hold answer",
]
_METHOD = re.compile(rb"<methodName>([^<]+)</methodName>")


@dataclass(slots=True)
class Trouble:
    """What happens to calls of ``method``: to ``times`` of them, after ``skip`` that go well.

    ``drop request``: the connection closes before the hub has heard it; ``drop half``: after half of it was
    read; ``drop answer``: the hub did it, and the connection closes before the answer; ``bad gateway``: 502;
    ``stall``: the hub is asked and the answer never comes; ``spoil …``: some bytes of it are others;
    ``hold …``: it is kept back for good, and ``Proxy.held`` is set: the client is at exactly this point.
    """

    method: str
    kind: Kind
    times: int = 1
    skip: int = 0


@dataclass(slots=True)
class Proxy:
    """Listens on ``port``; ``seen`` are the methods that were called, ``troubles`` are what is to happen."""

    port: int
    troubles: list[Trouble] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    held: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """What stands in the person's profile."""
        return f"http://127.0.0.1:{self.port}/kojihub"

    def due(self, method: str) -> Kind | None:
        """Note a call and return what happens to it."""
        with self.lock:
            self.seen.append(method)
            for trouble in self.troubles:
                if trouble.method == method:
                    if trouble.skip:
                        trouble.skip -= 1
                    elif trouble.times:
                        trouble.times -= 1
                        return trouble.kind
        return None


class _Handler(http.server.BaseHTTPRequestHandler):
    """One call; what happens to it is the proxy's to say."""

    proxy: ClassVar[Proxy]
    hub: ClassVar[int]

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        query = parse_qs(urlsplit(self.path).query)
        upload = "filename" in query
        body = b"" if upload else self.rfile.read(length)
        found = _METHOD.search(body)
        kind = self.proxy.due("rawUpload" if upload else found[1].decode() if found else "?")
        if kind == "drop half":
            self.rfile.read(length // 2)
            return self._drop()
        if upload:
            body = self.rfile.read(length)
        if kind == "hold request":
            self._hold()
        if kind in ("drop request", "hold request"):
            return self._drop()
        if kind == "bad gateway":
            return self.send_error(502)
        if kind == "spoil request":
            body = body[:-1] + bytes([body[-1] ^ 0xFF])
        status, answer = self._forward(body)
        return self._answer(status, answer, kind)

    def _answer(self, status: int, answer: bytes, kind: Kind | None) -> None:
        if kind == "stall":
            self.proxy.closing.wait(60)
        if kind == "hold answer":
            self._hold()
        if kind in ("drop answer", "stall", "hold answer"):
            return self._drop()
        if kind == "spoil answer":
            answer = _other_base64(answer)
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(answer)
        return None

    def _forward(self, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.hub, timeout=60)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
            connection.request("POST", self.path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except OSError:
            # What a proxy says of a server that is not there.
            return 502, b"no hub"
        finally:
            connection.close()

    def _hold(self) -> None:
        self.proxy.held.set()
        # Until the client is gone, which reads as the end of what it sends.
        with contextlib.suppress(OSError):
            self.connection.settimeout(60)
            self.connection.recv(1)

    def _drop(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the test."""


@contextlib.contextmanager
def in_front_of(port: int) -> Iterator[Proxy]:
    """Yield a proxy in front of the server on ``port`` of loopback."""

    class Handler(_Handler):
        hub = port

    with _Server(("127.0.0.1", 0), Handler) as server:
        proxy = Handler.proxy = Proxy(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield proxy
        finally:
            proxy.closing.set()
            server.shutdown()
            thread.join()


def _other_base64(answer: bytes) -> bytes:
    """The same answer with another first letter in the longest run of base64."""
    runs = list(re.finditer(rb"[A-Za-z0-9+/\n]{16,}={0,2}", answer))
    if not runs:
        return answer
    longest = max(runs, key=lambda run: len(run[0]))
    start = longest.start()
    other = b"B" if answer[start : start + 1] == b"A" else b"A"
    return answer[:start] + other + answer[start + 1 :]
