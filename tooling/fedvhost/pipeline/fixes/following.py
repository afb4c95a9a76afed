"""Follow-ups of a plan's series: found by git's evidence, sorted, and those offered tried on the series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from fedvhost.backport.followups import (
    WIDE,
    Candidate,
    Cause,
    FollowUp,
    FollowUps,
    Kind,
    PackageFollowUps,
    Search,
    follow_through,
    sort,
    worth_telling,
)
from fedvhost.backport.plan import Evidence, PackagePlan
from fedvhost.backport.repairs import Nature, Said, names_a_bug, read_message, said
from fedvhost.git.followups import Edit, HistoryBeyond, LaterHistory, upstream_heads
from fedvhost.git.store import GitStore
from fedvhost.git.trees import Trees
from fedvhost.pipeline.evidencing import keep_fixes
from fedvhost.pipeline.facts import HistoryFacts
from fedvhost.pipeline.fixes.lanes import Lanes
from fedvhost.pipeline.fixes.links import Link, Links, mention, same_code
from fedvhost.pipeline.fixes.series import Series
from fedvhost.pipeline.fixes.trials import Trials
from fedvhost.pipeline.inputs import Job, Request, open_jobs, read_manifests
from fedvhost.pipeline.planning import read_plan
from fedvhost.values import Oid
from fedvhost.workspace import Workspace


def find_followups(workspace: Workspace, request: Request, progress: Callable[[str], None]) -> FollowUps:
    """Find the follow-ups of what the plan lands; nothing is written but objects of ours and the evidence.

    Raises:
        InputError: there is no plan, or a manifest or history is wrong.
    """
    manifests = read_manifests(workspace, request)
    with workspace.lock(), open_jobs(workspace, request, manifests) as jobs:
        plan = read_plan(workspace, manifests)
        found = {job.name: follow(job, plan.packages[job.name], progress) for job in jobs}
        for job in jobs:
            keep_fixes(workspace, job, manifests, found[job.name])
    return FollowUps(manifests.feature.name, manifests.release.name, found)


def follow(job: Job, plan: PackagePlan, progress: Callable[[str], None]) -> PackageFollowUps:
    """Find the follow-ups of one package."""
    progress(f"{job.name}: reading what upstream did after the base")
    with GitStore(job.upstream.git_dir) as reader:
        heads = upstream_heads(reader)
    landed = tuple(e.commit for e in plan.entries if e.lands)
    heads = tuple(dict.fromkeys((*heads, *job.history.tips)))
    series = Series(job.store, landed)
    later = LaterHistory(job.store, plan.base, heads, sorted(series.paths), WIDE)
    later.read()
    try:
        found = _Search(job, plan, series, later, progress).run()
    finally:
        later.forget()
    # All heads' commits, and of those what the last wanted one has not: the last one is a head, too.
    words = ("rev-list", "--count", "--no-merges", job.history.tips[0], f"^{plan.base}")
    until = int(job.store.git(*words).stdout)
    count = len(later.messages)
    search = Search(count, count - until, later.messages.newest, len(heads))
    return PackageFollowUps(plan.base_name, job.part.until, len(landed), search, found)


class _Search:
    """One package's search; it walks upstream's order once, so that what is offered is known before what
    repairs it in turn."""

    def __init__(
        self,
        job: Job,
        plan: PackagePlan,
        series: Series,
        later: LaterHistory,
        progress: Callable[[str], None],
    ) -> None:
        self.job, self.plan, self.series, self.later = job, plan, series, later
        self.store = job.store
        self.tree = plan.entries[-1].tree if plan.entries else self.store.tree_of(plan.base)
        self.order = {c: i for i, c in enumerate(later.messages.commits)}
        # What the base has is the same question as in the plan; only the order reaches to the last head.
        self.history = HistoryBeyond(self.store, plan.base, job.history.tips, self.order)
        self.facts = HistoryFacts(self.store, self.history)
        self.names = series.names(job.feature.name, Trees(self.store).at(plan.base).blobs())
        speaking = later.messages.saying(self.names)
        self.authors = later.messages.by(series.author) if series.author is not None else frozenset()
        self.near = frozenset((*speaking, *(c for c in self.authors if c in later.commits)))
        self.lanes = Lanes(self.store, later, self.history, self.order)
        self.links = Links(later, series, self.lanes, self.near)
        self.leaders: dict[Oid, FollowUp] = {}
        self.forms: dict[Oid, list[Oid]] = {}
        self.foreign: dict[Oid, Oid] = {}
        self.named: dict[Oid, list[Oid]] = {}
        self.trials = Trials(job, self.tree, later, self.order, self.forms, progress)

    def run(self) -> tuple[FollowUp, ...]:
        """Find, sort, try."""
        entries = [e.commit for e in self.plan.entries]
        self.history.patch_ids(entries)
        for pick in (*self.series.picks, *entries):
            self.lanes.add(pick)
        for pick in entries:
            self.lanes.recognize(pick)
        for pick in self.series.picks:
            for by in self.later.messages.naming(pick):
                self.named.setdefault(by, []).append(pick)
        self._learn()
        for commit in self._candidates():
            self._look(commit)
        self._add_decided()
        tried = self.trials.run(self.leaders, self.foreign)
        # From the form that was found first to the one that is told.
        named = {c: f.commit for c, f in tried.items()}
        told = (replace(f, after=tuple(named[a] for a in f.after)) for f in follow_through(tried))
        return tuple(sorted(told, key=lambda f: self.order.get(f.commit, -1)))

    def _add_decided(self) -> None:
        """List what a person omitted even where nothing else led to it: it stays in sight."""
        seen = {*self.leaders, *(form for forms in self.forms.values() for form in forms)}
        for commit, because in self.job.omitted.items():
            if commit not in seen:
                subject = self.store.commit(commit).subject
                self.leaders[commit] = FollowUp(commit, subject, Kind.OMITTED, because)

    def _learn(self) -> None:
        """Ask git at once what would be asked of it commit by commit."""
        concerned = [
            c
            for c, later in self.later.commits.items()
            if c in self.near or any(map(self.series.may_concern, later.edits))
        ]
        self.later.measure(concerned)
        self.history.patch_ids(c for c in concerned if len(self.later.size(c).paths) <= WIDE)

    def _candidates(self) -> Iterator[Oid]:
        """Yield what may be a follow-up, in upstream's order; reads ``named`` as it grows."""
        first = min((self.order[p] for p in self.series.picks if p in self.order), default=0)
        for commit, position in self.order.items():
            if self.lanes.holds(commit) or position < first:
                continue
            concerns = any(map(self.series.may_concern, self._edits(commit)))
            if concerns or commit in self.named or commit in self.near:
                yield commit

    # -- one candidate ------------------------------------------------------------------------------

    def _look(self, commit: Oid) -> None:
        leader = self.lanes.same_as(commit)
        if leader is not None:
            self._another_form(commit, leader)
            return
        message = self.later.messages.text(commit)
        says = said(message)
        repairs = self._may_repair(commit, message)
        link = self.links.written(commit) if repairs else self.links.likeness(commit)
        link.evidence += [mention(pick, says) for pick in self.named.get(commit, ())]
        if not link.evidence and (name := self.names.search(message)) is not None:
            link.evidence.append(Evidence("name", f"its message names {name[0]}"))
        if not link.evidence and repairs and self._authors_repair(commit, message):
            paths = ", ".join(self.later.size(commit).paths)
            what = f"{self.series.author}, who wrote most of the picks, repairs {paths}, which they change"
            link.evidence.append(Evidence("author", what))
        if not link.evidence:
            return
        candidate = self._candidate(commit, message, link, says)
        kind, reason = sort(candidate)
        self.lanes.recognize(commit)
        if kind is Kind.IN_BASE or kind is Kind.TAKEN:
            self.lanes.add(commit)
        elif kind is Kind.OFFERED:
            self._offer(commit)
        if worth_telling(candidate, kind):
            after = tuple(owner for owner in link.owners if owner in self.leaders)
            subject = self.store.commit(commit).subject
            self.leaders[commit] = FollowUp(commit, subject, kind, reason, tuple(link.evidence), after=after)
            if link.stranger is not None:
                self.foreign[commit] = link.stranger

    def _offer(self, commit: Oid) -> None:
        """From here on its lines count as ours: what repairs them is a follow-up, too."""
        self.lanes.add(commit)
        for edit in self._edits(commit):
            self.series.wrote(edit.path, edit.added)
        for by in self.later.messages.naming(commit):
            self.named.setdefault(by, []).append(commit)

    def _candidate(self, commit: Oid, message: str, link: Link, says: Said) -> Candidate:
        size = self.later.size(commit)
        wide = len(size.paths) > WIDE
        by_path = [e for e in link.evidence if e.path is not None]
        base = self.facts.in_base([commit]).get(commit) if not wide else None
        return Candidate(
            commit,
            message,
            size.paths,
            size.added + size.removed,
            tuple(link.evidence),
            self._causes(link, says),
            () if by_path or wide else self._absent(commit, size.paths),
            not wide and same_code(self.store, commit, size.paths),
            self._taken(commit),
            self._omitted(commit),
            None if base is None else f"{base.kind}: {base.detail}",
        )

    def _taken(self, commit: Oid) -> str | None:
        if commit in self.job.wanted.follow_ups:
            return f"{self.job.wanted.requested[commit]} (the plan does not have it yet: plan again)"
        return None

    def _omitted(self, commit: Oid) -> str | None:
        return self.job.omitted.get(commit, self.job.wanted.never.get(commit))

    def _edits(self, commit: Oid) -> tuple[Edit, ...]:
        change = self.later.commits.get(commit)
        return () if change is None else change.edits

    def _may_repair(self, commit: Oid, message: str) -> bool:
        """Whether it is worth asking who wrote what: what is no repair is sorted without, and told only if
        it changes the series' own files."""
        if self._taken(commit) is not None or self._omitted(commit) is not None:
            return True
        size = self.later.size(commit)
        lines = size.added + size.removed
        return len(size.paths) <= WIDE and read_message(message, lines).nature is Nature.REPAIR

    def _authors_repair(self, commit: Oid, message: str) -> bool:
        """Whether the picks' author repairs a numbered bug in nothing but the files that they change."""
        paths = self.later.size(commit).paths
        return commit in self.authors and names_a_bug(message) and self.series.paths.issuperset(paths)

    def _causes(self, link: Link, says: Said) -> tuple[Cause, ...]:
        """What a candidate repairs: what its message says; else whose lines it changes."""
        blamed = says.to_blame
        found: list[Cause] = []
        resolved = self.store.present(f"{n}^{{commit}}" for n in blamed) if blamed else {}
        for (name, how), oid in zip(blamed.items(), resolved.values(), strict=True):
            if oid is not None and oid.startswith(name):
                found.append(Cause(oid, self.store.commit(oid).subject, how, self._has(oid)))
        stranger = link.stranger
        if not found and not link.owners and not link.base_lines and stranger is not None:
            subject = self.store.commit(stranger).subject
            found.append(Cause(stranger, subject, "it changes lines of", here=False))
        return tuple(found)

    def _has(self, commit: Oid) -> bool:
        if commit in self.order or commit in self.later.commits:
            return self.lanes.here(commit) is not None or bool(self.facts.in_base([commit]))
        return self.job.history.is_ancestor(commit, self.plan.base)

    def _absent(self, commit: Oid, paths: Sequence[str]) -> tuple[str, ...]:
        """Which files a commit changes that the series' tree does not have."""
        parent = self.store.commit(commit).parents[0]
        before, here = self.store.modes(parent, paths), self.store.modes(self.tree, paths)
        return tuple(p for p in paths if p in before and p not in here)

    def _another_form(self, commit: Oid, leader: Oid) -> None:
        self.lanes.join(commit, leader)
        if leader in self.leaders:
            self.forms.setdefault(leader, []).append(commit)
            choices = ((self._omitted(commit), Kind.OMITTED), (self._taken(commit), Kind.TAKEN))
            for because, kind in choices:
                if because is not None:
                    self.leaders[leader] = replace(self.leaders[leader], kind=kind, reason=because)
