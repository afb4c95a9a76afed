"""What was built and what was tested, held against what the release demands; and what that means for on."""

from __future__ import annotations

from dataclasses import dataclass

from fedvhost.release.case import Case
from fedvhost.release.contingency import ON
from fedvhost.release.facts import Piece, Said
from fedvhost.release.items import Finding, State, finding
from fedvhost.release.milestones import deadline_passed
from fedvhost.release.people import listed

_GREEN = ("pass", "passed", "ok", "green", "done", "closed")
_RED = ("fail", "failed", "error", "cancelled", "canceled")


def verdict(word: str | None) -> State:
    """Read somebody's word for an outcome; what is not known for sure is unknown."""
    if word in _GREEN:
        return State.DONE
    return State.FAILED if word in _RED else State.UNKNOWN


def builds(case: Case) -> tuple[Finding, ...]:
    """One finding for each package and architecture that the release demands."""
    return tuple(f for package in case.packages for f in _package_builds(case, package))


def _package_builds(case: Case, package: str) -> tuple[Finding, ...]:
    piece = case.piece("build", package)
    then = case.command("build", "--package", package, "--scratch")
    scenarios = [f"{package}/{arch}" for arch in case.release.gate.arches] or [package]
    if not piece.good:
        return tuple(finding(s, State.UNKNOWN, piece.why_not, piece.file, then=then) for s in scenarios)
    nvr = piece.facts.text("nvr") or "an unknown NVR"
    if piece.facts.flag("ok") is False and not piece.facts.mapping("arches"):
        return tuple(
            finding(s, State.FAILED, f"{nvr} did not build", piece.file, then=then) for s in scenarios
        )
    return tuple(_arch(piece, nvr, s, then) for s in scenarios)


def _arch(piece: Piece, nvr: str, scenario: str, then: str) -> Finding:
    arch = scenario.partition("/")[2]
    states = piece.facts.mapping("arches") or {}
    # Whoever builds without naming an architecture is asked for the whole.
    state = verdict(states.get(arch)) if arch else State.DONE
    via = piece.facts.text("backend") or "an unnamed build system"
    if state is State.DONE and piece.facts.flag("ok") is not True:
        state = State.UNKNOWN if piece.facts.flag("ok") is None else State.FAILED
    if state is State.DONE:
        return finding(scenario, state, f"{nvr}, by {via}", piece.file)
    if state is State.FAILED:
        return finding(scenario, state, f"{nvr} did not build, by {via}", piece.file, then=then)
    built = listed(sorted(states)) or "no architecture named"
    return finding(scenario, state, f"{nvr} was not built there (built: {built})", piece.file, then=then)


def rows(case: Case) -> tuple[tuple[str, Piece, Said], ...]:
    """Every row of the smoke suite that can be believed: its shape, its evidence, and the row."""
    found = []
    for (kind, shape), piece in sorted(case.pieces.items()):
        if kind == "smoke" and piece.good:
            found += [(shape, piece, row) for row in piece.facts.each("rows") or ()]
    return tuple(found)


def runs(case: Case) -> tuple[Finding, ...]:
    """One finding a shape: as many green runs as the release demands, of the builds that are to ship."""
    shapes = case.release.gate.shapes
    if not shapes:
        return (finding("gate", State.UNKNOWN, "the release manifest names no shape of the smoke test"),)
    return tuple(_shape(case, shape) for shape in shapes)


def _shape(case: Case, shape: str) -> Finding:
    piece, wanted = case.piece("smoke", shape), case.release.gate.runs
    then = case.command("smoke", "--shape", shape, *(("--repeat", str(wanted)) if wanted > 1 else ()))
    if not piece.good:
        return finding(shape, State.UNKNOWN, piece.why_not, piece.file, then=then)
    if (other := _other_builds(case, piece)) is not None:
        return finding(shape, State.UNKNOWN, other, piece.file, then=then)
    ran = piece.facts.each("runs")
    if ran is None:
        return finding(shape, State.UNKNOWN, "the evidence lists no runs", piece.file, then=then)
    red = [r for r in ran if r.flag("ok") is False]
    green = [r for r in ran if r.flag("ok") is True]
    text = f"{len(green)} green of {len(ran)} runs; {wanted} of {wanted} are wanted"
    if red or piece.facts.flag("ok") is False:
        return finding(shape, State.FAILED, text + _red_rows(piece), piece.file, then=then)
    if len(green) < max(wanted, len(ran)) or piece.facts.flag("ok") is not True:
        return finding(shape, State.UNKNOWN, text, piece.file, then=then)
    return finding(shape, State.DONE, text, piece.file)


def _red_rows(piece: Piece) -> str:
    red = [
        r.text("id") or "?"
        for r in piece.facts.each("rows") or ()
        if verdict(r.text("verdict")) is State.FAILED
    ]
    return f"; red: {listed(red)}" if red else ""


def _other_builds(case: Case, piece: Piece) -> str | None:
    """Say why a smoke test is not of the builds that are to ship, or None."""
    tested = piece.facts.mapping("nvrs")
    names = set(tested.values()) if tested is not None else set(piece.facts.texts("nvrs") or ())
    if not names:
        return "the evidence does not say which builds it was run on"
    missing = [p for p in case.packages if p not in case.nvrs]
    if missing:
        return f"there is no build of {listed(missing)} that it could have been run on"
    other = [nvr for nvr in case.nvrs.values() if nvr not in names]
    return f"it was run on {listed(sorted(names))}, not on {listed(other)}" if other else None


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the feature may be on by default, and everything that this rests on."""

    on: bool
    findings: tuple[Finding, ...]
    runs: int

    @property
    def against(self) -> tuple[Finding, ...]:
        """What speaks against on."""
        return tuple(f for f in self.findings if f.state is not State.DONE)


def decide(case: Case) -> Decision:
    """Decide whether the feature may be on: the suite green N times of N on builds that are to ship, all
    evidence whole and current, and not too late. Any unknown leaves it off; a waiver does not help."""
    found = [*builds(case), *runs(case)]
    late = deadline_passed(case.release, case.today)
    if late is None:
        found.append(finding("deadline", State.DONE, "the contingency deadline is ahead"))
    elif not (case.flag.value == ON and case.flag.last is not None and case.flag.last.exception):
        ask = listed(case.release.gate.ask) or "the release's steering committee"
        found.append(
            finding(
                "deadline", State.FAILED, late, then=f"{case.command('checklist exception')}, and ask {ask}"
            )
        )
    found += [
        finding(f"sign-off {s.role}", State.FAILED, f"{s.by} said no-go: {s.because}")
        for role in case.checklist.sign_offs
        for s in [x for x in case.words.sign_offs if x.role == role][-1:]
        if not s.go
    ]
    on = bool(found) and all(f.state is State.DONE for f in found)
    return Decision(on, tuple(found), case.release.gate.runs)
