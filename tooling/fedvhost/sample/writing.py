"""The sample on a disk: two bare repositories and a workspace, all of it or nothing."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from fedvhost.errors import InputError, ToolError
from fedvhost.process import run
from fedvhost.sample.history import History, Made, make
from fedvhost.sample.kernel import KERNEL
from fedvhost.sample.qemu_kvm import QEMU_KVM
from fedvhost.sample.workspace import workspace_files
from fedvhost.values import Oid
from fedvhost.workspace import telling_of

# Which sample a folder holds; without it nothing there is ours.
STAMP = ".fedvhost-sample"


@dataclass(frozen=True, slots=True)
class Sample:
    """Where a sample is. ``commits`` names its commits: ``kernel/vhost-net``, ``qemu-kvm/tap-vhost``."""

    kernel: Path
    qemu_kvm: Path
    workspace: Path
    commits: Mapping[str, Oid]


def write_sample(directory: Path) -> Sample:
    """Write the sample to ``directory``, or find that it is there already.

    The same objects have the same names each time, on any machine and whatever git's configuration.
    What is done in the workspace afterwards stays: a sample that is there is never written over.

    Raises:
        InputError: there is something else in ``directory``, another version's sample, or part of one.
        ToolError: git is missing, or did not store what it was given.
        FedvhostError: it cannot be written there.
    """
    directory = directory.absolute()
    histories = {"kernel": make(KERNEL), "qemu-kvm": make(QEMU_KVM)}
    commits = {f"{name}/{key}": oid for name, made in histories.items() for key, oid in made.commits.items()}
    files = workspace_files(commits)
    stamp = _stamp(histories, files)
    sample = Sample(
        directory / "kernel.git",
        directory / "qemu-kvm.git",
        directory / "workspace",
        MappingProxyType(commits),
    )
    if not _is_there(sample, directory, stamp):
        with telling_of(directory):
            _write(directory, histories, files, stamp)
    return sample


def _write(directory: Path, histories: Mapping[str, Made], files: Mapping[str, str], stamp: str) -> None:
    is_new = not directory.exists()
    directory.parent.mkdir(parents=True, exist_ok=True)
    # On the target's own file system, so that a rename is all it takes in the end.
    draft = Path(tempfile.mkdtemp(prefix=".sample-", dir=directory.parent if is_new else directory))
    try:
        for name, history in (("kernel", KERNEL), ("qemu-kvm", QEMU_KVM)):
            _write_repository(draft / f"{name}.git", history, histories[name])
        for path, content in files.items():
            target = draft / "workspace" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode())
        (draft / STAMP).write_text(f"{stamp}\n")
        if is_new:
            draft.chmod(0o777 & ~_umask())
            draft.rename(directory)
        else:
            # An empty folder stays the one it was: somebody may stand in it. What makes it a sample is last.
            for entry in sorted(draft.iterdir(), key=lambda p: p.name == STAMP):
                entry.rename(directory / entry.name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _is_there(sample: Sample, directory: Path, stamp: str) -> bool:
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return False
    if not directory.is_dir():
        raise InputError("is not a folder; choose another place for the sample", file=directory)
    found = directory / STAMP
    if not found.is_file():
        raise InputError("holds something that is not a sample; choose another folder", file=directory)
    if found.read_text().strip() != stamp:
        raise InputError(
            "holds the sample of another version of fedvhost; remove it or choose another folder",
            file=directory,
        )
    for part in (sample.kernel / "HEAD", sample.qemu_kvm / "HEAD", sample.workspace / "fedvhost.toml"):
        if not part.exists():
            raise InputError(
                f"the sample is damaged, '{part.relative_to(directory)}' is gone; remove it and try again",
                file=directory,
            )
    return True


def _stamp(histories: Mapping[str, Made], files: Mapping[str, str]) -> str:
    content = hashlib.sha256()
    for made in histories.values():
        content.update(made.stream)
    for path, text in sorted(files.items()):
        content.update(f"{path}\0{text}\0".encode())
    return content.hexdigest()


def _write_repository(path: Path, history: History, made: Made) -> None:
    # No GIT_* variable and no configuration but what stands here: nobody's hook, template or default
    # hash may change what is written.
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    env |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
    branch = next(iter(history.branches))
    run(
        [
            "git",
            "init",
            "-q",
            "--bare",
            "--template=",
            "--object-format=sha1",
            f"--initial-branch={branch}",
            path,
        ],
        env=env,
    )
    git = ["git", f"--git-dir={path}"]
    marks = path / "marks"
    # One pack, whatever the number of objects: a folder of loose ones takes ten times as long to write.
    import_argv = [
        *git,
        "-c",
        "fastimport.unpackLimit=0",
        "fast-import",
        "--quiet",
        f"--export-marks={marks}",
    ]
    run(import_argv, env=env, stdin=made.stream)
    lines = (line.split() for line in marks.read_text().splitlines())
    stored = {int(mark.removeprefix(":")): oid for mark, oid in lines}
    marks.unlink()
    for key, mark in made.marks.items():
        if stored.get(mark) != made.commits[key]:
            raise ToolError(
                f"git stored the sample's commit '{key}' as {stored.get(mark)}, not {made.commits[key]}"
            )
    run([*git, "update-ref", "-d", "refs/heads/import"], env=env)


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now
