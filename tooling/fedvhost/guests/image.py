"""The parts of a test host's initial RAM file system, each cached under a hash of what it is made of.

::

    tools      busybox, Python, kmod, iproute2, ethtool, qemu.qmp
    modules    of the host's kernel
    qemu       with its libraries and firmware               (only where guests are wanted)
    guest      kernel and initial RAM file system of a guest (only where guests are wanted)
    snapshot-… the state of a guest that has booted           (only where KVM cannot be had in the machine)
    inside     our own programs: what runs in the machine

The kernel unpacks one after the other, so a later part goes over an earlier one. A change to our programs
makes one small part anew.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from fedvhost import process
from fedvhost.errors import ToolError
from fedvhost.guests import cpio, snapshot, userland
from fedvhost.guests.cpio import Entry, character, file, folder, link
from fedvhost.guests.kernel import Kernel
from fedvhost.guests.machine import QEMU
from fedvhost.guests.modules import select
from fedvhost.guests.vmlinux import uncompressed
from fedvhost.inside.fallback import no_snapshot, state_file
from fedvhost.inside.guest import GuestSpec

INSIDE = Path(__file__).resolve().parents[1] / "inside"
LIBRARY = "/usr/lib/fedvhost"
_PACKAGE = Path(__file__).resolve().parent

HOST_MODULES = (
    "vhost_net", "tun", "tap", "macvtap", "bridge", "8021q", "veth", "bonding", "sctp", "virtio_net",
    "virtio_pci", "kvm_amd", "kvm_intel", "irqbypass", "sch_netem", "sch_tbf", "cls_u32", "act_mirred",
    "af_packet", "dummy",
)  # fmt: skip
GUEST_MODULES = (
    "virtio_pci", "virtio_console", "virtio_net", "e1000", "8139cp", "8139too", "8021q", "bonding",
    # SCTP asks for its checksums by name, which loads modules where there is a modprobe.
    "crc32c_generic", "hmac", "sha1_generic", "md5", "sctp", "af_packet", "macvlan", "virtio_blk",
)  # fmt: skip
TOOLS = ("kmod", "ip", "tc", "ethtool")
GUEST_TOOLS = ("ip", "ethtool")
_FIRMWARE = (
    "bios-256k.bin", "pvh.bin", "linuxboot_dma.bin", "kvmvapic.bin", "efi-virtio.rom", "efi-e1000.rom",
    "efi-rtl8139.rom", "pxe-virtio.rom", "pxe-e1000.rom", "pxe-rtl8139.rom", "vgabios-stdvga.bin",
)  # fmt: skip
_FIRMWARE_FOLDERS = ("/usr/share/qemu", "/usr/share/seabios", "/usr/lib/ipxe/qemu", "/usr/share/ipxe/qemu",
                     "/usr/share/ipxe", "/usr/share/seavgabios")  # fmt: skip
_MODULE_FOLDERS = ("/usr/lib/x86_64-linux-gnu/qemu", "/usr/lib64/qemu")
_OLD_PARTS = 32


def cache_dir() -> Path:
    """Where kernels and parts of images are kept (XDG)."""
    return platformdirs.user_cache_path("fedvhost")


@dataclass(frozen=True, slots=True)
class Parts:
    """The image of a test host: the kernel to start, and the archives that make its file system.

    ``guest``: kernel and initial RAM file system of its guests, if it has any."""

    kernel: Path
    archives: tuple[Path, ...]
    built: tuple[str, ...]
    guest: tuple[Path, Path] | None = None


def host_image(cache: Path, kernel: Kernel, guest: Kernel | None, tell: Callable[[str], None]) -> Parts:
    """Return the image of a test host on ``kernel``; with ``guest``, one that starts guests on that kernel.

    ``tell`` hears which part is being made; parts in the cache are not made again.

    Raises:
        ToolMissing: a program that belongs into the image is not installed.
    """
    store = _Store(cache / "parts", tell)
    started = startable(store, kernel)
    of_guest: tuple[Path, Path] | None = None
    archives = [
        store.part("tools", (userland.PYTHON, *_tool_files()), _tools),
        store.part("modules", (kernel.image, str(kernel.modules)), lambda: _modules(kernel, HOST_MODULES)),
    ]
    if guest is not None:
        guest_started = startable(store, guest)
        archives.append(store.part("qemu", (userland.locate(QEMU),), _qemu))
        initrd = store.part(
            "guest-root",
            (guest.image, str(guest.modules), INSIDE / "agent.c", *_tool_files()),
            lambda: _guest_root(guest),
        )
        of_guest = (guest_started, initrd)
        archives.append(
            store.part(
                "guest",
                (guest_started, initrd),
                lambda: (file("/guest/kernel", guest_started), file("/guest/initrd", initrd)),
            )
        )
    inside = tuple(sorted(INSIDE.iterdir()))
    archives.append(store.part("inside", inside, _inside))
    store.prune()
    return Parts(started, tuple(archives), tuple(store.made), of_guest)


def snapshots(
    cache: Path, guest: tuple[Path, Path], specs: Iterable[GuestSpec], tell: Callable[[str], None]
) -> tuple[tuple[Path, ...], dict[str, str]]:
    """Return archives with the states of guests that have booted, and of which guests there is none, and why.

    Each is booted once, and kept as long as nothing that it is made of changes.
    """
    store = _Store(cache / "parts", tell)
    archives: list[Path] = []
    without: dict[str, str] = {}
    for spec in specs:
        if why := no_snapshot(spec):
            without[spec.name] = why
            continue
        of = (*guest, userland.locate(QEMU), snapshot.identity(spec))
        try:
            archives.append(store.file(f"snapshot-{spec.name}", of, _snapshot_of(spec, guest)))
        except (snapshot.NoSnapshot, ToolError, OSError) as error:
            without[spec.name] = str(error)
    store.prune()
    return tuple(archives), without


def _snapshot_of(spec: GuestSpec, guest: tuple[Path, Path]) -> Callable[[io.BufferedWriter], None]:
    def write(out: io.BufferedWriter) -> None:
        with tempfile.TemporaryDirectory(prefix="fedvhost-") as temporary:
            state = Path(temporary) / "state"
            snapshot.take(spec, *guest, state)
            cpio.write((file(state_file(spec.name), state),), out)

    return write


def overlay(files: Iterable[Entry]) -> bytes:
    """An archive in memory, to go over the parts of one run."""
    out = io.BytesIO()
    cpio.write(files, out)
    return out.getvalue()


def startable(store: _Store, kernel: Kernel) -> Path:
    """The kernel as qemu starts it quickest: uncompressed where it has a PVH entry."""

    def write(out: io.BufferedWriter) -> None:
        out.write(uncompressed(kernel.image) or kernel.image.read_bytes())

    return store.file("kernel", (kernel.image,), write)


class _Store:
    """Files in a folder, named after what they are made of."""

    def __init__(self, root: Path, tell: Callable[[str], None]) -> None:
        self.root, self._tell = root, tell
        self.made: list[str] = []
        # How an image is made counts as well, and so does any change of a shared library.
        self._common = _signature([*sorted(_PACKAGE.glob("*.py")), Path("/etc/ld.so.cache")])

    def part(self, name: str, of: Sequence[Path | str], make: Callable[[], Iterable[Entry]]) -> Path:
        """The archive ``name`` of what ``make`` gives, from the cache if all of ``of`` is as it was."""
        return self.file(name, of, lambda out: cpio.write(make(), out))

    def file(self, name: str, of: Sequence[Path | str], write: Callable[[io.BufferedWriter], object]) -> Path:
        """The same for any file."""
        key = hashlib.sha256("\0".join([name, self._common, _signature(of)]).encode()).hexdigest()[:20]
        path = self.root / f"{name}-{key}"
        if path.is_file():
            os.utime(path)
            return path
        self._tell(f"making the test host's part '{name}'")
        self.root.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=self.root)
        try:
            with os.fdopen(descriptor, "wb") as out:
                write(out)
            Path(temporary).rename(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
        self.made.append(name)
        return path

    def prune(self) -> None:
        """Remove the parts that were not used for longest."""
        parts = sorted(self.root.glob("[a-z]*-*"), key=lambda p: p.stat().st_mtime, reverse=True)
        for path in parts[_OLD_PARTS:]:
            path.unlink(missing_ok=True)


def _signature(files: Iterable[Path | str]) -> str:
    """What identifies the content of ``files``: a hash of small ones, size and time of large ones."""
    words: list[str] = []
    for name in files:
        path = Path(name).resolve()
        if not path.exists():
            words.append(f"{name} absent")
            continue
        status = path.stat()
        if path.is_file() and status.st_size < 1 << 20:
            # Not the folder: checkouts with the same programs share their parts.
            words.append(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}")
        else:
            words.append(f"{path} {status.st_size} {status.st_mtime_ns}")
    return "\n".join(words)


def _tool_files() -> tuple[Path, ...]:
    busybox = userland.locate("busybox")
    return (busybox, *(userland.locate(name) for name in TOOLS))


def _tools() -> Iterator[Entry]:
    box, *others = _tool_files()
    yield from userland.busybox(box)
    yield character("/dev/console", 5, 1)
    yield character("/dev/null", 1, 3)
    for name in ("/proc", "/sys", "/dev", "/run", "/tmp", "/root", "/etc/modprobe.d"):
        yield folder(name)
    yield from userland.programs([(f"/usr/bin/{p.name}", p.resolve()) for p in others])
    for name in ("modprobe", "rmmod", "lsmod", "insmod", "modinfo", "depmod"):
        yield link(f"/usr/bin/{name}", "kmod")
    # Where the kernel itself looks for it, when something asks for a module by what it does.
    yield link("/sbin/modprobe", "/usr/bin/kmod")
    yield from userland.python()
    package = find_spec("qemu.qmp")
    assert package is not None and package.submodule_search_locations
    yield from userland.compiled(
        Path(next(iter(package.submodule_search_locations))), f"{LIBRARY}/qemu/qmp", ("qmp_shell", "qmp_tui")
    )


def _modules(kernel: Kernel, names: Sequence[str]) -> Iterator[Entry]:
    """Modules, with the index that modprobe reads."""
    modules, _ = select(kernel.modules, names)
    base = f"lib/modules/{kernel.release}"
    with tempfile.TemporaryDirectory(prefix="fedvhost-") as temporary:
        root = Path(temporary) / base
        for module in modules:
            path = root / module.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(module.content)
        for name in ("modules.builtin", "modules.order", "modules.builtin.modinfo"):
            if (kernel.modules / name).is_file():
                shutil.copyfile(kernel.modules / name, root / name)
        process.run([userland.locate("depmod"), "-b", temporary, kernel.release])
        for path in sorted(root.rglob("*")):
            if path.is_file():
                yield file(f"{base}/{path.relative_to(root)}", path.read_bytes())


def _qemu() -> Iterator[Entry]:
    program = userland.locate(QEMU)
    yield from userland.programs([(f"/usr/bin/{QEMU}", program.resolve())])
    for place in map(Path, _MODULE_FOLDERS):
        # The accelerator of the fall-back is a plug-in on some distributions.
        for plugin in place.glob("accel-*-x86_64.so"):
            yield file(str(plugin), plugin)
            yield from userland.libraries([plugin])
    for name in _FIRMWARE:
        for place in map(Path, _FIRMWARE_FOLDERS):
            if (place / name).is_file():
                yield file(f"/usr/share/qemu/{name}", (place / name).resolve())
                break


def _guest_root(kernel: Kernel) -> Iterator[Entry]:
    """A guest's file system: our agent as its first process, busybox and tools for it to run."""
    modules, _ = select(kernel.modules, GUEST_MODULES)
    order = [f"/modules/{m.name}.ko" for m in modules]
    yield file("/init", _agent(), executable=True)
    yield from userland.busybox(userland.locate("busybox"))
    yield from userland.programs([(f"/usr/bin/{t}", userland.locate(t).resolve()) for t in GUEST_TOOLS])
    for module in modules:
        yield file(f"/modules/{module.name}.ko", module.content)
    yield file("/modules/order", "".join(f"{name}\n" for name in order).encode())
    yield character("/dev/console", 5, 1)
    for name in ("/proc", "/sys", "/dev", "/tmp"):
        yield folder(name)


def _agent() -> bytes:
    """The guest agent, compiled."""
    with tempfile.TemporaryDirectory(prefix="fedvhost-") as temporary:
        program = Path(temporary) / "agent"
        flags = ("-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s")
        process.run(["gcc", *flags, "-o", program, INSIDE / "agent.c"])
        return program.read_bytes()


def _inside() -> Iterator[Entry]:
    yield file("/init", INSIDE / "init.sh", executable=True)
    yield from userland.compiled(INSIDE, f"{LIBRARY}/fedvhost/inside")
