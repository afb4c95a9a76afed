"""A C file by its definitions, and three of them merged by name."""

from __future__ import annotations

from textwrap import dedent

from fedvhost.backport.byname import Text, by_name
from fedvhost.backport.definitions import outline
from fedvhost.backport.diff3 import Lines, Sides, split_lines


def c(text: str) -> bytes:
    return dedent(text).lstrip("\n").encode()


OPEN = c("""
    /* Opens a box. */
    static int box_open(struct box *box)
    {
        box->lid = 1;
        return 0;
    }
""")
SHUT = c("""
    static int box_shut(struct box *box)
    {
        box->lid = 0;
        return 0;
    }
""")
SPARE = c("""
    static void box_spare(struct box *box)
    {
        spare(box, 1);
    }
""")
OTHER_SPARE = SPARE.replace(b"spare(box, 1)", b"spare_all(box->all, 0x10)")


def settle(base: Lines, ours: Lines, theirs: Lines) -> Text | None:
    """Only one side may have changed."""
    if base == ours:
        return Text(theirs)
    return Text(ours) if base == theirs else None


def test_a_definition_is_one_line_with_the_comment_before_it() -> None:
    source = b"#include <box.h>\n\n" + OPEN + b"\nstatic int lids;\n\n" + SHUT
    found = outline(source)
    assert found.lines == (
        b"#include <box.h>\n",
        b"\n",
        b"\1function box_open 1\n",
        b"\n",
        b"static int lids;\n",
        b"\n",
        b"\1function box_shut 1\n",
    )
    assert found.starts == (0, 1, 2, 8, 9, 10, 11)
    assert b"".join(found.bodies[b"\1function box_open 1\n"]) == OPEN


def test_types_and_tables_are_definitions() -> None:
    source = c("""
        struct box {
            int lid;
        };

        static const struct rule rules[] = {
            { 1 },
        };

        typedef struct {
            int lid;
        } Box;

        #ifdef LIDS
        enum lid {
            OPENED,
        };
        #endif
    """)
    names = [line for line in outline(source).lines if line.startswith(b"\1")]
    assert names == [b"\1struct box 1\n", b"\1initializer rules 1\n", b"\1type Box 1\n", b"\1enum lid 1\n"]


def test_a_definition_changed_upstream_is_changed_wherever_it_stands_here() -> None:
    theirs = SHUT.replace(b"return 0", b"return -1")
    merged = by_name(Sides(OPEN + SHUT, SHUT + OPEN, OPEN + theirs), lambda base, ours, _: Text(ours))
    assert merged is not None
    assert b"".join(merged.lines) == theirs + OPEN
    assert [(r.at.start, r.theirs_at) for r in merged.runs] == [(3, 9)]


def frame_removes(gone: bytes) -> object:
    def settled(base: Lines, ours: Lines, theirs: Lines) -> Text | None:
        return Text(tuple(line for line in ours if gone not in line))

    return settled


def removed(here: bytes) -> Text | None:
    sides = Sides(OPEN + SPARE + SHUT, here, OPEN + SHUT)
    return by_name(sides, frame_removes(b"box_spare"))  # type: ignore[arg-type]


def test_a_private_function_that_upstream_removes_goes_in_whatever_form_it_is_here() -> None:
    merged = removed(OPEN + OTHER_SPARE + SHUT)
    assert merged is not None
    assert b"".join(merged.lines) == OPEN + SHUT
    assert not merged.review


def test_a_function_that_is_still_used_does_not_go() -> None:
    assert removed(OPEN + OTHER_SPARE + SHUT.replace(b"return 0", b"box_spare(box)")) is None


def test_a_function_that_others_may_use_goes_only_with_a_look() -> None:
    merged = removed(OPEN + OTHER_SPARE.replace(b"static ", b"") + SHUT)
    assert merged is not None
    assert merged.review


def test_a_change_of_what_is_not_here_is_left_out_only_with_a_look() -> None:
    spare = SPARE.replace(b"box, 1", b"box, 2")
    shut = SHUT.replace(b"return 0", b"return -1")
    sides = Sides(OPEN + SPARE + SHUT, OPEN + SHUT, OPEN + spare + shut)
    merged = by_name(sides, settle)
    assert merged is not None
    assert b"".join(merged.lines) == OPEN + shut
    assert merged.review
    assert ("redundant", "it changes function box_spare, which the base does not have") in merged.rungs


def test_more_changed_that_is_not_here_than_is_stops() -> None:
    spare = SPARE.replace(b"box, 1", b"box, 2")
    assert by_name(Sides(OPEN + SPARE, OPEN, OPEN + spare), settle) is None


def test_namesakes_of_which_one_side_has_fewer_stop() -> None:
    twice = SHUT + SHUT.replace(b"0;", b"1;")
    assert by_name(Sides(OPEN + twice, OPEN + SHUT, OPEN.replace(b"1", b"2") + twice), settle) is None


def test_upstreams_new_definition_counts_as_its_lines() -> None:
    merged = by_name(Sides(OPEN, OPEN, OPEN + SHUT), lambda base, ours, theirs: Text(theirs))
    assert merged is not None
    assert b"".join(merged.lines) == OPEN + SHUT
    assert split_lines(OPEN + SHUT)[merged.runs[0].theirs_at] == split_lines(SHUT)[0]
