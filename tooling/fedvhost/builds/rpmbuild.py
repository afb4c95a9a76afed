"""rpmbuild on this machine: the source package is built again in folders of its own."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.builds import debian
from fedvhost.builds.backend import Tell
from fedvhost.builds.complaint import complaint_in, phase_of
from fedvhost.builds.local import LOG, cancel, remove_trees, run_build, status_of
from fedvhost.builds.record import Record, State, Via, own_dir, save, utc_now
from fedvhost.errors import InputError, ToolMissing
from fedvhost.packaging.rpmspec import define_argv, rpm_env
from fedvhost.process import run, which
from fedvhost.workspace import Workspace, telling_of

# What spec files of any age can bear in a path: %{_topdir} is expanded into shell lines without quotes.
_PLAIN = re.compile(r"[A-Za-z0-9_./+@-]+\Z")
_FOLDERS = ("BUILD", "BUILDROOT", "RPMS", "SOURCES", "SPECS", "SRPMS", "tmp")
_NEEDED = re.compile(r"^\s+(?P<what>.+) is needed by ")


@dataclass(frozen=True, slots=True)
class Rpmbuild:
    """rpmbuild, for one workspace. The record's ``own`` says ``dist`` and ``epoch`` (SOURCE_DATE_EPOCH)."""

    workspace: Workspace
    via: Via = "rpmbuild"
    stays: bool = False

    def ready(self, record: Record) -> Record:
        """Look for rpmbuild.

        Raises:
            InputError: several architectures, or not this machine's.
            ToolMissing: it is not installed.
        """
        if which("rpmbuild") is None:
            raise ToolMissing("rpmbuild", "rpm-build")
        if len(record.arches) > 1:
            raise InputError(
                f"rpmbuild builds for one architecture, not for {', '.join(record.arches)}; "
                "give --arch-override once, or build --via koji"
            )
        machine = os.uname().machine
        if record.arches and record.arches[0] not in (machine, "noarch"):
            # rpmbuild would not mind: the package would be called so, with this machine's code in it.
            raise InputError(
                f"rpmbuild compiles for this machine, {machine}, and not for {record.arches[0]}; "
                "build --via mock or --via koji"
            )
        return dataclasses.replace(record, target=machine if not record.arches else "")

    def submit(self, record: Record, tell: Tell) -> Record:
        """Note how the BuildRequires stand; there is nobody to send anything to."""
        note = build_requires_note(self.workspace.root / record.srpm)
        notes = (*record.notes, note) if note else record.notes
        own = {**record.own, "nodeps": bool(note)}
        return save(self.workspace, dataclasses.replace(record, state=State.SUBMITTED, notes=notes, own=own))

    def watch(self, record: Record, tell: Tell) -> Record:
        """Build. The tree of a failed build stays until the next build of the package."""
        remove_trees(self.workspace, record)
        topdir = self._topdir(record)
        for name in _FOLDERS:
            with telling_of(topdir):
                (topdir / name).mkdir(parents=True, exist_ok=True)
        record = dataclasses.replace(record, own={**record.own, "topdir": os.fspath(topdir)})
        # By its name alone: rpm takes a path for a pattern, and a macro.
        srpm = self.workspace.root / record.srpm
        with telling_of(topdir):
            (topdir / srpm.name).symlink_to(srpm)
        argv = rpmbuild_argv(
            Path(srpm.name),
            topdir,
            {"dist": str(record.own.get("dist", ""))},
            options=record.options,
            arches=record.arches,
            nodeps=bool(record.own.get("nodeps")),
        )
        env = rpm_env(topdir)
        if "epoch" in record.own:
            env["SOURCE_DATE_EPOCH"] = str(record.own["epoch"])
        ran = run_build(self.workspace, record, argv, cwd=topdir, env=env, tell=tell, phase_of=phase_of)
        if ran.status is None:
            shutil.rmtree(topdir, ignore_errors=True)
            return ran.record
        made = tuple(sorted(self.workspace.relative(f) for f in (topdir / "RPMS").rglob("*.rpm")))
        ended = dataclasses.replace(ran.record, ended=utc_now(), own={**ran.record.own, "exit": ran.status})
        if ran.status == 0 and made:
            return save(self.workspace, dataclasses.replace(ended, state=State.DONE, results=made))
        log = own_dir(self.workspace, record) / LOG
        because, said = _why(log, ran.status)
        failed = dataclasses.replace(ended, state=State.FAILED, because=because, complaint=said)
        return save(self.workspace, failed)

    def status(self, record: Record) -> Record:
        """See whether it runs."""
        return status_of(self.workspace, record)

    def collect(self, record: Record, folder: Path, tell: Tell) -> Record:
        """Move the RPMs and the log of an ended build into ``folder``."""
        if record.state not in (State.DONE, State.FAILED):
            return record
        moved = {name: self._move(name, folder) for name in (*record.results, *record.logs)}
        record = dataclasses.replace(
            record,
            results=tuple(moved[n] for n in record.results),
            logs=tuple(moved[n] for n in record.logs),
        )
        record = save(self.workspace, record)
        if record.ok and "topdir" in record.own:
            shutil.rmtree(record.own["topdir"], ignore_errors=True)
        return record

    def logs(self, record: Record, folder: Path, tell: Tell) -> Record:
        """They are where the record says, from the first moment."""
        return record

    def cancel(self, record: Record) -> Record:
        """End it."""
        return cancel(self.workspace, record)

    def available(self, record: Record, tell: Tell) -> None:
        """Nothing is installed here, so there is nothing to wait for."""

    def _topdir(self, record: Record) -> Path:
        topdir = own_dir(self.workspace, record) / "topdir"
        if _PLAIN.match(os.fspath(topdir)):
            return topdir
        return Path(tempfile.mkdtemp(prefix="fedvhost-build-", dir="/var/tmp"))

    def _move(self, name: str, folder: Path) -> str:
        old, new = self.workspace.root / name, folder / Path(name).name
        if old != new and old.is_file():
            with telling_of(new):
                folder.mkdir(parents=True, exist_ok=True)
                shutil.move(old, new)
        return self.workspace.relative(new)


