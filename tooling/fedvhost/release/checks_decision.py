"""The checks of the decision: contingency, documents, milestones, and the people who answer for it."""

from __future__ import annotations

from fedvhost.release import gates
from fedvhost.release.case import Case
from fedvhost.release.contingency import ON
from fedvhost.release.items import Finding, State, finding
from fedvhost.release.milestones import deadline_passed, stand
from fedvhost.release.people import review_finding, sign_off_findings


def contingency(case: Case) -> list[Finding]:
    """The flag is what the files say, its history explains it, and what ships was tested that way."""
    found = [_flag(case), *_rendered(case)]
    return [*found, _tested(case), *([_earned(case)] if case.flag.value == ON else [])]


def _flag(case: Case) -> Finding:
    flag, then = case.flag, case.command("contingency set", case.flag.value, "--because REASON")
    if flag.problem:
        return finding("flag", State.UNKNOWN, flag.problem, then=then)
    if flag.unexplained:
        text = f"the release manifest says {flag.value}, and nobody recorded why"
        return finding("flag", State.FAILED, text, then=then)
    last = flag.last
    why = f" since {last.at}, by {last.by}: {last.because}" if last else ", as it was from the start"
    return finding("flag", State.DONE, f"{flag.value}{why}")


def _rendered(case: Case) -> list[Finding]:
    found = []
    for one in case.rendered:
        scenario = f"{one.package}: {one.what}"
        if one.found == case.flag.value:
            text = f"'{one.wanted(one.found)}' is in '{one.file}'"
            found.append(finding(scenario, State.DONE, text, one.file))
        else:
            there = "neither line, or both," if one.found is None else f"'{one.wanted(one.found)}'"
            text = f"the flag is {case.flag.value}, and {there} stands in '{one.file}'"
            then = case.command("contingency set", case.flag.value, "--because REASON")
            found.append(finding(scenario, State.FAILED, text, one.file, then=then))
    missing = "the feature's manifest names no line that the flag renders"
    return found or [finding("mechanisms", State.UNKNOWN, missing)]


def _tested(case: Case) -> Finding:
    """Somebody, or something, must have seen that what was built is as the flag says."""
    value = case.flag.value
    name, scenario = f"contingency-{value}", f"tested-{value}"
    then = case.command("contingency test")
    seen = case.piece("contingency", "")
    rows = [(seen, r) for r in seen.facts.each("rows") or () if r.text("id") == name and seen.good]
    # A smoke row of that name looks at what the packages do, whichever way they are: a flag that was turned
    # since makes the builds, and so the row, stale.
    rows += [
        (p, r)
        for _, p, r in gates.rows(case)
        if {name, "contingency"} & {r.text("id"), *(r.texts("plan") or ())}
    ]
    told = [(gates.verdict(r.text("verdict")), p, r) for p, r in rows]
    for wanted in (State.FAILED, State.UNKNOWN, State.DONE):
        for state, piece, row in told:
            if state is wanted:
                text = row.text("observed") or "no more is known"
                return finding(scenario, state, text, piece.file, then="" if state is State.DONE else then)
    why = seen.why_not or f"it was not looked whether what was built is {value}"
    return finding(scenario, State.UNKNOWN, why, seen.file, then=then)


def _earned(case: Case) -> Finding:
    """With on shipped, the smoke suite must have earned it."""
    decision = gates.decide(case)
    if decision.on:
        text = f"{decision.runs} green runs of {decision.runs} in every shape"
        return finding("earned", State.DONE, text)
    worst = State.FAILED if any(f.state is State.FAILED for f in decision.against) else State.UNKNOWN
    first = decision.against[0] if decision.against else None
    text = f"on is not earned: {first.scenario}: {first.text}" if first else "on is not earned"
    then = case.command("contingency set off", "--because REASON")
    return finding("earned", worst, text, then=then)


def migration(case: Case) -> list[Finding]:
    """The feature's manifest says what a guest that migrates needs, so the documents do."""
    if case.feature.migration.strip():
        return [finding("migration", State.DONE, "in the feature's manifest, and so in the documents")]
    then = f"write 'migration' into backport/features/{case.feature.name}.toml"
    return [finding("migration", State.FAILED, "the feature's manifest says nothing of migration", then=then)]


def documents(case: Case) -> list[Finding]:
    """The documents are there, and say what the evidence says now."""
    words = {
        "current": (State.DONE, "there, and up to date"),
        "older": (State.FAILED, "older than what is known now, or edited by hand"),
        "missing": (State.FAILED, "not written yet"),
    }
    found = []
    for name, how in case.documents.items():
        state, text = words.get(how, (State.UNKNOWN, how))
        then = "" if state is State.DONE else case.command("docs")
        found.append(finding(name, state, text, then=then))
    return found


def milestones(case: Case) -> list[Finding]:
    """Nothing that ships breaks a freeze that is in effect, unless an exception was granted."""
    if not case.release.milestones:
        return [finding("schedule", State.UNKNOWN, "the release manifest has no milestones")]
    where = stand(case.release.milestones, case.today)
    ahead = f"next is {where.next.title}, {where.next.date}" if where.next else "all milestones are behind"
    found = []
    late = deadline_passed(case.release, case.today)
    if late is not None and case.flag.value == ON:
        last = case.flag.last
        state = State.DONE if gates.on_rightly(case) else State.FAILED
        text = f"the feature is on, and {late}"
        if last is not None and state is State.DONE:
            text = f"on by exception {last.exception}" if last.exception else f"on since {last.at}, in time"
        found.append(
            finding("enabled", state, text, then=case.command("contingency set off", "--because REASON"))
        )
    frozen = where.forbids("change") or where.forbids("enhance")
    if frozen is not None:
        then = case.command("checklist review", "milestones", "exception", "--by NAME --because TICKET")
        what = (
            f"after {frozen.title} ({frozen.date}) a feature lands by exception only; write the request with "
            f"'{case.command('checklist exception')}'"
        )
        found.append(review_finding("milestones", "exception", what, case.words, case.ships, then))
    return found or [finding("schedule", State.DONE, f"no freeze is in effect; {ahead}")]


def sign_offs(case: Case) -> list[Finding]:
    """Every role says go, of exactly what is here now."""
    sign = case.command("checklist sign", "'{role}'", "--by NAME")
    return list(sign_off_findings(case.checklist.sign_offs, case.words, case.ships, sign))
