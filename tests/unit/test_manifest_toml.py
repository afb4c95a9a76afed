"""Manifests with one mistake each, and what the person who made it is told."""

# ruff: noqa: E501 - one mistake and its whole message a line

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedvhost.backport.manifest import Adaptation, Choice, Feature, Release
from fedvhost.backport.manifest_toml import check_together, read_feature, read_release
from fedvhost.errors import InputError

WORKSPACE = Path(__file__).parents[2] / "backport"

FEATURE = """\
name = "net"
summary = "Faster networking"

[packages.kernel]
paths = ["drivers/net"]
until = "v2"
also = [
  { commit = "0123456789", because = "no path finds it" },
  { commit = "abcdef0", because = "it neither" },
]
config = { CONFIG_NET = "m" }

[[packages.kernel.never]]
commit = "fedcba98"
because = "a sweep"

[[packages.kernel.adapt]]
commit = "0123456789"
path = "net/tap.c"
rename = { new_name = "old_name" }
because = "the base has the old name"

[contingency]
default = "off"
plan = "Off until it is proven."

[[contingency.mechanisms]]
what = "boot"
on = "loaded"
off = "not loaded"

[[excluded]]
what = "raw sockets"
because = "not worth it"

[[test-plan]]
id = "mtu"
title = "MTU sizes"
where = "network"

[[test-plan]]
id = "udp"
title = "UDP"
where = "network"
"""

RELEASE = """\
title = "Fedora 13"
dist = ".fc13"
koji-target = "dist-f13-updates-candidate"
mock-chroot = "fedora-13-x86_64"

[packages.kernel]
base = "v1"
spec = "specs/f13/kernel/kernel.spec"
config-file = "specs/f13/kernel/config-generic"
upstream = "https://example.org/linux.git"
source = "linux-1.tar.bz2"
source-prefix = "linux-1"

[contingency]
net = "off"
"""

CONTINGENCY = '[contingency]\ndefault = "off"\nplan = "Off."\n'
ADAPT = 'rename = { new_name = "old_name" }'


def feature(old: str = "", new: str = "") -> Feature:
    """The good feature with ``old`` replaced by ``new``, once."""
    assert FEATURE.count(old) >= 1
    return read_feature(FEATURE.replace(old, new, 1) if old else FEATURE, "features/net.toml")


def release(old: str = "", new: str = "") -> Release:
    """The good release with ``old`` replaced by ``new``, once."""
    assert RELEASE.count(old) >= 1
    return read_release(RELEASE.replace(old, new, 1) if old else RELEASE, "releases/f13.toml")


def test_a_feature_is_read_whole() -> None:
    kernel = feature().packages["kernel"]

    assert kernel.also[1] == Choice("abcdef0", "it neither")
    assert kernel.config == {"CONFIG_NET": "m"}
    assert kernel.adapt == (
        Adaptation(
            "0123456789", "the base has the old name", path="net/tap.c", rename={"new_name": "old_name"}
        ),
    )
    assert [row.id for row in feature().test_plan] == ["mtu", "udp"]
    assert feature().contingency.mechanisms[0].off == "not loaded"


