"""Questions about a history: order, authorship of lines, sameness of patches, hints from merges."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fedvhost.backport.diff3 import Chunk
from fedvhost.backport.outcome import Unsettled
from fedvhost.git.history import History
from fedvhost.git.store import GitStore
from fedvhost.pipeline.facts import HistoryFacts
from gitrepo import Repo, numbered

F = numbered()


@pytest.fixture
def store(repo: Repo) -> Iterator[GitStore]:
    with repo.store() as opened:
        yield opened


def test_order_is_topological_and_ends_at_the_base(repo: Repo, store: GitStore) -> None:
    before = repo.commit("before", f=F)
    base = repo.commit("base", g="g\n")
    one = repo.commit("one", a="a\n")
    side = repo.commit("side", {"b": "b\n"}, onto=base)
    merge = repo.commit("merge", {"b": "b\n"}, onto=one, merging=[side])
    last = repo.commit("last", c="c\n")
    history = History(store, base, [last])
    places = [history.position(c) for c in (one, side, merge, last)]
    assert sorted(p for p in places if p is not None) == [0, 1, 2, 3]
    assert places[2:] == [2, 3]
    assert history.position(base) is None and history.position(before) is None
    assert set(history.touching(["a", "b"], last)) == {one, side}
    assert history.touching([], last) == ()


def test_who_wrote_a_line_since_the_base(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    five = repo.commit("five", f=numbered(l5="five"))
    nine = repo.commit("nine", f=numbered(l5="five", l9="nine"))
    history = History(store, base, [nine])
    assert history.wrote(nine, "f", [range(5, 6)]) == (five,)
    assert set(history.wrote(nine, "f", [range(4, 10)])) == {five, nine}
    assert history.wrote(nine, "f", [range(1, 3)]) == ()
    assert history.wrote(five, "f", [range(9, 10)]) == ()
    assert history.wrote(nine, "f", []) == ()
    assert history.wrote(nine, "not there", [range(1, 2)]) == ()


def test_files_of_a_commit_are_counted_with_and_without_a_parent(repo: Repo, store: GitStore) -> None:
    root = repo.commit("root", {"a": "a\n", "b": "b\n"})
    more = repo.commit("more", {"a": None, "c": "a\n"})  # a move is two files: no guesses here
    history = History(store, root, [more])
    assert (history.files_changed(root), history.files_changed(more)) == (2, 2)


def test_patch_ids_tell_content_and_not_place_or_words(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", {"f": F, "b": b"\0one"})
    fix = repo.commit("fix", f=numbered(l5="fixed"))
    moved = repo.commit("above", {"f": "above\n" + F}, onto=base)
    copy = repo.commit("other words", {"f": "above\n" + numbered(l5="fixed")})
    other = repo.commit("fix", {"f": numbered(l5="mended")}, onto=base)
    binary = [repo.commit("b", {"b": content}, onto=base) for content in (b"\0two", b"\0three")]
    empty = repo.commit("empty", onto=base)
    merge = repo.commit("merge", {"f": numbered(l5="fixed")}, onto=base, merging=[fix])
    history = History(store, base, [fix])
    ids = history.patch_ids([fix, copy, other, moved, *binary, empty, merge])
    assert ids[fix] == ids[copy]
    assert len({ids[c] for c in (fix, other, moved, *binary)}) == 5
    assert empty not in ids and merge not in ids


def test_only_the_bases_own_commits_on_literal_paths(repo: Repo, store: GitStore) -> None:
    start = repo.commit("start", f=F)
    own = repo.commit("own", {"f": numbered(l1="own"), "[f]": "x\n"})
    other = repo.commit("other", fx="x\n")
    upstream = repo.commit("upstream", {"f": numbered(l2="up")}, onto=start)
    history = History(store, other, [upstream])
    assert history.only_in_base(["f"]) == (own,)
    assert history.only_in_base(["[f]"]) == (own,)
    assert history.only_in_base(["f*"]) == ()


def test_messages_of_the_base_name_what_they_copy_and_revert(repo: Repo, store: GitStore) -> None:
    start = repo.commit("start", f=F)
    names = [str(n) * 40 for n in range(1, 5)]
    copy = repo.commit(f"a\n\n(cherry picked from commit {names[0]})\n", f="1\n")
    both = repo.commit(f"b\n\ncommit {names[1][:12]} upstream.\n\nsee commit {names[2]}\n", f="2\n")
    revert = repo.commit(f'Revert "a"\n\nThis reverts commit {copy}.\n', f="3\n")
    repo.commit("upstream's own", onto=start)
    upstream = repo.commit(f"c\n\n(cherry picked from commit {names[3]})\n", g="4\n")
    history = History(store, revert, [upstream])
    assert history.copies_in_base() == {names[0]: copy, names[1][:12]: both}
    assert history.reverts_in_base() == {str(copy): revert}


def test_the_merge_that_first_settled_a_conflict_is_the_hint(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    pick = repo.commit("pick", f=numbered(l5="new"))
    tip = repo.commit("own lane", {"f": numbered(l9="own")}, onto=base)
    side, merges = pick, []
    for n in range(20):  # more than git would have counted from the end
        new, own = F.replace("line 5\n", f"new {n}\n"), F.replace("line 9\n", f"own {n}\n")
        side = repo.commit(f"side {n}", {"f": new}, onto=side)
        lane = repo.commit(f"own {n}", {"f": own}, onto=tip)
        tip = repo.commit(
            f"merge {n}", {"f": new.replace("line 9\n", f"own {n}\n")}, onto=lane, merging=[side]
        )
        merges.append(tip)
    facts = HistoryFacts(store, History(store, base, [tip]))
    (hint,) = facts.hints(pick, ["f"])
    assert hint.startswith(f"merge {merges[0].short} (merge 0)")
    assert facts.hints(pick, ["other"]) == ()
    assert facts.hints(pick, []) == ()


def test_who_is_behind_a_conflict(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    five = repo.commit("five", f=numbered(l5="five"))
    pick = repo.commit("pick", f=numbered(l5="FIVE"))
    facts = HistoryFacts(store, History(store, base, [pick]))
    chunk = Chunk((b"five\n",), (b"line 5\n",), (b"FIVE\n",))
    assert facts.wrote(pick, Unsettled("f", "", chunk)) == (five,)
    elsewhere = Chunk((b"not in it\n",), (), ())
    assert facts.wrote(pick, Unsettled("f", "", elsewhere)) == ()
    assert facts.wrote(pick, Unsettled("g", "", chunk)) == ()


def test_neighbours_are_the_same_authors_commits_right_before(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    near = repo.commit("near", a="a\n")
    other = repo.commit("other", b="b\n", author="Bob <b@example.org>")
    pick = repo.commit("pick", c="c\n")
    after = repo.commit("after", d="d\n")
    facts = HistoryFacts(store, History(store, base, [after]))
    assert [facts.neighbours(c, pick) for c in (near, other, after)] == [True, False, False]


def test_prerequisites_declared_by_patch_id(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    needs = repo.commit("needs", f=numbered(l5="five"))
    patch_id = History(store, base, [needs]).patch_ids([needs])[needs]
    message = f"pick\n\nprerequisite-patch-id: {patch_id}\nDepends-on: {'1' * 40}\n"
    pick = repo.commit(message, f=numbered(l5="five", l9="nine"))
    facts = HistoryFacts(store, History(store, base, [pick]))
    assert facts.declared(pick) == ((needs, patch_id),)
    assert facts.declared(needs) == ()
