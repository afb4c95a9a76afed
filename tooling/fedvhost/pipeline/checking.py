"""Specs as they stand, held against the exported series; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fedvhost.errors import InputError
from fedvhost.git.identity import committer
from fedvhost.pipeline.exporting import exported, patches_folder
from fedvhost.pipeline.inputs import Job, Request, open_jobs, read_manifests
from fedvhost.pipeline.planning import read_plan
from fedvhost.pipeline.prepping import Prepared, prepare
from fedvhost.pipeline.replaying import replay
from fedvhost.pipeline.speccing import SpecOutcome, check_spec, spec_place
from fedvhost.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SpecCheck:
    """What the proofs said of one package's spec; ``prepared`` is None if %prep was not asked for, or
    not worth running."""

    package: str
    outcome: SpecOutcome
    prepared: Prepared | None = None
    prep_wanted: bool = False

    @property
    def ok(self) -> bool:
        """Whether every proof that was asked for holds."""
        prepared = self.prepared is not None and self.prepared.ok
        return not self.outcome.findings and (prepared or not self.prep_wanted)


def check_specs(
    workspace: Workspace,
    request: Request,
    dist_git: Mapping[str, Path],
    *,
    prep: bool,
    progress: Callable[[str], None],
) -> tuple[SpecCheck, ...]:
    """Expand the spec of each package and, with ``prep``, run its %prep.

    Raises:
        InputError: there is no plan or no exported series; rpm cannot read a spec.
    """
    manifests = read_manifests(workspace, request)
    identity = committer(workspace.root)
    with workspace.lock(), open_jobs(workspace, request, manifests) as jobs:
        plan = read_plan(workspace, manifests)
        found: list[SpecCheck] = []
        for job in jobs:
            place = spec_place(workspace, job, dist_git.get(job.name))
            folder = patches_folder(workspace, job)
            series = _series(workspace, job, folder)
            progress(f"{job.name}: expanding '{workspace.relative(place.spec)}'")
            outcome = check_spec(job, place, series, folder)
            prepared = None
            if prep and not outcome.findings:
                replayed = replay(job, plan.packages[job.name], identity, progress)
                progress(f"{job.name}: running %prep")
                prepared = prepare(workspace, job, place, replayed)
            found.append(SpecCheck(job.name, outcome, prepared, prep))
        return tuple(found)


def _series(workspace: Workspace, job: Job, folder: Path) -> tuple[str, ...]:
    series = exported(folder)
    if not series:
        raise InputError(
            f"no series is exported here; make it with 'fedvhost backport --release {job.release.name}'",
            file=workspace.relative(folder),
        )
    return series
