"""The result of a smoke test as lines of text for a terminal."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from fedvhost.inside.rows import Verdict
from fedvhost.report.text import Style
from fedvhost.smoke.results import RowResult, Smoke

_WORDS = {
    Verdict.PASS: ("pass", "green"),
    Verdict.FAIL: ("FAIL", "red"),
    Verdict.UNDECIDED: ("could not decide", "yellow"),
    Verdict.ELSEWHERE: ("not decidable here", "blue"),
}
_SHORT = {Verdict.UNDECIDED: "?", Verdict.ELSEWHERE: "–"}

_GUESTS = {"tcg": "under TCG, restored from snapshots", "": "none could be run"}


def _plain(text: str, _: str) -> str:
    return text


def row_lines(result: RowResult, style: Style = _plain, width: int = 100, name: int = 20) -> Iterator[str]:
    """One row as it is answered: verdict, name, what was asked, time; then why, if it did not pass."""
    word, colour = _WORDS[result.verdict]
    seconds = f"{result.seconds:.1f} s"
    name = max(name, len(result.id) + 1)
    room = max(width - name - 2 - 6 - 10, 20)
    title = result.title if len(result.title) <= room else result.title[: room - 1] + "…"
    short = _SHORT.get(result.verdict, word)
    yield f"  {style(f'{short:<4}', colour)}  {result.id:<{name}}{title:<{room}}{seconds:>8}"
    if result.why:
        why = f"{word}: {result.why}" if result.verdict in _SHORT else result.why
        yield from textwrap.wrap(why, width, initial_indent=" " * 8, subsequent_indent=" " * 10)
    if result.decided_by:
        by = f"to be decided by {result.decided_by}"
        yield from textwrap.wrap(by, width, initial_indent=" " * 8, subsequent_indent=" " * 10)


def smoke_lines(smoke: Smoke, style: Style = _plain, width: int = 100) -> Iterator[str]:
    """The sum of it, after the rows: counts, machine, where files are, and the answer."""
    if len(smoke.runs) > 1:
        yield from _repeated(smoke, width)
    counts = Counter(r.verdict for run in smoke.runs for r in run.rows)
    said = ", ".join(f"{counts[v]} {word.lower()}" for v, (word, _) in _WORDS.items() if counts[v])
    yield from _left(smoke.elsewhere, style, width)
    many = f"{len(smoke.runs)} runs, " if len(smoke.runs) > 1 else ""
    yield f"  {many}{said}; {smoke.seconds:.1f} s"
    yield from _wrapped(f"on {smoke.kernel}, {smoke.accelerator}: {smoke.because}", width)
    # Why ordinary guests run under KVM nobody needs to read each time.
    for under, because in dict.fromkeys((r.guests, r.guests_because) for r in smoke.runs):
        if because and under != "kvm":
            yield from _wrapped(f"guests: {_GUESTS[under]} ({because})", width)
    for run in smoke.runs:
        for note in run.notes:
            yield from _wrapped(f"note, run {run.number}: {note}", width)
        if run.logs:
            yield from _wrapped(f"logs of run {run.number}: {run.logs}/", width)
    if not smoke.complete:
        yield from _wrapped("only some rows were asked: no evidence is kept of that", width)
    elif not smoke.evidence:
        yield "  no evidence is kept without --release"
    if smoke.evidence:
        yield f"  evidence  {smoke.evidence}"
    yield "  " + (style("holds", "green") if smoke.ok else style("does not hold", "red"))


def _left(lines: Sequence[RowResult], style: Style, width: int) -> Iterator[str]:
    """The lines of the test plan that no run could decide, and who must."""
    if lines:
        word, colour = _WORDS[Verdict.ELSEWHERE]
        yield f"  of the test plan, {style(word, colour)}:"
    for line in lines:
        yield from _wrapped(f"  {line.id}: {line.title}; to be decided by {line.decided_by}", width)


def _repeated(smoke: Smoke, width: int) -> Iterator[str]:
    """Which rows did not pass each time, and how often."""
    for row in smoke.runs[0].rows:
        verdicts = [r.verdict for run in smoke.runs for r in run.rows if r.id == row.id]
        passed = verdicts.count(Verdict.PASS)
        if passed < len(verdicts):
            yield from _wrapped(f"{row.id}: passed {passed} of {len(verdicts)} times", width)
    good = sum(run.ok for run in smoke.runs)
    yield f"  {good} of {len(smoke.runs)} runs passed"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ", break_long_words=False)
