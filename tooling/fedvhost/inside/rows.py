"""A row of the smoke suite: one question with a name, and the function that finds the answer.

A row's function is given what it asked for (the ground: the test host, and guests in it) and returns what it
observed. It says no by ``expect``, and that it cannot say by raising ``Undecided``; any other exception means
that the question was not answered either. So only a row that ran to its end has passed. A row that names who
else decides it may raise ``NotHere``: the answer is somebody else's, and none was had here.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fedvhost.inside.ground import Ground

Observed = Mapping[str, Any]


class Verdict(enum.Enum):
    """The answer to a row. Not decided is not passed."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"
    # Not this machine's question: the row, or the line of the test plan, names who must decide it.
    ELSEWHERE = "not decidable here"


# Emulation stands in for hardware, and some of what a machine does it does not do.
HARDWARE = "whoever has hardware KVM; emulated, the guest's machine does not do this"


@dataclass(frozen=True, slots=True)
class Row:
    """``covers`` are ids of the feature's test plan that this row speaks to; ``guests`` names the guests it
    wants started; ``after`` are rows that must have passed for this one to mean anything; ``seconds`` is how
    long it may take on a quiet machine (``Ground.pace`` times that, where the test host booted slowly).
    ``quiet``: no guest is started beside it for a later row; ``decided_by``: who must, where the row finds
    that an emulated machine cannot (empty: it must be decided here)."""

    id: str
    title: str
    run: Callable[[Ground], Observed]
    covers: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    seconds: float = 30.0
    quiet: bool = False
    decided_by: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a row: the verdict, why (unless it passed), what was observed, and how long it took.
    ``again``: it is undecided because something did not come in time or broke down, not for a reason that
    stays; where an emulated processor may be the cause, a fresh test host can be asked."""

    row: str
    verdict: Verdict
    why: str = ""
    observed: Observed = field(default_factory=dict)
    seconds: float = 0.0
    again: bool = False


class Refuted(Exception):
    """What should hold does not: the row fails."""

    def __init__(self, why: str, observed: Observed) -> None:
        super().__init__(why)
        self.observed = observed


class Undecided(Exception):
    """The question cannot be answered here, and why."""


class NotHere(Exception):
    """An emulated machine cannot do what the question is about, and how that was seen."""


class Rows:
    """The rows of a shape, in the order in which they were written."""

    def __init__(self) -> None:
        self.all: list[Row] = []

    def row(
        self, id: str, title: str, *, covers: tuple[str, ...] = (), guests: tuple[str, ...] = (),
        after: tuple[str, ...] = (), seconds: float = 30.0, quiet: bool = False,
        decided_by: str = "",
    ) -> Callable[[Callable[[Ground], Observed]], Callable[[Ground], Observed]]:  # fmt: skip
        """Make the decorated function a row."""

        def add(function: Callable[[Ground], Observed]) -> Callable[[Ground], Observed]:
            self.all.append(Row(id, title, function, covers, guests, after, seconds, quiet, decided_by))
            return function

        return add


def expect(holds: object, why: str, **observed: Any) -> None:
    """Go on if ``holds``; else the row fails, with the reason and what was observed.

    Raises:
        Refuted: it does not hold.
    """
    if not holds:
        raise Refuted(why, observed)
