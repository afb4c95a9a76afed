"""Follow-ups of a plan's series: found by git's evidence, sorted, and those offered tried on the series."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from fedvhost.backport.csource import code
from fedvhost.backport.followups import (
    WIDE,
    Candidate,
    Cause,
    FollowUp,
    FollowUps,
    Kind,
    PackageFollowUps,
    Search,
    Trial,
    best_form,
    follow_through,
    sort,
    worth_telling,
)
from fedvhost.backport.insertion import tells
from fedvhost.backport.outcome import Verdict
from fedvhost.backport.plan import Evidence, PackagePlan
from fedvhost.backport.repairs import Nature, Said, read_message, said
from fedvhost.git.followups import Edit, HistoryBeyond, LaterHistory, independent, upstream_heads
from fedvhost.git.history import History
from fedvhost.git.store import GitStore
from fedvhost.git.trees import GitTree
from fedvhost.pipeline.evidencing import keep_fixes
from fedvhost.pipeline.facts import HistoryFacts
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
    series = _Series(job.store, landed)
    later = LaterHistory(job.store, plan.base, heads, sorted(series.paths))
    later.read()
    try:
        found = _Search(job, plan, series, later, progress).run()
    finally:
        later.forget()
    until = job.history.tips[0]
    newer = job.store.git(
        "rev-list", "--count", "--no-merges", "--stdin", stdin=_lines((*heads, f"^{until}", f"^{plan.base}"))
    )
    search = Search(len(later.messages), int(newer.stdout), later.messages.newest, len(heads))
    return PackageFollowUps(plan.base_name, job.part.until, len(landed), search, found)


def _lines(names: Iterable[str]) -> bytes:
    return "".join(f"{n}\n" for n in names).encode()


class _Series:
    """What the picks wrote: the paths they touch and create, and their lines, path by path."""

    def __init__(self, store: GitStore, picks: Sequence[Oid]) -> None:
        self.picks = picks
        self.paths: set[str] = set()
        self.created: set[str] = set()
        self.texts: dict[str, set[bytes]] = {}
        for pick in picks:
            for path, change in store.changes(store.commit(pick).parents[0], pick).items():
                self.paths.add(path)
                if change.created and not change.deleted:
                    self.created.add(path)
                self.wrote(path, (line for hunk in change.hunks for line in hunk.new))

    def wrote(self, path: str, lines: Iterable[bytes]) -> None:
        """Take note of lines that are the series', or would be."""
        self.texts.setdefault(path, set()).update(line.strip() for line in lines if tells(line))

    def may_concern(self, edit: Edit) -> bool:
        """Whether an edit may be one of ours: it changes a file that the series created, or perhaps lines
        of ours in another; saves asking who wrote them."""
        texts = self.texts.get(edit.path, set())
        return edit.path in self.created or any(text.strip() in texts for _, text in edit.removed)

    def names(self, feature: str, base: Iterable[str]) -> re.Pattern[str]:
        """How people name what the series brings: the feature (``vhost-net``, ``vhost_net``), and the files
        and folders that it creates, where the base has none of that name."""
        known = {name for path in base for name in _names(path)}
        new = {name for path in self.created for name in _names(path)} - known
        forms = ("[-_ ]".join(map(re.escape, re.split(r"[-_ .]+", w))) for w in sorted({feature, *new}))
        return re.compile(rf"\b(?:{'|'.join(forms)})\b", re.IGNORECASE)


@dataclass(slots=True)
class _Link:
    """Who wrote what a candidate changes: per path, the picks' and the offered ones' lines (changed, or
    only beside), and the commits of upstream's that are not here."""

    evidence: list[Evidence] = field(default_factory=list)
    after: dict[Oid, None] = field(default_factory=dict)
    strangers: dict[Oid, int] = field(default_factory=dict)
    base_lines: int = 0


