"""How each step stands, by its evidence alone: passed, failed, stale, unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fedvhost.pipeline.page.material import Material
from fedvhost.release.facts import Piece, Standing
from fedvhost.release.gates import other_builds

Facts = Mapping[str, Any]

TITLES = {
    "backport": "Series",
    "spec": "Spec, %prep",
    "check": "Compiles",
    "fixes": "Follow-ups",
    "build": "Builds",
    "smoke": "Smoke",
}


class State(StrEnum):
    """How a step stands. Only ``passed`` is a yes."""

    PASSED = "passed"
    FAILED = "failed"
    STALE = "stale"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a package (or of the feature, ``subject`` empty or a shape): how it stands, in one line."""

    kind: str
    title: str
    subject: str
    state: State
    text: str


def steps_of(material: Material) -> tuple[Step, ...]:
    """Judge every piece of evidence that there is, or should be."""
    pieces = [p for p in material.pieces if p.kind in TITLES]
    if not any(p.kind == "smoke" for p in pieces):
        pieces.append(Piece("smoke", "", ""))
    return tuple(_step(piece, material) for piece in pieces)


def _step(piece: Piece, material: Material) -> Step:
    state, text = judge(piece)
    outdated = material.outdated
    if piece.kind == "smoke" and piece.good and (other := other_builds(material.case, piece)) is not None:
        # Green on something else than what ships is no answer.
        state, text = State.UNKNOWN, f"{text}; {other}" if text else other
    if piece.kind in ("backport", "check", "spec") and state is State.PASSED and outdated:
        state, text = State.STALE, f"the plan is older than {' and '.join(outdated)}"
    return Step(piece.kind, TITLES.get(piece.kind, piece.kind), piece.subject, state, text)


def judge(piece: Piece) -> tuple[State, str]:
    """Say how a piece of evidence stands, and why. Whatever it does not say plainly is unknown."""
    match piece.standing:
        case Standing.MISSING:
            return State.UNKNOWN, "not run: there is no evidence"
        case Standing.SPOILED:
            return State.UNKNOWN, f"its evidence cannot be believed: {piece.problem}"
        case Standing.STALE:
            return State.STALE, piece.problem
        case Standing.GOOD:
            ok = piece.facts.flag("ok")
    text = _said(piece.kind, piece.facts.content)
    if ok is None:
        return State.UNKNOWN, "its evidence does not say how it ended"
    passed = ok and not piece.facts.content.get("findings")
    return (State.PASSED if passed else State.FAILED), text


def _said(kind: str, facts: Facts) -> str:
    """One line about what was found; facts of another form than expected say nothing."""
    try:
        return _SAYS[kind](facts) if kind in _SAYS else ""
    except (KeyError, TypeError, AttributeError, ValueError):
        return "its facts have an unknown form"


def _backport(facts: Facts) -> str:
    if facts.get("stopped"):
        return f"stopped at {facts['stopped'][:12]}"
    if facts.get("findings"):
        return str(facts["findings"][0])
    patches = len(facts["patches"])
    applied = facts["applied"]
    look = len(facts.get("undecided") or ())
    if not applied["ok"]:
        return f"{applied['applied']} of {patches} patches apply without fuzz"
    return f"{_count(patches, 'patch', 'patches')} without fuzz" + (f"; {look} to look at" if look else "")


def _spec(facts: Facts) -> str:
    if facts["findings"]:
        return str(facts["findings"][0])
    prep = facts.get("prep")
    if prep is None:
        return f"{facts['nvr']}: every patch is applied as rpm expands it; %prep was not run"
    if prep["failed"] is not None:
        return f"%prep failed: {prep['failed']}"
    if prep["differing"]:
        return f"%prep left {len(prep['differing'])} files otherwise"
    return f"{facts['nvr']}: %prep leaves {prep['compared']} files as replayed"


def _check(facts: Facts) -> str:
    if facts["broken"]:
        return f"broken after {facts['broken'][:12]}"
    if facts["problems"]:
        return str(facts["problems"][0])
    rows = [r for r in facts["rows"] if r["result"] != "not compiled"]
    objects = sum(len(r.get("objects") or ()) for r in rows)
    every = "after every patch" if facts.get("each") else "at the end of the series"
    open_ = len(facts["not_checked"]) + sum(len(r.get("not_checked") or ()) for r in rows)
    return f"{_count(objects, 'object')}, {every}" + (f"; {open_} parts not covered" if open_ else "")


def _fixes(facts: Facts) -> str:
    offered, taken, omitted = (len(facts[k]) for k in ("offered", "taken", "omitted"))
    if offered:
        return f"{offered} offered and not decided"
    return f"all decided: {taken} taken, {omitted} omitted"


def _build(facts: Facts) -> str:
    scratch = "scratch" if facts.get("scratch") else ""
    words = [facts.get("nvr"), facts.get("via"), scratch, facts.get("state"), facts.get("because")]
    return ", ".join(str(w) for w in words if w)


def _smoke(facts: Facts) -> str:
    runs = facts["runs"]
    return f"{sum(r['ok'] is True for r in runs)} green of {_count(len(runs), 'run')}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


_SAYS = {
    "backport": _backport,
    "spec": _spec,
    "check": _check,
    "fixes": _fixes,
    "build": _build,
    "smoke": _smoke,
}
