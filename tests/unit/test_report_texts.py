"""What a report shows of others' texts, and how it compares and draws."""

from __future__ import annotations

import pytest

from fedvhost.backport.outcome import Verdict
from fedvhost.backport.plan import ConflictText, Entry, Evidence, PackagePlan
from fedvhost.report.graph import TRACKS, draw, needs_of
from fedvhost.report.plain import plain
from fedvhost.report.plots import Series, plot
from fedvhost.report.sidebyside import Same, align, file_diffs, pair
from fedvhost.report.text import conflict_lines, revision
from reports import BASE, diff, oid, package


def test_a_commit_is_as_short_as_everywhere_and_a_tag_is_whole() -> None:
    assert revision("3a4d5c94e959" + "0" * 28) == "3a4d5c94e959"
    assert (revision("v2.6.34"), revision("3a4d5c94e95")) == ("v2.6.34", "3a4d5c94e95")


# -- texts ----------------------------------------------------------------------------------------------


def test_colours_and_titles_for_a_terminal_are_left_out() -> None:
    assert plain("\x1b[1;31merror:\x1b[0m no \x1b]0;title\x07such file\r") == "error: no such file"


def test_signs_nobody_sees_are_told_by_their_number() -> None:
    assert plain("a\x00b‮c\ud800") == "a\\x00b\\u202ec\\ud800"


def test_a_line_of_megabytes_is_cut_and_its_size_said() -> None:
    shown = plain("x" * 10_000_000)
    assert shown.startswith("xxx")
    assert shown.endswith("… (10,000,000 signs)")
    assert len(shown) < 700


def test_an_escape_sequence_without_an_end_costs_no_time_and_shows_its_sign() -> None:
    assert plain("\x1b]" * 200_000).startswith("\\x1b]\\x1b]")


def test_lines_and_tabs_stay_and_each_line_is_cut_for_itself() -> None:
    assert plain("a\tb\n" + "y" * 700 + "\nc") == "a\tb\n" + "y" * 600 + "… (700 signs)\nc"


def test_the_panes_of_a_conflict_keep_their_tabs_and_tell_a_terminal_nothing() -> None:
    conflict = ConflictText("a.c", "both changed it", base="\tone\x1b[2J\n", theirs="\ttwo\x0c\n")
    lines = list(conflict_lines(conflict, lambda text, _: text))
    assert lines[2] == r"      │ " + "\tone" + r"\x1b[2J"
    assert not any("\x1b" in line or "\x0c" in line for line in lines)


# -- upstream beside the patch --------------------------------------------------------------------------


def test_other_line_numbers_and_context_are_the_same_change() -> None:
    ours = (
        diff("a.c", "one", "two")
        .replace(b"@@ -1,2 +1,4 @@ int", b"@@ -80,2 +95,4 @@ int")
        .replace(b" last", b" end")
    )
    (file,) = pair(file_diffs(diff("a.c", "one", "two")), file_diffs(ours))
    assert (file.path, file.same) == ("a.c", Same.SAME)


def test_a_renamed_function_is_one_line_that_differs() -> None:
    (file,) = pair(file_diffs(diff("a.c", "one", "two")), file_diffs(diff("a.c", "one", "other")))
    assert file.same is Same.DIFFERS
    assert file.upstream is not None
    assert file.ours is not None
    rows = align(file.upstream.lines, file.ours.lines)
    assert [(r.left, r.right) for r in rows if r.differs] == [("+two", "+other")]


def test_a_file_of_one_side_only_is_told() -> None:
    files = pair(file_diffs(diff("a.c", "one")), file_diffs(diff("b.c", "one")))
    assert [(f.path, f.same) for f in files] == [("a.c", Same.LEFT_OUT), ("b.c", Same.ONLY_HERE)]


def test_without_upstream_nothing_is_said_to_be_the_same() -> None:
    (file,) = pair(None, file_diffs(diff("a.c", "one")))
    assert file.same is Same.UNKNOWN


def test_lines_of_a_patch_that_look_like_a_diff_are_its_content() -> None:
    tricky = diff("a.c", "-- a/other.c", "++ b/other.c", "@@ -1 +1 @@") + b"-- \n2.39.5\n"
    files = file_diffs(tricky)
    assert list(files) == ["a.c"]
    assert (files["a.c"].added, files["a.c"].removed) == (3, 0)


