"""A PostgreSQL cluster of its own: no system service, no unix socket, nothing kept."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg2

from realkoji.processes import free_port, start, stop, wait_for


def programs() -> Path | None:
    """The folder of initdb and postgres: Debian keeps them off PATH, one folder a version."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    if debian:
        return debian[-1].parent
    found = shutil.which("initdb")
    return None if found is None else Path(found).parent


@contextlib.contextmanager
def cluster(top: Path) -> Iterator[str]:
    """Yield the connection string of an empty database, as its superuser; its files are in ``top``, a new
    folder that every user may enter."""
    folder = programs()
    assert folder is not None, "PostgreSQL is not installed"
    top.mkdir()
    # postgres refuses to run as root, so then it runs as the user its package made.
    user = "postgres" if os.geteuid() == 0 else None
    data, port, log = top / "data", free_port(), top / "log"
    if user is not None:
        shutil.chown(top, user)
    words = ["-D", str(data), "-U", "koji", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    subprocess.run([folder / "initdb", *words], user=user, check=True, capture_output=True, cwd="/")
    options = {
        "listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "",
        "fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "32MB",
    }  # fmt: skip
    given = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
    # SIGINT is its fast shutdown.
    server = start([folder / "postgres", "-D", data, *given], log, user=user, death="INT")
    dsn = f"host=127.0.0.1 port={port} user=koji dbname=postgres"
    try:
        wait_for(lambda: _accepts(dsn), "PostgreSQL", server, log)
        yield dsn
    finally:
        stop(server, signal.SIGINT)


def _accepts(dsn: str) -> bool:
    try:
        psycopg2.connect(dsn).close()
    except psycopg2.OperationalError:
        return False
    return True
