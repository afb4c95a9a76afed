"""``fedvhost build --via mock``, for real where there is a mock."""

from __future__ import annotations

import os
import shutil

import pytest

from backports import Work
from fedvhost.evidence import read
from fedvhost.workspace import Workspace

HAS_MOCK = shutil.which("mock") is not None
CHROOT = os.environ.get("FEDVHOST_TEST_CHROOT")  # now: a test runs without our variables


@pytest.mark.skipif(HAS_MOCK, reason="mock is on PATH")
def test_without_mock_nothing_begins_and_it_says_how_to_get_it(done: Work) -> None:
    ran = done.run("build", "--via", "mock")

    assert (ran.code, "dnf install mock" in ran.err) == (3, True)
    assert not list(done.root.glob(".fedvhost/builds/*.json"))
    assert not (done.root / "build").exists()


@pytest.mark.skipif(not HAS_MOCK, reason="mock is not on PATH: no registry has it, it is Fedora's own")
def test_the_sample_builds_in_a_chroot(done: Work) -> None:
    ran = done.run("build", "--via", "mock", "--scratch", *(("--target", CHROOT) if CHROOT else ()))

    assert ran.code == 0, ran
    for package in ("kernel", "qemu-kvm"):
        found = read(Workspace(done.root), "f13", "vhost-net", "build", package)
        assert getattr(found, "facts", {}).get("ok") is True