class _Search:
    """One package's search; it walks upstream's order once, so that what is offered is known before what
    repairs it in turn."""

    def __init__(
        self,
        job: Job,
        plan: PackagePlan,
        series: _Series,
        later: LaterHistory,
        progress: Callable[[str], None],
    ) -> None:
        self.job, self.plan, self.series, self.later, self.progress = job, plan, series, later, progress
        self.store = job.store
        self.tree = plan.entries[-1].tree if plan.entries else self.store.tree_of(plan.base)
        self.order = {c: i for i, c in enumerate(later.messages.commits)}
        # What the base has is the same question as in the plan; only the order reaches to the last head.
        self.history = HistoryBeyond(self.store, plan.base, job.history.tips, self.order)
        self.facts = HistoryFacts(self.store, self.history)
        self.names = series.names(job.feature.name, GitTree(self.store, plan.base).blobs())
        self.speaking = frozenset(later.messages.saying(self.names))
        # Which commit of the series, or offered, a commit is or repeats; and by what it would be recognized.
        self.here: dict[Oid, Oid] = {c: c for c in series.picks}
        self.strangers: set[Oid] = set()
        self.foreign: dict[Oid, Oid] = {}
        self.known: dict[tuple[str, str], Oid] = {}
        self.leaders: dict[Oid, FollowUp] = {}
        self.forms: dict[Oid, list[Oid]] = {}
        self.tried: dict[Oid, FollowUp] = {}
        self.named: dict[Oid, list[Oid]] = {}

    def run(self) -> tuple[FollowUp, ...]:
        """Find, sort, try."""
        entries = [e.commit for e in self.plan.entries]
        self.history.patch_ids(entries)
        for pick in entries:
            self.here[pick] = pick
            self._recognize(pick, pick)
        for pick in self.series.picks:
            for by in self.later.messages.naming(pick):
                self.named.setdefault(by, []).append(pick)
        self._learn()
        for commit in self._near():
            self._look(commit)
        self._add_decided()
        for commit, found in self.leaders.items():
            self.tried[commit] = self._tried(found)
        told = follow_through(self.tried)
        # From the form that was found first to the one that is told.
        named = {c: f.commit for c, f in self.tried.items()}
        told = tuple(replace(f, after=tuple(named[a] for a in f.after)) for f in told)
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
            c for c, later in self.later.commits.items() if any(map(self.series.may_concern, later.edits))
        ]
        self.later.measure(concerned)
        self.history.patch_ids(c for c in concerned if len(self.later.size(c).paths) <= WIDE)

    def _near(self) -> Iterator[Oid]:
        """Yield what may be a follow-up, in upstream's order; reads ``named`` as it grows."""
        first = min((self.order[p] for p in self.series.picks if p in self.order), default=0)
        for commit, position in self.order.items():
            if commit in self.here or position < first:
                continue
            change = self.later.commits.get(commit)
            near = change is not None and any(map(self.series.may_concern, change.edits))
            if near or commit in self.named or commit in self.speaking:
                yield commit

    # -- one candidate ------------------------------------------------------------------------------

    def _look(self, commit: Oid) -> None:
        leader = self._same_as(commit)
        if leader is not None:
            self._another_form(commit, leader)
            return
        message = self.later.messages.text(commit)
        says = said(message)
        link = self._link(commit) if self._may_repair(commit, message) else self._likeness(commit)
        for pick in self.named.get(commit, ()):
            link.evidence.append(_mention(commit, pick, says))
        if not link.evidence and (name := self.names.search(message)) is not None:
            link.evidence.append(Evidence("name", f"its message names {name[0]}"))
        if not link.evidence:
            return
        candidate = self._candidate(commit, message, link, says)
        kind, reason = sort(candidate)
        self._recognize(commit, commit)
        if kind is Kind.IN_BASE or kind is Kind.TAKEN:
            self.here[commit] = commit
        elif kind is Kind.OFFERED:
            self._offer(commit)
        if worth_telling(candidate, kind):
            subject = self.store.commit(commit).subject
            self.leaders[commit] = FollowUp(
                commit, subject, kind, reason, tuple(link.evidence), after=tuple(link.after)
            )
            if link.strangers:
                self.foreign[commit] = max(link.strangers, key=lambda c: link.strangers[c])

    def _offer(self, commit: Oid) -> None:
        """From here on its lines count as ours: what repairs them is a follow-up, too."""
        self.here[commit] = commit
        for edit in self._edits(commit):
            self.series.wrote(edit.path, edit.added)
        for by in self.later.messages.naming(commit):
            self.named.setdefault(by, []).append(commit)

    def _candidate(self, commit: Oid, message: str, link: _Link, says: Said) -> Candidate:
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
            not wide and self._same_code(commit, size.paths),
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

    # -- evidence -----------------------------------------------------------------------------------

    def _may_repair(self, commit: Oid, message: str) -> bool:
        """Whether it is worth asking who wrote what: what is no repair is sorted without, and told only if
        it changes the series' own files."""
        if self._taken(commit) is not None or self._omitted(commit) is not None:
            return True
        size = self.later.size(commit)
        lines = size.added + size.removed
        return len(size.paths) <= WIDE and read_message(message, lines).nature is Nature.REPAIR

    def _likeness(self, commit: Oid) -> _Link:
        """Say which files of the series' own a commit changes. Who wrote which line is not asked."""
        touched = [e.path for e in self._edits(commit) if e.path in self.series.created]
        return _Link([_file_evidence(path) for path in touched])

    def _link(self, commit: Oid) -> _Link:
        """Ask who wrote the lines that a commit changes, or those beside what it only adds."""
        link = _Link()
        change = self.later.commits.get(commit)
        if change is None or len(change.parents) != 1 or change.parents[0] not in self.later.commits:
            return link  # right on the base: nothing of upstream's is before it
        for edit in change.edits:
            if commit in self.speaking or self.series.may_concern(edit):
                self._link_edit(link, change.parents[0], edit)
        return link

    def _link_edit(self, link: _Link, before: Oid, edit: Edit) -> None:
        # In a file of the base's, to stand beside a line of ours is chance.
        beside = edit.beside if edit.path in self.series.created else ()
        numbers = [number for number, text in (*edit.removed, *beside) if tells(text)]
        owners = self.later.owners(before, edit.path, numbers)
        for kind, rows in (("lines", edit.removed), ("beside", beside)):
            wrote: dict[Oid, int] = {}
            for number, text in rows:
                if not tells(text):
                    continue
                owner = owners.get(number)
                if owner is None:
                    link.base_lines += kind == "lines"
                elif (known := self._is_here(owner)) is not None:
                    wrote[known] = wrote.get(known, 0) + 1
                elif kind == "lines" or not edit.removed:
                    link.strangers[owner] = link.strangers.get(owner, 0) + 1
            for owner, count in wrote.items():
                link.evidence.append(_lines_evidence(kind, edit.path, owner, count))
                if owner in self.leaders:
                    link.after[owner] = None
        if not link.evidence and edit.path in self.series.created:
            link.evidence.append(_file_evidence(edit.path))

    def _is_here(self, owner: Oid) -> Oid | None:
        """Return the commit of the series (or offered) that ``owner`` is, or repeats on another lane."""
        if owner in self.strangers:
            return None
        if owner not in self.here:
            leader = self._same_as(owner, patch=False)
            if leader is None or leader not in self.here:
                self.strangers.add(owner)  # what comes before is known by now
                return None
            self.here[owner] = leader
        return self.here[owner]

    def _causes(self, link: _Link, says: Said) -> tuple[Cause, ...]:
        """What a candidate repairs: what its message says; else whose lines it changes."""
        blamed = says.to_blame
        found: list[Cause] = []
        resolved = self.store.present(f"{n}^{{commit}}" for n in blamed) if blamed else {}
        for (name, how), oid in zip(blamed.items(), resolved.values(), strict=True):
            if oid is not None and oid.startswith(name):
                found.append(Cause(oid, self.store.commit(oid).subject, how, self._has(oid)))
        ours = any(e.kind in ("lines", "beside") for e in link.evidence)
        if not found and not ours and not link.base_lines and link.strangers:
            stranger = max(link.strangers, key=lambda c: link.strangers[c])
            subject = self.store.commit(stranger).subject
            found.append(Cause(stranger, subject, "it changes lines of", here=False))
        return tuple(found)

    def _has(self, commit: Oid) -> bool:
        if commit in self.order or commit in self.later.commits:
            return self._is_here(commit) is not None or bool(self.facts.in_base([commit]))
        return self.job.history.is_ancestor(commit, self.plan.base)

    def _absent(self, commit: Oid, paths: Sequence[str]) -> tuple[str, ...]:
        """Which files a commit changes that the series' tree does not have."""
        parent = self.store.commit(commit).parents[0]
        before, here = self.store.modes(parent, paths), self.store.modes(self.tree, paths)
        return tuple(p for p in paths if p in before and p not in here)

    def _same_code(self, commit: Oid, paths: Sequence[str]) -> bool:
        """Whether only comments and white space differ; of what is not C, white space."""
        parent = self.store.commit(commit).parents[0]
        for path in paths:
            sides = [self.store.file(c, path) for c in (parent, commit)]
            if sides[0] is None or sides[1] is None:
                return False
            texts = [
                code(s) if path.endswith((".c", ".h")) else s.decode("latin-1")
                for s in sides
                if s is not None
            ]
            # Literals are blanked in code(): where those differ, so must what is compared.
            if texts[0].split() != texts[1].split() or _literals(sides[0]) != _literals(sides[1]):
                return False
        return bool(paths)

    # -- the same change elsewhere ------------------------------------------------------------------

    def _marks(self, commit: Oid, *, patch: bool = True) -> Iterator[tuple[str, str]]:
        """Yield what tells the same change on another lane: its author at one moment with one subject (a
        pick keeps both), the commit that it says it is a copy of, and, if asked, its patch."""
        yield "commit", commit
        one = self.store.commit(commit)
        yield "author", f"{one.author.decode('latin-1')} {one.subject}"
        for name in said(one.text).copies:
            oid = self.store.resolve(name)
            if oid is not None:
                yield "commit", oid
        if patch and len(self.later.size(commit).paths) <= WIDE:  # else it is large work, and noise anyway
            yield from (("patch", i) for i in self.history.patch_ids([commit]).values())

    def _recognize(self, commit: Oid, leader: Oid) -> None:
        for mark in self._marks(commit):
            self.known.setdefault(mark, leader)

    def _same_as(self, commit: Oid, *, patch: bool = True) -> Oid | None:
        if ("commit", commit) in self.known:
            return self.known["commit", commit]
        # A merge says nothing of the kind, and costs the most.
        if commit not in self.order:
            return None
        return next((self.known[m] for m in self._marks(commit, patch=patch) if m in self.known), None)

    def _another_form(self, commit: Oid, leader: Oid) -> None:
        if leader in self.here:
            self.here[commit] = self.here[leader]
        if leader in self.leaders:
            self.forms.setdefault(leader, []).append(commit)
            choices = ((self._omitted(commit), Kind.OMITTED), (self._taken(commit), Kind.TAKEN))
            for because, kind in choices:
                if because is not None:
                    self.leaders[leader] = replace(self.leaders[leader], kind=kind, reason=because)

    # -- trying -------------------------------------------------------------------------------------

    def _tried(self, found: FollowUp) -> FollowUp:
        """Try an offered follow-up, in all its forms, on the series, and on what it follows."""
        found = self._original_first(found)
        forms = found.forms
        if found.kind is not Kind.OFFERED:
            return found
        self.progress(f"{self.job.name}: trying {found.commit.short} {found.subject}")
        facts = self._landing_facts
        trials: list[tuple[Oid, Trial]] = []
        for form in (found.commit, *forms):
            trials.append((form, _try(facts, self.tree, form, ())))
            if _smooth(trials[-1][1]):
                break
        if found.after and not any(_smooth(t) for _, t in trials):
            order = sorted(self._all_before(found), key=lambda c: self.order[c])
            before = tuple(self.tried[c].commit for c in order)
            trials += [(form, _try(facts, self.tree, form, before)) for form in (found.commit, *forms)]
        best, trial = best_form(trials)
        if not trial.on and trial.verdict in (Verdict.IN_BASE, Verdict.REDUNDANT):
            return replace(found, kind=Kind.IN_BASE, reason="landing it changes nothing", trial=trial)
        if not trial.ok and (stranger := self.foreign.get(found.commit)) is not None:
            subject = self.store.commit(stranger).subject
            reason = (
                f"it does not land, and changes lines of {stranger.short} ({subject}), "
                "which is neither in the base nor in the series"
            )
            return replace(found, kind=Kind.NOT_TO_BE_TAKEN, reason=reason, trial=trial)
        if best == found.commit:
            return replace(found, trial=trial)
        others = tuple(f for f in (found.commit, *forms) if f != best)
        subject = self.store.commit(best).subject
        return replace(
            found, commit=best, subject=subject, forms=others, trial=trial, instead_of=found.commit
        )

    def _original_first(self, found: FollowUp) -> FollowUp:
        """Put upstream's own form first: the one that does not say it is a copy. A stable branch's may come
        first in the order."""
        forms = (found.commit, *self.forms.get(found.commit, ()))
        copies = [f for f in forms if said(self.later.messages.text(f)).copies]
        first, *rest = (*(f for f in forms if f not in copies), *copies)
        if first == found.commit:
            return replace(found, forms=tuple(rest))
        reason = found.reason
        if found.kind is Kind.OFFERED:
            reason = "; ".join(read_message(self.later.messages.text(first), 0).signs)
        subject = self.store.commit(first).subject
        return replace(found, commit=first, subject=subject, reason=reason, forms=tuple(rest))

    def _all_before(self, found: FollowUp) -> set[Oid]:
        reached: set[Oid] = set()
        work = list(found.after)
        while work:
            one = work.pop()
            if one not in reached and self.tried[one].kind is Kind.OFFERED:
                reached.add(one)
                work += self.tried[one].after
        return reached

    @property
    def _landing_facts(self) -> HistoryFacts:
        """Facts of a history that has all that is offered: what came with it counts as known."""
        if not hasattr(self, "_trying"):
            offered = [f.commit for f in self.leaders.values() if f.kind is Kind.OFFERED]
            # The newest has what all others have, but for a stable branch, which gains no exports.
            last = sorted(independent(self.store, offered), key=lambda c: self.order[c])[-1:]
            tips = (*last, *self.job.history.tips)
            self._trying = HistoryFacts(self.store, History(self.store, self.plan.base, tips))
        return self._trying


