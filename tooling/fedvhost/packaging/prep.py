"""Running %prep for real: the last word on whether the patches apply."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.errors import InputError
from fedvhost.packaging.rpmspec import define_argv, evaluate, rpm_env, spec_error
from fedvhost.process import run

TIMEOUT = 3600.0  # seconds; unpacking a kernel on a slow disk takes minutes

_AM_FAILED = re.compile(r"Patch failed at (\d+) ")
_FOLDERS = ("SPECS", "SOURCES", "BUILD", "BUILDROOT", "RPMS", "SRPMS", "tmp")
_ENDED = "%{_topdir}/prep-ended-in"


@dataclass(frozen=True, slots=True)
class PrepResult:
    """What came of it. ``tree`` is the folder in which %prep ended (None if it failed): in most specs the
    patched tree. ``log`` is everything that was written, ``failed_patch`` the patch that was being applied
    when it stopped, if one was."""

    ok: bool
    tree: Path | None
    log: str
    failed_patch: str | None


def prep_argv(spec: Path, topdir: Path, defines: Mapping[str, str], target: str | None) -> tuple[str, ...]:
    """Return the command: its own folders and database, no BuildRequires (Debian's rpm knows of none),
    both outputs in one, so that what failed stands behind what was tried."""
    places = {
        "_topdir": os.fspath(topdir),
        "_dbpath": os.fspath(topdir / "db"),
        "_tmppath": os.fspath(topdir / "tmp"),
        # What rpm itself puts at the end of %prep, and where that is.
        "__spec_prep_post": f"pwd -P > '{_ENDED}'; %{{___build_post}}",
    }
    aim = ("--target", target) if target else ()
    argv = ("rpmbuild", "-bp", "--nodeps", *aim, *define_argv({**places, **defines}), os.fspath(spec))
    return ("sh", "-c", 'exec "$0" "$@" 2>&1', *argv)


def run_prep(
    spec: Path,
    sources: Mapping[str, Path],
    *,
    workdir: Path,
    defines: Mapping[str, str],
    target: str | None = None,
    epoch: int | None = None,
    timeout: float = TIMEOUT,
) -> PrepResult:
    """Run %prep of ``spec`` below ``workdir``, which must not have been used before.

    ``sources`` maps the names that the spec gives its sources and patches to files; further names in
    it do no harm. ``epoch`` is SOURCE_DATE_EPOCH, in seconds.

    Raises:
        InputError: a source is missing, or rpm cannot read the spec. A patch that does not apply is a
            result, not an error.
    """
    topdir = workdir.resolve()
    folders = {name: topdir / name for name in _FOLDERS}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    if any(folders["BUILD"].iterdir()):
        raise InputError("has been used for a build before; give an empty folder", file=workdir)
    for name, path in sources.items():
        if not path.is_file():
            raise InputError(f"the file for '{name}' is missing", file=path)
        staged = folders["SOURCES"] / name
        staged.unlink(missing_ok=True)
        staged.symlink_to(path.resolve())
    copy = folders["SPECS"] / spec.name  # ApplyPatch functions look themselves up in %{_specdir}
    shutil.copyfile(spec, copy)
    known = evaluate(copy, defines=defines, target=target, sourcedir=folders["SOURCES"])
    patches = tuple(file for _, file in known.patches)
    wanted = {name.rsplit("/", 1)[-1] for name in (*known.sources, *patches)}
    if missing := sorted(wanted - sources.keys()):
        raise InputError(f"no file was given for {', '.join(map(repr, missing))}", file=spec)
    env = rpm_env(topdir)
    if epoch is not None:
        env["SOURCE_DATE_EPOCH"] = str(epoch)
    done = run(
        prep_argv(copy, topdir, defines, target),
        cwd=topdir,
        env=env,
        ok=range(256),
        timeout=timeout,
    )
    log = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        if "Executing(%prep)" not in log:
            raise spec_error(spec, log)
        return PrepResult(False, None, log, failed_patch(log, patches))
    ended = topdir / "prep-ended-in"
    # A %prep that ends itself (exit 0) does not get to say where it was.
    tree = Path(os.fsdecode(ended.read_bytes()).rstrip("\n")) if ended.exists() else folders["BUILD"]
    return PrepResult(True, tree, log, None)


def failed_patch(log: str, patches: Sequence[str]) -> str | None:
    """Return the patch that was being applied when %prep stopped: the last that the log names before
    rpm's own complaint, or the one whose place ``git am`` tells."""
    last: tuple[str, ...] = ()
    for line in log.splitlines():
        if line.startswith(("error: ", "RPM build errors")):
            break
        if (match := _AM_FAILED.search(line)) and 0 < int(match[1]) <= len(last):
            return last[int(match[1]) - 1]
        words = [word.strip("'\"():,").rsplit("/", 1)[-1] for word in line.split()]
        named = tuple(word for word in words if word in patches)
        last = named or last
    return last[-1] if last else None
