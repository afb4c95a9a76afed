"""Builds as lines of text for a terminal, and as JSON.

What a build's log says was written by whatever ran in it: nothing of it reaches a terminal unescaped.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fedvhost.builds.record import Record, State, Task
from fedvhost.evidence import Spoiled
from fedvhost.pipeline.builds.chaining import Chain
from fedvhost.pipeline.builds.ingredients import Refused
from fedvhost.pipeline.builds.packing import Packed
from fedvhost.report.text import Style, cut, harmless, wrapped

_COLOURS: Mapping[State, str] = {
    State.DONE: "green",
    State.FAILED: "red",
    State.CANCELLED: "yellow",
    State.UNKNOWN: "red",
}
_WORDS: Mapping[State, str] = {
    State.DONE: "built",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
    State.UNKNOWN: "unknown",
    State.PREPARED: "prepared",
    State.SUBMITTING: "submitting",
    State.SUBMITTED: "submitted",
    State.BUILDING: "building",
}
_TASK_COLOURS: Mapping[str, str] = {"closed": "green", "failed": "red", "canceled": "yellow"}
_REFUSED = "nothing was built: a package that disagrees with its series must not look as if it had it"


def _plain(text: str, _: str) -> str:
    return text


def packed_lines(
    packed: Sequence[Packed | Refused], style: Style = _plain, width: int = 100
) -> Iterator[str]:
    """Tell of source packages, or why there are none."""
    for one in packed:
        if isinstance(one, Refused):
            yield from refused_lines(one, style, width)
            continue
        yield style(one.nvr, "bold")
        yield f"  srpm      {one.srpm}"
        yield f"            SHA-256 {one.sha256}"
        if one.base:
            yield f"  base      {one.base[:12]}, packed as the source archive"
        yield from _notes(one.notes, width)
    if any(isinstance(p, Refused) for p in packed):
        yield _REFUSED


def refused_lines(refused: Refused, style: Style = _plain, width: int = 100) -> Iterator[str]:
    """Tell why a package is not built."""
    yield style(refused.package, "bold")
    for reason in refused.reasons:
        yield from _labelled("refused", "red", harmless(reason), style, width)


def record_lines(record: Record, style: Style = _plain, width: int = 100) -> Iterator[str]:
    """Tell of one build: what, where, how it stands, and what came of it."""
    yield style(record.nvr, "bold") + f"  {_where(record)}"
    yield f"  build     {record.id}"
    if record.srpm:
        yield f"  srpm      {record.srpm}"
    if record.options:
        yield f"  options   {' '.join(record.options)}"
    yield from _notes(record.notes, width)
    if record.task is not None:
        yield f"  task      {record.task}{f' on {record.hub}' if record.hub else ''}"
    yield from (f"            {line}" for line in tree_lines(record.tasks, style))
    yield from (f"  rpm       {name}" for name in record.results)
    yield from (f"  log       {name}" for name in record.logs)
    if record.complaint and not record.ok:
        yield from (f"  │ {cut(harmless(line), width - 4)}" for line in record.complaint)
    word = style(_WORDS[record.state], _COLOURS.get(record.state, "bold"))
    pad = " " * (10 - len(_WORDS[record.state]))
    more = harmless(record.because) or _took(record)
    yield from (wrapped(f"{word}{pad}{more}".rstrip(), "  ", width) if more else [f"  {word}"])


def chain_lines(
    chain: Chain, style: Style = _plain, width: int = 100, program: str = "fedvhost"
) -> Iterator[str]:
    """Tell of a whole run; ``program``: how a command begins that comes back to it."""
    for number, refused in enumerate(chain.refused):
        yield from ("",) * bool(number)
        yield from refused_lines(refused, style, width)
    for number, record in enumerate(chain.records):
        yield from ("",) * bool(number)
        yield from record_lines(record, style, width)
    if chain.left:
        before = chain.records[-1].package if chain.records else ""
        yield f"not begun: {', '.join(chain.left)}, because {before} comes first and was not built"
    if chain.refused:
        yield _REFUSED
    for record in chain.records:
        if not record.state.final and record.state is not State.UNKNOWN:
            yield f"it goes on; come back with: {program} build status --wait {record.id}"


def overview_lines(
    records: Sequence[Record | Spoiled], style: Style = _plain, width: int = 100
) -> Iterator[str]:
    """Tell of all builds, one a line, the latest last."""
    for one in records:
        if isinstance(one, Spoiled):
            yield f"{style('spoiled', 'red')}    {one.file}: {one.reason}"
            continue
        word = _WORDS[one.state]
        padded = style(word, _COLOURS.get(one.state, "bold")) + " " * (11 - len(word))
        task = f" task {one.task}" if one.task is not None else ""
        yield f"{padded}{one.id}  {one.nvr}  {one.via}{task}"


def tree_lines(tasks: Sequence[Task], style: Style = _plain) -> Iterator[str]:
    """Show koji's tasks as a tree, the root first."""
    numbers = {t.number for t in tasks}

    def below(parent: int | None, depth: int) -> Iterator[str]:
        for task in tasks:
            root = task.parent is None or task.parent not in numbers
            if (task.parent == parent and not root) or (parent is None and root):
                state = style(harmless(task.state), _TASK_COLOURS.get(task.state, "bold"))
                label = harmless(task.label or task.arch)
                yield f"{'  ' * depth}{task.number} {label}  {state}" + (
                    f"  {harmless(task.host)}" if task.host else ""
                )
                if depth < 20:  # a hub that names a task as its own grandparent must not keep us here
                    yield from below(task.number, depth + 1)

    yield from below(None, 0)


