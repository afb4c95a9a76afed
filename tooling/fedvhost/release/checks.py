"""Every check that a checklist may name, and going through a checklist."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from fedvhost.errors import InputError
from fedvhost.release import checks_code, checks_decision, checks_packaging
from fedvhost.release.case import Case
from fedvhost.release.items import Checklist, Finding, Item, Outcome, Settled, settle
from fedvhost.release.milestones import stand
from fedvhost.release.people import apply_waivers, review_finding

Check = Callable[[Case], Sequence[Finding]]
MANUAL = "manual"
"""The check of an item that only a person can settle, with ``checklist review``."""

CHECKS: Mapping[str, Check] = {
    "code-complete": checks_code.code_complete,
    "plan-reviewed": checks_code.plan_reviewed,
    "attributed": checks_code.attributed,
    "applied": checks_code.applied,
    "compiled": checks_code.compiled,
    "adapted-reviewed": checks_code.adapted_reviewed,
    "fixes-decided": checks_code.fixes_decided,
    "spec-sound": checks_packaging.spec_sound,
    "nvr-order": checks_packaging.nvr_order,
    "config-set": checks_packaging.config_set,
    "ties": checks_packaging.ties,
    "srpm-reproducible": checks_packaging.srpm_reproducible,
    "built": checks_packaging.built,
    "smoke": checks_packaging.smoke,
    "test-plan": checks_packaging.test_plan,
    "contingency": checks_decision.contingency,
    "migration": checks_decision.migration,
    "documents": checks_decision.documents,
    "milestones": checks_decision.milestones,
    "sign-offs": checks_decision.sign_offs,
}
# What a person reviews is recorded under the check's name, whatever the item is called.
REVIEWED = ("plan-reviewed", "adapted-reviewed", "test-plan", "milestones")


def go_through(case: Case) -> Outcome:
    """Settle every item of the checklist. Nothing that is not known counts as done."""
    settled = tuple(_settled(case, item) for item in case.checklist.items)
    where = stand(case.release.milestones, case.today)
    notes = [f"{m.title} ({m.date}) is behind" for m in where.past[-1:]]
    notes += [f"next: {where.next.title}, {where.next.date}"] if where.next else []
    notes += where.forbidden
    if case.words.problem:
        notes.append(f"nothing that people said counts: {case.words.problem}")
    return Outcome(
        case.checklist,
        case.feature.name,
        case.release.name,
        case.today.isoformat(),
        settled,
        case.nvrs,
        tuple(notes),
    )


def _settled(case: Case, item: Item) -> Settled:
    if item.check == MANUAL:
        then = case.command("checklist review", item.id, item.id, "--by NAME")
        found: Sequence[Finding] = [
            review_finding(item.id, item.id, "waits for a person", case.words, case.ships, item.next or then)
        ]
    else:
        found = CHECKS[item.check](case)
    settled = settle(item, found)
    if case.words.problem:
        return settled
    return apply_waivers(settled, case.words.waivers, case.builds, case.today)


def check_checklist(checklist: Checklist, file: str) -> Checklist:
    """Return the checklist if it can be gone through.

    Raises:
        InputError: it has no items, two of one name, or a check that there is not; naming all.
    """
    names = [i.id for i in checklist.items]
    wrong = [f"items[{n}].id: '{i}' is already there" for n, i in enumerate(names) if i in names[:n]]
    known = ", ".join((*CHECKS, MANUAL))
    wrong += [
        f"items[{n}].check: there is no check '{item.check}'; there are: {known}"
        for n, item in enumerate(checklist.items)
        if item.check not in CHECKS and item.check != MANUAL
    ]
    if not checklist.items:
        wrong = ["items: is missing; a checklist without items would always say go"]
    if wrong:
        raise InputError(f"\n{file}: ".join(wrong), file=file)
    return checklist
