"""Putting a feature's patches into a spec: what stays, what is refused, what a second run does."""

from __future__ import annotations

import datetime
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedvhost.errors import InputError
from fedvhost.specs.change import apply_change
from fedvhost.specs.changelog import Evr
from fedvhost.specs.text import join, splice, split, without
from fedvhost.specs.wanted import SpecChange, SpecPatch

SPECS = Path(__file__).resolve().parents[1] / "data" / "specs"
DAY = datetime.date(2010, 4, 6)

TUN = SpecPatch("0001-tun.patch", "tun: export", "upstream 05c2828c72c4 (v2.6.34)")
VHOST = SpecPatch("0002-vhost.patch", "vhost_net: new", "upstream 3a4d5c94e959 (v2.6.34)")
FIX = SpecPatch("0003-fix.patch", "vhost: fix", "upstream 17660f812430 (v2.6.34)")
CHANGE = SpecChange("vhost-net", "KVM networking", (TUN, VHOST), (), "Sam Series <sam@example.org>", DAY)

QEMU = b"""\
Name: q
Version: 1
Release: 6%{?dist}
Source0: q.tar.gz
Patch1: one.patch
Patch2: two.patch

%description
q

%prep
%setup -q
%patch1 -p1
%patch2 -p1

%build

%changelog
* Tue Feb 09 2010 Pat Packager <pat@example.org> - 1-6
- Six
"""


def evr_of(spec: bytes) -> Evr:
    """What rpm would say of the simple specs here: the release is the first number that is one."""
    match = re.search(rb"(?m)^(?:%global baserelease|Release:)\s+(\d+)", spec)
    assert match is not None
    return Evr(None, "1", f"{int(match[1])}.fc13", ".fc13")


def changed(
    spec: bytes, change: SpecChange = CHANGE, *, modern: bool = False, released: bool = False
) -> bytes:
    return apply_change(spec, change, evr_of=evr_of, file="q.spec", modern=modern, released=released)


def tags(spec: bytes) -> list[str]:
    return [line for line in spec.decode().split("\n") if line.startswith("Patch")]


def prep(spec: bytes) -> list[str]:
    text = spec.decode()
    return text[text.index("%prep") : text.index("%build")].split("\n")[1:]


# -- a second run -----------------------------------------------------------------------------------


def test_a_second_run_on_another_day_changes_nothing() -> None:
    once = changed(QEMU)

    assert once != QEMU
    assert (
        changed(once, replace(CHANGE, date=datetime.date(2010, 9, 9), author="Al <al@example.org>")) == once
    )


def test_a_longer_series_replaces_the_block_without_a_second_bump() -> None:
    twice = changed(changed(QEMU), replace(CHANGE, patches=(TUN, VHOST, FIX)))

    assert twice == changed(QEMU, replace(CHANGE, patches=(TUN, VHOST, FIX)))
    assert b"Release: 7%{?dist}" in twice
    assert twice.count(b"Sam Series") == 1


def test_a_patch_that_left_the_series_leaves_the_spec() -> None:
    after = changed(changed(QEMU), replace(CHANGE, patches=(VHOST,)))

    assert b"0001-tun.patch" not in after
    assert tags(after)[-1] == "Patch3: 0002-vhost.patch"
    assert prep(after)[-4:] == ["# [vhost-net] KVM networking", "%patch3 -p1", "", ""]


def test_an_entry_that_has_been_built_stays_and_the_release_rises_again() -> None:
    after = changed(changed(QEMU), replace(CHANGE, patches=(TUN,)), released=True)

    assert b"Release: 8%{?dist}" in after
    assert after.count(b"Sam Series") == 2


def test_an_entry_above_which_somebody_wrote_stays() -> None:
    entry = b"* Wed Apr 07 2010 Pat Packager <pat@example.org> - 1-8\n- Eight\n\n* Tue Apr 06"
    theirs = changed(QEMU).replace(b"7%{?dist}", b"8%{?dist}").replace(b"* Tue Apr 06", entry)

    after = changed(theirs, replace(CHANGE, patches=(TUN,), date=datetime.date(2010, 4, 8)))

    assert b"Release: 9%{?dist}" in after
    assert after.count(b"Sam Series") == 2


