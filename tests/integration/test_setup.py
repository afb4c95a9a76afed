"""The scripts at the entrance: setup in a checkout whose path has spaces, as root and as anybody."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import CHECKOUT

NOBODY = 65534
# Everything the script itself uses, and all it looks for but `patch`.
PROGRAMS = (
    *("bash", "cat", "cp", "dirname", "flock", "gcc", "git", "grep", "id", "make", "mkdir"),
    *("python3", "rpmbuild", "rpmspec", "sed", "sha256sum", "tail"),
)


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A checkout with nothing but what setup reads, where every user may go (unlike pytest's own)."""
    top = Path(tempfile.mkdtemp(prefix="fedvhost-setup-"))
    top.chmod(0o755)
    path = top / "check out"
    (path / "tooling").mkdir(parents=True)
    shutil.copy(CHECKOUT / "tooling" / "setup", path / "tooling")
    shutil.copy(CHECKOUT / "pyproject.toml", path)
    yield path
    shutil.rmtree(top)


@pytest.fixture
def without_patch(checkout: Path) -> dict[str, str]:
    """An environment in which `patch` is missing; the package manager writes down what it was asked."""
    programs = checkout.parent / "bin"
    programs.mkdir()
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"'{name}' is not installed; try: fedvhost doctor")
        (programs / name).symlink_to(found)
    for name in ("apt-get", "dnf"):
        (programs / name).write_text('#!/bin/sh\necho "$@"\ncase "$*" in *install*) exit 1; esac\n')
        (programs / name).chmod(0o755)
    return {"PATH": str(programs), "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}


def setup(
    checkout: Path, env: dict[str, str] | None = None, user: int | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "tooling" / "setup"],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        user=user,
        cwd="/",
    )


def installed(checkout: Path) -> Path:
    """Make it look as setup leaves it, and return the stamp."""
    (checkout / ".venv" / "bin").mkdir(parents=True)
    program = checkout / ".venv" / "bin" / "fedvhost"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    reads = (str(checkout) + "\n").encode()
    reads += (checkout / "pyproject.toml").read_bytes() + (checkout / "tooling" / "setup").read_bytes()
    key = subprocess.run(["sha256sum"], input=reads, capture_output=True, check=True).stdout
    stamp = checkout / ".venv" / ".fedvhost-setup"
    stamp.write_bytes(key)
    return stamp


def test_second_run_says_nothing_and_takes_no_time(checkout: Path) -> None:
    installed(checkout)

    start = time.perf_counter()
    done = setup(checkout)

    assert time.perf_counter() - start < 0.5
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (checkout / "build").exists()


def test_changed_dependencies_are_noticed(checkout: Path, without_patch: dict[str, str]) -> None:
    installed(checkout)
    with (checkout / "pyproject.toml").open("a") as file:
        file.write("# one more\n")

    assert setup(checkout, without_patch).returncode == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_root_gets_what_is_missing_installed_or_the_reason_why_not(
    checkout: Path, without_patch: dict[str, str]
) -> None:
    done = setup(checkout, without_patch)

    assert done.returncode == 3
    assert "setup: installing patch (" in done.stderr
    assert "tooling/setup: could not install: patch" in done.stderr
    asked = (checkout / "build" / "setup.log").read_text().splitlines()[-1]
    assert asked.startswith("install ")
    assert asked.endswith(" patch")
    assert asked in done.stderr


def test_anybody_else_gets_the_one_line_to_run(checkout: Path, without_patch: dict[str, str]) -> None:
    user = None
    if os.geteuid() == 0:
        user = NOBODY
        os.chown(checkout, user, -1)

    done = setup(checkout, without_patch, user)

    assert done.returncode == 3
    assert [line.strip() for line in done.stderr.splitlines() if "sudo" in line] in (
        ["sudo apt-get install patch"],
        ["sudo dnf install patch"],
    )
    assert not (checkout / ".venv").exists()


def test_checkout_that_cannot_be_written_is_named(checkout: Path) -> None:
    user = NOBODY if os.geteuid() == 0 else None
    checkout.chmod(0o555)

    done = setup(checkout, user=user)

    checkout.chmod(0o755)
    assert done.returncode == 3
    assert f"tooling/setup: '{checkout}' cannot be written by user" in done.stderr


@pytest.mark.parametrize("script", ["tooling/setup", "tooling/test", "tooling/demo", ".ci/run"])
def test_scripts_are_executable_and_parse(script: str) -> None:
    assert os.access(CHECKOUT / script, os.X_OK)
    subprocess.run(["bash", "-n", CHECKOUT / script], check=True)
