"""The lines of a spec that belong to one feature: found by their comments, taken out, put in."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fedvhost.errors import InputError
from fedvhost.specs.applied import Applied, Style, read_prep
from fedvhost.specs.declared import Declared, declared, free_run, reserved
from fedvhost.specs.layout import PREAMBLE, Kind, Layout
from fedvhost.specs.place import Place, applies, find_place
from fedvhost.specs.text import RawLine, escaped, splice, without
from fedvhost.specs.wanted import SpecChange


@dataclass(frozen=True, slots=True)
class Block:
    """A feature's lines as they stand.

    ``comments`` are the texts of its comments above the declarations and in %prep, in order;
    ``applied`` the statements that apply nothing but its patches; ``style`` is the spec's.
    """

    patches: tuple[Declared, ...]
    applied: tuple[Applied, ...]
    comments: tuple[str, ...]
    declaration_lines: tuple[int, ...]  # indexes, comments included
    prep_lines: tuple[int, ...]
    style: Style | None

    def in_force(self, change: SpecChange) -> bool:
        """Whether just these patches are declared and applied, in this order."""
        if tuple(patch.name for patch in self.patches) != change.files:
            return False
        if not all(patch.line.live for patch in self.patches):
            return False
        if self.style is Style.ALL:
            return not self.applied
        names = {patch.number: patch.name for patch in self.patches}
        run = [
            name
            for a in self.applied
            for name in (*a.files, *(names.get(number, "") for number in a.numbers))
        ]
        return tuple(run) == change.files and all(a.plain for a in self.applied)

    def described(self, change: SpecChange) -> bool:
        """Whether the comments say what they would say today."""
        wanted = [*_declaration_comments(change)]
        if self.style is not Style.ALL and change.patches:
            wanted.append(_comment(change, change.title))
        return list(self.comments) == wanted


def _comment(change: SpecChange, text: str) -> str:
    return f"# [{change.feature}] {escaped(text)}"


def _declaration_comments(change: SpecChange) -> tuple[str, ...]:
    if not change.patches:
        return ()
    return (_comment(change, change.title), *(_comment(change, p.comment) for p in change.patches))


def find_block(layout: Layout, feature: str) -> Block:
    """Find a feature's lines by its comments."""
    marks = [
        line
        for line in layout.section(PREAMBLE, "package", "patchlist", "prep")
        if line.kind is Kind.COMMENT and line.text.startswith(f"# [{feature}] ")
    ]
    above = {line.number for line in marks}
    patches = tuple(d for d in declared(layout) if d.line.number - 1 in above)
    prep = read_prep(layout)
    applied = tuple(
        a
        for a in prep.applied
        if a.style is not Style.ALL and _only(a, patches) and a.first.number not in above
    )
    declaration = [line.index for line in marks if line.section != "prep"]
    run = [line.index for line in marks if line.section == "prep"]
    run += [index for a in applied for index in range(a.first.index, a.last.index + 1)]
    return Block(
        patches,
        applied,
        tuple(line.text for line in marks),
        tuple(sorted([*declaration, *(d.line.index for d in patches)])),
        tuple(sorted(run)),
        prep.style,
    )


def _only(statement: Applied, patches: tuple[Declared, ...]) -> bool:
    numbers, names = {d.number for d in patches}, {d.name for d in patches}
    return numbers.issuperset(statement.numbers) and names.issuperset(statement.files) and bool(patches)


@dataclass(frozen=True, slots=True)
class Hole:
    """Where a block was: indexes in the lines that are left, None where it had no lines; ``start`` is
    its first number, ``kept`` has the original index of each line that is left."""

    declare_at: int | None
    apply_at: int | None
    start: int | None
    kept: tuple[int, ...]


def remove_block(raw: tuple[RawLine, ...], block: Block, *, blank: bool) -> tuple[tuple[RawLine, ...], Hole]:
    """Return the lines without the block, and where it was; ``blank``: its leading blank lines go too."""
    gone = {*block.declaration_lines, *block.prep_lines}
    firsts = [lines[0] for lines in (block.declaration_lines, block.prep_lines) if lines]
    if blank:
        gone |= {first - 1 for first in firsts if first and not raw[first - 1].text.strip()}

    def left_before(lines: tuple[int, ...]) -> int | None:
        return lines[0] - sum(index < lines[0] for index in gone) if lines else None

    start = min((d.number for d in block.patches), default=None)
    kept = tuple(index for index in range(len(raw)) if index not in gone)
    hole = Hole(left_before(block.declaration_lines), left_before(block.prep_lines), start, kept)
    return without(raw, frozenset(gone)), hole


