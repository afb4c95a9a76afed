"""Follow-ups as text and as JSON's types."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from fedvhost.backport.followups import FollowUp, FollowUps, Kind, PackageFollowUps, Trial
from fedvhost.report.text import Style, revision

_TITLES = {
    Kind.OFFERED: "offered: they repair what is here",
    Kind.NOT_TO_BE_TAKEN: "not to be taken",
    Kind.TAKEN: "taken, says the manifest",
    Kind.OMITTED: "omitted, says the manifest",
    Kind.IN_BASE: "in the base already",
    Kind.FEATURE: "something new, or no repair: leave",
    Kind.NOISE: "noise",
}


def fixes_lines(found: FollowUps, style: Style, width: int) -> Iterator[str]:
    """Tell of the follow-ups of a feature, package by package, what is offered first."""
    yield f"follow-ups of {found.feature} for {found.release}"
    for name, package in found.packages.items():
        yield ""
        yield from _package_lines(name, package, style, width)
    yield ""
    offered = sum(len(p.of(Kind.OFFERED)) for p in found.packages.values())
    if offered:
        yield (
            f"{offered} offered. In the feature's manifest, [[packages.<package>.taken]] takes one, "
            "[[packages.<package>.omitted]] leaves it out"
        )
    else:
        yield "nothing is offered"


def _package_lines(name: str, package: PackageFollowUps, style: Style, width: int) -> Iterator[str]:
    yield style(f"{name} on {revision(package.base_name)}: follow-ups of {package.picks} commits", "bold")
    yield from _wrapped(_searched(package), "  ", width)
    for kind, title in _TITLES.items():
        follow_ups = package.of(kind)
        if not follow_ups:
            continue
        yield f"  {title} ({len(follow_ups)})"
        for one in follow_ups:
            yield from _lines(one, style, width)


def _searched(package: PackageFollowUps) -> str:
    search = package.search
    text = f"looked through {search.commits:,} commits after the base, {search.after_until:,} of them"
    text += f" after {revision(package.until)}"
    if search.newest:
        text += f", the newest of {_day(search.newest)}"
    if not search.after_until:
        text += (
            f": this history ends with {revision(package.until)}, so what repaired it later is not seen; "
            "name one that goes further with --upstream"
        )
    return text


def _lines(one: FollowUp, style: Style, width: int) -> Iterator[str]:
    verdict = ""
    if one.kind is Kind.OFFERED and one.trial is not None:
        verdict = style(f"{_verdict(one.trial):13}", "green" if one.trial.ok else "red") + " "
    room = width - 18 - (14 if verdict else 0)
    subject = one.subject if len(one.subject) <= room else one.subject[: room - 1] + "…"
    yield f"    {verdict}{one.commit.short}  {subject}"
    yield from _wrapped(one.reason, "        ", width)
    if one.kind not in (Kind.OFFERED, Kind.NOT_TO_BE_TAKEN):
        return
    if one.evidence:
        yield from _wrapped("; ".join(e.detail for e in one.evidence[:4]), "        ", width)
    if one.instead_of is not None:
        text = f"the form to try of {one.instead_of.short}, which does not land as well"
        yield from _wrapped(text, "        ", width)
    if one.kind is Kind.OFFERED and one.trial is not None:
        yield from (line for text in _details(one.trial) for line in _wrapped(text, "        ", width))


def _verdict(trial: Trial) -> str:
    if trial.missing:
        return "misses names"
    return "breaks" if trial.lost else trial.verdict.value


def _details(trial: Trial) -> Iterator[str]:
    if trial.on:
        yield f"tried on top of {', '.join(c.short for c in trial.on)}"
    if trial.conflicts:
        yield f"conflicts in {', '.join(trial.conflicts)}"
    if trial.missing:
        yield f"uses what is not here: {', '.join(trial.missing)}"
    if trial.lost:
        yield f"takes away what is used here: {', '.join(trial.lost)}"
    if trial.review:
        yield "look at the place: a rung had to choose"


def fixes_object(found: FollowUps) -> dict[str, Any]:
    """Return follow-ups as JSON's types: per package the search, and a list for each kind
    (``offered``, ``not_to_be_taken``, ``in_base``, ``taken``, ``omitted``, ``feature``, ``noise``)."""
    return {
        "feature": found.feature,
        "release": found.release,
        "packages": {
            name: {
                "base": p.base_name,
                "until": p.until,
                "picks": p.picks,
                "searched": {
                    **asdict(p.search),
                    "newest": _day(p.search.newest) if p.search.newest else None,
                },
                **{kind.value.replace(" ", "_"): [_object(f) for f in p.of(kind)] for kind in Kind},
            }
            for name, p in found.packages.items()
        },
    }


def _object(one: FollowUp) -> dict[str, Any]:
    trial = one.trial
    return {
        "commit": one.commit,
        "subject": one.subject,
        "reason": one.reason,
        "evidence": [{k: v for k, v in asdict(e).items() if v not in (None, ())} for e in one.evidence],
        "after": list(one.after),
        "forms": list(one.forms),
        "instead_of": one.instead_of,
        "trial": None if trial is None else {**asdict(trial), "verdict": trial.verdict.value, "ok": trial.ok},
    }


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
