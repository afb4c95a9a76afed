"""What a step leaves behind is tied to the files it speaks of: a byte of a patch changed, and it is stale."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fedvhost.evidence import Evidence, changed_inputs, read
from fedvhost.process import run
from fedvhost.sample import Sample, write_sample
from fedvhost.workspace import Workspace


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return write_sample(tmp_path / "sample")


def fedvhost(sample: Sample, *args: str) -> int:
    argv = [sys.executable, "-m", "fedvhost", "-q", "-C", str(sample.workspace), *args]
    return run(argv, ok=range(256)).returncode


def evidence(sample: Sample, kind: str, package: str = "kernel") -> Evidence:
    found = read(Workspace(sample.workspace), "f13", "vhost-net", kind, package)
    assert isinstance(found, Evidence), found
    return found


def test_a_byte_of_a_patch_makes_what_was_found_on_it_stale(sample: Sample) -> None:
    workspace = Workspace(sample.workspace)
    assert fedvhost(sample, "backport", "--release", "f13") == 0
    assert fedvhost(sample, "spec", "--check", "--release", "f13") == 0
    assert fedvhost(sample, "fixes", "--release", "f13") == 0
    backport, spec, fixes = (evidence(sample, kind) for kind in ("backport", "spec", "fixes"))
    assert backport.facts["ok"] and spec.facts["ok"]
    assert backport.facts["patches"] and backport.facts["applied"]["ok"]
    for found in (backport, spec, fixes, evidence(sample, "backport", "qemu-kvm")):
        assert changed_inputs(workspace, found) == ()

    patch = f"patches/f13/kernel/{backport.facts['patches'][0]}"
    with (sample.workspace / patch).open("ab") as file:
        file.write(b"\n")

    assert changed_inputs(workspace, backport) == (patch,)
    assert changed_inputs(workspace, spec) == (patch,)
    assert changed_inputs(workspace, evidence(sample, "backport", "qemu-kvm")) == ()


def test_the_contingency_flag_makes_no_plan_outdated(sample: Sample) -> None:
    assert fedvhost(sample, "backport", "--release", "f13") == 0
    manifest = sample.workspace / "backport/releases/f13.toml"
    flag = manifest.read_text()
    manifest.write_text(flag.replace('vhost-net = "off"', 'vhost-net = "on"'))
    assert manifest.read_text() != flag
    before = (sample.workspace / "backport/plans/f13-vhost-net.json").read_bytes()

    assert fedvhost(sample, "plan", "--release", "f13") == 0

    assert (sample.workspace / "backport/plans/f13-vhost-net.json").read_bytes() == before


def test_a_dry_run_leaves_no_evidence(sample: Sample) -> None:
    assert fedvhost(sample, "backport", "--release", "f13", "--dry-run") == 0
    assert read(Workspace(sample.workspace), "f13", "vhost-net", "backport", "kernel") is None
