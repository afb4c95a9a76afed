"""Making a plan: land what was requested, find out what it needs, and stop where honesty demands it.

The search is a fixed point. All chosen commits are landed in upstream's topological order; the first one
that does not land, or that uses what is not there, is a *problem*; commits that the evidence names are
tried one by one; one that lands and makes the problem smaller is taken. What turns out not to be needed in
the end is dropped again, so that a prerequisite in a plan is one without which something fails.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fedvhost.backport.manifest import Adaptation
from fedvhost.backport.outcome import Landing, Unsettled, Verdict
from fedvhost.backport.plan import (
    FOLLOW_UP,
    PREREQUISITE,
    REQUESTED,
    ConflictText,
    Considered,
    Cost,
    Culprit,
    Entry,
    Evidence,
    PackagePlan,
    Stop,
    Undecided,
)
from fedvhost.backport.symbols import Missing, call_text
from fedvhost.commits import Commit
from fedvhost.values import Oid

# A commit that touches more files than this is tree-wide: it is never taken without being asked for.
WIDE = 20
# How deep a prerequisite may need prerequisites of its own, and how many candidates a problem may name.
DEPTH = 3
CANDIDATES = 12


# What a candidate leaves open, how many commits it makes, how many files it touches: less is better.
_Cost = tuple[tuple[int, int], int, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a manifest asks for on one base: requested commits and the reason for each, commits that must
    not be taken, adaptations by commit, identifiers that a person vouches for, and which of the requested
    are follow-ups that a person takes."""

    base: Oid
    base_name: str
    requested: Mapping[Oid, str]
    never: Mapping[Oid, str] = field(default_factory=dict)
    adaptations: Mapping[Oid, tuple[Adaptation, ...]] = field(default_factory=dict)
    assumed: Collection[str] = ()
    follow_ups: Collection[Oid] = ()

    def role(self, commit: Oid) -> str:
        """What a commit of the plan is: requested, a follow-up that was taken, or a prerequisite."""
        if commit in self.follow_ups:
            return FOLLOW_UP
        return REQUESTED if commit in self.requested else PREREQUISITE


class Facts(Protocol):
    """What planning asks of the upstream history and the base."""

    def commit(self, oid: Oid) -> Commit: ...
    def position(self, commit: Oid) -> int | None: ...
    def files_changed(self, commit: Oid) -> int: ...
    def land(self, tree: Oid, pick: Oid, adaptations: Sequence[Adaptation]) -> Landing: ...
    def missing(self, before: Oid, landing: Landing) -> tuple[Missing, ...]: ...
    def origins(self, missing: Missing, pick: Oid) -> tuple[Oid, ...]: ...
    def wrote(self, pick: Oid, unsettled: Unsettled) -> tuple[Oid, ...]: ...
    def diverged(self, pick: Oid, unsettled: Unsettled) -> tuple[Oid, ...]: ...
    def declared(self, pick: Oid) -> tuple[tuple[Oid, str], ...]: ...
    def in_base(self, commits: Sequence[Oid]) -> Mapping[Oid, Evidence]: ...
    def duplicates(self, commits: Sequence[Oid]) -> Mapping[Oid, Oid]: ...
    def neighbours(self, candidate: Oid, pick: Oid) -> bool: ...
    def hints(self, pick: Oid, paths: Sequence[str]) -> tuple[str, ...]: ...
    def cost(self, tree: Oid, candidate: Oid, pick: Oid | None) -> Cost: ...


