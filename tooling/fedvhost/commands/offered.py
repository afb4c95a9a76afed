"""What a shell offers when Tab is pressed behind an option: names that stand in the workspace's files.

A person waits for each Tab, so the workspace is all that is imported; what cannot be read offers nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fedvhost.errors import FedvhostError

if TYPE_CHECKING:
    from fedvhost.workspace import Workspace

# Those of inside.catalogue, whose rows take too long to import; a test holds the two together.
SHAPES = ("driver", "guest", "full", "sample", "f13")

Names = Callable[["Workspace", click.Context], Iterable[str]]
Offer = Callable[[click.Context, click.Parameter, str], list[str]]


def _offer(names: Names) -> Offer:
    """Make click's callback of a function that lists all names."""

    @functools.wraps(names)
    def offer(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        from fedvhost.workspace import locate

        directory = ctx.find_root().params.get("directory")
        try:
            workspace = locate(None if directory is None else Path(directory).expanduser())
            found = list(dict.fromkeys(names(workspace, ctx)))
        except (FedvhostError, OSError, ValueError):
            return []
        given = ctx.params.get(param.name or "")
        before = given if isinstance(given, tuple | list) else ()
        return [name for name in found if name.startswith(incomplete) and name not in before]

    return offer


@_offer
def releases(workspace: Workspace, ctx: click.Context) -> Iterable[str]:
    """The releases of the workspace."""
    return workspace.releases()


@_offer
def features(workspace: Workspace, ctx: click.Context) -> Iterable[str]:
    """The features of the workspace."""
    return workspace.features()


@_offer
def packages(workspace: Workspace, ctx: click.Context) -> Iterable[str]:
    """The packages that the releases name."""
    return workspace.packages()


@_offer
def items(workspace: Workspace, ctx: click.Context) -> Iterable[str]:
    """The items of the checklists."""
    return (
        item["id"]
        for checklist in _checklists(workspace, ctx)
        for item in _listed(checklist, "items")
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    )


@_offer
def roles(workspace: Workspace, ctx: click.Context) -> Iterable[str]:
    """Who signs."""
    return (r for c in _checklists(workspace, ctx) for r in _listed(c, "sign-offs") if isinstance(r, str))


def shapes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """The shapes of the smoke test."""
    given = ctx.params.get(param.name or "") or ()
    return [shape for shape in SHAPES if shape.startswith(incomplete) and shape not in given]


def _checklists(workspace: Workspace, ctx: click.Context) -> Iterable[dict[str, object]]:
    """The checklist of the release that was named, else of every release."""
    import tomllib

    from fedvhost.shipped import shipped_dir
    from fedvhost.workspace import read_text

    contexts: list[click.Context] = [ctx]
    while (parent := contexts[-1].parent) is not None:
        contexts.append(parent)
    named = next((r for c in contexts if (r := c.params.get("release"))), None)
    for release in [str(named)] if named else workspace.releases():
        name = tomllib.loads(workspace.release_text(release)).get("checklist", "fedora")
        for folder in (workspace.root, shipped_dir()):
            file = folder / "backport" / "checklists" / f"{name}.toml"
            if file.is_file():
                yield tomllib.loads(read_text(file))
                break


def _listed(checklist: dict[str, object], key: str) -> list[object]:
    found = checklist.get(key)
    return found if isinstance(found, list) else []
