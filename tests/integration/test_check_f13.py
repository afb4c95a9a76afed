"""``fedvhost check`` on the real trees, Linux 2.6.33 and qemu-kvm 0.12.3, with the compiler of today.

They are compiled for minutes, so beside the histories (``FEDVHOST_UPSTREAM_…``) these tests want
``FEDVHOST_SLOW=1``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conftest import Cli

pytestmark = [
    pytest.mark.upstream,
    pytest.mark.skipif(
        os.environ.get("FEDVHOST_SLOW") != "1", reason="compiles real trees for minutes; set FEDVHOST_SLOW=1"
    ),
]

EXPORT = "5da779c34ccf"
SOCKET = "05c2828c72c4"
TAP = "82b0d80ef6a3"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the one workspace is: the trees in it are compiled once for all tests."""
    return tmp_path_factory.mktemp("f13") / "workspace"


def _check(cli: Cli, place: Path, package: str, *more: str) -> tuple[int, Mapping[str, Any]]:
    if not place.exists():
        assert cli("init", place).code == 0
    if not list((place / "backport/plans").glob("*.json")):
        _plan(cli, place)
    done = cli("-C", place, "-q", "check", "--release", "f13", "--package", package, "--json", *more)
    assert done.code in (0, 1), done.err
    found = json.loads(done.out)["packages"][package]
    assert found["applied"]["ok"]
    return done.code, found


def _plan(cli: Cli, place: Path) -> None:
    done = cli("-C", place, "plan", "--release", "f13")
    assert done.code == 0, done.out + done.err


def test_all_of_drivers_vhost_compiles_and_can_be_loaded(
    cli: Cli, place: Path, upstream_kernel: Path, upstream_qemu_kvm: Path
) -> None:
    code, found = _check(cli, place, "kernel")

    assert code == 0, found
    assert found["rows"][-1]["objects"] == [
        "drivers/net/tun.o",
        "drivers/vhost/net.o",
        "drivers/vhost/vhost.o",
        "mm/mmu_context.o",
    ]


def test_without_the_export_the_module_cannot_be_loaded(
    cli: Cli, place: Path, upstream_kernel: Path, upstream_qemu_kvm: Path
) -> None:
    code, found = _check(cli, place, "kernel", "--without", EXPORT)

    tip = found["rows"][-1]
    assert (code, tip["errors"]) == (1, [])
    assert {u["name"] for u in tip["unexported"]} == {"use_mm", "unuse_mm"}
    assert all(EXPORT in hint for hint in found["hints"])


def test_without_tuns_socket_it_does_not_compile(
    cli: Cli, place: Path, upstream_kernel: Path, upstream_qemu_kvm: Path
) -> None:
    code, found = _check(cli, place, "kernel", "--without", SOCKET)

    (error,) = found["rows"][-1]["errors"]
    assert (code, error["path"], error["names"]) == (1, "drivers/vhost/net.c", ["tun_get_socket"])


def test_the_kernel_series_is_bisectable(
    cli: Cli, place: Path, upstream_kernel: Path, upstream_qemu_kvm: Path
) -> None:
    code, found = _check(cli, place, "kernel", "--each")

    assert code == 0
    assert {row["result"] for row in found["rows"]} == {"ok"}


def test_qemu_kvm_compiles_links_and_is_configured_with_vhost_net(
    cli: Cli, place: Path, upstream_kernel: Path, upstream_qemu_kvm: Path
) -> None:
    code, found = _check(cli, place, "qemu-kvm")

    assert code == 0, found
    objects = set(found["rows"][-1]["objects"])
    assert {"net/tap.o", "x86_64-softmmu/vhost.o", "x86_64-softmmu/virtio-net.o"} <= objects
    assert {n["what"] for n in found["not_checked"]} == {"hw/s390-virtio-bus.c", "hw/syborg_virtio.c"}
    tree = place / ".fedvhost/check/qemu-kvm/tree"
    assert "CONFIG_VHOST_NET=y" in (tree / "x86_64-softmmu/config-target.mak").read_text()
    assert (tree / "x86_64-softmmu/qemu-system-x86_64").exists()


def test_without_the_rename_error_report_is_named(
    cli: Cli, place: Path, upstream_kernel: Path, upstream_qemu_kvm: Path
) -> None:
    _check(cli, place, "qemu-kvm")
    feature = place / "backport/features/vhost-net.toml"
    kept, plan = feature.read_text(), place / "backport/plans/f13-vhost-net.json"
    start = kept.index(f'[[packages.qemu-kvm.adapt]]\ncommit = "{TAP}')
    end = kept.index("\n[[", start)
    vouch = '[[packages.qemu-kvm.assume]]\nsymbol = "error_report"\nbecause = "it is surely there"\n'
    feature.write_text(kept[:start] + vouch + kept[end:])
    try:
        _plan(cli, place)
        code, found = _check(cli, place, "qemu-kvm")
    finally:
        feature.write_text(kept)
        plan.unlink()

    names = {name for error in found["rows"][-1]["errors"] for name in error["names"]}
    assert (code, names) == (1, {"error_report"})
