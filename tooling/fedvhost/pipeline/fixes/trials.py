"""Trying what is offered: how each follow-up, in all its forms, lands on the series."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from fedvhost.backport.followups import FollowUp, Kind, Trial, best_form
from fedvhost.backport.outcome import Verdict
from fedvhost.backport.removal import lost_declarations, lost_labels, out_of_sight
from fedvhost.backport.repairs import read_message, said
from fedvhost.git.followups import LaterHistory, independent
from fedvhost.git.history import History
from fedvhost.pipeline.facts import HistoryFacts, Seen
from fedvhost.pipeline.inputs import Job
from fedvhost.values import Oid


class Trials:
    """Tries follow-ups on ``tree``, the series' own. ``order``: the places of all commits looked through;
    ``forms``: the same change on other lanes."""

    def __init__(
        self, job: Job, tree: Oid, later: LaterHistory, order: Mapping[Oid, int],
        forms: Mapping[Oid, Sequence[Oid]], progress: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.job, self.tree, self.later, self.order, self.forms = job, tree, later, order, forms
        self.store, self.progress = job.store, progress
        self._seen = Seen.of(job.store)
        self._tried: dict[Oid, FollowUp] = {}

    def run(self, found: Mapping[Oid, FollowUp], foreign: Mapping[Oid, Oid]) -> Mapping[Oid, FollowUp]:
        """Return the follow-ups, those offered with how they land. ``foreign``: whose lines, of commits that
        are not here, they change most."""
        facts = self._facts([f.commit for f in found.values() if f.kind is Kind.OFFERED])
        for commit, one in found.items():
            self._tried[commit] = self._try_all(facts, self._original_first(one), foreign.get(commit))
        return self._tried

    def _facts(self, offered: Sequence[Oid]) -> HistoryFacts:
        """Facts of a history that has all that is offered: what came with it counts as known."""
        # The newest has what all others have, but for a stable branch, which gains no exports.
        last = sorted(independent(self.store, offered), key=lambda c: self.order[c])[-1:]
        history = History(self.store, self.job.history.base, (*last, *self.job.history.tips))
        return HistoryFacts(self.store, history, self._seen, self.job.answers)

    def _try_all(self, facts: HistoryFacts, found: FollowUp, foreign: Oid | None) -> FollowUp:
        if found.kind is not Kind.OFFERED:
            return found
        self.progress(f"{self.job.name}: trying {found.commit.short} {found.subject}")
        best, trial = self._best(facts, found)
        if not trial.on and trial.verdict in (Verdict.IN_BASE, Verdict.REDUNDANT):
            return replace(found, kind=Kind.IN_BASE, reason="landing it changes nothing", trial=trial)
        if trial.lost and not trial.missing:
            reason = "; ".join(self._why_lost(best, name) for name in trial.lost[:3])
            return replace(found, kind=Kind.NOT_TO_BE_TAKEN, reason=reason, trial=trial)
        if not trial.ok and foreign is not None:
            reason = (
                f"it does not land, and changes lines of {self._titled(foreign)}, "
                "which is neither in the base nor in the series"
            )
            return replace(found, kind=Kind.NOT_TO_BE_TAKEN, reason=reason, trial=trial)
        if best == found.commit:
            return replace(found, trial=trial)
        others = tuple(f for f in (found.commit, *found.forms) if f != best)
        subject = self.store.commit(best).subject
        return replace(
            found, commit=best, subject=subject, forms=others, trial=trial, instead_of=found.commit
        )

    def _best(self, facts: HistoryFacts, found: FollowUp) -> tuple[Oid, Trial]:
        """Try all forms on the series, and on the series with what it follows if none lands smoothly."""
        forms = (found.commit, *found.forms)
        trials: list[tuple[Oid, Trial]] = []
        for form in forms:
            trials.append((form, self._trial(facts, form, ())))
            if trials[-1][1].smooth:
                return trials[-1]
        if found.after:
            order = sorted(self._all_before(found), key=lambda c: self.order[c])
            before = tuple(self._tried[c].commit for c in order)
            trials += [(form, self._trial(facts, form, before)) for form in forms]
        return best_form(trials)

    def _trial(self, facts: HistoryFacts, commit: Oid, before: Sequence[Oid]) -> Trial:
        tree = self.tree
        for one in before:
            tree = facts.land(tree, one, ()).tree
        landing = facts.land(tree, commit, ())
        on = tuple(before)
        if landing.verdict is Verdict.STOPPED:
            return Trial(landing.verdict, tuple(dict.fromkeys(u.path for u in landing.unsettled)), on=on)
        missing = tuple(dict.fromkeys(m.name for m in facts.missing(tree, landing)))
        lost = tuple(dict.fromkeys(self._lost(commit, tree, landing.tree)))
        return Trial(landing.verdict, missing=missing, lost=lost, on=on, review=landing.review)

    def _lost(self, commit: Oid, before: Oid, after: Oid) -> Iterator[str]:
        """Yield what the landed commit takes away from a C file that goes on using it."""
        for path in self.store.diff_paths(before, after):
            old, new, there = (self.store.file(t, path) for t in (before, after, commit))
            if not path.endswith((".c", ".h")) or old is None or new is None or there is None:
                continue
            yield from lost_labels(old, new, there)
            if gone := lost_declarations(old, new):
                upstream, result = self._seen.trees.at(commit), self._seen.trees.at(after)
                yield from out_of_sight(gone, path, upstream, result, self._seen.sources)

    def _why_lost(self, commit: Oid, name: str) -> str:
        """Say what a commit takes away, and which one of upstream's took away its last use."""
        text = f"it takes away '{name}', which is still used here"
        change = self.later.commits.get(commit)
        paths = {edit.path for edit in change.edits} if change is not None else set()
        removers = (
            c
            for c, later in self.later.commits.items()
            if self.order.get(c, -1) < self.order[commit] and c != commit
            for edit in later.edits
            if edit.path in paths and any(name.encode() in t for _, t in edit.removed)
        )
        last = max(removers, key=lambda c: self.order.get(c, -1), default=None)
        return text if last is None else f"{text}; upstream uses it no more since {self._titled(last)}"

    def _titled(self, commit: Oid) -> str:
        return f"{commit.short} ({self.store.commit(commit).subject})"

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
            if one not in reached and self._tried[one].kind is Kind.OFFERED:
                reached.add(one)
                work += self._tried[one].after
        return reached
