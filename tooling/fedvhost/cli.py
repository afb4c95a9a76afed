"""The command line: options, verbs, exit codes. No verb's module is imported before its verb is used.

Exit codes: 0 done and true; 1 the answer is no (a conflict, a failed check); 2 what the person wrote is
wrong; 3 something kept us from finding out; 130 interrupted; 141 the reader of our output went away.
``FEDVHOST_DEBUG=1`` shows the traceback of any error.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import importlib
import itertools
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TextIO, cast

import click
from click.shell_completion import CompletionItem, shell_complete

from fedvhost import __version__
from fedvhost.commands.context import Invocation
from fedvhost.errors import FedvhostError, InputError

PROGRAM = "fedvhost"
COMPLETE_VARIABLE = "_FEDVHOST_COMPLETE"
INTERRUPTED = 128 + signal.SIGINT
READER_GONE = 128 + signal.SIGPIPE


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb's command is (``module:attribute``) and its line in ``fedvhost --help``."""

    where: str
    help: str

    def load(self) -> click.Command:
        """Import the verb's module and return its command."""
        module, _, attribute = self.where.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        command.short_help = self.help
        return command


VERBS: Mapping[str, Verb] = {
    "backport": Verb("fedvhost.commands.backport:backport", "Plan, replay, export and spec in one go."),
    "plan": Verb("fedvhost.commands.backport:plan", "Work out which commits are needed, and why."),
    "replay": Verb("fedvhost.commands.backport:replay", "Carry the plan out on the release's base."),
    "export": Verb("fedvhost.commands.backport:export", "Write the replayed series as patch files."),
    "spec": Verb("fedvhost.commands.spec:spec", "Declare and apply the series in the spec."),
    "resume": Verb("fedvhost.commands.resume:resume", "Go on after a conflict that you settled."),
    "abort": Verb("fedvhost.commands.resume:abort", "Clear away what was prepared for a conflict."),
    "explain": Verb(
        "fedvhost.commands.explain:explain", "Say why a commit is in, and what it conflicts with."
    ),
    "check": Verb("fedvhost.commands.check:check", "Does the series compile, link and load?"),
    "build": Verb(
        "fedvhost.commands.build:build", "Build source packages and packages; see how builds stand."
    ),
    "smoke": Verb(
        "fedvhost.commands.smoke:smoke", "Does vhost-net work, in a real kernel, with real guests?"
    ),
    "pick": Verb("fedvhost.commands.pick:pick", "Adapt single commits in the object store."),
    "compare": Verb("fedvhost.commands.compare:compare", "Put the series beside somebody else's backport."),
    "fixes": Verb("fedvhost.commands.fixes:fixes", "Find later upstream commits that fix the picks."),
    "contingency": Verb(
        "fedvhost.commands.contingency:contingency", "Is the feature on by default, and may it be?"
    ),
    "checklist": Verb("fedvhost.commands.checklist:checklist", "Go or no-go: every item with its evidence."),
    "docs": Verb("fedvhost.commands.docs:docs", "Write release note, user documentation and feature page."),
    "report": Verb("fedvhost.commands.report:report", "Write one HTML page that shows it all."),
    "sample": Verb("fedvhost.commands.sample:sample", "Write two small histories to try everything on."),
    "init": Verb("fedvhost.commands.init:init", "Make a workspace from the data that came along."),
    "doctor": Verb("fedvhost.commands.doctor:doctor", "Say what is missing here, and how to install it."),
    "completion": Verb("fedvhost.commands.completion:completion", "Print the completion script of a shell."),
    "man": Verb("fedvhost.commands.man:man", "Write the manual pages."),
}


