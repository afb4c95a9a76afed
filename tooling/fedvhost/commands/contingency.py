"""``fedvhost contingency``: is the feature on by default, may it be, and how it came to that."""

from __future__ import annotations

from typing import Any

import click

from fedvhost.commands.checklist import asked_options, case_of, place_of, today_of, width
from fedvhost.commands.context import json_option, say_json, wants_json
from fedvhost.commands.run import style


@click.group(invoke_without_command=True)
@asked_options
@json_option
@click.pass_context
def contingency(ctx: click.Context, /, **_: Any) -> int | None:
    """Whether a feature is on by default in a release; shipped off.

    The flag is data in the release's manifest. Without a verb of its own: status.
    """
    return int(ctx.invoke(status)) if ctx.invoked_subcommand is None else None


@contingency.command()
@asked_options
@json_option
@click.pass_context
def status(ctx: click.Context, /, **_: Any) -> int:
    """Say what the flag is, where it takes effect, and how it came to that.

    Exit code 1: a file says something else than the flag, or the history does not explain it.
    """
    from fedvhost.release.checks_decision import contingency as check
    from fedvhost.release.contingency import change_object
    from fedvhost.release.gates import Decision
    from fedvhost.release.items import State
    from fedvhost.release.milestones import deadline, deadline_passed
    from fedvhost.release.words import plain
    from fedvhost.report.checklist import decision_lines, finding_object

    case = case_of(ctx)[2]
    findings = tuple(f for f in check(case) if not f.scenario.startswith(("tested-", "earned")))
    in_order = all(f.state is State.DONE for f in findings)
    last, late = deadline(case.release), deadline_passed(case.release, case.today)
    if wants_json(ctx):
        found = {
            "feature": case.feature.name,
            "release": case.release.name,
            "flag": case.flag.value,
            "ok": in_order,
            "findings": [finding_object(f) for f in findings],
            "history": [change_object(c) for c in case.flag.history],
            "deadline": None if last is None else {"milestone": last.id, "date": last.date},
            "too_late": late,
            "ask": list(case.release.gate.ask),
        }
        say_json(found)
        return 0 if in_order else 1
    click.echo(f"{case.feature.name} ships {style(case.flag.value, 'bold')} in {case.release.name}")
    for line in decision_lines(Decision(in_order, findings, 0), style, width()):
        click.echo(line)
    for mechanism in case.feature.contingency.mechanisms:
        effect = mechanism.on if case.flag.value == "on" else mechanism.off
        click.echo(f"  effect   {plain(mechanism.what, 200)}: {plain(effect, 200)}")
    if last is not None:
        click.echo(f"  deadline {last.title}, {last.date}" + (f": {late}" if late else ""))
    if case.release.gate.ask:
        click.echo(f"  to ask   {', '.join(plain(a, 80) for a in case.release.gate.ask)}")
    for change in case.flag.history:
        asked = f"; asked: {', '.join(plain(a, 80) for a in change.asked)}" if change.asked else ""
        click.echo(
            f"  {plain(change.at, 30)}  {plain(change.was, 8)} → {plain(change.now, 8)} by "
            f"{plain(change.by, 80)}: {plain(change.because, 300)}{asked}"
        )
    return 0 if in_order else 1


@contingency.command(name="set")
@click.argument("value", type=click.Choice(["on", "off"]))
@click.option("--because", required=True, help="Why; kept in the history.")
@click.option("--by", help="Who decides (else: whoever git says you are).")
@click.option("--asked", multiple=True, metavar="WHOM", help="Who was asked; may be repeated.")
@click.option("--exception", default="", metavar="TICKET", help="What allows it after the deadline.")
@asked_options
@json_option
@click.pass_context
def set_(
    ctx: click.Context, /, value: str, because: str, by: str | None,
    asked: tuple[str, ...], exception: str, **_: Any,
) -> int:  # fmt: skip
    """Set the flag, in the release's manifest and in every line that it renders.

    Off is always allowed. On is refused after the contingency deadline, unless an exception was granted.
    Build evidence is stale afterwards: other packages will come out. Exit code 1: refused.
    """
    from fedvhost.git.identity import committer
    from fedvhost.pipeline.decisions.flagging import Why, asked_of, set_flag
    from fedvhost.pipeline.inputs import read_manifests
    from fedvhost.release.contingency import shipped
    from fedvhost.release.milestones import deadline_passed

    workspace, request = place_of(ctx)
    manifests = read_manifests(workspace, request)
    feature, release = manifests.feature, manifests.release
    late = deadline_passed(release, today_of(ctx))
    if value == "on" and late is not None and not exception.strip():
        ask = ", ".join(release.gate.ask) or "whoever decides about exceptions"
        refused = f"{late}; ask {ask}, and name the ticket with --exception"
        if wants_json(ctx):
            say_json({"flag": shipped(feature, release), "files": [], "refused": refused})
        else:
            click.echo(f"refused: {refused}")
        return 1
    why = Why(by or str(committer(workspace.root)), because, asked_of(asked), exception.strip())
    changed = set_flag(workspace, request, value, why)
    if wants_json(ctx):
        say_json({"flag": value, "files": list(changed), "refused": None})
    else:
        _told(value, changed)
    return 0


