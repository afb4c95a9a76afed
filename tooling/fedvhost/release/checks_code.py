"""The checks of the code: everything landed, attributed, applied, compiled, looked at, and followed up."""

from __future__ import annotations

import re

from fedvhost.release.case import Case, PatchSeen
from fedvhost.release.facts import Piece, Said
from fedvhost.release.gates import other_options
from fedvhost.release.items import Finding, State, finding
from fedvhost.release.people import listed, review_finding

_COMMIT = re.compile(r"[0-9a-f]{40}")
# Verdicts of which a person must see every one. An insertion or a merge of lines proved its place, unless a
# rung had to choose; then the pick is marked for review.
ADAPTED = ("adapted", "token-merged")


def code_complete(case: Case) -> list[Finding]:
    """Every requested commit landed, or was shown to be redundant; nothing is left undecided."""
    return [_complete(case, package, case.piece("backport", package)) for package in case.packages]


def _complete(case: Case, package: str, piece: Piece) -> Finding:
    then = case.command("backport", "--package", package)
    if not piece.good:
        return finding(package, State.UNKNOWN, piece.why_not, piece.file, then=then)
    facts = piece.facts
    if stopped := facts.text("stopped"):
        return finding(
            package, State.FAILED, f"stopped at {stopped}", piece.file, then=case.command("resume")
        )
    if facts.flag("ok") is False:
        why = facts.text("problem") or listed(facts.texts("findings") or ()) or "the run did not succeed"
        return finding(package, State.FAILED, why, piece.file, then=then)
    picks = facts.each("picks")
    if facts.flag("ok") is not True or not picks:
        return finding(package, State.UNKNOWN, "the evidence does not say what landed", piece.file, then=then)
    patches = sum(p.text("patch") is not None for p in picks)
    base = facts.text("base_name") or "the base"
    return finding(
        package, State.DONE, f"{len(picks)} commits settled on {base}, {patches} patches", piece.file
    )


def plan_reviewed(case: Case) -> list[Finding]:
    """A person read the plan as it is now."""
    now = {n: h for n, h in case.ships.items() if n == case.plan_file}
    if not now:
        return [
            finding("plan", State.UNKNOWN, f"there is no '{case.plan_file}'", then=case.command("backport"))
        ]
    then = case.command("checklist review", "plan-reviewed", "plan", "--by NAME")
    what = f"nobody has said that '{case.plan_file}' is right"
    return [review_finding("plan-reviewed", "plan", what, case.words, now, then, case.plan_file)]


def attributed(case: Case) -> list[Finding]:
    """Every patch names its author, its date and the upstream commit that it is."""
    found = []
    for package in case.packages:
        then = case.command("export", "--package", package)
        patches = case.patches.get(package, ())
        if not patches:
            found.append(finding(package, State.UNKNOWN, "there are no patches", then=then))
            continue
        bad = [f"{p.file} ({lacks})" for p in patches if (lacks := _lacks(p))]
        if bad:
            found.append(finding(package, State.FAILED, f"not attributed: {listed(bad)}", then=then))
        else:
            text = f"{len(patches)} patches name author, date and upstream commit"
            found.append(finding(package, State.DONE, text))
    return found


def _lacks(patch: PatchSeen) -> str:
    lacks = [
        n for n, v in (("author", patch.author), ("date", patch.date), ("commit", patch.origins)) if not v
    ]
    return f"no {', no '.join(lacks)}" if lacks else ""


def applied(case: Case) -> list[Finding]:
    """The exported files apply without fuzz and give the replayed tree, byte for byte."""
    found = []
    for package in case.packages:
        piece = case.piece("backport", package)
        then = case.command("backport", "--package", package)
        if not piece.good:
            found.append(finding(package, State.UNKNOWN, piece.why_not, piece.file, then=then))
            continue
        application = piece.facts.at("applied") or Said()
        count = len(piece.facts.texts("patches") or ())
        match application.flag("ok"):
            case True if count:
                text = f"{count} of {count} with patch -p1 -F0, and the result is the replayed tree"
                found.append(finding(package, State.DONE, text, piece.file))
            case False:
                what = application.text("failed") or listed(application.texts("differing") or ())
                found.append(finding(package, State.FAILED, what or "does not apply", piece.file, then=then))
            case _:
                text = "the evidence does not say whether they apply"
                found.append(finding(package, State.UNKNOWN, text, piece.file, then=then))
    return found


