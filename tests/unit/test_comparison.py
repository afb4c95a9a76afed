"""Two backports beside each other, as values: which commit is which, what moved, what one lacks and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedvhost.backport.comparison import (
    By,
    Change,
    Match,
    Ours,
    alike,
    change_of,
    counted_lines,
    file_result,
    match,
    moved,
    parse_range,
)
from fedvhost.backport.lacking import Known, inside, lacking_here, lacking_there
from fedvhost.backport.plan import Considered, PackagePlan, Undecided
from fedvhost.commits import Commit
from fedvhost.errors import InputError
from fedvhost.patches.diff import FileChange, Hunk
from fedvhost.values import Oid

ADA = frozenset({"ada@example.org"})


def oid(number: int) -> Oid:
    return Oid(f"{number:08x}" * 5)


def lines(*numbers: int) -> frozenset[bytes]:
    return frozenset(b"+line %d" % n for n in numbers)


def change(number: int, *, of: frozenset[bytes] = frozenset(), **more: object) -> Change:
    fields: dict[str, object] = {"subject": f"subject {number}", **more}
    return Change(oid(number), lines=of, size=len(of), **fields)  # type: ignore[arg-type]


def ours(upstream: Change, replayed: Change | None = None) -> Ours:
    return Ours(upstream, replayed, "requested: asked for", "clean")


def committed(message: str, *files: FileChange, patch_id: str | None = None) -> Change:
    ident = b"Ada Author <Ada@example.org> 1265716800 +0000"
    return change_of(Commit(oid(1), oid(2), (oid(3),), ident, ident, message.encode()), files, patch_id)


# -- messages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "net: x\n\n(cherry picked from commit 3a4d5c94e959359ece6d6b55045c3f046677f55c)\n",
        "net: x\n\n(cherry-picked from 3a4d5c94e959)\n",
        "net: x\n\ncommit 3a4d5c94e959359ece6d6b55045c3f046677f55c upstream.\n\nwords\n",
        "net: x\n\n    commit 3a4d5c94e959 upstream\n",
        "net: x\n\n[ Upstream commit 3a4d5c94e959359ece6d6b55045c3f046677f55c ]\n",
        "net: x\n\nUpstream-commit: 3a4d5c94e959\n",
        "net: x\n\nBackport of upstream commit 3a4d5c94e959.\n",
        "[net] x\n\nBugzilla: 562958\n\ncommit 3a4d5c94e959359ece6d6b55045c3f046677f55c\nAuthor: A\n",
        "[net] x\n\nBugzilla: 562958\ncommit 3a4d5c94e959\n",
    ],
)
def test_who_is_copied_is_read_in_every_idiom(message: str) -> None:
    (name,) = committed(message).cites
    assert name.startswith("3a4d5c94e959")


@pytest.mark.parametrize(
    "message",
    [
        "wifi: x\n\nIt was introduced by:\ncommit 3110bef78cb4282c58245bc8fd6d95d9ccb19749\nAuthor: G\n",
        "netlink: x\n\nSince\ncommit 1dacc76d0014a034b8aca14237c127d7c19d7726\nwe race.\n",
        "net: x\n\nThis fixes commit 3a4d5c94e959.\n",
        "net: x\n\nThis reverts commit 3a4d5c94e959359ece6d6b55045c3f046677f55c.\n",
    ],
)
def test_a_culprit_is_not_taken_for_the_original(message: str) -> None:
    found = committed(message)
    assert found.cites == ()
    assert len(found.names) == 1


def test_a_clear_word_makes_a_bare_name_a_mention() -> None:
    said = "x\n\ncommit 3d79b2a9eeaa upstream.\n\nIt was broken by\n\ncommit 3110bef78cb4\nAuthor: G\n"
    assert committed(said).cites == ("3d79b2a9eeaa",)


def test_the_author_in_the_body_counts() -> None:
    found = committed("x\n\nFrom: Michael <MST@example.org>\n")
    assert found.authors == {"ada@example.org", "mst@example.org"}


# -- lines ----------------------------------------------------------------------------------------------


def test_braces_and_blanks_make_nothing_alike() -> None:
    hunk = Hunk(0, (b"\treturn  0;\n", b"}\n"), 0, (b"\t\treturn 0;\n", b"\n", b"{\n"))

    found = counted_lines([FileChange("f.c", (hunk,))])

    assert found == {b"-return 0;", b"+return 0;"}


def test_binary_files_have_no_patch_id_that_proves_anything() -> None:
    text = FileChange("f.c", (Hunk(0, (), 0, (b"int x;\n",)),))

    assert committed("x", text, patch_id="abc").patch_id == "abc"
    assert committed("x", text, FileChange("logo.ppm", (), binary=True), patch_id="abc").patch_id is None
    assert committed("x", FileChange("run.sh", ()), patch_id="abc").patch_id is None


def test_likeness_is_exact_though_only_our_lines_are_known() -> None:
    whole = Change(oid(1), "x", lines=lines(1, 2, 3, 8, 9), size=5)
    known = Change(oid(1), "x", lines=lines(1, 2, 3), size=5)
    mine = change(2, of=lines(1, 2, 3, 4))

    assert alike(mine, known) == alike(mine, whole) == 3 / 6
    assert alike(change(1), change(2)) == 0


# -- matching -------------------------------------------------------------------------------------------


def test_the_surest_way_wins_and_leaves_the_partner_to_nobody_else() -> None:
    here = [
        ours(change(1, patch_id="same", of=lines(1, 2, 3))),
        ours(change(2, of=lines(1, 2, 3))),
    ]
    there = [
        change(11, patch_id="same", of=lines(1, 2, 3), cites=(oid(2)[:12],)),
        change(12, of=lines(1, 2, 3)),
    ]

    found = {(m.ours, m.theirs): m.by for m in match(here, there)}

    assert found == {(oid(1), oid(11)): By.UPSTREAM_PATCH, (oid(2), oid(12)): By.SIMILAR}


def test_the_patch_as_we_adapted_it_is_found() -> None:
    here = [ours(change(1, patch_id="theirs"), change(2, patch_id="adapted", of=lines(1)))]

    (found,) = match(here, [change(11, patch_id="adapted", of=lines(1))])

    assert (found.ours, found.by, found.alike) == (oid(1), By.OUR_PATCH, 1)


def test_one_commit_may_say_that_it_copies_several() -> None:
    here = [ours(change(n, of=lines(n))) for n in (1, 2)]
    there = [change(11, cites=(oid(1), oid(2)[:9])), change(12, cites=(oid(2),))]

    found = [(m.ours, m.theirs, m.by) for m in match(here, there)]

    assert found == [
        (oid(1), oid(11), By.TRAILER),
        (oid(2), oid(11), By.TRAILER),
        (oid(2), oid(12), By.TRAILER),
    ]


def test_copies_of_one_original_find_each_other() -> None:
    (found,) = match([ours(change(1, cites=(oid(7),)))], [change(11, cites=(oid(7)[:10],))])
    assert (found.by, found.detail) == (By.TRAILER, "both name " + oid(7)[:10])


def test_the_same_subject_twice_is_not_the_same_change() -> None:
    here = [ours(change(1, subject="vhost: fix build", authors=ADA, of=lines(1, 2, 3)))]
    other = change(11, subject="vhost: fix build", authors=ADA, of=lines(7, 8, 9))
    same = change(12, subject="[net] vhost: fix build.", authors=ADA, of=lines(3, 4, 5, 6, 7))
    stranger = change(13, subject="vhost: fix build", of=lines(3, 4, 5, 6, 7))

    assert match(here, [other]) == ()
    assert match(here, [stranger]) == ()
    (found,) = match(here, [other, same])
    assert (found.theirs, found.by) == (oid(12), By.SUBJECT)


@pytest.mark.parametrize(
    ("there", "by"),
    [
        (lines(1, 2, 3), By.SIMILAR),  # 3 of 5
        (lines(1, 2), None),
        (lines(1, 2, 3, 6), None),  # 3 of 6
        (lines(1, 2, 3, 4, *range(20, 40)), By.PART),  # 4 of our 5, in a rollup
        (lines(1, 2, 3, *range(20, 40)), None),
    ],
)
def test_similarity_has_a_stated_threshold(there: frozenset[bytes], by: By | None) -> None:
    found = match([ours(change(1, of=lines(1, 2, 3, 4, 5)))], [change(11, of=there)])
    assert [m.by for m in found] == ([by] if by else [])


def test_a_rollup_holds_several() -> None:
    here = [ours(change(n, of=lines(*range(10 * n, 10 * n + 5)))) for n in (1, 2, 3)]
    rollup = change(11, of=lines(*range(10, 15), *range(20, 25), 90, 91, 92, 93))

    found = match(here, [rollup])

    assert [(m.ours, m.by, m.detail) for m in found] == [
        (oid(1), By.PART, "5 of its 5 lines"),
        (oid(2), By.PART, "5 of its 5 lines"),
    ]


def test_the_most_alike_is_taken_of_several() -> None:
    here = [ours(change(1, of=lines(*range(10))))]
    there = [
        change(11, of=lines(*range(7))),
        change(12, of=lines(*range(9))),
        change(13, of=lines(*range(8))),
    ]

    (found,) = match(here, there)

    assert (found.theirs, found.alike) == (oid(12), 0.9)


# -- order ----------------------------------------------------------------------------------------------


@given(st.permutations(range(8)))
def test_without_the_moved_commits_both_orders_are_the_same(order: list[int]) -> None:
    matches = [Match(oid(n), oid(100 + n), By.TRAILER, 1) for n in range(8)]

    gone = {m.commit for m in moved(matches, [oid(100 + n) for n in order])}

    there = [oid(n) for n in order if oid(n) not in gone]
    assert there == [m.ours for m in matches if m.ours not in gone]
    assert (gone == set()) == (order == sorted(order))


def test_one_commit_that_went_to_the_front_is_all_that_moved() -> None:
    matches = [Match(oid(n), oid(100 + n), By.TRAILER, 1) for n in range(1, 5)]
    (found,) = moved(matches, [oid(99), oid(104), oid(101), oid(102), oid(103)])
    assert (found.commit, found.here, found.there) == (oid(4), 4, 1)


def test_parts_of_one_rollup_are_in_no_other_order() -> None:
    matches = [Match(oid(n), oid(100), By.PART, 0.1) for n in range(3)]
    assert moved(matches, [oid(100)]) == ()


# -- files ----------------------------------------------------------------------------------------------


def test_the_same_change_on_another_base_is_not_called_a_difference() -> None:
    here = FileChange("f.c", (Hunk(10, (b"a\n",), 10, (b"b\n",)),))
    there = FileChange("f.c", (Hunk(99, (b"a\n",), 99, (b"b\n",)),))
    other = FileChange("f.c", (Hunk(99, (b"a\n",), 99, (b"b\n", b"c\n")),))

    def state(theirs: FileChange, *, differs: bool = True) -> str:
        return file_result("f.c", "both", here, theirs, None, differs=differs).state

    assert state(there) == "same change"
    assert state(other) == "differs"
    assert state(other, differs=False) == "same"


def test_binary_files_are_not_counted_in_lines_nor_called_the_same_change() -> None:
    binary = FileChange("logo", (), binary=True)
    found = file_result("logo", "both", binary, binary, binary, differs=True)
    assert (found.state, found.here, found.between) == ("differs", None, None)


# -- what one lacks -------------------------------------------------------------------------------------

PLAN = PackagePlan(
    oid(0),
    "v1",
    (),
    considered=(Considered(oid(50), "sweep", "4208 files"),),
    undecided=(Undecided(oid(51), "later", "not reached: the plan stops before it"),),
)


def why(one: Change, *others: Change, mine: tuple[Ours, ...] = ()) -> tuple[str, ...]:
    known = Known(
        PLAN,
        ("drivers/vhost", "include/linux/vhost.h"),
        "v2",
        {oid(77)},
        {oid(60): "1234 is the same"},
    )
    found = lacking_here(known, mine, [*others, one], [])
    return found[-1].why


def test_the_reason_is_what_is_known() -> None:
    assert why(change(50)) == ("considered and not taken: 4208 files",)
    assert why(change(9, cites=(oid(50)[:12],))) == ("considered and not taken: 4208 files",)
    assert why(change(51)) == ("left open: not reached: the plan stops before it",)
    assert why(change(60)) == ("in base already: 1234 is the same",)
    assert why(change(9, paths=("README",))) == (
        "requested by nobody: touches nothing that the feature names",
    )
    assert why(change(9, paths=("drivers/vhost/net.c", "x"))) == (
        "touches drivers/vhost; not among upstream's commits from the base to v2",
    )
    assert "plan again" in why(change(77, paths=("drivers/vhost/net.c",)))[0]


def test_what_repeats_reverts_or_mentions_says_so() -> None:
    first = change(8, patch_id="p")
    assert why(change(9, patch_id="p"), first) == (f"repeats {oid(8).short} of the range, the same patch",)
    assert why(change(9, reverts=oid(8)), first) == (f"reverts {oid(8).short} of the range",)
    assert why(change(9, reverts="deadbeef1234")) == ("reverts deadbeef1234",)
    mine = (ours(change(1), change(2)),)
    assert why(change(9, names=(oid(1)[:12],)), mine=mine) == (
        f"mentions {oid(1).short} (subject 1): a follow-up?",
    )


def test_what_never_landed_here_is_nothing_they_could_lack() -> None:
    landed, redundant = ours(change(1), change(2, paths=("a/f.c",))), ours(change(3))

    found = lacking_there([landed, redundant], [], {oid(1): "it was built on it"}, ())

    assert [(x.commit, x.why) for x in found] == [
        (oid(1), ("in their base already: it was built on it", "requested: asked for"))
    ]
    (limited,) = lacking_there([landed], [], {}, ("b",))
    assert limited.why[0] == "touches none of the paths compared"


def test_a_folder_is_not_its_namesake() -> None:
    assert inside("drivers/vhost/net.c", ["drivers/vhost/"])
    assert inside("drivers/vhost", ["drivers/vhost"])
    assert not inside("drivers/vhost-scsi/x.c", ["drivers/vhost"])
    assert inside("anything", ["."])


# -- ranges ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["v1", "", "..v1", "v1...v2", "v1....v2", "-x..y", ".."])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"not a range of commits; write A\.\.B"):
        parse_range(text)


def test_an_open_range_ends_at_head() -> None:
    assert parse_range("v1..") == ("v1", "HEAD")
    assert parse_range("v1.0..feature/x.y") == ("v1.0", "feature/x.y")
