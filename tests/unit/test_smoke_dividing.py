"""Rows are divided over test hosts side by side: what belongs together stays so, and nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedvhost.inside.catalogue import SHAPES
from fedvhost.inside.rows import Row
from fedvhost.smoke.dividing import divided


def row(id: str, *guests: str, after: tuple[str, ...] = (), seconds: float = 30.0) -> Row:
    return Row(id, id, lambda _: {}, guests=guests, after=after, seconds=seconds)


def ids(rows: tuple[Row, ...], parts: int = 2) -> list[str]:
    return [" ".join(r.id for r in part) for part in divided(rows, parts)]


def test_rows_that_share_a_guest_or_build_on_one_another_stay_together_in_order() -> None:
    rows = (row("a", "one"), row("b"), row("c", "two"), row("d", "one", "three"), row("e", after=("c",)))

    assert ids(rows) == ["a b d", "c e"]
    # What ties two groups together comes last.
    assert ids((*rows, row("f", "two", "three"))) == ["a c d e f", "b"]


def test_parts_take_about_as_long() -> None:
    rows = (row("a", seconds=10), row("b", seconds=10), row("c", seconds=30), row("d", seconds=20))

    assert ids(rows) == ["b c", "a d"]


def test_one_part_is_all_and_no_part_is_empty() -> None:
    rows = (row("a"), row("b"))

    assert ids(rows, 1) == ["a b"]
    assert ids(rows, 8) == ["a", "b"]


def test_full_shape_is_worth_two_test_hosts() -> None:
    first, second = divided(SHAPES["full"], 2)

    assert {r.id for r in first} | {r.id for r in second} == {r.id for r in SHAPES["full"]}
    assert sum(r.seconds for r in second) > sum(r.seconds for r in first) / 3


_ROWS = st.lists(
    st.tuples(st.lists(st.sampled_from("xyz"), max_size=2), st.integers(0, 5), st.integers(1, 90)),
    max_size=9,
)


@given(_ROWS, st.integers(1, 4))
def test_no_row_is_lost_and_no_tie_is_cut(made: list[tuple[list[str], int, int]], parts: int) -> None:
    rows = tuple(
        row(f"r{n}", *guests, after=(f"r{n - back}",) if 0 < back <= n else (), seconds=seconds)
        for n, (guests, back, seconds) in enumerate(made)
    )
    found = divided(rows, parts)

    assert sorted(r.id for part in found for r in part) == sorted(r.id for r in rows)
    assert len(found) <= parts and all(found)
    for part in found:
        names = {r.id for r in part}
        assert [r for r in rows if r.id in names] == list(part)
        assert all(a in names for r in part for a in r.after)
        others = [r for r in rows if r.id not in names]
        assert not {g for r in part for g in r.guests} & {g for r in others for g in r.guests}
