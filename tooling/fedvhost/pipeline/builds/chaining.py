"""The step ``build``: each package in its turn, on record from before it is submitted to its outcome."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fedvhost.builds.backend import Backend, Event
from fedvhost.builds.record import (
    Record,
    State,
    Via,
    all_records,
    new_id,
    new_token,
    save,
    utc_now,
)
from fedvhost.errors import InputError, ToolError
from fedvhost.evidence import Evidence, digest, write
from fedvhost.packaging.objects import machines_in
from fedvhost.pipeline.builds.backends import first_target
from fedvhost.pipeline.builds.ingredients import Refused
from fedvhost.pipeline.builds.packing import Packed, pack, results_dir
from fedvhost.pipeline.inputs import Manifests, Request
from fedvhost.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asked for. ``options``: ``--with X``, ``--without Y``; ``target``: instead of the
    release's (mock's chroot, koji's target); ``profile``: koji's; ``wait``: stay until it ended."""

    via: Via
    scratch: bool = False
    options: tuple[str, ...] = ()
    arches: tuple[str, ...] = ()
    target: str = ""
    profile: str = ""
    wait: bool = True


@dataclass(frozen=True, slots=True)
class Chain:
    """What a run came to: the builds, in order; the packages that were ``refused``; those ``left``, which
    were not begun because one before them was not built. ``interrupted``: Ctrl-C ended the watching."""

    records: tuple[Record, ...] = ()
    refused: tuple[Refused, ...] = ()
    left: tuple[str, ...] = ()
    interrupted: bool = False
    waited: bool = True

    @property
    def ok(self) -> bool:
        """Whether every package was built; without waiting: whether every one was submitted."""
        good = (State.DONE,) if self.waited else (State.SUBMITTED, State.BUILDING, State.DONE)
        settled = bool(self.records) and all(r.state in good for r in self.records)
        return settled and not (self.refused or self.left or self.interrupted)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who is told: ``progress`` before there is a build, ``event`` of what happens in one, ``changed`` when
    one enters another state."""

    progress: Callable[[str], None] = lambda _: None
    event: Callable[[Record, Event], None] = lambda _, __: None
    changed: Callable[[Record], None] = lambda _: None


def run_chain(
    workspace: Workspace,
    request: Request,
    manifests: Manifests,
    order: Order,
    backend: Backend,
    watcher: Watcher,
) -> Chain:
    """Build the packages of a run, in the release's order; after one that is not built the rest is left.

    Raises:
        InputError: the order cannot be carried out so; a spec, source, target is wrong.
        ToolError: a program is missing, a build system cannot be reached.
    """
    _check(order, backend, manifests.packages)
    chain = new_token()[:12]
    # What can be wrong with the build system is found out before anything is packed or built.
    drafts = {p: backend.ready(_draft(manifests, p, order, chain)) for p in manifests.packages}
    packed = pack(workspace, request, manifests, order.options, watcher.progress)
    refused = tuple(p for p in packed if isinstance(p, Refused))
    if refused:
        return Chain(refused=refused, waited=order.wait)
    records: list[Record] = []
    for one in (p for p in packed if isinstance(p, Packed)):
        record, interrupted = _one(
            workspace, drafts[one.package], one, order, backend, watcher, bool(records)
        )
        records.append(record)
        if interrupted or (order.wait and not record.ok):
            left = manifests.packages[len(records) :]
            return Chain(tuple(records), left=left, interrupted=interrupted, waited=order.wait)
        if order.wait and len(records) < len(manifests.packages):
            backend.available(record, partial(watcher.event, record))
    return Chain(tuple(records), waited=order.wait)


def settle(workspace: Workspace, record: Record, backend: Backend, watcher: Watcher) -> Record:
    """Bring the results of an ended build to where they are looked for, and leave evidence; of a build that
    goes on, or whose results are there, nothing."""
    folder = results_dir(workspace, record.release, record.nvr)
    if record.state not in (State.DONE, State.FAILED):
        return record
    files = (*record.results, *record.logs)
    if files and all((workspace.root / f).parent == folder for f in files):
        return record
    _make_room(workspace, record)
    record = backend.collect(record, folder, partial(watcher.event, record))
    keep_build(workspace, record)
    return record


def keep_build(workspace: Workspace, record: Record) -> str:
    """Write the evidence of an ended build and return its file. Inputs: what the source package was made
    of. Facts: the record's, the SHA-256 of each result, and for which machines its code is."""
    results = {r: digest(workspace.root / r) for r in record.results if (workspace.root / r).is_file()}
    facts = {
        "ok": record.ok and bool(results) and len(results) == len(record.results),
        "record": record.id,
        "nvr": record.nvr,
        "via": record.via,
        "scratch": record.scratch,
        "state": record.state.value,
        "because": record.because,
        "complaint": list(record.complaint),
        "notes": list(record.notes),
        "options": list(record.options),
        "arches": list(record.arches),
        "target": record.target,
        "hub": record.hub,
        "task": record.task,
        "srpm": {record.srpm: record.srpm_sha256},
        "base": record.own.get("base", ""),
        "results": results,
        "machines": _machines(workspace, results),
        "logs": list(record.logs),
        "started": record.started,
        "ended": record.ended,
    }
    return write(
        workspace,
        Evidence(record.release, record.feature, "build", record.package, record.inputs, facts),
    )