def test_a_reworded_status_changes_the_comment_and_neither_release_nor_changelog() -> None:
    once = changed(QEMU)
    merged = replace(TUN, status="upstream 05c2828c72c4 (v2.6.34-rc1)")

    after = changed(once, replace(CHANGE, patches=(merged, VHOST)))

    assert after == once.replace(b"(v2.6.34): tun", b"(v2.6.34-rc1): tun")


def test_an_apply_line_that_somebody_deleted_comes_back() -> None:
    once = changed(QEMU)

    assert prep(changed(once.replace(b"%patch3 -p1\n", b""))) == prep(once)


def test_no_patches_take_the_feature_out_again() -> None:
    after = changed(changed(QEMU), replace(CHANGE, patches=()))

    # The release stays raised: the removal is a change as well.
    assert after.replace(b"Release: 7", b"Release: 6").startswith(QEMU[: QEMU.index(b"%changelog")])
    assert changed(after, replace(CHANGE, patches=())) == after


def test_two_features_do_not_touch_each_other() -> None:
    other = replace(CHANGE, feature="macvtap", patches=(FIX,))
    both = changed(changed(QEMU), other)

    assert tags(both)[-3:] == ["Patch3: 0001-tun.patch", "Patch4: 0002-vhost.patch", "Patch5: 0003-fix.patch"]
    assert changed(both) == both
    assert b"0003-fix.patch" in changed(both, replace(CHANGE, patches=()))


# -- what is refused ---------------------------------------------------------------------------------


def refusal(spec: bytes, change: SpecChange = CHANGE) -> InputError:
    with pytest.raises(InputError) as caught:
        changed(spec, change)
    return caught.value


def test_a_patch_that_somebody_else_declares_is_named_with_its_line() -> None:
    error = refusal(QEMU.replace(b"two.patch", b"0002-vhost.patch"))

    assert str(error).startswith("q.spec:6: '0002-vhost.patch' is already declared here")


def test_the_line_is_the_one_in_the_file_as_it_is() -> None:
    """Also where a block of ours stands above it, which the edit takes out first."""
    spec = changed(QEMU).replace(b"%description\n", b"Patch9: 0003-fix.patch\n%description\n")
    error = refusal(spec, replace(CHANGE, patches=(TUN, VHOST, FIX)))

    assert error.line is not None
    assert spec.splitlines()[error.line - 1] == b"Patch9: 0003-fix.patch"


def test_without_prep_nothing_can_be_applied() -> None:
    assert "no %prep" in str(refusal(QEMU.replace(b"%prep", b"%check")))


def test_an_open_if_is_named_with_its_line() -> None:
    assert refusal(QEMU.replace(b"%build", b"%if 1\n%build")).line == 16


def test_an_endif_too_many_is_named_with_its_line() -> None:
    assert refusal(QEMU.replace(b"%build", b"%endif\n%build")).line == 16


def test_shell_that_cannot_be_followed_is_no_place_for_a_patch() -> None:
    error = refusal(QEMU.replace(b"%setup -q\n", b"%setup -q\nif true; then\n"))

    assert error.line == 13
    assert "cannot follow the shell" in error.message


def test_patches_applied_in_an_unknown_way_are_left_to_a_person() -> None:
    error = refusal(QEMU.replace(b"%patch1 -p1\n%patch2 -p1\n", b"./apply-them-all\n"))

    assert error.line == 5
    assert "'one.patch' is declared, but no line of %prep" in error.message


def test_an_entry_cannot_go_back_in_time() -> None:
    error = refusal(QEMU, replace(CHANGE, date=datetime.date(2010, 2, 8)))

    assert error.line == 19
    assert "2010-02-09" in error.message


