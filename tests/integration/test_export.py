"""Patch files as packagers and git take them: applied, mailed, rolled up, the same bytes every time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedvhost.git.identity import Identity
from fedvhost.git.mail import format_patches
from fedvhost.git.store import GitStore
from fedvhost.packaging.application import Content, apply_series
from fedvhost.pipeline.exporting import Export, export
from fedvhost.pipeline.inputs import Job
from fedvhost.pipeline.replaying import Replay, replay
from fedvhost.process import run
from fedvhost.values import Oid
from gitrepo import AUTHOR, File, Repo, numbered
from planned import job, plan

F = numbered()
US = Identity("Pat Packager", "pat@example.org")


@pytest.fixture
def store(repo: Repo) -> Iterator[GitStore]:
    with repo.store() as opened:
        yield opened


def made(
    repo: Repo, store: GitStore, base: Oid, *picks: Oid, rollup: bool = False
) -> tuple[Export, Replay, Job]:
    work = job(repo, store, base, picks)
    done = replay(work, plan(work), US)
    assert done.differs is None and len(done.picked) == len(picks)
    return export(work, done, rollup=rollup), done, work


def mailed(repo: Repo, store: GitStore, base: Oid, found: Export) -> tuple[Oid, list[str]]:
    """Take the patches with ``git am`` on the base; returns the tree and the messages, oldest first."""
    work = repo.path.parent / "am"
    shutil.rmtree(work, ignore_errors=True)
    env = {k: v for k, v in repo.env.items() if k != "GIT_DIR"}
    run(["git", "clone", "-q", "-n", "--shared", str(repo.path), str(work)], env=env)
    run(["git", "checkout", "-q", "--detach", base], cwd=work, env=env)
    for patch in found.patches:
        run(["git", "am", "-q", "--keep-cr", "--keep-non-patch"], cwd=work, env=env, stdin=patch.content)
    tree = run(["git", "rev-parse", "HEAD^{tree}"], cwd=work, env=env).stdout.decode().strip()
    log = run(["git", "log", "--reverse", "--format=%an <%ae> %ad%n%B%x00", f"{base}.."], cwd=work, env=env)
    return Oid(tree), [m.strip("\n") for m in log.stdout.decode().split("\0")[:-1]]


def said(store: GitStore, commit: Oid) -> str:
    """Return author, date and message of a commit, as ``mailed`` does."""
    return store.git("log", "-1", "--format=%an <%ae> %ad%n%B", commit).stdout.decode().strip("\n")


MESSAGES = [
    "net: a plain one\n\nWords.\n\nSigned-off-by: A <a@b>\n",
    "[SCSI] [v2] fix it\n\nWords.\n",
    "subject alone\n",
    "f\xfcr alle: na\xefve \u2026 subject so long that a mail header must fold it somewhere\n\n\u2713\n",
    "s\n\nFrom: Another <another@example.org>\nDate: long ago\n\nA body that begins like a header.\n",
    "s\n\nSubject: of the talk\n",
    "s\n\n>From the archive\n\n[PATCH] of 2009\n",
    "s\n\n#include is no comment\n\n  * indented\n\n--\nno signature\n",
    "s: 100% of %s\n\n=?utf-8?q?not_encoded?=\n\t tab\n",
]


@pytest.mark.parametrize("message", MESSAGES, ids=range(len(MESSAGES)))
def test_git_am_takes_author_date_and_every_word(message: str, repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    pick = repo.commit(message, f=numbered(l5="five"), author="O'Neil, M. J\xf6rg <j@example.org>")
    found, done, _ = made(repo, store, base, pick)
    assert found.application.ok
    tree, messages = mailed(repo, store, base, found)
    assert tree == done.tree
    assert messages == [said(store, done.tip)]


@pytest.mark.parametrize(
    "line",
    [
        "---",
        "--- a/f",
        "diff --git a/f b/f",
        "Index: f",
        "From ada@example.org Mon Sep 17 00:00:00 2001",
        "--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n line 1\n-line 2\n+never\n line 3",
        "    --- a/f\n    +++ b/f\n    @@ -1,3 +1,3 @@\n     line 1\n    -line 2\n    +never\n     line 3",
        "*** a/f\n--- b/f\n***************\n*** 1,2 ****",
    ],
)
def test_a_message_that_quotes_a_diff_is_no_diff(line: str, repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    pick = repo.commit(f"subject\n\nbefore\n\n{line}\n\nafter\n", f=numbered(l5="five"))
    found, done, _ = made(repo, store, base, pick)
    assert found.application.ok
    tree, (message,) = mailed(repo, store, base, found)
    assert tree == done.tree
    # Nothing is lost; the lines that would have ended the message are quoted, as mail quotes.
    assert message.replace("\n>", "\n") == said(store, done.tip)
    # The commit itself keeps upstream's words.
    assert f"\n{line}\n" in store.commit(done.tip).text


def test_a_multi_line_subject_is_one_line_in_mail(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    pick = repo.commit("one\ntwo\n\nbody\n", f=numbered(l5="five"))
    found, done, _ = made(repo, store, base, pick)
    tree, (message,) = mailed(repo, store, base, found)
    assert (tree, message) == (done.tree, said(store, done.tip).replace("one\ntwo", "one two"))
    assert [p.name for p in found.patches] == ["0001-one-two.patch"]


def test_another_encoding_is_mailed_as_utf_8(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    words, author = "f\xfcr\n\nna\xefve\n".encode("latin-1"), "J\xf6rg <j@example.org>".encode("latin-1")
    found, done, _ = made(
        repo, store, base, repo.commit(words, f=numbered(l5="five"), author=author, encoding="ISO-8859-1")
    )
    found.patches[0].content.decode("utf-8")
    assert mailed(repo, store, base, found) == (done.tree, [said(store, done.tip)])


@pytest.mark.parametrize("message", [b"", b"\n\n"])
def test_a_commit_without_a_message(message: bytes, repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    pick = repo.commit(message, f=numbered(l5="five"))
    found, done, _ = made(repo, store, base, pick)
    assert mailed(repo, store, base, found) == (done.tree, [said(store, done.tip)])


def test_a_message_that_is_no_text_still_applies(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    found, done, _ = made(repo, store, base, repo.commit(b"f\xfcr\n\n\xff\n", f=numbered(l5="five")))
    assert found.application.ok
    assert mailed(repo, store, base, found)[0] == done.tree


STRANGE = "dir/a b [x] 'q' caf\xe9.c"
X: dict[str, File] = {"x": "x\n"}
CHANGES: dict[str, tuple[dict[str, File], dict[str, File]]] = {
    "a new file": (X, {"d/n": F}),
    "a new empty file": (X, {"d/n": ""}),
    "a removed file": ({**X, "d/f": F}, {"d/f": None}),
    "a removed empty file": ({**X, "d/f": ""}, {"d/f": None}),
    "a moved file": ({**X, "f": F}, {"f": None, "g": F}),
    "a mode": ({"f": F}, {"f": ("100755", F.encode())}),
    "a new program": (X, {"f": ("100755", F.encode())}),
    "a link": ({**X, "l": ("120000", b"one")}, {"l": ("120000", b"two")}),
    "a new link": (X, {"l": ("120000", b"x")}),
    "carriage returns": ({"f": F.replace("\n", "\r\n")}, {"f": numbered(l5="five").replace("\n", "\r\n")}),
    "no last newline": ({"f": F + "end"}, {"f": F + "END"}),
    "a strange path": ({STRANGE: F}, {STRANGE: numbered(l5="five")}),
    "a path in quotes": ({'q"t\t.c': F}, {'q"t\t.c': numbered(l5="five")}),
    "bytes": ({"f": b"caf\xe9\n" + F.encode()}, {"f": b"th\xe9\n" + F.encode()}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_patch_can_say_applies_and_mails(name: str, repo: Repo, store: GitStore) -> None:
    before, after = CHANGES[name]
    base = repo.commit("base", before)
    found, done, _ = made(repo, store, base, repo.commit("pick", after))
    assert found.application.ok, found.application
    assert mailed(repo, store, base, found)[0] == done.tree


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"f": b"\0one"}, {"f": b"\0two"}),
        ({"s": ("160000", Oid("1" * 40)), "x": "x\n"}, {"s": ("160000", Oid("2" * 40))}),
    ],
    ids=["binary", "submodule"],
)
def test_what_patch_cannot_do_is_said_and_not_passed_over(
    before: dict[str, File], after: dict[str, File], repo: Repo, store: GitStore
) -> None:
    base = repo.commit("base", before)
    found, _, _ = made(repo, store, base, repo.commit("pick", after))
    assert not found.application.ok
    assert found.application.failed == "0001-pick.patch" or found.application.differing


def test_a_file_that_a_later_commit_changes_back_is_part_of_the_proof(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F, g="g\n")
    one = repo.commit("one", f=numbered(l5="five"), g="h\n")
    two = repo.commit("two", f=F)
    found, done, _ = made(repo, store, base, one, two)
    assert found.application.ok and found.application.applied == 2
    assert mailed(repo, store, base, found)[0] == done.tree


def test_a_tampered_patch_is_caught(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    found, _, _ = made(repo, store, base, repo.commit("pick", f=numbered(l5="five")))
    before, after = ({"f": Content("100644", text.encode())} for text in (F, numbered(l5="five")))
    (patch,) = found.patches
    for old, new in ((b"+five", b"+six"), (b" line 2\n", b" line two\n"), (b"@@ -2,7 +2,7", b"@@ -2,7 +2,8")):
        assert old in patch.content
        assert not apply_series(before, [(patch.name, patch.content.replace(old, new))], after).ok
    assert apply_series(before, [(patch.name, patch.content)], after).ok


def test_a_rollup_is_one_patch_with_the_same_result(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    one = repo.commit("one", {"f": numbered(l5="five"), STRANGE: F})
    two = repo.commit("--- a/f\n+++ b/f\n@@ -1 +1 @@\n", {"f": numbered(l5="five", l15="x"), "n": "n"})
    found, done, _ = made(repo, store, base, one, two, rollup=True)
    (patch,) = found.patches
    assert found.application.ok and patch.name == "vhost-net-rollup.patch"
    assert [p.entry.commit for p in patch.picked] == [one, two]
    for commit in (one, two):
        assert f"\ncommit {commit} (clean)\n    ".encode() in patch.content
    assert AUTHOR.encode() in patch.content

    work = repo.path.parent / "rolled"
    repo.git("-C", str(repo.path), "worktree", "add", "-q", "--detach", str(work), base)
    run(["patch", "-p1", "-F0", "-s"], cwd=work, stdin=patch.content)
    env = {k: v for k, v in repo.env.items() if k != "GIT_DIR"}
    run(["git", "add", "-A"], cwd=work, env=env)
    assert run(["git", "write-tree"], cwd=work, env=env).stdout.decode().strip() == done.tree


GITCONFIG = """\
[diff]
    noprefix = true
    mnemonicPrefix = true
    algorithm = patience
    context = 9
    renames = copies
    orderFile = /nonexistent/order
    indentHeuristic = false
    submodule = log
