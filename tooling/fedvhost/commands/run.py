"""What ``backport`` and its single steps have in common: options, progress, output, exit code."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fedvhost.commands.context import (
    Invocation,
    feature_option,
    json_option,
    package_option,
    release_option,
    upstream_option,
)

if TYPE_CHECKING:
    from fedvhost.pipeline.inputs import Request
    from fedvhost.pipeline.result import Result
    from fedvhost.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])
SAMPLE = "sample"


def run_options(command: F) -> F:
    """The options that say what to work on: release, feature, packages, upstreams, and ``--json``."""
    options = (
        release_option("The release to land in: f13.", required=True),
        feature_option,
        package_option,
        upstream_option,
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def dist_git_option(command: F) -> F:
    """``--dist-git NAME=PATH``: work on a checkout of somebody's package repository."""
    return click.option(
        "--dist-git", "dist_git", multiple=True, metavar="NAME=PATH",
        help="Put patches, spec and configuration of package NAME into the checkout PATH.",
    )(command)  # fmt: skip


def rollup_option(command: F) -> F:
    """``--rollup``: one patch with the whole series."""
    return click.option(
        "--rollup", is_flag=True, help="One patch with all of the series, as Fedora 13's kernel had it."
    )(command)


def request_of(
    invocation: Invocation,
    release: str,
    feature: str | None,
    packages: Sequence[str],
    upstream: Sequence[str],
) -> tuple[Workspace, Request]:
    """Return the workspace and the request; ``--upstream sample`` moves both into the sample's workspace."""
    from fedvhost.pipeline.inputs import Request

    workspace = invocation.workspace()
    if SAMPLE in upstream:
        if len(upstream) > 1:
            raise click.UsageError(
                "'--upstream sample' is for all packages; give no other --upstream with it"
            )
        workspace = _sample_workspace(invocation, workspace)
        upstream = ()
    tell = _pass_on if sys.stderr.isatty() and not invocation.quiet else _ignore
    return workspace, Request(release, feature, tuple(packages), tuple(upstream), tell)


def parse_dist_git(options: Sequence[str]) -> dict[str, Path]:
    """Read ``--dist-git NAME=PATH``.

    Raises:
        InputError: no such form, or no such folder.
    """
    from fedvhost.errors import InputError

    found: dict[str, Path] = {}
    for option in options:
        name, equals, path = option.partition("=")
        if not equals or not name or not path:
            raise InputError(f"--dist-git '{option}': write NAME=PATH, for example kernel=~/fedora/kernel")
        found[name] = Path(path).expanduser().absolute()
        if not found[name].is_dir():
            raise InputError(f"--dist-git '{option}': '{found[name]}' is not a folder")
    return found


@contextmanager
def progress_of(invocation: Invocation, *, lines: bool = False) -> Iterator[Callable[[str], None]]:
    """Show what is being done on one changing line, if somebody is watching; with ``lines``, for what takes
    minutes, a line for each phase on stderr where nobody is: in the log of a build it is all there is."""
    if invocation.quiet or not sys.stderr.isatty():
        yield _phases(invocation.remark) if lines else _ignore_text
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("reading the manifests") as status:
        yield lambda text: status.update(text[: max(console.width - 6, 20)].replace("[", "\\["))


def _phases(say: Callable[[str], None]) -> Callable[[str], None]:
    """Say a step if it does something else than the one before: ``kernel: replaying`` is said once."""
    last = ""

    def tell(text: str) -> None:
        nonlocal last
        who, _, what = text.partition(": ")
        phase = f"{who}: {what.partition(' ')[0]}"
        if phase != last:
            say(phase if what.startswith("replaying") else text)
        last = phase

    return tell


def execute(
    invocation: Invocation, upto: str, release: str, feature: str | None, packages: tuple[str, ...],
    upstream: tuple[str, ...], as_json: bool, *, dist_git: tuple[str, ...] = (), rollup: bool = False,
    from_plan: bool = False, dry_run: bool = False,
) -> int:  # fmt: skip
    """Go as far as ``upto``, print what came of it and return the exit code."""
    from fedvhost.pipeline.backporting import Options, run_backport

    workspace, request = request_of(invocation, release, feature, packages, upstream)
    options = Options(upto, from_plan, rollup, dry_run, parse_dist_git(dist_git))
    with progress_of(invocation) as progress:
        result = run_backport(workspace, request, options, progress)
    return show(result, as_json, workspace.program, sample=SAMPLE in upstream)


def show(result: Result, as_json: bool, program: str, *, sample: bool = False) -> int:
    """Print a result and return the exit code. ``program``: how a command begins that goes on; ``sample``: it
    is one of ``--upstream sample``."""
    if as_json:
        from fedvhost.pipeline.result import to_object

        click.echo(json.dumps(to_object(result), indent=2, sort_keys=True, ensure_ascii=False))
    else:
        import shutil

        from fedvhost.report.text import result_lines

        width = min(max(shutil.get_terminal_size((100, 24)).columns, 60), 140)
        resume = f"{program} resume --release {result.release}" + (" --upstream sample" if sample else "")
        for line in result_lines(result, style, width, resume):
            click.echo(line)
    return 0 if result.ok else 1


def style(text: str, how: str) -> str:
    """Colour a word as click does it, which leaves it alone where nobody would see."""
    return click.style(text, bold=True) if how == "bold" else click.style(text, fg=how)


def _sample_workspace(invocation: Invocation, workspace: Workspace) -> Workspace:
    from fedvhost.sample import write_sample
    from fedvhost.workspace import locate

    workspace.keep_out_of_git()
    sample = write_sample(workspace.state_dir / SAMPLE)
    invocation.remark(
        f"working on the sample upstream, in its own workspace {workspace.relative(sample.workspace)}"
    )
    # Commands that we suggest name the sample by --upstream, and the workspace as it was named.
    return dataclasses.replace(locate(sample.workspace), given=workspace.given)


def _pass_on(chunk: bytes) -> None:
    sys.stderr.buffer.write(chunk)
    sys.stderr.flush()


def _ignore(_: bytes) -> None:
    """Nobody watches."""


def _ignore_text(_: str) -> None:
    """Nobody watches."""