def test_a_release_nobody_can_raise_is_not_guessed() -> None:
    with pytest.raises(InputError, match="cannot tell where the release"):
        apply_change(
            QEMU.replace(b"6%{?dist}", b"%{from_outside}"),
            CHANGE,
            evr_of=lambda _: Evr(None, "1", "6"),
            file="q.spec",
        )


@pytest.mark.parametrize(
    "bad",
    [
        replace(CHANGE, patches=(TUN, TUN)),
        replace(CHANGE, patches=(SpecPatch("a b.patch"),)),
        replace(CHANGE, patches=(SpecPatch("../a.patch"),)),
        replace(CHANGE, title="two\nlines"),
        replace(CHANGE, author="nobody"),
        replace(CHANGE, feature="a]b"),
    ],
)
def test_what_would_break_a_spec_is_refused(bad: SpecChange) -> None:
    refusal(QEMU, bad)


# -- details that builds have died of ---------------------------------------------------------------


def test_a_number_used_in_another_branch_or_a_comment_is_not_used_again() -> None:
    spec = QEMU.replace(
        b"Patch2: two.patch\n", b"Patch2: two.patch\n%ifarch ppc\nPatch4: ppc.patch\n%endif\n#Patch6: x\n"
    )

    assert tags(changed(spec))[1:] == [
        "Patch2: two.patch",
        "Patch7: 0001-tun.patch",
        "Patch8: 0002-vhost.patch",
        "Patch4: ppc.patch",
    ]


def test_a_percent_sign_in_a_subject_is_doubled() -> None:
    after = changed(
        QEMU, replace(CHANGE, patches=(SpecPatch("0001-x.patch", "fix %s in %{foo}", "upstream"),))
    )

    assert b"# [vhost-net] upstream: fix %%s in %%{foo}\n" in after


def test_rpm_4_20_gets_the_option_form_beside_numbered_lines() -> None:
    assert prep(changed(QEMU, modern=True))[-4:-2] == ["%patch -P 3 -p1", "%patch -P 4 -p1"]


def test_a_patch_behind_a_shell_if_is_not_the_neighbour() -> None:
    spec = QEMU.replace(b"%patch2 -p1\n", b"if [ -f x ]; then\n%patch2 -p1\nfi\n")

    assert prep(changed(spec))[:5] == [
        "%setup -q",
        "%patch1 -p1",
        "",
        "# [vhost-net] KVM networking",
        "%patch3 -p1",
    ]


def test_a_patch_line_in_a_here_document_is_text() -> None:
    spec = QEMU.replace(b"%patch2 -p1\n", b"%patch2 -p1\ncat > README <<EOF\n%patch2 -p1\nEOF\n")

    assert prep(changed(spec))[2:6] == ["%patch2 -p1", "", "# [vhost-net] KVM networking", "%patch3 -p1"]


def test_bytes_that_are_not_utf8_and_windows_endings_stay() -> None:
    spec = QEMU.replace(b"Pat Packager", b"Jos\xe9 P\xe4ckager").replace(b"\n", b"\r\n").removesuffix(b"\r\n")
    after = changed(spec)

    assert b"Jos\xe9 P\xe4ckager" in after
    assert after.count(b"\n") == after.count(b"\r\n")
    assert after.endswith(b"- Six")
    assert set(spec.split(b"\r\n")) - set(after.split(b"\r\n")) == {b"Release: 6%{?dist}"}


def test_a_stray_backslash_does_not_swallow_the_endif_behind_it() -> None:
    """Fedora's qemu.spec had this for a while, in a branch that no build took."""
    spec = QEMU.replace(
        b"%description\n", b"%if 0%{?x}\n%global files \\\n/usr/bin/q \\\n%endif\n\n%description\n"
    )

    assert prep(changed(spec)) == prep(changed(QEMU))


