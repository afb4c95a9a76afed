"""The same change on several lanes (a stable branch, another tree): which commit of the series, or of what
is offered, a commit is or repeats."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fedvhost.backport.followups import WIDE
from fedvhost.backport.repairs import said
from fedvhost.git.followups import HistoryBeyond, LaterHistory
from fedvhost.git.store import GitStore
from fedvhost.values import Oid


class Lanes:
    """Recognizes commits by what they have in common with those met before. ``order``: the places of all
    commits looked through."""

    def __init__(
        self, store: GitStore, later: LaterHistory, history: HistoryBeyond, order: Mapping[Oid, int]
    ) -> None:
        self.store, self.later, self.history, self.order = store, later, history, order
        self._here: dict[Oid, Oid] = {}
        self._strangers: set[Oid] = set()
        self._known: dict[tuple[str, str], Oid] = {}

    def add(self, commit: Oid, leader: Oid | None = None) -> None:
        """Count a commit as here: one of the series', offered, or another form of ``leader``."""
        self._here[commit] = leader or commit

    def holds(self, commit: Oid) -> bool:
        """Whether a commit is known to be here, without looking for what it may repeat."""
        return commit in self._here

    def here(self, owner: Oid) -> Oid | None:
        """Return the commit of the series (or offered) that ``owner`` is, or repeats on another lane."""
        if owner in self._strangers:
            return None
        if owner not in self._here:
            leader = self.same_as(owner, patch=False)
            if leader is None or leader not in self._here:
                self._strangers.add(owner)  # what comes before is known by now
                return None
            self._here[owner] = leader
        return self._here[owner]

    def join(self, commit: Oid, leader: Oid) -> None:
        """Take note that ``commit`` is another form of ``leader``."""
        if leader in self._here:
            self._here[commit] = self._here[leader]

    def recognize(self, commit: Oid) -> None:
        """Remember what ``commit`` would be recognized by on another lane."""
        for mark in self._marks(commit):
            self._known.setdefault(mark, commit)

    def same_as(self, commit: Oid, *, patch: bool = True) -> Oid | None:
        """Return the commit met before that ``commit`` repeats; ``patch``: ask for its patch, too."""
        if ("commit", commit) in self._known:
            return self._known["commit", commit]
        # A merge says nothing of the kind, and costs the most.
        if commit not in self.order:
            return None
        return next((self._known[m] for m in self._marks(commit, patch=patch) if m in self._known), None)

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
