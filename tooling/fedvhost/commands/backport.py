"""``fedvhost backport``: plan, replay, export and spec in one go; and the same a step at a time."""

from __future__ import annotations

import click

from fedvhost.commands.context import Invocation, pass_invocation
from fedvhost.commands.run import (
    dist_git_option,
    execute,
    rollup_option,
    run_options,
)

_DRY_RUN = click.option("--dry-run", is_flag=True, help="Do all of it, write none of it.")
_FROM_PLAN = click.option(
    "--from-plan", is_flag=True, help="Follow the plan file instead of making a new one."
)


@click.command()
@run_options
@dist_git_option
@rollup_option
@_FROM_PLAN
@_DRY_RUN
@pass_invocation
def backport(
    invocation: Invocation, release: str, feature: str | None, packages: tuple[str, ...],
    upstream: tuple[str, ...], as_json: bool, dist_git: tuple[str, ...], rollup: bool, from_plan: bool,
    dry_run: bool,
) -> int:  # fmt: skip
    """Bring a feature's upstream commits to a release: series and changed specs.

    Finds what the requested commits need, replays them on the release's base, exports the patches, proves
    that they apply without fuzz, and declares and applies them in the spec. Exit code 1: a commit stopped.
    """
    return execute(
        invocation, "spec", release, feature, packages, upstream, as_json,
        dist_git=dist_git, rollup=rollup, from_plan=from_plan, dry_run=dry_run,
    )  # fmt: skip


@click.command()
@run_options
@_DRY_RUN
@pass_invocation
def plan(
    invocation: Invocation, release: str, feature: str | None, packages: tuple[str, ...],
    upstream: tuple[str, ...], as_json: bool, dry_run: bool,
) -> int:  # fmt: skip
    """Work out which commits are needed on the release's base, and why; write the plan."""
    return execute(invocation, "plan", release, feature, packages, upstream, as_json, dry_run=dry_run)


@click.command()
@run_options
@pass_invocation
def replay(
    invocation: Invocation, release: str, feature: str | None, packages: tuple[str, ...],
    upstream: tuple[str, ...], as_json: bool,
) -> int:  # fmt: skip
    """Carry the plan out on the base, as objects; only a ref of our own store moves."""
    return execute(invocation, "replay", release, feature, packages, upstream, as_json, from_plan=True)


@click.command()
@run_options
@rollup_option
@pass_invocation
def export(
    invocation: Invocation, release: str, feature: str | None, packages: tuple[str, ...],
    upstream: tuple[str, ...], as_json: bool, rollup: bool,
) -> int:  # fmt: skip
    """Write the plan's series as patch files, after applying them without fuzz."""
    return execute(
        invocation, "export", release, feature, packages, upstream, as_json, rollup=rollup, from_plan=True
    )
