"""``fedvhost report``: one page that shows it all, as a file or live."""

from __future__ import annotations

from pathlib import Path

import click

from fedvhost.commands.context import (
    Invocation,
    feature_option,
    json_option,
    pass_invocation,
    release_option,
    say_json,
)


@click.command()
@release_option("The release: f13 (else: the only one there is).")
@feature_option
@click.option(
    "--today", metavar="DATE", help="Look at the schedule as on that day, 2010-02-09 (else: today)."
)
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Where the page goes (else: .fedvhost/report/<release>-<feature>.html, which git ignores: the page "
    "has upstream's words in it).",
)  # fmt: skip
@click.option(
    "--serve",
    is_flag=True,
    help="Show the page live, on this machine only, while a run goes on; Ctrl-C ends it, with exit code 0.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="The port for --serve (else: a free one)."
)
@json_option
@pass_invocation
def report(
    invocation: Invocation,
    release: str | None,
    feature: str | None,
    today: str | None,
    output: Path | None,
    serve: bool,
    port: int,
    as_json: bool,
) -> int:
    """Write one HTML page of all that is known: go or no-go, picks, conflicts, specs, builds, smoke tests.

    The page needs nothing but itself: no network, no other file. It shows what the evidence says; nothing
    is worked out anew, and what nobody looked at is shown as unknown, with the command that settles it.
    """
    from fedvhost.pipeline.decisions.deciding import to_day
    from fedvhost.pipeline.inputs import Request
    from fedvhost.pipeline.page.reporting import collect, stamp
    from fedvhost.report.page import render
    from fedvhost.workspace import write_atomic

    if serve and output is not None:
        raise click.UsageError("--serve shows the page and writes no file; leave --output out")
    workspace = invocation.workspace()
    request = Request(release or _only_release(workspace.releases()), feature)
    if serve:
        from fedvhost.pipeline.page.serving import serve_page

        def tell(url: str) -> None:
            if as_json:
                say_json({"url": url})
            else:
                click.echo(f"{url}  (Ctrl-C ends it)")

        serve_page(
            lambda: render(collect(workspace, request, to_day(today)), live=True),
            lambda: stamp(workspace, request),
            port,
            tell,
        )
        return 0
    material = collect(workspace, request, to_day(today))
    if output is None:
        workspace.keep_out_of_git()
        name = f"{material.case.release.name}-{material.case.feature.name}.html"
        output = workspace.state_dir / "report" / name
    page = render(material)
    write_atomic(output.absolute(), page)
    if as_json:
        say_json({"file": workspace.relative(output), "bytes": len(page)})
    else:
        click.echo(f"{workspace.relative(output)}  ({len(page) / 1e6:.1f} MB)")
    return 0


def _only_release(known: tuple[str, ...]) -> str:
    from fedvhost.errors import InputError

    if len(known) != 1:
        raise InputError(f"name the release with --release; there are: {', '.join(known) or 'none'}")
    return known[0]
