"""``fedvhost docs``: the documents, from the same data as everything else."""

from __future__ import annotations

from typing import Any

import click

from fedvhost.commands.checklist import asked_options, case_of
from fedvhost.commands.context import json_option, say_json


@click.command()
@click.argument("names", nargs=-1)
@asked_options
@json_option
@click.pass_context
def docs(ctx: click.Context, /, names: tuple[str, ...], as_json: bool, **_: Any) -> int:
    """Write release note, user documentation and feature page (or only NAMES of them), as Markdown.

    Into backport/documents/. The words of the feature are its manifest's, the results are the evidence's;
    the templates can be replaced in specs/templates/. A second run changes nothing.
    """
    from fedvhost.pipeline.decisions.documenting import write_documents

    workspace, _request, case = case_of(ctx)
    written = write_documents(workspace, case, names)
    if as_json:
        say_json({"documents": [{"file": file, "changed": changed} for file, changed in written]})
        return 0
    for file, changed in written:
        click.echo(f"{'written' if changed else 'unchanged':<10} {file}")
    return 0
