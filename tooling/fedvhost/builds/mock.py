"""mock on this machine: the source package is built in a chroot of the release.

mock itself has no configuration as old as Fedora 13; a workspace brings its own,
``specs/<release>/mock/<chroot>.cfg``. Any other chroot is a name that mock knows, or the path of a ``.cfg``.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.builds.backend import Tell
from fedvhost.builds.complaint import complaint_in
from fedvhost.builds.local import LOG, cancel, remove_trees, run_build, status_of
from fedvhost.builds.record import Record, State, Via, own_dir, save, utc_now
from fedvhost.errors import InputError, ToolError
from fedvhost.process import which
from fedvhost.shipped import shipped_dir
from fedvhost.workspace import Workspace, telling_of

_LOGS = ("build.log", "root.log", "state.log", "hw_info.log", "installed_pkgs.log")
# Parts lie in parts. What is left out is over in a moment, and what goes on after it is the one around it.
_START = re.compile(
    r"^Start(?:\([^)]*\))?: (?!run$|build phase for |Outputting list of installed packages)(?P<what>.+)$"
)
_UNMET = re.compile(
    r"(?:No [Pp]ackage found for|nothing provides|No matching package to install:|No match for argument:"
    r"|Error: Package:) .+"
)
_COMMAND = re.compile(r"^Executing command: .*rpmbuild|^Child return code was: (?P<code>-?\d+)")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an exit code of mock's says: of the package (``state`` failed), or only of mock (``unknown``:
    the package was not judged); in words; and the log that says more."""

    state: State
    what: str
    log: str = ""


_UNBUILT = Meaning(State.FAILED, "the package does not build in the chroot", "build.log")

# Documented in mock's mockbuild/exception.py. A command that fails in the chroot gives mock its own exit
# code: a package that does not build is rpmbuild's 1 rather than 10, which ``judge`` sees from build.log.
EXIT_CODES: Mapping[int, Meaning] = {
    1: Meaning(State.UNKNOWN, "mock could not go on", LOG),
    2: Meaning(State.UNKNOWN, "mock was run without its setuid wrapper; is /usr/bin before /usr/sbin?"),
    3: Meaning(State.UNKNOWN, "mock finds its configuration invalid", LOG),
    5: Meaning(State.UNKNOWN, "mock does not understand its command line", LOG),
    6: Meaning(State.UNKNOWN, "mock cannot build for this architecture here", LOG),
    7: Meaning(State.UNKNOWN, "mock was interrupted (Ctrl-C)"),
    10: _UNBUILT,
    11: Meaning(State.UNKNOWN, "the build took longer than mock allows and was stopped", "build.log"),
    20: Meaning(State.UNKNOWN, "mock could not make the chroot", "root.log"),
    25: Meaning(State.UNKNOWN, "mock could not handle its LVM volumes", "root.log"),
    30: Meaning(State.UNKNOWN, "the package manager failed in the chroot", "root.log"),
    31: Meaning(State.FAILED, "an external build dependency is unknown", "root.log"),
    40: Meaning(State.FAILED, "mock cannot use the source package", "root.log"),
    50: Meaning(State.UNKNOWN, "a command of mock's failed", "root.log"),
    60: Meaning(State.UNKNOWN, "another mock is using the chroot; try again when it has ended"),
    65: Meaning(State.UNKNOWN, "another mock is using the LVM pool; try again when it has ended"),
    70: Meaning(State.UNKNOWN, "mock may not write where the results go"),
    80: Meaning(State.UNKNOWN, "the kernel gave mock no namespaces of its own (a container?)", "root.log"),
    90: Meaning(State.UNKNOWN, "mock could not make the bootstrap chroot", "root.log"),
    110: Meaning(State.UNKNOWN, "mock lost count of its own states", "state.log"),
    120: Meaning(State.FAILED, "a weak dependency of the package is not installed", "root.log"),
    129: Meaning(State.UNKNOWN, "the terminal went away"),
    141: Meaning(State.UNKNOWN, "the reader of mock's output went away"),
    143: Meaning(State.UNKNOWN, "somebody ended mock (SIGTERM)"),
}


