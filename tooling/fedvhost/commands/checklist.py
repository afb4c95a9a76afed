"""``fedvhost checklist``: go or no-go, and the words of people that it takes."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fedvhost.commands import offered
from fedvhost.commands.context import (
    Invocation,
    feature_option,
    json_option,
    release_option,
    say_json,
    wants_json,
)
from fedvhost.commands.run import style

if TYPE_CHECKING:
    import datetime

    from fedvhost.pipeline.inputs import Request
    from fedvhost.release.case import Case
    from fedvhost.release.people import Review, SignOff, Waiver
    from fedvhost.workspace import Workspace

F = TypeVar("F", bound=Callable[..., Any])
_ASKED = "release", "feature", "today"


def asked_options(command: F) -> F:
    """``--release``, ``--feature``, ``--today``; behind the verb or behind its own verb."""
    options = (
        release_option(),
        feature_option,
        click.option("--today", metavar="DATE", help="Look at it as on that day, 2010-02-09 (else: today)."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def by_option(command: F) -> F:
    """``--by NAME``: who says so."""
    return click.option("--by", required=True, metavar="NAME", help="Who says so.")(command)


def case_of(ctx: click.Context) -> tuple[Workspace, Request, Case]:
    """Collect what the decision is made on, for the release and day that were asked for."""
    from fedvhost.pipeline.decisions.deciding import to_day
    from fedvhost.pipeline.decisions.documenting import collect_all

    workspace, request = place_of(ctx)
    case = collect_all(workspace, request, to_day(_option(ctx, "today")))
    return workspace, request, dataclasses.replace(case, program=workspace.program)


def place_of(ctx: click.Context) -> tuple[Workspace, Request]:
    """Return the workspace, and release and feature as they were asked for."""
    from fedvhost.pipeline.inputs import Request

    release = _option(ctx, "release")
    if release is None:
        raise click.UsageError("Missing option '--release'.", ctx)
    invocation = ctx.find_object(Invocation) or Invocation()
    return invocation.workspace(), Request(release, _option(ctx, "feature"))


def today_of(ctx: click.Context) -> datetime.date:
    """The day that was asked for, else today."""
    from fedvhost.pipeline.decisions.deciding import to_day

    return to_day(_option(ctx, "today"))


def _option(ctx: click.Context, name: str) -> str | None:
    here: click.Context | None = ctx
    while here is not None:
        if (value := here.params.get(name)) is not None:
            return str(value)
        here = here.parent
    return None


def width() -> int:
    """How wide lines may be."""
    return min(max(shutil.get_terminal_size((100, 24)).columns, 60), 140)


@click.group(invoke_without_command=True)
@asked_options
@click.option(
    "--format", "form", type=click.Choice(["text", "md", "html", "json"]), default="text",
    help="Text, Markdown for a ticket or wiki, one HTML page, JSON.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@click.option("--all", "everything", is_flag=True, help="In text: also what is done, with what it rests on.")
@click.pass_context
def checklist(
    ctx: click.Context, /, release: str | None, feature: str | None, today: str | None,
    form: str, as_json: bool, everything: bool,
) -> int | None:  # fmt: skip
    """Go through the release engineering checklist: go or no-go.

    Each item has its evidence, its state and what to do next. Evidence of files that changed since is stale,
    evidence that was damaged or edited is not believed; both count as unknown, and unknown is not passed.
    Exit code 0: go. 1: no-go.
    """
    if ctx.invoked_subcommand is not None:
        return None
    from fedvhost.release.checks import go_through
    from fedvhost.report import checklist as report

    case = case_of(ctx)[2]
    if form in ("md", "html"):  # read by others, elsewhere
        case = dataclasses.replace(case, program="fedvhost")
    outcome = go_through(case)
    if as_json or form == "json":
        say_json(report.checklist_object(outcome))
    elif form == "md" or form == "html":
        click.echo(report.rendered(outcome, "md" if form == "md" else "html"), nl=False)
    else:
        for line in report.checklist_lines(outcome, style, width(), everything=everything):
            click.echo(line)
    return 0 if outcome.go else 1


@checklist.command()
@click.argument("role", shell_complete=offered.roles)
@by_option
@click.option("--no-go", is_flag=True, help="Say no; needs --because.")
@click.option("--because", default="", help="Why.")
@asked_options
@json_option
@click.pass_context
def sign(ctx: click.Context, /, role: str, by: str, no_go: bool, because: str, **_: Any) -> int:
    """Say go (or no-go) for ROLE: of exactly what is here now.

    When any of it changes, it must be said again.
    """
    from fedvhost.errors import InputError
    from fedvhost.evidence import now
    from fedvhost.release.people import SignOff
    from fedvhost.workspace import nearest

    workspace, _request, case = case_of(ctx)
    if role not in case.checklist.sign_offs:
        raise InputError(f"no role '{role}' signs here; {nearest(role, case.checklist.sign_offs)}")
    if no_go and not because.strip():
        raise InputError("a no-go needs a reason: --because")
    _keep(workspace, case, SignOff(role, by, not no_go, because, now(), dict(case.ships)))
    if wants_json(ctx):
        say_json({"role": role, "by": by, "go": not no_go, "because": because, "of": dict(case.ships)})
    else:
        click.echo(f"{role}: {'no-go' if no_go else 'go'} by {by}, of {len(case.ships)} files and builds")
    return 0


@checklist.command()
@click.argument("item", shell_complete=offered.items)
@click.argument("subjects", nargs=-1, required=True)
@by_option
@click.option("--no-go", is_flag=True, help="It is not right; needs --because.")
@click.option("--because", default="", help="Why, or the ticket that says so.")
@asked_options
@json_option
@click.pass_context
def review(
    ctx: click.Context, /, item: str, subjects: tuple[str, ...], by: str, no_go: bool, because: str,
    **_: Any,
) -> int:  # fmt: skip
    """Say that SUBJECTS of ITEM were looked at and are right: the plan, a pick, a row of the test plan.

    The checklist says which wait for somebody, with the command.
    """
    from fedvhost.pipeline.decisions.reviewing import review_of

    workspace, _request, case = case_of(ctx)
    said = [review_of(case, item, s, by, ok=not no_go, because=because) for s in subjects]
    _keep(workspace, case, *said)
    if wants_json(ctx):
        found = {"item": item, "subjects": list(subjects), "by": by, "ok": not no_go, "because": because}
        say_json(found)
        return 0
    for subject in subjects:
        click.echo(f"{item}: {subject}: {'refused' if no_go else 'reviewed'} by {by}")
    return 0


@checklist.command()
@click.argument("item", shell_complete=offered.items)
@click.option("--scenario", required=True, help="The one finding to let pass, as the checklist names it.")
@by_option
@click.option("--because", required=True, help="Why it may pass.")
@click.option("--until", required=True, metavar="DATE", help="The last day it holds: 2010-04-30.")
@asked_options
@json_option
@click.pass_context
def waive(
    ctx: click.Context, /, item: str, scenario: str, by: str, because: str, until: str,
    **_: Any,
) -> int:  # fmt: skip
    """Let one open finding of ITEM pass, for a reason, until a day. Another build asks again.

    Exit code 1: it is too broad, or for nothing that is open, and was refused.
    """
    from fedvhost.evidence import now
    from fedvhost.pipeline.decisions.deciding import to_day
    from fedvhost.release.checks import go_through
    from fedvhost.release.people import Waiver, overbroad

    until = to_day(until, "--until").isoformat()
    workspace, _request, case = case_of(ctx)
    settled = next((s for s in go_through(case).settled if s.item.id == item), None)
    still_open = [f.scenario for f in settled.open] if settled else []
    known = settled.item if settled else None
    refused = overbroad(known, scenario, until, because, still_open, case.today)
    if refused is None:
        _keep(workspace, case, Waiver(item, scenario, by, because, until, now(), dict(case.builds)))
    if wants_json(ctx):
        said = {"item": item, "scenario": scenario, "by": by, "because": because, "until": until}
        say_json({**said, "refused": refused})
    elif refused is None:
        click.echo(f"{item}: {scenario}: waived by {by} until {until}")
    else:
        click.echo(f"refused: {refused}")
    return 0 if refused is None else 1


@checklist.command()
@click.option("--change", default="", help="What will change, if it is not the feature itself.")
@asked_options
@json_option
@click.pass_context
def exception(ctx: click.Context, /, change: str, **_: Any) -> int:
    """Write a freeze exception request, for a ticket: what changes, why now, what if not, what was tested.

    Markdown, filled from evidence; what is not known is said to be not known.
    """
    from fedvhost.pipeline.decisions.documenting import exception_request

    workspace, _request, case = case_of(ctx)
    request = exception_request(workspace, case, change)
    if wants_json(ctx):
        say_json({"feature": case.feature.name, "release": case.release.name, "markdown": request})
    else:
        click.echo(request, nl=False)
    return 0


def _keep(workspace: Workspace, case: Case, *words: SignOff | Review | Waiver) -> None:
    from fedvhost.pipeline.decisions.ledger import decisions_content, read_decisions, said
    from fedvhost.workspace import write_all

    release, feature = case.release.name, case.feature.name
    with workspace.lock():
        decisions = said(read_decisions(workspace, release, feature), *words)
        write_all(decisions_content(workspace, release, feature, decisions))
