"""Where a release stands in its schedule, and what is not allowed any more."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from fedvhost.backport.manifest import Milestone, Release

FORBIDDEN = {
    "enable": "nothing is enabled by default any more",
    "enhance": "no enhancements any more, repairs only",
    "change": "no change without an exception",
}


@dataclass(frozen=True, slots=True)
class Stand:
    """A day in a schedule: what is behind it, what comes next, and what each milestone behind forbids."""

    today: datetime.date
    past: tuple[Milestone, ...]
    next: Milestone | None

    @property
    def last(self) -> Milestone | None:
        """The milestone that was passed last."""
        return self.past[-1] if self.past else None

    def forbids(self, what: str) -> Milestone | None:
        """The first milestone behind that forbids ``what``: ``enable``, ``enhance`` or ``change``."""
        return next((m for m in self.past if what in m.forbids), None)

    @property
    def forbidden(self) -> tuple[str, ...]:
        """What is not allowed today, in words."""
        return tuple(
            f"{text} (since {m.title}, {m.date})"
            for what, text in FORBIDDEN.items()
            if (m := self.forbids(what)) is not None
        )


def stand(milestones: Sequence[Milestone], today: datetime.date) -> Stand:
    """Find a day's place. A milestone's own day is still before it: the freeze begins when it ends."""
    past = tuple(m for m in milestones if datetime.date.fromisoformat(m.date) < today)
    ahead = [m for m in milestones if m not in past]
    return Stand(today, past, ahead[0] if ahead else None)


def deadline(release: Release) -> Milestone | None:
    """The milestone up to which the contingency may be changed, if the release has one."""
    return next((m for m in release.milestones if m.id == release.gate.deadline), None)


def in_time(release: Release, at: str) -> bool:
    """Whether ``at`` (ISO, UTC) was early enough to turn a feature on by default."""
    # Dates of ISO's form compare as texts.
    froze = [m.date for m in release.milestones if "enable" in m.forbids or m.id == release.gate.deadline]
    return not froze or at[:10] <= min(froze)


def deadline_passed(release: Release, today: datetime.date) -> str | None:
    """Say since when nothing may be turned on by default any more, or None if it still may."""
    last = deadline(release)
    if last is not None and datetime.date.fromisoformat(last.date) < today:
        return f"the contingency deadline is behind: {last.title}, {last.date}"
    froze = stand(release.milestones, today).forbids("enable")
    return None if froze is None else f"{froze.title} ({froze.date}) is behind: {FORBIDDEN['enable']}"
