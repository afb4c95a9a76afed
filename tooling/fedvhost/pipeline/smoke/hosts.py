"""Test hosts: what is booted for which options, as values; only files of the cache are made."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.errors import InputError
from fedvhost.guests import f13, image, kernel
from fedvhost.guests.cpio import Entry, file
from fedvhost.guests.kernel import Kernel
from fedvhost.guests.machine import COMMAND_LINE, EMULATED_COMMAND_LINE, Accelerator, Machine
from fedvhost.guests.packages import unpacked
from fedvhost.guests.place import Place, There, place
from fedvhost.guests.proof import Proven, prove, prove_there
from fedvhost.guests.running import HERE
from fedvhost.inside.catalogue import BOOTED, PACKAGED, SHAPES
from fedvhost.inside.fallback import FREE, Guests
from fedvhost.inside.guest_specs import SPECS
from fedvhost.inside.rows import Row
from fedvhost.pipeline.smoke.options import Options, Watcher
from fedvhost.pipeline.smoke.packaged import Packages, packages_to_test
from fedvhost.workspace import Workspace

PLAN = "/etc/fedvhost/plan.json"
# MiB: the file systems in memory are 60 and 190 large; a guest has 224.
_MEMORY = {False: 768, True: 3072}
# A host of two guests with 96 each.
_F13_MEMORY = 1024
# MiB for each: its file is 90 large, and qemu wants room for what it translates.
_SNAPSHOT_MEMORY = 192


@dataclass(frozen=True, slots=True)
class Host:
    """All that one run needs. ``machine`` says what is booted, ``archives`` what its file system is;
    ``kernel`` is the content of a kernel that is in no file; ``looked_at`` are the files that the result is
    of, ``nvrs`` the builds (package → NVR), ``origin`` whence the kernel came. ``under_test``: the kernel is
    what is tested, so that a crash of it is an answer."""

    options: Options
    rows: tuple[Row, ...]
    machine: Machine
    archives: tuple[Path | bytes, ...]
    because: str
    folder: Path
    origin: str
    looked_at: tuple[Path, ...]
    nvrs: Mapping[str, str]
    kernel: bytes = b""
    guests: Guests = FREE
    guest: tuple[Path, Path] | None = None
    under_test: bool = True
    on: Place = HERE

    @property
    def emulated(self) -> bool:
        """Whether its processor is."""
        return self.machine.accelerator is Accelerator.TCG


def make_host(
    options: Options, rows: tuple[Row, ...], packages: Packages, folder: Path, watcher: Watcher
) -> Host:
    """The test host that the options ask for; ``folder`` is for what it says.

    Raises:
        InputError: no such kernel, or one that the shape has no use for.
        ToolError: a program for the image is missing, or the distribution's kernel cannot be fetched.
    """
    make = _of_packages if options.shape in BOOTED else _of_kernel
    return make(options, rows, packages, folder, watcher)


def _of_kernel(
    options: Options, rows: tuple[Row, ...], packages: Packages, folder: Path, watcher: Watcher
) -> Host:
    """A test host on the kernel that the options name; Python carries out its rows."""
    cache = image.cache_dir()
    watcher.doing("looking for a kernel")
    host_kernel = find_kernel(options, cache)
    guests = any(r.guests for r in SHAPES[options.shape])
    guest_kernel = _guest_kernel(cache, options.shape) if guests else None
    parts = image.host_image(cache, host_kernel, guest_kernel, watcher.doing)
    on = place(options.on)
    watcher.doing(f"trying whether KVM boots a kernel {options.on or 'here'}")
    if options.accelerator:
        proven = Proven(Accelerator(options.accelerator), f"asked for{_where(on)}")
    elif isinstance(on, There):
        proven = prove_there(on, parts.kernel, folder / "kvm-proof", guests=guests)
    else:
        proven = prove(cache, parts.kernel, folder / "kvm-proof", guests=guests)
    how = Guests(options.guests, "asked for") if options.guests else FREE
    words = EMULATED_COMMAND_LINE if proven.accelerator is Accelerator.TCG else COMMAND_LINE
    machine = Machine(proven.accelerator, str(parts.kernel), command_line=words, memory=_MEMORY[guests])
    over = [_plan(options, rows, how, proven.accelerator), *unpacked(packages.rpms), *options.files]
    return Host(
        options, rows, machine,
        (*parts.archives, image.overlay(over)), proven.because,
        folder, host_kernel.origin,
        (*packages.rpms, *_looked_at(options, host_kernel)),
        {**packages.nvrs, **({"kernel": host_kernel.nvr} if host_kernel.nvr else {})},
        guests=how, guest=parts.guest, under_test=_under_test(options), on=on,
    )  # fmt: skip


def _under_test(options: Options) -> bool:
    """Whether a person named the kernel: then it is what is tested."""
    return bool(options.kernel_rpms or options.kernel)


def _where(on: Place) -> str:
    return f", on '{on.host}'" if isinstance(on, There) else ""


def _plan(options: Options, rows: Sequence[Row], guests: Guests, accelerator: Accelerator) -> Entry:
    """What the test host is to do, as a file in it."""
    plan = {
        "shape": options.shape, "rows": [r.id for r in rows], "guests": dataclasses.asdict(guests),
        "emulated": accelerator is Accelerator.TCG,
        "again": accelerator is Accelerator.TCG and not _under_test(options),
    }  # fmt: skip
    return file(PLAN, json.dumps(plan).encode())


def _of_packages(
    options: Options, rows: tuple[Row, ...], packages: Packages, folder: Path, watcher: Watcher
) -> Host:
    """A test host on the kernel in the packages; a shell carries out its rows."""
    if options.kernel_rpms or options.kernel or options.modules:
        raise InputError(
            f"shape '{options.shape}' boots the kernel of the packages it tests; give it with --rpm"
        )
    if options.guests:
        raise InputError(f"--guests: shape '{options.shape}' runs its guests under its own kernel's KVM")
    watcher.doing("unpacking the packages")
    stack = f13.stack(packages.rpms)
    # Nothing is known of hardware on which both this kernel and its KVM work.
    on = place(options.on)
    chosen_by = "asked for" if options.accelerator else "it emulates the SVM that the kernel's KVM needs"
    machine = Machine(
        Accelerator(options.accelerator or "tcg"),
        "",
        command_line=f13.COMMAND_LINE,
        memory=_F13_MEMORY,
        cpus=1,
    )
    return Host(
        options, rows, machine, (stack.archive, image.overlay([f13.plan(rows), *options.files])),
        chosen_by + _where(on),
        folder, f"the packages: {stack.release}", packages.rpms,
        packages.nvrs, stack.kernel, on=on,
    )  # fmt: skip


def packages_of(workspace: Workspace, options: Options) -> Packages:
    """The packages under test; none for a shape that tests none.

    Raises:
        InputError: some are named to a shape that tests none, or as ``packages_to_test``.
    """
    if options.shape not in PACKAGED:
        if options.rpms:
            raise InputError(f"--rpm: shape '{options.shape}' tests no packages; {' and '.join(PACKAGED)} do")
        return Packages((), {})
    return packages_to_test(workspace, options.release, options.feature, options.rpms)


def _looked_at(options: Options, of: Kernel) -> tuple[Path, ...]:
    return options.kernel_rpms or (of.image,)


def prepare(options: Options, doing: Callable[[str], None]) -> image.Parts:
    """Fetch the kernel and make all parts of the image, so that later runs need no network.

    Raises:
        ToolError: as ``run_smoke``.
    """
    cache = image.cache_dir()
    host_kernel = find_kernel(options, cache)
    return image.host_image(cache, host_kernel, _guest_kernel(cache, options.shape), doing)


def find_kernel(options: Options, cache: Path) -> Kernel:
    """The kernel that the options name, else the distribution's.

    Raises:
        InputError: they name one that is not there, or two.
    """
    if options.kernel_rpms and (options.kernel or options.modules):
        raise InputError("--kernel-rpm says which kernel; give no --kernel or --modules with it")
    if options.kernel_rpms:
        return kernel.from_rpms(options.kernel_rpms, cache)
    if (options.kernel is None) != (options.modules is None):
        raise InputError("--kernel and --modules belong together: give both")
    if options.kernel is not None and options.modules is not None:
        return kernel.given(options.kernel, options.modules)
    return kernel.of_distribution(cache)


def _guest_kernel(cache: Path, shape: str) -> Kernel:
    """Shape ``full`` compares virtio with cards that only the distribution's larger kernel drives."""
    return kernel.of_distribution(cache, complete=shape == "full")


def with_snapshots(host: Host, because: str, watcher: Watcher) -> Host:
    """The same test host for guests under TCG."""
    names = dict.fromkeys(g for r in host.rows for g in r.guests)
    snapshots: tuple[Path, ...] = ()
    without: dict[str, str] = {}
    if host.guest is not None:
        watcher.doing("booting guests for their snapshots")
        snapshots, without = image.snapshots(
            image.cache_dir(), host.guest, [SPECS[n] for n in names], watcher.doing
        )
    memory = host.machine.memory + _SNAPSHOT_MEMORY * len(snapshots)
    machine = dataclasses.replace(host.machine, memory=memory)
    archives = (*host.archives, *snapshots)
    guests = Guests("tcg", because, without)
    return asking(dataclasses.replace(host, guests=guests, machine=machine, archives=archives), host.rows)


def asking(host: Host, rows: Sequence[Row]) -> Host:
    """The same test host, asked only ``rows``."""
    # The plan goes over the one before.
    over = image.overlay([_plan(host.options, rows, host.guests, host.machine.accelerator)])
    return dataclasses.replace(host, archives=(*host.archives, over))