def compiled(case: Case) -> list[Finding]:
    """What the series touches compiles, links, and needs nothing that is not exported. What could not be
    compiled where the check ran is unknown, not passed."""
    found = []
    for package in case.packages:
        piece = case.piece("check", package)
        then = case.command("check", "--package", package)
        if not piece.good:
            found.append(finding(package, State.UNKNOWN, piece.why_not, piece.file, then=then))
            continue
        facts = piece.facts
        problems = listed(facts.texts("problems") or ())
        match facts.flag("ok"):
            case True:
                compiler = facts.text("compiler") or "a compiler that is not named"
                each = "after every patch" if facts.flag("each") else "with the whole series"
                found.append(finding(package, State.DONE, f"{each}, by {compiler}", piece.file))
            case False:
                what = problems or f"it breaks at {facts.text('broken') or 'an unnamed commit'}"
                found.append(finding(package, State.FAILED, what, piece.file, then=then))
            case _:
                text = "the evidence does not say whether it holds"
                found.append(finding(package, State.UNKNOWN, text, piece.file, then=then))
        found += _not_compiled(case, package, piece)
    return found


def _not_compiled(case: Case, package: str, piece: Piece) -> list[Finding]:
    """What the check says it did not look at: a build of the package does, for it compiles all that ships."""
    left = piece.facts.each("not_checked")
    if not left:
        return []
    scenario = f"{package}/not-compiled"
    reasons = listed([f"{n.text('what') or '?'} ({n.text('because') or 'no reason given'})" for n in left])
    build = case.piece("build", package)
    if build.good and build.facts.flag("ok") is True and other_options(build) is None:
        nvr = build.facts.text("nvr") or "an unnamed build"
        text = f"the check left out: {reasons}; the build of {nvr} compiled all that ships"
        return [finding(scenario, State.DONE, text, piece.file, build.file)]
    text = f"the check left out: {reasons}; only a build of the package shows it"
    then = case.command("build", "--package", package, "--scratch")
    return [finding(scenario, State.UNKNOWN, text, piece.file, then=then)]


def adapted_reviewed(case: Case) -> list[Finding]:
    """Every pick that is not upstream's own text was looked at by a person, as the patch is now."""
    found = []
    for package in case.packages:
        piece = case.piece("backport", package)
        if not piece.good:
            then = case.command("backport", "--package", package)
            found.append(finding(package, State.UNKNOWN, piece.why_not, piece.file, then=then))
            continue
        picks = case.picks(package)
        theirs = [p for p in picks if p.flag("review") is not False or p.text("verdict") in ADAPTED]
        theirs = [p for p in theirs if p.text("patch") is not None]
        if not theirs:
            found.append(
                finding(package, State.DONE, f"none of {len(picks)} commits was adapted", piece.file)
            )
        found += [_pick_review(case, package, pick, piece) for pick in theirs]
    return found


def _pick_review(case: Case, package: str, pick: Said, piece: Piece) -> Finding:
    commit, subject = pick.text("commit") or "", pick.text("subject") or "without a subject"
    scenario = commit[:12] if _COMMIT.fullmatch(commit) else "unnamed"
    now = _patches_of(case, package, pick, piece)
    then = case.command("checklist review", "adapted-reviewed", scenario, "--by NAME")
    what = f"{package}, {pick.text('verdict') or 'verdict unknown'}, nobody has reviewed it: {subject}"
    return review_finding("adapted-reviewed", scenario, what, case.words, now, then, *sorted(now))


def reviewed_patches(case: Case, scenario: str) -> dict[str, str]:
    """The patch files that a review of an adapted pick is of: name → SHA-256."""
    found: dict[str, str] = {}
    for package in case.packages:
        for pick in case.picks(package):
            if (pick.text("commit") or "").startswith(scenario):
                found |= _patches_of(case, package, pick, case.piece("backport", package))
    return found


def _patches_of(case: Case, package: str, pick: Said, piece: Piece) -> dict[str, str]:
    names = {pick.text("patch")}
    if piece.facts.flag("rollup"):
        names |= set(piece.facts.texts("patches") or ())
    return {n: h for n, h in case.ships.items() if n.rpartition("/")[2] in names and f"/{package}/" in n}


def fixes_decided(case: Case) -> list[Finding]:
    """Every later repair of what was picked is taken or deliberately left."""
    found = []
    for package in case.packages:
        piece = case.piece("fixes", package)
        then = case.command("fixes", "--package", package)
        offered = piece.facts.each("offered")
        if not piece.good or offered is None:
            why = piece.why_not or "the evidence does not say what is offered"
            found.append(finding(package, State.UNKNOWN, why, piece.file, then=then))
        elif offered:
            decide = "name each in the feature's manifest, under 'taken' or 'omitted'"
            for one in offered:
                scenario = f"{package}/{(one.text('commit') or 'unnamed')[:12]}"
                text = f"offered and not decided: {one.text('subject') or 'without a subject'}"
                found.append(finding(scenario, State.FAILED, text, piece.file, then=decide))
        else:
            decided = len(piece.facts.each("taken") or ()) + len(piece.facts.each("omitted") or ())
            text = f"nothing is open; {decided} were taken or left on purpose"
            found.append(finding(package, State.DONE, text, piece.file))
    return found
