"""The workspace data that comes along with fedvhost, and a new workspace made of it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import fedvhost
from fedvhost.errors import FedvhostError, InputError
from fedvhost.workspace import CONFIG, Workspace, is_workspace, telling_of

PARTS = (Path("backport/checklists"), Path("backport/features"), Path("backport/releases"), Path("specs"))
MADE = (Path("backport/plans"), Path("backport/resolutions"), Path("patches"))

CONFIG_TEXT = """\
# Where the upstream histories are on this machine. Paths are relative to this folder.
# `--upstream NAME=PATH` and FEDVHOST_UPSTREAM_KERNEL, FEDVHOST_UPSTREAM_QEMU_KVM come first;
# a package that nobody names is cloned from its official history into the cache folder.

[upstreams]
# kernel = "~/src/linux"
# qemu-kvm = "~/src/qemu-kvm"
"""


def shipped_dir() -> Path:
    """Return the folder with the data that came along: in the wheel, else the checkout's own.

    Raises:
        FedvhostError: neither is there; the installation is broken.
    """
    package = Path(fedvhost.__file__).resolve().parent
    for candidate in (package / "workspace_data", package.parents[1]):
        if is_workspace(candidate):
            return candidate
    raise FedvhostError(
        f"the workspace data is missing beside '{package}'; install fedvhost again: "
        "pip install --force-reinstall fedvhost"
    )


def make_workspace(directory: Path) -> Workspace | None:
    """Make ``directory`` a workspace; None if it was one already, which is left as it is.

    Everything is put together beside it first: a run that is cut short leaves no half workspace.

    Raises:
        InputError: there is something else at ``directory``.
        FedvhostError: it cannot be written.
    """
    target = directory.absolute()
    if is_workspace(target):
        return None
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(
            f"'{directory}' is not empty and no workspace; name a folder that does not exist yet"
        )
    source = shipped_dir()
    is_new = not target.exists()
    with telling_of(target):
        target.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".init-", dir=target))
        try:
            _fill(draft, source)
            # `backport` is what makes a folder a workspace: it comes last.
            for entry in sorted(draft.iterdir(), key=lambda p: p.name == "backport"):
                entry.rename(target / entry.name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
            if is_new and not any(target.iterdir()):
                target.rmdir()
    return Workspace(target.resolve())


def _fill(draft: Path, source: Path) -> None:
    for part in (*PARTS, *MADE):
        (draft / part).mkdir(parents=True)
    # Not shutil.copytree: it gathers every file's error into one that names none.
    for part in PARTS:
        for file in sorted(p for p in (source / part).rglob("*") if p.is_file()):
            copy = draft / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            if os.access(file, os.X_OK):
                copy.chmod(copy.stat().st_mode | 0o111)
    (draft / CONFIG).write_text(CONFIG_TEXT)
