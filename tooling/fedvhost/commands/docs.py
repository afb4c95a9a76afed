"""``fedvhost docs``: the documents, from the same data as everything else."""

from __future__ import annotations

from typing import Any

import click

from fedvhost.commands.checklist import asked_options, case_of


@click.command()
@click.argument("names", nargs=-1)
@asked_options
@click.pass_context
def docs(ctx: click.Context, /, names: tuple[str, ...], **_: Any) -> int:
    """Write release note, user documentation and feature page (or only NAMES of them), as Markdown.

    Into backport/documents/. The words of the feature are its manifest's, the results are the evidence's;
    the templates can be replaced in specs/templates/. A second run changes nothing.
    """
    from fedvhost.pipeline.decisions.documenting import write_documents

    workspace, _request, case = case_of(ctx)
    for file, changed in write_documents(workspace, case, names):
        click.echo(f"{'written' if changed else 'unchanged':<10} {file}")
    return 0
