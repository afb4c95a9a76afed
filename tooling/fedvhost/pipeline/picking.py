"""Single commits through the ladder, and what a plan says of a commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fedvhost.backport.outcome import Landing, Note, Verdict
from fedvhost.backport.plan import Cost, PackagePlan
from fedvhost.backport.symbols import Missing
from fedvhost.errors import InputError
from fedvhost.git.history import History
from fedvhost.git.store import GitStore
from fedvhost.pipeline.facts import COST_SECONDS, HistoryFacts, Seen
from fedvhost.pipeline.inputs import Job
from fedvhost.values import Oid


@dataclass(frozen=True, slots=True)
class Lack:
    """A name that a landed pick uses and the tree does not have, and the commit it came with."""

    missing: Missing
    origin: Oid | None
    origin_subject: str


@dataclass(frozen=True, slots=True)
class Behind:
    """An upstream commit behind lines that conflict, and what taking it would cost."""

    commit: Oid
    subject: str
    files: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class Picked:
    """One commit and how it lands; ``behind`` are the upstream commits behind lines it conflicts with."""

    commit: Oid
    subject: str
    landing: Landing
    lacks: tuple[Lack, ...] = ()
    behind: tuple[Behind, ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def review(self) -> bool:
        """Whether a person must look before the result may be called anything else."""
        return self.landing.review or bool(self.lacks)

    @property
    def ok(self) -> bool:
        """Whether it landed and nothing is known to be missing."""
        return self.landing.verdict is not Verdict.STOPPED and not self.lacks


def pick_onto(
    store: GitStore,
    onto: Oid,
    commits: Sequence[Oid],
    seen: Seen | None = None,
    only: Sequence[str] = (),
    seconds: float = COST_SECONDS,
) -> tuple[Picked, ...]:
    """Land commits on ``onto``, each on top of the last one that landed; nothing but objects is written.

    ``seen`` is shared by those who pick many times. ``only``: land no more of them than what they change in
    these files and folders. ``seconds``: how long, in all, to try what the commits behind conflicts cost.

    Raises:
        InputError: one of them is a merge, or changes nothing of ``only``.
    """
    facts = HistoryFacts(store, History(store, onto, commits), seen)
    facts.patience = seconds
    tree = store.tree_of(onto)
    found: list[Picked] = []
    for commit in commits:
        picked = _pick(facts, tree, commit, only)
        found.append(picked)
        tree = picked.landing.tree
    return tuple(found)


def _pick(facts: HistoryFacts, tree: Oid, commit: Oid, only: Sequence[str] = ()) -> Picked:
    landing = _land_part(facts, tree, commit, only) if only else facts.land(tree, commit, ())
    missing = facts.missing(tree, landing) if landing.verdict is not Verdict.STOPPED else ()
    lacks: list[Lack] = []
    for one in missing:
        origin = next(iter(facts.origins(one, commit)), None)
        lacks.append(Lack(one, origin, facts.commit(origin).subject if origin else ""))
    behind = dict.fromkeys(c for u in landing.unsettled for c in facts.wrote(commit, u))
    hints = facts.hints(commit, sorted({u.path for u in landing.unsettled}))
    return Picked(
        commit,
        facts.commit(commit).subject,
        landing,
        tuple(lacks),
        tuple(
            Behind(
                c,
                facts.commit(c).subject,
                facts.files_changed(c),
                facts.cost(tree, c, None if only else commit),
            )
            for c in behind
        ),
        hints,
    )


def _land_part(facts: HistoryFacts, tree: Oid, commit: Oid, only: Sequence[str]) -> Landing:
    """Land what a commit changes in some files and folders. What it uses is still held against all of
    upstream's tree: a name that the rest of the commit brings is missing here."""
    store = facts.store
    one = store.commit(commit)
    if len(one.parents) != 1:
        return facts.land(tree, commit, ())  # which says what is wrong with it
    tops = [path.rstrip("/") for path in only]
    changed = store.diff_paths(one.parents[0], commit)
    kept = [p for p in changed if any(p == top or p.startswith(f"{top}/") for top in tops)]
    if not kept:
        raise InputError(f"commit {commit.short} ({one.subject}) changes nothing in {', '.join(tops)}")
    if len(kept) == len(changed):
        return facts.land(tree, commit, ())
    files = store.entries(commit, kept)
    part = store.write_tree(store.tree_of(one.parents[0]), {p: files.get(p) for p in kept})
    limited = store.write_commit(part, one.parents, one.author, one.committer, one.message, one.encoding)
    landing = facts.land(tree, limited, ())
    left = len(changed) - len(kept)
    how = f"only this; {left} more file{' of the commit is' if left == 1 else 's of the commit are'} left out"
    return replace(landing, pick=commit, notes=(*landing.notes, Note(", ".join(tops), "only", how)))


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is known of a commit in one package: its place in the plan, or how it would land on top."""

    package: str
    commit: Oid
    subject: str
    role: str
    lines: tuple[str, ...]
    trial: Picked | None = None


def explain(job: Job, plan: PackagePlan, commit: Oid) -> Explanation:
    """Say why a commit is in the plan or not; if it is not, try it on top of the series."""
    subject = job.store.commit(commit).subject
    for number, entry in enumerate(plan.entries, 1):
        if entry.commit == commit:
            lines = [f"{e.kind}: {e.detail}" for e in entry.evidence]
            lines += [f"{n.path}: {n.how} ({n.rung})" for n in entry.notes]
            role = f"{entry.because}, {number} of {len(plan.entries)}, {entry.verdict.value}"
            return Explanation(job.name, commit, subject, role, tuple(lines))
    said = [c.reason for c in plan.considered if c.commit == commit]
    role = "not taken" if said else "not considered"
    if len(job.store.commit(commit).parents) != 1:
        return Explanation(job.name, commit, subject, role, (*said, "a merge is never picked"))
    known = HistoryFacts(job.store, job.history).in_base([commit]).get(commit)
    if known is not None:
        return Explanation(job.name, commit, subject, "in base", (*said, f"{known.kind}: {known.detail}"))
    facts = HistoryFacts(job.store, History(job.store, job.history.base, [*job.history.tips, commit]))
    tree = plan.entries[-1].tree if plan.entries else job.store.tree_of(plan.base)
    return Explanation(job.name, commit, subject, role, tuple(said), _pick(facts, tree, commit))
