"""A hunk is left out only if its result is there, or if there is nothing it could change."""

from __future__ import annotations

import pytest

from fedvhost.backport.diff3 import Chunk, Lines
from fedvhost.backport.redundancy import redundant

BEFORE, AFTER = (b"int shared_top;\n",), (b"int shared_end;\n",)


def lines(text: str) -> Lines:
    return tuple(f"{line}\n".encode() for line in text.split("|")) if text else ()


def why(base: str, ours: str, theirs: str, *, elsewhere: str = "") -> str | None:
    """Say why a chunk is redundant; ``|`` ends a line, ``elsewhere`` is more of our file."""
    chunk = Chunk(lines(base), lines(ours), lines(theirs))
    here = (*BEFORE, *chunk.ours, *AFTER, *lines(elsewhere))
    found = redundant(chunk, here, (*BEFORE, *chunk.theirs, *AFTER))
    if found is None:
        return None
    assert found.lines == chunk.ours
    return found.how


THERE = "the base already has these lines"
NEVER = "it removes lines that the base does not have"
SAYS = "the base's own form of the line already says this"


def test_a_fix_that_the_base_took_in_other_surroundings() -> None:
    assert why("old_call();", "check(ptr);|own_call();", "check(ptr);|old_call();") == THERE


def test_a_line_changed_to_what_the_base_has() -> None:
    assert why("size = 4;|old();", "size = 8;|own();", "size = 8;|old();") == THERE


def test_a_change_of_which_only_the_new_line_is_there_is_not_done_yet() -> None:
    assert why("size = 4;|old();", "size = 8;|size = 4;|own();", "size = 8;|old();") is None


@pytest.mark.parametrize("common", ["\treturn 0;", "}", "#endif"])
def test_a_line_that_stands_everywhere_is_not_the_one_that_upstream_adds(common: str) -> None:
    ours = f"own_one();|{common}|own_two();|own_three();"
    assert why("a();|b();", ours, f"a();|{common}|b();") is None
    # ... even if the base had one before: two are needed now.
    assert why(f"a();|{common}|b();", f"own();|{common}", f"a();|{common}|b();|{common}|c();") is None


def test_a_line_that_upstream_wants_twice_is_not_there_once() -> None:
    assert why("lock(me);|mid();", "lock(me);", "lock(me);|mid();|lock(me);") is None


def test_lines_that_stand_there_twice_cannot_be_told_apart() -> None:
    assert why("x();", "lock(me);|lock(me);", "lock(me);|x();") is None


def test_several_lines_together_are_no_coincidence() -> None:
    block = "struct eventfd|{|int fd_number;|int refcount;|};"
    assert why("a();|b();", f"own1();|{block}|own2();", f"a();|{block}|b();") == THERE


def test_half_of_what_upstream_adds_is_not_all_of_it() -> None:
    assert why("a();|m();|b();", "a();|first(one);|own();", "a();|first(one);|m();|second(two);|b();") is None


def test_a_removal_of_what_the_base_never_had() -> None:
    assert why("start();|vhost_reset(device);|stop();", "own_start();", "start();|stop();") == NEVER


@pytest.mark.parametrize(
    "form",
    [
        "vhost_reset(device, 0);",
        "if (owned)|\t\tvhost_reset(device);",
        "err = vhost_reset_all(device) ? vhost_reset(device) : -EINVAL; /* see the note above */",
    ],
)
def test_a_removal_whose_line_is_here_in_another_form(form: str) -> None:
    assert why("start();|vhost_reset(device);|stop();", form, "start();|stop();") is None


def test_a_removal_whose_line_moved_elsewhere_in_the_file() -> None:
    removal = ("start();|vhost_reset(device);|stop();", "own_start();", "start();|stop();")
    assert why(*removal, elsewhere="void f()|vhost_reset(device);") is None


def test_a_removal_that_removes_nothing_telling() -> None:
    assert why("start();|}|stop();", "own_start();", "start();|stop();") is None


LIST = "obj-y = virtio.o virtio-blk.o"


def test_a_word_that_the_bases_longer_list_has() -> None:
    here = "obj-y = virtio.o virtio-blk.o virtio-pci.o assigned.o"
    assert why(LIST, here, f"{LIST} virtio-pci.o") == SAYS
    assert why(LIST, "obj-y = virtio-pci.o own.o virtio.o", f"{LIST} virtio-pci.o") == SAYS


def test_a_word_that_only_upstreams_list_has() -> None:
    assert why(LIST, f"{LIST} assigned.o", f"{LIST} virtio-pci.o") is None


@pytest.mark.parametrize(
    "here",
    [
        f"{LIST} assigned.o  # no virtio-pci.o yet",
        f"{LIST} assigned.o /* virtio-pci.o */",
        f"{LIST} assigned.o // virtio-pci.o",
        "obj-m = virtio.o virtio-blk.o virtio-pci.o",
        f"obj-n = virtio.o $(filter-out virtio-pci.o, {LIST})",
    ],
)
def test_a_word_in_a_comment_or_with_another_meaning(here: str) -> None:
    assert why(LIST, here, f"{LIST} virtio-pci.o") is None


def test_a_word_that_is_negated_here() -> None:
    base, theirs = "if (started)", "if (started && enabled)"
    assert why(base, "if (started && enabled)", theirs) == THERE
    assert why(base, "if (started && !enabled)", theirs) is None
    assert why("has: kvm tcg;", "has: kvm tcg vhost_net xen;", "has: kvm tcg vhost_net;") == SAYS
    assert why("has: kvm tcg;", "has: kvm tcg !vhost_net;", "has: kvm tcg vhost_net;") is None


def test_a_chunk_that_upstream_did_not_change() -> None:
    assert why("a();", "b();", "a();") is None


def test_where_upstreams_lines_stand_is_told_for_the_check_of_their_scope() -> None:
    chunk = Chunk(lines("old_call();"), lines("own0();|check(ptr);|own();"), lines("check(ptr);|old_call();"))
    file = (*BEFORE, *chunk.ours, *AFTER)
    assert redundant(chunk, file, (*BEFORE, *chunk.theirs, *AFTER)) is None  # no neighbour is the same
    chunk = Chunk(lines("old_call();"), lines("check(ptr);|own();"), lines("check(ptr);|old_call();"))
    found = redundant(chunk, (*BEFORE, *chunk.ours, *AFTER), (*BEFORE, *chunk.theirs, *AFTER))
    assert found is not None
    assert [(r.at, r.theirs_at) for r in found.runs] == [(range(0, 1), 0)]
