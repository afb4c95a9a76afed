"""The result of a check as lines of text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from fedvhost.pipeline.checks.building import Built
from fedvhost.pipeline.checks.checked import CheckResult, Row
from fedvhost.report.text import Style, revision

_MOST_COMPLAINTS = 6


def _plain(text: str, _: str) -> str:
    return text


def check_lines(result: CheckResult, style: Style = _plain, width: int = 100) -> Iterator[str]:
    """Tell of one package: what was applied and compiled, what is wrong, and what was not checked."""
    on = f"{revision(result.base_name)} ({result.base.short})"
    left_out = f", without {', '.join(c.short for c in result.without)}" if result.without else ""
    yield style(f"{result.package} on {on}: {len(result.rows)} patches{left_out}", "bold")
    yield f"  with      {result.compiler}"
    yield from _applied(result, style, width)
    before: tuple[str, ...] = ()
    for number, row in enumerate(result.rows, start=1):
        if row.built is not None:
            yield from _row_lines(number, row, row.built, len(result.rows), style, width)
            wrong = (*(c.what for c in row.built.complaints), *map(str, row.built.unexported))
            said = [*map(str, row.built.complaints), *map(str, row.built.unexported)]
            yield from _wrong(["as before"] if wrong and wrong == before else said, width)
            before = wrong
    for problem in result.problems:
        yield from _wrapped(style("problem", "red") + f"   {problem}", "  ", width)
    for hint in result.hints:
        yield from _wrapped(f"hint: {hint}", "            ", width)
    for left in result.not_checked:
        yield from _wrapped(f"not checked: {left.what}: {left.because}", "  ", width)
    if result.outdated:
        yield from _wrapped(
            f"the plan is older than what {' and '.join(result.outdated)} says now", "  ", width
        )
    if result.broken is not None and len(result.compiled) == 1 and len(result.rows) > 1:
        yield "  --each    compiles after every patch and so finds the one that breaks it"
    yield from _wrapped(
        f"{result.seconds:.1f} s; the tree stays in {result.folder} for the next time (--clean removes it); "
        f"all that was said: {result.log}",
        "  ",
        width,
    )
    if result.evidence is not None:
        yield f"  evidence  {result.evidence}"
    yield "  " + (style("holds", "green") if result.ok else style("does not hold", "red"))


def _applied(result: CheckResult, style: Style, width: int) -> Iterator[str]:
    applied = result.application
    if applied.ok:
        yield (
            f"  applied   {applied.applied} of {len(result.rows)} with patch -p1 -F0; the result is the "
            "series' tree, byte for byte"
        )
        return
    what = (
        f"{applied.failed} does not apply with 'patch -p1 -F0': {applied.said}"
        if applied.failed is not None
        else f"applied with 'patch -p1 -F0', these differ: {', '.join(applied.differing)}"
    )
    yield from _wrapped(style("problem", "red") + f"   {what}", "  ", width)


def _row_lines(number: int, row: Row, built: Built, of: int, style: Style, width: int) -> Iterator[str]:
    word = style("compiles", "green") if built.ok else style("fails   ", "red")
    count = f"{len(built.objects)} object{'' if len(built.objects) == 1 else 's'}"
    place = f"{number}/{of}"
    tail = f"  {count}, {built.seconds:.1f} s"
    room = max(width - 32 - len(tail) - len(place), 20)
    subject = row.subject if len(row.subject) <= room else row.subject[: room - 1] + "…"
    yield f"  {word}  {place} {row.commit.short}  {subject}{tail}"


def _wrong(said: Sequence[str], width: int) -> Iterator[str]:
    for what in said[:_MOST_COMPLAINTS]:
        yield from _wrapped(what, "            ", width)
    if len(said) > _MOST_COMPLAINTS:
        yield f"            … and {len(said) - _MOST_COMPLAINTS} more"


def _wrapped(text: str, indent: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