@contingency.command()
@click.option("--dry-run", is_flag=True, help="Say what would be decided, and change nothing.")
@click.option("--by", help="Who decides (else: whoever git says you are).")
@asked_options
@json_option
@click.pass_context
def decide(ctx: click.Context, /, dry_run: bool, by: str | None, **_: Any) -> int:
    """Turn the feature on if it earned it; any doubt leaves it off.

    It takes as many green runs of the smoke suite as the release's manifest demands, out of as many, on the
    builds that are to ship, with evidence that is whole and current, before the contingency deadline.
    Exit code 0: on. 1: off.
    """
    from fedvhost.git.identity import committer
    from fedvhost.pipeline.decisions.flagging import Why, set_flag
    from fedvhost.release.gates import decide as decided
    from fedvhost.report.checklist import decision_lines, finding_object

    workspace, request, case = case_of(ctx)
    decision = decided(case)
    changes = decision.on and case.flag.value == "off" and not dry_run
    if changes:
        because = f"{decision.runs} green runs of {decision.runs} of the smoke suite, on " + ", ".join(
            case.nvrs.values()
        )
        why = Why(by or str(committer(workspace.root)), because, runs=decision.runs)
        changed = set_flag(workspace, request, "on", why)
    if wants_json(ctx):
        found = {
            "on": decision.on,
            "was": case.flag.value,
            "changed": changes,
            "findings": [finding_object(f) for f in decision.findings],
        }
        say_json(found)
        return 0 if decision.on else 1
    for line in decision_lines(decision, style, width()):
        click.echo(line)
    if decision.on:
        click.echo(
            "on: everything that was asked for is green" + ("; nothing was changed" if dry_run else "")
        )
    else:
        click.echo(
            f"off: {len(decision.against)} of {len(decision.findings)} speak against on, or are not known"
        )
        if case.flag.value == "on":
            click.echo(
                "it is on now; take it back with: " + case.command("contingency set off", "--because REASON")
            )
    if changes:
        _told("on", changed)
    return 0 if decision.on else 1


@contingency.command(name="test")
@asked_options
@json_option
@click.pass_context
def test_(ctx: click.Context, /, **_: Any) -> int:
    """Look into the packages that were built: is what tells on from off there, or not there, as it must be?

    Files are looked at, not what programs do: that is for the smoke test. Leaves evidence for the checklist.
    Exit code 1: the packages hold something else, or nothing that tells.
    """
    from fedvhost.pipeline.decisions.looking import look
    from fedvhost.release.words import plain

    workspace, _request, case = case_of(ctx)
    with workspace.lock():
        found = look(workspace, case)
    if wants_json(ctx):
        seen = list(found.seen)
        say_json({"flag": found.flag, "ok": found.ok, "seen": seen, "evidence": found.evidence})
    else:
        word = {True: style("as it must be", "green"), False: style("wrong", "red"), None: "not decided"}
        click.echo(f"{case.feature.name} ships {found.flag}; what was built is {word[found.ok]}")
        for text in found.seen:
            click.echo(f"  {plain(text)}")
    return 0 if found.ok else 1


def _told(value: str, changed: tuple[str, ...]) -> None:
    if not changed:
        click.echo(f"it was {value} already; nothing changed")
        return
    click.echo(f"{value}: {len(changed)} files written")
    for file in changed:
        click.echo(f"  {file}")
    click.echo("what was built and tested before is of the other setting: build and test again")
