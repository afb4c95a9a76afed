"""What git wrote between its markers is read back exactly, or not at all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedvhost.backport.diff3 import Chunk, Edit, Part, Sides, chunks, edits, parse, split_lines

OURS, THEIRS = "1" * 40, "2" * 40


def merged(before: bytes, ours: bytes, base: bytes, theirs: bytes, after: bytes, eol: bytes = b"\n") -> bytes:
    """Write a conflict as git does: markers end like the file's lines, a missing last newline is added."""
    sides = [s if not s or s.endswith(b"\n") else s + eol for s in (ours, base, theirs)]
    marks = [b"<<<<<<< " + OURS.encode(), b"||||||| abcdef0", b"=======", b">>>>>>> " + THEIRS.encode()]
    first, second, third, last = (m + eol for m in marks)
    return before + first + sides[0] + second + sides[1] + third + sides[2] + last + after


def read(
    ours: bytes,
    base: bytes,
    theirs: bytes,
    before: bytes = b"a\n",
    after: bytes = b"z\n",
    eol: bytes = b"\n",
) -> tuple[Part, ...] | None:
    whole = Sides(*(before + side + after for side in (base, ours, theirs)))
    return parse(merged(before, ours, base, theirs, after, eol), OURS, THEIRS, whole)


def one_chunk(parts: tuple[Part, ...] | None) -> Chunk:
    assert parts is not None
    (chunk,) = chunks(parts)
    return chunk


def test_settled_lines_stand_around_the_chunk() -> None:
    assert read(b"ours\n", b"base\n", b"theirs\n") == (
        (b"a\n",),
        Chunk(base=(b"base\n",), ours=(b"ours\n",), theirs=(b"theirs\n",)),
        (b"z\n",),
    )


def test_an_underlined_heading_is_not_the_marker_between_base_and_theirs() -> None:
    chunk = one_chunk(read(b"o\n", b"Heading\n=======\nb\n", b"Heading\n=======\nt\n"))
    assert chunk.base == (b"Heading\n", b"=======\n", b"b\n")
    assert chunk.theirs == (b"Heading\n", b"=======\n", b"t\n")


def test_bars_in_ours_are_not_the_marker_before_the_base() -> None:
    chunk = one_chunk(read(b"||||||| x\no\n", b"b\n", b"t\n"))
    assert chunk.ours == (b"||||||| x\n", b"o\n")
    assert chunk.base == (b"b\n",)


def test_markers_that_can_be_read_in_two_ways_are_not_read() -> None:
    rule = b"=======\n"
    # The rule is in both files: is it the base's line, or the marker, and upstream's line the marker?
    text = merged(b"a\n", b"o\n", rule, b"", b"z\n")
    whole = Sides(b"a\n" + rule + b"z\n", b"a\no\nz\n", b"a\n" + rule + b"z\n")
    assert parse(text, OURS, THEIRS, whole) is None


def test_markers_that_can_be_read_in_a_thousand_ways_are_not_tried() -> None:
    ours, base = b"".join(b"||||||| %d\n" % n for n in range(40)), b"=======\n" * 40
    assert read(ours, base, b"t\n") is None
    assert read(ours, b"b\n", b"t\n") is not None


def test_a_conflict_inside_another_files_markers_is_content() -> None:
    foreign = b"<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> topic\n"
    chunk = one_chunk(read(foreign + b"o\n", foreign, foreign + b"t\n"))
    assert chunk.base == split_lines(foreign)


def test_markers_without_an_end_are_not_read() -> None:
    text = merged(b"a\n", b"o\n", b"b\n", b"t\n", b"")
    whole = Sides(b"a\nb\n", b"a\no\n", b"a\nt\n")
    assert parse(text.rsplit(b">>>>>>>", 1)[0], OURS, THEIRS, whole) is None


