"""A checklist that was gone through: as text for a terminal, as JSON, as Markdown and as one HTML page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from fedvhost.release.gates import Decision
from fedvhost.release.items import Finding, Outcome, Settled, State
from fedvhost.release.words import markdown, plain
from fedvhost.report.text import Style

COLOURS = {
    State.DONE: "green",
    State.FAILED: "red",
    State.UNKNOWN: "yellow",
    State.WAIVED: "blue",
    State.MANUAL: "magenta",
}


def _plain(text: str, _: str) -> str:
    return text


def verdict(outcome: Outcome) -> str:
    """The answer, in a word."""
    return "GO" if outcome.go else "NO-GO"


def counts(outcome: Outcome) -> str:
    """How many items are in which state."""
    found = [f"{n} {state}" for state in State if (n := outcome.count(state))]
    return f"{len(outcome.settled)} items: {', '.join(found)}"


def checklist_lines(
    outcome: Outcome, style: Style = _plain, width: int = 100, *, everything: bool = False
) -> Iterator[str]:
    """Tell how it stands: every item with its state; what is open with what to do next. ``everything``: also
    what each item that is done rests on."""
    answer = style(verdict(outcome), "green" if outcome.go else "red")
    yield f"{outcome.feature} for {outcome.release} on {outcome.today}: {answer}"
    if outcome.nvrs:
        yield f"  builds: {', '.join(plain(n, 100) for n in outcome.nvrs.values())}"
    for note in outcome.notes:
        yield from _wrapped(note, "  ", width)
    for section, items in groupby(outcome.settled, lambda s: s.item.section):
        yield ""
        yield style(plain(section, 60), "bold")
        for item in items:
            yield from _item(item, style, width, everything)
    yield ""
    yield f"{counts(outcome)}: {answer}"


def _item(settled: Settled, style: Style, width: int, everything: bool) -> Iterator[str]:
    state = settled.state
    yield f"  {style(f'{state:<8}', COLOURS[state])} {plain(settled.item.title, width)}"
    shown = [f for f in settled.findings if everything or f.state is not State.DONE]
    for after, same in groupby(shown, lambda f: f.next):
        for found in same:
            first, *rest = _finding(found, width)
            yield f"    {style(f'{found.state:<8}', COLOURS[found.state])} {first}"
            yield from (f"             {line}" for line in rest)
        if after:
            yield f"             → {after}"


def _finding(found: Finding, width: int) -> list[str]:
    return textwrap.wrap(f"{found.scenario}: {found.text}", width - 13) or [""]


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(plain(text), width, initial_indent=indent, subsequent_indent=indent + "  ")


def checklist_object(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as JSON's types."""
    return {
        "checklist": outcome.checklist.name,
        "feature": outcome.feature,
        "release": outcome.release,
        "today": outcome.today,
        "go": outcome.go,
        "nvrs": dict(outcome.nvrs),
        "notes": [plain(n) for n in outcome.notes],
        "items": [
            {
                "id": s.item.id,
                "section": s.item.section,
                "title": s.item.title,
                "state": s.state.value,
                "waivable": s.item.waivable,
                "findings": [finding_object(f) for f in s.findings],
            }
            for s in outcome.settled
        ],
    }


def finding_object(found: Finding) -> dict[str, Any]:
    """Return a finding as JSON's types."""
    return {
        "scenario": found.scenario,
        "state": found.state.value,
        "text": found.text,
        "evidence": list(found.evidence),
        "next": found.next,
    }


def decision_lines(decision: Decision, style: Style = _plain, width: int = 100) -> Iterator[str]:
    """Tell why the feature may be on by default, or may not."""
    for found in decision.findings:
        first, *rest = _finding(found, width)
        yield f"  {style(f'{found.state:<8}', COLOURS[found.state])} {first}"
        yield from (f"           {line}" for line in rest)
        if found.state is not State.DONE and found.next:
            yield f"           → {found.next}"


def rendered(outcome: Outcome, form: Literal["md", "html"]) -> str:
    """Return an outcome as Markdown or as an HTML page that needs nothing else. Whatever is in it was written
    by others, and is escaped."""
    loader = PackageLoader("fedvhost.report", "templates")
    environment = Environment(
        loader=loader,
        autoescape=form == "html",
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["md"] = markdown
    template = environment.get_template(f"checklist.{form}.j2")
    return template.render(
        title=outcome.checklist.title,
        feature=outcome.feature,
        release=outcome.release,
        today=outcome.today,
        go=outcome.go,
        verdict=verdict(outcome),
        counts=counts(outcome),
        nvrs=[plain(n, 100) for n in outcome.nvrs.values()],
        notes=[plain(n) for n in outcome.notes],
        states=[s.value for s in State],
        sections=[
            {"title": title, "items": [_shown(s) for s in items]}
            for title, items in groupby(outcome.settled, lambda s: s.item.section)
        ],
    )


def _shown(settled: Settled) -> dict[str, Any]:
    done = [f for f in settled.findings if f.state is State.DONE]
    summary = "; ".join(f"{f.scenario}: {f.text}" for f in done[:4])
    more = f"; and {len(done) - 4} more" if len(done) > 4 else ""
    return {
        "id": settled.item.id,
        "title": settled.item.title,
        "state": settled.state.value,
        "open": [finding_object(f) for f in settled.open],
        "shown": [finding_object(f) for f in settled.findings if f.state is not State.DONE],
        "summary": summary + more,
    }
