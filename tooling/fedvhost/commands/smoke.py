"""``fedvhost smoke``: does vhost-net work, in a real kernel, with real guests?"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fedvhost.commands.context import Invocation, json_option, pass_invocation
from fedvhost.commands.run import style

if TYPE_CHECKING:
    from fedvhost.pipeline.smoking import Watcher
    from fedvhost.smoke.results import RowResult

_PATH = click.Path(path_type=Path)


@click.command()
@click.option(
    "--shape", default="driver", show_default=True, help="driver: the kernel half; guest: real guests."
)
@click.option("--row", "rows", multiple=True, metavar="NAME", help="Only this row, and what it builds on.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, help="Do it so many times.")
@click.option("--release", default="", help="The release whose evidence this is: f13.")
@click.option("--feature", default="", help="The feature (else: the only one there is).")
@click.option("--kernel", type=_PATH, help="Boot this kernel (bzImage or vmlinux); with --modules.")
@click.option("--modules", type=_PATH, metavar="DIR", help="Its modules: lib/modules/<release>.")
@click.option(
    "--kernel-rpm",
    "kernel_rpms",
    type=_PATH,
    multiple=True,
    metavar="FILE",
    help="Boot the kernel in this RPM.",
)
@click.option("--accel", type=click.Choice(["kvm", "tcg"]), help="Use this (else: what is seen to work).")
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=None, help="Stop a test host after so many seconds."
)
@click.option("--list", "only_list", is_flag=True, help="Only list the rows.")
@click.option("--prepare", "only_prepare", is_flag=True, help="Only fetch the kernel and make the images.")
@json_option
@pass_invocation
def smoke(
    invocation: Invocation, shape: str, rows: tuple[str, ...], repeat: int, release: str, feature: str,
    kernel: Path | None, modules: Path | None, kernel_rpms: tuple[Path, ...], accel: str | None,
    timeout: float | None, only_list: bool, only_prepare: bool, as_json: bool,
) -> int:  # fmt: skip
    """Boot a test host and ask it whether vhost-net works.

    Nothing is installed and nothing is changed here: kernel, tools and guests are in a virtual machine that
    ends with the command. Without --kernel or --kernel-rpm its kernel is the distribution's.

    Exit code 1: a row failed, or could not be decided. 3: a program is missing.
    """
    from fedvhost.pipeline import smoking

    options = smoking.Options(
        shape, rows, repeat, kernel, modules, kernel_rpms, accel or "", timeout or 0.0, release,
        _feature(invocation, release, feature),
    )  # fmt: skip
    if only_list:
        return _list(shape, rows, as_json)
    with _watching(invocation, shape, as_json) as watcher:
        if only_prepare:
            made = smoking.prepare(options, watcher.doing).built
            click.echo(f"made: {', '.join(made)}" if made else "everything is in the cache")
            return 0
        workspace = invocation.workspace()
        result = smoking.run_smoke(workspace, options, watcher)
    if as_json:
        from fedvhost.smoke.results import to_object

        click.echo(json.dumps(to_object(result), indent=2, sort_keys=True, ensure_ascii=False))
    else:
        from fedvhost.report.smoke import smoke_lines

        for line in smoke_lines(result, style, _width()):
            click.echo(line)
    return 0 if result.ok else 1


def _list(shape: str, rows: tuple[str, ...], as_json: bool) -> int:
    from fedvhost.pipeline import smoking

    found = smoking.chosen(shape, rows)
    if as_json:
        listed = [{"id": r.id, "title": r.title, "covers": list(r.covers)} for r in found]
        click.echo(json.dumps(listed, indent=2, sort_keys=True, ensure_ascii=False))
        return 0
    for row in found:
        click.echo(f"  {row.id:<20}{row.title}" + (f"  [{', '.join(row.covers)}]" if row.covers else ""))
    return 0


def _feature(invocation: Invocation, release: str, feature: str) -> str:
    """The feature that evidence is for; none without a release."""
    from fedvhost.errors import InputError

    if not release:
        return feature
    workspace = invocation.workspace()
    workspace.release_file(release)
    if feature:
        workspace.feature_file(feature)
        return feature
    known = workspace.features()
    if len(known) != 1:
        raise InputError(f"--feature: say which; there are: {', '.join(known) or 'none'}")
    return known[0]


@contextmanager
def _watching(invocation: Invocation, shape: str, as_json: bool) -> Iterator[Watcher]:
    """Show rows as they are answered, and below them what is being done, if somebody is watching."""
    from fedvhost.pipeline.smoking import Watcher
    from fedvhost.report.smoke import row_lines

    def show(_: int, result: RowResult) -> None:
        for line in row_lines(result, style, _width()):
            click.echo(line)

    def nothing(_: int, __: RowResult) -> None:
        """The results are printed as JSON at the end."""

    answered = nothing if as_json else show
    if invocation.quiet or not sys.stderr.isatty():
        yield Watcher(lambda _: None, answered)
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status(f"smoke {shape}") as status:

        def above(number: int, result: RowResult) -> None:
            status.stop()
            answered(number, result)
            sys.stdout.flush()
            status.start()

        yield Watcher(
            lambda text: status.update(text[: max(console.width - 6, 20)].replace("[", "\\[")), above
        )


def _width() -> int:
    return min(max(shutil.get_terminal_size((100, 24)).columns, 60), 140)