@dataclass(frozen=True, slots=True)
class Mock:
    """mock, for one workspace. The record's ``target`` is the chroot; ``own`` says ``dist``."""

    workspace: Workspace
    via: Via = "mock"
    stays: bool = False

    def ready(self, record: Record) -> Record:
        """Look for mock and for the chroot's configuration.

        Raises:
            InputError: there is no such configuration; several architectures.
            ToolError: mock is not installed.
        """
        if which("mock") is None:
            raise ToolError(
                "'mock' not found; it is Fedora's: dnf install mock, then usermod -a -G mock $USER and log "
                "in again. Elsewhere: build --via rpmbuild, or --via koji"
            )
        if len(record.arches) > 1:
            raise InputError("mock builds for one architecture at a time; give --arch-override once")
        chroot = find_chroot(self.workspace, record.release, record.target)
        return dataclasses.replace(record, own={**record.own, "chroot": chroot})

    def submit(self, record: Record, tell: Tell) -> Record:
        """There is nobody to send anything to."""
        return save(self.workspace, dataclasses.replace(record, state=State.SUBMITTED))

    def watch(self, record: Record, tell: Tell) -> Record:
        """Build."""
        remove_trees(self.workspace, record)
        results = own_dir(self.workspace, record) / "results"
        with telling_of(results):
            results.mkdir(parents=True, exist_ok=True)
        argv = mock_argv(
            self.workspace.root / record.srpm,
            str(record.own["chroot"]),
            results,
            dist=str(record.own.get("dist", "")),
            options=record.options,
            arches=record.arches,
        )
        env = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG"))} | {
            "LC_ALL": "C.UTF-8"
        }
        ran = run_build(
            self.workspace, record, argv, cwd=results, env=env, tell=tell, phase_of=phase_of, privileged=True
        )
        record = dataclasses.replace(
            ran.record,
            logs=(
                *ran.record.logs,
                *(self.workspace.relative(results / n) for n in _LOGS if (results / n).is_file()),
            ),
        )
        if ran.status is None:
            return save(self.workspace, record)
        record = dataclasses.replace(record, ended=utc_now(), own={**record.own, "exit": ran.status})
        made = sorted(f for f in results.glob("*.rpm") if not f.name.endswith((".src.rpm", ".nosrc.rpm")))
        if ran.status == 0 and made:
            names = tuple(self.workspace.relative(f) for f in made)
            return save(self.workspace, dataclasses.replace(record, state=State.DONE, results=names))
        begun = _says(own_dir(self.workspace, record) / LOG, "mock.py version")
        meaning = judge(ran.status, results, begun=begun)
        said = complaint_in(results / meaning.log, most=6) if meaning.log else ()
        said = said or complaint_in(own_dir(self.workspace, record) / LOG)
        because = f"{meaning.what} (mock's exit code {ran.status})"
        return save(
            self.workspace,
            dataclasses.replace(record, state=meaning.state, because=because, complaint=said),
        )

    def status(self, record: Record) -> Record:
        """See whether it runs."""
        return status_of(self.workspace, record)

    def collect(self, record: Record, folder: Path, tell: Tell) -> Record:
        """Move packages and logs into ``folder``; mock's own output is ``mock.log`` there."""
        moved = {name: self._move(name, folder) for name in (*record.results, *record.logs)}
        results = tuple(moved[n] for n in record.results)
        logs = tuple(moved[n] for n in record.logs)
        return save(self.workspace, dataclasses.replace(record, results=results, logs=logs))

    def logs(self, record: Record, folder: Path, tell: Tell) -> Record:
        """They are where the record says; while it runs, also in mock's folder of results."""
        results = own_dir(self.workspace, record) / "results"
        found = tuple(self.workspace.relative(results / n) for n in _LOGS if (results / n).is_file())
        return dataclasses.replace(record, logs=tuple(dict.fromkeys((*record.logs, *found))))

    def cancel(self, record: Record) -> Record:
        """End it."""
        return cancel(self.workspace, record)

    def available(self, record: Record, tell: Tell) -> None:
        """The chroot is made of the release's own packages: a later build does not see this one."""

    def _move(self, name: str, folder: Path) -> str:
        old = self.workspace.root / name
        own = old.parent.name != "results" and old.name == LOG and not old.is_relative_to(folder)
        new = folder / ("mock.log" if own else old.name)
        if old != new and old.is_file():
            with telling_of(new):
                folder.mkdir(parents=True, exist_ok=True)
                shutil.move(old, new)
        return self.workspace.relative(new)


