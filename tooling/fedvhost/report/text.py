"""Results as lines of text for a terminal. ``style`` colours a word; the default leaves it alone."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator

from fedvhost.backport.outcome import Verdict
from fedvhost.backport.plan import (
    PREREQUISITE,
    REQUESTED,
    ConflictText,
    Entry,
    PackagePlan,
    Stop,
)
from fedvhost.backport.series import note_text, shown
from fedvhost.pipeline.conflicts.preparing import Prepared
from fedvhost.pipeline.result import PackageResult, Result

Style = Callable[[str, str], str]

_COLOURS = {
    Verdict.CLEAN: "green",
    Verdict.INSERTED: "cyan",
    Verdict.LINE_MERGED: "cyan",
    Verdict.TOKEN_MERGED: "yellow",
    Verdict.REALIGNED: "yellow",
    Verdict.RENAMED: "yellow",
    Verdict.ADAPTED: "yellow",
    Verdict.BY_RESOLVER: "yellow",
    Verdict.REDUNDANT: "blue",
    Verdict.IN_BASE: "blue",
    Verdict.STOPPED: "red",
}
# Lines of a pane that are shown before the rest is only counted.
PANE = 24


def _plain(text: str, _: str) -> str:
    return text


def result_lines(result: Result, style: Style = _plain, width: int = 100, resume: str = "") -> Iterator[str]:
    """Tell what a run came to; ``resume``: the command that goes on after a conflict."""
    yield f"{result.feature} for {result.release}"
    for name, package in result.packages.items():
        yield ""
        yield from package_lines(name, package, style, width)
    yield ""
    if result.plan_file:
        what = "written" if result.plan_changed else "unchanged"
        yield f"plan     {result.plan_file} ({what})"
    if result.outdated:
        yield "         " + style("older", "yellow") + f" than what {' and '.join(result.outdated)} says now"
    yield _outcome(result, style)
    if any(p.conflict is not None and p.conflict.files for p in result.packages.values()):
        yield f"edit the files, then: {resume or f'fedvhost resume --release {result.release}'}"


def package_lines(name: str, result: PackageResult, style: Style, width: int) -> Iterator[str]:
    """Tell of one package: its commits, what was left out and why, what was written and checked."""
    plan = result.plan
    picks = [e for e in plan.entries if e.lands]
    needed = sum(e.because == PREREQUISITE for e in picks)
    on = f"{revision(plan.base_name)} ({plan.base.short})"
    count = f"{len(picks)} patches" + (f", {needed} of them prerequisites" if needed else "")
    yield style(f"{name} on {on}: {count}", "bold")
    for entry in plan.entries:
        yield from entry_lines(entry, style, width)
    if plan.considered:
        yield "  not taken:"
        for considered in plan.considered:
            yield cut(f"    {considered.commit.short}  {considered.subject}", width)
            yield from wrapped(considered.reason, "        ", width)
    if plan.stop is not None:
        yield from stop_lines(plan.stop, style, width)
        rest = [u for u in plan.undecided if u.what.startswith("not reached")]
        if rest:
            yield f"  not reached: {', '.join(u.commit.short for u in rest)}"
    if result.conflict is not None:
        yield from _conflict(result.conflict, style, width)
    elif plan.stop is not None and plan.stop.conflicts and result.problem is None:
        advice = "no editor settles this one: declare an adaptation of the commit in the manifest"
        yield from wrapped(advice, "      ", width)
    yield from _produced(result, style, width)


def entry_lines(entry: Entry, style: Style, width: int) -> Iterator[str]:
    """Tell of one commit of a plan; evidence is shown where it says more than the manifest does."""
    verdict = style(f"{entry.verdict.value:9}", _COLOURS[entry.verdict])
    tail = "" if entry.because == REQUESTED else f"  [{entry.because}]"
    room = width - 28 - len(tail)
    yield f"  {verdict} {entry.commit.short}  {cut(entry.subject, room)}{tail}"
    if entry.because == PREREQUISITE or not entry.lands:
        for evidence in entry.evidence:
            if evidence.kind != "manifest":
                yield from wrapped(f"{evidence.kind}: {evidence.detail}", "            ", width)
    for note in entry.notes:
        yield from wrapped(note_text(note), "            ", width)
    if entry.review:
        yield "            " + style(look_text(entry.verdict), "yellow")


def revision(name: str) -> str:
    """A tag as it is; the name of a commit as short as everywhere."""
    return name[:12] if re.fullmatch(r"[0-9a-f]{13,40}", name) else name


def look_text(verdict: Verdict) -> str:
    """Ask a person to look at what a rung decided."""
    what = "whether it is redundant" if verdict is Verdict.REDUNDANT else "at the place"
    return f"look {what}: a rung had to choose"


def stop_lines(stop: Stop, style: Style, width: int) -> Iterator[str]:
    """Explain a stop: what, where, the three panes, and who made the context differ."""
    yield "  " + style("stopped", "red") + f"   {stop.commit.short}  {cut(stop.subject, width - 28)}"
    for problem in dict.fromkeys(stop.problems):
        yield from wrapped(problem, "      ", width)
    for conflict in stop.conflicts:
        yield from conflict_lines(conflict, style)
    if stop.culprits:
        yield "      commits behind what differs:"
        for culprit in stop.culprits:
            yield cut(f"        {culprit.commit.short}  {culprit.subject} ({culprit.files} files)", width)
            yield from wrapped(culprit.outcome, "            ", width)
            if culprit.cost is not None:
                yield from wrapped(culprit.cost.text, "            ", width)
    for hint in stop.hints:
        yield from wrapped(f"hint: {hint}", "      ", width)


def conflict_lines(conflict: ConflictText, style: Style) -> Iterator[str]:
    """Show a conflict in three panes: upstream before the pick, here, upstream with the pick."""
    if not (conflict.base or conflict.ours or conflict.theirs):
        return
    yield f"      {style(conflict.path, 'bold')}"
    for title, pane in (
        ("upstream before it", conflict.base),
        ("here", conflict.ours),
        ("upstream with it", conflict.theirs),
    ):
        yield f"      ── {title}"
        lines = pane.splitlines()
        # Source text, so its tabs stay; whatever else is no sign may be meant for the terminal.
        yield from (f"      │ {harmless(line, tab=chr(9))}" for line in lines[:PANE])
        if len(lines) > PANE:
            yield f"      │ … {len(lines) - PANE} more lines"


def _conflict(conflict: Prepared, style: Style, width: int) -> Iterator[str]:
    """Tell where a person can settle what the run stopped at."""
    if conflict.kept is not None:
        text = f"{conflict.kept} has the files of an older conflict, which were edited and not recorded"
        yield from wrapped(style("kept", "yellow") + f"      {text}", "  ", width)
    if conflict.files:
        yield f"  to edit   in {conflict.folder}:"
        yield from (f"              {shown(path)}" for path in conflict.files)


def _produced(result: PackageResult, style: Style, width: int) -> Iterator[str]:
    if result.replay is not None:
        yield f"  replayed  {len(result.replay.picked)} commits; {result.ref} in {result.store}"
    if result.export is not None:
        applied = result.export.application
        total = len(result.export.patches)
        text = f"{applied.applied} of {total} with patch -p1 -F0"
        if applied.ok:
            text += ", no fuzz, and the result is the replayed tree byte for byte"
            text += f" ({applied.offsets} hunks at an offset)" if applied.offsets else ""
        yield f"  applied   {text}"
    if result.spec is not None:
        spec = result.spec
        yield f"  spec      {spec.spec}: {spec.nvr}"
        if spec.proof:
            yield f"            {spec.proof}"
        yield from (f"  noticed   {noticed}" for noticed in spec.noticed)
    if result.changed:
        count = len(result.changed)
        yield f"  written   {count} file{'' if count == 1 else 's'}"
    elif result.spec is not None and result.ok:
        yield "  written   nothing: all of it was there already"
    if result.problem:
        yield from wrapped(style("problem", "red") + "   " + result.problem, "  ", width)


def _outcome(result: Result, style: Style) -> str:
    if not result.ok:
        bad = ", ".join(n for n, p in result.packages.items() if not p.ok)
        return style("not done", "red") + f": {bad}; what was done so far is kept"
    reviews = sum(e.review for p in result.packages.values() for e in p.plan.entries)
    more = f"; {reviews} to look at" if reviews else ""
    return style("done", "green") + more


def plan_summary(plan: PackagePlan) -> str:
    """One line: how many commits ended how."""
    counts = {v: sum(e.verdict is v for e in plan.entries) for v in Verdict}
    return ", ".join(f"{n} {v.value}" for v, n in counts.items() if n)


def harmless(text: str, tab: str = "    ") -> str:
    """Return a text whose control characters can be seen and do nothing: escape sequences, a carriage
    return over what was written before, marks that turn the direction of writing."""
    return "".join(c if c.isprintable() else tab if c == "\t" else ascii(c)[1:-1] for c in text)


def cut(text: str, width: int) -> str:
    """Return a text, shortened to ``width`` with an ellipsis if it is longer."""
    return text if len(text) <= width else text[: max(width - 1, 1)] + "…"


def wrapped(text: str, indent: str, width: int) -> list[str]:
    """Return a text in lines of ``width``, each after ``indent``; words and names stay whole."""
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