def bar(done: int, total: int, width: int = 24) -> str:
    """A bar of a transfer: ``[######······] 45 %  12 of 27 MB``; without a total only the bytes."""
    if not total:
        return f"{done / 1e6:.1f} MB"
    full = min(done * width // total, width)
    return f"[{'#' * full}{'·' * (width - full)}] {done * 100 // total} %  of {total / 1e6:.1f} MB"


def chain_object(chain: Chain) -> dict[str, Any]:
    """A run as JSON's types."""
    return {
        "ok": chain.ok,
        "interrupted": chain.interrupted,
        "builds": [record_object(r) for r in chain.records],
        "refused": {r.package: list(r.reasons) for r in chain.refused},
        "left": list(chain.left),
    }


def record_object(record: Record | Spoiled) -> dict[str, Any]:
    """A build as JSON's types; what is for the build system alone is left out."""
    if isinstance(record, Spoiled):
        return {"file": record.file, "spoiled": record.reason}
    found = asdict(record)
    del found["own"]
    return {**found, "state": record.state.value}


def packed_object(packed: Sequence[Packed | Refused]) -> dict[str, Any]:
    """Source packages as JSON's types."""
    return {
        "ok": not any(isinstance(p, Refused) for p in packed),
        "srpms": {p.package: asdict(p) for p in packed if isinstance(p, Packed)},
        "refused": {p.package: list(p.reasons) for p in packed if isinstance(p, Refused)},
    }


def _where(record: Record) -> str:
    words: list[str] = [record.via]
    words += [f"for {record.target}"] if record.target else []
    words += [f"({', '.join(record.arches)} only)"] if record.arches else []
    return " ".join(words) + (", scratch" if record.scratch else "")


def _notes(notes: Sequence[str], width: int) -> Iterator[str]:
    for note in notes:
        yield from _labelled("note", "", harmless(note), _plain, width)


def _labelled(label: str, colour: str, text: str, style: Style, width: int) -> Iterator[str]:
    first, *rest = wrapped(text, "            ", width) or [""]
    yield f"  {style(label, colour) if colour else label}{' ' * (10 - len(label))}{first.strip()}"
    yield from rest


def _took(record: Record) -> str:
    try:
        began, ended = (
            datetime.datetime.fromisoformat(t.replace("Z", "+00:00")) for t in (record.started, record.ended)
        )
    except ValueError:
        return ""
    seconds = int((ended - began).total_seconds())
    return f"in {seconds // 60} min {seconds % 60} s" if seconds >= 60 else f"in {seconds} s"
