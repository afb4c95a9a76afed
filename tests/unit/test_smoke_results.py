"""What a test host said becomes verdicts: what it did not say was not decided."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from xml.etree import ElementTree

from fedvhost.backport.manifest import TestRow
from fedvhost.inside.ground import Ground
from fedvhost.inside.rows import Observed, Row, Verdict
from fedvhost.report.smoke import row_lines, smoke_lines
from fedvhost.smoke.collecting import collect, left_open, notes
from fedvhost.smoke.junit import junit
from fedvhost.smoke.results import RowResult, Run, Smoke, attachments, facts, left_to_others


@dataclass(frozen=True, slots=True)
class Heard:
    """What a test host said."""

    records: Sequence[Mapping[str, Any]]
    trouble: str = ""


def nothing(_: Ground) -> Observed:
    return {}


ROWS = (Row("load", "It loads", nothing, ("module-load-unload",)), Row("frames", "Frames pass", nothing))


def said(row: str, verdict: str, **more: Any) -> Mapping[str, Any]:
    return {"kind": "row", "row": row, "verdict": verdict, "seconds": 1.0, **more}


def smoke(*runs: tuple[RowResult, ...]) -> Smoke:
    made = tuple(Run(n, rows, "", 1.0, 0.5, "6.1") for n, rows in enumerate(runs, start=1))
    return Smoke("driver", made, "tcg", "no KVM", "distribution", True, 2.0)


def result(verdict: Verdict, why: str = "") -> RowResult:
    return RowResult("load", "It loads", ("module-load-unload",), verdict, why, {"count": [0, 1]}, 0.5)


def test_row_that_a_dead_machine_left_open_is_undecided_and_says_which_was_under_way() -> None:
    records = [said("load", "pass"), {"kind": "start", "row": "frames"}]

    load, frames = collect(ROWS, [Heard(records, "the machine was stopped")])

    assert load.verdict is Verdict.PASS
    assert frames.verdict is Verdict.UNDECIDED
    assert frames.why == "the machine was stopped (during this row)"


def test_machine_that_ends_in_peace_without_an_answer_has_not_passed() -> None:
    (load, frames) = collect(ROWS, [Heard([{"kind": "end"}])])

    assert {load.verdict, frames.verdict} == {Verdict.UNDECIDED}


def test_verdict_that_we_do_not_know_is_no_pass() -> None:
    (load, _) = collect(ROWS, [Heard([said("load", "passed, probably")])])

    assert load.verdict is Verdict.UNDECIDED


def test_answer_to_a_row_that_nobody_asked_is_not_counted() -> None:
    assert [r.id for r in collect(ROWS, [Heard([said("invented", "pass")])])] == ["load", "frames"]


THREE = (*ROWS, Row("data", "Data passes", nothing, after=("load",)))


def started(row: str) -> Mapping[str, Any]:
    return {"kind": "start", "row": row}


def test_rows_that_a_broken_test_host_left_open_are_asked_again_with_what_they_build_on() -> None:
    broken = Heard([started("load"), said("load", "pass"), started("frames")], "the kernel crashed")

    assert [r.id for r in left_open(THREE, [broken])] == ["load", "frames", "data"]
    assert [r.id for r in left_open(ROWS, [broken])] == ["frames"]


def test_row_that_broke_two_test_hosts_is_not_asked_a_third_time() -> None:
    broken = Heard([started("frames")], "the kernel crashed")

    assert [r.id for r in left_open(THREE, [broken, broken])] == ["load", "data"]
    frames = collect(THREE, [broken, broken, Heard([said("load", "pass"), said("data", "pass")])])[1]
    assert (frames.verdict, frames.why) == (Verdict.UNDECIDED, "the kernel crashed (during this row)")


def test_nothing_is_asked_again_when_all_was_answered() -> None:
    assert (
        left_open(ROWS, [Heard([said("load", "pass"), said("frames", "fail")], "it hung at the end")]) == ()
    )


def test_row_answered_in_two_test_hosts_has_the_worse_answer() -> None:
    first = Heard([said("load", "fail", why="it does not load")], "the kernel crashed")
    second = Heard([said("load", "pass"), said("frames", "pass")])

    load, frames = collect(ROWS, [first, second])

    assert (load.verdict, load.why, frames.verdict) == (Verdict.FAIL, "it does not load", Verdict.PASS)


def test_row_that_stalled_is_asked_once_more_and_the_second_answer_counts() -> None:
    stalled = Heard([said("load", "pass"), said("frames", "undecided", why="timed out", again=True)])
    second = Heard([said("frames", "pass")])

    assert [r.id for r in left_open(ROWS, [stalled])] == ["frames"]
    assert [r.verdict for r in collect(ROWS, [stalled, second])] == [Verdict.PASS, Verdict.PASS]
    assert left_open(ROWS, [stalled, stalled]) == ()
    assert collect(ROWS, [stalled, stalled])[1].verdict is Verdict.UNDECIDED
    assert notes(ROWS, [stalled, second]) == ("row 'frames': timed out; a fresh test host was asked",)


def test_no_that_a_stall_follows_stays_a_no() -> None:
    no = Heard([said("load", "fail", why="it does not load"), said("frames", "undecided", again=True)])
    stalled = Heard([said("load", "undecided", again=True), said("frames", "pass")])

    assert [r.verdict for r in collect(ROWS, [no, stalled])] == [Verdict.FAIL, Verdict.PASS]


def test_row_that_says_for_good_why_it_cannot_be_decided_is_not_asked_again() -> None:
    assert left_open(ROWS, [Heard([said("load", "pass"), said("frames", "undecided", why="no ROM")])]) == ()


def test_what_was_made_good_is_told_and_the_last_trouble_is_none_of_it() -> None:
    broken = Heard(
        [started("frames"), {"kind": "note", "text": "guest 'on' was started again"}], "it crashed"
    )

    assert notes(THREE, [broken, broken]) == (
        "guest 'on' was started again",
        "it crashed (during row 'frames'); a fresh test host was asked what was left open",
        "guest 'on' was started again",
    )


def test_attached_file_is_put_together_and_a_garbled_piece_left_out() -> None:
    def piece(content: str) -> Mapping[str, Any]:
        return {"kind": "file", "row": "frames", "name": "in0.pcap", "base64": content}

    records = [piece(base64.b64encode(b"ab").decode()), piece("%%"), piece(base64.b64encode(b"c").decode())]

    assert attachments(records) == {("frames", "in0.pcap"): b"abc"}


def test_one_red_run_of_three_is_red_in_the_evidence() -> None:
    good, bad = result(Verdict.PASS), result(Verdict.FAIL, "it does not load")

    found = facts(smoke((good,), (bad,), (good,)))

    assert not found["ok"]
    assert [r["ok"] for r in found["runs"]] == [True, False, True]
    assert found["rows"] == [
        {
            "id": "load",
            "title": "It loads",
            "plan": ["module-load-unload"],
            "verdict": "fail",
            "observed": "it does not load",
            "passed": 2,
            "asked": 3,
        }
    ]


def test_evidence_names_builds_only_if_some_were_tested() -> None:
    assert "nvrs" not in facts(smoke((result(Verdict.PASS),)))


def test_no_run_and_no_row_are_not_ok() -> None:
    assert not smoke().ok
    assert not smoke(()).ok


def test_junit_has_a_failure_for_no_and_an_error_for_unknown() -> None:
    tree = ElementTree.fromstring(
        junit(
            smoke((result(Verdict.PASS),), (result(Verdict.FAIL, "no"),), (result(Verdict.UNDECIDED, "?"),))
        )
    )

    assert (tree.get("tests"), tree.get("failures"), tree.get("errors")) == ("3", "1", "1")
    assert [case.get("classname") for case in tree.iter("testcase")] == ["driver.load"] * 3


def test_undecided_row_says_so_in_words() -> None:
    lines = list(row_lines(result(Verdict.UNDECIDED, "no KVM in this test host")))

    assert lines[0].startswith("  ?     load")
    assert lines[1].strip() == "could not decide: no KVM in this test host"


def test_text_tells_the_flake() -> None:
    good, bad = result(Verdict.PASS), result(Verdict.FAIL, "it does not load")

    text = "\n".join(smoke_lines(smoke((good,), (bad,))))

    assert "load: passed 1 of 2 times" in text
    assert "1 of 2 runs passed" in text
    assert text.endswith("does not hold")


def test_row_that_others_decide_is_neither_red_nor_passed_and_names_them() -> None:
    theirs = Row("pxe", "PXE", nothing, ("pxe-boot",), decided_by="whoever has hardware KVM")
    records = [said("load", "pass"), said("pxe", "not decidable here", why="no request")]
    here = smoke(collect((ROWS[0], theirs), [Heard(records)]))

    assert here.ok
    assert facts(here)["rows"][1] == {
        "id": "pxe", "title": "PXE", "plan": ["pxe-boot"], "verdict": "not decidable here",
        "observed": "no request", "passed": 0, "asked": 1, "decided_by": "whoever has hardware KVM",
    }  # fmt: skip
    assert "to be decided by whoever has hardware KVM" in "\n".join(row_lines(here.runs[0].rows[1]))
    assert "1 pass, 1 not decidable here" in "\n".join(smoke_lines(here))
    assert ElementTree.fromstring(junit(here)).get("skipped") == "1"


def test_row_of_ours_that_calls_itself_somebody_elses_is_undecided() -> None:
    records = [said("load", "not decidable here"), said("frames", "pass")]

    assert [r.verdict for r in collect(ROWS, [Heard(records)])] == [Verdict.UNDECIDED, Verdict.PASS]


def test_run_of_which_nothing_was_decidable_here_does_not_hold() -> None:
    assert not smoke((result(Verdict.ELSEWHERE),)).ok


def test_lines_of_the_plan_that_others_decide_are_told_with_who_must() -> None:
    plan = (
        TestRow("whql", "WHQL", "guest", "who has such a guest"),
        TestRow("module-load-unload", "Loads", "kernel"),
        TestRow("suspend", "S3 and S4", "guest"),
    )
    here = replace(smoke((result(Verdict.PASS),)), elsewhere=left_to_others(plan, ROWS))

    told = {r["id"]: (r["verdict"], r.get("decided_by")) for r in facts(here)["rows"]}

    assert here.ok
    assert told == {
        "load": ("pass", None),
        "whql": ("not decidable here", "who has such a guest"),
        "suspend": ("not decidable here", "a person: no row asks all of it"),
    }
    assert "whql: WHQL; to be decided by who has such a guest" in "\n".join(smoke_lines(here))
