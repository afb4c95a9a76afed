"""The step ``smoke``: boot a test host, put a shape's questions to it, keep what it answered."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedvhost import evidence
from fedvhost.backport.manifest_toml import read_feature, read_release
from fedvhost.errors import FedvhostError, InputError
from fedvhost.guests import f13, image, kernel
from fedvhost.guests.cpio import Entry, file
from fedvhost.guests.kernel import Kernel
from fedvhost.guests.machine import Accelerator, Machine
from fedvhost.guests.packages import unpacked
from fedvhost.guests.proof import Proven, prove
from fedvhost.guests.running import HostRun, Record, joined, run_host
from fedvhost.inside.catalogue import BOOTED, PACKAGED, PLANNED, SHAPES
from fedvhost.inside.fallback import FREE, Guests
from fedvhost.inside.ground import SLOWEST
from fedvhost.inside.guest_specs import SPECS
from fedvhost.inside.rows import Row
from fedvhost.pipeline.packaged import Packages, packages_to_test
from fedvhost.smoke.junit import junit
from fedvhost.smoke.results import (
    RowResult,
    Run,
    Smoke,
    answered,
    attachments,
    collect,
    facts,
    left_to_others,
)
from fedvhost.workspace import Workspace, nearest, write_atomic

PLAN = "/etc/fedvhost/plan.json"
# A boot takes 5 s alone on a machine; with others on it, and without KVM, many times that.
_BOOT_SECONDS = 120.0
# MiB: the file systems in memory are 60 and 190 large; a guest has 224.
_MEMORY = {False: 768, True: 3072}
# A host of two guests with 96 each.
_F13_MEMORY = 1024
# MiB for each: its file is 90 large, and qemu wants room for what it translates.
_SNAPSHOT_MEMORY = 192


@dataclass(frozen=True, slots=True)
class Options:
    """What to ask, how often, and on which kernel (none given: the distribution's).

    ``rows``: only these; ``timeout``: seconds after which a test host is stopped (0: what its rows may take);
    ``accelerator``: "kvm" or "tcg", else what is proven to work; ``files`` go over the test host's own;
    ``release`` and ``feature``: whom the evidence is for (none: no evidence is kept); ``rpms``: the packages
    that a shape of packages tests (none given: those that were built last); ``guests``: how guests are run in
    the test host, "kvm" or "tcg" (from snapshots), else KVM where it works, and TCG where it does not.
    """

    shape: str
    rows: tuple[str, ...] = ()
    repeat: int = 1
    kernel: Path | None = None
    modules: Path | None = None
    kernel_rpms: tuple[Path, ...] = ()
    accelerator: str = ""
    timeout: float = 0.0
    release: str = ""
    feature: str = ""
    files: Sequence[Entry] = field(default_factory=tuple)
    rpms: tuple[Path, ...] = ()
    guests: str = ""


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who wants to know while it runs: what is being done, a row that starts, a row that is answered."""

    doing: Callable[[str], None]
    answered: Callable[[int, RowResult], None]


@dataclass(frozen=True, slots=True)
class _Host:
    """All that one run needs. ``machine`` says what is booted, ``archives`` what its file system is;
    ``kernel`` is the content of a kernel that is in no file; ``looked_at`` are the files that the result is
    of, ``nvrs`` the builds (package → NVR), ``origin`` whence the kernel came."""

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


def run_smoke(workspace: Workspace, options: Options, watcher: Watcher) -> Smoke:
    """Run the rows of a shape, ``options.repeat`` times, each time in a fresh test host.

    Raises:
        InputError: no such shape, row or kernel.
        ToolError: a program for the image is missing, or the distribution's kernel cannot be fetched.
    """
    start = time.monotonic()
    rows = chosen(options.shape, options.rows)
    base = workspace.state_dir / "smoke"
    packages = _packages(workspace, options)
    elsewhere = _elsewhere(workspace, options, rows)
    with _alone(base, options.shape):
        workspace.keep_out_of_git()
        folder = base / options.shape
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make = _booted if options.shape in BOOTED else _host
        host = make(options, rows, packages, folder, watcher)
        if host.guests.accelerator == "tcg":
            host = _with_snapshots(host, host.guests.because, watcher)
        runs = _runs(workspace, host, watcher)
        complete = len(rows) == len(SHAPES[options.shape])
        smoke = Smoke(
            options.shape, runs, host.machine.accelerator.value, host.because, host.origin, complete,
            time.monotonic() - start, host.nvrs, elsewhere=elsewhere if complete else (),
        )  # fmt: skip
        return _keep(workspace, smoke, options, host.looked_at, folder)


def _host(
    options: Options, rows: tuple[Row, ...], packages: Packages, folder: Path, watcher: Watcher
) -> _Host:
    """A test host on the kernel that the options name; Python carries out its rows."""
    cache = image.cache_dir()
    watcher.doing("looking for a kernel")
    host_kernel = find_kernel(options, cache)
    guests = any(r.guests for r in SHAPES[options.shape])
    guest_kernel = _guest_kernel(cache, options.shape) if guests else None
    parts = image.host_image(cache, host_kernel, guest_kernel, watcher.doing)
    if options.accelerator:
        proven = Proven(Accelerator(options.accelerator), "asked for")
    else:
        watcher.doing("trying whether KVM boots a kernel here")
        proven = prove(cache, parts.kernel, folder / "kvm-proof", guests=guests)
    how = Guests(options.guests, "asked for") if options.guests else FREE
    over = [_plan(options, rows, how, proven.accelerator), *unpacked(packages.rpms), *options.files]
    return _Host(
        options, rows, Machine(proven.accelerator, str(parts.kernel), memory=_MEMORY[guests]),
        (*parts.archives, image.overlay(over)), proven.because,
        folder, host_kernel.origin,
        (*packages.rpms, *_looked_at(options, host_kernel)),
        {**packages.nvrs, **({"kernel": host_kernel.nvr} if host_kernel.nvr else {})},
        guests=how, guest=parts.guest,
    )  # fmt: skip


def _plan(options: Options, rows: Sequence[Row], guests: Guests, accelerator: Accelerator) -> Entry:
    """What the test host is to do, as a file in it."""
    plan = {
        "shape": options.shape, "rows": [r.id for r in rows], "guests": dataclasses.asdict(guests),
        "emulated": accelerator is Accelerator.TCG,
    }  # fmt: skip
    return file(PLAN, json.dumps(plan).encode())


def _booted(
    options: Options, rows: tuple[Row, ...], packages: Packages, folder: Path, watcher: Watcher
) -> _Host:
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
    chosen_by = "asked for" if options.accelerator else "it emulates the SVM that the kernel's KVM needs"
    machine = Machine(
        Accelerator(options.accelerator or "tcg"),
        "",
        command_line=f13.COMMAND_LINE,
        memory=_F13_MEMORY,
        cpus=1,
    )
    return _Host(
        options, rows, machine, (stack.archive, image.overlay([f13.plan(rows), *options.files])), chosen_by,
        folder, f"the packages: {stack.release}", packages.rpms,
        packages.nvrs, stack.kernel,
    )  # fmt: skip


def demanded(workspace: Workspace, release: str) -> tuple[tuple[str, ...], int]:
    """Return the shapes that the release's gate names, and how many runs of each it demands.

    Raises:
        InputError: there is no such release, or its manifest is wrong.
    """
    file = workspace.release_file(release)
    gate = read_release(workspace.release_text(release), workspace.relative(file)).gate
    return gate.shapes, max(gate.runs, 1)


def _packages(workspace: Workspace, options: Options) -> Packages:
    if options.shape not in PACKAGED:
        if options.rpms:
            raise InputError(f"--rpm: shape '{options.shape}' tests no packages; {' and '.join(PACKAGED)} do")
        return Packages((), {})
    return packages_to_test(workspace, options.release, options.feature, options.rpms)


def _elsewhere(workspace: Workspace, options: Options, rows: tuple[Row, ...]) -> tuple[RowResult, ...]:
    """The lines of the feature's test plan that others decide; of the only feature, if none is named."""
    features = (options.feature,) if options.feature else workspace.features()
    if options.shape not in PLANNED or len(features) != 1:
        return ()
    file = workspace.feature_file(features[0])
    plan = read_feature(workspace.feature_text(features[0]), workspace.relative(file)).test_plan
    return left_to_others(plan, rows)


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


def chosen(shape: str, names: Sequence[str]) -> tuple[Row, ...]:
    """The rows to ask, in the shape's order, with those that they build on.

    Raises:
        InputError: there is no such shape or row.
    """
    if shape not in SHAPES:
        raise InputError(f"no shape '{shape}'; {nearest(shape, tuple(SHAPES))}")
    rows = {r.id: r for r in SHAPES[shape]}
    wanted: set[str] = set()

    def want(name: str) -> None:
        if name not in rows:
            raise InputError(f"--row '{name}': shape '{shape}' has no such row; {nearest(name, tuple(rows))}")
        if name not in wanted:
            wanted.add(name)
            for needed in rows[name].after:
                want(needed)

    for name in names or rows:
        want(name)
    return tuple(r for r in rows.values() if r.id in wanted)


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


def _runs(workspace: Workspace, host: _Host, watcher: Watcher) -> tuple[Run, ...]:
    """All runs. A test host in which KVM does not work is booted again, with snapshots of its guests."""
    runs: list[Run] = []
    while len(runs) < host.options.repeat:
        number = len(runs) + 1
        folder = host.folder / str(number)
        folder.mkdir(exist_ok=True)
        ran = _boot(host, folder, _teller(host, number, watcher))
        told = _told(ran.records)
        if told is not None and not told.accelerator and not host.guests.accelerator:
            host = _with_snapshots(host, told.because, watcher)
            continue
        runs.append(_collected(workspace, host, number, ran, watcher))
    return tuple(runs)


def _with_snapshots(host: _Host, because: str, watcher: Watcher) -> _Host:
    """The same test host for guests under TCG."""
    names = dict.fromkeys(g for r in host.rows for g in r.guests)
    snapshots: tuple[Path, ...] = ()
    without: dict[str, str] = {}
    if host.guest is not None:
        watcher.doing("booting guests for their snapshots")
        snapshots, without = image.snapshots(
            image.cache_dir(), host.guest, [SPECS[n] for n in names], watcher.doing
        )
    guests = Guests("tcg", because, without)
    memory = host.machine.memory + _SNAPSHOT_MEMORY * len(snapshots)
    machine = dataclasses.replace(host.machine, memory=memory)
    # The plan goes over the one before.
    over = image.overlay([_plan(host.options, host.rows, guests, machine.accelerator)])
    archives = (*host.archives, *snapshots, over)
    return dataclasses.replace(host, guests=guests, machine=machine, archives=archives)


def _told(records: Sequence[Record]) -> Guests | None:
    """How guests are run, by the test host's word; None if it said nothing of it."""
    for record in records:
        if record.get("kind") == "guests":
            return Guests(str(record.get("accelerator", "")), str(record.get("because", "")))
    return None


def _teller(host: _Host, number: int, watcher: Watcher) -> Callable[[Record], None]:
    """Who hears each record of a test host as it comes."""
    known = {r.id: r for r in host.rows}
    watcher.doing(f"booting the test host ({host.machine.accelerator.value})")

    def tell(record: Record) -> None:
        if record.get("kind") == "ready":
            watcher.doing("the test host is up")
        elif record.get("kind") == "start" and record.get("row") in known:
            watcher.doing(known[str(record["row"])].title)
        elif (result := answered(record, known)) is not None:
            watcher.answered(number, result)

    return tell


def _collected(workspace: Workspace, host: _Host, number: int, ran: HostRun, watcher: Watcher) -> Run:
    """What one test host answered; its logs are kept unless all is well."""
    folder = host.folder / str(number)
    results = collect(host.rows, ran.records, ran.trouble)
    for result in results:
        if not any(r.get("kind") == "row" and r.get("row") == result.id for r in ran.records):
            watcher.answered(number, result)
    ready: Mapping[str, Any] = next((r for r in ran.records if r.get("kind") == "ready"), {})
    told = _told(ran.records) or Guests()
    run = Run(
        number, results, ran.trouble, ran.seconds, ran.booted, str(ready.get("kernel", "")),
        guests=told.accelerator, guests_because=told.because,
    )  # fmt: skip
    if run.ok:
        shutil.rmtree(folder)
        return run
    for (row, name), content in attachments(ran.records).items():
        write_atomic(folder / f"{_plain(row)}.{_plain(name)}", content)
    return dataclasses.replace(run, logs=workspace.relative(folder))


def _boot(host: _Host, folder: Path, tell: Callable[[Record], None]) -> HostRun:
    limits = [r.seconds * SLOWEST for r in host.rows]
    timeout = host.options.timeout or _BOOT_SECONDS + sum(limits)
    with joined(host.archives) as initrd, joined([host.kernel]) as booted:
        machine = dataclasses.replace(
            host.machine, kernel=host.machine.kernel or f"/proc/self/fd/{booted}",
            initrd=f"/proc/self/fd/{initrd}", console=folder / "console.log",
            results=folder / "results.jsonl",
        )  # fmt: skip
        return run_host(machine, [initrd, booted], timeout, tell, _BOOT_SECONDS + max(limits))


def _keep(workspace: Workspace, smoke: Smoke, options: Options, of: Sequence[Path], folder: Path) -> Smoke:
    """Write JUnit XML, and evidence of a whole shape."""
    smoke = dataclasses.replace(smoke, junit=workspace.relative(folder / "junit.xml"))
    write_atomic(folder / "junit.xml", junit(smoke))
    if not (smoke.complete and options.release and options.feature):
        return smoke
    found = evidence.Evidence(
        options.release, options.feature, "smoke", options.shape,
        evidence.hashes(workspace, [p.resolve() for p in of]), facts(smoke),
    )  # fmt: skip
    return dataclasses.replace(smoke, evidence=evidence.write(workspace, found))


@contextlib.contextmanager
def _alone(base: Path, shape: str) -> Iterator[None]:
    """Be the only one who runs this shape in this workspace; ends with the process, however that ends."""
    base.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(base / f"{shape}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FedvhostError(f"another 'fedvhost smoke --shape {shape}' runs in this workspace") from None
        yield
    finally:
        os.close(descriptor)


def _plain(name: str) -> str:
    """``name`` as a file name: what the test host says is not trusted with paths."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name).lstrip(".") or "_"
