"""The proof that patches apply is a proof: what is wrong with a patch or its result comes out."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedvhost.packaging.application import Application, Content, apply_series
from fedvhost.process import run
from gitrepo import numbered

OLD, NEW = numbered(), numbered(l5="five")
PATCH = """\
Subject: five

diff --git a/d/f b/d/f
--- a/d/f
+++ b/d/f
@@ -2,7 +2,7 @@
 line 2
 line 3
 line 4
-line 5
+five
 line 6
 line 7
 line 8
"""


def files(text: str, mode: str = "100644") -> dict[str, Content]:
    return {"d/f": Content(mode, text.encode())}


def applied(patch: str, before: str = OLD, after: str = NEW) -> Application:
    return apply_series(files(before), [("0001-five.patch", patch.encode())], files(after))


def test_a_patch_that_fits() -> None:
    assert applied(PATCH) == Application(1)
    assert applied(PATCH).ok


def test_context_that_is_another_is_no_fit_even_where_fuzz_would_take_it(tmp_path: Path) -> None:
    patch = PATCH.replace(" line 2", " line two")
    found = applied(patch)
    assert (found.ok, found.applied, found.failed) == (False, 0, "0001-five.patch")
    assert "FAILED" in found.said

    (tmp_path / "d").mkdir()
    (tmp_path / "d/f").write_text(OLD)
    run(["patch", "-p1", "-F1"], cwd=tmp_path, stdin=patch.encode())
    assert (tmp_path / "d/f").read_text() == NEW


def test_a_changed_line_in_the_patch_shows_in_the_result() -> None:
    found = applied(PATCH.replace("+five", "+six"))
    assert (found.ok, found.failed, found.differing) == (False, None, ("d/f",))


def test_a_file_more_than_expected_shows_in_the_result() -> None:
    more = (
        PATCH + "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+x\n"
    )
    assert applied(more).differing == ("new",)


def test_a_mode_that_is_not_the_expected_one_shows_in_the_result() -> None:
    found = apply_series(files(OLD), [("p", PATCH.encode())], files(NEW, "100755"))
    assert found.differing == ("d/f",)


def test_a_patch_that_is_in_already_is_not_taken_back() -> None:
    found = applied(PATCH, before=NEW)
    assert (found.failed, found.applied) == ("0001-five.patch", 0)


def test_a_file_that_is_not_there_is_not_asked_for() -> None:
    found = apply_series({}, [("p", PATCH.encode())], files(NEW))
    assert found.failed == "p"


def test_hunks_that_moved_are_counted() -> None:
    found = applied(PATCH, "above\n" + OLD, "above\n" + NEW)
    assert (found.ok, found.offsets) == (True, 1)


def test_a_persons_settings_do_not_change_what_patch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    # By POSIX, patch leaves an empty file where one is removed.
    monkeypatch.setenv("POSIXLY_CORRECT", "1")
    removal = b"diff --git a/f b/f\ndeleted file mode 100644\n--- a/f\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
    assert apply_series({"f": Content("100644", b"x\n")}, [("p", removal)], {}).ok


def test_the_second_of_two_is_the_one_that_failed() -> None:
    patches = [("a.patch", PATCH.encode()), ("b.patch", PATCH.encode())]
    found = apply_series(files(OLD), patches, files(NEW))
    assert (found.applied, found.failed) == (1, "b.patch")


def test_a_binary_patch_is_refused_and_not_skipped() -> None:
    patch = b"diff --git a/b b/b\nindex 1..2 100644\nGIT binary patch\nliteral 3\nKcmZQzWMT#Y01f~L\n\n"
    before, after = {"b": Content("100644", b"\0x")}, {"b": Content("100644", b"\0y\0")}
    assert not apply_series(before, [("p", patch)], after).ok


def test_links_and_modes_are_made_and_compared() -> None:
    before = {"l": Content("120000", b"one"), "x": Content("100755", b"#!\n")}
    patch = (
        b"diff --git a/l b/l\nindex 1..2 120000\n--- a/l\n+++ b/l\n@@ -1 +1 @@\n-one\n"
        b"\\ No newline at end of file\n+two\n\\ No newline at end of file\n"
        b"diff --git a/x b/x\nold mode 100755\nnew mode 100644\n"
    )
    after = {"l": Content("120000", b"two"), "x": Content("100644", b"#!\n")}
    assert apply_series(before, [("p", patch)], after).ok
    assert not apply_series(before, [("p", patch)], {**after, "x": before["x"]}).ok