def find_chroot(workspace: Workspace, release: str, name: str) -> str:
    """Return what to give ``mock -r``: the workspace's own configuration of that name, the one that came
    with fedvhost, a path, or a name that mock knows.

    Raises:
        InputError: it is a path, and there is no such file.
    """
    for specs in (workspace.specs_dir, shipped_dir() / "specs"):
        own = specs / release / "mock" / f"{name}.cfg"
        if "/" not in name and own.is_file():
            return os.fspath(own)
    if "/" in name or name.endswith(".cfg"):
        path = Path(name).expanduser().absolute()
        if not path.is_file():
            raise InputError(f"no mock configuration '{path}'")
        return os.fspath(path)
    return name


def mock_argv(
    srpm: Path,
    chroot: str,
    results: Path,
    *,
    dist: str = "",
    options: Sequence[str] = (),
    arches: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return the command that builds a source package in a chroot."""
    return (
        "mock",
        "-r",
        chroot,
        *(word for arch in arches for word in ("--arch", arch)),
        *(word for option in options for word in option.split(" ", 1)),
        *(("--define", f"dist {dist}") if dist else ()),
        "--resultdir",
        os.fspath(results),
        "--rebuild",
        os.fspath(srpm),
    )


def judge(status: int, results: Path, *, begun: bool = True) -> Meaning:
    """Return what an exit code says; of the package manager's failures those for want of a package are the
    package's own. ``begun``: mock itself was let in by what makes it root."""
    if status < 0:
        return Meaning(State.UNKNOWN, f"a signal ended mock ({-status})")
    meaning = EXIT_CODES.get(status, Meaning(State.UNKNOWN, "mock ended in an unknown way", LOG))
    if status == 0:
        return Meaning(State.FAILED, "mock ended well and made no package", LOG)
    if status == 1 and not begun:
        return Meaning(
            State.UNKNOWN,
            "mock did not begin; are you in its group? (usermod -a -G mock $USER, then log in again)",
            LOG,
        )
    if status == _rpmbuild_status(results / "build.log"):
        return _UNBUILT
    # Before that it is the chroot that lacks something.
    setting_up = _says(results / "state.log", "Start: build setup for ")
    if status == 30 and setting_up and (unmet := _unmet(results / "root.log")):
        return Meaning(
            State.FAILED, f"BuildRequires are not in the chroot's repositories: {unmet}", "root.log"
        )
    return meaning


def phase_of(line: str) -> str | None:
    """The part of its work that mock says it begins."""
    match = _START.match(line)
    return match["what"] if match else None


def _rpmbuild_status(log: Path) -> int | None:
    """Return how the last command in mock's build.log ended, all of which are rpmbuild's."""
    code = None
    if log.is_file():
        with log.open(errors="replace") as file:
            for line in file:
                if match := _COMMAND.match(line):
                    code = None if match["code"] is None else int(match["code"])
    return code


def _says(log: Path, words: str) -> bool:
    if not log.is_file():
        return False
    with log.open(errors="replace") as file:
        return any(words in line for line in file)


def _unmet(log: Path) -> str:
    if not log.is_file():
        return ""
    with log.open(errors="replace") as file:
        found = dict.fromkeys(m[0] for line in file if (m := _UNMET.search(line)))
    return "; ".join(found)
