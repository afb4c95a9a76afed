"""Evidence that was touched is not believed; evidence on files that changed is stale."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from fedvhost.evidence import Evidence, Spoiled, changed_inputs, file_of, hashes, read, read_all, write
from fedvhost.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def made(workspace: Workspace, facts: dict[str, object] | None = None) -> Evidence:
    patch = workspace.root / "patches" / "0001-a.patch"
    patch.parent.mkdir(exist_ok=True)
    patch.write_text("one\n")
    evidence = Evidence(
        "f13", "vhost-net", "build", "kernel", hashes(workspace, [patch]), facts or {"ok": True}
    )
    write(workspace, evidence)
    return evidence


def spoiled(workspace: Workspace) -> str:
    found = read(workspace, "f13", "vhost-net", "build", "kernel")
    assert isinstance(found, Spoiled), found
    assert found.file == ".fedvhost/evidence/f13-vhost-net/build-kernel.json"
    return found.reason


def test_evidence_comes_back_as_it_was_written(workspace: Workspace) -> None:
    evidence = made(workspace, {"log": "caf\N{LATIN SMALL LETTER E WITH ACUTE} \udce9 \x1b[31m", "n": 1.5})
    found = read(workspace, "f13", "vhost-net", "build", "kernel")
    assert isinstance(found, Evidence)
    assert (found.inputs, found.subject, found.kind) == (evidence.inputs, "kernel", "build")
    assert changed_inputs(workspace, found) == ()
    assert read_all(workspace, "f13", "vhost-net") == (found,)
    assert read(workspace, "f13", "vhost-net", "smoke", "driver") is None


def test_a_changed_patch_makes_evidence_stale(workspace: Workspace) -> None:
    evidence = made(workspace)
    (workspace.root / "patches" / "0001-a.patch").write_text("two\n")
    assert changed_inputs(workspace, evidence) == ("patches/0001-a.patch",)
    (workspace.root / "patches" / "0001-a.patch").unlink()
    assert changed_inputs(workspace, evidence) == ("patches/0001-a.patch",)


@pytest.mark.parametrize("cut", [0, 1, 20, -2])
def test_truncated_evidence_is_not_believed(workspace: Workspace, cut: int) -> None:
    made(workspace)
    file = file_of(workspace, "f13", "vhost-net", "build", "kernel")
    file.write_bytes(file.read_bytes()[:cut])
    assert "JSON" in spoiled(workspace)


def test_edited_evidence_is_not_believed(workspace: Workspace) -> None:
    made(workspace, {"ok": False})
    file = file_of(workspace, "f13", "vhost-net", "build", "kernel")
    content = json.loads(file.read_text())
    content["facts"]["ok"] = True
    file.write_text(json.dumps(content))
    assert "changed after it was written" in spoiled(workspace)
    del content["seal"]
    file.write_text(json.dumps(content))
    assert "no seal" in spoiled(workspace)


def test_evidence_under_another_name_is_not_believed(workspace: Workspace) -> None:
    made(workspace)
    file = file_of(workspace, "f13", "vhost-net", "build", "kernel")
    file.rename(file.with_name("build-qemu-kvm.json"))
    found = read(workspace, "f13", "vhost-net", "build", "qemu-kvm")
    assert isinstance(found, Spoiled) and "another name" in found.reason


def test_nonsense_that_nests_deeply_is_not_believed(workspace: Workspace) -> None:
    made(workspace)
    file_of(workspace, "f13", "vhost-net", "build", "kernel").write_text("[" * 200_000)
    assert "JSON" in spoiled(workspace)


@pytest.mark.parametrize("put", [Path.mkdir, os.mkfifo])
def test_what_is_no_plain_file_is_not_believed(workspace: Workspace, put: Callable[[Path], None]) -> None:
    made(workspace)
    file = file_of(workspace, "f13", "vhost-net", "build", "kernel")
    file.unlink()
    put(file)
    assert "no plain file" in spoiled(workspace)


@pytest.mark.parametrize("name", ["check-kernel (copy).json", "-kernel.json", "check--x.json"])
def test_a_file_that_fedvhost_never_wrote_is_told_and_harms_nothing(workspace: Workspace, name: str) -> None:
    evidence = made(workspace)
    file = file_of(workspace, "f13", "vhost-net", "build", "kernel")
    file.with_name(name).write_bytes(file.read_bytes())
    found = read_all(workspace, "f13", "vhost-net")
    spoilt = [one for one in found if isinstance(one, Spoiled)]
    assert [one.file.rpartition("/")[2] for one in spoilt] == [name]
    assert [one.subject for one in found if isinstance(one, Evidence)] == [evidence.subject]
