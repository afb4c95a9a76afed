"""``fedvhost spec``: the plan's series in the spec, and the proofs that it is applied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from fedvhost.commands.context import Invocation, pass_invocation
from fedvhost.commands.run import (
    dist_git_option,
    execute,
    parse_dist_git,
    progress_of,
    request_of,
    rollup_option,
    run_options,
    style,
)

if TYPE_CHECKING:
    from fedvhost.pipeline.spec.proving import SpecCheck


@click.command()
@run_options
@dist_git_option
@rollup_option
@click.option(
    "--check", is_flag=True, help="Change nothing: is every patch of the series, and of the spec, applied?"
)
@click.option(
    "--prep", is_flag=True, help="--check, then run %prep on the base's source and compare its tree."
)
@pass_invocation
def spec(
    invocation: Invocation, release: str, feature: str | None, packages: tuple[str, ...],
    upstream: tuple[str, ...], as_json: bool, dist_git: tuple[str, ...], rollup: bool, check: bool,
    prep: bool,
) -> int:  # fmt: skip
    """Declare and apply the plan's series in the spec, raise the release, write the changelog.

    With --check or --prep nothing is changed: the spec as it stands is held against the exported series.
    Exit code 1: a patch is not applied, or %prep leaves another tree than the replay.
    """
    if not (check or prep):
        return execute(
            invocation, "spec", release, feature, packages, upstream, as_json,
            dist_git=dist_git, rollup=rollup, from_plan=True,
        )  # fmt: skip
    from fedvhost.pipeline.spec.proving import check_specs, spec_object

    workspace, request = request_of(invocation, release, feature, packages, upstream)
    with progress_of(invocation) as progress:
        checks = check_specs(workspace, request, parse_dist_git(dist_git), prep=prep, progress=progress)
    if as_json:
        click.echo(json.dumps({c.package: spec_object(c) for c in checks}, indent=2, sort_keys=True))
    else:
        for checked in checks:
            _tell(checked)
    return 0 if all(c.ok for c in checks) else 1


def _tell(checked: SpecCheck) -> None:
    click.echo(style(f"{checked.package}: {checked.outcome.nvr}", "bold") + f"  {checked.outcome.spec}")
    for finding in checked.outcome.findings:
        click.echo("  " + style("wrong", "red") + f"     {finding}")
    for noticed in checked.outcome.noticed:
        click.echo(f"  noticed   {noticed}")
    if checked.outcome.proof:
        click.echo(f"  expanded  {checked.outcome.proof}")
    prepared = checked.prepared
    if prepared is None:
        if checked.prep_wanted:
            click.echo("  %prep     not run: what is wrong above comes first")
        return
    if prepared.failed is not None:
        click.echo("  " + style("%prep", "red") + f"     {prepared.failed}; all of it in {prepared.log}")
    elif prepared.differing:
        click.echo(
            "  " + style("%prep", "red") + f"     left these otherwise: {', '.join(prepared.differing)}"
        )
    else:
        click.echo(
            f"  %prep     ran; the {prepared.compared} files of the series are as replayed, byte for byte"
        )
