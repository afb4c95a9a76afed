"""Where upstream's new lines go when what is around them diverged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedvhost.backport.diff3 import Chunk
from fedvhost.backport.insertion import Placed, Run, insert


def lines(text: str) -> tuple[bytes, ...]:
    return tuple(f"{word}\n".encode() for word in text.split())


def chunk(base: str, ours: str, theirs: str) -> Chunk:
    """Words are lines: ``alpha beta`` is a file of two."""
    return Chunk(lines(base), lines(ours), lines(theirs))


def placed(base: str, ours: str, theirs: str) -> str:
    """Return the lines as words; with ``?`` if a person must look, ``~`` if the run is loose."""
    found = insert(chunk(base, ours, theirs))
    if found is None:
        return "stop"
    signs = ("?" if found.review else "") + ("~" if any(r.loose for r in found.runs) else "")
    return b" ".join(line.rstrip() for line in found.lines).decode() + signs


def test_between_the_two_lines_that_both_sides_have() -> None:
    assert placed("before after old", "before after", "before NEW after old") == "before NEW after"


def test_after_the_line_before_it_when_what_follows_diverged() -> None:
    assert placed("before other", "before own1 own2", "before NEW other") == "before NEW own1 own2"


def test_before_the_line_after_it_when_what_precedes_diverged() -> None:
    assert placed("other after", "own1 own2 after", "other NEW after") == "own1 own2 NEW after"


def test_the_edges_of_a_chunk_are_lines_that_all_sides_have() -> None:
    assert placed("other", "own1 own2", "NEW other") == "NEW own1 own2"
    assert placed("other", "own1 own2", "other NEW") == "own1 own2 NEW"


def test_two_insertions_at_one_spot_must_be_looked_at() -> None:
    assert placed("", "own", "NEW") == "own NEW?"
    assert placed("before after", "before own after", "before NEW after") == "before own NEW after?"


def test_lines_that_are_shared_but_not_next_to_it_must_be_looked_at() -> None:
    assert placed("before x1 y1 after", "before after", "before x1 NEW y1 after") == "before NEW after?"


def test_beside_the_one_similar_line_must_be_looked_at() -> None:
    base = "first call_it(a,b); middle call_that(c); last"
    ours = "own1 call_it(a,b,NULL); own2 own3"
    theirs = "first call_it(a,b); NEW middle call_that(c); last"
    assert placed(base, ours, theirs) == "own1 call_it(a,b,NULL); NEW own2 own3?"
    twice = "own1 call_it(a,b,NULL); call_it(a,b,0); own3"
    assert placed(base, twice, theirs) == "stop"


def test_inside_a_block_of_which_the_base_has_nothing_the_run_is_loose() -> None:
    assert placed("one two", "", "one NEW two") == "NEW?~"
    assert placed("one two", "base_only", "one NEW two") == "stop"


def test_anchors_that_cross_stop() -> None:
    assert placed("alpha beta", "beta alpha", "alpha NEW beta") == "stop"


def test_insertions_that_change_places_stop() -> None:
    assert placed("alpha mid beta", "beta mid alpha", "alpha N1 mid N2 beta") == "stop"


def test_several_insertions_each_find_their_place() -> None:
    found = insert(chunk("alpha beta gamma", "alpha own gamma", "alpha N1 beta gamma N2"))
    assert found == Placed(
        lines("alpha N1 own gamma N2"),
        (Run(range(1, 2), 1), Run(range(4, 5), 4)),
        "right after the line before it; what follows diverged; "
        "between the lines that both sides have before and after it",
    )


def test_a_blank_line_or_a_brace_says_nothing_of_the_place() -> None:
    assert placed("one } two", "own } other", "one } NEW two") == "stop"


def test_a_line_that_stands_twice_says_nothing_of_the_place() -> None:
    assert placed("one same two", "same own same", "one same NEW two") == "stop"


def test_a_chunk_that_changes_or_removes_a_line_is_no_insertion() -> None:
    assert placed("alpha beta", "alpha own", "alpha BETA NEW") == "stop"
    assert placed("alpha beta", "alpha own", "alpha") == "stop"
    assert placed("alpha", "own", "alpha") == "stop"


def test_what_the_base_put_in_itself_is_not_put_in_again() -> None:
    assert placed("alpha beta", "alpha NEW own", "alpha NEW beta") == "stop"
    # ... and one of two is there already.
    assert placed("alpha beta gamma", "alpha N1 own gamma", "alpha N1 beta N2 gamma") == "stop"


WORD = st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon", "}", "own1", "own2"])


@given(ours=st.lists(WORD, max_size=6), base=st.lists(WORD, max_size=5), data=st.data())
def test_nothing_of_ours_is_lost_and_all_of_theirs_is_in_once(
    ours: list[str], base: list[str], data: st.DataObject
) -> None:
    theirs = list(base)
    for n in range(data.draw(st.integers(1, 3))):
        theirs.insert(data.draw(st.integers(0, len(theirs))), f"NEW{n}")
    found = insert(chunk(" ".join(base), " ".join(ours), " ".join(theirs)))
    if found is not None:
        inserted = {i for run in found.runs for i in run.at}
        own = [line for i, line in enumerate(found.lines) if i not in inserted]
        assert own == list(lines(" ".join(ours)))
        new = [line for i, line in enumerate(found.lines) if i in inserted]
        assert new == [w for w in lines(" ".join(theirs)) if w.startswith(b"NEW")]


def test_two_blank_lines_where_upstream_has_one_are_one() -> None:
    before, after = (b"first\n", b"\n"), (b"last\n",)
    base, theirs = (b"old\n",), (b"NEW\n", b"\n", b"old\n", b"\n")
    found = insert(Chunk(base, (), theirs), before, after)
    assert found is not None
    assert found.lines == (b"NEW\n", b"\n")
    # ... but one that upstream has twice stays.
    found = insert(Chunk((b"old\n",), (b"own\n",), (b"NEW\n", b"\n", b"old\n")), before, after)
    assert found is not None
    assert found.lines == (b"NEW\n", b"\n", b"own\n")
