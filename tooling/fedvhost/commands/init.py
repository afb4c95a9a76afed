"""``fedvhost init``: a workspace of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from fedvhost.commands.context import Invocation, json_option, pass_invocation, say_json


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@json_option
@pass_invocation
def init(invocation: Invocation, directory: Path, as_json: bool) -> None:
    """Make DIRECTORY a workspace, with the features, releases and specs that came along.

    An existing workspace is left as it is; any other folder must be empty.
    """
    from fedvhost.shipped import make_workspace
    from fedvhost.workspace import locate

    made = make_workspace(directory)
    if as_json:
        there = made or locate(directory)
        found = {"features": list(there.features()), "releases": list(there.releases())}
        say_json({"workspace": str(there.root), "made": made is not None, **found})
        return
    if made is None:
        click.echo(f"'{directory}' is a workspace already; nothing was changed")
        return
    click.echo(f"made the workspace '{directory}'")
    click.echo(f"  features: {', '.join(made.features()) or 'none'}")
    click.echo(f"  releases: {', '.join(made.releases()) or 'none'}")
    release = next(iter(made.releases()), "RELEASE")
    invocation.remark(
        f"Next: say where the histories are in '{directory / 'fedvhost.toml'}', then\n"
        f"  fedvhost -C '{directory}' doctor\n"
        f"  fedvhost -C '{directory}' backport --release {release}"
    )
