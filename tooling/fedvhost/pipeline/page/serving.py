"""A page shown live on this machine: made anew when what it shows changed, sent when the reader lacks it."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Hashable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fedvhost.errors import FedvhostError

LOOPBACK = "127.0.0.1"


class Pages:
    """The page as it is now. ``make`` makes it, ``stamp`` changes when it would come out otherwise."""

    def __init__(self, make: Callable[[], bytes], stamp: Callable[[], Hashable]) -> None:
        self._make, self._stamp = make, stamp
        self._lock = threading.Lock()
        self._seen: Hashable = None
        self._page, self._tag = b"", ""

    def current(self) -> tuple[bytes, str]:
        """Return the page and its entity tag."""
        with self._lock:
            # Looked at before the page is made: what changes meanwhile shows in the next one.
            seen = self._stamp()
            if not self._page or seen != self._seen:
                self._page = self._make()
                self._tag = f'"{hashlib.sha256(self._page).hexdigest()[:32]}"'
                self._seen = seen
            return self._page, self._tag


def serve_page(
    make: Callable[[], bytes], stamp: Callable[[], Hashable], port: int, tell: Callable[[str], None]
) -> None:
    """Serve the page on the loopback interface until Ctrl-C; ``tell`` is given its address. Port 0: a free
    one.

    Raises:
        InputError: as ``make`` raises it, before anything is served.
        FedvhostError: the port is taken.
    """
    pages = Pages(make, stamp)
    pages.current()
    # Ctrl-C is how a person ends it, from the moment the address is told: nothing was interrupted.
    with server(pages, port) as running, contextlib.suppress(KeyboardInterrupt):
        tell(f"http://{LOOPBACK}:{running.server_port}/")
        running.serve_forever()


def server(pages: Pages, port: int) -> ThreadingHTTPServer:
    """Make the server; it listens at once, and answers when it is run.

    Raises:
        FedvhostError: the port is taken.
    """

    class Handler(_Handler):
        source = pages

    try:
        return _Server((LOOPBACK, port), Handler)
    except OSError as error:
        raise FedvhostError(
            f"cannot listen on {LOOPBACK}:{port}: {error.strerror}; choose another port with --port"
        ) from error


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A reader that hangs must not keep us from ending.
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    source: Pages
    server_version, sys_version = "fedvhost", ""
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        """Send the page, or 304 if the reader has it."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """The same without the page."""
        self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:
        """A request is nothing to tell of; its words are somebody else's, too."""

    def _answer(self, *, body: bool) -> None:
        # Another site's name that resolves to this machine must not read the page through a browser.
        host = self.headers.get("Host", "").rpartition(":")[0]
        if host not in (LOOPBACK, "localhost"):
            self._send(HTTPStatus.FORBIDDEN, b"only for this machine\n", "text/plain", body=body)
        elif self.path.partition("?")[0] != "/":
            self._send(HTTPStatus.NOT_FOUND, b"there is one page: /\n", "text/plain", body=body)
        else:
            self._page(body=body)

    def _page(self, *, body: bool) -> None:
        try:
            page, tag = self.source.current()
        except (FedvhostError, OSError) as error:
            said = f"{error}\n".encode("utf-8", "replace")
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, said, "text/plain", body=body)
            return
        if self.headers.get("If-None-Match") == tag:
            self._send(HTTPStatus.NOT_MODIFIED, b"", "text/html", tag, body=False)
        else:
            self._send(HTTPStatus.OK, page, "text/html", tag, body=body)

    def _send(self, status: HTTPStatus, content: bytes, kind: str, tag: str = "", *, body: bool) -> None:
        self.send_response(status)
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
        if tag:
            self.send_header("ETag", tag)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if body:
            self.wfile.write(content)
