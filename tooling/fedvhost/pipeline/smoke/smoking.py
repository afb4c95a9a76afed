"""The step ``smoke``: boot a test host, put a shape's questions to it, keep what it answered."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from fedvhost import evidence
from fedvhost.backport.manifest_toml import read_feature
from fedvhost.errors import FedvhostError
from fedvhost.inside.catalogue import PLANNED, SHAPES
from fedvhost.inside.rows import Row
from fedvhost.pipeline.smoke.hosts import make_host, packages_of, with_snapshots
from fedvhost.pipeline.smoke.options import Options, Watcher, chosen
from fedvhost.pipeline.smoke.running import run_all
from fedvhost.smoke.junit import junit
from fedvhost.smoke.results import RowResult, Smoke, facts, left_to_others
from fedvhost.workspace import Workspace, write_atomic


def run_smoke(workspace: Workspace, options: Options, watcher: Watcher) -> Smoke:
    """Run the rows of a shape, ``options.repeat`` times, each time in a fresh test host.

    Raises:
        InputError: no such shape, row or kernel.
        ToolError: a program for the image is missing, or the distribution's kernel cannot be fetched.
    """
    start = time.monotonic()
    rows = chosen(options.shape, options.rows)
    base = workspace.state_dir / "smoke"
    packages = packages_of(workspace, options)
    elsewhere = _elsewhere(workspace, options, rows)
    with _alone(base, options.shape):
        workspace.keep_out_of_git()
        folder = base / options.shape
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        host = make_host(options, rows, packages, folder, watcher)
        if host.guests.accelerator == "tcg":
            host = with_snapshots(host, host.guests.because, watcher)
        runs = run_all(workspace, host, watcher)
        complete = len(rows) == len(SHAPES[options.shape])
        smoke = Smoke(
            options.shape, runs, host.machine.accelerator.value, host.because, host.origin, complete,
            time.monotonic() - start, host.nvrs, elsewhere=elsewhere if complete else (),
        )  # fmt: skip
        return _keep(workspace, smoke, options, host.looked_at, folder)


def _elsewhere(workspace: Workspace, options: Options, rows: tuple[Row, ...]) -> tuple[RowResult, ...]:
    """The lines of the feature's test plan that others decide; of the only feature, if none is named."""
    features = (options.feature,) if options.feature else workspace.features()
    if options.shape not in PLANNED or len(features) != 1:
        return ()
    file = workspace.feature_file(features[0])
    plan = read_feature(workspace.feature_text(features[0]), workspace.relative(file)).test_plan
    return left_to_others(plan, rows)


def _keep(workspace: Workspace, smoke: Smoke, options: Options, of: Sequence[Path], folder: Path) -> Smoke:
    """Write JUnit XML, and evidence of a whole shape."""
    smoke = dataclasses.replace(smoke, junit=workspace.relative(folder / "junit.xml"))
    write_atomic(folder / "junit.xml", junit(smoke))
    if not (smoke.complete and options.release and options.feature):
        return smoke
    found = evidence.Evidence(
        options.release, options.feature, "smoke", options.shape,
        evidence.hashes(workspace, [p.resolve() for p in of]), facts(smoke),
    )  # fmt: skip
    return dataclasses.replace(smoke, evidence=evidence.write(workspace, found))


@contextlib.contextmanager
def _alone(base: Path, shape: str) -> Iterator[None]:
    """Be the only one who runs this shape in this workspace; ends with the process, however that ends."""
    base.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(base / f"{shape}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FedvhostError(f"another 'fedvhost smoke --shape {shape}' runs in this workspace") from None
        yield
    finally:
        os.close(descriptor)
