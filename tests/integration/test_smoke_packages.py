"""Shape ``sample``: the packages that were built are what is tested, and no others."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import USER_CACHE, Cli
from fedvhost.evidence import Evidence, read
from fedvhost.guests.cpio import Entry, file
from fedvhost.inside.rows import Verdict
from fedvhost.pipeline.smoke.options import Options, Watcher
from fedvhost.pipeline.smoke.smoking import run_smoke
from fedvhost.process import run
from fedvhost.sample import write_sample
from fedvhost.workspace import Workspace

# One test host at a time: each wants both processors.
pytestmark = pytest.mark.xdist_group("test-hosts")
SILENT = Watcher(lambda _: None, lambda _, __: None)
ROOT = "/opt/fedvhost-sample"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The sample's packages, built."""
    workspace = Workspace(write_sample(tmp_path_factory.mktemp("packages") / "sample").workspace)
    for verb in (("backport",), ("build", "--scratch")):
        assert _fedvhost(workspace, *verb, "--release", "f13") == 0
    yield workspace


def _fedvhost(workspace: Workspace, *args: str) -> int:
    argv = [sys.executable, "-m", "fedvhost", "-q", "-C", str(workspace.root), *args]
    return run(argv, ok=range(256), timeout=300).returncode


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(USER_CACHE))


def test_what_was_built_is_tested_and_the_evidence_names_it(built: Workspace, cli: Cli) -> None:
    ran = cli("-C", built.root, "smoke", "--release", "f13", "--repeat", "1", "--json")

    found = json.loads(ran.out)
    assert (ran.code, found["shape"], found["ok"]) == (0, "sample", True), ran.out
    evidence = read(built, "f13", "vhost-net", "smoke", "sample")
    assert isinstance(evidence, Evidence)
    builds = [read(built, "f13", "vhost-net", "build", name) for name in ("kernel", "qemu-kvm")]
    assert evidence.facts["nvrs"] == {
        name: build.facts["nvr"]
        for name, build in zip(("kernel", "qemu-kvm"), builds, strict=True)
        if isinstance(build, Evidence)
    }
    rpms = {rpm for build in builds if isinstance(build, Evidence) for rpm in build.facts["results"]}
    assert {name for name in evidence.inputs if name.endswith(".rpm")} == {
        rpm for rpm in rpms if ".src." not in rpm
    }


def red(workspace: Workspace, *files: Entry) -> dict[str, str]:
    options = Options("sample", release="f13", feature="vhost-net", files=files)
    (run,) = run_smoke(workspace, options, SILENT).runs
    return {r.id: r.why for r in run.rows if r.verdict is not Verdict.PASS}


def test_a_package_that_loads_vhost_though_off_was_shipped_is_found(built: Workspace) -> None:
    swap = f"""#!/bin/sh
cd {ROOT}/etc
mkdir -p sysconfig/modules
rm modprobe.d/*
: > sysconfig/modules/vhost_net.modules
"""
    found = red(built, file("/etc/fedvhost/before", swap.encode(), executable=True))
    assert list(found) == ["contingency"]
    assert "a guest without vhost= is started with vhost off" in found["contingency"]


def test_a_kernel_without_tuns_export_is_found(built: Workspace) -> None:
    strip = f"#!/bin/sh\ncp /bin/busybox $(echo {ROOT}/lib/modules/*/kernel/drivers/net/tun.ko)\n"
    found = red(built, file("/etc/fedvhost/before", strip.encode(), executable=True))
    assert list(found) == ["load"]
    assert "vhost_net does not load" in found["load"]


def test_packages_that_changed_since_they_were_built_are_refused(built: Workspace, cli: Cli) -> None:
    rpm = next((built.root / "build/f13").glob("qemu-*/*.x86_64.rpm"))
    content = rpm.read_bytes()
    try:
        rpm.write_bytes(content + b"\0")
        ran = cli("-C", built.root, "smoke", "--release", "f13")
    finally:
        rpm.write_bytes(content)
    assert ran.code == 2
    assert "is not any more what was built; build it with 'fedvhost build --release f13" in ran.err


def test_no_build_and_no_package_are_told_apart(tmp_path: Path, cli: Cli) -> None:
    workspace = write_sample(tmp_path / "sample").workspace
    ran = cli("-C", workspace, "smoke", "--release", "f13")
    assert (ran.code, "kernel was not built yet" in ran.err) == (2, True), ran.err
    ran = cli("-C", workspace, "smoke", "--shape", "sample", "--rpm", workspace / "none.rpm")
    assert (ran.code, "none.rpm" in ran.err) == (2, True), ran.err
    ran = cli("-C", workspace, "smoke", "--shape", "driver", "--rpm", workspace / "none.rpm")
    assert (ran.code, "tests no packages" in ran.err) == (2, True), ran.err
