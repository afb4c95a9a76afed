"""Two changes of one line: when a merge of words needs no look."""

from __future__ import annotations

from fedvhost.backport.diff3 import Chunk
from fedvhost.backport.threeway import merge_tokens


def merged(base: str, ours: str, theirs: str) -> str:
    """Return the line, with ``?`` if a person must look."""
    found = merge_tokens(Chunk(*((f"{side}\n".encode(),) for side in (base, ours, theirs))))
    if found is None:
        return "stop"
    return b"".join(found.lines).decode().rstrip("\n") + ("?" if found.review else "")


def test_what_only_has_another_name_here_keeps_it() -> None:
    base, theirs = "if (put(box->lid, 4) != 4)", "if (put_now(box->lid, 4) < 0)"
    assert merged(base, "if (put(chest->lid, 4) != 4)", theirs) == "if (put_now(chest->lid, 4) < 0)"


def test_one_name_here_for_one_there_and_everywhere() -> None:
    base, theirs = "put(box, 4, box);", "put(box, 8, box);"
    assert merged(base, "put(chest, 4, chest);", theirs) == "put(chest, 8, chest);"
    assert merged(base, "put(chest, 4, box);", theirs) == "put(chest, 8, box);?"
    assert merged(base, "put(chest, 4, case_of);", theirs) == "put(chest, 8, case_of);?"


def test_a_type_or_a_number_is_more_than_a_name() -> None:
    assert merged("u16 lid = get(box);", "u32 lid = get(box);", "u16 lid = get_now(box);").endswith("?")
    assert merged("size_t lid = get(box);", "long lid = get(box);", "size_t lid = get_now(box);").endswith(
        "?"
    )
    assert merged("put(box, 4);", "put(box, 5);", "put(chest, 4);").endswith("?")


def test_an_old_name_in_what_upstream_changes_must_be_looked_at() -> None:
    assert merged("put(box, one);", "put(chest, one);", "put(box, box->two);").endswith("?")


def test_what_is_put_in_must_be_looked_at() -> None:
    assert merged("put(box, 4);", "put(chest, 4);", "put(box, 4, 0);").endswith("?")
