"""The report: one page of HTML that shows all that is known of a feature on a release.

It needs nothing but itself: style and script are in it, and its policy forbids everything else (their hashes
are named, so a script that got in with somebody's text would not run). The same material gives the same
bytes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib.resources
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import jinja2
from markupsafe import Markup

from fedvhost.backport.plan import Considered, PackagePlan, Stop
from fedvhost.builds.record import State as BuildState
from fedvhost.pipeline.page.material import Material, PackageMaterial
from fedvhost.release.facts import Piece
from fedvhost.release.items import Outcome, Settled
from fedvhost.release.milestones import deadline
from fedvhost.report.cards import MEANINGS, Card, cards_of
from fedvhost.report.checklist import counts
from fedvhost.report.graph import draw
from fedvhost.report.matrix import matrix_of
from fedvhost.report.plain import plain
from fedvhost.report.sidebyside import file_diffs
from fedvhost.report.steps import TITLES, steps_of

TEMPLATES = "templates"
# Lines of the diff of a spec that are shown.
SPEC_LINES = 700


def render(material: Material, *, live: bool = False) -> bytes:
    """Return the page; ``live``: it looks for a newer one of itself where it came from."""
    style, script = (_text(name) for name in ("page.css", "page.js"))
    page = _environment().get_template("page.html.j2").render(
        _context(material), live=live, style=Markup(style), script=Markup(script),
        policy=_policy(style, script, live),
    )  # fmt: skip
    return page.encode("utf-8", "backslashreplace")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fedvhost.report", TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        finalize=_finalize,
    )
    environment.filters["short"] = lambda oid: oid[:12]
    environment.filters["size"] = _size
    return environment


def _finalize(value: object) -> object:
    """Everything that a template puts out goes through here, before it is escaped."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _text(name: str) -> str:
    return (importlib.resources.files("fedvhost.report") / TEMPLATES / name).read_text()


def _policy(style: str, script: str, live: bool) -> str:
    def named(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    connect = "connect-src 'self'; " if live else ""
    return (
        f"default-src 'none'; {connect}style-src {named(style)}; script-src {named(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _context(material: Material) -> Mapping[str, Any]:
    case, outcome = material.case, material.outcome
    steps = steps_of(material)
    picks = sum(len(p.plan.entries) for p in material.packages if p.plan)
    kinds = [k for k in TITLES if k != "smoke" and any(s.kind == k for s in steps)]
    return {
        "case": case,
        "feature": case.feature,
        "release": case.release,
        "outcome": outcome,
        "counts": counts(outcome),
        "sections": [(name, tuple(items)) for name, items in groupby(outcome.settled, _section)],
        "plan_problem": material.plan_problem,
        "outdated": material.outdated,
        "at_work": material.at_work,
        "kinds": [(k, TITLES[k]) for k in kinds],
        "table": {p.name: {s.kind: s for s in steps if s.subject == p.name} for p in material.packages},
        "smoke_steps": [s for s in steps if s.kind == "smoke"],
        "verdict": _verdict(outcome),
        "as_of": max((p.made for p in material.pieces if p.made), default=""),
        "packages": [_package(p, picks) for p in material.packages],
        "picks": picks,
        "meanings": {v.value: m for v, m in MEANINGS.items()},
        "matrix": matrix_of(material),
        "builds": material.builds,
        "spoiled_builds": material.spoiled,
        "running": [s.value for s in BuildState if not s.final and s is not BuildState.UNKNOWN],
        "contingency": case.feature.contingency,
        "flag": case.flag,
        "deadline": deadline(case.release),
        "pieces": material.pieces,
        "followups": [f for p in material.pieces if p.kind == "fixes" and (f := _followups(p))],
    }


def _section(settled: Settled) -> str:
    return settled.item.section


def _verdict(outcome: Outcome) -> Mapping[str, str]:
    if outcome.go:
        return {"word": "Go", "class": "passed"}
    return {"word": "No-go", "class": "failed"}


def _followups(piece: Piece) -> Mapping[str, Any] | None:
    """What the search for repairs found, where its evidence has the form that is known."""
    facts = piece.facts.content
    if not facts:
        return None
    kinds = ("offered", "taken", "omitted", "not_to_be_taken", "feature", "noise")
    lists = {k: v for k in kinds if isinstance(v := facts.get(k), list)}
    offered = [
        {k: str(one.get(k, "")) for k in ("commit", "subject", "reason")}
        for one in lists.get("offered", ())
        if isinstance(one, dict)
    ]
    return {
        "package": piece.subject,
        "offered": offered,
        "counts": [(k.replace("_", " "), len(v)) for k, v in lists.items()],
        "until": str(facts.get("until", "")),
        "stale": not piece.good,
    }


def _package(package: PackageMaterial, picks: int) -> Mapping[str, Any]:
    plan = package.plan
    cards = cards_of(package, picks)
    return {
        "name": package.name,
        "plan": plan,
        "cards": cards,
        "by_commit": {c.commit: c for c in cards},
        "graph": draw(plan) if plan else None,
        "counts": _counts(cards),
        "patches": sum(c.lands for c in cards),
        "history": package.history,
        "folder": package.folder,
        "conflicts": [c for c in cards if c.done or c.review],
        "stop": _stop(plan),
        "marked": package.marked,
        "considered": _considered(plan),
        "undecided": plan.undecided if plan else (),
        "spec": package.spec,
        "spec_files": _spec_files(package.spec.text),
    }


def _counts(cards: tuple[Card, ...]) -> Mapping[str, int]:
    return {v.value: n for v in MEANINGS if (n := sum(c.verdict == v.value for c in cards))}


def _stop(plan: PackagePlan | None) -> Stop | None:
    return plan.stop if plan else None


def _considered(plan: PackagePlan | None) -> tuple[Considered, ...]:
    return plan.considered if plan else ()


def _spec_files(text: str) -> Sequence[Mapping[str, Any]]:
    if text.startswith("--- "):  # of difflib's: no header of git's
        text = f"diff --git a/spec b/spec\n{text}"
    found = []
    for file in file_diffs(text.encode("utf-8", "surrogateescape")).values():
        found.append(
            {
                "path": file.path,
                "added": file.added,
                "removed": file.removed,
                "remark": file.remark,
                "lines": file.lines[:SPEC_LINES],
                "left": max(0, len(file.lines) - SPEC_LINES),
            }
        )
    return found


def _size(number: int) -> str:
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} bytes"
