"""What decides whether a feature ships: each test is a way in which it once shipped, or could have."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedvhost.backport.manifest import (
    ContingencyPlan,
    Feature,
    FeaturePackage,
    Gate,
    Mechanism,
    Milestone,
    Release,
    ReleasePackage,
    TestRow,
)
from fedvhost.errors import InputError
from fedvhost.inside.rows import Verdict
from fedvhost.packaging.objects import machines_of
from fedvhost.release import gates
from fedvhost.release.case import Case, inherit
from fedvhost.release.checks import CHECKS, check_checklist, go_through
from fedvhost.release.contingency import (
    OFF,
    ON,
    Change,
    Flag,
    Rendered,
    found_in,
    mechanism_lines,
    rewritten,
    with_flag,
)
from fedvhost.release.documents import code, contents, render
from fedvhost.release.facts import Piece, Said, Standing
from fedvhost.release.items import Checklist, Finding, Item, State, finding, settle
from fedvhost.release.milestones import deadline_passed, stand
from fedvhost.release.people import Review, SignOff, Waiver, Words, apply_waivers, overbroad
from fedvhost.release.words import LONGEST, markdown, plain
from fedvhost.report.checklist import checklist_lines, rendered
from fedvhost.smoke.results import RowResult, Run, Smoke, facts

TODAY = datetime.date(2010, 2, 1)
KEYS = (
    "ok", "id", "verdict", "plan", "observed", "rows", "runs", "picks", "commit", "subject", "review",
    "patch", "patches", "rollup", "applied", "stopped", "problem", "findings", "prep", "failed",
    "differing", "nvr", "nvrs", "state", "via", "results", "srpm", "options", "made", "offered",
    "taken", "omitted", "not_checked", "what", "because", "flag", "base_name", "kernel",
)  # fmt: skip
MILESTONES = (
    Milestone("feature-freeze", "Feature Freeze", "2010-02-09", ("enable", "enhance")),
    Milestone("final-freeze", "Final Freeze", "2010-05-04", ("change",)),
)
NVR = "kernel-2.6.33-8.fc13"


def item(check: str, **more: Any) -> Item:
    return Item(check, "Section", f"The item {check}", check, **more)


def build(**facts: Any) -> Piece:
    said = {
        "ok": True, "state": "done", "nvr": NVR, "via": "rpmbuild", "options": [],
        "results": {f"build/f13/{NVR}/{NVR}.x86_64.rpm": "12"}, "srpm": {f"build/{NVR}.src.rpm": "34"},
        "machines": {f"build/f13/{NVR}/{NVR}.x86_64.rpm": ["64-bit x86-64"]},
    }  # fmt: skip
    return Piece("build", "kernel", "build-kernel.json", Standing.GOOD, Said({**said, **facts}))


def smoke(runs: int = 3, red: int = 0, **facts: Any) -> Piece:
    ran = [{"ok": True}] * (runs - red) + [{"ok": False}] * red
    rows = [{"id": "load", "verdict": "fail" if red else "pass", "observed": "seen", "plan": ["load"]}]
    said = {"ok": not red, "nvrs": {"kernel": NVR}, "runs": ran, "rows": rows, **facts}
    return Piece("smoke", "driver", "smoke-driver.json", Standing.GOOD, Said(said))


def case(*pieces: Piece, checks: tuple[str, ...] = ("smoke",), **more: Any) -> Case:
    packages = {"kernel": ReleasePackage("v1", "specs/k.spec", "https://e.org/k", "k.tar", "k")}
    gate = Gate(("x86_64",), ("driver",), 3, "feature-freeze", ("FESCo",))
    release = Release("f13", "F", ".fc13", "t", "c", packages, {"net": OFF}, "fedora", gate, MILESTONES)
    feature = Feature(
        "net", "The feature", {"kernel": FeaturePackage("v2", ("a",))}, ContingencyPlan("off", "Off."),
        test_plan=(
            TestRow("load", "Load it", "kernel"),
            TestRow("whql", "WHQL", "guest", "who has such a guest"),
        ),
    )  # fmt: skip
    found = inherit({(p.kind, p.subject): p for p in pieces}, ["kernel"])
    checklist = Checklist("c", "C", ("development", "qa"), tuple(item(c) for c in checks))
    made = Case(feature, release, ("kernel",), checklist, TODAY, found, Words(), Flag(OFF), "plan.json")
    return replace(made, **more)


# -- what others wrote --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("\x9b31mred", r"\x9b31mred"),
        ("one\ntwo\r\tthree", "one two  three"),
        ("abc\N{RIGHT-TO-LEFT OVERRIDE}txt.exe", r"abc\u202etxt.exe"),
        ("bad \udce9 byte", r"bad \udce9 byte"),
        ("%s %n {0} {self}", "%s %n {0} {self}"),
    ],
)
def test_a_terminal_is_not_told_what_to_do(written: str, shown: str) -> None:
    assert plain(written) == shown


def test_a_line_of_ten_megabytes_is_cut() -> None:
    assert len(plain("x" * (10 << 20))) == LONGEST
    assert len(finding("a" * 5000, State.DONE, "b" * (10 << 20)).text) == LONGEST


def test_markdown_shows_what_was_written_and_passes_no_html() -> None:
    assert markdown("<script>alert(1)</script>") == "&lt;script&gt;alert(1)&lt;/script&gt;"
    assert markdown("a | b [x](javascript:y) `c`") == r"a \| b \[x\](javascript:y) \`c\`"
    assert (markdown("# a"), markdown("a # b")) == (r"\# a", "a # b")
    assert code("a\n```\n  <b>") == "    a\n    ```\n      <b>"


def test_a_template_shows_a_hostile_text_as_text() -> None:
    values = {"subject": "{{ 7 * 7 }}<img src=x onerror=y>"}
    assert render("{{ subject | md }}", "t.j2", values) == r"{{ 7 \* 7 }}&lt;img src=x onerror=y&gt;"


@pytest.mark.parametrize("template", ["{% if %}", "{{ nowhere }}", "{{ ''.__class__.__mro__ }}"])
def test_a_wrong_template_is_named(template: str) -> None:
    with pytest.raises(InputError, match=r"t\.md\.j2.*cannot be filled in"):
        render(template, "t.md.j2", {})


# -- facts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ok", [None, 1, "true", "yes", [True], {"ok": True}])
def test_only_true_is_true(ok: object) -> None:
    assert Said({"ok": ok}).flag("ok") is None
    assert Said({}).flag("ok") is None


def test_a_list_with_something_else_in_it_is_unknown() -> None:
    assert Said({"rows": [{"id": "a"}, "b"]}).each("rows") is None
    assert Said({"rows": {"a": 1}}).texts("rows") is None
    assert Said({"sums": {"a": 1}}).mapping("sums") is None


# -- items --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ((), State.UNKNOWN),
        ((State.DONE,), State.DONE),
        ((State.DONE, State.WAIVED), State.WAIVED),
        ((State.DONE, State.MANUAL), State.MANUAL),
        ((State.MANUAL, State.UNKNOWN), State.UNKNOWN),
        ((State.UNKNOWN, State.FAILED, State.DONE), State.FAILED),
    ],
)
def test_an_item_is_as_good_as_its_worst_finding(states: tuple[State, ...], state: State) -> None:
    assert settle(item("smoke"), [Finding("a", s, "") for s in states]).state is state


def test_without_evidence_nothing_is_done() -> None:
    names = ("code-complete", "applied", "compiled", "adapted-reviewed", "fixes-decided", "spec-sound")
    more = ("nvr-order", "srpm-reproducible", "built", "smoke", "plan-reviewed", "attributed")
    outcome = go_through(case(checks=(*names, *more)))
    assert not outcome.go
    assert {s.item.id: s.state for s in outcome.settled} == dict.fromkeys((*names, *more), State.UNKNOWN)
    assert all(f.next.startswith("fedvhost ") for s in outcome.settled for f in s.open)


@pytest.mark.parametrize("kind", ["backport", "check", "fixes", "spec", "srpm", "build", "smoke"])
def test_evidence_that_says_nothing_is_unknown(kind: str) -> None:
    checks = ("code-complete", "applied", "compiled", "fixes-decided", "spec-sound", "srpm-reproducible")
    subject = "driver" if kind == "smoke" else "kernel"
    for odd in ({}, {"ok": "yes", "rows": 7, "runs": [3], "picks": None, "arches": [], "results": "x"}):
        outcome = go_through(
            case(Piece(kind, subject, "f", Standing.GOOD, Said(odd)), checks=(*checks, "built", "smoke"))
        )
        assert {s.state for s in outcome.settled} == {State.UNKNOWN}


def test_a_checklist_without_items_or_with_an_unknown_check_is_refused() -> None:
    assert not go_through(case(checks=())).go
    with pytest.raises(InputError, match="would always say go"):
        check_checklist(Checklist("c", "C"), "c.toml")
    with pytest.raises(InputError, match=r"items\[1\]\.check: there is no check 'smokes'"):
        check_checklist(Checklist("c", "C", (), (item("smoke"), item("smokes"))), "c.toml")


# -- builds and smoke ---------------------------------------------------------------------------------------


def only(found: tuple[Finding, ...]) -> Finding:
    assert len(found) == 1
    return found[0]


def test_a_build_counts_for_the_architectures_that_came_out() -> None:
    assert only(gates.builds(case(build()))).state is State.DONE
    other = build(results={"b/k-1-1.i686.rpm": "1", "b/k-doc-1-1.noarch.rpm": "2"})
    assert only(gates.builds(case(other))).state is State.UNKNOWN
    assert "what came out: i686" in only(gates.builds(case(other))).text


I686, X86_64 = "32-bit Intel 80386", "64-bit x86-64"


@pytest.mark.parametrize(
    ("arch", "machines", "state"),
    [
        ("i686", [I686], State.DONE),
        ("i686", ["32-bit Intel i386"], State.DONE),
        ("i686", [I686, "32-bit PowerPC or cisco 4500"], State.DONE),  # firmware
        ("i686", [], State.DONE),  # headers
        ("i686", [X86_64], State.FAILED),
        ("i686", [I686, X86_64], State.FAILED),
        ("i686", None, State.UNKNOWN),
        ("x86_64", [I686, X86_64], State.DONE),  # a kernel's vdso
        ("x86_64", [I686], State.FAILED),
        ("sparc64", None, State.DONE),
    ],
)
def test_a_package_that_is_only_called_so_is_no_build(
    arch: str, machines: list[str] | None, state: State
) -> None:
    rpm = f"b/k-1-1.{arch}.rpm"
    said = build(results={rpm: "1"}, machines={} if machines is None else {rpm: machines})
    asked = case(said)
    gate = replace(asked.release.gate, arches=(arch,))
    found = only(gates.builds(replace(asked, release=replace(asked.release, gate=gate))))
    assert found.state is state, found.text


@pytest.mark.parametrize(
    ("machine", "elsewhere", "then"),
    [
        ("x86_64", "koji", "fedvhost build --release f13 --package kernel --scratch"),
        ("aarch64", "koji", "fedvhost build --release f13 --package kernel --scratch --via koji"),
        ("aarch64", "mock", "fedvhost build --release f13 --package kernel --scratch --via mock"),
    ],
)
def test_a_build_for_another_machine_is_asked_of_what_can_do_it(
    machine: str, elsewhere: str, then: str
) -> None:
    others = build(results={"b/k-1-1.ppc64.rpm": "1"})
    for asked in (case(), case(others)):
        assert only(gates.builds(replace(asked, machine=machine, elsewhere=elsewhere))).next == then


def test_the_machines_of_a_package_are_what_rpm_noted() -> None:
    noted = (
        "directory\nELF 64-bit LSB relocatable, x86-64, version 1 (SYSV), not stripped\nASCII text\n"
        "ELF 32-bit MSB executable, PowerPC or cisco 4500, version 1 (SYSV)\n"
        "symbolic link to `ELF 64-bit LSB x, other'\n"
    )
    assert machines_of(noted) == ("32-bit PowerPC or cisco 4500", "64-bit x86-64")


def test_a_build_with_an_option_is_not_what_ships() -> None:
    found = only(gates.builds(case(build(options=["--with vhost_default"]))))
    assert (found.state, "--with vhost_default" in found.text) == (State.UNKNOWN, True)


def test_a_failed_build_says_why() -> None:
    found = only(gates.builds(case(build(ok=False, state="failed", because="no <stdio.h>"))))
    assert (found.state, "no <stdio.h>" in found.text) == (State.FAILED, True)


@pytest.mark.parametrize(
    ("piece", "state"),
    [
        (smoke(), State.DONE),
        (smoke(runs=4), State.DONE),
        (smoke(runs=2), State.UNKNOWN),
        (smoke(runs=5, red=1), State.FAILED),
        (smoke(runs=0), State.UNKNOWN),
        (smoke(nvrs={"kernel": "kernel-2.6.33-7.fc13"}), State.UNKNOWN),
        (smoke(nvrs={}), State.UNKNOWN),
        (smoke(ok=None), State.UNKNOWN),
        (smoke(runs=3) and replace(smoke(), standing=Standing.SPOILED), State.UNKNOWN),
    ],
)
def test_only_n_green_runs_of_n_on_what_ships_are_green(piece: Piece, state: State) -> None:
    assert gates.runs(case(build(), piece))[0].state is state
    decision = gates.decide(case(build(), piece))
    assert decision.on == (state is State.DONE)


def test_a_smoke_test_of_packages_that_changed_since_is_stale() -> None:
    old = replace(
        build(), standing=Standing.STALE, problem="changed since then: a.patch", changed=("a.patch",)
    )
    found = gates.runs(case(old, smoke()))[0]
    assert found.state is State.UNKNOWN
    assert "the build of kernel is stale (changed since then: a.patch)" in found.text


def test_a_package_that_no_run_was_of_is_not_tested_and_rows_of_other_builds_decide_nothing() -> None:
    distribution = smoke(nvrs={"kernel": "linux-6.1.0-18"})
    here = case(build(), distribution, checks=("smoke", "test-plan"))
    states = {f.scenario: f.state for s in go_through(here).settled for f in s.findings}
    assert states == {
        "driver": State.UNKNOWN, "tested/kernel": State.UNKNOWN, "load": State.UNKNOWN, "whql": State.MANUAL,
    }  # fmt: skip
    assert {f.scenario: f.state for f in gates.runs(case(build(), smoke()))}["tested/kernel"] is State.DONE


def test_a_green_run_of_a_build_with_an_option_is_no_test_of_what_ships() -> None:
    """The name of a build is the same with --with minimal and without."""
    here = case(build(options=["--with minimal"]), smoke())

    tested = next(f for f in gates.runs(here) if f.scenario == "tested/kernel")

    assert (tested.state, "--with minimal" in tested.text) == (State.UNKNOWN, True)


def test_a_shape_of_packages_is_asked_without_a_kernel_of_its_own() -> None:
    here = case(build())
    here = replace(here, release=replace(here.release, gate=replace(here.release.gate, shapes=("f13",))))

    found = {f.scenario: f.next for f in gates.runs(here)}

    assert found["f13"] == found["tested/kernel"] == "fedvhost smoke --release f13 --shape f13 --repeat 3"


def test_every_package_that_ships_must_have_been_part_of_a_green_run() -> None:
    other = replace(
        build(
            nvr="qemu-1-1",
            results={"b/qemu-1-1.x86_64.rpm": "5"},
            machines={"b/qemu-1-1.x86_64.rpm": ["64-bit x86-64"]},
        ),
        subject="qemu-kvm",
        file="build-qemu.json",
    )
    here = replace(case(build(), other, smoke()), packages=("kernel", "qemu-kvm"))
    found = {f.scenario: f for f in gates.runs(here)}
    assert found["tested/kernel"].state is State.DONE
    assert found["tested/qemu-kvm"].state is State.UNKNOWN
    assert "checklist waive --release f13 smoke --scenario tested/qemu-kvm" in found["tested/qemu-kvm"].next
    assert not gates.decide(here).on
    both = smoke(nvrs={"kernel": NVR, "qemu-kvm": "qemu-1-1"})
    assert gates.decide(replace(case(build(), other, both), packages=("kernel", "qemu-kvm"))).on


@pytest.mark.parametrize(
    ("made", "state"),
    [
        ([], State.UNKNOWN),
        (["34"], State.UNKNOWN),
        (["34", "34"], State.DONE),
        (["34", "35"], State.FAILED),
        (["35", "35"], State.FAILED),
        ("3434", State.UNKNOWN),
    ],
)
def test_a_source_package_made_once_proves_nothing_and_another_than_was_built_is_wrong(
    made: object, state: State
) -> None:
    srpm = Piece("srpm", "kernel", "srpm.json", Standing.GOOD, Said({"made": made}))
    assert go_through(case(build(), srpm, checks=("srpm-reproducible",))).settled[0].state is state


def test_after_the_deadline_nothing_is_turned_on() -> None:
    good = case(build(), smoke())
    assert gates.decide(replace(good, today=datetime.date(2010, 2, 9))).on
    assert not gates.decide(replace(good, today=datetime.date(2010, 2, 10))).on


def test_a_no_go_keeps_it_off_and_a_waiver_does_not_turn_it_on() -> None:
    good = case(build(), smoke())
    no = Words(sign_offs=(SignOff("qa", "Quinn", False, "it hung twice", "2010-01-31"),))
    assert not gates.decide(replace(good, words=no)).on
    waived = Words(waivers=(Waiver("smoke", "driver", "Wim", "no time for it", "2010-03-01", "", {}),))
    assert not gates.decide(replace(case(build()), words=waived)).on


# -- people -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scenario", "until", "because", "says"),
    [
        ("", "2010-03-01", "there is no such machine", "one scenario"),
        ("*", "2010-03-01", "there is no such machine", "without wildcards"),
        ("kernel/*", "2010-03-01", "there is no such machine", "without wildcards"),
        ("all", "2010-03-01", "there is no such machine", "one scenario"),
        ("kernel/i686", "2010-03-01", "there is no such machine", "is not open"),
        ("driver", "", "there is no such machine", "is no day"),
        ("driver", "never", "there is no such machine", "is no day"),
        ("driver", "2010-01-31", "there is no such machine", "ended already"),
        ("driver", "2011-02-01", "there is no such machine", "more than 200 days"),
        ("driver", "2010-03-01", "ok", "say why"),
    ],
)
def test_an_overbroad_waiver_is_refused(scenario: str, until: str, because: str, says: str) -> None:
    refused = overbroad(item("smoke"), scenario, until, because, ["driver", "guest"], TODAY)
    assert refused is not None
    assert says in refused


def test_a_waiver_for_one_thing_is_accepted_and_what_cannot_be_waived_is_not() -> None:
    asked = ("driver", "2010-03-01", "no such machine here", ["driver"], TODAY)
    assert overbroad(item("smoke"), *asked) is None
    assert "cannot be waived" in str(overbroad(item("smoke", waivable=False), *asked))
    assert "one item" in str(overbroad(None, *asked))


def waived(today: datetime.date, builds: Mapping[str, str], scenario: str = "driver") -> Finding:
    waiver = Waiver("smoke", scenario, "Wim", "no such machine", "2010-02-20", "", {"build kernel": "1"})
    red = settle(item("smoke"), [Finding("driver", State.FAILED, "red")])
    return apply_waivers(red, [waiver], builds, today).findings[0]


def test_a_waiver_holds_to_its_last_day_for_its_build_and_its_scenario() -> None:
    good = {"build kernel": "1"}
    assert waived(datetime.date(2010, 2, 20), good).state is State.WAIVED
    late = waived(datetime.date(2010, 2, 21), good)
    assert (late.state, "it ended on 2010-02-20" in late.text) == (State.FAILED, True)
    other = waived(TODAY, {"build kernel": "2"})
    assert (other.state, "another state of: build kernel" in other.text) == (State.FAILED, True)
    assert waived(TODAY, good, "guest").state is State.FAILED


def signed(*sign_offs: SignOff, **ships: str) -> tuple[State, ...]:
    gone = go_through(case(checks=("sign-offs",), words=Words(sign_offs), ships=ships))
    return tuple(f.state for f in gone.settled[0].findings)


def test_it_takes_every_role_and_the_last_word_counts() -> None:
    dev = SignOff("development", "Dee", True, "", "1", {"a": "1"})
    qa = SignOff("qa", "Quinn", False, "it hangs", "2", {"a": "1"})
    assert signed(dev, a="1") == (State.DONE, State.MANUAL)
    assert signed(dev, qa, a="1") == (State.DONE, State.FAILED)
    assert signed(dev, qa, replace(qa, go=True), a="1") == (State.DONE, State.DONE)


def test_a_sign_off_is_stale_when_anything_changed_came_or_went() -> None:
    dev = SignOff("development", "Dee", True, "", "1", {"a": "1"})
    assert signed(dev, a="2")[0] is signed(dev, a="1", b="1")[0] is signed(dev)[0] is State.MANUAL


def test_words_that_cannot_be_believed_count_for_nothing() -> None:
    waiver = Waiver("smoke", "driver", "Wim", "no such machine", "2010-03-01", "")
    words = Words((SignOff("qa", "Q", True, "", "1"),), (), (waiver,), problem="the seal does not fit")
    gone = go_through(case(checks=("sign-offs", "test-plan", "smoke"), words=words))
    assert not any(f.state.passes for s in gone.settled for f in s.findings)
    assert "the seal does not fit" in gone.notes[-1]


def test_a_row_that_a_person_must_decide_waits_for_that_person_and_that_build() -> None:
    seen = Review("test-plan", "whql", "Wim", True, "it passed", "1", {"build kernel": "1"})
    for builds, state in (({"build kernel": "1"}, State.DONE), ({"build kernel": "2"}, State.MANUAL)):
        here = case(build(), smoke(), checks=("test-plan",), words=Words(reviews=(seen,)), ships=builds)
        found = {f.scenario: f.state for f in go_through(here).settled[0].findings}
        assert found == {"load": State.DONE, "whql": state}


def test_line_that_no_smoke_test_could_decide_here_waits_for_a_person_even_if_another_row_passed() -> None:
    rows = [
        {"id": "pxe", "plan": ["load"], "verdict": "not decidable here", "decided_by": "who has KVM"},
        {"id": "other", "plan": ["load"], "verdict": "pass"},
    ]
    seen = Review("test-plan", "load", "Wim", True, "it boots", "1", {})
    for reviews, state in (((), State.MANUAL), ((seen,), State.DONE)):
        here = case(build(), smoke(rows=rows), checks=("test-plan",), words=Words(reviews=reviews))
        (line, _) = go_through(here).settled[0].findings
        assert (line.state, "who has KVM" in line.text) == (state, state is State.MANUAL)


def test_a_command_names_the_feature_where_the_workspace_has_several() -> None:
    assert case().command("check", "--package kernel") == "fedvhost check --release f13 --package kernel"
    named = case(several=True).command("check", "--package kernel")
    assert named == "fedvhost check --release f13 --feature net --package kernel"


# -- the schedule -------------------------------------------------------------------------------------------


def test_a_freeze_begins_when_its_day_ends() -> None:
    assert stand(MILESTONES, datetime.date(2010, 2, 9)).past == ()
    after = stand(MILESTONES, datetime.date(2010, 2, 10))
    assert after.next is not None
    assert after.next.id == "final-freeze"
    rule = "nothing is enabled by default any more (since Feature Freeze, 2010-02-09)"
    assert rule in after.forbidden
    # Said as it is: "not allowed any more: nothing is enabled" would say the opposite.
    assert rule in go_through(case(today=datetime.date(2010, 2, 10))).notes


def test_on_after_the_freeze_is_a_failure_unless_an_exception_allowed_it() -> None:
    late = datetime.date(2010, 3, 1)
    change = Change("2010-02-20T00:00:00Z", "Dee", OFF, ON, "it is fine")
    for one, state in (
        (change, State.FAILED),
        (replace(change, exception="rel-eng 1234"), State.DONE),
        (replace(change, at="2010-02-09T23:00:00Z"), State.DONE),
    ):
        here = case(checks=("milestones",), today=late, flag=Flag(ON, (one,)))
        found = {f.scenario: f.state for f in go_through(here).settled[0].findings}
        assert found["enabled"] is state
        assert found["exception"] is State.MANUAL
    assert deadline_passed(case().release, late) is not None


# -- the flag -----------------------------------------------------------------------------------------------

MECHANISM = Mechanism("spec", "with", "without", "kernel", "%bcond_with{{ 'out' if on }} net_default")
RENDERED = Rendered("spec", "kernel", "k.spec", "%bcond_without net_default", "%bcond_with net_default", None)
SPEC = b"Name: k\r\n  %bcond_with net_default  \n# caf\xe9 %bcond_with net_default\nend"


def test_the_flag_changes_one_line_of_a_spec_and_back_no_byte() -> None:
    assert mechanism_lines(MECHANISM, "net", "f13") == (RENDERED.on, RENDERED.off)
    on = rewritten(SPEC, RENDERED, ON)
    assert on == SPEC.replace(b"  %bcond_with net", b"  %bcond_without net")
    assert rewritten(on, RENDERED, ON) == on
    assert rewritten(on, RENDERED, OFF) == SPEC


@pytest.mark.parametrize("spec", [b"", SPEC + b"\n%bcond_without net_default", b"# %bcond_with net_default"])
def test_a_spec_with_no_line_or_two_is_not_touched(spec: bytes) -> None:
    with pytest.raises(InputError, match=r"k\.spec.*of its lines is"):
        rewritten(spec, RENDERED, ON)
    assert found_in(spec.decode("latin-1").split("\n"), RENDERED.on, RENDERED.off) is None


@pytest.mark.parametrize("line", ["same", "{{ nowhere }}", "{% if %}", "{{ 'x' if on }}"])
def test_a_mechanism_that_says_the_same_for_on_and_off_is_refused(line: str) -> None:
    with pytest.raises(InputError, match="contingency mechanism 'spec' of feature 'net'"):
        mechanism_lines(replace(MECHANISM, line=line), "net", "f13")


def test_a_manifest_keeps_its_comments_when_the_flag_changes() -> None:
    text = '# top\ntitle = "F"  # name\n\n[contingency] # ships\n# why\nnet = "off"   # off!\n\n[z]\na = 1\n'
    on = with_flag(text, "net", "on")
    assert on == text.replace('net = "off"', 'net = "on"')
    assert with_flag(on, "net", "off") == text
    assert 'other = "on"' in with_flag(text, "other", "on")


def test_a_flag_that_nobody_explained_is_noticed() -> None:
    change = Change("1", "Dee", OFF, ON, "green")
    assert not Flag(OFF).unexplained
    assert Flag(ON).unexplained
    assert not Flag(ON, (change,)).unexplained
    assert Flag(OFF, (change,)).unexplained


def test_on_must_be_earned_and_off_must_be_tested() -> None:
    on = Flag(ON, (Change("2010-01-01", "Dee", OFF, ON, "green"),))
    for pieces, state in (((build(), smoke()), State.DONE), ((build(),), State.UNKNOWN)):
        here = case(*pieces, checks=("contingency",), flag=on)
        found = {f.scenario: f.state for f in go_through(here).settled[0].findings}
        assert (found["earned"], found["tested-on"]) == (state, State.UNKNOWN)
    row = {"id": "contingency-off", "verdict": "pass", "observed": "blacklisted", "plan": []}
    red, other = {**row, "verdict": "fail"}, {**row, "id": "contingency-on"}
    looks: Any = (
        ([row], State.DONE),
        ([row, red], State.FAILED),
        ([], State.UNKNOWN),
        ([other], State.UNKNOWN),
    )
    for rows, state in looks:
        seen = Piece("contingency", "", "contingency.json", Standing.GOOD, Said({"rows": rows}))
        for more in (smoke(rows=rows), seen):
            here = case(build(), more, checks=("contingency",))
            found = {f.scenario: f.state for f in go_through(here).settled[0].findings}
            assert found["tested-off"] is state


def test_the_documents_count_no_unknown_as_progress() -> None:
    assert contents(case(checks=("smoke", "built")))["percent"] == 0
    assert contents(case(build(), checks=("smoke", "built", "sign-offs")))["percent"] == 50


# -- what the smoke test really writes ----------------------------------------------------------------------


def written_by_smoke(nvrs: Mapping[str, str], *verdicts: Verdict) -> Piece:
    answers = [
        RowResult("module-load", "Loads", ("load",), v, "" if v is Verdict.PASS else "no") for v in verdicts
    ]
    runs = tuple(Run(n, (a,), "", 1.0, 1.0, "6.1") for n, a in enumerate(answers, 1))
    said = facts(Smoke("driver", runs, "tcg", "asked for", "rpm", True, 3.0, nvrs))
    return Piece("smoke", "driver", "smoke-driver.json", Standing.GOOD, Said(said))


def test_what_smoke_writes_is_what_is_read() -> None:
    ours, green = {"kernel": NVR}, (Verdict.PASS,) * 3
    for piece, state, row in (
        (written_by_smoke(ours, *green), State.DONE, State.DONE),
        (written_by_smoke(ours, *green, Verdict.FAIL), State.FAILED, State.FAILED),
        (written_by_smoke(ours, *green, Verdict.UNDECIDED), State.UNKNOWN, State.UNKNOWN),
        (written_by_smoke({}, *green), State.UNKNOWN, State.UNKNOWN),
    ):
        here = case(build(), piece, checks=("smoke", "test-plan"))
        found = {f.scenario: f.state for s in go_through(here).settled for f in s.findings}
        assert (found["driver"], found["load"]) == (state, row)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.just("pass") | st.just("done"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["backport", "check", "fixes", "spec", "srpm", "build", "smoke", "contingency"]),
        st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8),
    )
)
def test_whatever_evidence_says_there_is_an_answer_and_it_is_not_go(said: Mapping[str, Any]) -> None:
    subjects = {"smoke": "driver", "contingency": ""}
    pieces = [
        Piece(kind, subjects.get(kind, "kernel"), f"{kind}.json", Standing.GOOD, Said(facts))
        for kind, facts in said.items()
    ]
    here = case(*pieces, checks=tuple(CHECKS))
    outcome = go_through(here)
    assert not outcome.go
    assert not gates.decide(here).on
    contents(here)
    for form in (rendered(outcome, "md"), rendered(outcome, "html"), "\n".join(checklist_lines(outcome))):
        assert all(c.isprintable() or c == "\n" for c in form)
