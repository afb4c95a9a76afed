"""The hub of the tests is what it says it is: a koji that builds, and that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from realkoji.hub import TARGET, Hub
from realkoji.processes import answers

PRINT_AND_WAIT = """
import sys, time
from realkoji.hub import running
with running() as hub:
    print(hub.port, hub.dsn.split("port=")[1].split()[0], hub.top, flush=True)
    time.sleep(600)
"""


def test_hub_knows_the_release_manifests_target(koji_hub: Hub) -> None:
    manifest = Path(__file__).parents[2] / "backport" / "releases" / "f13.toml"
    assert f'koji-target = "{TARGET}"' in manifest.read_text()
    target = koji_hub.session("pat").getBuildTarget(TARGET)
    assert (target["build_tag_name"], target["dest_tag_name"]) == ("f13-build", "f13")


def test_hub_and_database_end_with_a_test_run_that_is_killed() -> None:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    argv = [sys.executable, "-c", PRINT_AND_WAIT]
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        hub, database, top = run.stdout.readline().split()
        assert answers(int(hub))
        assert answers(int(database))
        run.send_signal(signal.SIGKILL)
    until = time.monotonic() + 30
    while (answers(int(hub)) or answers(int(database))) and time.monotonic() < until:
        time.sleep(0.05)
    assert not answers(int(hub))
    assert not answers(int(database))
    shutil.rmtree(top)
