"""Proof that a spec applies what it declares, read from the %prep that rpm expanded.

Believed is only what the shell will certainly get to. A comment that names a patch, a function that
nobody calls, an ``if false``, lines behind an ``exit``, a ``--dry-run``: none of these applies anything.
Under a condition that only the build can decide a patch is *perhaps* applied, and that is a finding too.

What is not seen: a patch named in a variable, and ``patch … || :``, which hides that it failed. Only a
%prep that ran shows those (``fedvhost.packaging.prep``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby, pairwise

from fedvhost.specs.applied import patches_with, patching_functions
from fedvhost.specs.layout import read_expanded
from fedvhost.specs.script import Command, Fate, Frame, Script
from fedvhost.specs.shell import scan

_PATCH_FILE = re.compile(r"[^/]*\.(?:patch|diff)(?:\.(?:gz|bz2|xz|zst|lzma))?")


class Problem(Enum):
    """What is wrong with a patch."""

    NOT_APPLIED = "not-applied"
    PERHAPS_APPLIED = "perhaps-applied"
    NOT_DECLARED = "not-declared"
    DECLARED_TWICE = "declared-twice"
    APPLIED_TWICE = "applied-twice"
    REVERSED = "reversed"
    OUT_OF_ORDER = "out-of-order"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: with which patch of which spec, and what, for a person to read."""

    file: str
    patch: str
    problem: Problem
    what: str

    def __str__(self) -> str:
        return f"{self.file}: '{self.patch}' {self.what}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A patch file handed to patch or git, on ``line`` of the expanded spec."""

    name: str
    line: int
    fate: Fate
    reversed: bool


def seen_applied(expanded: str, names: Iterable[str]) -> tuple[tuple[Seen, ...], int | None]:
    """Return what the expanded %prep applies, in the order it runs, and the line from which its shell
    could not be followed (None: all of it was). ``names`` are patch files of unusual names to look for."""
    layout = read_expanded(expanded, "")
    script = scan((line.number, line.text, line.directive) for line in layout.section("prep"))
    wanted, functions = frozenset(names), patching_functions(script)
    found: list[Seen] = []
    for _, group in groupby(script.commands, key=lambda c: c.statement):
        found += _statement(tuple(group), wanted, functions, script)
    found += _loops(script, wanted, functions)
    return tuple(sorted(found, key=lambda s: s.line)), script.trouble


def _name(word: str, wanted: frozenset[str]) -> str | None:
    base = word.rsplit("/", 1)[-1]
    return base if base in wanted or _PATCH_FILE.fullmatch(base) else None


def _statement(
    commands: tuple[Command, ...], wanted: frozenset[str], functions: frozenset[str], script: Script
) -> Iterator[Seen]:
    doers = [c for c in commands if patches_with(c, functions)]
    own = [(c, n) for c in doers for w in c.words if (n := _name(w, wanted))]
    named = {name for _, name in own}
    # `rpmuncompress x.patch | patch`: the one who names it is not the one who does it.
    others = {
        n: c
        for c in commands
        if c not in doers
        for w in c.words
        if (n := _name(w, wanted)) and n not in named
    }
    if not doers:
        return
    for command, name in own:
        yield from _calls(command, name, command.frames, command.dead, script)
    for name, command in others.items():
        if any(frame.kind == "for" and command.words[0] == "for" for frame in command.frames[-1:]):
            continue  # the head of a loop on one line: see _loops
        frames = (*command.frames, *doers[-1].frames)
        yield from _calls(doers[-1], name, frames, command.dead or doers[-1].dead, script)


def _loops(script: Script, wanted: frozenset[str], functions: frozenset[str]) -> Iterator[Seen]:
    """``for p in a.patch b.patch; do patch -p1 < $p; done``."""
    for head in script.commands:
        if head.words[0] != "for" or not head.frames:
            continue
        loop = head.frames[-1]
        doers = [c for c in script.commands if loop in c.frames and patches_with(c, functions)]
        if doers and any("$" in word for c in script.commands if loop in c.frames for word in c.words):
            frames = tuple(f for f in doers[0].frames if f != loop)
            for word in head.words[3:]:
                if name := _name(word, wanted):
                    yield from _calls(
                        doers[0], name, frames, head.dead or doers[0].dead, script, at=head.line
                    )