def insert_block(
    raw: tuple[RawLine, ...], layout: Layout, change: SpecChange, hole: Hole, *, modern: bool
) -> tuple[RawLine, ...]:
    """Return ``raw`` (whose layout is ``layout``) with the block put in: where it was, else where
    ``find_place`` says.

    Raises:
        InputError: there is no place, or no free numbers that would be applied.
    """
    place = find_place(layout, change.hints)
    if hole.declare_at is not None:
        place = replace(place, declare_at=hole.declare_at, spaced=False)
    # Both or neither: a block that lost its apply lines gets them where a new one would.
    apply_at = place.apply_at
    apply_spaced = place.spaced and hole.apply_at is None
    if apply_at is not None and hole.apply_at is not None:
        apply_at, apply_spaced = hole.apply_at, False
    first = _first_number(layout, change, place, hole)
    if apply_at is not None:
        lines = [_comment(change, change.title)]
        lines += [_apply_line(place, first + i, p.file, modern) for i, p in enumerate(change.patches)]
        raw = splice(raw, apply_at, ["", *lines] if apply_spaced else lines)
    title, *comments = _declaration_comments(change)
    lines = [title]
    for index, (comment, patch) in enumerate(zip(comments, change.patches, strict=True)):
        lines += [comment, _tag_line(place, first + index, patch.file)]
    return splice(raw, place.declare_at, ["", *lines] if place.spaced else lines)


def _first_number(layout: Layout, change: SpecChange, place: Place, hole: Hole) -> int:
    start = place.start if hole.start is None else hole.start
    length = len(change.patches)
    first = free_run(reserved(layout), start, length)
    if place.span is not None:
        low, high = place.span
        if first < low or first + length - 1 > high:
            first = free_run(reserved(layout), low, length)
        if first + length - 1 > high:
            raise InputError(
                f"%autopatch applies the patches {low} to {high}, and {length} free numbers in a row are "
                "not among them; widen its -m/-M",
                file=layout.file,
            )
    return first


def _tag_line(place: Place, number: int, file: str) -> str:
    if place.patchlist:
        return file
    tag = "Patch" if place.bare else f"Patch{number:0{place.width}d}"
    gap = place.gap
    if "\t" not in gap and len(gap) > 2 and gap.startswith(":"):
        # Columns: the file starts where the neighbour's does.
        gap = ":" + " " * max(1, len(place.tag) + len(gap) - len(tag) - 1)
    return f"{tag}{gap}{file}"


def _apply_line(place: Place, number: int, file: str, modern: bool) -> str:
    if place.style is Style.FUNCTION:
        return f"{place.word} {file}"
    if place.style is Style.SHELL:
        return f"patch -p1 -s < %{{PATCH{number}}}"
    if place.style is Style.OPTION or modern:
        return f"%patch -P {number} -p1"
    return f"%patch{number:0{place.width}d} -p1"


def check_others(before: Layout, change: SpecChange) -> None:
    """Refuse a patch that somebody else has in the spec already; ``before`` is without our block.

    Raises:
        InputError: with the line that has it.
    """
    wanted = set(change.files)
    for patch in declared(before):
        if patch.name in wanted:
            raise InputError(
                f"'{patch.name}' is already declared here, outside of the block of '{change.feature}'; "
                "remove that line and the one that applies it, or leave the patch out of the series",
                file=before.file,
                line=patch.line.number,
            )
    for statement in read_prep(before).applied:
        for name in wanted.intersection(statement.files):
            raise InputError(
                f"'{name}' is applied here already, without being declared; remove the line",
                file=before.file,
                line=statement.first.number,
            )


def check_result(before: Layout, after: Layout, change: SpecChange) -> None:
    """Read the result as a stranger would: ours declared and applied once, nobody else renumbered.

    Raises:
        InputError: this spec has a turn that this tool cannot edit.
    """
    block = find_block(after, change.feature)
    ours = {d.number for d in block.patches}
    theirs = [d for d in declared(after) if d.line.number not in {o.line.number for o in block.patches}]
    if not block.in_force(change) or ours & reserved(after, but=block.patches):
        raise InputError(
            "this spec declares or applies patches in a way that cannot be edited safely; add them by hand",
            file=after.file,
        )
    shifted = [d for old, d in zip(declared(before), theirs, strict=True) if old.number != d.number]
    by_number = [a for a in read_prep(after).applied if any(applies(a, d) for d in shifted)]
    if shifted and by_number:
        raise InputError(
            f"'{shifted[0].name}' has no number of its own, and another patch before it would change the one "
            f"it gets; give it the number {shifted[0].number - len(ours)}",
            file=before.file,
        )
