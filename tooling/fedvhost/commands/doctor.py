"""``fedvhost doctor``: what is here, what is missing, and the command that installs it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fedvhost.commands.context import Invocation, json_option, pass_invocation, upstream_option
from fedvhost.errors import FedvhostError

if TYPE_CHECKING:
    from fedvhost.workspace import Workspace

MINIMUM_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``needed``: nothing works without; ``fedora`` and ``debian`` are the
    commands that put it right, for what is not here."""

    name: str
    here: bool
    needed: bool
    found: str
    fedora: str = ""
    debian: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """A program and the commands that install it on Fedora and Debian; empty: there is no package."""

    name: str
    why: str
    fedora: str
    debian: str
    needed: bool = True


PROGRAMS = (
    Program("rpmbuild", "builds the packages", "dnf install rpm-build", "apt-get install rpm"),
    Program("rpmspec", "proves that a spec parses", "dnf install rpm-build", "apt-get install rpm"),
    Program("patch", "applies a series as %prep does", "dnf install patch", "apt-get install patch"),
    Program("gcc", "compiles what was picked", "dnf install gcc", "apt-get install gcc"),
    Program("make", "compiles what was picked", "dnf install make", "apt-get install make"),
    Program("nm", "sees which symbols a module needs", "dnf install binutils", "apt-get install binutils"),
    Program("flock", "keeps two compiles apart", "dnf install util-linux", "apt-get install util-linux"),
    Program("mock", "builds in a clean chroot", "dnf install mock", "", needed=False),
    Program(
        "qemu-system-x86_64",
        "boots a test host",
        "dnf install qemu-system-x86-core",
        "apt-get install qemu-system-x86",
        needed=False,
    ),
    Program(
        "busybox",
        "goes into test hosts; must be the static one",
        "dnf install busybox",
        "apt-get install busybox-static",
        needed=False,
    ),
)


@click.command()
@upstream_option
@json_option
@pass_invocation
def doctor(invocation: Invocation, upstream: Sequence[str], as_json: bool) -> int:
    """Say what is here and what is missing, and how to install it on Fedora and on Debian.

    Ends with 0 if everything needed is here, else with 1.
    """
    findings = (
        *_interpreter(),
        *_programs(PROGRAMS),
        _koji(),
        *_workspace(invocation, upstream),
    )
    healthy = all(f.here for f in findings if f.needed)
    if as_json:
        report = {"healthy": healthy, "findings": [asdict(f) for f in findings]}
        click.echo(json.dumps(report, indent=2, sort_keys=True))
    else:
        for line in as_text(findings):
            click.echo(line)
    return 0 if healthy else 1


def as_text(findings: Sequence[Finding]) -> Iterator[str]:
    """The findings for a terminal, one a line, and what to do at the end."""
    width = max(len(f.name) for f in findings)
    for f in findings:
        word = "ok" if f.here else "MISSING" if f.needed else "optional"
        yield f"{word:<9} {f.name:<{width}}  {f.found}"
        if not f.here and (f.fedora or f.debian):
            indent = " " * (width + 12)
            yield f"{indent}Fedora: {f.fedora or 'no package'}"
            yield f"{indent}Debian: {f.debian or 'no package'}"
    missing = [f.name for f in findings if f.needed and not f.here]
    yield f"Missing: {', '.join(missing)}." if missing else "Everything needed is here."


