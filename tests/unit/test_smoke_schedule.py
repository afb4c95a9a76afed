"""Guests of a shape boot ahead of the rows that want them, and end when nobody does any more."""

from __future__ import annotations

from fedvhost.inside.rows import Row
from fedvhost.inside.schedule import Step, schedule


def row(id: str, *guests: str, quiet: bool = False) -> Row:
    return Row(id, id, lambda _: {}, guests=guests, quiet=quiet)


def test_guest_boots_beside_the_rows_before_its_own() -> None:
    rows = (row("a", "one"), row("b", "one"), row("c", "two"))

    assert schedule(rows, ahead=2) == (Step(("one",)), Step(("two",)), Step((), ("one",)))


def test_guest_that_is_wanted_again_far_ahead_is_not_booted_twice() -> None:
    rows = (row("a", "one"), row("b", "two"), row("c", "two"), row("d", "one"))

    steps = schedule(rows, ahead=1)

    assert [s.start for s in steps] == [("one",), ("two",), (), ()]
    assert [s.end for s in steps] == [(), (), (), ("two",)]


def test_beside_a_measurement_no_guest_boots() -> None:
    rows = (row("measured", "one", quiet=True), row("b", "two"))

    assert [s.start for s in schedule(rows)] == [("one",), ("two",)]