[format]
    signature = mine
    subjectPrefix = MY
    numbered = true
    attach = true
    pretty = mboxrd
    coverLetter = true
    signOff = true
    useAutoBase = true
    suffix = .txt
    headers = "X-Mine: 1\\n"
[core]
    quotePath = false
    abbrev = 5
[i18n]
    logOutputEncoding = ISO-8859-1
    commitEncoding = ISO-8859-1
[color]
    ui = always
[merge]
    conflictStyle = merge
    renames = false
[log]
    showSignature = true
"""


def test_the_same_bytes_whatever_a_persons_git_is_told(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = repo.commit("start", {"f": F, "g": "a\nb\nz\n", "old": numbered(l1="x"), STRANGE: F})
    base = repo.commit("base", {"g": "a\nown\nz\n"})
    files: dict[str, File] = {
        "f": numbered(l5="five"),
        "g": "a\nnew\nb\nz\n",
        "old": None,
        "new": numbered(l1="x"),
    }
    pick = repo.commit("f\xfcr alle\n\n\u2026\n", {**files, STRANGE: numbered(l5="five")}, onto=start)

    def bytes_of(name: str) -> list[bytes]:
        with repo.store(name) as opened:
            found = [made(repo, opened, base, pick, rollup=rollup)[0] for rollup in (False, True)]
        assert all(f.application.ok for f in found)
        return [p.content for f in found for p in f.patches]

    plain = bytes_of("one.git")
    home = tmp_path / "home"
    (home / ".config/git").mkdir(parents=True)
    (home / ".gitconfig").write_text(GITCONFIG)
    (home / ".config/git/attributes").write_text("* merge=union -diff\n")
    for name, value in {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "GIT_CONFIG_NOSYSTEM": "0",
        "GIT_CONFIG_PARAMETERS": "'diff.noprefix=true'",
        "GIT_DIFF_OPTS": "-u9",
        "GIT_EXTERNAL_DIFF": "false",
        "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z",
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
    }.items():
        monkeypatch.setenv(name, value)
    assert bytes_of("two.git") == plain


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from("\n\n\t->=:"), max_size=60
)


@given(message=WORDS)
@settings(max_examples=15, deadline=None)
def test_every_message_leaves_a_patch_that_applies(
    message: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repo = Repo(tmp_path_factory.mktemp("any") / "upstream")
    base = repo.commit("base", f=F)
    with repo.store() as opened:
        found, done, _ = made(repo, opened, base, repo.commit(message, f=numbered(l5="five")))
        assert found.application.ok
        assert mailed(repo, opened, base, found)[0] == done.tree


def test_nothing_picked_is_no_patch(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    work = job(repo, store, base, [repo.commit("pick", f=numbered(l5="five"))])
    nothing = replace(replay(work, plan(work), US), tip=base, picked=())
    assert format_patches(store, base, base) == ()
    for rollup in (False, True):
        assert export(work, nothing, rollup=rollup).patches == ()
