"""What planning asks, answered by a git history: the ``Facts`` of ``backport.planning``."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from fedvhost.backport.added import added_lines
from fedvhost.backport.declared import prerequisite_commits, prerequisite_patch_ids
from fedvhost.backport.diff3 import Lines, split_lines
from fedvhost.backport.includes import Sources, View
from fedvhost.backport.landing import land
from fedvhost.backport.manifest import Adaptation
from fedvhost.backport.outcome import Landing, Unsettled, Verdict
from fedvhost.backport.plan import Cost, Evidence
from fedvhost.backport.resolutions import NO_ANSWERS, Answers
from fedvhost.backport.symbols import Added, Missing, missing_exports, missing_symbols, new_uses
from fedvhost.commits import Commit
from fedvhost.errors import InputError
from fedvhost.git.exports import Exports, origin
from fedvhost.git.history import History
from fedvhost.git.store import GitStore
from fedvhost.git.trees import Trees
from fedvhost.values import Oid

# How far back a commit of the same author still belongs to the same posted series.
SERIES = 16
# How long trials may take that only tell what the commits behind a conflict would cost.
COST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of files and trees, worth keeping from one question to the next."""

    trees: Trees
    exports: Exports
    sources: Sources = field(default_factory=Sources)

    @classmethod
    def of(cls, store: GitStore) -> Seen:
        """Begin with nothing."""
        trees = Trees(store)
        return cls(trees, Exports(trees))


