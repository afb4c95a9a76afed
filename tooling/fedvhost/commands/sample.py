"""``fedvhost sample``: two small histories to try everything on, and a workspace that uses them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fedvhost.commands.context import Invocation, json_option, pass_invocation


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@json_option
@pass_invocation
def sample(invocation: Invocation, directory: Path, as_json: bool) -> None:
    """Write a miniature kernel and a miniature qemu-kvm into DIRECTORY, with a workspace for them.

    Both histories build in seconds and contain the difficulties of the real ones. The same bytes come
    out every time.
    """
    from fedvhost.sample import write_sample

    made = write_sample(directory)
    places = {"kernel": made.kernel, "qemu-kvm": made.qemu_kvm, "workspace": made.workspace}
    if as_json:
        click.echo(json.dumps({name: str(path) for name, path in places.items()}, indent=2, sort_keys=True))
        return
    for name, path in places.items():
        click.echo(f"{name + ':':<11}{path}")
    invocation.remark(f"Next:  fedvhost -C '{made.workspace}' backport --release f13")
