"""``kill -9`` at any moment of a run, then the same command: the same bytes in the end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backports import Answer, Finished, Work, contents, copy_workspace
from conftest import Cli
from fedvhost.sample import Sample
from killing import POINTS, at, kill, moments


def _nobody(*_: object, **__: object) -> Answer:
    raise AssertionError


@pytest.fixture(scope="module")
def exported(sample: Sample, finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished workspace whose specs are as they were before: what is left is to write them."""
    root = copy_workspace(finished.root, sample, tmp_path_factory.mktemp("exported"))
    shutil.rmtree(root / "specs")
    shutil.copytree(sample.workspace / "specs", root / "specs")
    return root


@pytest.fixture(scope="module")
def of_backport(sample: Sample, finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many moments ``backport`` has, at which nothing is lost if it is not killed at all."""
    work = Work(copy_workspace(sample.workspace, sample, tmp_path_factory.mktemp("measured")), _nobody)
    total = moments(work, "backport")
    assert work.contents() == contents(finished.root)
    return total


@pytest.fixture(scope="module")
def of_spec(
    exported: Path, sample: Sample, finished: Finished, tmp_path_factory: pytest.TempPathFactory
) -> int:
    """How many moments ``spec`` has."""
    work = Work(copy_workspace(exported, sample, tmp_path_factory.mktemp("measured")), _nobody)
    total = moments(work, "spec")
    assert work.contents() == contents(finished.root)
    return total


@pytest.mark.parametrize("point", range(POINTS))
def test_backport_killed_at(point: int, fresh: Work, of_backport: int, finished: Finished) -> None:
    kill(fresh, at(point, of_backport), "backport")

    assert fresh.run("backport").code == 0
    assert fresh.contents() == contents(finished.root)


@pytest.mark.parametrize("point", range(POINTS))
def test_spec_killed_at(
    point: int, exported: Path, of_spec: int, sample: Sample, finished: Finished, cli: Cli, tmp_path: Path
) -> None:
    work = Work(copy_workspace(exported, sample, tmp_path), cli)

    kill(work, at(point, of_spec), "spec")

    assert work.run("spec").code == 0
    assert work.contents() == contents(finished.root)