def _try(facts: HistoryFacts, tree: Oid, commit: Oid, before: Sequence[Oid]) -> Trial:
    for one in before:
        tree = facts.land(tree, one, ()).tree
    landing = facts.land(tree, commit, ())
    if landing.verdict is Verdict.STOPPED:
        return Trial(
            landing.verdict, tuple(dict.fromkeys(u.path for u in landing.unsettled)), on=tuple(before)
        )
    names = tuple(dict.fromkeys(m.name for m in facts.missing(tree, landing)))
    return Trial(landing.verdict, missing=names, on=tuple(before), review=landing.review)


def _smooth(trial: Trial) -> bool:
    return trial.ok and trial.verdict is Verdict.CLEAN


def _mention(commit: Oid, pick: Oid, says: Said) -> Evidence:
    for kind, names in (("revert", says.reverts), ("fixes", says.fixes)):
        if any(pick.startswith(n) for n in names):
            what = "takes back" if kind == "revert" else "says Fixes:"
            return Evidence(kind, f"{what} {pick.short}", commit=pick)
    return Evidence("mention", f"its message names {pick.short}", commit=pick)


def _file_evidence(path: str) -> Evidence:
    return Evidence("file", f"changes {path}, which the series creates", path=path)


def _lines_evidence(kind: str, path: str, owner: Oid, count: int) -> Evidence:
    what = f"{count} line{'s' * (count > 1)}"
    detail = (
        f"changes {what} of {owner.short} in {path}"
        if kind == "lines"
        else f"adds beside {what} of {owner.short} in {path}"
    )
    return Evidence(kind, detail, path=path, commit=owner)


def _names(path: str) -> tuple[str, ...]:
    """Return the names in a path: its folders', and the file's without its ending."""
    pure = PurePosixPath(path)
    return (*pure.parts[:-1], pure.stem)


_LITERAL = re.compile(rb"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")


def _literals(source: bytes) -> list[bytes]:
    return _LITERAL.findall(source)
