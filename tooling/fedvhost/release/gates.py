"""What was built and what was tested, held against what the release demands; and what that means for on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fedvhost.inside.catalogue import PACKAGED
from fedvhost.inside.rows import Verdict
from fedvhost.release.case import Case
from fedvhost.release.contingency import ON
from fedvhost.release.facts import Piece, Said
from fedvhost.release.items import Finding, State, finding
from fedvhost.release.machines import other_machine
from fedvhost.release.milestones import deadline_passed, in_time
from fedvhost.release.people import listed

_GREEN = ("pass", "passed", "ok", "green", "done", "closed")
_RED = ("fail", "failed", "error", "cancelled", "canceled")


def verdict(word: str | None) -> State:
    """Read somebody's word for an outcome; what is not known for sure is unknown."""
    if word in _GREEN:
        return State.DONE
    return State.FAILED if word in _RED else State.UNKNOWN


def elsewhere(row: Said) -> str | None:
    """Who must decide a smoke row that says it is not decidable where it was asked; None if it does not."""
    return row.text("decided_by") if row.text("verdict") == Verdict.ELSEWHERE.value else None


def builds(case: Case) -> tuple[Finding, ...]:
    """One finding for each package and architecture that the release demands."""
    return tuple(f for package in case.packages for f in _package_builds(case, package))


def _package_builds(case: Case, package: str) -> tuple[Finding, ...]:
    piece = case.piece("build", package)
    scenarios = {
        f"{package}/{arch}" if arch else package: _build_command(case, package, arch)
        for arch in case.release.gate.arches or ("",)
    }
    why_not = piece.why_not if not piece.good else other_options(piece)
    if why_not is not None:
        return tuple(finding(s, State.UNKNOWN, why_not, piece.file, then=t) for s, t in scenarios.items())
    return tuple(_arch(piece, s, then) for s, then in scenarios.items())


def _build_command(case: Case, package: str, arch: str) -> str:
    """The command that builds for an architecture: rpmbuild compiles for this machine's alone."""
    here = not arch or not case.machine or arch == case.machine
    return case.command(
        "build", "--package", package, "--scratch", *(() if here else ("--via", case.elsewhere))
    )


def other_options(piece: Piece) -> str | None:
    """Say that a build is not of what ships, because it was told something on the command line."""
    options = piece.facts.texts("options")
    if options is None:
        return "the evidence does not say with which options it was built"
    return f"it was built with {listed(options)}; what ships is built without" if options else None


def built_for(piece: Piece) -> Mapping[str, tuple[str, ...]]:
    """The architectures of the packages that came out of a build, by their names: each with its packages."""
    found: dict[str, tuple[str, ...]] = {}
    for path in piece.facts.mapping("results") or {}:
        name = path.rpartition("/")[2].split(".")
        if len(name) > 2 and name[-1] == "rpm" and name[-2] not in ("src", "noarch"):
            found[name[-2]] = (*found.get(name[-2], ()), path)
    return found


def _arch(piece: Piece, scenario: str, then: str) -> Finding:
    arch = scenario.partition("/")[2]
    facts, built = piece.facts, built_for(piece)
    what = f"{facts.text('nvr') or 'an unknown NVR'} by {facts.text('via') or 'an unnamed build system'}"
    state = verdict(facts.text("state"))
    if state is State.FAILED:
        why = facts.text("because") or listed(facts.texts("complaint") or ()) or "the log says why"
        return finding(scenario, State.FAILED, f"{what} did not build: {why}", piece.file, then=then)
    if state is not State.DONE or facts.flag("ok") is not True:
        text = f"{what}: what came of it is not known"
        return finding(scenario, State.UNKNOWN, text, piece.file, then=then)
    if arch not in built and (arch or not built):
        came = listed(sorted(built)) or "nothing"
        text = f"{what} was not built there (what came out: {came})"
        return finding(scenario, State.UNKNOWN, text, piece.file, then=then)
    if arch and (wrong := other_machine(piece, arch, built[arch])) is not None:
        return finding(scenario, wrong[0], f"{what}: {wrong[1]}", piece.file, then=then)
    return finding(scenario, State.DONE, what, piece.file)


def rows(case: Case) -> tuple[tuple[str, Piece, Said], ...]:
    """Every row of the smoke suite that can be believed and is of the builds that are to ship: its shape,
    its evidence, and the row."""
    found = []
    for (kind, shape), piece in sorted(case.pieces.items()):
        if kind == "smoke" and piece.good and other_builds(case, piece) is None:
            found += [(shape, piece, row) for row in piece.facts.each("rows") or ()]
    return tuple(found)


def runs(case: Case) -> tuple[Finding, ...]:
    """One finding a shape: as many green runs as the release demands, of the builds that are to ship."""
    shapes = case.release.gate.shapes
    if not shapes:
        return (finding("gate", State.UNKNOWN, "the release manifest names no shape of the smoke test"),)
    found = {shape: _shape(case, shape) for shape in shapes}
    return (*found.values(), *(_tested(case, package, found) for package in case.packages))


