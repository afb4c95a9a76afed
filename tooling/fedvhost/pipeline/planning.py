"""The step ``plan``: from manifests to a plan, and the plan's file."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from fedvhost.backport.plan import PackagePlan, Plan, from_json, to_json
from fedvhost.backport.planning import make_plan
from fedvhost.errors import InputError
from fedvhost.pipeline.conflicts.consulting import Consulting
from fedvhost.pipeline.facts import HistoryFacts
from fedvhost.pipeline.inputs import Job, Manifests, at_key
from fedvhost.workspace import Workspace, write_atomic


def plan_jobs(
    jobs: Sequence[Job],
    manifests: Manifests,
    progress: Callable[[str], None],
    consulting: Consulting | None = None,
) -> Plan:
    """Work out the plan of every job; what one would stop at is put to the resolver, if there is one."""
    packages: dict[str, PackagePlan] = {}
    for job in jobs:

        def tell(text: str, name: str = job.name) -> None:
            progress(f"{name}: {text}")

        facts = HistoryFacts(job.store, job.history, answers=job.answers)
        try:
            plan = make_plan(job.wanted, facts, tell)
            while plan.stop is not None and consulting is not None:
                settled = consulting.settle(job, plan, tell)
                if settled is not None:
                    plan = settled
                    break
                facts.learn(consulting.answers(job))
                plan = make_plan(job.wanted, facts, tell)
            packages[job.name] = plan
        except InputError as error:
            if error.file is not None:
                raise
            # What can be wrong at this point is how the manifest says that a commit lands.
            raise at_key(manifests, ("packages", job.name, "adapt"), error.message) from error
    return Plan(manifests.feature.name, manifests.release.name, packages, manifests.inputs)


def plan_file(workspace: Workspace, plan: Plan | Manifests) -> Path:
    """Where a plan is kept, ``backport/plans/<release>-<feature>.json``."""
    if isinstance(plan, Plan):
        return workspace.plans_dir / f"{plan.release}-{plan.feature}.json"
    return workspace.plans_dir / f"{plan.release.name}-{plan.feature.name}.json"


def write_plan(workspace: Workspace, plan: Plan) -> bool:
    """Write the plan; packages that this run did not plan keep what the file says of them."""
    file = plan_file(workspace, plan)
    if file.exists():
        # What cannot be read any more is being replaced: that is no reason to stop.
        with contextlib.suppress(InputError):
            old = from_json(file.read_bytes(), workspace.relative(file))
            plan = Plan(plan.feature, plan.release, {**old.packages, **plan.packages}, plan.inputs)
    return write_atomic(file, to_json(plan))


def read_plan(workspace: Workspace, manifests: Manifests) -> Plan:
    """Read the plan that a run was told to follow.

    Raises:
        InputError: there is none, or it does not cover a package of this run, or has another base.
    """
    file = plan_file(workspace, manifests)
    if not file.exists():
        raise InputError(
            f"there is no plan '{workspace.relative(file)}' yet; "
            f"make it with: {workspace.program} plan --release {manifests.release.name}"
        )
    plan = from_json(file.read_bytes(), workspace.relative(file))
    for name in manifests.packages:
        if name not in plan.packages:
            raise InputError(
                f"it has no plan for package '{name}'; plan again", file=workspace.relative(file)
            )
        planned, wanted = plan.packages[name].base_name, manifests.release.packages[name].base
        if planned != wanted:
            raise InputError(
                f"it is a plan for {name} on '{planned}', and the release's base is '{wanted}'; plan again",
                file=workspace.relative(file),
            )
    return Plan(plan.feature, plan.release, {n: plan.packages[n] for n in manifests.packages}, plan.inputs)


def outdated_inputs(plan: Plan, manifests: Manifests) -> tuple[str, ...]:
    """Return the manifests that say something else than when the plan was made."""
    return tuple(f for f, digest in manifests.inputs.items() if plan.inputs.get(f) != digest)
