"""The smoke matrix: a row of the test plan, and what each shape that ran says of it; the rest is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fedvhost.pipeline.material import Material
from fedvhost.release.facts import Piece, Standing
from fedvhost.release.gates import verdict
from fedvhost.release.items import State as Item
from fedvhost.report.plots import Plot, Series, plot
from fedvhost.report.steps import State, judge

# Words of a row's own, for its outcomes, in the order of gravity.
_OUTCOMES = ("fail", "undecided", "pass")
_STATES = {Item.DONE: State.PASSED, Item.FAILED: State.FAILED}
# What of an observation is shown: a few numbers and words, not what a whole program said.
_OBSERVED = 6


@dataclass(frozen=True, slots=True)
class Cell:
    """What a shape says of a row: ``word`` as the suite said it; ``seconds`` None: not measured."""

    shape: str
    title: str
    state: State
    word: str
    text: str = ""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A row of the test plan; ``decided_by``: who must, where a smoke test cannot. ``state``: the worst of
    what was run; unknown where nothing was."""

    id: str
    title: str
    where: str
    decided_by: str
    cells: tuple[Cell, ...]
    state: State


@dataclass(frozen=True, slots=True)
class Matrix:
    """All rows, in the test plan's order; ``shapes`` that ran, with ``problems``: why a shape's results do
    not count now; ``plots`` of what was measured."""

    shapes: tuple[str, ...]
    problems: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    counts: Mapping[str, int]
    plots: tuple[Plot, ...] = ()


def matrix_of(material: Material) -> Matrix:
    """Put what the shapes say beside the rows of the test plan; what covers none of them comes after."""
    pieces = [p for p in material.pieces if p.kind == "smoke" and p.standing is not Standing.MISSING]
    planned = {t.id: t for t in material.case.feature.test_plan}
    cells: dict[str, list[Cell]] = {}
    for piece in pieces:
        for name, row in _rows(piece):
            covers = [c for c in row.get("covers") or () if c in planned] if _listed(row, "covers") else []
            for covered in covers or [name]:
                cells.setdefault(covered, []).append(_cell(piece, name, row))
    rows = []
    for name in (*planned, *(n for n in cells if n not in planned)):
        test, said = planned.get(name), tuple(cells.get(name, ()))
        title = test.title if test else said[0].title
        where, by = (test.where, test.decided_by or "") if test else ("", "")
        rows.append(MatrixRow(name, title, where, by, said, _worst([c.state for c in said])))
    return Matrix(
        tuple(p.subject or "smoke" for p in pieces),
        tuple(_problem(p) for p in pieces),
        tuple(rows),
        {s.value: sum(r.state is s for r in rows) for s in State},
        tuple(drawn for piece in pieces for drawn in _plots(piece)),
    )


def _worst(states: Sequence[State]) -> State:
    order = (State.FAILED, State.STALE, State.UNKNOWN, State.PASSED)
    return next((s for s in order if s in states), State.UNKNOWN)


def _problem(piece: Piece) -> str:
    state, text = judge(piece)
    return f"{state.value}: {text}" if state in (State.STALE, State.UNKNOWN) else ""


def _listed(row: Mapping[str, Any], key: str) -> bool:
    return isinstance(row.get(key), list)


def _rows(piece: Piece) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The rows of a suite, an object by id or a list of objects that have one."""
    rows = piece.facts.content.get("rows")
    if isinstance(rows, dict):
        yield from ((str(k), v) for k, v in rows.items() if isinstance(v, dict))
    elif isinstance(rows, list):
        yield from ((str(r["id"]), r) for r in rows if isinstance(r, dict) and r.get("id"))


def _cell(piece: Piece, name: str, row: Mapping[str, Any]) -> Cell:
    word, state = _outcome(row)
    if piece.standing is not Standing.GOOD and state is not State.UNKNOWN:
        state = State.STALE
    why = row.get("why")
    seconds = row.get("seconds")
    measured = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return Cell(
        piece.subject or "smoke",
        str(row.get("title") or name),
        state,
        word,
        str(why) if why else _observed(row.get("observed")),
        float(seconds) if measured and seconds is not None else None,
    )


def _outcome(row: Mapping[str, Any]) -> tuple[str, State]:
    """The row's word and what it means: its verdict, else how often it came out which way."""
    if isinstance(said := row.get("verdict"), str):
        return said, _STATES.get(verdict(said), State.UNKNOWN)
    counts = {k: n for k in _OUTCOMES if isinstance(n := row.get(k), int) and n > 0}
    word = ", ".join(f"{n} {k}" for k, n in counts.items())
    worst = next(iter(counts), "undecided")
    return word or "undecided", _STATES.get(verdict(worst), State.UNKNOWN)


def _observed(observed: object) -> str:
    if not isinstance(observed, dict):
        return ""
    plain = {k: v for k, v in observed.items() if isinstance(v, str | int | float | bool)}
    words = [f"{k} {v}" for k, v in plain.items() if len(str(v)) <= 40]
    return ", ".join(words[:_OBSERVED])


# -- measured -------------------------------------------------------------------------------------------


def _plots(piece: Piece) -> Iterator[Plot]:
    """``measured``: a list of {"title", "unit", "on": [...], "off": [...]}, or nothing."""
    measured = piece.facts.content.get("measured")
    for number, one in enumerate(measured if isinstance(measured, list) else ()):
        if not isinstance(one, dict):
            continue
        series = [Series(f"vhost={side}", _numbers(one.get(side))) for side in ("on", "off")]
        title, unit = str(one.get("title", "")), str(one.get("unit", ""))
        drawn = plot(f"plot-{piece.subject or 'smoke'}-{number}", title, unit, series)
        if drawn is not None:
            yield drawn


def _numbers(values: object) -> tuple[float, ...]:
    if not isinstance(values, list):
        return ()
    return tuple(float(v) for v in values if isinstance(v, int | float) and not isinstance(v, bool))
