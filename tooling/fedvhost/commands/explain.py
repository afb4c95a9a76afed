"""``fedvhost explain``: why a commit is in the plan, or what becomes of it."""

from __future__ import annotations

import json

import click

from fedvhost.commands.context import Invocation, pass_invocation
from fedvhost.commands.run import request_of, run_options, style


@click.command()
@click.argument("commit")
@run_options
@pass_invocation
def explain(
    invocation: Invocation, commit: str, release: str, feature: str | None, packages: tuple[str, ...],
    upstream: tuple[str, ...], as_json: bool,
) -> int:  # fmt: skip
    """Say why COMMIT is in the plan or not, and what it conflicts with. Needs a plan; writes nothing."""
    from fedvhost.errors import InputError
    from fedvhost.git.identity import committer
    from fedvhost.pipeline.inputs import open_jobs, read_manifests
    from fedvhost.pipeline.picking import explain as explain_commit
    from fedvhost.pipeline.planning import read_plan
    from fedvhost.pipeline.replaying import replay
    from fedvhost.report.picks import explanation_lines, explanation_object
    from fedvhost.upstreams import resolve_revision

    workspace, request = request_of(invocation, release, feature, packages, upstream)
    manifests = read_manifests(workspace, request)
    found, errors = [], []
    with open_jobs(workspace, request, manifests, apart=True) as jobs:
        plan = read_plan(workspace, manifests)
        for job in jobs:
            # The plan's trees are objects of ours, made anew here.
            replay(job, plan.packages[job.name], committer(workspace.root))
            try:
                oid = resolve_revision(job.upstream, commit, "commit")
            except InputError as error:
                errors.append(error)
                continue
            found.append(explain_commit(job, plan.packages[job.name], oid))
    if not found:
        raise errors[0]
    if as_json:
        click.echo(json.dumps([explanation_object(e) for e in found], indent=2, sort_keys=True))
    else:
        for explanation in found:
            click.echo("\n".join(explanation_lines(explanation, style)))
    return 0