def rpmbuild_argv(
    srpm: Path,
    topdir: Path,
    defines: Mapping[str, str],
    *,
    options: Sequence[str] = (),
    arches: Sequence[str] = (),
    nodeps: bool = False,
) -> tuple[str, ...]:
    """Return the command that builds a source package again, below ``topdir``; ``options``:
    ``--with X``, ``--without Y``."""
    places = {
        "_topdir": os.fspath(topdir),
        "_tmppath": os.fspath(topdir / "tmp"),
        # Times inside the packages are those of the sources; when and where it was built stays true.
        "clamp_mtime_to_source_date_epoch": "1",
    }
    if nodeps:
        # The database of a system that has none lies in the home folder, and is made by looking at it.
        places["_dbpath"] = os.fspath(topdir / "db")
    return (
        "rpmbuild",
        "--rebuild",
        "--noclean",
        *(("--nodeps",) if nodeps else ()),
        *(word for arch in arches for word in ("--target", arch)),
        *(word for option in options for word in option.split(" ", 1)),
        *define_argv({**places, **defines}),
        os.fspath(srpm),
    )


def build_requires_note(srpm: Path) -> str:
    """Return what a reader must know where rpm cannot check BuildRequires, and what is known of them;
    empty where rpm's database knows this system: rpmbuild then refuses by itself."""
    if run(["rpm", "-q", "--quiet", "rpm"], ok=range(256)).returncode == 0:
        return ""
    with tempfile.TemporaryDirectory(prefix="fedvhost-rpm-") as home:
        # By its name alone: rpm takes a path for a pattern, and a macro.
        argv = ["rpm", "--define", f"_dbpath {home}/db", "-qp", "--requires", srpm.name]
        out = run(argv, cwd=srpm.parent, env=rpm_env(Path(home))).stdout.decode(errors="replace")
    requires = [line for line in out.splitlines() if line and not line.startswith("rpmlib(")]
    note = (
        "BuildRequires were not checked by rpm (--nodeps): its database does not know this system's packages"
    )
    if not debian.is_debian() or not requires:
        return note
    found = debian.look_for(requires)
    total = len(found.here) + len(found.missing) + len(found.unknown)
    note += f", which are dpkg's. dpkg has what is meant by {len(found.here)} of {total}"
    if found.missing:
        listed = ", ".join(f"{n} ({' '.join(p)})" for n, p in sorted(found.missing.items()))
        note += f"; missing: {listed}"
    if found.unknown:
        note += f"; not known by another name here: {', '.join(sorted(found.unknown))}"
    return note


def _why(log: Path, status: int) -> tuple[str, tuple[str, ...]]:
    """Why a build failed: one line, and the lines of the log that say so."""
    said = complaint_in(log, most=40)
    if said and said[0].startswith("error: Failed build dependencies"):
        needed = [m["what"].strip() for line in said if (m := _NEEDED.match(line))]
        return f"BuildRequires are missing: {', '.join(needed)}; try: dnf builddep with the spec", said
    if status == 0:
        return "rpmbuild ended well and made no package", said
    if status < 0:
        return f"a signal ended rpmbuild ({-status})", said[:6]
    with log.open(errors="replace") as file:
        last = None
        for line in file:
            last = phase_of(line) or last
    return f"{last or 'rpmbuild'} failed (exit status {status})", said[:6]
