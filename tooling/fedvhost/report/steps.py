"""How each step stands, by its evidence alone: passed, failed, stale, unknown; and what settles it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fedvhost.evidence import Evidence, Spoiled
from fedvhost.pipeline.material import Material, Piece

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
    """A step of a package (or of the feature, ``subject`` empty or a shape): how it stands, in one line;
    ``command`` settles it, where something can."""

    kind: str
    title: str
    subject: str
    state: State
    text: str
    command: str = ""
    made: str = ""
    file: str = ""


def steps_of(material: Material) -> tuple[Step, ...]:
    """Judge every piece of evidence that there is, or should be."""
    release = material.release.name
    pieces = [p for p in material.pieces if p.kind in TITLES]
    if not any(p.kind == "smoke" for p in pieces):
        pieces.append(Piece("smoke", "", ""))
    return tuple(_step(piece, release, material) for piece in pieces)


def _step(piece: Piece, release: str, material: Material) -> Step:
    state, text = judge(piece)
    if piece.kind in ("backport", "check", "spec") and state is State.PASSED and material.outdated:
        state, text = State.STALE, f"the plan is older than {' and '.join(material.outdated)}"
    made = piece.found.made if isinstance(piece.found, Evidence) else ""
    command = "" if state is State.PASSED else _command(piece, release, state)
    title = TITLES.get(piece.kind, piece.kind)
    return Step(piece.kind, title, piece.subject, state, text, command, made, piece.file)


def judge(piece: Piece) -> tuple[State, str]:
    """Say how a piece of evidence stands, and why. Whatever it does not say plainly is unknown."""
    found = piece.found
    if found is None:
        return State.UNKNOWN, "not run: there is no evidence"
    if isinstance(found, Spoiled):
        return State.UNKNOWN, f"its evidence cannot be believed: {found.reason}"
    if piece.changed:
        return State.STALE, f"changed since: {_listed(piece.changed)}"
    ok = found.facts.get("ok")
    text = _said(piece.kind, found.facts)
    if ok is True:
        return (State.FAILED, text) if found.facts.get("findings") else (State.PASSED, text)
    if ok is False:
        return State.FAILED, text
    return State.UNKNOWN, "its evidence does not say how it ended"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _command(piece: Piece, release: str, state: State) -> str:
    package = f" --package {piece.subject}" if piece.subject and piece.kind != "smoke" else ""
    if piece.kind == "fixes" and state is State.FAILED:
        return "decide in the manifest: taken or omitted, each with because"
    return {
        "spec": f"fedvhost spec --release {release}{package} --prep",
        "smoke": f"fedvhost smoke --release {release}"
        + (f" --shape {piece.subject}" if piece.subject else ""),
    }.get(piece.kind, f"fedvhost {piece.kind} --release {release}{package}")


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
    return f"{_count(objects, 'object')}, {every}" + (f"; {open_} remarks on what was not" if open_ else "")


def _fixes(facts: Facts) -> str:
    offered, taken, omitted = (len(facts[k]) for k in ("offered", "taken", "omitted"))
    if offered:
        return f"{offered} offered and not decided"
    return f"all decided: {taken} taken, {omitted} omitted"


def _build(facts: Facts) -> str:
    words = [str(facts[k]) for k in ("nvr", "via", "state", "because") if facts.get(k)]
    return ", ".join(words)


def _smoke(facts: Facts) -> str:
    rows = facts.get("rows")
    if not isinstance(rows, list):
        return ""
    results = [str(r.get("result", r.get("state", ""))) for r in rows]
    counts = {r: results.count(r) for r in dict.fromkeys(results) if r}
    return ", ".join(f"{n} {r}" for r, n in counts.items())


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
