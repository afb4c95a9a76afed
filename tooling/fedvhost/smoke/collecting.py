"""One run's answers, from what its test hosts said; and what is to be asked of another one.

A test host may break down before it has answered all, or stall. Where that cannot be the doing of what is
under test, the rows that it left open are asked in a fresh one (``pipeline.smoke.running`` says when). No
answer is lost by that: a no stays a no, and a row that two test hosts left open is not asked a third time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from fedvhost.inside.rows import Row, Verdict
from fedvhost.smoke.results import RowResult, answered, worst_of

Record = Mapping[str, Any]


class Heard(Protocol):
    """What one test host said, in order, and why it did not come to its end (empty: it did)."""

    @property
    def records(self) -> Sequence[Record]: ...
    @property
    def trouble(self) -> str: ...


def collect(rows: Sequence[Row], heard: Sequence[Heard]) -> tuple[RowResult, ...]:
    """A result for each of ``rows``, in their order. A row without an answer is undecided: because of the
    last trouble, and it says so if that row was under way."""
    answers, broken = _answers(rows, heard), {_under_way(h): h.trouble for h in heard if h.trouble}
    why = next((h.trouble for h in reversed(heard) if h.trouble), "the test host gave no answer")

    def unanswered(row: Row) -> RowResult:
        said = f"{broken[row.id]} (during this row)" if row.id in broken else why
        return RowResult(row.id, row.title, row.covers, Verdict.UNDECIDED, said)

    return tuple(worst_of(answers[r.id]) if r.id in answers else unanswered(r) for r in rows)


def left_open(rows: Sequence[Row], heard: Sequence[Heard]) -> tuple[Row, ...]:
    """The rows to ask another test host: those without an answer or with one that may change, and the rows
    that they build on. None if nothing that is left can be asked."""
    answers = _answers(rows, heard)
    broken = [_under_way(h) for h in heard if h.trouble]
    stalled = [result.id for host in heard for result in _said(rows, host) if result.again]
    undecided = {r.id for r in rows if r.id not in answers or all(a.again for a in answers[r.id])}
    open_ = {name for name in undecided if broken.count(name) + stalled.count(name) < 2}
    by_id = {r.id: r for r in rows}
    wanted = set(open_)
    for name in reversed([r.id for r in rows]):  # what a row builds on stands before it
        if name in wanted:
            wanted.update(a for a in by_id[name].after if a in by_id)
    return tuple(r for r in rows if r.id in wanted) if open_ else ()


def notes(rows: Sequence[Row], heard: Sequence[Heard]) -> tuple[str, ...]:
    """What was made good by asking again: guests that were started anew, rows that stalled, test hosts that
    were replaced."""
    found: list[str] = []
    for number, host in enumerate(heard, 1):
        found += [str(r.get("text", "")) for r in host.records if r.get("kind") == "note"]
        if number == len(heard):
            break
        for result in _said(rows, host):
            if result.again:
                found.append(f"row '{result.id}': {result.why}; a fresh test host was asked")
        if host.trouble:
            during = f" (during row '{row}')" if (row := _under_way(host)) else ""
            found.append(f"{host.trouble}{during}; a fresh test host was asked what was left open")
    return tuple(found)


def _answers(rows: Sequence[Row], heard: Sequence[Heard]) -> dict[str, list[RowResult]]:
    """The answers to each row that count: one that may change does so only while there is no other."""
    found: dict[str, list[RowResult]] = {}
    for result in (r for host in heard for r in _said(rows, host)):
        found.setdefault(result.id, []).append(result)
    return {name: [r for r in results if not r.again] or results[-1:] for name, results in found.items()}


def _said(rows: Sequence[Row], host: Heard) -> list[RowResult]:
    """The answers of one test host."""
    known = {r.id: r for r in rows}
    return [result for record in host.records if (result := answered(record, known)) is not None]


def _under_way(host: Heard) -> str:
    """The row that a test host had begun and not answered; empty if there is none."""
    begun = ""
    for record in host.records:
        if record.get("kind") == "start":
            begun = str(record.get("row"))
        elif record.get("kind") == "row" and record.get("row") == begun:
            begun = ""
    return begun
