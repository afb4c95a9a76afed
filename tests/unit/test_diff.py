"""``git diff -U0`` as values, from its text."""

from __future__ import annotations

import pytest

from fedvhost.patches.diff import FileChange, Hunk, apply_hunks, parse_diff


def diff(header: str, body: str = "") -> bytes:
    return f"diff --git {header}\nindex 1..2 100644\n{body}".encode()


def test_a_hunk_says_what_became_what_and_where() -> None:
    text = diff(
        "a/f b/f", "--- a/f\n+++ b/f\n@@ -5 +5,2 @@ int main\n-old\n+new\n+more\n@@ -9,0 +11 @@\n+last\n"
    )
    change = parse_diff(text)["f"]
    assert change == FileChange(
        "f", (Hunk(4, (b"old\n",), 4, (b"new\n", b"more\n")), Hunk(9, (), 10, (b"last\n",)))
    )
    old = [b"%d\n" % n for n in range(1, 11)]
    old[4] = b"old\n"
    assert apply_hunks(old, change.hunks) == (*old[:4], b"new\n", b"more\n", *old[5:9], b"last\n", old[9])


def test_a_last_line_without_newline_on_either_side() -> None:
    none = "\\ No newline at end of file\n"
    text = diff("a/f b/f", f"@@ -1,2 +1,2 @@\n-a\n-b\n{none}+a\n+c\n{none}")
    assert parse_diff(text)["f"].hunks == (Hunk(0, (b"a\n", b"b"), 0, (b"a\n", b"c")),)
    gains = parse_diff(diff("a/f b/f", f"@@ -1 +1 @@\n-a\n{none}+a\n"))["f"].hunks
    assert gains == (Hunk(0, (b"a",), 0, (b"a\n",)),)


def test_lines_that_look_like_a_diff_are_lines() -> None:
    text = diff("a/p b/p", "@@ -0,0 +1,4 @@\n+diff --git a/x b/x\n+@@ -1 +1 @@\n+--- a/x\n+\\ No newline\n")
    assert parse_diff(text).keys() == {"p"}
    assert parse_diff(text)["p"].hunks[0].new == (
        b"diff --git a/x b/x\n",
        b"@@ -1 +1 @@\n",
        b"--- a/x\n",
        b"\\ No newline\n",
    )


@pytest.mark.parametrize(
    ("header", "path"),
    [
        ("a/with space b/with space", "with space"),
        ("a/x b/y b/x b/y", "x b/y"),
        (r'"a/q\"uo\" te" "b/q\"uo\" te"', 'q"uo" te'),
        (r'"a/back\\slash\\" "b/back\\slash\\"', "back\\slash\\"),
        (r'"a/new\nline\ttab" "b/new\nline\ttab"', "new\nline\ttab"),
        (r'"a/caf\303\251" "b/caf\303\251"', "café"),
        (r'"a/caf\351" "b/caf\351"', "caf\udce9"),
    ],
)
def test_paths_as_git_quotes_them(header: str, path: str) -> None:
    assert parse_diff(diff(header)) == {path: FileChange(path, ())}


def test_created_deleted_binary_and_a_mere_mode() -> None:
    text = (
        b"diff --git a/n b/n\nnew file mode 100755\nindex 0..1\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n"
        b"diff --git a/d b/d\ndeleted file mode 100644\n--- a/d\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
        b"diff --git a/b b/b\nindex 1..2 100644\nBinary files a/b and b/b differ\n"
        b"diff --git a/m b/m\nold mode 100644\nnew mode 100755\n"
    )
    found = parse_diff(text)
    assert (found["n"].created, found["n"].deleted, found["n"].binary) == (True, False, False)
    assert (found["d"].created, found["d"].deleted) == (False, True)
    assert found["b"] == FileChange("b", (), binary=True)
    assert found["m"] == FileChange("m", ())


def test_a_file_that_becomes_a_link_is_one_change() -> None:
    text = (
        b"diff --git a/l b/l\ndeleted file mode 100644\nindex 1..0\n@@ -1,2 +0,0 @@\n-a\n-b\n"
        b"diff --git a/l b/l\nnew file mode 120000\nindex 0..1\n@@ -0,0 +1 @@\n+target\n"
        b"\\ No newline at end of file\n"
    )
    change = parse_diff(text)["l"]
    assert (change.created, change.deleted) == (True, True)
    assert apply_hunks((b"a\n", b"b\n"), change.hunks) == (b"target",)


def test_a_hunk_is_found_by_text_of_an_added_or_removed_line() -> None:
    hunk = Hunk(0, (b"old words\n",), 0, ("neue Wörter\n".encode(),))
    assert hunk.says("old") and hunk.says("Wörter") and not hunk.says("other")