class HistoryFacts:
    """Facts about the commits between a base and what upstream became. Everything is remembered: a
    plan asks the same question many times."""

    def __init__(
        self, store: GitStore, history: History, seen: Seen | None = None, answers: Answers = NO_ANSWERS
    ) -> None:
        self.store, self.history, self.answers = store, history, answers
        self._seen = seen or Seen.of(store)
        self._landings: dict[tuple[Oid, Oid, tuple[str, ...]], Landing] = {}
        self._missing: dict[tuple[Oid, Oid, Oid], tuple[Missing, ...]] = {}
        self._origins: dict[tuple[Missing, Oid], tuple[Oid, ...]] = {}
        self._wrote: dict[tuple[Oid, str, Lines], tuple[Oid, ...]] = {}
        self._files: dict[Oid, int] = {}
        self._in_base: dict[Oid, Evidence | None] = {}
        self._copies: Mapping[str, Oid] | None = None
        self._reverts: Mapping[str, Oid] | None = None
        self._base_patch_ids: dict[str, Oid] = {}
        self._base_paths: set[str] = set()
        self._near: dict[Oid, Mapping[Oid, str]] = {}
        self._adaptations: dict[Oid, tuple[Adaptation, ...]] = {}
        self.patience = COST_SECONDS

    def learn(self, answers: Answers) -> None:
        """Use these answers from now on; what stopped without them is tried again."""
        self.answers = answers
        self._landings = {k: v for k, v in self._landings.items() if v.verdict is not Verdict.STOPPED}

    def commit(self, oid: Oid) -> Commit:
        """Read a commit."""
        return self.store.commit(oid)

    def position(self, commit: Oid) -> int | None:
        """Where the commit stands in upstream's order."""
        return self.history.position(commit)

    def files_changed(self, commit: Oid) -> int:
        """How many files the commit touches."""
        if commit not in self._files:
            self._files[commit] = self.history.files_changed(commit)
        return self._files[commit]

    def land(self, tree: Oid, pick: Oid, adaptations: Sequence[Adaptation]) -> Landing:
        """Land a pick, or remember how it landed on this tree before."""
        if adaptations:
            self._adaptations[pick] = tuple(adaptations)
        key = (tree, pick, tuple(repr(a) for a in adaptations))
        if key not in self._landings:
            self._landings[key] = _of_no_effect(land(self.store, tree, pick, adaptations, self.answers))
        return self._landings[key]

    # -- what a landed pick misses ------------------------------------------------------------------

    def missing(self, before: Oid, landing: Landing) -> tuple[Missing, ...]:
        """What the pick's lines use and the tree after it does not have."""
        key = (before, landing.tree, landing.pick)
        if before == landing.tree:
            return ()
        if key not in self._missing:
            added = self._added(before, landing.tree)
            found: tuple[Missing, ...] = ()
            if added:
                seen = self._seen
                sides = {"upstream": seen.trees.at(landing.pick), "result": seen.trees.at(landing.tree)}
                there, here = (View(tree, seen.sources) for tree in sides.values())
                both = tuple(sides.values())
                found = missing_symbols(there, here, added, landing.elsewhere)
                found += missing_exports(
                    there, here, added, lambda side, n: seen.exports.path(sides[side], n, others=both)
                )
            self._missing[key] = found
        return self._missing[key]

    def _added(self, before: Oid, after: Oid) -> Mapping[str, Added]:
        """Read what each C file gained that is new to it; files that gained nothing new are left out."""
        found: dict[str, Added] = {}
        for path in self._seen.trees.changed(before, after):
            if path.endswith((".c", ".h")):
                old, new = self.store.file(before, path) or b"", self.store.file(after, path) or b""
                added = new_uses(new, added_lines(old, new))
                if added:
                    found[path] = added
        return found

    # -- who could help -----------------------------------------------------------------------------

    def origins(self, missing: Missing, pick: Oid) -> tuple[Oid, ...]:
        """The commit that a missing name came with, if it is between the base and the pick."""
        key = (replace(missing, path="", line=0), pick)
        if key not in self._origins:
            found = origin(self.store, missing, self.history.base, pick)
            self._origins[key] = () if found is None else (found,)
        return self._origins[key]

    def wrote(self, pick: Oid, unsettled: Unsettled) -> tuple[Oid, ...]:
        """Who wrote, since the base, the lines that the pick's conflict is about; of a file that is not
        here at all, who brought it."""
        parent = self.store.commit(pick).parents[0]
        lines = unsettled.chunk.base if unsettled.chunk else ()
        key = (parent, unsettled.path, lines)
        if key not in self._wrote:
            content = self.store.file(parent, unsettled.path)
            if content is None:
                self._wrote[key] = ()
            elif unsettled.chunk is None:
                self._wrote[key] = self.history.created(parent, unsettled.path)
            else:
                self._wrote[key] = self.history.wrote(
                    parent, unsettled.path, _spans(split_lines(content), lines)
                )
        return self._wrote[key]

    def diverged(self, pick: Oid, unsettled: Unsettled) -> tuple[Oid, ...]:
        """Which of the base's own commits wrote what stands here where the pick conflicts."""
        content = self.store.file(self.history.base, unsettled.path)
        if unsettled.chunk is None or content is None:
            return ()
        own = set(unsettled.chunk.ours) - set(unsettled.chunk.base)
        lines = enumerate(split_lines(content), 1)
        spans = [range(at, at + 1) for at, line in lines if line in own and line.strip()]
        return self.history.wrote_in_base(pick, unsettled.path, spans)

    def declared(self, pick: Oid) -> tuple[tuple[Oid, str], ...]:
        """The prerequisites that the pick's message declares and this history has."""
        text = self.store.commit(pick).text
        found: list[tuple[Oid, str]] = []
        for name in prerequisite_commits(text):
            oid = self.store.resolve(name)
            if oid is not None:
                found.append((oid, name))
        wanted = set(prerequisite_patch_ids(text))
        if wanted:
            near = self._neighbourhood(pick)
            found += [(c, i) for c, i in self.history.patch_ids(near).items() if i in wanted]
        return tuple(found)

    def neighbours(self, candidate: Oid, pick: Oid) -> bool:
        """Whether both have one author and stand in the same posted series."""
        near = self._neighbourhood(pick)
        return near.get(candidate) == self.store.commit(pick).author_name

    def _neighbourhood(self, pick: Oid) -> Mapping[Oid, str]:
        if pick not in self._near:
            out = self.store.git("rev-list", f"--max-count={SERIES}", "--first-parent", f"{pick}^").stdout
            commits = [Oid(line) for line in out.decode().split()]
            self._near[pick] = {c: self.store.commit(c).author_name for c in commits}
        return self._near[pick]

    def hints(self, pick: Oid, paths: Sequence[str]) -> tuple[str, ...]:
        """The first merge after the pick that changes these files. It may have settled the same conflict
        or have nothing to do with it: that is for a person to see."""
        if not paths:
            return ()
        # No --max-count: git counts before it reverses, and would end with one of the last merges.
        out = self.store.git(
            "--literal-pathspecs",
            "log",
            "--merges",
            "--ancestry-path",
            "--reverse",
            "--format=%H %s",
            *self.history.tips,
            f"^{pick}",
            "--",
            *paths,
        ).stdout.decode(errors="replace")
        return tuple(
            f"merge {line[:12]} ({line[41:]}) is the next that changes this, and may show how it was "
            f"settled: git diff {line[:12]}^1 {line[:12]} -- " + " ".join(paths)
            for line in out.splitlines()[:1]
        )

    def cost(self, tree: Oid, candidate: Oid, pick: Oid | None) -> Cost:
        """Land a candidate where the pick stopped, and the pick (if there is one to tell of) on it; until our
        ``patience`` ends, after which what is left is not tried."""
        if len(self.commit(candidate).parents) != 1:
            return Cost(untried="it is a merge or a first commit")
        if self.patience <= 0:
            return Cost(untried="trying them took too long; 'fedvhost pick' tries a single one")
        start = time.monotonic()
        try:
            landing = self.land(tree, candidate, ())
            if landing.verdict is Verdict.STOPPED:
                return Cost(len(landing.unsettled))
            missing = len({m.name for m in self.missing(tree, landing)})
            if pick is None:
                return Cost(0, missing)
            try:
                left = len(self.land(landing.tree, pick, self._adaptations.get(pick, ())).unsettled)
            except InputError:  # a declared place is not there any more
                return Cost(0, missing)
            return Cost(0, missing, left)
        finally:
            self.patience -= time.monotonic() - start

    # -- what the base has --------------------------------------------------------------------------

    def in_base(self, commits: Sequence[Oid]) -> Mapping[Oid, Evidence]:
        """Which of the commits the base has already, and how we know."""
        new = [c for c in commits if c not in self._in_base]
        if new:
            self._learn_base({p for c in new for p in self._paths(c)})
            ids = self.history.patch_ids(new)
            for commit in new:
                self._in_base[commit] = self._base_evidence(commit, ids.get(commit))
        return {c: e for c in commits if (e := self._in_base[c]) is not None}

    def duplicates(self, commits: Sequence[Oid]) -> Mapping[Oid, Oid]:
        """Which commits repeat the patch of an earlier one of them, on another lane.

        On one lane it is no repetition: the patch was reverted in between, or is needed twice.
        """
        ids = self.history.patch_ids(commits)
        first: dict[str, Oid] = {}
        twins = {c: first[i] for c in commits if (i := ids.get(c)) and first.setdefault(i, c) != c}
        return {c: twin for c, twin in twins.items() if not self.history.is_ancestor(twin, c)}

    def _paths(self, commit: Oid) -> tuple[str, ...]:
        parents = self.store.commit(commit).parents
        return self.store.diff_paths(parents[0], commit) if len(parents) == 1 else ()

    def _learn_base(self, paths: set[str]) -> None:
        """Learn the patch-ids of the base's own commits that touch these paths."""
        fresh = paths - self._base_paths
        if fresh:
            self._base_paths |= fresh
            commits = self.history.only_in_base(sorted(fresh))
            for commit, patch_id in self.history.patch_ids(commits).items():
                self._base_patch_ids.setdefault(patch_id, commit)

    def _reverted(self, commit: Oid) -> bool:
        """Whether the base took back what one of its own commits brought (and did not bring it again)."""
        if self._reverts is None:
            self._reverts = self.history.reverts_in_base()
        return any(commit.startswith(name) and not self._reverted(by) for name, by in self._reverts.items())

    def _base_evidence(self, commit: Oid, patch_id: str | None) -> Evidence | None:
        if self._copies is None:
            self._copies = self.history.copies_in_base()
        if self.history.position(commit) is None and self.history.is_ancestor(commit, self.history.base):
            return Evidence("content", "the base was built on it")
        if self._reverted(commit):
            return None
        if patch_id is not None and (twin := self._base_patch_ids.get(patch_id)) and not self._reverted(twin):
            return Evidence("patch-id", f"{twin.short} in the base is the same patch", commit=twin)
        for name, copy in self._copies.items():
            if commit.startswith(name) and not self._reverted(copy):
                return Evidence("trailer", f"{copy.short} in the base says it is its copy", commit=copy)
        return None


def _spans(content: Lines, lines: Lines) -> list[range]:
    """Return where ``lines`` stand together in ``content`` (1-based), everywhere they do."""
    if not lines:
        return []
    size = len(lines)
    return [
        range(i + 1, i + 1 + size)
        for i in range(len(content) - size + 1)
        if content[i] == lines[0] and content[i : i + size] == lines
    ]


# How a rung came to a result; what it says of two sides that differ is not so where one is the result.
_MERGED = {
    "lines": "merged line by line",
    "tokens": "merged word by word",
    "insertion": "nothing new",
    "realigned": "aligned otherwise",
}


def _of_no_effect(landing: Landing) -> Landing:
    """Say of a pick that changes nothing that the rungs, whichever they were, gave what is here already."""
    if landing.verdict is not Verdict.REDUNDANT:
        return landing
    notes = (
        n
        if n.rung in ("declared", "redundant")
        else replace(n, how=f"{_MERGED.get(n.rung, n.how)}, it is what is here already")
        for n in landing.notes
    )
    return replace(landing, notes=tuple(notes))