def test_sides_that_are_not_in_their_files_are_not_believed() -> None:
    text = merged(b"a\n", b"o\n", b"b\n", b"t\n", b"z\n")
    assert parse(text, OURS, THEIRS, Sides(b"a\nb\nz\n", b"a\nother\nz\n", b"a\nt\nz\n")) is None


def test_a_file_without_markers_has_no_chunk() -> None:
    parts = parse(b"a\0b\n", OURS, THEIRS, Sides(b"a", b"b", b"c"))
    assert parts == ((b"a\0b\n",),)


def test_carriage_returns_stay_with_their_lines() -> None:
    chunk = one_chunk(read(b"o\r\n", b"b\r\n", b"t\r\n", b"a\r\n", b"z\r\n", eol=b"\r\n"))
    assert chunk == Chunk(base=(b"b\r\n",), ours=(b"o\r\n",), theirs=(b"t\r\n",))


def test_each_side_keeps_its_own_missing_last_newline() -> None:
    chunk = one_chunk(read(b"o", b"b\n", b"t", after=b""))
    assert chunk == Chunk(base=(b"b\n",), ours=(b"o",), theirs=(b"t",))
    crlf = one_chunk(read(b"o", b"b\r\n", b"t\r\n", b"a\r\n", b"", eol=b"\r\n"))
    assert crlf == Chunk(base=(b"b\r\n",), ours=(b"o",), theirs=(b"t\r\n",))


def test_a_line_that_stands_twice_keeps_the_newline_of_the_one_in_the_conflict() -> None:
    # "o" is the first line, with a newline, and the last one, without.
    text = merged(b"o\n", b"o", b"b\n", b"t\n", b"")
    assert one_chunk(parse(text, OURS, THEIRS, Sides(b"o\nb\n", b"o\no", b"o\nt\n"))).ours == (b"o",)


def test_of_a_renamed_file_the_markers_say_the_path_too() -> None:
    text = merged(b"", b"o\n", b"b\n", b"t\n", b"").replace(OURS.encode(), OURS.encode() + b":new/name.c")
    assert one_chunk(parse(text, OURS, THEIRS, Sides(b"b\n", b"o\n", b"t\n"))).ours == (b"o\n",)


LINE = st.sampled_from([b"x\n", b"y\n", b"=======\n", b"||||||| q\n", b"\n", b"x\r\n", b">>>>>>> z\n"])
SOME = st.lists(LINE, max_size=4).map(b"".join)
LAST = st.tuples(SOME, st.sampled_from([b"", b"x", b"end"])).map(b"".join)


@given(before=SOME, ours=LAST, base=LAST, theirs=LAST)
def test_what_is_read_is_what_was_written(before: bytes, ours: bytes, base: bytes, theirs: bytes) -> None:
    parts = read(ours, base, theirs, before, b"")
    # Two readings end in None, never in one that is not the files'.
    if parts is not None:
        for side, text in (("base", base), ("ours", ours), ("theirs", theirs)):
            pieces = [getattr(p, side) if isinstance(p, Chunk) else p for p in parts]
            assert b"".join(line for piece in pieces for line in piece) == before + text


@given(old=st.lists(LINE, max_size=8), new=st.lists(LINE, max_size=8))
def test_edits_turn_old_into_new(old: list[bytes], new: list[bytes]) -> None:
    found = edits(old, new)
    assert found is not None
    lines: list[bytes] = []
    done = 0
    for edit in found:
        lines += [*old[done : edit.start], *edit.new]
        assert tuple(new[edit.new_at : edit.new_at + len(edit.new)]) == edit.new
        done = edit.stop
    assert [*lines, *old[done:]] == new


def test_edits_give_up_on_what_is_too_large() -> None:
    assert edits([b"a%d\n" % i for i in range(2100)], [b"b%d\n" % i for i in range(2100)]) is None
    assert edits([b"a\n"] * 9000, [b"a\n"] * 9000 + [b"b\n"]) == (Edit(9000, 9000, (b"b\n",), 9000),)
