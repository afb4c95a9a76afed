"""``fedvhost fixes``: later upstream commits that repair what was picked."""

from __future__ import annotations

import json

import click

from fedvhost.commands.context import Invocation, pass_invocation
from fedvhost.commands.run import progress_of, request_of, run_options, style


@click.command()
@run_options
@pass_invocation
def fixes(
    invocation: Invocation, release: str, feature: str | None, packages: tuple[str, ...],
    upstream: tuple[str, ...], as_json: bool,
) -> int:  # fmt: skip
    """Find follow-ups of what the plan lands, and sort them: offered, not to be taken, features, noise.

    Looks through all branches and tags of the upstream history. Needs a plan; what a person decides stands
    in the feature's manifest, under 'taken' and 'omitted'. Exit code 0: offers are information.
    """
    import shutil

    from fedvhost.pipeline.fixes.following import find_followups
    from fedvhost.report.fixes import fixes_lines, fixes_object

    workspace, request = request_of(invocation, release, feature, packages, upstream)
    with progress_of(invocation) as progress:
        found = find_followups(workspace, request, progress)
    if as_json:
        click.echo(json.dumps(fixes_object(found), indent=2, sort_keys=True, ensure_ascii=False))
    else:
        width = min(max(shutil.get_terminal_size((100, 24)).columns, 60), 140)
        for line in fixes_lines(found, style, width):
            click.echo(line)
    return 0
