"""Where new patches belong in a spec: beside which declaration, behind which apply line.

The two must stand under the same conditions, or rpm would apply what is not there (or, worse, quietly
not apply what is). So a place is a pair, and the neighbour decides: unconditional if its neighbours
are, and inside the kernel's ``%if !%{nopatches}`` when that is where the kernel's patches live.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fedvhost.errors import InputError
from fedvhost.specs.applied import Applied, Prep, Style, patching_functions, read_prep
from fedvhost.specs.declared import Declared, declared
from fedvhost.specs.layout import PREAMBLE, Kind, Layout, Line, paragraphs

# A switch for a build without any patch of Fedora's: inside it is where the patches are.
_SWITCH = re.compile(r"nopatches|vanilla", re.IGNORECASE)
_TAG = re.compile(r"[A-Za-z][\w()]*(?P<gap>\s*:\s*)\S")
_SOURCE = re.compile(r"Source\d*(?P<gap>\s*:\s*)\S", re.IGNORECASE)
_SETUP = re.compile(r"%\{?(?:auto)?setup\b")
_KERNEL = re.compile(r"Name\s*:\s*kernel", re.IGNORECASE)

Under = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block goes, and what its lines look like.

    ``declare_at`` and ``apply_at`` are indexes of lines before which to insert; ``apply_at`` is None
    when the spec applies all that it declares. ``tag`` and ``gap`` are the neighbour's (``Patch37``,
    ``: ``), ``width`` its padding with zeros, ``bare``: its tag has no number; ``patchlist``: a line of
    that section. ``start`` is the first number to try, ``span`` the numbers that get applied at all.
    ``spaced``: a blank line comes before the block.
    """

    declare_at: int
    apply_at: int | None
    style: Style
    tag: str = "Patch0"
    gap: str = ": "
    width: int = 0
    bare: bool = False
    patchlist: bool = False
    start: int = 1
    span: tuple[int, int] | None = None
    word: str = ""
    spaced: bool = True


def find_place(layout: Layout, hints: Sequence[str]) -> Place:
    """Find the place for a new block; ``hints`` are words of the kernel's group comment (``virt``).

    Raises:
        InputError: there is no %prep, or no place where the patches would surely be applied.
    """
    prep, patches = read_prep(layout), declared(layout)
    if not prep.lines:
        raise InputError("there is no %prep section, so nothing can be applied", file=layout.file)
    style = prep.style
    if style is None:
        _require_unpatched(layout, patches, prep)
        style = Style.OPTION
    if prep.script.trouble is not None and style is not Style.ALL:
        raise InputError(
            "cannot follow the shell of %prep from here on, so no place in it is certain to run; "
            "add the patches by hand",
            file=layout.file,
            line=prep.script.trouble,
        )
    word = _function(prep) if style is Style.FUNCTION else ""
    kernel = style is Style.FUNCTION or any(_KERNEL.match(line.text) for line in layout.lines)
    place = _grouped(layout, patches, prep, style, hints) if kernel else None
    span = _span(layout, prep) if style is Style.ALL else None
    if span is not None:
        patches = tuple(d for d in patches if span[0] <= d.number <= span[1]) or patches
    place = place or _behind_the_last(layout, patches, prep, style)
    return replace(place, word=word, span=span)


def _span(layout: Layout, prep: Prep) -> tuple[int, int] | None:
    """Return the numbers that ``%autopatch`` applies in every build; None if it is all of them.

    Raises:
        InputError: there are builds in which none is taken.
    """
    taken = [a for a in prep.applied if a.style is Style.ALL and a.first.live]
    always = [a for a in taken if _neutral(a.first)]
    if always:
        # Several ranges: the last is where the spec's newest patches go.
        return always[-1].span
    whole = {a.first.conditions[-1].line for a in taken if _ends_else(a.first)}
    branches = [a for a in taken if a.first.conditions[-1].line in whole]
    if not branches:
        raise InputError(
            f"patches are applied here only under '{taken[0].first.under[-1]}'; "
            "there is no line that applies them in every build",
            file=layout.file,
            line=taken[0].first.number,
        )
    spans = [a.span for a in branches if a.span is not None]
    return (max(low for low, _ in spans), min(high for _, high in spans)) if spans else None