def test_conditions_inside_a_macro_are_the_macros_own() -> None:
    macro = b"%define pkg() \\\n%package %1\\\n%if %{y}\\\nPatch3: x.patch\\\n%endif\\\n%{nil}\n\n"
    spec = QEMU.replace(b"%description\n", macro + b"%description\n")

    assert tags(changed(spec))[2] == "Patch4: 0001-tun.patch"


def test_autorelease_and_autochangelog_count_by_themselves() -> None:
    spec = (SPECS / "autosetup" / "before.spec").read_bytes()

    def never(_: bytes) -> Evr:
        raise AssertionError("nothing to evaluate")

    after = apply_change(spec, CHANGE, evr_of=never, file="modern.spec")
    assert after.splitlines()[-2:] == spec.splitlines()[-2:]
    assert b"Release:        %autorelease\n" in after


# -- properties ---------------------------------------------------------------------------------------


@given(st.binary())
def test_reading_and_writing_back_changes_no_byte(content: bytes) -> None:
    assert join(split(content)) == content


@given(st.text(alphabet="ab\n\r", max_size=40), st.integers(0, 40), st.lists(st.just("x"), max_size=3))
def test_lines_put_in_come_out_again(content: str, at: int, added: list[str]) -> None:
    lines = split(content.encode())
    at = min(at, len(lines))
    more = splice(lines, at, added)

    back = without(more, frozenset(range(at, at + len(added))))
    assert join(back).rstrip(b"\r\n") == join(lines).rstrip(b"\r\n")


_PATCH = st.sampled_from(["one", "two", "three", "four"])
_APPLY = {
    "numbered": "%patch{n} -p1",
    "option": "%patch -P {n} -p1 -b .{name}",
    "function": "ApplyPatch {name}.patch",
    "shell": "patch -p1 < %{{PATCH{n}}}",
}


@st.composite
def specs(draw: st.DrawFn) -> bytes:
    """Specs in one of the idioms, with conditions, comments, functions and endings strewn in."""
    style = draw(st.sampled_from(sorted(_APPLY)))
    names = draw(st.lists(_PATCH, min_size=1, unique=True))
    declared, applied = [], []
    for number, name in enumerate(names, start=draw(st.integers(0, 3))):
        tag, line = f"Patch{number}: {name}.patch", _APPLY[style].format(n=number, name=name)
        around = draw(st.sampled_from(["", "", "%if 0%{?fedora}", "%ifarch ppc", "%if 0"]))
        declared += [around, tag, "%endif"] if around else [f"# {name}", tag]
        applied += [around, line, "%endif"] if around else [line]
        applied += draw(st.sampled_from([[], [""], ["if :; then", "  true", "fi"], ["# %%patch9 -p1"]]))
    function = ["ApplyPatch()", "{", '  patch -p1 < "$1"', "}"] if style == "function" else []
    lines = [
        *(
            "Name: q",
            "Version: 1",
            "Release: 6%{?dist}",
            "Source0: q.tar.gz",
            *declared,
            "",
            "%description",
            "q",
        ),
        *("", "%prep", *function, "%setup -q", *applied, "", "%build", "make", "", "%changelog"),
        *("* Tue Feb 09 2010 Pat Packager <pat@example.org> - 1-6", "- Six", ""),
    ]
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines).encode()


@settings(max_examples=150, deadline=None)
@given(specs(), st.lists(st.sampled_from([TUN, VHOST, FIX]), min_size=1, unique=True))
def test_any_spec_is_changed_once_and_nobody_elses_line_with_it(spec: bytes, series: list[SpecPatch]) -> None:
    once = changed(spec, replace(CHANGE, patches=(TUN,)))
    after = changed(once, replace(CHANGE, patches=tuple(series)))

    assert after == changed(spec, replace(CHANGE, patches=tuple(series)))
    assert changed(after, replace(CHANGE, patches=tuple(series))) == after
    left = iter(after.splitlines())
    assert all(line in left for line in spec.splitlines() if not line.startswith(b"Release"))
