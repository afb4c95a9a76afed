"""Measured values drawn, on beside off: a dot a value, a line from the least to the largest. No library:
two rows of dots on one axis are all there is to draw."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, LEFT, RIGHT, ROW = 560.0, 64.0, 24.0, 30.0


@dataclass(frozen=True, slots=True)
class Series:
    """Measured values of one setting (``on``, ``off``), in the plot's unit."""

    label: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A row of the drawing: dots at ``xs``, a line from ``low`` to ``high``, the median's tick."""

    label: str
    y: float
    xs: tuple[float, ...]
    low: float
    high: float
    median: float
    words: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing; ``ticks`` are (x, text) on the axis; ``words`` says the same for who does not see it."""

    id: str
    title: str
    unit: str
    width: float
    height: float
    axis: float
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    words: str


def plot(name: str, title: str, unit: str, series: Sequence[Series]) -> Plot | None:
    """Draw the series on one axis that begins at 0; None if nothing was measured."""
    measured = [Series(s.label, _real(s.values)) for s in series]
    measured = [s for s in measured if s.values]
    if not measured:
        return None
    step = _step(max(v for s in measured for v in s.values))
    top = step * math.ceil(max(v for s in measured for v in s.values) / step or 1)
    scale = (WIDTH - LEFT - RIGHT) / top

    def x(value: float) -> float:
        return round(LEFT + value * scale, 1)

    marks = []
    for at, one in enumerate(measured):
        low, high, middle = min(one.values), max(one.values), statistics.median(one.values)
        count = len(one.values)
        spread = f", from {low:g} to {high:g} in {count} runs" if count > 1 else " (one run)"
        words = f"{one.label}: {middle:g} {unit}{spread}"
        xs = tuple(x(v) for v in one.values)
        marks.append(Mark(one.label, ROW * at + ROW / 2, xs, x(low), x(high), x(middle), words))
    axis = ROW * len(marks)
    ticks = tuple((x(step * n), f"{step * n:g}") for n in range(round(top / step) + 1))
    return Plot(
        name, title, unit, WIDTH, axis + 34, axis, tuple(marks), ticks, "; ".join(m.words for m in marks)
    )


def _real(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(v for v in values if math.isfinite(v) and v >= 0)


def _step(largest: float) -> float:
    """A step of 1, 2 or 5 with zeros, so that there are at most six of them."""
    if largest <= 0:
        return 1.0
    rough = largest / 5
    power = 10.0 ** math.floor(math.log10(rough))
    return next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
