"""``fedvhost smoke``: does vhost-net work, in a real kernel, with real guests?"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fedvhost.commands import offered
from fedvhost.commands.context import Invocation, json_option, pass_invocation, say_json
from fedvhost.commands.run import style

if TYPE_CHECKING:
    from fedvhost.pipeline.smoke.options import Watcher
    from fedvhost.smoke.results import RowResult, Smoke

_PATH = click.Path(path_type=Path)


@click.command()
@click.option(
    "--shape", "shapes", multiple=True, shell_complete=offered.shapes,
    help="driver: the kernel half; guest: real guests; full: the test plan; sample: the sample's "
    "packages; f13: the built 2.6.33 and qemu-kvm. May be repeated "
    "(else: those that the release's gate names, or driver).",
)  # fmt: skip
@click.option("--row", "rows", multiple=True, metavar="NAME", help="Only this row, and what it builds on.")
@click.option(
    "--repeat", type=click.IntRange(min=1),
    help="Do it so many times (else: as often as the release's gate demands, or once).",
)  # fmt: skip
@click.option(
    "--release", default="", shell_complete=offered.releases, help="The release whose evidence this is: f13."
)
@click.option(
    "--feature", default="", shell_complete=offered.features,
    help="The feature (else: the only one there is).",
)  # fmt: skip
@click.option("--kernel", type=_PATH, help="Boot this kernel (bzImage or vmlinux); with --modules.")
@click.option("--modules", type=_PATH, metavar="DIR", help="Its modules: lib/modules/<release>.")
@click.option(
    "--kernel-rpm", "kernel_rpms", type=_PATH, multiple=True, metavar="FILE",
    help="Boot the kernel in this RPM.",
)  # fmt: skip
@click.option(
    "--rpm", "rpms", type=_PATH, multiple=True, metavar="FILE",
    help="Test this package, with a shape of packages (else: what was built last for --release).",
)  # fmt: skip
@click.option("--accel", type=click.Choice(["kvm", "tcg"]), help="Use this (else: what is seen to work).")
@click.option(
    "--guests", type=click.Choice(["kvm", "tcg"]),
    help="Run guests under this; tcg: from snapshots (else: KVM if it works in the test host).",
)  # fmt: skip
@click.option(
    "--on", default="", metavar="ssh:HOST",
    help="Run the test host there; it needs qemu, and nothing else (else: here).",
)  # fmt: skip
@click.option(
    "--hosts", type=click.IntRange(1, 8),
    help="Divide the rows over so many test hosts side by side (else: two for a long shape, where the "
    "processor is emulated and there is room).",
)  # fmt: skip
@click.option(
    "--timeout", type=click.FloatRange(min=1), default=None, help="Stop a test host after so many seconds."
)
@click.option("--list", "only_list", is_flag=True, help="Only list the rows.")
@click.option("--prepare", "only_prepare", is_flag=True, help="Only fetch the kernel and make the images.")
@json_option
@pass_invocation
def smoke(
    invocation: Invocation, shapes: tuple[str, ...], rows: tuple[str, ...], repeat: int | None, release: str,
    feature: str, kernel: Path | None, modules: Path | None, kernel_rpms: tuple[Path, ...],
    rpms: tuple[Path, ...], accel: str | None, guests: str | None, on: str, hosts: int | None,
    timeout: float | None, only_list: bool, only_prepare: bool, as_json: bool,
) -> int:  # fmt: skip
    """Boot a test host and ask it whether vhost-net works.

    Nothing is installed and nothing is changed here: kernel, tools and guests are in a virtual machine that
    ends with the command. Without --kernel or --kernel-rpm its kernel is the distribution's.

    Exit code 1: a row failed, or could not be decided. 3: a program is missing. What is not decidable here is
    listed with who must decide it, and is neither.
    """
    from fedvhost.pipeline.smoke.hosts import prepare
    from fedvhost.pipeline.smoke.options import Options, demanded
    from fedvhost.pipeline.smoke.smoking import run_smoke

    for option, named in (("kernel", (kernel,)), ("modules", (modules,)), ("kernel-rpm", kernel_rpms)):
        _check_there(f"--{option}", named)
    gate, runs = demanded(invocation.workspace(), release) if release else ((), 1)
    shapes = shapes or gate or ("driver",)
    if only_list:
        return _list(shapes, rows, as_json)
    if rows and len(shapes) > 1:
        raise click.UsageError(f"--row: say of which shape, with --shape; there are: {', '.join(shapes)}")
    feature = _feature(invocation, release, feature)
    results: list[Smoke] = []
    made: list[str] = []
    for shape in shapes:
        options = Options(
            shape, rows, repeat or (1 if rows else runs), kernel, modules, kernel_rpms, accel or "",
            timeout or 0.0, release, feature, rpms=rpms, guests=guests or "", on=on, hosts=hosts or 0,
        )  # fmt: skip
        with _watching(invocation, shape, as_json) as watcher:
            if only_prepare:
                made += prepare(options, watcher.doing).built
                continue
            results.append(run_smoke(invocation.workspace(), options, watcher))
        if not as_json:
            _tell(results[-1], shapes)
    if only_prepare and as_json:
        say_json({"made": list(dict.fromkeys(made))})
        return 0
    if only_prepare:
        click.echo(f"made: {', '.join(dict.fromkeys(made))}" if made else "everything is in the cache")
        return 0
    if as_json:
        from fedvhost.smoke.results import to_object

        found = [to_object(r) for r in results]
        whole = found[0] if len(found) == 1 else {"ok": all(r.ok for r in results), "shapes": found}
        click.echo(json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False))
    return 0 if all(r.ok for r in results) else 1


def _check_there(option: str, files: Iterable[Path | None]) -> None:
    """Look for what an option names before anything is prepared for it."""
    from fedvhost.errors import InputError

    for file in files:
        if file is not None and not file.exists():
            raise InputError(f"{option} '{file}': no such {'folder' if option == '--modules' else 'file'}")


def _tell(result: Smoke, shapes: tuple[str, ...]) -> None:
    from fedvhost.report.smoke import smoke_lines

    for line in smoke_lines(result, style, _width()):
        click.echo(line)
    if result.shape != shapes[-1]:
        click.echo()


def _list(shapes: tuple[str, ...], rows: tuple[str, ...], as_json: bool) -> int:
    from fedvhost.pipeline.smoke.options import chosen

    found = [row for shape in shapes for row in chosen(shape, rows)]
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
    from fedvhost.pipeline.smoke.options import Watcher
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
