"""Series through the mail and back: exported, taken by ``git am``, exported again; nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedvhost.git.mail import format_patches
from fedvhost.git.store import GitStore
from fedvhost.values import Oid
from gitrepo import AUTHOR, File, Repo, numbered
from mailing import Mailbox, Said, commits, said

F = numbered()
F5 = numbered(l5="five")
LATIN = "J\xf6rg M\xfcller <j@example.org>".encode("latin-1")


@dataclass(frozen=True, slots=True)
class Change:
    """A commit of the series: what it does to the files of ``BASE``, and what it says."""

    files: Mapping[str, File]
    message: str | bytes = "subject\n\nbody\n"
    author: str | bytes = AUTHOR
    encoding: str | None = None


def says(message: str | bytes, author: str | bytes = AUTHOR, encoding: str | None = None) -> Change:
    """A commit whose message is what matters; what it changes is set when the series is made."""
    return Change({}, message, author, encoding)


STRANGE = "dir/a b [x] 'q' \"d\" caf\xe9.c"
BASE: dict[str, File] = {
    "counter": "0\n", "f": F, "crlf": F.replace("\n", "\r\n"), "mixed": "a\r\nb\nc\r\n", "tool": F,
    "link": ("120000", b"f"),
    "binary": bytes(range(256)) * 8, "open": F + "end", "gone": F, "moved": F, "empty": "", "empty too": "",
    STRANGE: F, 'q"t\t.c': F, "new\nline": F, "caf\xe9": "caf\xe9\n",
    "latin": "caf\xe9\n".encode("latin-1"), "to link": F,
    "from link": ("120000", b"f"), "both": F, "spaces ": F,
}  # fmt: skip

# What is done to files.
FILES: dict[str, Change] = {
    "carriage returns": Change({"crlf": F5.replace("\n", "\r\n")}),
    "carriage returns in some lines": Change({"mixed": "a\r\nB\nc\r\n"}),
    "carriage returns that go": Change({"mixed": "a\nB\nc\n"}),
    "chmod +x": Change({"tool": ("100755", F.encode())}),
    "chmod -x and a change": Change({"tool": F5}),
    "a link elsewhere": Change({"link": ("120000", b"moved")}),
    "a file becomes a link": Change({"to link": ("120000", b"f")}),
    "a link becomes a file": Change({"from link": F}),
    "binary": Change({"binary": b"\0" + bytes(range(255)) * 8}),
    "a new binary": Change({"new binary": b"\0\1\2"}),
    "a binary goes": Change({"new binary": None}),
    "the last newline comes": Change({"open": F + "end\n"}),
    "the last newline goes": Change({"open": F + "end"}),
    "a line after no newline": Change({"open": F + "end\nmore"}),
    "a file goes": Change({"gone": None}),
    "a rename": Change({"moved": None, "d/moved": F}),
    "a rename with a change": Change({"d/moved": None, "e/moved": F5}),
    "an empty file comes": Change({"another": ""}),
    "an empty file goes": Change({"empty": None}),
    "an empty file is filled": Change({"empty too": "x\n"}),
    "a file is emptied": Change({"empty too": ""}),
    "a strange path": Change({STRANGE: F5}),
    "a quoted path": Change({'q"t\t.c': F5}),
    "a path with a newline": Change({"new\nline": F5}),
    "a path that is not ASCII": Change({"caf\xe9": "th\xe9\n"}),
    "a path that ends in a space": Change({"spaces ": F5}),
    "text of another encoding": Change({"latin": "th\xe9\n".encode("latin-1")}),
    "several at once": Change({"both": None, "b2": ("100755", b"x"), "binary": b"\0", "f": F5}),
    "lines of mail": Change({"f": "From a@b Mon Sep 17 00:00:00 2001\n---\n-- \ndiff --git a/f b/f\n"}),
    "nothing": Change({}, "an empty commit\n\nwith a body\n"),
}  # fmt: skip

# What is said; each of them has a line of its own in 'counter' as its change.
WORDS: dict[str, Change] = {
    "Latin-1": says("f\xfcr alle\n\nna\xefve\n".encode("latin-1"), LATIN, "ISO-8859-1"),
    "Latin-1 subject, long": says(("\xfc" * 90 + "\n\nna\xefve\n").encode("latin-1"), LATIN, "ISO-8859-1"),
    "Japanese": says("\u4fee\u6b63\n\n\u672c\u6587\n".encode("euc-jp"), "A <a@b>", "EUC-JP"),
    "UTF-8": says("f\xfcr \u2713\n\n\u2026\n", "J\xf6rg <j@example.org>"),
    "brackets": says("[SCSI] [v2] fix it\n\nbody\n"),
    "brackets around all": says("[everything]\n\nbody\n"),
    "a long subject": says("word " * 60 + "end\n\nbody\n"),
    "a long word": says("w" * 2000 + "\n\nbody\n"),
    "a long line": says("subject\n\n" + "w " * 3000 + "end\n"),
    "a subject alone": says("subject\n"),
    "no newline at the end": says("subject\n\nbody"),
    "trailers": says("subject\n\nbody\n\nSigned-off-by: A <a@b>\nCc: stable@kernel.org # 2.6.33\n"),
    "indented": says("subject\n\n  * one\n\t* two\n\n    code\n"),
    "#": says("subject\n\n#include is no comment\n"),
    "encoded words": says("=?utf-8?q?no?=\n\n=?utf-8?b?bm8=?=\n"),
    "%": says("100% of %s\n\n%%\n"),
    "a name with a comma": says("subject\n", "Author, Ada (work) <ada@example.org>"),
    "a name in quotes": says("subject\n", 'Ada "A" Author <ada@example.org>'),
    "a name with a dot": says("subject\n", "Ada B. Author <ada@example.org>"),
    "a long name": says("subject\n", "J\xf6rg " * 9 + "<j@example.org>"),
    "no name": says("subject\n", "ada <>"),
}

# What git am itself changes, whoever wrote the mail: white space that nobody sees, the Re: of a reply, and a
# name of more than 60 bytes, which it does not believe.
BY_GIT: dict[str, tuple[Change, tuple[str, str]]] = {
    "blank lines": (says("subject\n\none\n\n\ntwo\n"), ("one\n\n\n", "one\n\n")),
    "spaces at an end": (says("subject\n\none   \n\ttwo\t\nend\n"), ("one   \n\ttwo\t\n", "one\n\ttwo\n")),
    "a signature": (says("subject\n\n-- \nAda\n"), ("-- \n", "--\n")),
    "a reply": (says("Re: what was asked\n\nbody\n"), ("Re: ", "")),
    "a very long name": (says("s\n", "Ada " * 20 + "<a@b>"), (("Ada " * 20)[:-1] + " <", "a@b <")),
}

# What would end the message, or begin another mail: it comes back quoted with '>', as mail programs do.
QUOTED: dict[str, Change] = {
    line: says(f"subject\n\nbefore\n\n{line}\n\nafter\n")
    for line in (
        "---",
        "--- a/f",
        "+++ b/f",
        "@@ -1,3 +1,3 @@",
        "diff --git a/f b/f",
        "Index: f",
        "From ada@example.org Mon Sep 17 00:00:00 2001",
    )
}
ALL = {**FILES, **WORDS, **QUOTED, **{name: change for name, (change, _) in BY_GIT.items()}}


@dataclass(frozen=True, slots=True)
class Mailed:
    """A series before and after: what each commit says, and the patches of both."""

    before: Mapping[str, Said]
    after: Mapping[str, Said]
    patches: Mapping[str, bytes]
    again: Mapping[str, bytes]


@pytest.fixture(scope="module")
def mailed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mailed]:
    repo = Repo(tmp_path_factory.mktemp("mail") / "upstream")
    base = repo.commit("base", BASE)
    for number, change in enumerate(ALL.values()):
        files = change.files or ({} if change is FILES["nothing"] else {"counter": f"{number}\n"})
        repo.commit(change.message, files, author=change.author, encoding=change.encoding)
    assert repo.tip is not None
    with repo.store() as store:
        yield through_the_mail(repo, store, base, repo.tip)


def through_the_mail(repo: Repo, store: GitStore, base: Oid, tip: Oid) -> Mailed:
    """Export ``base..tip``, apply it, export what came of it."""
    patches = format_patches(store, base, tip)
    box = Mailbox(repo.path.parent / "mailbox", repo.path / ".git", repo.env)
    end = box.take(base, patches)
    with GitStore.borrowing(repo.path.parent / "again.git", [box.path / ".git" / "objects"]) as second:
        second.git("fetch", "-q", str(box.path), str(end))
        after = [said(second, c) for c in commits(second, base, end)]
        again = format_patches(second, base, end)
    before = [said(store, c) for c in commits(store, base, tip)]
    assert len(before) == len(after) == len(patches) == len(again)
    names = list(ALL) if len(before) == len(ALL) else [str(n) for n in range(len(before))]
    return Mailed(
        dict(zip(names, before, strict=True)), dict(zip(names, after, strict=True)),
        dict(zip(names, patches, strict=True)), dict(zip(names, again, strict=True)),
    )  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_every_change_of_files_comes_back_as_the_same_tree(mailed: Mailed, name: str) -> None:
    assert mailed.after[name] == mailed.before[name]


@pytest.mark.parametrize("name", WORDS)
def test_every_author_date_and_word_comes_back(mailed: Mailed, name: str) -> None:
    assert mailed.after[name] == mailed.before[name]


@pytest.mark.parametrize("name", QUOTED)
def test_what_would_end_the_message_comes_back_quoted(mailed: Mailed, name: str) -> None:
    before, after = mailed.before[name], mailed.after[name]

    assert after.message == before.message.replace(f"\n{name}\n", f"\n>{name}\n")
    assert (after.author, after.date, after.tree) == (before.author, before.date, before.tree)


@pytest.mark.parametrize("name", BY_GIT)
def test_what_git_am_changes_is_known_and_nothing_else(mailed: Mailed, name: str) -> None:
    before, after = mailed.before[name], mailed.after[name]
    old, new = BY_GIT[name][1]

    assert (after.author, after.message) == (
        before.author.replace(old, new),
        before.message.replace(old, new),
    )
    assert after != before
    assert (after.date, after.tree) == (before.date, before.tree)


@pytest.mark.parametrize("name", [*FILES, *WORDS, *QUOTED])
def test_the_second_export_has_the_same_bytes(mailed: Mailed, name: str) -> None:
    assert mailed.again[name] == mailed.patches[name]


# -- anything ---------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b c", "d/e", "d/caf\xe9", 'q"', "x.c"])
LINES = st.lists(st.sampled_from([b"one", b"two", b"", b"\xff", b"-- ", b"@@ -1 +1 @@", b"\tx"]), max_size=6)
CONTENTS = st.builds(
    lambda lines, end, last: end.join(lines) + (end if last and lines else b""),
    LINES,
    st.sampled_from([b"\n", b"\r\n"]),
    st.booleans(),
) | st.binary(max_size=40)
TREE_FILES = st.one_of(
    st.tuples(st.sampled_from(["100644", "100755"]), CONTENTS),
    st.tuples(st.just("120000"), st.sampled_from([b"a", b"d/e"])),
)
TREES = st.dictionaries(NAMES, TREE_FILES, max_size=5)


@given(trees=st.lists(TREES, min_size=2, max_size=5))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_series_of_trees_comes_back(
    trees: list[dict[str, tuple[str, bytes]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    repo = Repo(tmp_path_factory.mktemp("trees") / "upstream")
    previous: dict[str, tuple[str, bytes]] = {}
    made: list[Oid] = []
    for number, tree in enumerate(trees):
        gone: dict[str, File] = {path: None for path in previous if path not in tree}
        made.append(repo.commit(f"tree {number}\n", {**gone, **tree, "always": f"{number}\n"}))
        previous = tree

    with repo.store() as store:
        found = through_the_mail(repo, store, made[0], made[-1])

    assert found.after == found.before
    assert found.again == found.patches
