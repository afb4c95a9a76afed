"""The whole way: plan, replay, export, spec. A package that stops leaves the others to go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedvhost.backport.plan import PackagePlan
from fedvhost.config import configured_resolver
from fedvhost.git.identity import Identity, committer
from fedvhost.pipeline.conflicts.consulting import Consulting
from fedvhost.pipeline.conflicts.preparing import clear, prepare
from fedvhost.pipeline.evidencing import keep_backport
from fedvhost.pipeline.exporting import Export, export, export_files, exported, outdated, patches_folder
from fedvhost.pipeline.inputs import (
    Job,
    Manifests,
    Request,
    check_dist_git,
    open_jobs,
    read_manifests,
)
from fedvhost.pipeline.planning import outdated_inputs, plan_file, plan_jobs, read_plan, write_plan
from fedvhost.pipeline.replaying import Replay, replay
from fedvhost.pipeline.result import PackageResult, Result
from fedvhost.pipeline.spec.editing import check_readable, edit_spec, spec_files, spec_place
from fedvhost.workspace import Workspace, write_all


@dataclass(frozen=True, slots=True)
class Options:
    """How far and how a run goes. ``upto``: ``plan``, ``replay``, ``export`` or ``spec``;
    ``dist_git``: package → a checkout of its package repository, worked on instead of the workspace."""

    upto: str = "spec"
    from_plan: bool = False
    rollup: bool = False
    dry_run: bool = False
    dist_git: Mapping[str, Path] = field(default_factory=dict)

    def reaches(self, step: str) -> bool:
        """Whether the run goes as far as ``step``."""
        steps = ("plan", "replay", "export", "spec")
        return steps.index(step) <= steps.index(self.upto)


def run_backport(
    workspace: Workspace, request: Request, options: Options, progress: Callable[[str], None]
) -> Result:
    """Carry out a run; with ``dry_run`` nothing outside ``.fedvhost/`` is written.

    Raises:
        InputError, ToolError: as the steps do.
    """
    manifests = read_manifests(workspace, request)
    check_dist_git(manifests, options.dist_git)
    with workspace.lock(), open_jobs(workspace, request, manifests) as jobs:
        identity = committer(workspace.root)
        if options.reaches("spec"):
            # Before the work of minutes: what rpm cannot read now it will not read then.
            for job in jobs:
                check_readable(job, spec_place(workspace, job, options.dist_git.get(job.name)))
        if options.from_plan:
            plan = read_plan(workspace, manifests)
        else:
            consulting = _consulting(workspace, options)
            plan = plan_jobs(jobs, manifests, progress, consulting)
            if consulting is not None:
                jobs = tuple(dataclasses.replace(job, answers=consulting.answers(job)) for job in jobs)
        written = not options.from_plan and not options.dry_run and write_plan(workspace, plan)
        run = _Run(workspace, manifests, options, identity, progress, _resumable(request, options))
        results = {job.name: run.package_and_conflict(job, plan.packages[job.name]) for job in jobs}
        # Not before all is done: until then the same 'resume' must go on, however this run ends.
        for job in jobs:
            if results[job.name].plan.stop is None:
                results[job.name] = dataclasses.replace(results[job.name], conflict=clear(workspace, job))
            if not options.dry_run and options.reaches("spec") and job.name not in options.dist_git:
                keep_backport(workspace, job, manifests, results[job.name], options.rollup)
        file = workspace.relative(plan_file(workspace, plan))
        outdated = outdated_inputs(plan, manifests)
        return Result(plan.feature, plan.release, results, file, written, outdated)


def _consulting(workspace: Workspace, options: Options) -> Consulting | None:
    resolver = configured_resolver(workspace.config_file)
    return None if resolver is None else Consulting(workspace, resolver, keep=not options.dry_run)


def _resumable(request: Request, options: Options) -> Mapping[str, Any]:
    """Return what ``resuming`` needs to go on as this run would have, wherever it is called from."""
    given = (option.partition("=") for option in request.upstreams)
    return {
        "packages": list(request.packages),
        "upstreams": [f"{name}={Path(path).expanduser().absolute()}" for name, _, path in given],
        "upto": options.upto,
        "rollup": options.rollup,
        "dry_run": options.dry_run,
        "dist_git": {name: str(path) for name, path in options.dist_git.items()},
    }


@dataclass(frozen=True, slots=True)
class _Run:
    workspace: Workspace
    manifests: Manifests
    options: Options
    identity: Identity
    progress: Callable[[str], None]
    resumable: Mapping[str, Any]

    def package_and_conflict(self, job: Job, plan: PackagePlan) -> PackageResult:
        """Take one package as far as it goes, and leave what it stopped at for a person to settle."""
        result = self.package(job, plan)
        if plan.stop is None or (result.replay is not None and result.replay.differs is not None):
            return result
        tree = plan.entries[-1].tree if plan.entries else job.store.tree_of(plan.base)
        return dataclasses.replace(
            result, conflict=prepare(self.workspace, job, plan.stop, tree, self.resumable)
        )

    def package(self, job: Job, plan: PackagePlan) -> PackageResult:
        """Take one package as far as it goes."""
        store = self.workspace.relative(job.store.path)
        if not self.options.reaches("replay"):
            return PackageResult(plan)
        replayed = replay(job, plan, self.identity, self.progress)
        if replayed.differs is not None:
            return PackageResult(plan, replayed, problem=replayed.differs, ref=job.ref, store=store)
        # A series that is not whole must not reach a spec: somebody would build it.
        if plan.stop is not None or not self.options.reaches("export"):
            return PackageResult(plan, replayed, ref=job.ref, store=store)
        self.progress(f"{job.name}: exporting {len(replayed.picked)} patches and applying them")
        made = export(job, replayed, rollup=self.options.rollup)
        if not made.application.ok:
            return PackageResult(plan, replayed, made, problem=_not_applied(made), ref=job.ref, store=store)
        if not self.options.reaches("spec"):
            changed = self._write(*self._patches(job, made))
            return PackageResult(plan, replayed, made, changed=changed, ref=job.ref, store=store)
        return self._spec(job, plan, replayed, made)

    def _spec(self, job: Job, plan: PackagePlan, replayed: Replay, made: Export) -> PackageResult:
        self.progress(f"{job.name}: declaring and applying the patches in the spec")
        checkout = self.options.dist_git.get(job.name)
        place = spec_place(self.workspace, job, checkout)
        edit = edit_spec(job, place, made, self.identity)
        outcome = dataclasses.replace(edit.outcome, spec=self.workspace.relative(place.spec))
        changed: tuple[str, ...] = ()
        if not outcome.findings:
            files, stale = self._patches(job, made)
            if checkout is not None:
                files.update(export_files(checkout, made, series=False))
                stale += outdated(checkout, made, edit.declared_before)
            changed = self._write({**files, **spec_files(place, edit)}, stale)
        return PackageResult(
            plan,
            replayed,
            made,
            outcome,
            problem="; ".join(outcome.findings) or None,
            changed=changed,
            ref=job.ref,
            store=self.workspace.relative(job.store.path),
        )

    def _patches(self, job: Job, made: Export) -> tuple[dict[Path, bytes], tuple[Path, ...]]:
        """Return the files of the series, and those of the one before that it does not have."""
        folder = patches_folder(self.workspace, job)
        return dict(export_files(folder, made)), outdated(folder, made, exported(folder))

    def _write(self, files: Mapping[Path, bytes], stale: Sequence[Path]) -> tuple[str, ...]:
        if self.options.dry_run:
            return ()
        return tuple(self.workspace.relative(path) for path in write_all(files, stale))


def _not_applied(made: Export) -> str:
    applied = made.application
    if applied.failed is not None:
        return f"{applied.failed} does not apply with 'patch -p1 -F0': {applied.said}"
    return (
        f"applied with 'patch -p1 -F0', these differ from the replayed tree: {', '.join(applied.differing)}"
    )
