"""Rows and their answers, from what a test host said. What has no answer was not decided."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fedvhost.inside.rows import Row, Verdict

# Who decides a line of the test plan of which nobody says anything else.
UNASKED = "a person: no row asks all of it"


class Planned(Protocol):
    """A line of a test plan; ``decided_by`` None: a smoke row."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def decided_by(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class RowResult:
    """The answer to one row in one run. ``why`` is empty if it passed; ``seconds`` are the test host's;
    ``decided_by``: who must, of a row that is not decidable here; ``again``: see ``Answer``."""

    id: str
    title: str
    covers: tuple[str, ...]
    verdict: Verdict
    why: str = ""
    observed: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    decided_by: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A test host from boot to end, and those that were booted for what it left open. ``trouble``: why the
    last did not come to its end (empty: it did); ``booted``: seconds to the first word; ``kernel``: what it
    said it runs; ``logs``: the folder where they are kept, of a run that did not pass or has notes.
    ``guests``: "kvm" or "tcg" (from snapshots), what guests ran under (empty: there were none, or there was
    neither), and why. ``notes``: what went wrong and was made good by asking again."""

    number: int
    rows: tuple[RowResult, ...]
    trouble: str
    seconds: float
    booted: float
    kernel: str
    logs: str = ""
    guests: str = ""
    guests_because: str = ""
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every row that is decidable here passed, and there was one."""
        ours = [r for r in self.rows if r.verdict is not Verdict.ELSEWHERE]
        return bool(ours) and not self.trouble and all(r.verdict is Verdict.PASS for r in ours)