def _ends_else(line: Line) -> bool:
    return line.under[-1].endswith(" %else")


def _require_unpatched(layout: Layout, patches: Sequence[Declared], prep: Prep) -> None:
    """No apply line was recognised: fine if there is nothing to apply either."""
    known = [d for d in patches if d.line.live and not d.line.conditions]
    if known and not prep.applied:
        raise InputError(
            f"'{known[0].name}' is declared, but no line of %prep that this tool can read applies it; "
            "add the patches by hand, or apply one with %patch to show where",
            file=layout.file,
            line=known[0].line.number,
        )


def _function(prep: Prep) -> str:
    """Return the function that new lines call: the one most used, but never one that may skip a patch."""
    used = Counter(a.word for a in prep.applied if a.style is Style.FUNCTION and a.first.live)
    defined = sorted(patching_functions(prep.script), key=lambda name: (-used[name], name))
    return next((name for name in defined if "optional" not in name.lower()), defined[0])


# -- the kernel: a group with a comment -------------------------------------------------------------


def _grouped(
    layout: Layout, patches: Sequence[Declared], prep: Prep, style: Style, hints: Sequence[str]
) -> Place | None:
    """The group whose comment has one of the words, in the tags and, for the apply lines, in %prep."""
    if not patches or not hints:
        return None
    wanted = re.compile(rf"\b(?:{'|'.join(map(re.escape, hints))})\b", re.IGNORECASE)
    first, last = patches[0].line.number, patches[-1].line.number
    groups = [
        run
        for run in paragraphs(layout.section(PREAMBLE))
        if first <= run[-1].number and run[0].number <= last and _mentions(run, wanted) and _neutral(run[0])
    ]
    if not groups:
        return None
    inside = {id(run): [d for d in patches if d.line in run] for run in groups}
    group = max(groups, key=lambda run: len(inside[id(run)]))
    members = inside[id(group)]
    anchor = members[-1].line if members else group[-1]
    before = [d for d in patches if d.line.number <= anchor.number]
    like = before[-1] if before else patches[0]
    start = max((d.number for d in members), default=like.number) + 1
    apply_at = None
    if style is not Style.ALL:
        apply_at = _apply_group(prep, wanted, anchor.under) or _apply_neighbour(prep, members, anchor.under)
        if apply_at is None:
            return None
    return replace(
        _like(like, style), declare_at=anchor.index + 1, apply_at=apply_at, start=start, spaced=False
    )


def _mentions(run: Sequence[Line], wanted: re.Pattern[str]) -> bool:
    return any(line.kind is Kind.COMMENT and wanted.search(line.text) for line in run)


def _apply_group(prep: Prep, wanted: re.Pattern[str], under: Under) -> int | None:
    """The apply lines under a comment that has one of the words."""
    best: tuple[int, int] | None = None
    for run in paragraphs(prep.lines):
        if run[0].under != under or not _mentions(run, wanted) or prep.script.before[run[0].number]:
            continue
        inside = [a for a in prep.applied if a.first in run and a.plain]
        if inside and (best is None or len(inside) > best[0]):
            best = len(inside), inside[-1].last.index + 1
    return best[1] if best else None


def _apply_neighbour(prep: Prep, members: Sequence[Declared], under: Under) -> int | None:
    """Behind the apply line of the group's last patch, else behind the last under these conditions."""
    lines = [a for a in prep.applied if a.plain and a.style is not Style.ALL and a.first.under == under]
    numbers, names = {d.number for d in members}, {d.name for d in members}
    kin = [a for a in lines if numbers.intersection(a.numbers) or names.intersection(a.files)]
    chosen = (kin or lines)[-1:]
    return chosen[0].last.index + 1 if chosen else None


# -- any other spec: behind the last ----------------------------------------------------------------