def test_the_words_of_a_mail_before_its_diff_are_no_part_of_it() -> None:
    mail = (
        b"From: a\nSubject: b\n\n- a point\n+ another\n---\n a.c | 1 +\n\n"
        + diff("a.c", "one")
        + b"-- \n2.39.5\n"
    )
    assert file_diffs(mail)["a.c"].changed == ("+one",)


def test_a_new_file_keeps_its_name() -> None:
    new = b"diff --git a/n.c b/n.c\nnew file mode 100644\n--- /dev/null\n+++ b/n.c\n@@ -0,0 +1 @@\n+x\n"
    assert [(f.path, f.remark, f.added) for f in file_diffs(new).values()] == [("n.c", "new file", 1)]


# -- the graph ------------------------------------------------------------------------------------------


def plan_of(*needs: tuple[int, int], picks: int = 6) -> PackagePlan:
    """A plan in which for each pair the first is a prerequisite of the second."""
    entries = []
    for n in range(1, picks + 1):
        evidence = tuple(Evidence("symbol", "…", commit=oid(by)) for one, by in needs if one == n)
        entries.append(Entry(oid(n), "subject", "requested", Verdict.CLEAN, oid(n + 100), evidence))
    return PackagePlan(BASE, "v1", tuple(entries))


def test_a_prerequisite_names_the_picks_that_need_it_once() -> None:
    plan = plan_of((1, 3), (1, 3), (2, 3), (2, 5))
    assert needs_of(plan) == {oid(1): (oid(3),), oid(2): (oid(3), oid(5))}


def test_a_copy_that_the_base_has_is_no_prerequisite() -> None:
    evidence = (Evidence("patch-id", "the same patch", commit=oid(2)),)
    entry = Entry(oid(1), "s", "requested", Verdict.CLEAN, oid(9), evidence)
    other = Entry(oid(2), "s", "requested", Verdict.CLEAN, oid(9))
    assert needs_of(PackagePlan(BASE, "v1", (entry, other))) == {}


def test_lines_of_prerequisites_do_not_run_over_one_another() -> None:
    graph = draw(plan_of((1, 4), (2, 3), (3, 5), (5, 6)))
    xs = [need.path.split("H")[1].split("Q")[0] for need in graph.needs]
    assert xs[0] != xs[1]  # 1-4 spans 2-3
    assert xs[0] == xs[3]  # 1-4 ends before 5-6 begins


def test_the_drawing_stays_narrow_however_many_prerequisites_there_are() -> None:
    graph = draw(plan_of(*((n, 100 - n) for n in range(1, 50)), picks=100))
    assert graph.width < 80 + 9 * TRACKS


def test_a_redundant_pick_has_no_place_in_the_series() -> None:
    plan = package("kernel", 6).plan
    assert plan is not None
    assert [n.lands for n in draw(plan).nodes] == [True, True, True, True, True, False]


# -- what was measured ----------------------------------------------------------------------------------


def test_nothing_measured_is_not_drawn() -> None:
    assert plot("p", "Latency", "ms", [Series("on", ()), Series("off", (float("nan"),))]) is None


def test_a_plot_says_in_words_what_it_shows() -> None:
    drawn = plot("p", "Latency", "ms", [Series("on", (4.0, 5.0, 9.0)), Series("off", (6.0,))])
    assert drawn is not None
    assert drawn.words == "on: 5 ms, from 4 to 9 in 3 runs; off: 6 ms (one run)"


@pytest.mark.parametrize("largest", [0.0, 0.0004, 3.0, 1234.0, 9.99e8])
def test_every_value_is_within_the_axis_and_the_axis_begins_at_zero(largest: float) -> None:
    drawn = plot("p", "t", "u", [Series("on", (largest / 3, largest))])
    assert drawn is not None
    assert drawn.ticks[0][1] == "0"
    assert 2 <= len(drawn.ticks) <= 7
    assert drawn.marks[0].high <= drawn.ticks[-1][0] + 0.1
