"""Specs as they stand, held against the exported series; nothing but the evidence is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedvhost.errors import InputError
from fedvhost.evidence import Evidence, changed_inputs, read
from fedvhost.git.identity import committer
from fedvhost.pipeline.evidencing import keep_spec
from fedvhost.pipeline.exporting import SERIES, export, exported, patches_folder, rollup_name
from fedvhost.pipeline.inputs import (
    Historyless,
    Job,
    Manifests,
    Part,
    Request,
    check_dist_git,
    history_is_here,
    open_jobs,
    read_manifests,
)
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
    """Expand the spec of each package, hold its patches against the plan's and, with ``prep``, run its %prep.

    Without ``prep`` a package whose history is not here is not fetched for it: its patches are held against
    the evidence of ``backport``, and that is noticed.

    Raises:
        InputError: there is no plan or no exported series; rpm cannot read a spec.
    """
    manifests = read_manifests(workspace, request)
    check_dist_git(manifests, dist_git)
    here = tuple(p for p in manifests.packages if prep or history_is_here(workspace, request, manifests, p))
    with (
        workspace.lock(),
        open_jobs(workspace, request, dataclasses.replace(manifests, packages=here)) as jobs,
    ):
        identity = committer(workspace.root)
        plan = read_plan(workspace, manifests)
        found: list[SpecCheck] = []
        for part in _parts(manifests, jobs):
            place = spec_place(workspace, part, dist_git.get(part.name))
            folder = patches_folder(workspace, part)
            series = _series(workspace, part, folder)
            progress(f"{part.name}: expanding '{workspace.relative(place.spec)}'")
            outcome = check_spec(part, place, series, folder)
            outcome = dataclasses.replace(outcome, spec=workspace.relative(place.spec))
            prepared = None
            if isinstance(part, Job):
                replayed = replay(part, plan.packages[part.name], identity, progress)
                folders = (folder, place.spec.parent) if place.foreign else (folder,)
                changed = tuple(_changed(workspace, part, replayed, series, folders))
                outcome = dataclasses.replace(outcome, findings=(*outcome.findings, *changed))
                if prep and not outcome.findings:
                    progress(f"{part.name}: running %prep")
                    prepared = prepare(workspace, part, place, replayed)
            else:
                outcome = _by_evidence(workspace, part, series, outcome)
            checked = SpecCheck(part.name, outcome, prepared, prep)
            if not place.foreign:
                keep_spec(workspace, part, manifests, place, spec_object(checked))
            found.append(checked)
        return tuple(found)


def _parts(manifests: Manifests, jobs: Sequence[Job]) -> Iterator[Job | Historyless]:
    """Every package of the run: as a job, if its history is here."""
    opened = {job.name: job for job in jobs}
    feature, release = manifests.feature, manifests.release
    for name in manifests.packages:
        yield opened.get(name) or Historyless(
            name, feature, release, feature.packages[name], release.packages[name]
        )


def _by_evidence(
    workspace: Workspace, part: Part, series: Sequence[str], outcome: SpecOutcome
) -> SpecOutcome:
    """Hold the series against what ``backport`` left, where it cannot be made anew."""
    evidence = read(workspace, part.release.name, part.feature.name, "backport", part.name)
    missing = "the history is not here, so the plan's patches cannot be made anew;"
    if not isinstance(evidence, Evidence):
        why = "is none" if evidence is None else f"cannot be believed: {evidence.reason}"
        said = f"{missing} the evidence of 'fedvhost backport' {why}: they were held against nothing"
        return dataclasses.replace(outcome, noticed=(*outcome.noticed, said))
    folder = workspace.relative(patches_folder(workspace, part))
    names = {f"{folder}/{name}" for name in (SERIES, *series)}
    wrong = [n for n in changed_inputs(workspace, evidence) if n in names or n.startswith(f"{folder}/")]
    findings = [f"'{n}' is not as 'fedvhost backport' left it" for n in wrong]
    findings += [f"'{n}' is not of 'fedvhost backport'" for n in sorted(names - set(evidence.inputs))]
    said = f"{missing} they were held against the evidence of 'fedvhost backport'"
    return dataclasses.replace(
        outcome, findings=(*outcome.findings, *findings), noticed=(*outcome.noticed, said)
    )


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


def _series(workspace: Workspace, job: Part, folder: Path) -> tuple[str, ...]:
    series = exported(folder)
    if not series:
        make = f"{workspace.program} backport --release {job.release.name}"
        raise InputError(
            f"no series is exported here; make it with: {make}",
            file=workspace.relative(folder),
        )
    return series
