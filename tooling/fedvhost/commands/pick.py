"""``fedvhost pick``: single commits through the ladder, in the object store."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fedvhost.commands.context import Invocation, json_option, pass_invocation


@click.command()
@click.argument("commits", nargs=-1, required=True, metavar="COMMIT...")
@click.option("--onto", required=True, metavar="REV", help="What to land on.")
@click.option(
    "--upstream", required=True, type=click.Path(path_type=Path), metavar="PATH",
    help="The git repository that has the commits; it is only read.",
)  # fmt: skip
@click.option(
    "--only", multiple=True, metavar="PATH",
    help="Land only what the commits change in this file or folder; may be repeated.",
)  # fmt: skip
@json_option
@pass_invocation
def pick(
    invocation: Invocation, commits: tuple[str, ...], onto: str, upstream: Path, only: tuple[str, ...],
    as_json: bool,
) -> int:  # fmt: skip
    """Land COMMITs on a revision, one on the other, and say how each ended and on which tree.

    No branch moves and no file changes. Exit code 1: one stopped, or uses what is not there.
    """
    import hashlib
    import os

    from fedvhost.commands.run import style
    from fedvhost.git.store import require_git
    from fedvhost.pipeline.inputs import commits_of
    from fedvhost.pipeline.picking import pick_onto
    from fedvhost.report.picks import pick_lines, picks_object
    from fedvhost.upstreams import Place, cache_dir, open_store, open_upstream, resolve_revision

    require_git()
    history = open_upstream("commits", Place(upstream.expanduser().absolute(), "--upstream"))
    base = resolve_revision(history, onto, "--onto")
    wanted = commits_of(commits, history)
    # A store of its own for each history: two picks at once must not change what the other one borrows.
    place = hashlib.sha1(os.fsencode(history.git_dir), usedforsecurity=False).hexdigest()[:12]
    with open_store(history, cache_dir(f"pick-{place}")) as store:
        picks = pick_onto(store, base, wanted, only=only)
    if as_json:
        click.echo(json.dumps(picks_object(base, picks), indent=2, sort_keys=True, ensure_ascii=False))
    else:
        for picked in picks:
            click.echo("\n".join(pick_lines(picked, style)))
    return 0 if all(p.ok for p in picks) else 1
