"""``fedvhost resume`` and ``fedvhost abort``: after a conflict."""

from __future__ import annotations

import json

import click

from fedvhost.commands.context import Invocation, pass_invocation
from fedvhost.commands.run import SAMPLE, progress_of, request_of, run_options, show


@click.command()
@run_options
@click.option("--because", metavar="TEXT", help="Why so: stands in the patch beside what was done.")
@pass_invocation
def resume(
    invocation: Invocation, release: str, feature: str | None, packages: tuple[str, ...],
    upstream: tuple[str, ...], as_json: bool, because: str | None,
) -> int:  # fmt: skip
    """Record how you settled a conflict, and go on with the run that stopped at it.

    The answer is kept in backport/resolutions/ and holds wherever the same conflict comes up again. Exit
    code 1: another commit stopped. 2: a conflict marker is left; nothing is recorded then.
    """
    from fedvhost.pipeline.conflicts.resuming import resume as go_on

    workspace, request = request_of(invocation, release, feature, packages, upstream)
    with progress_of(invocation) as progress:
        resumed = go_on(workspace, request, because, progress)
    if not as_json:
        for file in resumed.recorded:
            click.echo(f"recorded {file}")
    return show(resumed.result, as_json, workspace.program, sample=SAMPLE in upstream)


@click.command()
@run_options
@pass_invocation
def abort(
    invocation: Invocation, release: str, feature: str | None, packages: tuple[str, ...],
    upstream: tuple[str, ...], as_json: bool,
) -> int:  # fmt: skip
    """Remove the files that were prepared for a conflict, edited or not; recorded answers stay."""
    from fedvhost.pipeline.conflicts.resuming import abort as clear

    workspace, request = request_of(invocation, release, feature, packages, upstream)
    removed = clear(workspace, request)
    if as_json:
        click.echo(json.dumps({"removed": list(removed)}))
    else:
        for folder in removed:
            click.echo(f"removed  {folder}")
    return 0
