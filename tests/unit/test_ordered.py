"""An entry of a sorted list has one place, whatever of the list is here."""

from __future__ import annotations

from fedvhost.backport.diff3 import Chunk, split_lines
from fedvhost.backport.ordered import insert_in_order


def numbered(*entries: str) -> tuple[bytes, ...]:
    return split_lines("".join(f"{e} rw auto\n" for e in entries).encode())


def includes(names: str) -> tuple[bytes, ...]:
    return split_lines("".join(f"#include <box/{n}.h>\n" for n in names.split()).encode())


def placed(chunk: Chunk, before: tuple[bytes, ...] = (), after: tuple[bytes, ...] = ()) -> bytes | None:
    found = insert_in_order(chunk, before, after)
    return None if found is None else b"".join(found.lines)


def test_of_two_entries_at_one_spot_one_comes_first() -> None:
    head = numbered("001", "002", "003", "004")
    later = Chunk((), numbered("007"), numbered("005"))
    assert placed(later, head) == b"".join(numbered("005", "007"))
    earlier = Chunk((), numbered("005"), numbered("007"))
    assert placed(earlier, head) == b"".join(numbered("005", "007"))


def test_nothing_around_the_entry_need_be_here() -> None:
    base, theirs = numbered("007", "008", "011"), numbered("007", "008", "010", "011")
    assert placed(Chunk(base, (), theirs), numbered("001", "002", "004"), numbered("012")) == b"".join(
        numbered("010")
    )


def test_the_run_says_where_upstreams_line_is() -> None:
    chunk = Chunk((), numbered("005"), numbered("004", "007"))
    found = insert_in_order(chunk, numbered("000", "001", "002", "003"))
    assert found is not None
    assert not found.review
    assert [(r.at.start, r.theirs_at) for r in found.runs] == [(0, 0), (2, 1)]


def test_words_need_more_entries_than_numbers() -> None:
    chunk = Chunk((), includes("fee"), includes("fox"))
    assert placed(chunk, includes("ant bee cat cow dog eel")) == b"".join(includes("fee fox"))
    assert placed(chunk, includes("ant bee cat")) is None


def test_a_list_that_is_not_sorted_here_or_upstream_says_nothing() -> None:
    head = numbered("001", "003", "002")
    assert placed(Chunk((), numbered("007"), numbered("005")), head) is None
    head = numbered("001", "002", "003", "004")
    assert placed(Chunk((), numbered("007", "006"), numbered("005")), head) is None
    assert placed(Chunk(numbered("009", "008"), (), numbered("009", "010", "008")), head) is None


def test_an_entry_of_the_same_number_is_another_entry() -> None:
    taken = split_lines(b"005 rw quick\n")
    assert placed(Chunk((), taken, numbered("005")), numbered("001", "002", "003")) is None


def test_code_in_order_is_no_list() -> None:
    head = split_lines(b"a = 1;\nb = 2;\nc = 3;\nd = 4;\ne = 5;\nf = 6;\n")
    assert placed(Chunk((), (b"h = 8;\n",), (b"g = 7;\n",)), head) is None


def test_a_change_beside_the_entry_is_no_insertion() -> None:
    base, theirs = numbered("007", "008"), numbered("007", "009", "010")
    assert placed(Chunk(base, (), theirs), numbered("001", "002", "003", "004")) is None