def test_a_release_takes_its_name_from_its_file() -> None:
    assert release().name == "f13"
    assert release().packages["kernel"].config_file == "specs/f13/kernel/config-generic"
    assert release().contingency == {"net": "off"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("until", "untill", "4: packages.kernel.until: is missing\nfeatures/net.toml:6: packages.kernel.untill: unknown key; did you mean 'until'?"),
        (
            "title =",
            "zzzz = 1\ntitle =",
            "38: test-plan[0].zzzz: unknown key; known here: id, title, where, decided-by",
        ),
        ('summary = "Faster networking"\n', "", "1: summary: is missing"),
        ('until = "v2"\n', "", "4: packages.kernel.until: is missing"),
        (', because = "it neither"', "", "9: packages.kernel.also[1].because: is missing"),
        ('until = "v2"', "until = 2", "6: packages.kernel.until: should be a string, not an integer; write it in quotes"),
        ('"v2"', "2026-01-01", "6: packages.kernel.until: should be a string, not a date or time; write it in quotes"),
        ('["drivers/net"]', '"drivers/net"', "5: packages.kernel.paths: should be an array, not a string"),
        ('["drivers/net"]', '["a",\n1]', "6: packages.kernel.paths[1]: should be a string, not an integer; write it in quotes"),
        ('{ CONFIG_NET = "m" }', "[]", "11: packages.kernel.config: should be a table, not an array"),
        ("[[packages.kernel.adapt]]", "[[packages.kernel.adapt]]\nskip = 1", "18: packages.kernel.adapt[0].skip: should be true or false, not an integer"),
        ("[contingency]", "[[contingency]]", "23: contingency: should be a table, not an array"),
        ("abcdef0", "abcdef", "9: packages.kernel.also[1].commit: 'abcdef' is not a commit: 7 to 40 hexadecimal digits, 0-9 and a-f"),
        ("fedcba98", "v2.6.34", "14: packages.kernel.never[0].commit: 'v2.6.34' is not a commit: 7 to 40 hexadecimal digits, 0-9 and a-f"),
        ("fedcba98", "abcdef01", "9: packages.kernel.also[1].commit: 'abcdef0' is also never[0]; it cannot be both"),
        ("fedcba98", "01234567", "8: packages.kernel.also[0].commit: '0123456789' is also never[0]; it cannot be both\nfeatures/net.toml:18: packages.kernel.adapt[0].commit: '0123456789' is also never[0]; it cannot be both"),
        ("abcdef0", "01234567", "9: packages.kernel.also[1].commit: '01234567' is already also[0]"),
        ('because = "a sweep"', 'because = " "', "15: packages.kernel.never[0].because: is empty: say why, in a line"),
        (ADAPT, "", "17: packages.kernel.adapt[0]: has no verb; give exactly one of: rename, drop-hunk, insert-after, insert-before, map-path, skip"),
        (ADAPT, "skip = false", "17: packages.kernel.adapt[0]: has no verb; give exactly one of: rename, drop-hunk, insert-after, insert-before, map-path, skip"),
        (ADAPT, f"{ADAPT}\ndrop-hunk = true", "17: packages.kernel.adapt[0]: has 2 verbs, rename and drop-hunk; give exactly one of: rename, drop-hunk, insert-after, insert-before, map-path, skip"),
        (f'path = "net/tap.c"\n{ADAPT}', 'insert-after = "}"', "19: packages.kernel.adapt[0].insert-after: needs 'path': in which file that line is"),
        (ADAPT, 'insert-before = "a\\nb"', "20: packages.kernel.adapt[0].insert-before: is more than one line"),
        (ADAPT, f"{ADAPT}\nlast = true", "21: packages.kernel.adapt[0].last: goes with insert-after and insert-before, not with rename"),
        (ADAPT, "skip = true", "19: packages.kernel.adapt[0].path: does not go with skip, which is about the whole commit"),
        (f'path = "net/tap.c"\n{ADAPT}', "drop-hunk = true", "19: packages.kernel.adapt[0].drop-hunk: needs 'path', 'hunk' or both: which hunks; for the whole commit write skip = true"),
        ("new_name", '"new-name"', "20: packages.kernel.adapt[0].rename.new-name: 'new-name' is not an identifier"),
        ('"net/tap.c"', '"../tap.c"', "19: packages.kernel.adapt[0].path: '../tap.c' is not a path inside the tree: relative, without '..'"),
        ('["drivers/net"]', '["/etc"]', "5: packages.kernel.paths[0]: '/etc' is not a path inside the tree: relative, without '..'"),
        ('"v2"', '"--output=x"', "6: packages.kernel.until: '--output=x' is not a revision: a tag or a commit, such as v2.6.34"),
        ('"v2"', '"v1..v2"', "6: packages.kernel.until: 'v1..v2' is not a revision: a tag or a commit, such as v2.6.34"),
        ("CONFIG_NET", "NET", "11: packages.kernel.config.NET: 'NET' is not a kernel option: their names start with CONFIG_"),
        ('"m" }', '"yes" }', "11: packages.kernel.config.CONFIG_NET: 'yes' is not a setting: 'y', 'm', 'n', a number, or a string with quotes of its own, '\"…\"'"),
        ('default = "off"', 'default = "maybe"', "24: contingency.default: 'maybe' is neither 'on' nor 'off'"),
        ('default = "off"', "default = false", "24: contingency.default: should be a string, not a boolean; write it in quotes"),
        ('id = "udp"', 'id = "mtu"', "42: test-plan[1].id: 'mtu' is already test-plan[0]"),
        ('id = "udp"', 'id = "UDP test"', "42: test-plan[1].id: 'UDP test' is not an id: lower-case words joined by '-'"),
        ('where = "network"', 'where = "host"', "39: test-plan[0].where: 'host' is none of: guest, network, virtualization, kernel"),
        ('name = "net"', 'name = "vhost"', "1: name: 'vhost' differs from the file's name, 'net'"),
        ("name =", "name = = 1\n", "1: not TOML: Invalid value"),
        ("until", "paths", "6: not TOML: Cannot overwrite a value"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_feature_is_named_with_file_line_and_key(old: str, new: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        feature(old, new)
    assert str(caught.value) == f"features/net.toml:{message}"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("title", 'name = "f13"\ntitle', "1: name: unknown key; known here: title, dist, koji-target, mock-chroot, packages, contingency, checklist, gate, milestones"),
        ("koji-target", "koji_target", "1: koji-target: is missing\nreleases/f13.toml:3: koji_target: unknown key; did you mean 'koji-target'?"),
        ('".fc13"', '"fc13"', "2: dist: 'fc13' is not a dist tag: it starts with a dot, '.fc13'"),
        ('"dist-f13-updates-candidate"', '"--nowait"', "3: koji-target: '--nowait' is not a name that koji or mock would know"),
        ('base = "v1"\n', "", "6: packages.kernel.base: is missing"),
        ('"https://example.org/linux.git"', '"-u /tmp"', "10: packages.kernel.upstream: '-u /tmp' is not a URL"),
        ('"linux-1.tar.bz2"', '"../linux-1.tar.bz2"', "11: packages.kernel.source: '../linux-1.tar.bz2' is not a file name, without a folder"),
        ('"specs/f13/kernel/kernel.spec"', '"/kernel.spec"', "8: packages.kernel.spec: '/kernel.spec' is not a path inside the tree: relative, without '..'"),
        ('net = "off"', 'net = "of"', "15: contingency.net: 'of' is neither 'on' nor 'off'"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_release_is_named_with_file_line_and_key(old: str, new: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        release(old, new)
    assert str(caught.value) == f"releases/f13.toml:{message}"


def test_a_table_key_that_is_no_package_name_is_named_in_quotes() -> None:
    with pytest.raises(InputError, match=re.escape("4: packages.\"my kernel\": 'my kernel' is not a name")):
        read_feature(FEATURE.split("[[")[0].replace(".kernel", '."my kernel"') + CONTINGENCY, "net.toml")


def test_a_text_that_ends_too_soon_is_wrong_at_its_last_line() -> None:
    with pytest.raises(InputError, match=r"^net\.toml:2: not TOML: "):
        read_feature('name = "net"\nsummary = [\n\n', "net.toml")


def test_all_mistakes_are_reported_at_once_in_the_order_of_their_lines() -> None:
    text = FEATURE.replace('"abcdef0"', '"zzz"').replace('"MTU sizes"', "1").replace("summary", "sumary")

    with pytest.raises(InputError) as caught:
        read_feature(text, "net.toml")

    assert [line.split(":")[1] for line in str(caught.value).splitlines()] == ["1", "2", "9", "38"]
    assert (caught.value.key, caught.value.line) == ("summary", 1)


def test_control_characters_of_a_manifest_do_not_reach_the_terminal() -> None:
    with pytest.raises(InputError) as caught:
        feature('"v2"', r'"v2\u001b[31m"')
    assert r"'v2\x1b[31m'" in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 5000, "a = " + "1" * 5000, "a." * 3000 + "b = 1", "a = 1979-99-99", "\ufeff"]
)
def test_hostile_toml_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError):
        read_release(text, "f13.toml")


@given(st.text() | st.text("[]{}=\"'.,#\n\\ ab01"))
def test_arbitrary_text_never_raises_anything_else(text: str) -> None:
    with pytest.raises(InputError, match=r"^f13\.toml"):
        read_release(text, "f13.toml")


@given(st.data())
def test_a_damaged_manifest_is_read_or_refused_by_line(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(FEATURE)))
    length = data.draw(st.integers(0, 30))
    text = FEATURE[:at] + data.draw(st.text("[]{}=\"'.,#\n-a1", max_size=5)) + FEATURE[at + length :]
    try:
        read_feature(text, "net.toml")
    except InputError as error:
        assert error.line is not None
        assert 1 <= error.line <= text.count("\n") + 1


# -- both together -----------------------------------------------------------------------------------------


def test_a_feature_and_a_release_agree_on_the_packages() -> None:
    assert check_together(feature(), release()) == ("kernel",)


def test_a_package_that_the_release_lacks_is_named() -> None:
    with pytest.raises(InputError) as caught:
        check_together(feature(), release("packages.kernel", "packages.qemu"))
    assert str(caught.value) == (
        "backport/releases/f13.toml: packages.kernel: is missing; feature 'net' lands in this package"
    )


def test_options_need_a_configuration_file_to_stand_in() -> None:
    with pytest.raises(InputError, match=r"packages\.kernel\.config-file: is missing; .* sets CONFIG_NET$"):
        check_together(feature(), release('config-file = "specs/f13/kernel/config-generic"\n'))


# -- the real ones -----------------------------------------------------------------------------------------


def test_the_real_manifests_load_and_fit() -> None:
    read = {p.stem: read_feature(p.read_text(), str(p)) for p in WORKSPACE.glob("features/*.toml")}
    f13 = read_release((WORKSPACE / "releases/f13.toml").read_text(), "releases/f13.toml")

    assert check_together(read["vhost-net"], f13) == ("kernel", "qemu-kvm")
    assert (
        len(read["vhost-net"].packages["qemu-kvm"].also) == 26
    )  # the 24 of the feature, and two repairs of prerequisites
    assert read["vhost-net"].contingency.default == f13.contingency["vhost-net"] == "off"


def test_the_real_feature_leaves_prerequisites_for_the_plan_to_find() -> None:
    text = (WORKSPACE / "features/vhost-net.toml").read_text()
    assert "05c2828c72c" not in text
    assert "5da779c34cc" not in text
