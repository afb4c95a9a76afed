"""Specs in every idiom, changed by us, read by rpm: ``tests/data/specs/<idiom>/{before,after}.spec``."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from fedvhost.errors import InputError
from fedvhost.packaging.edit import edit_spec
from fedvhost.packaging.evr import newer
from fedvhost.packaging.proof import unapplied
from fedvhost.packaging.rpmspec import evaluate
from fedvhost.specs.changelog import Evr
from fedvhost.specs.proof import Problem
from fedvhost.specs.wanted import SpecChange, SpecPatch

SPECS = Path(__file__).resolve().parents[1] / "data" / "specs"
IDIOMS = sorted(folder.name for folder in SPECS.iterdir())
DEFINES = {"dist": ".fc13"}

CHANGE = SpecChange(
    "vhost-net",
    "KVM networking through the host's kernel",
    (
        SpecPatch(
            "0001-tun-export-underlying-socket.patch",
            "tun: export underlying socket",
            "upstream 05c2828c72c4 (v2.6.34)",
        ),
        SpecPatch(
            "0002-vhost_net-a-kernel-level-virtio-server.patch",
            "vhost_net: a kernel-level virtio server",
            "upstream 3a4d5c94e959 (v2.6.34)",
        ),
    ),
    ("100% in the host (Fedora feature VHostNet)",),
    "Sam Series <sam@example.org>",
    datetime.date(2010, 4, 6),
)


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    folder = tmp_path / "patches"
    folder.mkdir()
    for name in CHANGE.files:
        (folder / name).write_text("a patch of at least 13 bytes\n")
    return folder


def edited(spec: Path, patches: Path, change: SpecChange = CHANGE) -> bytes:
    return edit_spec(spec, patches, change, defines=DEFINES, target="x86_64")


@pytest.mark.parametrize("idiom", IDIOMS)
def test_the_spec_comes_out_as_a_packager_would_write_it(idiom: str, patches: Path) -> None:
    after = edited(SPECS / idiom / "before.spec", patches)

    assert after.decode() == (SPECS / idiom / "after.spec").read_text()


@pytest.mark.parametrize("idiom", IDIOMS)
def test_a_second_run_changes_no_byte(idiom: str, patches: Path) -> None:
    spec = SPECS / idiom / "after.spec"

    assert edited(spec, patches, replace(CHANGE, date=datetime.date(2011, 1, 1))) == spec.read_bytes()


@pytest.mark.parametrize("idiom", IDIOMS)
def test_rpm_sees_the_series_declared_applied_and_newer(idiom: str, patches: Path) -> None:
    before = evaluate(SPECS / idiom / "before.spec", defines=DEFINES, target="x86_64")
    spec = SPECS / idiom / "after.spec"
    after = evaluate(spec, defines=DEFINES, target="x86_64", sourcedir=patches)

    # rpm's word, in both directions: nobody else's patch came or went.
    assert [n for _, n in after.patches if n not in CHANGE.files] == [n for _, n in before.patches]
    assert [n for _, n in after.patches if n in CHANGE.files] == list(CHANGE.files)
    assert newer(after.evr, before.evr) or idiom == "autosetup"
    findings = unapplied(spec, CHANGE.files, defines=DEFINES, target="x86_64")
    # That one is only for the server's build, and so says the finding.
    assert [f.patch for f in findings] == (["ranged-server.patch"] if idiom == "autopatch" else [])


def apply_lines(text: str, number: int) -> list[str]:
    wanted = (f"%patch{number} ", f"%patch{number:02d} ", f"%patch -P {number} ", "ApplyPatch 0001-")
    return [line for line in text.split("\n") if line.startswith(wanted)]


@pytest.mark.parametrize("idiom", ["numbered", "kernel", "option", "conditional", "first"])
@pytest.mark.parametrize("ruin", ["delete", "comment", "if false", "twice"])
def test_an_apply_line_ruined_by_hand_is_found(idiom: str, ruin: str, tmp_path: Path) -> None:
    text = (SPECS / idiom / "after.spec").read_text()
    number = {n: k for k, n in evaluate(SPECS / idiom / "after.spec", defines=DEFINES).patches}[
        CHANGE.files[0]
    ]
    (line,) = apply_lines(text, number)
    ruined = {
        "delete": "",
        "comment": f"# {line.replace('%', '%%')}",
        "if false": f"if false; then\n{line}\nfi",
        "twice": f"{line}\n{line}",
    }[ruin]
    name = "kernel.spec" if idiom == "kernel" else "x.spec"
    (tmp_path / name).write_text(text.replace(f"\n{line}\n", f"\n{ruined}\n"))

    findings = unapplied(tmp_path / name, CHANGE.files, defines=DEFINES, target="x86_64")

    assert [(f.patch, f.problem) for f in findings] == [
        (CHANGE.files[0], Problem.APPLIED_TWICE if ruin == "twice" else Problem.NOT_APPLIED)
    ]


def test_a_patch_of_another_branch_is_no_finding(tmp_path: Path) -> None:
    """Patch90 is for big-endian hosts; and there it is applied."""
    spec = SPECS / "numbered" / "after.spec"

    for target in ("x86_64", "ppc64"):
        assert unapplied(spec, CHANGE.files, defines=DEFINES, target=target) == ()
    assert 90 in dict(evaluate(spec, defines=DEFINES, target="ppc64").patches)
    assert 90 not in dict(evaluate(spec, defines=DEFINES, target="x86_64").patches)


def test_autosetup_with_n_applies_nothing_and_that_is_seen(tmp_path: Path) -> None:
    text = (SPECS / "autosetup" / "after.spec").read_text()
    (tmp_path / "modern.spec").write_text(text.replace("%autosetup", "%autosetup -N"))

    findings = unapplied(tmp_path / "modern.spec", CHANGE.files, defines=DEFINES)

    assert [f.problem for f in findings] == [Problem.NOT_APPLIED] * 4


def test_numbers_and_names_are_rpms(tmp_path: Path) -> None:
    found = evaluate(SPECS / "option" / "before.spec", defines=DEFINES)

    assert found.patches == (
        (8, "columns-first.patch"),
        (9, "columns-second.patch"),
        (999999, "columns-for-testers.patch"),
    )
    assert found.sources == ("columns-1.4.tar.xz",)
    assert found.nvr == "columns-1.4-1.fc13.2"
    assert evaluate(SPECS / "numbered" / "before.spec", defines=DEFINES).nevr == "emulator-2:0.12.3-6.fc13"


def test_bare_tags_get_the_numbers_that_rpm_gives_them(tmp_path: Path) -> None:
    spec = tmp_path / "x.spec"
    tags = (
        "Patch: a.patch\nPatch: b.patch\nPatch20: c.patch\nPatch: d.patch\nPatch7: e.patch\nPatch: f.patch\n"
    )
    head = "Name: x\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\n"
    applied = "".join(f"%patch -P {n} -p1\n" for n in (0, 1, 20, 21, 7, 22))
    spec.write_text(f"{head}{tags}%description\nx\n%prep\n{applied}")

    # rpm itself says which file each number is, and refuses one it does not know.
    assert [n for n, _ in evaluate(spec, defines=DEFINES).patches] == [0, 1, 20, 21, 7, 22]
    assert unapplied(spec, [f"{c}.patch" for c in "abcdef"], defines=DEFINES) == ()


def test_what_rpm_cannot_read_is_rpms_own_message_with_the_line(tmp_path: Path) -> None:
    spec = tmp_path / "x.spec"
    spec.write_text("Name: x\nFoo bar\n")

    with pytest.raises(InputError) as caught:
        evaluate(spec, defines=DEFINES)

    assert (caught.value.line, caught.value.exit_code) == (2, 2)
    assert str(caught.value) == f"{spec}:2: rpm cannot read this spec: Unknown tag: Foo bar"


def test_a_missing_patch_file_is_named_before_anything_is_done(patches: Path) -> None:
    (patches / CHANGE.files[1]).unlink()

    with pytest.raises(InputError, match=r"no file '0002-vhost_net-a-kernel-level-virtio-server\.patch'"):
        edited(SPECS / "numbered" / "before.spec", patches)


def test_what_the_person_has_in_rpmmacros_changes_nothing(
    patches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".rpmmacros").write_text("%dist .mine\n%version 99\n")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert edited(SPECS / "kernel" / "before.spec", patches) == (SPECS / "kernel" / "after.spec").read_bytes()


def test_evrs_are_compared_by_rpm() -> None:
    assert newer(Evr(None, "2.6.33", "10.fc13"), Evr(None, "2.6.33", "9.fc13"))
    assert newer(Evr(2, "0.12", "1"), Evr(None, "9", "1"))
    assert newer(Evr(None, "1.0", "1"), Evr(None, "1.0~rc1", "5"))
    assert not newer(Evr(None, "1.0", "1"), Evr(0, "1.0", "1"))
