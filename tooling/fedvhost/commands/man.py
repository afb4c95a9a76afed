"""``fedvhost man``: the manual pages, made of what ``--help`` says, so that both always agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fedvhost.commands.context import Invocation, json_option, pass_invocation, say_json

if TYPE_CHECKING:
    from fedvhost.report.roff import Entry, Page, Part

_EXIT = {
    "0": "Done, and true.",
    "1": "The answer is no: a conflict, a failed check or build, a red row, no-go.",
    "2": "Something that a person wrote is wrong; the message names file, line and key.",
    "3": "Something kept fedvhost from finding out: a program is missing, a disk is full.",
    "130": "Interrupted; what is done is kept, and the same command resumes.",
    "141": "The reader of the output went away.",
}
_VARIABLES = {
    "FEDVHOST_UPSTREAM_NAME": "The history of package NAME, in capitals and with _ for -: "
    "FEDVHOST_UPSTREAM_KERNEL, FEDVHOST_UPSTREAM_QEMU_KVM. It is only read.",
    "FEDVHOST_LOOKASIDE": "Where archives that a file 'sources' lists are downloaded from.",
    "FEDVHOST_SSH": "The ssh of 'smoke --on', with its options (else: ssh).",
    "FEDVHOST_DEBUG": "If set, an error shows its traceback.",
    "NO_COLOR": "If set, no colours; with TERM=dumb there are none either.",
    "SOURCE_DATE_EPOCH": "What counts as now, in seconds, for dates in specs, evidence and decisions.",
    "XDG_CACHE_HOME, XDG_CONFIG_HOME": "Where the files below ~/.cache and ~/.config are instead.",
}
_FILES = {
    "backport/features/*.toml, backport/releases/*.toml": "What is wanted, and where; people write it.",
    "backport/plans/, patches/, specs/": "What comes out: plans, series, specs.",
    "fedvhost.toml": "Where the histories are, in a workspace.",
    ".fedvhost/": "State, evidence and records of builds, in a workspace. It may be deleted.",
    "~/.config/fedvhost/config.toml": "Where the histories are, for all workspaces.",
    "~/.cache/fedvhost/": "Clones of histories, kernels and images of test hosts.",
}


@click.command()
@click.argument(
    "directory", required=False, type=click.Path(path_type=Path, file_okay=False), metavar="[DIR]"
)
@json_option
@pass_invocation
@click.pass_context
def man(ctx: click.Context, invocation: Invocation, directory: Path | None, as_json: bool) -> None:
    """Write the manual pages into DIR: fedvhost.1, and one for each verb.

    Without DIR they go to ~/.local/share/man/man1, where man(1) looks if ~/.local/bin is in PATH. The same
    version gives the same bytes.
    """
    from fedvhost.report.roff import page_text
    from fedvhost.workspace import write_all

    if directory is None:
        import platformdirs

        directory = platformdirs.user_data_path() / "man" / "man1"
    pages = {f"{page.name}.1": page_text(page).encode() for page in pages_of(ctx.find_root())}
    folder = directory.absolute()
    written = {path.name for path in write_all({folder / name: text for name, text in pages.items()})}
    if as_json:
        say_json({"directory": str(folder), "pages": sorted(pages), "written": sorted(written)})
        return
    click.echo(f"{len(pages)} pages in '{directory}'; {len(written)} of them changed")
    invocation.remark(f"Next:  man '{directory / 'fedvhost.1'}'")


def pages_of(root: click.Context) -> Iterator[Page]:
    """The pages of a program and of each of its verbs."""
    from fedvhost import RELEASED, __version__
    from fedvhost.report.roff import Entry, Page, Part, bold

    program = root.command
    assert isinstance(program, click.Group) and program.name is not None
    source = f"fedvhost {__version__}"
    verbs = {name: verb for name in program.list_commands(root) if (verb := program.get_command(root, name))}
    summaries = {name: verb.get_short_help_str(200).rstrip(".") for name, verb in verbs.items()}
    listed = [Entry(f"{bold(f'fedvhost-{name}')}(1)", text) for name, text in summaries.items()]
    yield Page(
        "fedvhost", program.get_short_help_str(200), RELEASED, source,
        (
            *_described("fedvhost", program, root),
            Part("VERBS", entries=listed),
            Part("EXIT STATUS", entries=_entries(_EXIT)),
            Part("ENVIRONMENT", entries=_entries(_VARIABLES)),
            Part("FILES", entries=_entries(_FILES)),
        ),
    )  # fmt: skip
    for name, verb in verbs.items():
        ctx = click.Context(verb, info_name=name, parent=root)
        yield Page(
            f"fedvhost-{name}", summaries[name], RELEASED, source,
            (
                *_described(f"fedvhost {name}", verb, ctx),
                *_own_verbs(f"fedvhost {name}", verb, ctx),
                Part("EXIT STATUS", text="As for every verb; see fedvhost(1)."),
                Part("SEE ALSO", synopsis=f"{bold('fedvhost')}(1)"),
            ),
        )  # fmt: skip


def _own_verbs(called: str, verb: click.Command, ctx: click.Context) -> Iterator[Part]:
    """What ``build status`` and the like are, in their verb's page."""
    from fedvhost.report.roff import Part

    if not isinstance(verb, click.Group):
        return
    yield Part("VERBS OF ITS OWN", text=f"Each is given behind '{called}'.")
    for name in verb.list_commands(ctx):
        own = verb.get_command(ctx, name)
        assert own is not None
        inner = click.Context(own, info_name=name, parent=ctx)
        yield Part(
            name, _synopsis(f"{called} {name}", own, inner), own.help or "", _options(own, inner), level=2
        )


def _described(called: str, command: click.Command, ctx: click.Context) -> Iterator[Part]:
    from fedvhost.report.roff import Part

    yield Part("SYNOPSIS", _synopsis(called, command, ctx))
    yield Part("DESCRIPTION", text=command.help or "")
    if options := _options(command, ctx):
        yield Part("OPTIONS", entries=options)


def _synopsis(called: str, command: click.Command, ctx: click.Context) -> str:
    from fedvhost.report.roff import bold, italic

    return " ".join((bold(called), *(italic(piece) for piece in command.collect_usage_pieces(ctx))))


def _options(command: click.Command, ctx: click.Context) -> list[Entry]:
    from fedvhost.report.roff import Entry

    options = (p for p in command.get_params(ctx) if isinstance(p, click.Option))
    records = (option.get_help_record(ctx) for option in options)
    return [Entry(_term(record[0]), record[1]) for record in records if record is not None]


def _term(record: str) -> str:
    """``-q, --quiet`` or ``--release TEXT``: what is typed is bold, what it stands for is not."""
    from fedvhost.report.roff import bold, italic

    parts = (part.partition(" ") for part in record.split(", "))
    return ", ".join(bold(name) + (f" {italic(value)}" if value else "") for name, _, value in parts)


def _entries(found: dict[str, str]) -> list[Entry]:
    from fedvhost.report.roff import Entry, bold

    return [Entry(bold(name), text) for name, text in found.items()]
