"""What every verb is given: the options before the verb, and the options that verbs share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fedvhost.commands import offered

if TYPE_CHECKING:
    from fedvhost.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Invocation:
    """The options that stand before the verb: ``-C DIR`` and ``-q``."""

    directory: Path | None = None
    quiet: bool = False

    def workspace(self) -> Workspace:
        """The workspace that ``-C`` names, else the nearest one upward from here.

        Raises:
            InputError: there is none.
        """
        from fedvhost.workspace import locate

        return locate(self.directory)

    def remark(self, text: str) -> None:
        """Say something that is no result: on stderr, and not with ``-q``."""
        if not self.quiet:
            click.echo(text, err=True)


pass_invocation = click.make_pass_decorator(Invocation)


def json_option(command: F) -> F:
    """``--json``: the result as JSON on stdout. The parameter is ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def release_option(help: str = "The release: f13.", *, required: bool = False) -> Callable[[F], F]:
    """``--release``: one of the workspace's. The parameter is ``release``, None if it was not given."""
    return click.option("--release", required=required, shell_complete=offered.releases, help=help)


def feature_option(command: F) -> F:
    """``--feature``: one of the workspace's. The parameter is ``feature``, None if it was not given."""
    return click.option(
        "--feature", shell_complete=offered.features, help="The feature (else: the only one there is)."
    )(command)


def package_option(command: F) -> F:
    """``--package``, any number of times. The parameter is ``packages``, a tuple."""
    return click.option(
        "--package", "packages", multiple=True, shell_complete=offered.packages,
        help="Only this package; may be repeated.",
    )(command)  # fmt: skip


def wants_json(ctx: click.Context) -> bool:
    """Whether ``--json`` was given, to a verb or to the verb that it is a verb of."""
    here: click.Context | None = ctx
    while here is not None and not here.params.get("as_json"):
        here = here.parent
    return here is not None


def say_json(found: object) -> None:
    """Print a result as JSON: sorted, one fact a line."""
    click.echo(json.dumps(found, indent=2, sort_keys=True, ensure_ascii=False))


def upstream_option(command: F) -> F:
    """``--upstream NAME=PATH``, any number of times. The parameter is ``upstream``, a tuple of texts."""
    return click.option(
        "--upstream",
        multiple=True,
        metavar="NAME=PATH",
        help="Take the history of package NAME from the git repository at PATH; it is only read.",
    )(command)
