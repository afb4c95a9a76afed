"""A workspace and the command line on it, as a packager has them: what was said, and what is on disk."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fedvhost.sample import Sample

OID = re.compile(r"[0-9a-f]{40}")
FEDVHOST = (sys.executable, "-m", "fedvhost")
FEATURE = "backport/features/vhost-net.toml"
RELEASE = "backport/releases/f13.toml"
PLAN = "backport/plans/f13-vhost-net.json"
KERNEL_SPEC = "specs/f13/kernel/kernel.spec"
QEMU_SPEC = "specs/f13/qemu-kvm/qemu.spec"


class Answer(Protocol):
    """What one command line did."""

    @property
    def code(self) -> int: ...
    @property
    def out(self) -> str: ...
    @property
    def err(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Work:
    """The workspace at ``root``; ``call`` is the command line."""

    root: Path
    call: Callable[..., Answer]

    def run(self, verb: str, *options: str, release: str = "f13") -> Answer:
        """Run a verb for a release here."""
        return self.call("-C", self.root, verb, "--release", release, *options)

    def json(self, verb: str, *options: str, code: int = 0) -> Any:
        """Run a verb with ``--json``, which must end with ``code`` and say nothing else."""
        ran = self.run(verb, "--json", *options)
        assert (ran.code, ran.err) == (code, ""), ran
        return json.loads(ran.out)

    def file(self, path: str) -> Path:
        """Return a file of the workspace."""
        return self.root / path

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace ``old``, which must be there once."""
        text = self.file(path).read_text()
        assert text.count(old) == 1, f"{text.count(old)} times in {path}: {old}"
        self.file(path).write_text(text.replace(old, new))

    def contents(self, *below: str) -> Mapping[str, bytes]:
        """Return the bytes of every file, the state folder left out."""
        return contents(self.root, *below)

    def stamps(self) -> Mapping[str, int]:
        """Return the time stamp of every file, the state folder left out."""
        return {path: self.file(path).stat().st_mtime_ns for path in self.contents()}

    def forget(self) -> None:
        """Remove the state folder."""
        shutil.rmtree(self.root / ".fedvhost")

    def start(self, verb: str, *options: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a verb as a process of its own."""
        return subprocess.Popen(
            [*FEDVHOST, "-C", self.root, verb, "--release", "f13", *options],
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


@dataclass(frozen=True, slots=True)
class Finished:
    """A workspace after a run, and the object that the run printed."""

    root: Path
    said: Any


def contents(root: Path, *below: str) -> Mapping[str, bytes]:
    """Return path → bytes of the files under ``root``, or of those folders in it; no state, no git."""
    tops = [root / folder for folder in below] or [root]
    files = sorted(file for top in tops for file in top.rglob("*") if file.is_file())
    return {
        str(file.relative_to(root)): file.read_bytes()
        for file in files
        if not {".fedvhost", ".git"} & set(file.relative_to(root).parts)
    }


def copy_workspace(original: Path, sample: Sample, where: Path) -> Path:
    """Copy a workspace of the sample; the histories, which are only read, are shared."""
    copy = where / "sample" / "workspace"
    shutil.copytree(original, copy, symlinks=True)
    (copy.parent / "kernel.git").symlink_to(sample.kernel)
    (copy.parent / "qemu-kvm.git").symlink_to(sample.qemu_kvm)
    return copy


def check_shape(said: Any) -> None:
    """The object of ``--json``, point by point; a pick's hash has 40 digits everywhere."""

    def oid(value: Any, *, none: bool = False) -> None:
        assert (none and value is None) or OID.fullmatch(value), value

    def text(value: Any, *, none: bool = False) -> None:
        assert (none and value is None) or isinstance(value, str), value

    assert {"feature", "release", "ok", "packages", "undecided"} <= said.keys()
    text(said["feature"])
    text(said["release"])
    assert isinstance(said["ok"], bool)
    for package in said["packages"].values():
        assert {"base", "tip", "tree", "picks", "considered", "spec", "nvr"} <= package.keys()
        oid(package["base"])
        oid(package["tip"], none=True)
        oid(package["tree"], none=True)
        text(package["spec"], none=True)
        text(package["nvr"], none=True)
        for pick in package["picks"]:
            assert {"commit", "subject", "because", "verdict", "evidence", "patch"} <= pick.keys()
            oid(pick["commit"])
            text(pick["subject"])
            assert pick["because"] in ("requested", "prerequisite", "follow-up")
            assert pick["verdict"] in ("clean", "inserted", "token-merged", "adapted", "redundant", "in-base")
            assert pick["evidence"], pick
            for evidence in pick["evidence"]:
                assert {"kind", "detail"} <= evidence.keys()
                oid(evidence.get("commit"), none=True)
            text(pick["patch"], none=True)
        for considered in package["considered"]:
            oid(considered["commit"])
            text(considered["reason"])
    for undecided in said["undecided"]:
        oid(undecided["commit"])
        assert undecided["package"] in said["packages"]