def _behind_the_last(layout: Layout, patches: Sequence[Declared], prep: Prep, style: Style) -> Place:
    candidates = [d for d in patches if d.line.live and _neutral(d.line) and not _sentinel(d)] or [
        d for d in patches if d.line.live and _neutral(d.line)
    ]
    if style is Style.ALL:
        like = _last_under(candidates, _commonest([d.line.under for d in candidates]))
        if like is None:
            return _first_patch(layout, style, None)
        return replace(_like(like, style), declare_at=like.line.index + 1, start=like.number + 1)
    sentinels = {d.number for d in patches if _sentinel(d)}, {d.name for d in patches if _sentinel(d)}
    lines = [a for a in prep.applied if a.plain and a.style is not Style.ALL and _neutral(a.first)]
    lines = [
        a
        for a in lines
        if not sentinels[0].intersection(a.numbers) and not sentinels[1].intersection(a.files)
    ] or lines
    shared = [a for a in lines if any(d.line.under == a.first.under for d in candidates)]
    under = _commonest([a.first.under for a in shared])
    like = _last_under(candidates, under)
    if shared and like is not None:
        anchor = [a for a in shared if a.first.under == under][-1]
        return replace(
            _like(like, style),
            declare_at=like.line.index + 1,
            apply_at=anchor.last.index + 1,
            start=like.number + 1,
        )
    apply_at = _open_ground(layout, prep)
    like = _last_under(candidates, ())
    if like is None:
        return _first_patch(layout, style, apply_at)
    return replace(
        _like(like, style), declare_at=like.line.index + 1, apply_at=apply_at, start=like.number + 1
    )


def _neutral(line: Line) -> bool:
    """Whether the line is unconditional, but for a switch that turns all patches off."""
    return line.live and all(_SWITCH.search(condition.text) for condition in line.conditions)


def _sentinel(patch: Declared) -> bool:
    """``Patch999999: linux-kernel-test.patch`` marks the end; nothing goes behind it."""
    return patch.number > 999 and set(str(patch.number)) == {"9"}


def _commonest(unders: Sequence[Under]) -> Under:
    """Return the conditions that most stand under; none at all wins a tie."""
    counted = Counter(unders)
    return max(counted, key=lambda under: (counted[under], under == ()), default=())


def _last_under(patches: Sequence[Declared], under: Under) -> Declared | None:
    return next((d for d in reversed(patches) if d.line.under == under), None)


def _like(neighbour: Declared, style: Style) -> Place:
    """A place with the neighbour's looks; where it is follows."""
    at = neighbour.line.index + 1
    return Place(
        at,
        None,
        style,
        tag=f"Patch{neighbour.digits}",
        gap=neighbour.gap,
        width=neighbour.width,
        # A bare tag only where nothing names a patch by its number.
        bare=not neighbour.digits and style is Style.ALL,
        patchlist=neighbour.line.section == "patchlist",
    )


def _first_patch(layout: Layout, style: Style, apply_at: int | None) -> Place:
    """The spec's first patch (that counts): behind the last source, else behind the last tag."""
    for pattern in (_SOURCE, _TAG):
        lines = [
            line
            for line in layout.section(PREAMBLE)
            if line.kind is Kind.CODE and not line.conditions and pattern.match(line.text)
        ]
        if lines:
            match = pattern.match(lines[-1].text)
            assert match is not None
            tag = lines[-1].text[: match.start("gap")]
            return Place(lines[-1].index + 1, apply_at, style, tag=tag, gap=match["gap"])
    raise InputError("there is no tag outside %if to declare a patch behind", file=layout.file)


def _open_ground(layout: Layout, prep: Prep) -> int:
    """Where all that %prep applies so far, and %setup, is behind us, outside of every condition."""
    marks = [a.last for a in prep.applied]
    marks += [line for line in prep.lines if line.kind is Kind.CODE and _SETUP.match(line.text)]
    if not marks:
        raise InputError(
            "%prep has neither %setup nor a line that applies a patch; there is no place for ours",
            file=layout.file,
            line=prep.lines[0].number,
        )
    last = max(line.number for line in marks)
    for line, following in zip(prep.lines, (*prep.lines[1:], None), strict=True):
        # An %endif stands under what is around it, an %if under itself: behind the first is open ground.
        nested = following is not None and prep.script.before[following.number]
        if line.number >= last and not line.conditions and not nested:
            return line.index + 1
    raise InputError("%prep ends inside a condition", file=layout.file, line=prep.lines[-1].number)


def applies(statement: Applied, patch: Declared) -> bool:
    """Whether the statement names this patch."""
    return patch.number in statement.numbers or patch.name in statement.files
