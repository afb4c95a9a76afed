"""What each step leaves for the steps after it: results as evidence, tied to the files they speak of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fedvhost.backport.followups import Kind, PackageFollowUps
from fedvhost.evidence import Evidence, hashes, write
from fedvhost.pipeline.checks.checked import CheckResult, to_object
from fedvhost.pipeline.exporting import SERIES, Patch, patches_folder
from fedvhost.pipeline.inputs import Job, Manifests, Part
from fedvhost.pipeline.planning import plan_file
from fedvhost.pipeline.result import PackageResult, package_object
from fedvhost.pipeline.spec.editing import SpecPlace
from fedvhost.workspace import Workspace


def keep_backport(
    workspace: Workspace, job: Job, manifests: Manifests, result: PackageResult, rollup: bool
) -> str:
    """Keep what a run that went all the way came to for a package, and return the evidence's file.

    Inputs: the plan, and every file that went out (patches, ``series``, spec, configuration fragment).
    """
    files = [plan_file(workspace, manifests)]
    if result.export is not None:
        folder = patches_folder(workspace, job)
        files += [folder / SERIES, *(folder / p.name for p in result.export.patches)]
        files += spec_inputs(workspace, job)
    found = package_object(result)
    # Where a person goes on after a stop, and what this run happened to rewrite, are of no matter later.
    facts = {k: v for k, v in found.items() if k not in ("conflict", "changed", "stopped")} | {
        "base_name": result.plan.base_name,
        "rollup": rollup,
        "stopped": None if result.plan.stop is None else result.plan.stop.commit,
        "findings": list(result.spec.findings) if result.spec else [],
        "proof": result.spec.proof if result.spec else "",
        "patches": [p.name for p in result.export.patches] if result.export else [],
        "undecided": [asdict(u) for u in result.plan.undecided],
    }
    inputs = hashes(workspace, (f for f in files if f.is_file()))
    return _write(workspace, job, "backport", inputs, facts)


def keep_check(
    workspace: Workspace,
    job: Job,
    manifests: Manifests,
    patches: Sequence[Patch],
    result: CheckResult,
    each: bool,
) -> str:
    """Keep what a check came to. Inputs: the plan, and the patches as they were checked: a file that says
    something else makes this stale at once."""
    folder = patches_folder(workspace, job)
    inputs = {workspace.relative(folder / p.name): hashlib.sha256(p.content).hexdigest() for p in patches}
    inputs |= hashes(workspace, [plan_file(workspace, manifests)])
    return _write(workspace, job, "check", inputs, {**to_object(result), "each": each})


def keep_spec(
    workspace: Workspace, job: Part, manifests: Manifests, place: SpecPlace, facts: Mapping[str, Any]
) -> str:
    """Keep what the proofs said of the workspace's own spec. Inputs: the plan, the spec and what it names."""
    files = [plan_file(workspace, manifests), *spec_inputs(workspace, job)]
    files += sorted(f for f in patches_folder(workspace, job).iterdir() if f.is_file())
    assert not place.foreign
    return _write(workspace, job, "spec", hashes(workspace, files), facts)


def keep_fixes(workspace: Workspace, job: Job, manifests: Manifests, found: PackageFollowUps) -> str:
    """Keep which follow-ups there are. Inputs: the plan, and the manifest with what was decided of them."""
    files = [plan_file(workspace, manifests), workspace.feature_file(job.feature.name)]
    facts: dict[str, Any] = {
        kind.value.replace(" ", "_"): [
            {"commit": f.commit, "subject": f.subject, "reason": f.reason} for f in found.of(kind)
        ]
        for kind in Kind
    }
    facts |= {"ok": not found.of(Kind.OFFERED), "searched": asdict(found.search), "until": found.until}
    return _write(workspace, job, "fixes", hashes(workspace, files), facts)


def spec_inputs(workspace: Workspace, job: Part) -> list[Path]:
    """Return the spec of a package and all that stands beside it: sources, scripts, configuration."""
    folder = (workspace.root / job.place.spec).parent
    return sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))


def _write(
    workspace: Workspace, job: Part, kind: str, inputs: Mapping[str, str], facts: Mapping[str, Any]
) -> str:
    evidence = Evidence(job.release.name, job.feature.name, kind, job.name, inputs, facts)
    return write(workspace, evidence)
