"""What a person's review is of: the very files, or builds, that the finding is about."""

from __future__ import annotations

from fedvhost.errors import InputError
from fedvhost.evidence import now
from fedvhost.release.case import Case
from fedvhost.release.checks import MANUAL, go_through
from fedvhost.release.checks_code import reviewed_patches
from fedvhost.release.items import Settled
from fedvhost.release.people import Hashes, Review, listed

_CHECKS = ("plan-reviewed", "adapted-reviewed", "test-plan", "milestones", MANUAL)


def review_of(case: Case, item: str, subject: str, by: str, *, ok: bool, because: str) -> Review:
    """Return a review of a finding as things are now.

    Raises:
        InputError: there is no such item or finding, it is not for people to settle, or no reason is given
            where one is needed.
    """
    settled = next((s for s in go_through(case).settled if s.item.id == item), None)
    if settled is None or settled.item.check not in _CHECKS:
        kinds = [i.id for i in case.checklist.items if i.check in _CHECKS]
        raise InputError(f"'{item}' is not for people to review; these are: {', '.join(kinds) or 'none'}")
    if not by.strip():
        raise InputError("--by is empty: say who reviewed it")
    if subject not in {f.scenario for f in settled.findings}:
        known = listed([f.scenario for f in settled.findings])
        raise InputError(f"'{item}' has no '{subject}'; it has: {known}")
    check = settled.item.check
    if (not ok or check in ("milestones", "test-plan")) and not because.strip():
        raise InputError("--because is missing: what was seen, or the ticket that says so")
    name = item if check == MANUAL else check
    return Review(name, subject, by, ok, because, now(), dict(_of(case, settled, subject)))


def _of(case: Case, settled: Settled, subject: str) -> Hashes:
    match settled.item.check:
        case "plan-reviewed":
            return {n: h for n, h in case.ships.items() if n == case.plan_file}
        case "adapted-reviewed":
            return reviewed_patches(case, subject)
        case "test-plan":
            return case.builds
        case _:
            return case.ships
