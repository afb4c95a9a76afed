"""One feature's patches in a spec: declared, applied, with release and changelog.

What we write carries the feature's name in its comments, so that a later run knows its own lines::

    # [vhost-net] KVM networking through the host's kernel
    # [vhost-net] upstream 05c2828c72c4 (v2.6.34): tun: export underlying socket
    Patch1556: 0001-tun-export-underlying-socket.patch

A patch is ours when the comment right above it says so; a ``# [vhost-net]`` comment alone is ours too.
Nobody else's line is ever removed. A run that finds everything as it should be changes no byte.

Why not the ``specfile`` library: it declares patches but adds no ``%patchN`` or ``ApplyPatch`` line
(the build goes on without the patch, and says nothing), refuses kernel specs whose version macros rpm
cannot expand, writes `` - `` and the build id into kernel changelogs, and keeps rpm's macros in
process-global state. What is left, reading lines and putting some in, is less than working around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from fedvhost.errors import InputError
from fedvhost.specs.block import check_others, check_result, find_block, insert_block, remove_block
from fedvhost.specs.changelog import Evr, entry_lines, own_entry, read_changelog
from fedvhost.specs.layout import Layout, read_layout
from fedvhost.specs.release import automatic, candidates
from fedvhost.specs.text import RawLine, join, splice, split, without
from fedvhost.specs.wanted import SpecChange, check_change

EvrOf = Callable[[bytes], Evr]

_EPOCH = re.compile(r"^Epoch\s*:", re.IGNORECASE)


def apply_change(
    spec: bytes,
    change: SpecChange,
    *,
    evr_of: EvrOf,
    file: str,
    modern: bool = False,
    released: bool = False,
) -> bytes:
    """Return the spec with just this feature's patches declared and applied.

    ``evr_of`` evaluates a spec's text (rpm does it: see ``fedvhost.packaging``); it is called only when
    the release must rise. ``file`` is the spec's name for messages. ``modern`` writes
    ``%patch -P N -p1``, which rpm 4.20 insists on, even beside ``%patchN`` lines. ``released``: what the
    newest changelog entry tells has been built for others, so it stays even if it is our own.

    The release rises and the changelog grows only when patches were added, removed, renamed or
    reordered; a newest entry of our own about this feature, for the EVR the spec still has, is
    replaced and the release left alone.

    Raises:
        InputError: with file and line: no %prep, no place that is certain to run, a patch that
            somebody else declares, unmatched %if, a release nobody can raise, a date before the
            newest entry's.
    """
    check_change(change)
    raw = split(spec)
    layout = read_layout(raw, file)
    block = find_block(layout, change.feature)
    in_force = block.in_force(change) or not (block.patches or change.patches)
    if in_force and block.described(change):
        return spec
    rest, hole = remove_block(raw, block, blank=not change.patches)
    before = read_layout(rest, file)
    try:
        check_others(before, change)
        edited = insert_block(rest, before, change, hole, modern=modern) if change.patches else rest
        check_result(before, read_layout(edited, file), change)
    except InputError as error:
        # The person's file still has the lines that were taken out here.
        line = None if error.line is None else hole.kept[error.line - 1] + 1
        raise InputError(error.message, file=file, line=line) from error
    if in_force:
        return join(edited)
    shift = len(edited) - len(raw)
    return join(_release(edited, change, evr_of, file, released=released, shift=shift))


def _release(
    raw: tuple[RawLine, ...],
    change: SpecChange,
    evr_of: EvrOf,
    file: str,
    *,
    released: bool,
    shift: int,
) -> tuple[RawLine, ...]:
    """Return the lines with the release raised and the entry written, each where that is a person's job.
    ``shift`` is how many lines have come in above the changelog."""
    layout = read_layout(raw, file)
    changelog = read_changelog(layout, has_epoch=any(_EPOCH.match(line.text) for line in layout.lines))
    counted = automatic(layout)
    current = None if counted else evr_of(join(raw))
    own = None if released else own_entry(changelog, change.feature, change.author, current)
    below = next((entry for entry in changelog.entries if entry is not own), None)
    if below is not None and change.date < below.date:
        raise InputError(
            f"the newest changelog entry is of {below.date.isoformat()}, and rpm refuses one of "
            f"{change.date.isoformat()} above it; give a later date",
            file=file,
            line=below.start + 1 - shift,
        )
    body = change.entry
    if own is not None:
        lines = entry_lines(changelog.style, change.date, change.author, current, body)
        filled = [i for i in range(own.start, own.end) if raw[i].text.strip() and raw[i].text[0] != "#"]
        return splice(without(raw, frozenset(filled)), own.start, lines)
    if current is not None:
        raw, current = _raised(raw, layout, evr_of, current)
    if changelog.at is None:
        return raw
    lines = entry_lines(changelog.style, change.date, change.author, current, body)
    followed = changelog.at < len(raw) and raw[changelog.at].text.strip()
    return splice(raw, changelog.at, [*lines, ""] if followed else lines)


def _raised(
    raw: tuple[RawLine, ...], layout: Layout, evr_of: EvrOf, current: Evr
) -> tuple[tuple[RawLine, ...], Evr]:
    """Raise the number that the release comes from: the one that, raised, changes what rpm makes of it."""
    for digits in candidates(layout):
        index = digits.line.index
        trial = (*raw[:index], RawLine(digits.raised(), raw[index].ending), *raw[index + 1 :])
        evr = evr_of(join(trial))
        if evr.release != current.release:
            return trial, evr
    raise InputError(
        f"cannot tell where the release '{current.release}' comes from; raise it by hand, or let Release: "
        "begin with a number or with a macro that is defined as one (%global baserelease 3)",
        file=layout.file,
    )