def _tested(case: Case, package: str, shapes: Mapping[str, Finding]) -> Finding:
    """Whether a package that ships was part of any green run."""
    scenario, nvr = f"tested/{package}", case.nvrs.get(package)
    if nvr is None:
        then = case.command("build", "--package", package, "--scratch")
        return finding(scenario, State.UNKNOWN, "there is no build to be tested", then=then)
    green = [
        s for s, f in shapes.items() if f.state is State.DONE and nvr in _said_nvrs(case.piece("smoke", s))
    ]
    if green and (other := other_options(case.piece("build", package))) is not None:
        text = f"{nvr} was part of: {listed(green)}; {other}"
        return finding(scenario, State.UNKNOWN, text)
    if green:
        return finding(scenario, State.DONE, f"{nvr} was part of: {listed(green)}")
    text = f"no green run of the suite was of {nvr}"
    packaged = [s for s in case.release.gate.shapes if s in PACKAGED]
    if package == "kernel" or packaged:
        shape = (*packaged, *case.release.gate.shapes)[0]
        return finding(scenario, State.UNKNOWN, text, then=_smoke_command(case, shape))
    # These shapes boot a kernel that was built; other packages are tried by people.
    waive = case.command(
        "checklist waive", "smoke", "--scenario", scenario, "--by NAME --because … --until DATE"
    )
    return finding(scenario, State.UNKNOWN, text, then=f"try it where it can run, then: {waive}")


def _smoke_command(case: Case, shape: str) -> str:
    """The command that runs a shape as often as the release demands, on what was built."""
    wanted, options = case.release.gate.runs, list[str]()
    if shape:
        options += ["--shape", shape]
    if wanted > 1:
        options += ["--repeat", str(wanted)]
    if shape in PACKAGED:
        # It finds the last builds by itself.
        return case.command("smoke", *options)
    results = case.piece("build", "kernel").facts.mapping("results") or {}
    nvr = case.nvrs.get("kernel", "")
    rpm = next((r for r in sorted(results) if nvr and r.rpartition("/")[2].startswith(f"{nvr}.")), None)
    return case.command("smoke", *options, *(("--kernel-rpm", rpm) if rpm else ()))


def _shape(case: Case, shape: str) -> Finding:
    piece, wanted = case.piece("smoke", shape), case.release.gate.runs
    then = _smoke_command(case, shape)
    if not piece.good:
        return finding(shape, State.UNKNOWN, piece.why_not, piece.file, then=then)
    if (other := other_builds(case, piece)) is not None:
        return finding(shape, State.UNKNOWN, other, piece.file, then=then)
    ran = piece.facts.each("runs")
    if ran is None:
        return finding(shape, State.UNKNOWN, "the evidence lists no runs", piece.file, then=then)
    red = [r for r in ran if r.flag("ok") is False]
    green = [r for r in ran if r.flag("ok") is True]
    text = f"{len(green)} green of {len(ran)} runs; {wanted} of {wanted} are wanted"
    if red or piece.facts.flag("ok") is False:
        state, rows = _red(piece)
        return finding(shape, state, text + rows, piece.file, then=then)
    if len(green) < max(wanted, len(ran)) or piece.facts.flag("ok") is not True:
        return finding(shape, State.UNKNOWN, text, piece.file, then=then)
    return finding(shape, State.DONE, text, piece.file)


def _red(piece: Piece) -> tuple[State, str]:
    """What a suite that was not green is, and because of which rows: red, or only not decided."""
    ours = [r for r in piece.facts.each("rows") or () if elsewhere(r) is None]
    states = {r.text("id") or "?": verdict(r.text("verdict")) for r in ours}
    red = [row for row, state in states.items() if state is State.FAILED]
    undecided = [row for row, state in states.items() if state is State.UNKNOWN]
    if undecided and not red:
        return State.UNKNOWN, f"; not decided: {listed(undecided)}"
    return State.FAILED, f"; red: {listed(red)}" if red else ""


def _said_nvrs(piece: Piece) -> frozenset[str]:
    """The builds that a smoke test says it was run on."""
    return frozenset((piece.facts.mapping("nvrs") or {}).values())


def other_builds(case: Case, piece: Piece) -> str | None:
    """Say why a smoke test is not of the builds that are to ship, or None."""
    tested = piece.facts.mapping("nvrs")
    if not tested:
        return "the evidence names no build of this release that it was run on"
    other = [nvr for package, nvr in tested.items() if case.nvrs.get(package) != nvr]
    ships = listed(sorted(case.nvrs.values())) or "nothing that was built"
    return f"it was run on {listed(sorted(other))}; what ships is {ships}" if other else None


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


def on_rightly(case: Case) -> bool:
    """Whether the feature is on because it was turned on in time, or by an exception."""
    last = case.flag.last
    if case.flag.value != ON or last is None or last.now != ON:
        return False
    return bool(last.exception) or in_time(case.release, last.at)


def decide(case: Case) -> Decision:
    """Decide whether the feature may be on: the suite green N times of N on builds that are to ship, all
    evidence whole and current, and not too late. Any unknown leaves it off; a waiver does not help."""
    found = [*builds(case), *runs(case)]
    late = deadline_passed(case.release, case.today)
    if late is None:
        found.append(finding("deadline", State.DONE, "the contingency deadline is ahead"))
    elif not on_rightly(case):
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
