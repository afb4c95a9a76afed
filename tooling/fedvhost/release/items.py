"""What a checklist is made of: items as a distribution words them, findings, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from fedvhost.release.words import plain


class State(StrEnum):
    """How it stands with something that must be so. Only ``done`` and ``waived`` let a feature go;
    ``manual`` waits for a person's word, ``unknown`` for evidence."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    WAIVED = "waived"
    MANUAL = "manual"

    @property
    def passes(self) -> bool:
        """Whether it is no reason against going."""
        return self in (State.DONE, State.WAIVED)


# The worst of an item's findings is the item's state.
_WORST = (State.FAILED, State.UNKNOWN, State.MANUAL, State.WAIVED, State.DONE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at for an item. ``scenario`` names it within the item (``kernel/x86_64``);
    a waiver is for exactly one. ``evidence``: the files it rests on; ``next``: the command that settles it,
    or what a person must do."""

    scenario: str
    state: State
    text: str
    evidence: tuple[str, ...] = ()
    next: str = ""


def finding(
    scenario: str, state: State, text: str, *evidence: str, then: str = "", longest: int = 400
) -> Finding:
    """Make a finding whose texts can be shown anywhere, whoever wrote what is in them."""
    files = tuple(plain(e, 200) for e in evidence if e)
    return Finding(plain(scenario, 80), state, plain(text, longest), files, plain(then, 1000))


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a distribution's checklist. ``check`` names what decides it (``checks.CHECKS``); ``next`` is
    said where a finding has nothing better; ``waivable``: whether a person may let it pass."""

    id: str
    section: str
    title: str
    check: str
    because: str = ""
    next: str = ""
    waivable: bool = True


@dataclass(frozen=True, slots=True)
class Checklist:
    """A distribution's release engineering checklist. ``sign_offs``: the roles that must all agree."""

    name: str
    title: str
    sign_offs: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """An item with what was found."""

    item: Item
    findings: tuple[Finding, ...]

    @property
    def state(self) -> State:
        """The worst of the findings; nothing found at all is unknown."""
        states = {f.state for f in self.findings}
        return next((s for s in _WORST if s in states), State.UNKNOWN)

    @property
    def open(self) -> tuple[Finding, ...]:
        """The findings that speak against going."""
        return tuple(f for f in self.findings if not f.state.passes)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A checklist gone through: for which feature and release, on which day, and what of each item."""

    checklist: Checklist
    feature: str
    release: str
    today: str
    settled: tuple[Settled, ...]
    nvrs: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def go(self) -> bool:
        """Go is every item done or waived, and at least one item."""
        return bool(self.settled) and all(s.state.passes for s in self.settled)

    def count(self, state: State) -> int:
        """How many items are in a state."""
        return sum(s.state is state for s in self.settled)


def settle(item: Item, findings: Iterable[Finding]) -> Settled:
    """Put findings to an item, each with a next step."""
    found = tuple(
        replace(f, next=f.next or plain(item.next)) if not f.state.passes else f for f in findings
    ) or (Finding("all", State.UNKNOWN, "nothing was there to be looked at", (), plain(item.next)),)
    return Settled(item, found)
