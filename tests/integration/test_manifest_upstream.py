"""The commits that the real manifests name, looked up in the real histories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fedvhost.backport.manifest import FeaturePackage, ReleasePackage
from fedvhost.backport.manifest_toml import read_feature, read_release
from fedvhost.process import run

WORKSPACE = Path(__file__).parents[2] / "backport"
HISTORIES = {"kernel": "FEDVHOST_UPSTREAM_KERNEL", "qemu-kvm": "FEDVHOST_UPSTREAM_QEMU_KVM"}


def parts(package: str) -> tuple[FeaturePackage, ReleasePackage]:
    """What the real feature and the real release say about ``package``."""
    feature = read_feature((WORKSPACE / "features/vhost-net.toml").read_text(), "vhost-net.toml")
    release = read_release((WORKSPACE / "releases/f13.toml").read_text(), "f13.toml")
    return feature.packages[package], release.packages[package]


@pytest.mark.upstream
@pytest.mark.parametrize("package", HISTORIES)
def test_every_commit_is_between_the_base_and_until(package: str) -> None:
    history = os.environ.get(HISTORIES[package])
    if not history:
        pytest.skip(f"{HISTORIES[package]} names no history of {package}")
    feature, release = parts(package)

    between = run(["git", "-C", history, "rev-list", "--end-of-options", f"{release.base}..{feature.until}"])
    reachable = set(between.stdout.decode().split())

    named = {n.commit for n in (*feature.also, *feature.never)} | {a.commit for a in feature.adapt}
    assert named - reachable == set()


@pytest.mark.upstream
def test_the_lines_that_code_is_put_beside_are_in_the_base_once() -> None:
    history = os.environ.get(HISTORIES["qemu-kvm"])
    if not history:
        pytest.skip(f"{HISTORIES['qemu-kvm']} names no history of qemu-kvm")
    feature, release = parts("qemu-kvm")

    inserts = [(a, a.insert_after or a.insert_before) for a in feature.adapt]
    placed = {(a.path, anchor): a.last for a, anchor in inserts if anchor is not None}
    assert placed  # the manifest has such adaptations; else this test checks nothing
    for (path, anchor), last in placed.items():
        text = run(["git", "-C", history, "show", f"{release.base}:{path}"]).stdout.decode()
        found = [line for line in text.splitlines() if line.strip() == anchor]
        assert len(found) == 1 or (last and found), (path, anchor, len(found))
