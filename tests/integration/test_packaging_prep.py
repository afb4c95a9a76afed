"""%prep of a tiny package, really run; and the archive it unpacks."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from fedvhost.errors import InputError
from fedvhost.packaging.prep import failed_patch, run_prep
from fedvhost.packaging.source import Compression, source_archive

LINES = "".join(f"{n}\n" for n in range(1, 13))

SPEC = """\
Name: tiny
Version: 1
Release: 1%{{?dist}}
Summary: Tiny
License: MIT
# A plain tar under this name: rpm goes by the content.
Source0: tiny-1.tar.bz2
Patch1: first.patch
Patch2: second.patch
BuildRequires: nobody-has-this

%description
Tiny.

%prep
{setup}
{apply}
"""

STYLES = {
    "numbered": ("%setup -q", "%patch1 -p1\n%patch2 -p1"),
    "option": ("%setup -q", "%patch -P 1 -p1\n%patch -P 2 -p1"),
    "function": (
        'ApplyPatch()\n{\n  patch -p1 -F0 -s < "$RPM_SOURCE_DIR/$1"\n}\n%setup -q',
        "ApplyPatch first.patch\nApplyPatch second.patch",
    ),
    "autosetup": ("%autosetup -p1", ""),
    "git-am": (
        "%setup -q\ngit init -q\ngit config user.name x\ngit config user.email x@example.org\n"
        "git add .\ngit commit -qm base",
        "git am -q %{patches}",
    ),
}


def patch(old: str, new: str, subject: str) -> str:
    """A one-line change with three lines of context, in mail format."""
    lines = LINES.split("\n")[:-1]
    at = lines.index(old)
    before, after = lines[at - 3 : at], lines[at + 1 : at + 4]
    body = (
        "".join(f" {line}\n" for line in before)
        + f"-{old}\n+{new}\n"
        + "".join(f" {line}\n" for line in after)
    )
    return (
        "From: Sam Series <sam@example.org>\nDate: Tue, 6 Apr 2010 12:00:00 +0000\n"
        f"Subject: {subject}\n\n---\n"
        f"diff --git a/numbers b/numbers\n--- a/numbers\n+++ b/numbers\n@@ -{at - 2},7 +{at - 2},7 @@\n{body}"
    )


@pytest.fixture
def history(tmp_path: Path) -> Path:
    folder = tmp_path / "history"
    folder.mkdir()
    (folder / "numbers").write_text(LINES)
    for argv in (["init", "-q"], ["add", "."], ["commit", "-qm", "base"]):
        subprocess.run(["git", *argv], cwd=folder, check=True)
    return folder / ".git"


@pytest.fixture
def sources(tmp_path: Path, history: Path) -> dict[str, Path]:
    archive = tmp_path / "tiny-1.tar.bz2"
    source_archive(history, "HEAD", "tiny-1", archive)
    (tmp_path / "first.patch").write_text(patch("4", "four", "first"))
    (tmp_path / "second.patch").write_text(patch("9", "nine", "second"))
    return {name: tmp_path / name for name in ("tiny-1.tar.bz2", "first.patch", "second.patch")}


def spec(tmp_path: Path, style: str) -> Path:
    setup, apply = STYLES[style]
    file = tmp_path / "tiny.spec"
    file.write_text(SPEC.format(setup=setup, apply=apply))
    return file


@pytest.mark.parametrize("style", sorted(STYLES))
def test_prep_ends_in_the_patched_tree(style: str, tmp_path: Path, sources: dict[str, Path]) -> None:
    result = run_prep(
        spec(tmp_path, style), sources, workdir=tmp_path / "work", defines={"dist": ".fc13"}, epoch=1270555200
    )

    assert result.ok, result.log
    assert result.tree == tmp_path / "work" / "BUILD" / "tiny-1"
    assert (result.tree / "numbers").read_text() == LINES.replace("4\n", "four\n").replace("9\n", "nine\n")


@pytest.mark.parametrize("style", sorted(STYLES))
def test_a_patch_that_needs_fuzz_is_refused_and_named(
    style: str, tmp_path: Path, sources: dict[str, Path]
) -> None:
    """Context that differs in one line: patch would guess, at fuzz 1, and put it somewhere."""
    moved = sources["second.patch"].read_text().replace("\n 6\n", "\n six\n")
    sources["second.patch"].write_text(moved)

    result = run_prep(spec(tmp_path, style), sources, workdir=tmp_path / "work", defines={})

    assert (result.ok, result.tree, result.failed_patch) == (False, None, "second.patch")
    assert "second" in result.log


def test_a_source_that_nobody_gave_is_named(tmp_path: Path, sources: dict[str, Path]) -> None:
    del sources["second.patch"]

    with pytest.raises(InputError, match=r"no file was given for 'second\.patch'"):
        run_prep(spec(tmp_path, "numbered"), sources, workdir=tmp_path / "work", defines={})


def test_a_folder_with_somebody_elses_build_is_left_alone(tmp_path: Path, sources: dict[str, Path]) -> None:
    (tmp_path / "work" / "BUILD" / "theirs").mkdir(parents=True)

    with pytest.raises(InputError, match="used for a build before"):
        run_prep(spec(tmp_path, "numbered"), sources, workdir=tmp_path / "work", defines={})


def test_prep_that_fails_without_a_patch_blames_none(tmp_path: Path, sources: dict[str, Path]) -> None:
    file = spec(tmp_path, "numbered")
    file.write_text(file.read_text().replace("%setup -q", "%setup -q\nfalse"))

    result = run_prep(file, sources, workdir=tmp_path / "work", defines={})

    assert (result.ok, result.failed_patch) == (False, None)


def test_git_am_tells_which_of_its_files_failed() -> None:
    log = "+ git am /s/a.patch /s/b.patch /s/c.patch\nApplying: a\nApplying: b\nPatch failed at 0002 b\n"

    assert failed_patch(log, ["a.patch", "b.patch", "c.patch"]) == "b.patch"


# -- the archive -------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["none", "gzip", "bzip2"])
def test_the_same_commit_gives_the_same_bytes(
    compression: Compression, tmp_path: Path, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = tmp_path / "a" / "x.tar", tmp_path / "b" / "another-name.tar"
    first = source_archive(history, "HEAD", "tiny-1", one, compression=compression)
    os.utime(history.parent / "numbers", (0, 0))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    mask = os.umask(0o077)
    try:
        second = source_archive(history, "main", "tiny-1/", other, compression=compression)
    finally:
        os.umask(mask)

    assert first == second
    assert one.read_bytes() == other.read_bytes()
    with tarfile.open(one) as archive:
        assert archive.getnames() == ["tiny-1", "tiny-1/numbers"]
    assert sorted(p.name for p in one.parent.iterdir()) == ["x.tar"]


def test_an_unknown_commit_is_said_to_be_unknown(tmp_path: Path, history: Path) -> None:
    with pytest.raises(InputError, match="commit 'v9' is not in this repository"):
        source_archive(history, "v9", "tiny-1", tmp_path / "x.tar")
    assert not (tmp_path / "x.tar").exists()
