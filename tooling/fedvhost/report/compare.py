"""A comparison of two backports as text and as JSON's types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fedvhost.backport.comparison import CONTAINED, SIMILAR, By, FileResult, Match
from fedvhost.backport.lacking import IN_BASE, NOBODY, Lacking
from fedvhost.backport.series import shown
from fedvhost.pipeline.compare.comparing import Compared, Comparison
from fedvhost.report.text import Style, cut, revision, wrapped
from fedvhost.values import Oid

# Lines of a list that are shown before the rest is only counted; --json has all.
LIST, FOREIGN, DIFF = 40, 12, 40


def compared_lines(compared: Compared, style: Style, width: int) -> Iterator[str]:
    """Tell how the series of each package compare."""
    for file in compared.outdated:
        yield f"{file} says something else than when the plan was made"
    for number, comparison in enumerate(compared.packages):
        if number:
            yield ""
        yield from comparison_lines(comparison, style, width)
    for name, why in compared.skipped.items():
        yield from wrapped(f"{name}: not compared: {why}", "", width)
    if not compared.ok:
        yield style("nothing in the range is a commit of this series, as far as we can tell", "red")


def comparison_lines(comparison: Comparison, style: Style, width: int) -> Iterator[str]:
    """Tell of one package: what both have, what one has, order, files."""
    c = comparison
    yield style(f"{c.package}: {c.here} commits here, {c.there} there", "bold")
    yield f"  here   {revision(c.base_name)}..{c.tip.short}"
    merges = f"; {c.merges} merges left out" if c.merges else ""
    yield f"  there  {c.range} in {c.repo}{merges}"
    if c.limited:
        yield from wrapped(f"only what touches {', '.join(c.limited)} ({c.limited_for})", "         ", width)
    if c.stopped is not None:
        yield f"  the plan stops at {c.stopped.short}: what would follow is not in it"
    yield f"  in both: {len({m.ours for m in c.matches})}"
    for match in c.matches:
        yield from _match_lines(match, c, style, width)
    yield from _lacking_lines("only here", c.only_here, style, width)
    yield from _lacking_lines("only there", c.only_there, style, width)
    if c.moved:
        yield "  in another order:"
        for one in c.moved:
            yield cut(
                f"    {one.commit.short}  {c.names[one.commit]}: {one.here} here, {one.there} there", width
            )
    yield from _file_lines(c.files, style, width)


def compared_object(compared: Compared) -> dict[str, Any]:
    """Return the comparison as JSON's types; every hash has its 40 digits."""
    return {
        "feature": compared.feature,
        "release": compared.release,
        "ok": compared.ok,
        "similar_from": SIMILAR,
        "contained_from": CONTAINED,
        "packages": {c.package: _object(c) for c in compared.packages},
        "skipped": dict(compared.skipped),
        "outdated": list(compared.outdated),
    }


def _object(c: Comparison) -> dict[str, Any]:
    return {
        "here": {"base": c.base, "base_name": c.base_name, "tip": c.tip, "commits": c.here},
        "there": {
            "repo": c.repo, "range": c.range, "base": c.their_base, "tip": c.their_tip, "commits": c.there,
            "merges": c.merges, "limited": list(c.limited), "limited_for": c.limited_for,
        },
        "matches": [_match_object(m, c.names, c.verdicts) for m in c.matches],
        "only_here": [asdict(x) for x in c.only_here],
        "only_there": [asdict(x) for x in c.only_there],
        "moved": [asdict(x) for x in c.moved],
        "files": [_file_object(f) for f in c.files],
        "stopped": c.stopped,
    }  # fmt: skip


def _match_object(match: Match, names: Mapping[Oid, str], verdicts: Mapping[Oid, str]) -> dict[str, Any]:
    return {
        "ours": match.ours,
        "theirs": match.theirs,
        "subject": names[match.ours],
        "their_subject": names[match.theirs],
        "verdict": verdicts[match.ours],
        "by": match.by.value,
        "detail": match.detail,
        "alike": round(match.alike, 3),
    }


def _file_object(file: FileResult) -> dict[str, Any]:
    found: dict[str, Any] = {"path": shown(file.path), "touched": file.touched, "state": file.state}
    for side, count in (("here", file.here), ("there", file.there), ("between", file.between)):
        found[side] = None if count is None else {"added": count[0], "removed": count[1]}
    if file.diff:
        found["diff"] = list(file.diff)
    return found


