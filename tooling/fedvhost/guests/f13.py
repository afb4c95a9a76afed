"""The test host of shape ``f13``: the built kernel under everything, the built qemu-kvm in it.

One processor, and a guest of the same kernel. Besides what the packages install there are only programs of
our own and busybox, all static, because a C library of today does not get along with 2.6.33.
"""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from fedvhost import process
from fedvhost.errors import InputError
from fedvhost.guests import userland
from fedvhost.guests.cpio import Entry, character, file, folder
from fedvhost.guests.image import overlay
from fedvhost.guests.packages import unpacked
from fedvhost.inside.rows import Row

HERE = Path(__file__).resolve().parents[1] / "inside" / "f13"
PLAN = "/etc/fedvhost/plan"
# no_timer_check: the check counts ticks, and under emulation they come late.
COMMAND_LINE = "console=ttyS0 no_timer_check panic=-1"
PROGRAMS = ("tell", "probe", "device")
_FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s")
# What of the packages a test host needs; documentation, headers and keymaps stay out.
_WANTED = ("boot/vmlinuz-*", "lib/modules/*", "usr/bin/qemu-kvm", "usr/share/qemu/*.bin", "etc/*")


@dataclass(frozen=True, slots=True)
class Stack:
    """What a test host boots: the kernel's file content, its file system, and what it is called."""

    release: str
    kernel: bytes
    archive: bytes


def stack(rpms: Sequence[Path]) -> Stack:
    """Return the test host of what ``rpms`` install.

    Raises:
        InputError: there is not one kernel with modules, or no qemu-kvm, in them.
        ToolError: rpm2cpio, cpio, depmod, gcc or a static busybox is missing or failed.
    """
    # Headers for building modules are half of what there is, and nothing of them is wanted.
    content = installed(unpacked([p for p in rpms if "-devel-" not in p.name]))
    kernels = [name for name in content if fnmatch(name, "boot/vmlinuz-*")]
    if len(kernels) != 1:
        raise InputError(
            f"{_names(rpms)}: one kernel is wanted in these packages, and there are {len(kernels)}"
        )
    if "usr/bin/qemu-kvm" not in content:
        raise InputError(f"{_names(rpms)}: there is no usr/bin/qemu-kvm in these packages")
    release = kernels[0].removeprefix("boot/vmlinuz-")
    kernel = content.pop(kernels[0]).read()
    modules = tuple(_modules(content, release))
    box = tuple(userland.busybox(userland.locate("busybox")))
    system = (
        *box,
        *modules,
        character("/dev/console", 5, 1),
        *map(folder, ("/proc", "/sys", "/dev", "/tmp")),
    )
    guest = overlay([*system, _script("init", "guest.sh")])
    host = overlay(
        [
            *(e for name, e in content.items() if not name.startswith("lib/modules/")),
            *system,
            *_own(),
            file("boot/vmlinuz", kernel),
            # qemu-kvm hands it over byte by byte.
            file("boot/guest", gzip.compress(guest, 6, mtime=0)),
        ]
    )
    return Stack(release, kernel, host)


def installed(entries: Sequence[Entry]) -> dict[str, Entry]:
    """What of the packages' files a test host wants, by path."""
    return {e.path: e for e in entries if any(fnmatch(e.path, pattern) for pattern in _WANTED)}


def plan(rows: Sequence[Row]) -> Entry:
    """What the test host is to ask: a line for each row, its name, its seconds, and what it builds on."""
    asked = {r.id for r in rows}
    lines = [" ".join((r.id, f"{r.seconds:g}", *(a for a in r.after if a in asked))) for r in rows]
    return file(PLAN, "".join(f"{line}\n" for line in lines).encode())


def _own() -> Iterator[Entry]:
    yield _script("init", "host.sh")
    for name in ("ground.sh", "rows.sh"):
        yield file(f"fedvhost/{name}", HERE / name)
    with tempfile.TemporaryDirectory(prefix="fedvhost-") as temporary:
        for name in PROGRAMS:
            program = Path(temporary) / name
            process.run(["gcc", *_FLAGS, "-o", program, HERE / f"{name}.c"])
            yield file(f"bin/{name}", program.read_bytes(), executable=True)


def _script(path: str, name: str) -> Entry:
    return file(path, HERE / name, executable=True)


def _modules(content: dict[str, Entry], release: str) -> Iterator[Entry]:
    """The kernel's modules, with the index that modprobe reads."""
    base = f"lib/modules/{release}/"
    with tempfile.TemporaryDirectory(prefix="fedvhost-") as temporary:
        root = Path(temporary)
        for name, entry in content.items():
            if name.startswith(base) and name.endswith((".ko", "modules.order", "modules.builtin")):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(entry.read())
        if not (root / base).is_dir():
            raise InputError(f"the packages have a kernel {release} and no modules for it")
        process.run([userland.locate("depmod"), "-b", temporary, release])
        for path in sorted((root / base).rglob("*")):
            if path.is_file():
                yield file(str(path.relative_to(root)), path.read_bytes())


def _names(rpms: Sequence[Path]) -> str:
    return ", ".join(p.name for p in rpms) or "no packages"
