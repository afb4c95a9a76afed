"""Commits that only one of two backports has, with what is known of why the other has not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from fedvhost.backport.comparison import Change, Match, Ours, same_name
from fedvhost.backport.plan import PackagePlan
from fedvhost.values import Oid

# What a base has is no lack; how we know follows.
IN_BASE = "in base already"
# Why a commit there concerns nobody here; most commits of a branch that is not only the feature's.
NOBODY = "requested by nobody: touches nothing that the feature names"


@dataclass(frozen=True, slots=True)
class Lacking:
    """A commit that the other side lacks. ``why``: what is known, the weightiest first."""

    commit: Oid
    subject: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What our plan and our base can say of a commit there.

    ``paths`` and ``until`` are the feature's; ``upto``: upstream's commits from the base up to ``until``;
    ``in_base``: which of theirs our base has, and how we know.
    """

    plan: PackagePlan
    paths: Sequence[str]
    until: str
    upto: Collection[Oid]
    in_base: Mapping[Oid, str]


def inside(path: str, folders: Sequence[str]) -> bool:
    """Tell whether a path is one of ``folders`` or in one of them; all are in ``.``."""
    return any(
        f in ("", ".") or path == f or path.startswith(f"{f}/") for f in (x.rstrip("/") for x in folders)
    )


def lacking_here(
    known: Known, ours: Sequence[Ours], theirs: Sequence[Change], matches: Sequence[Match]
) -> tuple[Lacking, ...]:
    """Return what only the other backport has, in its order."""
    matched = {m.theirs for m in matches}
    first: dict[str, Oid] = {}
    for change in theirs:
        if change.patch_id is not None:
            first.setdefault(change.patch_id, change.commit)
    return tuple(
        Lacking(c.commit, c.subject, _why_not_here(c, known, ours, theirs, first))
        for c in theirs
        if c.commit not in matched
    )


def lacking_there(
    ours: Sequence[Ours], matches: Sequence[Match], in_base: Mapping[Oid, str], paths: Sequence[str]
) -> tuple[Lacking, ...]:
    """Return what only our series has, in our order. ``in_base``: what their base has; ``paths``: what the
    comparison is limited to (empty: nothing)."""
    matched = {m.ours for m in matches}
    found: list[Lacking] = []
    for one in ours:
        commit = one.upstream.commit
        # What did not land here is no commit that they could lack.
        if commit in matched or one.replayed is None:
            continue
        why: list[str] = []
        if commit in in_base:
            why.append(f"in their base already: {in_base[commit]}")
        elif paths and not any(inside(p, paths) for p in one.replayed.paths):
            why.append("touches none of the paths compared")
        found.append(Lacking(commit, one.upstream.subject, (*why, one.role)))
    return tuple(found)


def _why_not_here(
    change: Change, known: Known, ours: Sequence[Ours], theirs: Sequence[Change], first: Mapping[str, Oid]
) -> tuple[str, ...]:
    why = _decided(change, known)
    relations = _relations(change, ours, theirs, first)
    if not why and not relations:
        why = [_asked_for(change, known)]
    return (*why, *relations)


def _is(change: Change, commit: Oid) -> bool:
    return change.commit == commit or any(same_name(name, commit) for name in change.cites)


def _decided(change: Change, known: Known) -> list[str]:
    """What the base, the plan and the manifests say of it."""
    why: list[str] = []
    if change.commit in known.in_base:
        why.append(f"{IN_BASE}: {known.in_base[change.commit]}")
    why += [f"considered and not taken: {c.reason}" for c in known.plan.considered if _is(change, c.commit)]
    why += [f"left open: {u.what}" for u in known.plan.undecided if _is(change, u.commit)]
    if known.plan.stop is not None and _is(change, known.plan.stop.commit):
        why.append("this series stops at it")
    return why


def _relations(
    change: Change, ours: Sequence[Ours], theirs: Sequence[Change], first: Mapping[str, Oid]
) -> list[str]:
    """What it is to other commits of either side."""
    why: list[str] = []
    twin = first.get(change.patch_id or "")
    if twin is not None and twin != change.commit:
        why.append(f"repeats {twin.short} of the range, the same patch")
    if change.reverts is not None:
        undone = [t for t in theirs if same_name(change.reverts, t.commit)]
        where = f"{undone[0].commit.short} of the range" if undone else change.reverts[:12]
        why.append(f"reverts {where}")
        return why
    for one in ours:
        for form in one.forms:
            if any(same_name(name, form.commit) for name in change.names if len(name) >= 8):
                why.append(f"mentions {one.upstream.commit.short} ({one.upstream.subject}): a follow-up?")
                break
    return why


def _asked_for(change: Change, known: Known) -> str:
    """Why no plan spoke of it."""
    touched = sorted({f for f in known.paths for p in change.paths if inside(p, [f])})
    if not touched:
        return NOBODY
    if change.commit in known.upto or (change.cites and any(_is(change, c) for c in known.upto)):
        return f"touches {', '.join(touched)}, and the plan does not speak of it: plan again"
    return f"touches {', '.join(touched)}; not among upstream's commits from the base to {known.until}"
