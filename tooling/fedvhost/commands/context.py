"""What every verb is given: the options before the verb, and the options that verbs share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

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


def upstream_option(command: F) -> F:
    """``--upstream NAME=PATH``, any number of times. The parameter is ``upstream``, a tuple of texts."""
    return click.option(
        "--upstream",
        multiple=True,
        metavar="NAME=PATH",
        help="Take the history of package NAME from the git repository at PATH; it is only read.",
    )(command)
