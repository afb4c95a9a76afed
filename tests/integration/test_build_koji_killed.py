"""The client of a koji build is killed: whoever looks afterwards finds the build, and how it really ended.

SIGKILL hits at moments that differ in what is known where: before the hub has heard anything, during the
upload, around the submission, while it builds, while results come in. The proxy in front of the hub stops
the client at exactly that moment, so that the test does not depend on the machine's speed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedvhost.builds.koji_backend import Koji
from fedvhost.builds.record import State, save
from realkoji import client
from realkoji.proxy import Proxy, Trouble, in_front_of
from realkoji.site import Site
from realkoji.specs import make_srpm

# What the client is stopped at: the call, how many of it go well, whether the hub has heard it; and whether
# the hub has a build task then.
MOMENTS = (
    ("login", 0, "hold request", False),
    ("getLoggedInUser", 0, "hold answer", False),
    ("getLastEvent", 0, "hold answer", False),
    ("rawUpload", 0, "hold request", False),
    ("rawUpload", 1, "hold answer", False),
    ("checkUpload", 0, "hold answer", False),
    ("build", 0, "hold request", False),
    ("build", 0, "hold answer", True),
    ("getTaskInfo", 0, "hold answer", True),
    ("getTaskDescendents", 1, "hold answer", True),
    ("listTaskOutput", 0, "hold request", True),
    ("downloadTaskOutput", 1, "hold answer", True),
)


@pytest.fixture
def proxy(koji_site: Site) -> Iterator[Proxy]:
    """A proxy that the person's profile goes through."""
    with in_front_of(koji_site.hub.port) as proxy:
        koji_site.hub.configure(koji_site.home, url=proxy.url)
        yield proxy


@pytest.mark.parametrize(("method", "skip", "kind", "there"), MOMENTS)
def test_build_is_found_after_the_client_was_killed(
    koji_site: Site, proxy: Proxy, tmp_path: Path, method: str, skip: int, kind: str, there: bool
) -> None:
    before = len(koji_site.hub.builds())
    koji = Koji(koji_site.workspace)
    srpm = make_srpm(tmp_path / "srpm", ballast=(2 << 20) + 1)
    record = save(koji_site.workspace, koji.ready(koji_site.prepare(srpm)))
    proxy.held = threading.Event()
    proxy.troubles = [Trouble(method, kind, skip=skip)]  # type: ignore[arg-type]

    argv = [sys.executable, client.__file__, str(koji_site.workspace.root), record.id]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        assert proxy.held.wait(30), f"'{method}' was never called; there were {proxy.seen}"
        os.kill(process.pid, signal.SIGKILL)
    proxy.troubles = []

    found = koji.status(koji_site.on_disk(record))
    assert (found.task is not None) is there
    if there:
        found = koji.watch(found, koji_site.events.append)
        found = koji.collect(found, koji_site.folder(found), koji_site.events.append)
        assert found.task == koji_site.hub.builds()[-1]["id"]
        assert (found.state, len(found.results), len(found.logs)) == (State.DONE, 1, 2)
    else:
        assert found.state is State.PREPARED
        # Nothing is there; it may be given to the hub now, and is then built once.
        found = koji.watch(koji.submit(found, koji_site.events.append), koji_site.events.append)
        assert found.state is State.DONE
    assert len(koji_site.hub.builds()) == before + 1
