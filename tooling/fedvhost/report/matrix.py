"""The smoke matrix: a row of the test plan, a column a shape that was run; what was not run is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fedvhost.evidence import Evidence
from fedvhost.pipeline.material import Material, Piece
from fedvhost.report.plots import Plot, Series, plot
from fedvhost.report.steps import State, judge

# What a row's own word means here; any other word is unknown.
_WORDS = {
    "pass": State.PASSED,
    "passed": State.PASSED,
    "ok": State.PASSED,
    "fail": State.FAILED,
    "failed": State.FAILED,
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A row in one shape. ``word`` as the suite said it; ``seconds`` None: not measured."""

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
    cells: tuple[Cell | None, ...]
    state: State


@dataclass(frozen=True, slots=True)
class Matrix:
    """All rows, in the test plan's order; ``shapes`` with ``problems``: why a shape's results do not count
    now; ``plots`` of what was measured."""

    shapes: tuple[str, ...]
    problems: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    counts: Mapping[str, int]
    plots: tuple[Plot, ...] = ()


def matrix_of(material: Material) -> Matrix:
    """Put the results of each shape beside the rows of the test plan."""
    pieces = [p for p in material.pieces if p.kind == "smoke"]
    results = [_results(p) for p in pieces]
    planned = {t.id: t for t in material.feature.test_plan}
    extra = dict.fromkeys(i for r in results for i in r if i not in planned)
    rows = []
    for name in (*planned, *extra):
        test = planned.get(name)
        cells = tuple(r.get(name) for r in results)
        titles = [r.title for r in (_raw(p, name) for p in pieces) if r.title]
        rows.append(
            MatrixRow(
                name,
                test.title if test else (titles[0] if titles else name),
                test.where if test else "",
                (test.decided_by or "") if test else "",
                cells,
                _worst([c.state for c in cells if c is not None]),
            )
        )
    counts = {s.value: sum(r.state is s for r in rows) for s in State}
    problems = tuple(_problem(p) for p in pieces)
    plots = tuple(p for piece in pieces for p in _plots(piece))
    return Matrix(tuple(p.subject or "smoke" for p in pieces), problems, tuple(rows), counts, plots)


def _worst(states: Sequence[State]) -> State:
    order = (State.FAILED, State.STALE, State.UNKNOWN, State.PASSED)
    return next((s for s in order if s in states), State.UNKNOWN)


def _problem(piece: Piece) -> str:
    state, text = judge(piece)
    return f"{state.value}: {text}" if state in (State.STALE, State.UNKNOWN) else ""


@dataclass(frozen=True, slots=True)
class _Raw:
    title: str = ""


def _rows(piece: Piece) -> Iterator[Mapping[str, Any]]:
    if isinstance(piece.found, Evidence):
        rows = piece.found.facts.get("rows")
        yield from (r for r in rows if isinstance(r, dict)) if isinstance(rows, list) else ()


def _raw(piece: Piece, name: str) -> _Raw:
    title = next((r.get("title") for r in _rows(piece) if r.get("id") == name), None)
    return _Raw(title if isinstance(title, str) else "")


def _results(piece: Piece) -> Mapping[str, Cell]:
    return {str(row["id"]): _cell(row, bool(piece.changed)) for row in _rows(piece) if row.get("id")}


def _cell(row: Mapping[str, Any], stale: bool) -> Cell:
    word = next((str(row[k]) for k in ("result", "outcome", "state", "verdict") if row.get(k)), "")
    state = _WORDS.get(word, State.UNKNOWN)
    if stale and state is not State.UNKNOWN:
        state = State.STALE
    text = next((str(row[k]) for k in ("observed", "because", "reason", "said") if row.get(k)), "")
    seconds = row.get("seconds")
    measured = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    return Cell(state, word or "unknown", text, float(seconds) if measured and seconds is not None else None)


# -- measured -------------------------------------------------------------------------------------------


def _plots(piece: Piece) -> Iterator[Plot]:
    """``measured``: a list of {"title", "unit", "on": [...], "off": [...]}, or nothing."""
    if not isinstance(piece.found, Evidence):
        return
    measured = piece.found.facts.get("measured")
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
