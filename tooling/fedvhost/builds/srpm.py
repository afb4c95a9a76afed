"""The source package: the same bytes from the same files, whoever makes it, where and when.

What rpm would take from the moment and the place is said instead: times (SOURCE_DATE_EPOCH), the name of
the machine, owners and modes of the sources, and the compression.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.errors import ToolFailed
from fedvhost.evidence import digest
from fedvhost.packaging.rpmspec import define_argv, rpm_env, spec_error
from fedvhost.process import run
from fedvhost.workspace import telling_of

TIMEOUT = 3600.0  # seconds; packing a kernel takes a quarter of a minute

_ANY_STATUS = range(256)
_FOLDERS = ("SPECS", "SOURCES", "BUILD", "BUILDROOT", "RPMS", "SRPMS", "tmp")
_FIXED: Mapping[str, str] = {
    # rpm puts the expanded spec into the header, and with it every path in it: here is where we stand, and
    # the folder is called what it is only by us. Processors and users get into it, too.
    "_topdir": ".",
    "_dbpath": "./db",
    "_tmppath": "/var/tmp",
    "_smp_build_ncpus": "1",
    "__id_u": "echo mockbuild ; :",
    "_buildhost": "fedvhost",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
    "source_date_epoch_from_changelog": "0",
    "_srcdefattr": "(-,root,root)",
    # Every rpm reads it, that of the release and of its build system too; zstd came years later.
    "_source_payload": "w6.gzdio",
    "_source_filedigest_algorithm": "8",
}


@dataclass(frozen=True, slots=True)
class Srpm:
    """A source package: its file, and the SHA-256 of it."""

    file: Path
    sha256: str


def option_defines(options: Sequence[str]) -> dict[str, str]:
    """Return what ``--with X`` and ``--without X`` mean to rpm: ``_with_X`` is defined as ``--with-X``."""
    return {f"_{how[2:]}_{what}": f"{how}-{what}" for how, what in (o.split(" ", 1) for o in options)}


def make_srpm(
    spec: Path,
    sources: Mapping[str, Path],
    *,
    epoch: int,
    defines: Mapping[str, str],
    topdir: Path,
    target: Path,
) -> Srpm:
    """Make the source package of ``spec`` in the folder ``target`` and return it.

    ``sources``: every source and patch that the spec declares, name → file. ``epoch``: the newest time that
    anything in it may have, in seconds. ``topdir`` is made for this and removed.

    Raises:
        InputError: rpm cannot read the spec.
        ToolFailed: rpmbuild made no source package.
    """
    shutil.rmtree(topdir, ignore_errors=True)
    try:
        for name in _FOLDERS:
            (topdir / name).mkdir(parents=True)
        copy = topdir / "SPECS" / spec.name
        _stage(spec, copy, epoch)
        for name, file in sources.items():
            _stage(file, topdir / "SOURCES" / name, epoch)
        done = run(
            srpm_argv(copy.relative_to(topdir), {**_FIXED, **defines}),
            cwd=topdir,
            env={**rpm_env(topdir), "SOURCE_DATE_EPOCH": str(epoch)},
            ok=_ANY_STATUS,
            timeout=TIMEOUT,
        )
        # A package with NoSource tags is a .nosrc.rpm.
        made = sorted((topdir / "SRPMS").glob("*.rpm"))
        if done.returncode != 0 or len(made) != 1:
            if b"error: " in done.stderr:
                raise spec_error(spec, done.stderr.decode(errors="replace"))
            raise ToolFailed(done.argv, done.returncode, done.stderr or b"no source package came of it")
        file = target / made[0].name
        with telling_of(file):
            target.mkdir(parents=True, exist_ok=True)
            made[0].replace(file)
        return Srpm(file, digest(file))
    finally:
        shutil.rmtree(topdir, ignore_errors=True)


def srpm_argv(spec: Path, defines: Mapping[str, str]) -> tuple[str, ...]:
    """Return the command that makes a source package."""
    return ("rpmbuild", "-bs", "--nodeps", *define_argv(defines), os.fspath(spec))


def _stage(file: Path, copy: Path, epoch: int) -> None:
    """Copy a file, with a mode that no umask and a time that no checkout decided."""
    with telling_of(copy):
        shutil.copyfile(file, copy)
        copy.chmod(0o755 if file.stat().st_mode & 0o100 else 0o644)
        os.utime(copy, (epoch, epoch))