@dataclass(frozen=True, slots=True)
class _Problem:
    """A pick that stopped, or that landed and misses symbols, on the tree ``before``."""

    pick: Oid
    before: Oid
    landing: Landing
    missing: tuple[Missing, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Conflicts first: what turns a conflict into a missing name has brought us further."""
        return len(self.landing.unsettled), len({m.name for m in self.missing})


@dataclass(frozen=True, slots=True)
class _Walk:
    steps: tuple[Landing, ...]
    problem: _Problem | None


def make_plan(wanted: Wanted, facts: Facts, progress: Callable[[str], None] = lambda _: None) -> PackagePlan:
    """Work out the plan of one package.

    Raises:
        InputError: a requested commit cannot be picked, or an adaptation does not fit its commit.
    """
    return _Planner(wanted, facts, progress).plan()


class _Planner:
    def __init__(self, wanted: Wanted, facts: Facts, progress: Callable[[str], None]) -> None:
        self.wanted, self.facts, self.progress = wanted, facts, progress
        self.base_tree = facts.commit(wanted.base).tree
        self.considered: dict[Oid, str] = dict(wanted.never)
        self.evidence: dict[Oid, dict[str, Evidence]] = {}
        self.in_base: dict[Oid, Evidence] = {}

    def plan(self) -> PackagePlan:
        requested = self._requested()
        chosen = frozenset(requested)
        while (walk := self._walk(chosen)).problem is not None:
            larger = self._settle(chosen, walk.problem, DEPTH)
            if larger is None:
                break
            chosen = larger
        if walk.problem is None:
            chosen = self._minimal(chosen, frozenset(requested))
            walk = self._walk(chosen)
        return self._result(chosen, walk)

    def _requested(self) -> list[Oid]:
        """Return what is to be landed: requested, not in base, each patch once."""
        requested = list(self.wanted.requested)
        self.in_base = dict(self.facts.in_base(requested))
        fresh = sorted((c for c in requested if c not in self.in_base), key=self._order)
        twins = self.facts.duplicates(fresh)
        for twin, first in twins.items():
            self.considered[twin] = f"the same patch as {first.short}, on another lane"
        for commit in fresh:
            because = self.wanted.requested[commit]
            self._note(commit, Evidence("manifest", because))
        return [c for c in fresh if c not in twins]

    def _order(self, commit: Oid) -> tuple[int, str]:
        position = self.facts.position(commit)
        return (-1 if position is None else position, commit)

    def _note(self, commit: Oid, evidence: Evidence) -> None:
        self.evidence.setdefault(commit, {})[f"{evidence.kind} {evidence.detail}"] = evidence

    # -- landing ------------------------------------------------------------------------------------

    def _walk(self, chosen: Iterable[Oid], upto: Oid | None = None) -> _Walk:
        """Land the chosen commits in order, up to and including ``upto`` or the first problem."""
        tree = self.base_tree
        steps: list[Landing] = []
        for pick in sorted(chosen, key=self._order):
            self.progress(f"landing {pick.short} {self.facts.commit(pick).subject}")
            landing = self.facts.land(tree, pick, self.wanted.adaptations.get(pick, ()))
            missing: tuple[Missing, ...] = ()
            if landing.verdict is not Verdict.STOPPED:
                found = self.facts.missing(tree, landing)
                missing = tuple(m for m in found if m.name not in self.wanted.assumed)
            if landing.verdict is Verdict.STOPPED or missing:
                return _Walk(tuple(steps), _Problem(pick, tree, landing, missing))
            steps.append(landing)
            tree = landing.tree
            if pick == upto:
                break
        return _Walk(tuple(steps), None)

    def _settle(self, chosen: frozenset[Oid], problem: _Problem, depth: int) -> frozenset[Oid] | None:
        """Return the chosen commits and what more it takes to land ``problem.pick``, None if nothing does."""
        while True:
            best: tuple[_Cost, frozenset[Oid], _Problem | None] | None = None
            for candidate, reasons in self._candidates(problem, chosen).items():
                tried = self._try(chosen, problem, candidate, depth)
                if tried is None:
                    continue
                trial, left = tried
                for evidence in reasons:
                    self._note(candidate, evidence)
                cost = (
                    (0, 0) if left is None else left.size,
                    len(trial),
                    self.facts.files_changed(candidate),
                )
                if best is None or cost < best[0]:
                    best = (cost, trial, left)
            if best is None:
                return None
            _, chosen, left = best
            if left is None:
                return chosen
            problem = left

    def _try(
        self, chosen: frozenset[Oid], problem: _Problem, candidate: Oid, depth: int
    ) -> tuple[frozenset[Oid], _Problem | None] | None:
        """Return the commits with ``candidate`` and the problem left, None if it does not help."""
        trial = chosen | {candidate}
        walk = self._walk(trial, problem.pick)
        while walk.problem is not None and walk.problem.pick != problem.pick:
            larger = self._settle(trial, walk.problem, depth - 1) if depth > 0 else None
            if larger is None:
                self.considered[candidate] = self._why_not(candidate, walk.problem, problem)
                return None
            trial = larger
            walk = self._walk(trial, problem.pick)
        left = walk.problem
        if left is not None and left.size >= problem.size:
            self.considered[candidate] = f"taking it does not help {problem.pick.short}"
            return None
        return trial, left

    def _why_not(self, candidate: Oid, met: _Problem, problem: _Problem) -> str:
        if met.pick == candidate:
            names = ", ".join(sorted({m.name for m in met.missing}))
            what = f"misses {names}" if met.missing else f"conflicts in {_paths(met.landing.unsettled)}"
            return f"behind the context of {problem.pick.short}, but {what} itself"
        return f"behind the context of {problem.pick.short}, but with it {met.pick.short} does not land"

    def _candidates(self, problem: _Problem, chosen: Collection[Oid]) -> Mapping[Oid, list[Evidence]]:
        """Return the commits that evidence names for a problem, those that may be tried, and why."""
        named: dict[Oid, list[Evidence]] = {}
        for commit, how in self.facts.declared(problem.pick):
            evidence = Evidence("declared", f"{problem.pick.short} says '{how}'", commit=problem.pick)
            named.setdefault(commit, []).append(evidence)
        lacks: dict[tuple[Oid, str], list[Missing]] = {}
        for missing in problem.missing:
            for origin in self.facts.origins(missing, problem.pick):
                lacks.setdefault((origin, missing.kind), []).append(missing)
        for (origin, _), found in lacks.items():
            named.setdefault(origin, []).append(_symbol_evidence(found, problem.pick))
        for unsettled in problem.landing.unsettled:
            for author in self.facts.wrote(problem.pick, unsettled):
                detail = f"wrote lines of '{unsettled.path}' that {problem.pick.short} changes"
                evidence = Evidence("text", detail, path=unsettled.path, commit=problem.pick)
                named.setdefault(author, []).append(evidence)
        allowed = [c for c in named if c not in chosen and self._allowed(c, problem)]
        return {c: named[c] for c in allowed[:CANDIDATES]}

    def _allowed(self, candidate: Oid, problem: _Problem) -> bool:
        if candidate == problem.pick or candidate in self.wanted.never:
            return False
        if len(self.facts.commit(candidate).parents) != 1 or self.facts.position(candidate) is None:
            return False
        files = self.facts.files_changed(candidate)
        if files > WIDE:
            self.considered[candidate] = (
                f"{problem.pick.short} needs something of it, but it touches {files} files: too wide to be "
                "taken silently; name it under 'also' to take it, or declare an adaptation"
            )
            return False
        if (evidence := self.facts.in_base([candidate]).get(candidate)) is not None:
            self.considered[candidate] = f"already in the base: {evidence.detail}"
            return False
        return True

    def _minimal(self, chosen: frozenset[Oid], requested: frozenset[Oid]) -> frozenset[Oid]:
        """Drop the prerequisites without which everything lands as well (and no worse)."""
        reviews = sum(s.review for s in self._walk(chosen).steps)
        for commit in sorted(chosen - requested, key=self._order, reverse=True):
            walk = self._walk(chosen - {commit})
            if walk.problem is None and sum(s.review for s in walk.steps) <= reviews:
                chosen -= {commit}
                self.considered[commit] = "everything lands without it"
        return chosen

    # -- the result ---------------------------------------------------------------------------------

    def _result(self, chosen: frozenset[Oid], walk: _Walk) -> PackagePlan:
        entries = [self._in_base_entry(c, e) for c, e in self.in_base.items()]
        entries += [self._entry(step, chosen) for step in walk.steps]
        undecided = [
            Undecided(
                e.commit, e.subject, "; ".join(f"{n.path}: {n.how}" for n in e.notes) + ": look at the place"
            )
            for e in entries
            if e.review
        ]
        stop = None
        if walk.problem is not None:
            stop = self._stop(walk.problem, chosen)
            undecided.append(Undecided(stop.commit, stop.subject, stop.problems[0]))
            reached = {s.pick for s in walk.steps} | {stop.commit}
            for commit in sorted(chosen - reached, key=self._order):
                undecided.append(
                    Undecided(commit, self._subject(commit), f"not reached: {stop.commit.short} stopped")
                )
        taken = chosen | set(self.in_base)
        considered = tuple(
            Considered(c, self._subject(c), why)
            for c, why in sorted(self.considered.items(), key=lambda item: self._order(item[0]))
            if c not in taken
        )
        return PackagePlan(
            self.wanted.base, self.wanted.base_name, tuple(entries), considered, tuple(undecided), stop
        )

    def _subject(self, commit: Oid) -> str:
        return self.facts.commit(commit).subject

    def _in_base_entry(self, commit: Oid, evidence: Evidence) -> Entry:
        because = Evidence("manifest", self.wanted.requested[commit])
        return Entry(
            commit,
            self._subject(commit),
            self.wanted.role(commit),
            Verdict.IN_BASE,
            self.base_tree,
            (because, evidence),
        )

    def _entry(self, step: Landing, chosen: frozenset[Oid]) -> Entry:
        because = self.wanted.role(step.pick)
        evidence = list(self.evidence.get(step.pick, {}).values())
        if because == PREREQUISITE:
            evidence += [
                Evidence("neighbour", f"same author, right before {pick.short}", commit=pick)
                for pick in sorted({e.commit for e in evidence if e.commit in chosen and e.commit})
                if self.facts.neighbours(step.pick, pick)
            ]
        if step.verdict is Verdict.IN_BASE:
            evidence.append(Evidence("content", "landing it changes nothing: every line is already there"))
        return Entry(
            step.pick,
            self._subject(step.pick),
            because,
            step.verdict,
            step.tree,
            tuple(evidence),
            step.notes,
            step.review,
        )

    def _stop(self, problem: _Problem, chosen: frozenset[Oid]) -> Stop:
        problems = [f"{u.path}: {u.why}" for u in problem.landing.unsettled]
        for missing in problem.missing:
            origins = self.facts.origins(missing, problem.pick)
            came = "; ".join(f"it came with {o.short} ({self._subject(o)})" for o in origins)
            problems.append(_missing_sentence(missing) + (f"; {came}" if came else ""))
        culprits = [
            Culprit(
                c,
                self._subject(c),
                self.facts.files_changed(c),
                self.considered.get(c, "not tried"),
                self.facts.cost(problem.before, c, problem.pick),
            )
            for c in self._culprits(problem)
            if c not in chosen
        ]
        ours = [c for u in problem.landing.unsettled for c in self.facts.diverged(problem.pick, u)]
        culprits += [
            Culprit(
                c, self._subject(c), self.facts.files_changed(c), "the base's own: upstream's lane lacks it"
            )
            for c in dict.fromkeys(ours)
        ]
        return Stop(
            problem.pick,
            self._subject(problem.pick),
            tuple(problems),
            tuple(_conflict_text(u) for u in problem.landing.unsettled),
            tuple(culprits),
            self.facts.hints(problem.pick, tuple({u.path for u in problem.landing.unsettled})),
        )

    def _culprits(self, problem: _Problem) -> list[Oid]:
        found = [o for m in problem.missing for o in self.facts.origins(m, problem.pick)]
        found += [c for u in problem.landing.unsettled for c in self.facts.wrote(problem.pick, u)]
        return list(dict.fromkeys(found))


_LACKS: Mapping[str, tuple[str, str]] = {
    "undefined": ("symbol", "not defined"),
    "unexported": ("export", "not exported"),
    "no header": ("symbol", "no file"),
    "arguments": ("arguments", "declared with another number of parameters"),
}


def _missing_sentence(missing: Missing) -> str:
    if missing.kind == "arguments":
        return f"{missing.path}:{missing.line} calls {call_text(missing)}"
    return f"{missing.path}:{missing.line} uses '{missing.name}', which is {_LACKS[missing.kind][1]} here"


def _symbol_evidence(found: Sequence[Missing], pick: Oid) -> Evidence:
    """One piece of evidence for all the names of one kind that came with one commit."""
    kind, what = _LACKS[found[0].kind]
    names = tuple(dict.fromkeys(m.name for m in found))
    quoted = ", ".join(f"'{n}'" for n in names[:6]) + (
        f" and {len(names) - 6} more" if len(names) > 6 else ""
    )
    are = "are" if len(names) > 1 else "is"
    use = "calls" if found[0].kind == "arguments" else "uses"
    detail = f"{quoted} {are} {what} without it; {pick.short} {use} that in {found[0].path}:{found[0].line}"
    return Evidence(kind, detail, names, found[0].path, pick)


def _paths(unsettled: Iterable[Unsettled]) -> str:
    return ", ".join(dict.fromkeys(u.path for u in unsettled))


def _conflict_text(unsettled: Unsettled) -> ConflictText:
    chunk = unsettled.chunk
    if chunk is None:
        return ConflictText(unsettled.path, unsettled.why)
    panes = (b"".join(lines).decode("utf-8", "replace") for lines in (chunk.base, chunk.ours, chunk.theirs))
    return ConflictText(unsettled.path, unsettled.why, *panes)
