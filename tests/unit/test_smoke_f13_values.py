"""Shape f13 outside its machine: what is listed is run, and what the shell says is read like Python's."""

from __future__ import annotations

import json
import re
from pathlib import Path

from fedvhost.guests import f13
from fedvhost.guests.cpio import Entry, file
from fedvhost.guests.machine import Accelerator, Machine, argv
from fedvhost.inside.catalogue import SHAPES
from fedvhost.inside.rows import Row, Verdict
from fedvhost.pipeline.smoke.options import chosen
from fedvhost.smoke.results import answered

SHELL = (f13.HERE / "rows.sh").read_text()
GROUND = (f13.HERE / "ground.sh").read_text()
# Ids of the feature's test plan.
PLAN = Path(__file__).resolve().parents[2] / "backport/features/vhost-net.toml"


def lines(*names: str) -> list[str]:
    return f13.plan(chosen("f13", names)).read().decode().splitlines()


def test_every_row_that_is_listed_has_its_function_and_no_function_is_forgotten() -> None:
    functions = set(re.findall(r"^row_(\w+)\(\)", SHELL, re.MULTILINE))

    assert {r.id.replace("-", "_") for r in SHAPES["f13"]} == functions


def test_rows_cover_what_the_test_plan_has() -> None:
    known = set(re.findall(r'^id = "(.+)"$', PLAN.read_text(), re.MULTILINE))

    assert {c for r in SHAPES["f13"] for c in r.covers} <= known


def test_one_row_is_asked_with_what_it_builds_on_and_in_order() -> None:
    assert lines("check-worker") == [
        "module-load 20",
        "vhost-on 90 module-load",
        "vhost-off 90 module-load",
        "check-worker 90 vhost-on vhost-off",
    ]


def test_the_index_that_may_crash_the_kernel_is_asked_last() -> None:
    assert lines()[-1].startswith("index ")


def test_of_the_packages_only_what_runs_is_taken() -> None:
    names = (
        "boot/vmlinuz-2.6.33", "boot/System.map-2.6.33", "lib/modules/2.6.33/kernel/net/tun.ko",
        "usr/bin/qemu-kvm", "usr/bin/qemu-img", "usr/share/qemu/bios.bin", "usr/share/qemu/keymaps/de",
        "etc/modprobe.d/blacklist-vhost_net.conf", "usr/src/kernels/2.6.33/Makefile",
    )  # fmt: skip
    entries: list[Entry] = [file(name, b"") for name in names]

    assert list(f13.installed(entries)) == [
        "boot/vmlinuz-2.6.33", "lib/modules/2.6.33/kernel/net/tun.ko", "usr/bin/qemu-kvm",
        "usr/share/qemu/bios.bin", "etc/modprobe.d/blacklist-vhost_net.conf",
    ]  # fmt: skip


def test_the_host_has_one_processor_that_virtualizes() -> None:
    machine = Machine(Accelerator.TCG, "k", "i", command_line=f13.COMMAND_LINE, cpus=1)

    line = " ".join(argv(machine))

    assert "-smp 1" in line and "+svm" in line and "no_timer_check" in line


def test_guests_boot_with_what_keeps_this_kernel_from_hanging() -> None:
    (words,) = re.findall(r'-append "(.*)"', GROUND)

    assert {"no_timer_check", "noapic", "no-kvmclock"} <= set(words.split())


def test_what_the_shell_tells_is_an_answer(tmp_path: Path) -> None:
    """The program that writes it is compiled and run in the integration tests; this is its form."""
    record = json.loads(
        '{"kind":"row","row":"load","verdict":"fail","seconds":1.5,'
        '"why":"a \\u0022b\\u0022","observed":{"k":"v"}}'
    )
    row = Row("load", "It loads", SHAPES["f13"][0].run)

    result = answered(record, {"load": row})

    assert result is not None
    assert (result.verdict, result.why, result.observed) == (Verdict.FAIL, 'a "b"', {"k": "v"})
