"""Binary packages in a test host: unpacked over its file system, with the libraries of their programs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from fedvhost import process
from fedvhost.errors import InputError
from fedvhost.guests import userland
from fedvhost.guests.cpio import Entry, file, link

_ELF = b"\x7fELF"


def unpacked(rpms: Sequence[Path]) -> tuple[Entry, ...]:
    """Return what ``rpms`` install, as entries of an image; their scriptlets are not run.

    Raises:
        InputError: a file is missing, or is no RPM.
        ToolError: rpm2cpio or cpio is missing.
    """
    with tempfile.TemporaryDirectory(prefix="fedvhost-rpms-") as name:
        into = Path(name)
        for rpm in rpms:
            if not rpm.is_file():
                raise InputError("there is no such package", file=rpm)
            archive = process.run(["rpm2cpio", rpm.absolute()], ok=range(256))
            if archive.returncode != 0 or not archive.stdout:
                raise InputError("is no RPM that rpm2cpio can read", file=rpm)
            process.run(
                ["cpio", "-idm", "--quiet", "--no-absolute-filenames"], cwd=into, stdin=archive.stdout
            )
        return tuple(_entries(into))


def source_nvr(rpm: Path) -> str:
    """The name, version and release of the source package that ``rpm`` was built of.

    Raises:
        InputError: it is missing, or no RPM.
    """
    if not rpm.is_file():
        raise InputError("there is no such package", file=rpm)
    query = ["rpm", "-qp", "--nosignature", "--nodigest", "--qf", "%{SOURCERPM}", os.fspath(rpm)]
    said = process.run(query, ok=range(256))
    if said.returncode != 0:
        raise InputError("is no RPM that rpm can read", file=rpm)
    return said.stdout.decode().removesuffix(".src.rpm").removesuffix(".nosrc.rpm")


def _entries(root: Path) -> Iterator[Entry]:
    programs = []
    for path in sorted(root.rglob("*")):
        place = str(path.relative_to(root))
        if path.is_symlink():
            yield link(place, str(path.readlink()))
        elif path.is_file():
            content = path.read_bytes()
            executable = os.access(path, os.X_OK)
            yield file(place, content, executable=executable)
            if executable and content.startswith(_ELF):
                programs.append(path)
    if programs:
        # Read now: the folder is gone when the image is written.
        for entry in userland.libraries(programs):
            yield Entry(entry.path, entry.mode, entry.read())