@dataclass(frozen=True, slots=True)
class Smoke:
    """All runs of a shape: on which accelerator and why that one, from which kernel; whether every row of
    the shape was asked (``complete``). ``nvrs``: the builds that were tested, by package; ``elsewhere``: the
    lines of the test plan that others decide, and that no run was asked."""

    shape: str
    runs: tuple[Run, ...]
    accelerator: str
    because: str
    kernel: str
    complete: bool
    seconds: float
    nvrs: Mapping[str, str] = field(default_factory=dict)
    evidence: str | None = None
    junit: str | None = None
    elsewhere: tuple[RowResult, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every row of every run passed, as far as it is decidable here."""
        return bool(self.runs) and all(run.ok for run in self.runs)


def answered(record: Mapping[str, Any], rows: Mapping[str, Row]) -> RowResult | None:
    """The result that a record of the test host carries; None if it carries none that we can believe."""
    row = rows.get(str(record.get("row")))
    if record.get("kind") != "row" or row is None:
        return None
    try:
        verdict = Verdict(record.get("verdict"))
    except ValueError:
        return None
    if verdict is Verdict.ELSEWHERE and not row.decided_by:
        verdict = Verdict.UNDECIDED  # a row is nobody else's unless it says whose
    observed = record.get("observed")
    return RowResult(
        row.id, row.title, row.covers, verdict, str(record.get("why", "")),
        observed if isinstance(observed, dict) else {}, float(record.get("seconds", 0.0)),
        row.decided_by if verdict is Verdict.ELSEWHERE else "",
        verdict is Verdict.UNDECIDED and record.get("again") is True,
    )  # fmt: skip


def left_to_others(plan: Iterable[Planned], rows: Iterable[Row]) -> tuple[RowResult, ...]:
    """The lines of a test plan that a shape of these rows does not decide, each with who must."""
    covered = {line for row in rows for line in row.covers}
    return tuple(
        RowResult(line.id, line.title, (line.id,), Verdict.ELSEWHERE, decided_by=line.decided_by or UNASKED)
        for line in plan
        if line.decided_by or line.id not in covered
    )


def attachments(records: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], bytes]:
    """The files that rows sent along: (row, name) to content. Pieces that were garbled are left out."""
    files: dict[tuple[str, str], bytes] = {}
    for record in records:
        if record.get("kind") != "file":
            continue
        key = (str(record.get("row")), str(record.get("name")))
        try:
            files[key] = files.get(key, b"") + base64.b64decode(str(record.get("base64")), validate=True)
        except binascii.Error:
            continue
    return files


def to_object(smoke: Smoke) -> dict[str, Any]:
    """The result in JSON's types."""
    return {
        "shape": smoke.shape,
        "ok": smoke.ok,
        "complete": smoke.complete,
        "accelerator": smoke.accelerator,
        "accelerator_because": smoke.because,
        "kernel": smoke.kernel,
        "seconds": round(smoke.seconds, 1),
        "evidence": smoke.evidence,
        "junit": smoke.junit,
        "elsewhere": [_row(r) for r in smoke.elsewhere],
        "runs": [
            {
                "number": run.number,
                "ok": run.ok,
                "trouble": run.trouble,
                "kernel": run.kernel,
                "seconds": round(run.seconds, 1),
                "booted": round(run.booted, 1),
                "logs": run.logs,
                "guests": run.guests,
                "guests_because": run.guests_because,
                "notes": list(run.notes),
                "rows": [_row(r) for r in run.rows],
            }
            for run in smoke.runs
        ],
    }


def facts(smoke: Smoke) -> dict[str, Any]:
    """What evidence keeps: each run's outcome, and each row with the worst verdict of all runs. A row that
    was not decided once is not decided. ``nvrs``: the builds that were tested, by package; without it the
    checklist cannot believe that these were the ones to ship."""
    rows: dict[str, list[RowResult]] = {}
    for run in smoke.runs:
        for result in run.rows:
            rows.setdefault(result.id, []).append(result)
    found: dict[str, Any] = {
        "ok": smoke.ok,
        "runs": [
            {
                "number": r.number,
                "ok": r.ok,
                "kernel": r.kernel,
                "seconds": round(r.seconds, 1),
                "trouble": r.trouble,
                **({"guests": r.guests, "guests_because": r.guests_because} if r.guests_because else {}),
                **({"notes": list(r.notes)} if r.notes else {}),
            }
            for r in smoke.runs
        ],
        "rows": [*(_over_runs(results) for results in rows.values()), *map(_unasked, smoke.elsewhere)],
        "accelerator": smoke.accelerator,
        "kernel": smoke.kernel,
    }
    if measured := [m for results in rows.values() for r in results if (m := r.observed.get("measured"))]:
        found["measured"] = measured
    return {**found, "nvrs": dict(smoke.nvrs)} if smoke.nvrs else found


def seen(result: RowResult) -> str:
    """What was observed, in one line; of a row that did not pass, why."""
    return result.why or "; ".join(
        f"{key}: {_short(value)}" for key, value in result.observed.items() if key != "measured"
    )


_WORST = (Verdict.FAIL, Verdict.UNDECIDED, Verdict.ELSEWHERE, Verdict.PASS)


def worst_of(results: Sequence[RowResult]) -> RowResult:
    """Of answers to one row the one that says the least for it."""
    return min(results, key=lambda r: _WORST.index(r.verdict))


def _over_runs(results: Sequence[RowResult]) -> dict[str, Any]:
    """One row over all runs."""
    worst = worst_of(results)
    found = {
        "id": worst.id,
        "title": worst.title,
        "plan": list(worst.covers),
        "verdict": worst.verdict.value,
        "observed": seen(worst),
        "passed": sum(r.verdict is Verdict.PASS for r in results),
        "asked": len(results),
    }
    return {**found, "decided_by": worst.decided_by} if worst.decided_by else found


def _unasked(line: RowResult) -> dict[str, Any]:
    """A line of the test plan that others decide: nothing was asked, so nothing is said of it."""
    return {
        "id": line.id, "title": line.title, "plan": list(line.covers), "verdict": line.verdict.value,
        "observed": "", "decided_by": line.decided_by,
    }  # fmt: skip


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_short(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return " ".join(_short(v) for v in value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _row(result: RowResult) -> dict[str, Any]:
    return {
        "id": result.id,
        "title": result.title,
        "covers": list(result.covers),
        "verdict": result.verdict.value,
        "why": result.why,
        "observed": dict(result.observed),
        "seconds": result.seconds,
        **({"decided_by": result.decided_by} if result.decided_by else {}),
    }