def _interpreter() -> Iterator[Finding]:
    """Python, git and rpm's bindings: what fedvhost itself stands on."""
    from fedvhost.git.store import MINIMUM_GIT, git_version

    old_python = "needs {} or newer".format(".".join(map(str, MINIMUM_PYTHON)))
    fits = platform.python_version_tuple()
    enough = tuple(int(n) for n in fits[:2]) >= MINIMUM_PYTHON
    yield Finding(
        "python",
        enough,
        True,
        platform.python_version() + ("" if enough else f", {old_python}"),
        "dnf install python3",
        "apt-get install python3",
    )
    try:
        version = git_version()
        enough = version >= MINIMUM_GIT
        found = ".".join(map(str, version))
        found += "" if enough else f", needs {'.'.join(map(str, MINIMUM_GIT))} or newer"
    except FedvhostError as error:
        enough, found = False, str(error)
    yield Finding("git", enough, True, found, "dnf install git", "apt-get install git")
    try:
        import rpm

        found, enough = f"{rpm.__version__}, reads specs", True
    # The shim from PyPI raises ImportError; half-installed bindings raise what they like.
    except Exception as error:
        found, enough = str(error).strip().splitlines()[0] if str(error).strip() else repr(error), False
    yield Finding(
        "rpm bindings", enough, True, found, "dnf install python3-rpm", "apt-get install python3-rpm"
    )


def _programs(programs: Sequence[Program]) -> Iterator[Finding]:
    from fedvhost.process import which

    for program in programs:
        path = which(program.name)
        yield Finding(
            program.name,
            path is not None,
            program.needed,
            f"{path or 'not on PATH'}: {program.why}",
            program.fedora,
            program.debian,
        )


def _koji() -> Finding:
    """koji's client library, which is what ``build --via koji`` needs; its program need not be there."""
    from fedvhost.builds.koji_profile import library

    why = "builds in Fedora's build system"
    try:
        koji = library()
        kerberos = "with" if getattr(koji, "reqgssapi", None) else "without"
        here, found = True, f"library {koji.__version__}, {kerberos} Kerberos: {why}"
    except FedvhostError:
        here, found = False, f"no library: {why}"
    return Finding("koji", here, False, found, "dnf install koji", "pip install 'fedvhost[koji]'")


def _workspace(invocation: Invocation, options: Sequence[str]) -> Iterator[Finding]:
    """The workspace, the histories of its packages, and the cache."""
    from fedvhost.upstreams import parse_given

    workspace: Workspace | None = None
    try:
        workspace = invocation.workspace()
        features, releases = workspace.features(), workspace.releases()
        found = f"{workspace.root}: features {_listed(features)}; releases {_listed(releases)}"
        complete = bool(features and releases)
    except FedvhostError as error:
        found, complete = str(error), False
    # Without a -C a missing workspace is no fault of the machine: `init` or `cd` is the next thing to do.
    yield Finding("workspace", complete, workspace is not None or invocation.directory is not None, found)
    packages = workspace.packages() if workspace is not None else ()
    given = parse_given(options, packages) if workspace is not None else {}
    for package in packages:
        yield _history(package, workspace, given)
    yield _cache()


def _history(package: str, workspace: Workspace | None, given: Mapping[str, Path]) -> Finding:
    from fedvhost.upstreams import Place, cache_dir, environment_variable, find_local, open_upstream

    name = f"history of {package}"
    try:
        place = find_local(package, given, workspace, os.environ)
        if place is None and (cache_dir(package) / "HEAD").exists():
            place = Place(cache_dir(package), "cache")
        if place is None:
            return Finding(
                name,
                False,
                False,
                "none on this machine; the official one is cloned when it is first needed, "
                f"or name one: {environment_variable(package)}=PATH",
            )
        upstream = open_upstream(package, place)
    except FedvhostError as error:
        return Finding(name, False, True, str(error))
    kind = [word for word, is_so in (("shallow", upstream.shallow), ("partial", upstream.partial)) if is_so]
    return Finding(
        name, True, True, f"{place.path} (from {place.source}{''.join(f', a {k} clone' for k in kind)})"
    )


def _cache() -> Finding:
    from fedvhost.upstreams import cache_dir

    wanted = cache_dir("x").parent
    nearest = next(p for p in (wanted, *wanted.parents) if p.exists())
    writable = nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)
    # Needed only for a history that is not on this machine yet.
    return Finding("cache folder", writable, False, f"{wanted}{'' if writable else ' cannot be written'}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
