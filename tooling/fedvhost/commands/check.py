"""``fedvhost check``: does the planned series apply, compile and link, and can its modules be loaded?"""

from __future__ import annotations

import json
import shutil

import click

from fedvhost.commands.context import Invocation, pass_invocation
from fedvhost.commands.run import progress_of, request_of, run_options, style


@click.command()
@run_options
@click.option("--each", is_flag=True, help="Compile after every patch: is the series bisectable?")
@click.option(
    "--without", multiple=True, metavar="COMMIT",
    help="Leave this commit of the plan out, for a trial: is it really needed? May be repeated.",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(min=1), help="Compilers at once (else: one a processor).")
@click.option("--clean", is_flag=True, help="Only remove the trees that earlier checks left.")
@pass_invocation
def check(
    invocation: Invocation, release: str, feature: str | None, packages: tuple[str, ...],
    upstream: tuple[str, ...], as_json: bool, each: bool, without: tuple[str, ...], jobs: int | None,
    clean: bool,
) -> int:  # fmt: skip
    """Compile what the planned series touches, on the release's base.

    The patches must apply without fuzz; what they touch must compile without a function that nobody
    declared; a program must link, and what a kernel module calls must be exported to it. How a package is
    prepared and compiled is said in the release manifest. What was not compiled is told, with the reason.

    Exit code 1: something does not hold. 3: a compiler or header is missing, or the base itself does not
    compile here.
    """
    from fedvhost.pipeline.checks import compiling

    workspace, request = request_of(invocation, release, feature, packages, upstream)
    if clean:
        gone = compiling.clean(workspace, request)
        click.echo(f"removed {' and '.join(gone)}" if gone else "there was nothing to remove")
        return 0
    options = compiling.Options(each, without, jobs or 0)
    with progress_of(invocation, lines=True) as progress:
        results = compiling.check_series(workspace, request, options, progress)
    if as_json:
        from fedvhost.pipeline.checks.checked import to_object

        found = {
            "release": release,
            "ok": all(r.ok for r in results),
            "packages": {
                r.package: {
                    **to_object(r),
                    "seconds": round(r.seconds, 1),
                    "log": r.log,
                    "evidence": r.evidence,
                }
                for r in results
            },
        }
        click.echo(json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False))
    else:
        from fedvhost.report.check import check_lines

        width = min(max(shutil.get_terminal_size((100, 24)).columns, 60), 140)
        for i, result in enumerate(results):
            for line in ("",) * bool(i) + tuple(check_lines(result, style, width)):
                click.echo(line)
    return 0 if all(r.ok for r in results) else 1
