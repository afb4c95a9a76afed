"""``fedvhost build``: source packages and packages; ``build status``, ``build logs``, ``build cancel``."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from fedvhost.commands.context import (
    Invocation,
    feature_option,
    json_option,
    package_option,
    pass_invocation,
    release_option,
    say_json,
    upstream_option,
)
from fedvhost.commands.run import progress_of, request_of, style

if TYPE_CHECKING:
    from fedvhost.builds.record import Record

INTERRUPTED = 130


@click.group(invoke_without_command=True, subcommand_metavar="[status|logs|cancel]")
@release_option("The release to build for (else: the only one there is).")
@feature_option
@package_option
@click.option("--srpm", "only_srpm", is_flag=True, help="Only make the source packages.")
@click.option("--scratch", is_flag=True, help="A build to try things on, which is no release of anything.")
@click.option(
    "--via", type=click.Choice(["rpmbuild", "mock", "koji"]),
    help="What builds (else: koji if you have a profile in ~/.koji, rpmbuild if not).",
)  # fmt: skip
@click.option("--target", help="Instead of the release's: koji's target, mock's chroot or its .cfg.")
@click.option("--profile", help="The profile of koji's configuration.")
@click.option("--with", "with_", multiple=True, metavar="OPTION", help="Passed on to the spec; repeatable.")
@click.option("--without", multiple=True, metavar="OPTION", help="Passed on to the spec; repeatable.")
@click.option("--arch-override", "arches", multiple=True, metavar="ARCH", help="Only this architecture.")
@click.option("--no-wait", is_flag=True, help="Submit, and leave the rest to 'build status' (koji).")
@upstream_option
@json_option
@click.pass_context
def build(
    ctx: click.Context, release: str | None, feature: str | None, packages: tuple[str, ...],
    only_srpm: bool, scratch: bool, via: str | None, target: str | None, profile: str | None,
    with_: tuple[str, ...], without: tuple[str, ...], arches: tuple[str, ...], no_wait: bool,
    upstream: tuple[str, ...], as_json: bool,
) -> int | None:  # fmt: skip
    """Build the release's packages: a source package of each, then packages, in order.

    A spec that does not apply what the series has, or patches that were edited after 'fedvhost backport'
    proved them, are refused. Every build is on record in .fedvhost/builds before it is submitted; what comes
    out is in build/<release>/<nvr>/.

    Exit code 1: a build failed, or was refused. 3: what came of it could not be found out.
    """
    if ctx.invoked_subcommand is not None:
        return None
    from fedvhost.pipeline.inputs import read_manifests

    invocation: Invocation = ctx.obj
    release = release or _only_release(invocation)
    workspace, request = request_of(invocation, release, feature, packages, upstream)
    manifests = read_manifests(workspace, request)
    options = _options(with_, without)
    if only_srpm:
        from fedvhost.pipeline.builds.packing import pack
        from fedvhost.report.builds import packed_lines, packed_object

        with progress_of(invocation) as progress:
            packed = pack(workspace, request, manifests, options, progress)
        found = packed_object(packed)
        _print(found, as_json, list(packed_lines(packed, style, _width())))
        return 0 if found["ok"] else 1

    from fedvhost.builds.record import VIAS
    from fedvhost.commands.screen import screen_of
    from fedvhost.pipeline.builds.backends import default_via, open_backend
    from fedvhost.pipeline.builds.chaining import Order, run_chain
    from fedvhost.report.builds import chain_lines, chain_object

    chosen = next((v for v in VIAS if v == via), None) or default_via(workspace)
    order = Order(chosen, scratch, options, arches, target or "", profile or "", wait=not no_wait)
    with screen_of(invocation) as screen:
        backend = open_backend(workspace, order.via)
        chain = run_chain(workspace, request, manifests, order, backend, screen.watcher)
    _print(chain_object(chain), as_json, list(chain_lines(chain, style, _width(), workspace.program)))
    if chain.interrupted:
        return INTERRUPTED
    if chain.ok:
        return 0
    return _worst(chain.records) if chain.records else 1


@build.command()
@click.argument("name", required=False)
@click.option("--wait", is_flag=True, help="Stay until it ended.")
@json_option
@pass_invocation
def status(invocation: Invocation, name: str | None, wait: bool, as_json: bool) -> int:
    """Say how builds stand, and bring the results of those that ended.

    NAME is a build's id or the beginning of it, koji's task number, an NVR or a package. Exit code, with
    NAME: 0 it is built, 1 it is not (yet), 3 nobody can tell.
    """
    from fedvhost.builds.record import all_records, find
    from fedvhost.commands.screen import screen_of
    from fedvhost.pipeline.builds.following import refresh, refresh_all
    from fedvhost.report.builds import overview_lines, record_lines, record_object

    workspace = invocation.workspace()
    if name is None and not wait:
        records, troubles = refresh_all(workspace, all_records(workspace))
        lines = list(overview_lines(records, style, _width())) or ["there is no build yet"]
        _print([record_object(r) for r in records], as_json, lines)
        for trouble in troubles:
            click.echo(f"fedvhost: {trouble}", err=True)
        return 3 if troubles else 0
    if name is None:
        raise click.UsageError("--wait: which build? give its NAME; without --wait all are listed")
    with screen_of(invocation) as screen:
        record = refresh(workspace, find(workspace, name), screen.watcher, wait=wait)
    _print(record_object(record), as_json, list(record_lines(record, style, _width())))
    return 0 if record.ok else _worst([record])


@build.command()
@click.argument("name")
@click.option("--lines", type=click.IntRange(min=1), default=40, show_default=True, help="How many, of each.")
@click.option("--all", "whole", is_flag=True, help="All of it.")
@click.option("--file", "only", metavar="LOG", help="Only this log, for example root.log.")
@json_option
@pass_invocation
def logs(
    invocation: Invocation, name: str, lines: int, whole: bool, only: str | None, as_json: bool
) -> int:  # fmt: skip
    """Show the logs of a build, also of one that runs."""
    from pathlib import Path

    from fedvhost.builds.complaint import tail
    from fedvhost.builds.record import find
    from fedvhost.commands.screen import screen_of
    from fedvhost.errors import InputError
    from fedvhost.pipeline.builds.following import bring_logs
    from fedvhost.report.text import harmless

    workspace = invocation.workspace()
    with screen_of(invocation) as screen:
        record = bring_logs(workspace, find(workspace, name), screen.watcher)
    files = [workspace.root / f for f in record.logs if only in (None, Path(f).name)]
    if not files:
        there = ", ".join(Path(f).name for f in record.logs) or "none yet"
        raise InputError(f"{record.id} has no log{f' {only!r}' if only else ''}; there is: {there}")
    most = None if whole else lines
    if as_json:
        logs = [{"file": workspace.relative(f), "lines": list(tail(f, most))} for f in files]
        say_json({"build": record.id, "state": record.state.value, "logs": logs})
        return 0
    for file in files:
        if len(files) > 1 or not whole:
            click.echo(style(f"── {workspace.relative(file)}", "bold"))
        for line in tail(file, most):
            click.echo(harmless(line))
    return 0


@build.command()
@click.argument("name")
@json_option
@pass_invocation
def cancel(invocation: Invocation, name: str, as_json: bool) -> int:
    """Stop a build. Exit code 1: it had ended before."""
    from fedvhost.builds.record import State, find
    from fedvhost.pipeline.builds.following import stop
    from fedvhost.report.builds import record_lines, record_object

    workspace = invocation.workspace()
    before = find(workspace, name)
    record = stop(workspace, before)
    _print(record_object(record), as_json, list(record_lines(record, style, _width())))
    return 0 if record.state is State.CANCELLED and before.state is not State.CANCELLED else 1


def _only_release(invocation: Invocation) -> str:
    releases = invocation.workspace().releases()
    if len(releases) != 1:
        raise click.UsageError(f"name the release with --release; there are: {', '.join(releases) or 'none'}")
    return releases[0]


def _options(with_: Sequence[str], without: Sequence[str]) -> tuple[str, ...]:
    found = [f"--with {w}" for w in with_] + [f"--without {w}" for w in without]
    for option in found:
        name = option.split(" ", 1)[1]
        if not name.replace("_", "").isalnum() or not name.isascii():
            raise click.UsageError(f"{option}: an option's name is letters, digits and _")
    if both := set(with_) & set(without):
        raise click.UsageError(f"--with and --without {', '.join(sorted(both))}: which of the two?")
    return tuple(found)


def _worst(records: Sequence[Record]) -> int:
    from fedvhost.builds.record import State

    return 3 if any(r.state is State.UNKNOWN for r in records) else 1


def _width() -> int:
    return min(max(shutil.get_terminal_size((100, 24)).columns, 60), 140)


def _print(found: Any, as_json: bool, lines: Sequence[str]) -> None:
    if as_json:
        say_json(found)
    for line in () if as_json else lines:
        click.echo(line)
