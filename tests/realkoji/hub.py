"""The hub: PostgreSQL, koji's schema, gunicorn, and what an administrator sets up once."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import koji
import psycopg2

from realkoji.postgres import cluster, programs
from realkoji.processes import answers, free_port, start, stop, wait_for

HERE = Path(__file__).resolve().parent
SOURCE = Path(sys.prefix) / "koji-hub" / "koji-1.30.0"  # tooling/setup puts it there
TARGET = "dist-f13-updates-candidate"
ARCHES = "x86_64 i686"
PACKAGES = ("kernel", "qemu", "qemu-kvm", "tiny", "broken")
USERS = ("pat", "robin", "admin")

CONFIG = """\
[hub]
DBConnectionString = {dsn}
KojiDir = {topdir}
KojiWebURL = http://127.0.0.1/koji
DisableNotifications = True
LoginCreatesUser = False
LogLevel = WARNING
KojiTraceback = normal
[policy]
build_from_srpm =
    all :: allow
"""

PROFILE = """\
[koji]
server = {url}
authtype = password
user = {user}
password = {user}
poll_interval = 1
retry_interval = 1
max_retries = {patience}
{more}"""


def missing() -> str | None:
    """What keeps the hub from running here, or None."""
    if not (SOURCE / "hub" / "kojixmlrpc.py").is_file():
        return f"no koji hub in '{SOURCE}'; run tooling/setup"
    return None if programs() else "PostgreSQL is not installed; run tooling/setup"


@dataclass(slots=True)
class Hub:
    """A hub at ``url`` with its files in ``topdir``; every user's password is the user's name."""

    top: Path
    port: int
    dsn: str
    _server: subprocess.Popen[bytes] | None = field(default=None)
    _builder: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        """Where clients call."""
        return f"http://127.0.0.1:{self.port}/kojihub"

    @property
    def topdir(self) -> Path:
        """What is /mnt/koji elsewhere."""
        return self.top / "mnt"

    def start(self) -> None:
        """Serve; again after ``stop``, on the same port."""
        log = self.top / "hub.log"
        env = {
            **os.environ,
            "KOJI_HUB_CONF": str(self.top / "hub.conf"),
            "PYTHONPATH": f"{SOURCE}:{SOURCE / 'hub'}:{HERE}",
            "PYTHONWARNINGS": "ignore",
        }
        argv = [
            *(sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--workers", "3"),
            *("--timeout", "60", "--graceful-timeout", "5", "--log-level", "warning", "wsgi:application"),
        ]
        self._server = start(argv, log, env=env)
        wait_for(self._says_hello, "the koji hub", self._server, log)

    def stop(self) -> None:
        """Stop serving; the database and the files stay."""
        if self._server is not None:
            stop(self._server)
            self._server = None

    def is_up(self) -> bool:
        """Whether it serves."""
        return self._server is not None

    def start_builder(self) -> None:
        """Let the stand-in builder work; the hub thinks it is a kojid."""
        argv: list[str | Path] = [
            sys.executable,
            HERE / "builder.py",
            self.url,
            self.top / "builder",
            str(os.getpid()),
        ]
        env = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONWARNINGS": "ignore"}
        self._builder = start(argv, self.top / "builder.log", env=env)

    def stop_builder(self) -> None:
        """Leave tasks lying: nothing takes or ends them."""
        if self._builder is not None:
            stop(self._builder)
            self._builder = None

    def session(self, user: str) -> Any:
        """A session of koji's own client library, logged in."""
        session = koji.ClientSession(self.url, {"user": user, "password": user, "timeout": 30})
        session.login()
        return session

    def sql(self, statement: str, *values: object) -> None:
        """Do to the database what no call of the hub does."""
        with (
            contextlib.closing(psycopg2.connect(self.dsn)) as database,
            database,
            database.cursor() as cursor,
        ):
            cursor.execute(statement, values)

    def configure(
        self, home: Path, user: str = "pat", *, url: str | None = None, patience: int = 3, more: str = ""
    ) -> None:
        """Write the person's own koji configuration in the home folder ``home``; ``patience``: seconds."""
        (home / ".koji").mkdir(parents=True, exist_ok=True)
        text = PROFILE.format(url=url or self.url, user=user, patience=patience, more=more)
        (home / ".koji" / "config").write_text(text)

    def builds(self) -> list[dict[str, Any]]:
        """All build tasks that were ever submitted, oldest first, with their requests."""
        found = self.session("admin").listTasks({"method": "build", "decode": True}, {"order": "id"})
        assert isinstance(found, list)
        return found

    def _says_hello(self) -> bool:
        if not answers(self.port):
            return False
        with contextlib.suppress(Exception):
            return bool(koji.ClientSession(self.url, {"timeout": 5}).hello())
        return False

    def set_up(self) -> None:
        """Do what an administrator does once: users, a host, tags, the target, groups, packages."""
        with (
            contextlib.closing(psycopg2.connect(self.dsn)) as database,
            database,
            database.cursor() as cursor,
        ):
            cursor.execute((SOURCE / "docs" / "schema.sql").read_text())
            for name in USERS:
                cursor.execute(
                    "INSERT INTO users (name, password, status, usertype) VALUES (%s, %s, 0, 0)", (name, name)
                )
            cursor.execute(
                "INSERT INTO user_perms (user_id, perm_id, creator_id) SELECT u.id, p.id, u.id "
                "FROM users u, permissions p WHERE u.name = 'admin' AND p.name = 'admin'"
            )
        self.start()
        admin = self.session("admin")
        # addHost makes the builder's user, too.
        admin.addHost("builder", ["x86_64", "i386", "noarch"])
        self.sql("UPDATE users SET password = name WHERE name = 'builder'")
        admin.editHost("builder", capacity=8.0)
        admin.addHostToChannel("builder", "createrepo")
        admin.createTag("f13", arches=ARCHES)
        admin.createTag("f13-build", parent="f13", arches=ARCHES)
        admin.createBuildTarget(TARGET, "f13-build", "f13")
        admin.createBuildTarget("dist-f14", "f13-build", "f13")
        for group in ("build", "srpm-build"):
            admin.groupListAdd("f13-build", group)
            admin.groupPackageListAdd("f13-build", group, "bash")
        for package in PACKAGES:
            admin.packageListAdd("f13", package, owner="pat")


@contextlib.contextmanager
def running() -> Iterator[Hub]:
    """Yield a hub that builds; all of it is stopped and removed at the end."""
    # Not below pytest's own folder, where only root may go when root runs the tests; PostgreSQL's user must.
    top = Path(tempfile.mkdtemp(prefix="fedvhost-koji-"))
    top.chmod(0o755)
    try:
        with cluster(top / "database") as dsn:
            hub = Hub(top, free_port(), dsn)
            hub.topdir.mkdir()
            (top / "builder").mkdir()
            (top / "hub.conf").write_text(CONFIG.format(dsn=dsn, topdir=hub.topdir))
            try:
                hub.set_up()
                hub.start_builder()
                yield hub
            finally:
                hub.stop_builder()
                hub.stop()
    finally:
        shutil.rmtree(top, ignore_errors=True)
