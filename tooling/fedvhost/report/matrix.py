"""The smoke matrix: a row of the test plan, and what each shape that ran says of it; the rest is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fedvhost.pipeline.page.material import Material
from fedvhost.release.facts import Piece, Said, Standing
from fedvhost.release.gates import other_builds, verdict
from fedvhost.release.items import State as Item
from fedvhost.report.plots import Plot, Series, plot
from fedvhost.report.steps import State, judge

# Signs of what was seen that are shown; the evidence has all of it.
SEEN = 220
_STATES = {Item.DONE: State.PASSED, Item.FAILED: State.FAILED}


@dataclass(frozen=True, slots=True)
class Cell:
    """What a shape says of a row: ``word`` as the suite said it, ``text`` what was seen."""

    shape: str
    title: str
    state: State
    word: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a shape; ``seconds`` None: not told. ``text``: the kernel, and what went wrong."""

    shape: str
    number: int
    state: State
    seconds: float | None
    text: str


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
    not count now; ``runs`` with their timings; ``plots`` of what was measured."""

    shapes: tuple[str, ...]
    problems: tuple[str, ...]
    rows: tuple[MatrixRow, ...]
    counts: Mapping[str, int]
    runs: tuple[Run, ...] = ()
    plots: tuple[Plot, ...] = ()


def matrix_of(material: Material) -> Matrix:
    """Put what the shapes say beside the rows of the test plan; what covers none of them comes after."""
    pieces = [p for p in material.pieces if p.kind == "smoke" and p.standing is not Standing.MISSING]
    planned = {t.id: t for t in material.case.feature.test_plan}
    cells: dict[str, list[Cell]] = {}
    other = {p.subject: other_builds(material.case, p) for p in pieces if p.good}
    for piece in pieces:
        for row in piece.facts.each("rows") or ():
            name = row.text("id") or "?"
            for covered in [c for c in row.texts("plan") or () if c in planned] or [name]:
                cells.setdefault(covered, []).append(_cell(piece, name, row, other.get(piece.subject)))
    rows = []
    for name in (*planned, *(n for n in cells if n not in planned)):
        test, said = planned.get(name), tuple(cells.get(name, ()))
        title = test.title if test else said[0].title
        where, by = (test.where, test.decided_by or "") if test else ("", "")
        rows.append(MatrixRow(name, title, where, by, said, _worst([c.state for c in said])))
    return Matrix(
        tuple(p.subject or "smoke" for p in pieces),
        tuple(_problem(p, other.get(p.subject)) for p in pieces),
        tuple(rows),
        {s.value: sum(r.state is s for r in rows) for s in State},
        tuple(run for piece in pieces for run in _runs(piece)),
        tuple(drawn for piece in pieces for drawn in _plots(piece)),
    )


def _worst(states: Sequence[State]) -> State:
    order = (State.FAILED, State.STALE, State.UNKNOWN, State.PASSED)
    return next((s for s in order if s in states), State.UNKNOWN)


def _problem(piece: Piece, other: str | None) -> str:
    if other is not None:
        return f"what it passed does not count for what ships: {other}"
    state, text = judge(piece)
    return f"{state.value}: {text}" if state in (State.STALE, State.UNKNOWN) else ""


def _cell(piece: Piece, name: str, row: Said, other: str | None) -> Cell:
    word = row.text("verdict") or "undecided"
    state = _STATES.get(verdict(word), State.UNKNOWN)
    if not piece.good and state is not State.UNKNOWN:
        state = State.STALE
    if other is not None and state is State.PASSED:
        state = State.UNKNOWN
    passed, asked = row.number("passed"), row.number("asked")
    if passed is not None and asked is not None:
        word = f"{word}, {passed:g} of {asked:g} runs"
    return Cell(
        piece.subject or "smoke", row.text("title") or name, state, word, _short(row.text("observed") or "")
    )


def _short(text: str) -> str:
    return text if len(text) <= SEEN else f"{text[:SEEN]}…"


def _runs(piece: Piece) -> Iterator[Run]:
    for at, run in enumerate(piece.facts.each("runs") or (), 1):
        ok = run.flag("ok")
        state = State.UNKNOWN if ok is None else State.PASSED if ok else State.FAILED
        if not piece.good and state is not State.UNKNOWN:
            state = State.STALE
        told = (run.text("kernel"), piece.facts.text("accelerator"), run.text("trouble"))
        words = [w for w in (*told, *(run.texts("notes") or ())) if w]
        yield Run(piece.subject or "smoke", at, state, run.number("seconds"), ", ".join(words))


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
