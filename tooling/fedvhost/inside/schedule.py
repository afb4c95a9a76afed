"""When guests are started and ended: before they are wanted, so that they boot beside other rows' work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fedvhost.inside.rows import Row

# Rows ahead: enough to boot meanwhile, and few enough that not all guests run at once.
AHEAD = 6


@dataclass(frozen=True, slots=True)
class Step:
    """What happens before a row: guests that nobody wants any more end, others are started."""

    start: tuple[str, ...] = ()
    end: tuple[str, ...] = ()


def schedule(rows: Sequence[Row], ahead: int = AHEAD) -> tuple[Step, ...]:
    """One step a row. A guest that is wanted again later than ``ahead`` rows from now stays; beside a quiet
    row only its own guests are started."""
    steps: list[Step] = []
    started: list[str] = []
    for number, row in enumerate(rows):
        later = {g for r in rows[number:] for g in r.guests}
        end = tuple(g for g in started if g not in later)
        near = [row] if row.quiet else rows[number : number + ahead]
        wanted = dict.fromkeys(g for r in near for g in r.guests)
        start = tuple(g for g in wanted if g not in started)
        started = [g for g in started if g in later] + list(start)
        steps.append(Step(start, end))
    return tuple(steps)
