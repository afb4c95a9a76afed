"""What the documents say: release note, user guide, feature page, freeze exception request, as values.

The words of the feature are its manifest's; the facts are the evidence's; the form is a template's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from fedvhost.errors import InputError
from fedvhost.release import gates
from fedvhost.release.case import Case
from fedvhost.release.checks import go_through
from fedvhost.release.checks_packaging import plan_rows
from fedvhost.release.items import State
from fedvhost.release.milestones import deadline, stand
from fedvhost.release.words import markdown, plain

WRITTEN = ("release-note", "user-guide", "feature-page")
EXCEPTION = "freeze-exception"
# What the page's percentage does not count: it is about the feature, not about the paper.
_PAPER = ("documents", "migration", "milestones", "sign-offs")


@dataclass(frozen=True, slots=True)
class Result:
    """A line of the test plan, and what came of it."""

    id: str
    title: str
    where: str
    state: str
    seen: str
    shapes: tuple[str, ...]


def contents(case: Case) -> dict[str, Any]:
    """Return everything that a template may use: manifests, flag, results, builds, schedule.

    Without waivers: a page says what is, and does not change when a waiver ends.
    """
    case = replace(case, words=replace(case.words, waivers=()))
    outcome = go_through(case)
    items = [s for s in outcome.settled if s.item.check not in _PAPER]
    passed = sum(s.state.passes for s in items)
    last = deadline(case.release)
    return {
        "feature": case.feature,
        "release": case.release,
        "packages": [_package(case, p) for p in case.packages],
        "on": case.flag.value == "on",
        "flag": case.flag,
        "results": results(case),
        "percent": 100 * passed // len(items) if items else 0,
        "settled": [(s.item.title, s.state.value) for s in items],
        "updated": max((p.made[:10] for p in case.pieces.values() if p.good), default="never"),
        "deadline": last,
        "stand": stand(case.release.milestones, case.today),
        "builds": [(f.scenario, f.state.value, f.text) for f in gates.builds(case)],
        "smoke": [(f.scenario, f.state.value, f.text) for f in gates.runs(case)],
        "open": [(s.item.title, f.scenario, f.state.value, f.text) for s in items for f in s.open],
        "gate": case.release.gate,
    }


def results(case: Case) -> tuple[Result, ...]:
    """The test plan with its results; what nobody decided is unknown, and says who must."""
    check = next((s for s in go_through(case).settled if s.item.check == "test-plan"), None)
    found = {f.scenario: f for f in check.findings} if check else {}
    rows = []
    for row in case.feature.test_plan:
        one = found.get(row.id)
        state = one.state if one else State.UNKNOWN
        seen = one.text.removeprefix(f"{row.title}: ") if one else "not looked at"
        shapes = tuple(dict.fromkeys(shape for shape, _, _ in plan_rows(case, row)))
        rows.append(Result(row.id, row.title, row.where, state.value, seen, shapes))
    return tuple(rows)


def _package(case: Case, package: str) -> Mapping[str, Any]:
    """One package's part: its picks, with what was done to them, and its build."""
    picks = case.picks(package)
    return {
        "name": package,
        "base": case.release.packages[package].base,
        "nvr": case.nvrs.get(package, ""),
        "patches": sum(p.text("patch") is not None for p in picks),
        "known": case.piece("backport", package).good,
        "adapted": [
            (p.text("commit") or "", p.text("subject") or "", p.text("verdict") or "")
            for p in picks
            if p.flag("review") or p.text("verdict") in ("adapted", "token-merged")
        ],
        "config": case.feature.packages[package].config,
    }


def render(template: str, file: str, values: Mapping[str, Any]) -> str:
    """Fill in a template; ``file`` names it in messages. Whatever others wrote passes ``| md``.

    Raises:
        InputError: the template is wrong, or uses what there is not.
    """
    environment = SandboxedEnvironment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["md"] = lambda text, longest=4000: markdown(str(text), longest)
    environment.filters["plain"] = lambda text, longest=4000: plain(str(text), longest)
    environment.filters["prose"] = prose
    environment.filters["code"] = code
    try:
        return environment.from_string(template).render(**values)
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        raise InputError(f"this template cannot be filled in: {error}", file=file, line=line) from error


def prose(text: str) -> str:
    """A text of several lines from a manifest, each line escaped for Markdown."""
    return "\n".join(markdown(line, 4000) for line in str(text).strip().split("\n"))


def code(text: str) -> str:
    """Lines to be typed, as a block of Markdown: indented, so that no mark in them ends it."""
    lines = str(text).strip().split("\n")
    return "\n".join(" " * (4 + len(line) - len(line.lstrip(" "))) + plain(line, 4000) for line in lines)
