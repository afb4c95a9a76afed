"""Single picks and explanations as text and as JSON's types."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from fedvhost.backport.plan import ConflictText
from fedvhost.backport.symbols import call_text
from fedvhost.pipeline.picking import Explanation, Picked
from fedvhost.report.text import Style, conflict_lines, look_text

_LACKING = {"undefined": "not defined", "unexported": "not exported", "no header": "no such file"}


def pick_lines(picked: Picked, style: Style) -> Iterator[str]:
    """Tell how one commit lands."""
    landing = picked.landing
    colour = "green" if picked.ok else "red"
    # Merged is not clean as long as names are missing; what it would be otherwise is in JSON.
    verdict = "misses names" if picked.lacks else landing.verdict.value
    yield f"{style(verdict, colour)}  {picked.commit.short}  {picked.subject}"
    yield f"    tree {landing.tree}"
    for note in landing.notes:
        yield f"    {note.path}: {note.how} ({note.rung})"
    if landing.review:
        yield f"    {look_text(landing.verdict)}"
    for lack in picked.lacks:
        one = lack.missing
        if one.kind == "arguments":
            yield f"    {one.path}:{one.line} calls {call_text(one)}"
        else:
            yield f"    {one.path}:{one.line} uses '{one.name}': {_LACKING[one.kind]} here"
        if lack.origin:
            yield f"        it came with {lack.origin.short} ({lack.origin_subject})"
    for unsettled in landing.unsettled:
        yield f"    {unsettled.path}: {unsettled.why}"
        if unsettled.chunk is not None:
            panes = (
                b"".join(lines).decode("utf-8", "replace")
                for lines in (unsettled.chunk.base, unsettled.chunk.ours, unsettled.chunk.theirs)
            )
            yield from conflict_lines(ConflictText(unsettled.path, unsettled.why, *panes), style)
    if picked.behind:
        yield "    upstream commits behind the lines that differ:"
        for culprit in picked.behind:
            yield f"        {culprit.commit.short}  {culprit.subject} ({culprit.files} files)"
            yield f"            {culprit.cost.text}"
    yield from (f"    hint: {hint}" for hint in picked.hints)


def picks_object(onto: str, picks: Sequence[Picked]) -> dict[str, Any]:
    """Return picks as JSON's types."""
    return {
        "onto": onto,
        "ok": all(p.ok for p in picks),
        "tree": picks[-1].landing.tree if picks else None,
        "picks": [pick_object(p) for p in picks],
    }


def pick_object(picked: Picked) -> dict[str, Any]:
    """Return one pick as JSON's types: verdict, rungs, tree, notes a file, conflicts, missing names."""
    landing = picked.landing
    return {
        "commit": picked.commit,
        "subject": picked.subject,
        "ok": picked.ok,
        "verdict": landing.verdict.value,
        "rungs": sorted({n.rung for n in landing.notes}) or ["merge"],
        "tree": landing.tree,
        "review": picked.review,
        "notes": [asdict(n) for n in landing.notes],
        "conflicts": [_conflict(u.path, u.why, u.chunk) for u in landing.unsettled],
        "missing": [
            {**asdict(lack.missing), "origin": lack.origin, "origin_subject": lack.origin_subject}
            for lack in picked.lacks
        ],
        "behind": [asdict(b) for b in picked.behind],
        "hints": list(picked.hints),
    }


def _conflict(path: str, why: str, chunk: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"path": path, "why": why}
    if chunk is not None:
        for side in ("base", "ours", "theirs"):
            found[side] = b"".join(getattr(chunk, side)).decode("utf-8", "replace")
    return found


def explanation_lines(explanation: Explanation, style: Style) -> Iterator[str]:
    """Tell what is known of a commit in one package."""
    yield style(f"{explanation.package}: {explanation.role}", "bold")
    yield f"  {explanation.commit.short}  {explanation.subject}"
    yield from (f"    {line}" for line in explanation.lines)
    if explanation.trial is not None:
        yield "  on top of the series:"
        yield from ("  " + line for line in pick_lines(explanation.trial, style))


def explanation_object(explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON's types."""
    return {
        "package": explanation.package,
        "commit": explanation.commit,
        "subject": explanation.subject,
        "role": explanation.role,
        "evidence": list(explanation.lines),
        "trial": pick_object(explanation.trial) if explanation.trial else None,
    }
