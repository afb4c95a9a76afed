"""``fedvhost compare``: this series beside somebody else's backport of the same feature."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fedvhost.commands.context import Invocation, pass_invocation
from fedvhost.commands.run import progress_of, request_of, run_options, style


@click.command()
@click.argument("rev_range", metavar="REV-RANGE")
@click.argument("paths", nargs=-1, metavar="[-- PATH...]")
@click.option(
    "--repo", type=click.Path(path_type=Path), metavar="PATH",
    help="The git repository that has the range (else: the package's upstream); it is only read.",
)  # fmt: skip
@click.option("--diff", is_flag=True, help="Show how the results of each file differ.")
@run_options
@pass_invocation
def compare(
    invocation: Invocation, rev_range: str, paths: tuple[str, ...], repo: Path | None, diff: bool,
    release: str, feature: str | None, packages: tuple[str, ...], upstream: tuple[str, ...], as_json: bool,
) -> int:  # fmt: skip
    """Put the planned series beside the commits A..B of somebody else's backport of the feature.

    Finds which commit is which (same commit, same patch, "cherry picked from" and its likes, subject and
    author, similar lines), what each side has and the other lacks and what is known of why, other order,
    and the files that end up different. PATHs limit the range to commits that touch them. Needs a plan;
    writes nothing. Exit code 1: nothing in the range is a commit of the series.
    """
    from fedvhost.pipeline.compare.comparing import Options
    from fedvhost.pipeline.compare.comparing import compare as compare_series
    from fedvhost.report.compare import compared_lines, compared_object

    workspace, request = request_of(invocation, release, feature, packages, upstream)
    where = None if repo is None else repo.expanduser().absolute()
    with progress_of(invocation) as progress:
        compared = compare_series(workspace, request, Options(rev_range, where, paths, diff), progress)
    if as_json:
        click.echo(json.dumps(compared_object(compared), indent=2, sort_keys=True, ensure_ascii=False))
    else:
        import shutil

        width = min(max(shutil.get_terminal_size((100, 24)).columns, 60), 140)
        for line in compared_lines(compared, style, width):
            click.echo(line)
    return 0 if compared.ok else 1
