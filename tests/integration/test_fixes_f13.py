"""``fedvhost fixes --release f13`` on the real histories.

Needs FEDVHOST_UPSTREAM_KERNEL and FEDVHOST_UPSTREAM_QEMU_KVM, and more history than the feature itself
needs: Linux to v2.6.35 with its stable tags, qemu-kvm to the summer of 2010. About a minute.
"""

# ruff: noqa: SIM905  (names, one a line, would be a page)
from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from backports import FEDVHOST
from conftest import UPSTREAM_VARIABLES, UPSTREAMS

pytestmark = pytest.mark.upstream

# Repairs of drivers/vhost after v2.6.34 that land on the series as they are.
KERNEL = (
    "0f3d9a17469 7ad9c9d2704 d3553a52490 a02c37891a9 d5675bd204e 1680e9063ea 95c0ec6a97a a8d3782f9ea"
).split()  # fmt: skip
FEATURES = "c23f3445e68 8dd014adfea 9e3d195720d".split()
MINOR, STABLE_MINOR = "79907d89c39", "2f055d42e40"
SYNC_MM_RSS, MM_COUNTER = "298359c5bf0", "34e55232e59"
# Takes away a label that the series still jumps to.
WARNING, CLEANUP = "4c3e5edf2f3", "dd1f4078f0d"
# 940cda94dc changes lines of the base and names nothing of the feature; 279a42535d repairs it in turn.
QEMU_KVM = "fae054b070 aa22e82eae 3f505ec990 0796aacb68 d154e0bafb 57c3229ba1 940cda94dc".split()
OF_THE_REPAIR = "279a42535d"
OF_PREREQUISITES = "dbd483242c c9f79a3f79".split()


def fixes(root: Path, package: str) -> Any:
    """The follow-ups of one package, after planning it."""
    answers = []
    for verb in ("plan", "fixes"):
        argv = [*FEDVHOST, "-C", str(root), verb, "--release", "f13", "--package", package, "--json"]
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, env={**os.environ, **UPSTREAMS}
        )
        assert (done.returncode, done.stderr) == (0, "")
        answers.append(json.loads(done.stdout))
    return answers[1]["packages"][package]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for variable in UPSTREAM_VARIABLES:
        if variable not in UPSTREAMS:
            pytest.skip(f"{variable} names no history on this machine")
    root = tmp_path_factory.mktemp("f13") / "workspace"
    subprocess.run([*FEDVHOST, "-q", "init", str(root)], check=True, capture_output=True)
    return root


@pytest.fixture(scope="module")
def kernel(root: Path) -> Any:
    return fixes(root, "kernel")


@pytest.fixture(scope="module")
def qemu_kvm(root: Path) -> Any:
    """qemu-kvm's follow-ups, had nobody named the repairs of two prerequisites in the manifest."""
    manifest = root / "backport/features/vhost-net.toml"
    text = manifest.read_text()
    entries = text.split("[[packages.qemu-kvm.also]]")
    kept = [e for e in entries if not any(f'commit = "{c}' in e.split("[[")[0] for c in OF_PREREQUISITES)]
    # The last of them carries what follows the list.
    rest = entries[-1][entries[-1].index("[[packages.qemu-kvm.adapt]]") :]
    if entries[-1] not in kept:
        kept[-1] += f"\n{rest}"
    assert len(kept) == len(entries) - len(OF_PREREQUISITES)
    manifest.write_text("[[packages.qemu-kvm.also]]".join(kept))
    return fixes(root, "qemu-kvm")


def find(found: Sequence[Mapping[str, Any]], commit: str) -> Mapping[str, Any] | None:
    return next((f for f in found if f["commit"].startswith(commit)), None)


@pytest.mark.parametrize("commit", KERNEL)
def test_repairs_of_the_driver_are_offered_and_land(kernel: Any, commit: str) -> None:
    offer = find(kernel["offered"], commit)

    assert offer is not None
    assert (offer["trial"]["verdict"], offer["trial"]["missing"], offer["trial"]["on"]) == ("clean", [], [])


def test_the_stable_form_is_the_one_to_try_where_upstreams_conflicts(kernel: Any) -> None:
    offer = find(kernel["offered"], STABLE_MINOR)

    assert offer is not None
    assert offer["instead_of"].startswith(MINOR)
    assert offer["trial"]["verdict"] == "clean"


def test_what_repairs_a_commit_that_is_not_here_is_not_offered(kernel: Any) -> None:
    away = find(kernel["not_to_be_taken"], SYNC_MM_RSS)

    assert away is not None
    assert MM_COUNTER in away["reason"]
    assert find(kernel["offered"], SYNC_MM_RSS) is None


def test_what_takes_a_label_away_that_the_series_jumps_to_is_not_offered(kernel: Any) -> None:
    away = find(kernel["not_to_be_taken"], WARNING)

    assert away is not None
    assert "it takes away 'done', which is still used here" in away["reason"]
    assert CLEANUP in away["reason"]
    assert find(kernel["offered"], WARNING) is None


@pytest.mark.parametrize("commit", FEATURES)
def test_features_are_left(kernel: Any, commit: str) -> None:
    assert find(kernel["feature"], commit) is not None
    assert find(kernel["offered"], commit) is None


def test_most_of_what_is_offered_is_worth_it(kernel: Any) -> None:
    worth = [f for f in kernel["offered"] if any(f["commit"].startswith(c) for c in (*KERNEL, STABLE_MINOR))]

    assert len(worth) > len(kernel["offered"]) / 2


@pytest.mark.parametrize("commit", [*QEMU_KVM, *OF_PREREQUISITES])
def test_repairs_of_qemu_kvms_picks_and_prerequisites_are_offered(qemu_kvm: Any, commit: str) -> None:
    offer = find(qemu_kvm["offered"], commit)

    assert offer is not None
    assert offer["trial"]["ok"]


def test_a_repair_of_what_is_offered_says_what_it_misses_here(qemu_kvm: Any) -> None:
    offer = find(qemu_kvm["offered"], OF_THE_REPAIR)

    assert offer is not None
    assert [a[:10] for a in offer["trial"]["on"]] == ["940cda94dc"]
    assert offer["trial"]["missing"] == ["guest_features"]