def _match_lines(match: Match, c: Comparison, style: Style, width: int) -> Iterator[str]:
    colour = "green" if match.by in (By.COMMIT, By.UPSTREAM_PATCH, By.OUR_PATCH, By.TRAILER) else "yellow"
    yield cut(f"    {style(f'{match.by.value:18}', colour)} {match.ours.short}  {c.names[match.ours]}", width)
    said = []
    if match.theirs != match.ours:
        said.append(f"there {match.theirs.short}")
        if c.names[match.theirs] != c.names[match.ours]:
            said.append(f"'{c.names[match.theirs]}'")
    if match.detail:
        said.append(match.detail)
    if match.alike < 1 and c.verdicts[match.ours] != "redundant":
        said.append(f"{match.alike:.0%} of the lines are the same")
    if c.verdicts[match.ours] != "clean":
        said.append(f"{c.verdicts[match.ours]} here")
    if said:
        yield from wrapped("; ".join(said), " " * 23, width)


def _lacking_lines(title: str, lacking: Sequence[Lacking], style: Style, width: int) -> Iterator[str]:
    """What calls for a look first; what the base has, and what concerns nobody, are short lists."""
    yield f"  {title}: {len(lacking)}"
    in_base = [x for x in lacking if x.why[0].startswith(IN_BASE)]
    foreign = [x for x in lacking if x.why == (NOBODY,)]
    # A branch's own reverts and repeats come after what touches the feature.
    rest = sorted(
        (x for x in lacking if x not in in_base and x not in foreign),
        key=lambda x: all(why.startswith(("repeats ", "reverts ")) for why in x.why),
    )
    for one in rest[:LIST]:
        yield cut(f"    {one.commit.short}  {one.subject}", width)
        for why in one.why:
            yield from wrapped(why, "        ", width)
    yield from _more(rest, LIST)
    if in_base:
        yield f"    {IN_BASE}: {len(in_base)}"
        for one in in_base[:FOREIGN]:
            yield cut(f"      {one.commit.short}  {one.subject}", width)
            yield from wrapped("; ".join(one.why).removeprefix(f"{IN_BASE}: "), "          ", width)
        yield from _more(in_base, FOREIGN)
    if foreign:
        yield f"    {NOBODY}: {len(foreign)}"
        yield from (cut(f"      {x.commit.short}  {x.subject}", width) for x in foreign[:FOREIGN])
        yield from _more(foreign, FOREIGN)


def _more(things: Sequence[object], shown_: int) -> Iterator[str]:
    if len(things) > shown_:
        yield f"      … {len(things) - shown_} more; --json has all"


def _file_lines(files: Sequence[FileResult], style: Style, width: int) -> Iterator[str]:
    counts = {s: sum(f.state == s for f in files) for s in ("same", "same change", "differs")}
    yield (
        f"  files: {counts['same']} the same, {counts['same change']} with the same change on other "
        f"surroundings, {counts['differs']} differ"
    )
    differing = [f for f in files if f.state == "differs"]
    nearer = [f for f in differing if f.touched != "there"]
    for file in sorted(nearer, key=lambda f: f.touched):
        yield from _differing_lines(file, style)
    foreign = [f for f in differing if f.touched == "there"]
    if foreign:
        yield f"    touched only there, and different: {len(foreign)}"
        for file in foreign[:FOREIGN]:
            yield from _differing_lines(file, style)
        yield from _more(foreign, FOREIGN)


def _differing_lines(file: FileResult, style: Style) -> Iterator[str]:
    where = "  touched only here" if file.touched == "here" else ""
    yield f"    {style('differs', 'yellow')}  {shown(file.path)}{where}"
    yield (
        f"        here {_count(file.here)}, there {_count(file.there)}; "
        f"from there to here {_count(file.between)}"
    )
    yield from (f"        │ {line}" for line in file.diff[:DIFF])
    if len(file.diff) > DIFF:
        yield f"        │ … {len(file.diff) - DIFF} more lines; --json has all"


def _count(count: tuple[int, int] | None) -> str:
    return "binary" if count is None else f"+{count[0]} −{count[1]}"
