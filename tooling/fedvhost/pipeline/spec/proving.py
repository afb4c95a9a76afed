"""Specs as they stand, held against the exported series; nothing but the evidence is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedvhost.errors import InputError
from fedvhost.git.identity import committer
from fedvhost.pipeline.evidencing import keep_spec
from fedvhost.pipeline.exporting import SERIES, export, exported, patches_folder, rollup_name
from fedvhost.pipeline.inputs import Job, Request, check_dist_git, open_jobs, read_manifests
from fedvhost.pipeline.planning import read_plan
from fedvhost.pipeline.replaying import Replay, replay
from fedvhost.pipeline.spec.editing import SpecOutcome, check_spec, spec_place
from fedvhost.pipeline.spec.prepping import Prepared, prepare
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
    check_dist_git(manifests, dist_git)
    with workspace.lock(), open_jobs(workspace, request, manifests) as jobs:
        identity = committer(workspace.root)
        plan = read_plan(workspace, manifests)
        found: list[SpecCheck] = []
        for job in jobs:
            place = spec_place(workspace, job, dist_git.get(job.name))
            folder = patches_folder(workspace, job)
            series = _series(workspace, job, folder)
            progress(f"{job.name}: expanding '{workspace.relative(place.spec)}'")
            outcome = check_spec(job, place, series, folder)
            replayed = replay(job, plan.packages[job.name], identity, progress)
            folders = (folder, place.spec.parent) if place.foreign else (folder,)
            changed = tuple(_changed(workspace, job, replayed, series, folders))
            outcome = dataclasses.replace(
                outcome, spec=workspace.relative(place.spec), findings=(*outcome.findings, *changed)
            )
            prepared = None
            if prep and not outcome.findings:
                progress(f"{job.name}: running %prep")
                prepared = prepare(workspace, job, place, replayed)
            checked = SpecCheck(job.name, outcome, prepared, prep)
            if not place.foreign:
                keep_spec(workspace, job, manifests, place, spec_object(checked))
            found.append(checked)
        return tuple(found)


def spec_object(checked: SpecCheck) -> dict[str, Any]:
    """Return what the proofs said as JSON's types."""
    found: dict[str, Any] = {
        "ok": checked.ok,
        "spec": checked.outcome.spec,
        "nvr": checked.outcome.nvr,
        "findings": list(checked.outcome.findings),
        "noticed": list(checked.outcome.noticed),
    }
    if checked.prepared is not None:
        found["prep"] = {
            "ok": checked.prepared.ok,
            "compared": checked.prepared.compared,
            "failed": checked.prepared.failed,
            "differing": list(checked.prepared.differing),
            "log": str(checked.prepared.log),
        }
    return found


def _changed(
    workspace: Workspace, job: Job, replayed: Replay, series: Sequence[str], folders: Sequence[Path]
) -> Iterator[str]:
    """Say which files of the series are not what the plan exports: somebody edited them, or the plan is
    a newer one."""
    if replayed.differs is not None:
        yield f"the plan does not land as it says, so nothing can be compared: {replayed.differs}"
        return
    made = export(job, replayed, rollup=tuple(series) == (rollup_name(job),))
    again = "write it anew with 'fedvhost export'"
    if tuple(series) != tuple(p.name for p in made.patches):
        yield f"'{workspace.relative(folders[0] / SERIES)}' does not list the plan's patches; {again}"
    for folder in folders:
        for patch in made.patches:
            file = folder / patch.name
            if not file.is_file():
                yield f"'{workspace.relative(file)}' is missing; {again}"
            elif file.read_bytes() != patch.content:
                yield f"'{workspace.relative(file)}' is not what the plan exports; {again}"


def _series(workspace: Workspace, job: Job, folder: Path) -> tuple[str, ...]:
    series = exported(folder)
    if not series:
        raise InputError(
            f"no series is exported here; make it with 'fedvhost backport --release {job.release.name}'",
            file=workspace.relative(folder),
        )
    return series