def _machines(workspace: Workspace, results: Iterable[str]) -> dict[str, list[str]]:
    """The machines of the object files in each package; one that rpm cannot read is left out."""
    found = {}
    for name in (r for r in results if r.endswith(".rpm")):
        with contextlib.suppress(ToolError):
            found[name] = list(machines_in(workspace.root / name))
    return found


def _one(
    workspace: Workspace,
    draft: Record,
    packed: Packed,
    order: Order,
    backend: Backend,
    watcher: Watcher,
    later: bool,
) -> tuple[Record, bool]:
    """Build one package; the second: Ctrl-C ended the watching, or the build."""
    record = replace(
        draft,
        id=new_id(packed.package) if later else draft.id,  # the id sorts by the time of submission
        nvr=packed.nvr,
        inputs=packed.inputs,
        srpm=packed.srpm,
        srpm_sha256=packed.sha256,
        notes=(*draft.notes, *packed.notes),
        made=utc_now(),
        own={**draft.own, "base": packed.base, "epoch": packed.epoch},
    )
    record = save(workspace, record)
    watcher.changed(record)

    tell = partial(watcher.event, record)
    try:
        record = backend.submit(record, tell)
        watcher.changed(record)
        if not order.wait:
            return record, False
        record = backend.watch(record, tell)
        interrupted = record.state is State.CANCELLED and record.because.startswith("interrupted")
        record = settle(workspace, record, backend, watcher)
    except KeyboardInterrupt:
        # Submitted or not: the record knows, and 'build status' goes on from it.
        for kept in all_records(workspace):
            record = kept if isinstance(kept, Record) and kept.id == record.id else record
        return record, True
    watcher.changed(record)
    return record, interrupted


def _draft(manifests: Manifests, package: str, order: Order, chain: str) -> Record:
    release = manifests.release
    return Record(
        new_id(package), new_token(), release.name, manifests.feature.name, package, "", order.via,
        scratch=order.scratch, chain=chain, profile=order.profile, arches=order.arches,
        target=order.target or first_target(release, order.via), options=order.options,
        own={"dist": release.dist},
    )  # fmt: skip


def _check(order: Order, backend: Backend, packages: Sequence[str]) -> None:
    if not order.wait and not backend.stays:
        raise InputError(
            f"--no-wait: a build with {backend.via} runs here and ends with this command; leave it out"
        )
    if not order.wait and not order.scratch and len(packages) > 1:
        raise InputError(
            f"--no-wait: {packages[1]} must wait until {packages[0]} is in the build root; "
            "build them one at a time (--package), or stay"
        )


def _make_room(workspace: Workspace, record: Record) -> None:
    """Remove what earlier builds of the same NVR left where this one's results go: packages of one build
    beside the log of another would deceive."""
    folder = results_dir(workspace, record.release, record.nvr)
    for old in all_records(workspace):
        if (
            isinstance(old, Record)
            and old.id != record.id
            and (old.release, old.nvr) == (record.release, record.nvr)
        ):
            for name in (*old.results, *old.logs):
                file = workspace.root / name
                if file.parent == folder and name != record.srpm:
                    file.unlink(missing_ok=True)
