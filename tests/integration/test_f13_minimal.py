"""Options for tests and for the contingency: what they change, and that nobody else sees it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fedvhost.packaging.rpmspec import rpm_env
from fedvhost.process import run

CHECKOUT = Path(__file__).resolve().parents[2]
SPECS = {
    "kernel": CHECKOUT / "specs/f13/kernel/kernel.spec",
    "qemu-kvm": CHECKOUT / "specs/f13/qemu-kvm/qemu.spec",
}
WORKAROUNDS = {
    "kernel": ("minimal-today.sh", "config-minimal", "allnoconfig", "CC=gcc"),
    "qemu-kvm": ("--static", ".minimal/python", "-std=gnu89", "--disable-kvm-cap-device-assignment"),
}
VHOST_DEFAULT = '!access("/dev/vhost-net"'


def sections(package: str, home: Path, *switches: str) -> str:
    """What is run to build the package, from %prep to %clean, as rpm expands it for x86_64."""
    spec = SPECS[package]
    words = ["rpmspec", "-P", *switches, "--target", "x86_64", "--define", "dist .fc13"]
    text = run([*words, "--define", f"_sourcedir {spec.parent}", spec], env=rpm_env(home)).stdout.decode()
    match = re.search(r"^%prep$.*?^%clean$", text, re.MULTILINE | re.DOTALL)
    assert match is not None
    return match[0]


@pytest.mark.parametrize("package", SPECS)
def test_a_release_has_none_of_what_minimal_changes(package: str, tmp_path: Path) -> None:
    minimal = sections(package, tmp_path, "--with", "minimal")

    for switches in ((), ("--with", "vhost_default")):
        release = sections(package, tmp_path, *switches)
        assert [word for word in WORKAROUNDS[package] if word in release] == []
    assert [word for word in WORKAROUNDS[package] if word not in minimal] == []


@pytest.mark.parametrize("also", [(), ("--with", "minimal")], ids=["release", "minimal"])
def test_qemus_own_default_follows_vhost_default(also: tuple[str, ...], tmp_path: Path) -> None:
    assert VHOST_DEFAULT not in sections("qemu-kvm", tmp_path, *also)
    assert VHOST_DEFAULT in sections("qemu-kvm", tmp_path, *also, "--with", "vhost_default")


def test_a_rule_for_the_kernel_that_finds_nothing_stops_the_build(tmp_path: Path) -> None:
    """A tree without the loader's case would build, and its modules would not load."""
    rules = SPECS["kernel"].with_name("minimal-today.sh")
    for path, text in {
        "include/linux/empty.h": "",
        "kernel/timeconst.pl": "if (defined(@list)) { }\n",
        "arch/x86/vdso/Makefile": "VDSO_LDFLAGS_a = -m elf_x86_64\n",
        "arch/x86/kernel/module.c": "/* nothing of the kind */\n",
    }.items():
        file = tmp_path / "tree" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    done = run(["sh", rules, tmp_path / "tree"], ok=range(256))

    assert done.returncode == 1
    assert b"arch/x86/kernel/module.c: nothing here reads" in done.stderr
    assert (tmp_path / "tree/kernel/timeconst.pl").read_text() == "if (@list) { }\n"
    assert (tmp_path / "tree/arch/x86/vdso/Makefile").read_text() == "VDSO_LDFLAGS_a = -m64\n"