def _calls(
    doer: Command, name: str, frames: tuple[Frame, ...], dead: bool, script: Script, *, at: int | None = None
) -> Iterator[Seen]:
    """Yield one application, or one for each call of the function that it stands in."""
    reverse = any(word in ("-R", "--reverse") for word in doer.words)
    function = next((f for f in frames if f.kind == "function"), None)
    fate = _fate(frames, dead)
    if function is None:
        yield Seen(name, at or doer.line, fate, reverse)
        return
    calls = [c for c in script.commands if c.words[0] == function.name and function not in c.frames]
    for call in calls:
        yield Seen(name, call.line, _worse(fate, _fate(call.frames, call.dead)), reverse)
    if not calls:
        yield Seen(name, doer.line, Fate.DEAD, reverse)


def _fate(frames: Iterable[Frame], dead: bool) -> Fate:
    fate = Fate.DEAD if dead else Fate.LIVE
    for frame in frames:
        if frame.kind in ("if", "case", "for", "loop"):
            fate = _worse(fate, frame.fate)
    return fate


def _worse(one: Fate, other: Fate) -> Fate:
    return max(one, other, key=[Fate.LIVE, Fate.UNKNOWN, Fate.DEAD].index)


def prove(expanded: str, declared: Sequence[str], series: Sequence[str], *, file: str) -> tuple[Finding, ...]:
    """Return what is wrong; nothing at all is the proof.

    ``expanded`` is the whole spec as ``rpmspec -P`` prints it, ``declared`` the patch files that rpm
    found in it, ``series`` ours, in order. Every declared patch must be applied; each of the series
    must be declared and applied exactly once, forwards, in the series' order; nothing may be applied
    that is not declared (it would be missing from the SRPM).
    """
    names = [name.rsplit("/", 1)[-1] for name in declared]
    seen, trouble = seen_applied(expanded, (*names, *series))
    findings: list[Finding] = []

    def report(patch: str, problem: Problem, what: str) -> None:
        findings.append(Finding(file, patch, problem, what))

    if trouble is not None:
        report("%prep", Problem.UNREADABLE, f"cannot be followed from line {trouble} of the expanded spec on")
    certain = Counter(s.name for s in seen if s.fate is Fate.LIVE)
    for name in dict.fromkeys((*names, *series)):
        if certain[name] == 0 and (name in names or name in series):
            report(name, *_missing([s for s in seen if s.name == name]))
    for name in dict.fromkeys(s.name for s in seen if s.fate is not Fate.DEAD):
        if name not in names and name not in series:
            report(name, Problem.NOT_DECLARED, "is applied but not declared: an SRPM would lack it")
    for name in series:
        if name not in names:
            report(name, Problem.NOT_DECLARED, "is not declared: an SRPM would lack it")
        elif names.count(name) > 1:
            report(name, Problem.DECLARED_TWICE, f"is declared {names.count(name)} times")
        if certain[name] > 1:
            report(name, Problem.APPLIED_TWICE, f"is applied {certain[name]} times")
        if any(s.reversed for s in seen if s.name == name and s.fate is Fate.LIVE):
            report(name, Problem.REVERSED, "is applied in reverse")
    findings += _order(seen, series, file)
    return tuple(findings)


def _missing(tries: Sequence[Seen]) -> tuple[Problem, str]:
    """Say how a patch that is not certainly applied fails to be."""
    perhaps = [s for s in tries if s.fate is Fate.UNKNOWN]
    if perhaps:
        return (
            Problem.PERHAPS_APPLIED,
            f"is applied only under a condition of the shell (line {perhaps[0].line} of the expanded spec)",
        )
    if tries:
        return (
            Problem.NOT_APPLIED,
            f"is never applied: the shell does not get to line {tries[0].line} of the expanded spec",
        )
    return Problem.NOT_APPLIED, "is never applied: no command of %prep names it"


def _order(seen: Sequence[Seen], series: Sequence[str], file: str) -> Iterator[Finding]:
    """Name each patch of the series that comes before one that should precede it."""
    place = {name: index for index, name in enumerate(series)}
    run = [s.name for s in seen if s.fate is Fate.LIVE and s.name in place]
    for before, name in pairwise(run):
        if place[name] < place[before]:
            yield Finding(
                file, name, Problem.OUT_OF_ORDER, f"is applied behind '{before}', which comes after it"
            )
