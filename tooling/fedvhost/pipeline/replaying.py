"""The step ``replay``: the plan's commits on the base, as objects; only our own ref moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fedvhost.backport.landing import land
from fedvhost.backport.outcome import Landing, Verdict
from fedvhost.backport.plan import Entry, PackagePlan
from fedvhost.backport.series import picked_message
from fedvhost.git.identity import Identity
from fedvhost.pipeline.inputs import Job
from fedvhost.values import Oid


@dataclass(frozen=True, slots=True)
class Picked:
    """An entry of the plan as a commit of the series."""

    entry: Entry
    commit: Oid


@dataclass(frozen=True, slots=True)
class Replay:
    """A series on its base. ``differs``: the first entry that did not land as planned, with the reason."""

    base: Oid
    tip: Oid
    tree: Oid
    picked: tuple[Picked, ...]
    differs: str | None = None


def replay(
    job: Job, plan: PackagePlan, identity: Identity, progress: Callable[[str], None] = lambda _: None
) -> Replay:
    """Land the plan's entries again, compare each tree with the plan's, and point the job's ref at the tip.

    The committer is who runs fedvhost; the committer's date is upstream's, so that the same plan gives the
    same commits.
    """
    store = job.store
    tip = plan.base
    tree = store.tree_of(plan.base)
    picked: list[Picked] = []
    for entry in plan.entries:
        progress(f"{job.name}: replaying {entry.commit.short} {entry.subject}")
        if entry.verdict is Verdict.IN_BASE:
            continue
        adaptations = job.wanted.adaptations.get(entry.commit, ())
        landing = land(store, tree, entry.commit, adaptations, job.answers)
        if landing.tree != entry.tree or landing.verdict is not entry.verdict:
            why = (
                f"{entry.commit.short} ({entry.subject}) ends {landing.verdict} with {landing.tree.short}; "
                f"the plan says {entry.verdict} with {entry.tree.short}"
            )
            return Replay(plan.base, tip, tree, tuple(picked), why)
        if landing.tree != tree:
            tip = _commit(job, entry, landing, tip, identity)
            tree = landing.tree
            picked.append(Picked(entry, tip))
    store.move_ref(job.ref, tip)
    return Replay(plan.base, tip, tree, tuple(picked))


def _commit(job: Job, entry: Entry, landing: Landing, parent: Oid, identity: Identity) -> Oid:
    upstream = job.store.commit(entry.commit)
    encoding = upstream.encoding
    message = picked_message(upstream.message, entry.commit, landing.notes, encoding)
    who = identity.at(upstream.committer, encoding)
    return job.store.write_commit(landing.tree, [parent], upstream.author, who, message, encoding)
