"""The programs that compile: which compiler there is, whether a header is, one command of a build, ``nm``."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.backport.compilecheck import Symbols, read_nm
from fedvhost.backport.recipe import Check, Need
from fedvhost.errors import ToolError, ToolMissing
from fedvhost.process import run, which

# An exit status says no; a build that a signal ended (no memory, Ctrl-C) says nothing.
_ANY_STATUS = range(256)
_NM_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Compiler:
    """A compiler: what it calls itself, ``gcc (…) 12.2.0``, and its major version, ``12``."""

    title: str
    major: str


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended: its exit status and all that it said, in the order of its two outputs."""

    status: int
    said: str


def environment() -> Mapping[str, str]:
    """What a build may see of ours: a person's CFLAGS or MAKEFLAGS must not decide what compiles."""
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "TMPDIR") if k in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC", "SHELL": "/bin/sh"}


def find_compiler(check: Check) -> Compiler:
    """Return the compiler of a check.

    Raises:
        ToolMissing: it, ``make`` or ``nm`` is not installed.
        ToolError: a program or header that the check needs is not; says what to install.
    """
    for program, package in (
        (check.compiler, check.compiler),
        ("make", "make"),
        ("nm", "binutils"),
        ("flock", "util-linux"),
    ):
        if which(program) is None:
            raise ToolMissing(program, package)
    env = environment()
    title = run([check.compiler, "--version"], env=env).stdout.decode(errors="replace").split("\n")[0]
    major = run([check.compiler, "-dumpversion"], env=env).stdout.decode().strip().split(".")[0]
    missing = [need for need in check.needs if not _is_here(need, check.compiler)]
    if missing:
        names = ", ".join(f"'{n.program or n.header}' ({n.because})" for n in missing)
        fedora, debian = (
            " ".join(dict.fromkeys(names))
            for names in zip(*((n.fedora, n.debian) for n in missing), strict=True)
        )
        raise ToolError(
            f"not installed: {names}; try: dnf install {fedora}   (Debian: apt-get install {debian})"
        )
    return Compiler(title, major)


def _is_here(need: Need, compiler: str) -> bool:
    if need.program is not None:
        return which(need.program) is not None
    source = f"#include <{need.header}>\n".encode()
    argv = [compiler, "-E", "-x", "c", "-o", os.devnull, "-"]
    return run(argv, stdin=source, env=environment(), ok=_ANY_STATUS).returncode == 0


def execute(argv: Sequence[str], tree: Path, lock: Path) -> Ran:
    """Run one command of a build at the top of ``tree``; its processes hold ``lock`` as long as they live.

    Raises:
        ToolMissing: there is no such program.
        ToolFailed: a signal ended it.
    """
    done = run(["flock", lock, *argv], cwd=tree, env=environment(), ok=_ANY_STATUS)
    said = done.stdout + (b"" if not done.stdout or done.stdout.endswith(b"\n") else b"\n") + done.stderr
    return Ran(done.returncode, said.decode(errors="replace"))


def wait_for(lock: Path) -> None:
    """Wait until the processes of a build whose fedvhost was killed have ended: they would go on writing."""
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def symbols(objects: Sequence[str], tree: Path) -> Mapping[str, Symbols]:
    """Return what each object (a path inside ``tree``) defines, needs and exports.

    Raises:
        ToolFailed: one of them is not there or is no object.
    """
    found: dict[str, Symbols] = {}
    for start in range(0, len(objects), _NM_AT_ONCE):
        part = objects[start : start + _NM_AT_ONCE]
        found.update(dict.fromkeys(part, Symbols()))  # nm says nothing of an object without a symbol
        out = run(["nm", "-A", "-P", *part], cwd=tree, env=environment()).stdout
        found.update(read_nm(out.decode(errors="replace")))
    return found
