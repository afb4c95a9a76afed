"""The checks of packages and tests: specs, NVRs, configuration, builds, smoke tests, the test plan."""

from __future__ import annotations

from fedvhost.backport.manifest import TestRow
from fedvhost.release import gates
from fedvhost.release.case import Case
from fedvhost.release.facts import Piece, Said
from fedvhost.release.items import Finding, State, finding
from fedvhost.release.people import listed, review_finding


def spec_sound(case: Case) -> list[Finding]:
    """rpm reads the spec and sees every patch applied; %prep was run and leaves the replayed tree."""
    found = []
    for package in case.packages:
        piece = case.piece("spec", package)
        then = case.command("spec", "--package", package, "--prep")
        if not piece.good:
            found.append(finding(package, State.UNKNOWN, piece.why_not, piece.file, then=then))
            continue
        facts, prep = piece.facts, piece.facts.at("prep")
        if facts.flag("ok") is False:
            what = listed(facts.texts("findings") or ()) or (prep.text("failed") if prep else None)
            what = what or listed((prep.texts("differing") if prep else None) or ()) or "not as it must be"
            found.append(finding(package, State.FAILED, what, piece.file, then=then))
        elif facts.flag("ok") is not True or prep is None or prep.flag("ok") is not True:
            found.append(finding(package, State.UNKNOWN, "%prep was not run", piece.file, then=then))
        else:
            text = "rpm sees every patch applied; %prep leaves the replayed tree"
            found.append(finding(package, State.DONE, text, piece.file))
    return found


def nvr_order(case: Case) -> list[Finding]:
    """The newest changelog entry is of this very build, and no version or date goes back."""
    found = []
    for package in case.packages:
        spec, then = case.specs.get(package), case.command("spec", "--package", package)
        if spec is None or spec.unknown:
            why = spec.unknown if spec else "there is no spec"
            found.append(finding(package, State.UNKNOWN, why, spec.file if spec else "", then=then))
        elif spec.wrong:
            found.append(finding(package, State.FAILED, listed(spec.wrong), spec.file, then=then))
        else:
            text = f"{spec.nvr}; the changelog's newest entry is {spec.newest}, and none goes back"
            found.append(finding(package, State.DONE, text, spec.file))
    return found


def config_set(case: Case) -> list[Finding]:
    """The kernel options that the feature needs are set in the configuration fragment."""
    found = []
    for package in case.packages:
        spec, then = case.specs.get(package), case.command("spec", "--package", package)
        for option, value in case.feature.packages[package].config.items():
            there = spec.config.get(option) if spec else None
            file = spec.config_file if spec else ""
            if there == value:
                found.append(finding(option, State.DONE, f"{option}={value}", file))
            else:
                said = "is not mentioned" if there is None else f"is {there}"
                found.append(finding(option, State.FAILED, f"{option} {said}, not {value}", file, then=then))
    return found or [finding("config", State.DONE, "the feature sets no option")]


def ties(case: Case) -> list[Finding]:
    """The packages that belong together say so, so that one is not installed without what it needs."""
    found = []
    for tie in case.feature.ties:
        spec = case.specs.get(tie.package)
        scenario = f"{tie.package}: {tie.says}"
        if spec is None:
            found.append(finding(scenario, State.UNKNOWN, "there is no spec"))
        # In a macro's definition a line ends with a backslash.
        elif any(line.rstrip("\\").rstrip() == tie.says for line in spec.lines):
            found.append(
                finding(scenario, State.DONE, f"'{tie.says}' stands in the spec: {tie.because}", spec.file)
            )
        else:
            text = f"'{tie.says}' does not stand in the spec: {tie.because}"
            found.append(
                finding(scenario, State.FAILED, text, spec.file, then=f"write it into '{spec.file}'")
            )
    missing = f"the manifest of '{case.feature.name}' says nothing of it (ties)"
    return found or [finding("ties", State.UNKNOWN, missing)]


def srpm_reproducible(case: Case) -> list[Finding]:
    """The same sources gave the same source package twice, byte for byte."""
    return [_reproducible(case, package, case.piece("srpm", package)) for package in case.packages]


def _reproducible(case: Case, package: str, piece: Piece) -> Finding:
    then = case.command("build", "--package", package, "--srpm")
    if not piece.good:
        return finding(package, State.UNKNOWN, piece.why_not, piece.file, then=then)
    made = piece.facts.texts("made") or ()
    if len(set(made)) > 1:
        text = f"made {len(made)} times of the same sources, and the bytes differ"
        return finding(package, State.FAILED, text, piece.file, then=then)
    if len(made) < 2:
        return finding(package, State.UNKNOWN, "it was made once; make it again", piece.file, then=then)
    build = case.piece("build", package)
    sent = build.facts.mapping("srpm") or {}
    if build.good and made[0] not in sent.values():
        text = "made anew it is not the one that was built"
        return finding(package, State.FAILED, text, piece.file, build.file, then=then)
    text = f"made {len(made)} times, the same bytes: sha256 {made[0][:16]}…"
    return finding(package, State.DONE, text, piece.file)


def built(case: Case) -> list[Finding]:
    """Every package was built for every architecture."""
    return list(gates.builds(case))


def smoke(case: Case) -> list[Finding]:
    """The smoke suite was green, as often as the release demands, on the builds that are to ship."""
    return list(gates.runs(case))


def test_plan(case: Case) -> list[Finding]:
    """Every line of the feature's test plan was decided: by a smoke row, or by a person who can."""
    return [_plan_row(case, row) for row in case.feature.test_plan]


test_plan.__test__ = False  # type: ignore[attr-defined]


def plan_rows(case: Case, row: TestRow) -> tuple[tuple[str, Piece, Said], ...]:
    """The smoke rows that say they decide a line of the test plan."""
    return tuple(r for r in gates.rows(case) if row.id in (r[2].texts("plan") or (r[2].text("id"),)))


def _plan_row(case: Case, row: TestRow) -> Finding:
    ran = plan_rows(case, row)
    said = [(s, p, r, gates.verdict(r.text("verdict"))) for s, p, r in ran]
    who = row.decided_by or next(filter(None, (gates.elsewhere(r) for _, _, r in ran)), None)
    for wanted in (State.FAILED, State.UNKNOWN, State.DONE):
        for shape, piece, one, state in said:
            if state is wanted is State.UNKNOWN and (row.decided_by or gates.elsewhere(one)):
                continue  # that is why a person decides it
            if state is wanted is State.DONE and who and not row.decided_by:
                continue  # another row leaves a part of it to that person
            if state is wanted:
                seen = one.text("observed") or one.text("verdict") or "no more is known"
                then = case.command("smoke", "--shape", shape) if state is not State.DONE else ""
                return finding(row.id, state, f"{row.title}: {seen}", piece.file, then=then)
    then = case.command("checklist review", "test-plan", row.id, "--by NAME --because WHAT-WAS-SEEN")
    if who:
        what = f"{row.title}: to be decided by {who}"
        return review_finding("test-plan", row.id, what, case.words, case.builds, then)
    if any((r.item, r.subject) == ("test-plan", row.id) for r in case.words.reviews):
        what = f"{row.title}: nothing decided it"
        return review_finding("test-plan", row.id, what, case.words, case.builds, then)
    what = f"{row.title}: no smoke row that can be believed decides it"
    return finding(row.id, State.UNKNOWN, what, then=case.command("smoke"))