class Verbs(click.Group):
    """A group that knows its commands by name and loads one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        return None if verb is None else verb.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in VERBS and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, VERBS, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(VERBS)}."
            raise click.UsageError(f"no verb '{name}'; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.help) for name, verb in VERBS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        verbs = [CompletionItem(n, help=v.help) for n, v in VERBS.items() if n.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=Verbs,
    subcommand_metavar="VERB [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Each verb has its own --help. Exit codes: 0 done and true, 1 the answer is no, "
    "2 the input is wrong, 3 something kept us from finding out, 130 interrupted, "
    "141 the reader of the output went away.",
)
@click.option(
    "-C",
    "directory",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Work in the workspace DIR (else: the nearest one upward from here).",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress and no remarks; results and errors only.")
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def group(ctx: click.Context, directory: Path | None, quiet: bool) -> None:
    """Backport an upstream feature into a frozen Fedora release, and prove it."""
    ctx.color = _color()
    ctx.obj = Invocation(directory, quiet)


def run(args: Sequence[str]) -> int:
    """Carry out one command line and return its exit code; errors are told on stderr.

    A verb that returns a number ends with it; ``ctx.exit(1)`` does the same. With ``--json`` an error is one
    object on stdout as well.
    """
    as_json = wants_json(args)
    try:
        with group.make_context(PROGRAM, list(args)) as ctx:
            answer = group.invoke(ctx)
        return answer if isinstance(answer, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return _as_json(2, error.format_message()) if as_json else 2
    except FedvhostError as error:
        code = _told(error, str(error), error.exit_code)
        if as_json and isinstance(error, InputError):
            return _as_json(code, error.message, file=error.file, key=error.key, line=error.line)
        return _as_json(code, str(error)) if as_json else code
    except (KeyboardInterrupt, click.Abort) as error:
        return _told(error, "interrupted; what is done is kept, and the same command resumes", INTERRUPTED)
    except BrokenPipeError:
        raise
    except OSError as error:
        code = _told(error, _about(error), FedvhostError.exit_code)
        return _as_json(code, _about(error)) if as_json else code


def wants_json(args: Sequence[str]) -> bool:
    """Whether a command line asks for JSON; looked at before it is known to be right."""
    given = args[: args.index("--")] if "--" in args else args
    return "--json" in given or "--format=json" in given or ("--format", "json") in itertools.pairwise(given)


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line of this process and end it."""
    _open_what_is_closed()
    if instruction := os.environ.get(COMPLETE_VARIABLE):
        sys.exit(shell_complete(group, {}, PROGRAM, COMPLETE_VARIABLE, instruction))
    try:
        code = run(sys.argv[1:] if args is None else args)
        sys.stdout.flush()
    except BrokenPipeError:
        # The interpreter flushes once more when it ends: give it somewhere to write.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = READER_GONE
    sys.exit(code)


def _open_what_is_closed() -> None:
    """Give a process that was started without its standard streams ones that lead nowhere.

    Else the next file that is opened would take their numbers, and get what programs print.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Python's own are None then, whatever their types say.
    sys.stdout = cast("TextIO | None", sys.stdout) or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = cast("TextIO | None", sys.stderr) or open(2, "w", closefd=False)  # noqa: SIM115


def _told(error: BaseException, text: str, code: int) -> int:
    if os.environ.get("FEDVHOST_DEBUG"):
        raise error
    click.secho(f"{PROGRAM}: ", nl=False, err=True)
    click.secho("error: ", fg="red", bold=True, nl=False, err=True, color=_color())
    click.echo(text, err=True)
    return code


def _as_json(code: int, message: str, **place: object) -> int:
    """Print an error for a program that reads our output: what, and where if that is known."""
    known = {name: str(at) if name == "file" else at for name, at in place.items() if at is not None}
    error = {"message": message, "exit_code": code, **known}
    # The output may be what failed; the exit code and stderr have said so.
    with contextlib.suppress(OSError):
        click.echo(json.dumps({"error": error}, indent=2, sort_keys=True, ensure_ascii=False))
    return code


def _color() -> bool | None:
    """False where nobody wants colours or can see them; None: click finds out whether it is a terminal."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def _about(error: OSError) -> str:
    """What to tell about a file that could not be read or written."""
    where = error.filename
    what = error.strerror or str(error)
    advice = {
        errno.ENOSPC: "; make room, then give the same command again",
        errno.EDQUOT: "; make room, then give the same command again",
        errno.EROFS: "; copy the workspace to a place that can be written",
        errno.EACCES: f"; it must be accessible to user {os.getuid()}",
    }
    # Without a name it is the output, or a file that was open already.
    name = "" if where is None else f"'{os.fsdecode(where) if isinstance(where, str | bytes) else where}': "
    return f"{name}{what}" + advice.get(error.errno or 0, "")
