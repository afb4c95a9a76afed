"""A spec as rpm understands it, by ``rpmspec``.

By a program and not by the rpm bindings: parsing a spec fills the process's macro table, and what one
spec defines would leak into the next. Parsing runs what is in the spec's ``%(…)``: evaluate only specs
that you would build.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fedvhost.errors import InputError
from fedvhost.process import Completed, run
from fedvhost.specs.changelog import Evr
from fedvhost.specs.declared import declared
from fedvhost.specs.layout import read_expanded

TIMEOUT = 120.0  # seconds; the kernel's spec takes a tenth of one

_ERROR = re.compile(r"error: (?:(?P<file>[^:\n]*\.spec): )?line (?P<line>\d+): (?P<what>.*)")
_QUERY = "%{NAME}\\n%{EPOCH}\\n%{VERSION}\\n%{RELEASE}\\n[P%{PATCH}\\n][S%{SOURCE}\\n]"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What rpm makes of a spec. ``patches``: number and file name, in the spec's order; ``sources``:
    file names. Only what the evaluated branches declare."""

    name: str
    evr: Evr
    patches: tuple[tuple[int, str], ...]
    sources: tuple[str, ...]

    @property
    def nvr(self) -> str:
        """``qemu-0.12.3-4.fc13``."""
        return f"{self.name}-{self.evr.version}-{self.evr.release}"

    @property
    def nevr(self) -> str:
        """``qemu-2:0.12.3-4.fc13``; without an epoch it is the NVR."""
        return f"{self.name}-{self.evr}"


def rpm_env(home: Path) -> dict[str, str]:
    """Return an environment in which no ``~/.rpmmacros``, locale or time zone changes a result."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.fspath(home),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
    }


def define_argv(defines: Mapping[str, str]) -> tuple[str, ...]:
    """Return ``--define 'name value'`` for each; an empty value is ``%{nil}``."""
    return tuple(
        word for name, value in defines.items() for word in ("--define", f"{name} {value or '%{nil}'}")
    )


def evaluate(
    spec: Path,
    *,
    defines: Mapping[str, str],
    target: str | None = None,
    sourcedir: Path | None = None,
) -> Evaluated:
    """Return what rpm makes of ``spec``.

    ``defines`` should give ``dist`` (``.fc13``): Debian's rpm has none. ``target`` is an architecture,
    ``sourcedir`` where the sources are (beside the spec).

    Raises:
        InputError: rpm cannot read the spec; the message is rpm's own, with file and line.
    """
    text = expanded(spec, defines=defines, target=target, sourcedir=sourcedir)
    out = _rpmspec(spec, ["-q", "--srpm", "--qf", _QUERY], defines, target, sourcedir)
    name, epoch, version, release, *files = out.stdout.decode(errors="replace").splitlines()
    numbered = tuple((d.number, d.name) for d in declared(read_expanded(text, spec.name)))
    known = sorted(f[1:] for f in files if f.startswith("P"))
    if sorted(file for _, file in numbered) != known:
        raise InputError(
            "rpm finds other patches in this spec than its text declares "
            f"({len(known)} and {len(numbered)}); declare them with Patch tags",
            file=spec,
        )
    evr = Evr(None if epoch == "(none)" else int(epoch), version, release, defines.get("dist", ""))
    # rpm lists the last one first.
    sources = tuple(f[1:] for f in reversed(files) if f.startswith("S"))
    return Evaluated(name, evr, numbered, sources)


def expanded(
    spec: Path,
    *,
    defines: Mapping[str, str],
    target: str | None = None,
    sourcedir: Path | None = None,
) -> str:
    """Return the spec with every macro expanded and only the branches that are taken.

    %autosetup and %autopatch expand to apply lines only where the patch files can be read: give a
    ``sourcedir`` that has them (``staged_patches``).

    Raises:
        InputError: as ``evaluate``.
    """
    out = _rpmspec(spec, ["-P"], defines, target, sourcedir)
    return out.stdout.decode("utf-8", "surrogateescape")


def _rpmspec(
    spec: Path, argv: list[str], defines: Mapping[str, str], target: str | None, sourcedir: Path | None
) -> Completed:
    if not spec.is_file():
        raise InputError("there is no such spec", file=spec)
    folder = spec.resolve().parent
    with tempfile.TemporaryDirectory(prefix="fedvhost-rpm-") as home:
        places = {
            "_topdir": home,
            "_dbpath": f"{home}/db",
            "_specdir": os.fspath(folder),
            "_sourcedir": os.fspath(sourcedir.resolve() if sourcedir else folder),
        }
        words = ["rpmspec", *argv, *define_argv({**places, **defines})]
        words += ["--target", target] if target else []
        done = run(
            [*words, os.fspath(spec.resolve())],
            cwd=folder,
            env=rpm_env(Path(home)),
            ok=range(256),
            timeout=TIMEOUT,
        )
    if done.returncode != 0:
        raise spec_error(spec, done.stderr.decode(errors="replace"))
    return done


def spec_error(spec: Path, stderr: str) -> InputError:
    """Turn rpm's complaint into an error that names the spec and, where rpm does, the line."""
    complaints = [line for line in stderr.splitlines() if line.startswith("error: ")]
    located = next((match for c in complaints if (match := _ERROR.match(c))), None)
    text = "; ".join(c.removeprefix("error: ") for c in complaints) or stderr.strip() or "rpm gave no reason"
    if located is not None and len(complaints) == 1:
        text = located["what"]
    return InputError(
        f"rpm cannot read this spec: {text}", file=spec, line=int(located["line"]) if located else None
    )


@contextmanager
def staged_patches(spec: Path, names: tuple[str, ...], patch_dir: Path | None = None) -> Iterator[Path]:
    """Give a source folder in which every patch can be read: those of ``patch_dir`` and beside the spec,
    and a stand-in for each that is in neither (its content is of no matter to an expansion)."""
    with tempfile.TemporaryDirectory(prefix="fedvhost-sources-") as name:
        folder = Path(name)
        for source in (patch_dir, spec.resolve().parent):
            for file in source.iterdir() if source is not None else ():
                if not (folder / file.name).exists() and file.is_file():
                    (folder / file.name).symlink_to(file.resolve())
        for patch in names:
            if not (folder / patch).exists():
                # rpm refuses files of less than 13 bytes.
                (folder / patch).write_text("stand-in: not a patch\n")
        yield folder


def spec_times(spec: Path, *, defines: Mapping[str, str]) -> tuple[int, ...]:
    """Return the times of the spec's changelog entries, in seconds; rpm takes noon, UTC, of each day.

    Raises:
        InputError: as ``evaluate``.
    """
    out = _rpmspec(spec, ["-q", "--srpm", "--qf", "[%{CHANGELOGTIME}\\n]"], defines, None, None)
    return tuple(int(line) for line in out.stdout.split() if line.isdigit())
