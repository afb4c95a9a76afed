"""The object store: exact bytes in and out, strange names, and a git that no setting reaches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fedvhost.commits import Commit, decode, encode, parse_commit
from fedvhost.errors import InputError, ToolFailed
from fedvhost.git.history import NOTHING
from fedvhost.git.store import GitStore
from fedvhost.values import Oid
from gitrepo import Repo, numbered

F = numbered()
STRANGE = 'dir/a "b"\n\té\udce9 [x]*.c'


@pytest.fixture
def store(repo: Repo) -> Iterator[GitStore]:
    with repo.store() as opened:
        yield opened


def test_files_are_read_by_any_path(repo: Repo, store: GitStore) -> None:
    files = {
        STRANGE: "strange\n",
        "a b missing": "x\n",
        ":(glob)*": "magic\n",
        "-dash": "d\n",
        "bin": "\0\r\n",
    }
    commit = repo.commit("files", dict(files))
    for path, text in files.items():
        assert store.file(commit, path) == text.encode()
        assert store.mode(commit, path) == "100644"
    assert store.file(commit, "dir") is None
    assert store.file(commit, "not\nthere") is None
    assert store.file(commit, "not there") is None
    assert store.file(commit, "bin") == b"\0\r\n"  # the conversation goes on as before


def test_pathspec_magic_in_a_path_is_no_magic(repo: Repo, store: GitStore) -> None:
    one = repo.commit("one", {"[a]*": "1\n", "axe": "1\n", ":!x": "1\n"})
    two = repo.commit("two", {"[a]*": "2\n", "axe": "2\n", ":!x": "2\n"})
    assert store.changes(one, two, ["[a]*"]).keys() == {"[a]*"}
    assert store.changes(one, two, [":!x"]).keys() == {":!x"}
    assert store.modes(two, ["[a]*"]).keys() == {"[a]*"}


def test_a_tree_is_written_from_changes(repo: Repo, store: GitStore) -> None:
    commit = repo.commit("files", {"a": "a\n", "d/b": "b\n", STRANGE: "s\n"})
    blob = store.write_blob(b"new\r\n\0")
    tree = store.write_tree(repo.tree(commit), {"d/b": None, STRANGE: ("100755", blob), "never there": None})
    assert store.diff_paths(commit, tree) == ("d/b", STRANGE)
    assert (store.mode(tree, STRANGE), store.file(tree, STRANGE)) == ("100755", b"new\r\n\0")
    assert store.write_tree(tree, {}) == tree
    assert not list(store.path.glob("index-*"))


def test_a_commit_is_written_as_told(store: GitStore) -> None:
    oid = store.write_commit(
        NOTHING, [], b"J\xf6rg <j@x> -1 +0530", b"B <b@c> 2 -0000", b"f\xfcr\n", b"ISO-8859-1"
    )
    assert store.commit(oid) == Commit(
        oid, NOTHING, (), b"J\xf6rg <j@x> -1 +0530", b"B <b@c> 2 -0000", b"f\xfcr\n", b"ISO-8859-1"
    )
    assert store.commit(oid).author_name == "Jörg <j@x>"


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        (b"one\ntwo\n\nbody\n", "one two"),
        (b"\n\none\n \t\nbody\n", "one"),
        (b"one\r\n\r\nbody\r\n", "one"),
        (b"", ""),
        # A terminal, a spec, a plan: none of them gets what a terminal would obey.
        (b"a\x1b[2J b\x1b]0;title\x07 \xc2\x9b31m", r"a\x1b[2J b\x1b]0;title\x07 \x9b31m"),
        ("caf\u00e9 \u202etxt".encode(), "caf\u00e9 \\u202etxt"),
    ],
)
def test_a_subject_is_the_first_paragraph_on_one_line(message: bytes, subject: str) -> None:
    assert Commit(NOTHING, NOTHING, (), b"", b"", message).subject == subject


def test_headers_that_go_over_several_lines_are_passed_over() -> None:
    raw = (
        f"tree {NOTHING}\nparent {'1' * 40}\nauthor A <a> 1 +0000\ncommitter B <b> 2 +0000\n"
        "gpgsig -----BEGIN\n parent nonsense\n encoding none\n -----END\n\nauthor of the message\n"
    ).encode()
    found = parse_commit(NOTHING, raw)
    assert (found.parents, found.encoding) == ((Oid("1" * 40),), None)
    assert found.message == b"author of the message\n"


@pytest.mark.parametrize("name", [None, b"no-such-encoding", b"idna", b"hex", b"\xff"])
def test_text_is_read_whatever_its_header_says(name: bytes | None) -> None:
    assert decode("für".encode(), name) == "für"
    assert decode(b"f\xfcr", name) == "für"
    assert encode("für", name)


def test_names_resolve_to_commits_only(repo: Repo, store: GitStore) -> None:
    commit = repo.commit("files", f=F)
    assert store.resolve(commit[:10]) == commit
    assert store.resolve(repo.tree(commit)) is None
    assert store.resolve("--all") is None
    assert store.resolve("no such") is None
    assert store.present([commit, f"{commit}:f", f"{commit}:g"]) == {
        commit: commit,
        f"{commit}:f": Oid(repo.git("rev-parse", f"{commit}:f")),
        f"{commit}:g": None,
    }
    with pytest.raises(InputError, match="is not in the repository"):
        store.commit(repo.tree(commit))


def test_a_line_is_found_in_any_text_file(repo: Repo, store: GitStore) -> None:
    commit = repo.commit("files", {"a": "x\n\tint grün = 1;\n", "b": b"caf\xe9();\n", "c": b"\0binary\n"})
    assert store.held_line(commit, ["int grün".encode(), b"nowhere"]) == "int grün".encode()
    assert store.held_line(commit, [b"nowhere", b"caf\xe9()"]) == b"caf\xe9()"
    assert store.held_line(commit, [b"nowhere", b"-x", b".*", b""]) is None
    assert store.held_line(commit, [b""]) is None


def test_our_ref_moves_and_upstreams_do_not(repo: Repo, store: GitStore) -> None:
    one, two = repo.commit("one", f=F), repo.commit("two", f=numbered(l5="x"))
    ref = "refs/fedvhost/a/b/c"
    for commit in (one, two, two):
        store.move_ref(ref, commit)
        assert store.resolve(ref) == commit
    assert "fedvhost" not in repo.git("for-each-ref")
    with pytest.raises(ToolFailed):
        store.git("update-ref", ref, one, one)  # what a second run at the same time would meet


def test_a_merge_is_remembered_and_names_its_sides(repo: Repo, store: GitStore) -> None:
    start = repo.commit("start", f=F)
    own = repo.commit("own", f=numbered(l5="own"))
    pick = repo.commit("pick", {"f": numbered(l5="new")}, onto=start)
    merge = store.merge(repo.tree(own), pick)
    assert merge is store.merge(repo.tree(own), pick)
    (conflict,) = merge.conflicts
    assert (conflict.path, conflict.ours) == ("f", Oid(repo.git("rev-parse", f"{own}:f")))
    text = store.file(merge.tree, "f") or b""
    assert f"<<<<<<< {merge.ours}\n".encode() in text and f">>>>>>> {pick}\n".encode() in text
    assert b"\n||||||| " in text


def test_a_conflict_without_a_conflicted_path_is_a_complaint(repo: Repo, store: GitStore) -> None:
    folder = {f"d/{n}": numbered(l1=n) for n in "abce"}
    start = repo.commit("start", dict(folder))
    split = {f"{'gh'[i % 2]}/{p[2:]}": text for i, (p, text) in enumerate(folder.items())}
    own = repo.commit("own", {**dict.fromkeys(folder), **split})
    pick = repo.commit("pick", {"d/new": "n\n"}, onto=start)
    merge = store.merge(repo.tree(own), pick)
    assert merge.conflicts == ()
    assert merge.complaints == (("d", "directory rename unclear split"),)


def test_no_setting_of_a_persons_changes_a_merge(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "git").mkdir()
    (tmp_path / "git/attributes").write_text("* merge=union\n")
    (tmp_path / "git/config").write_text("[merge]\n\tconflictStyle = merge\n\trenames = false\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    start = repo.commit("start", f=F)
    own = repo.commit("own", f=numbered(l5="own"))
    pick = repo.commit("pick", {"f": numbered(l5="new")}, onto=start)
    with repo.store() as opened:
        merge = opened.merge(repo.tree(own), pick)
        assert [c.path for c in merge.conflicts] == ["f"]
        assert b"|||||||" in (opened.file(merge.tree, "f") or b"")


def test_a_tree_that_is_not_there_is_no_empty_one(repo: Repo, store: GitStore) -> None:
    # A clone that left files out; git says that it could not read it, and merges with nothing.
    repo.commit("start", f=F)
    pick = repo.commit("pick", f=numbered(l5="new"))
    with pytest.raises(ToolFailed, match="Could not read 1111111111"):
        store.merge(Oid("1" * 40), pick)
