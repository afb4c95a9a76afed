"""``fedvhost spec --check`` and ``--prep``: what a slip leaves in a spec or a patch is caught."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from backports import KERNEL_SPEC, QEMU_SPEC, Work

THIRD = {
    "kernel": "0003-vhost_net-a-kernel-level-virtio-server.patch",
    "qemu-kvm": "0003-virtio-rename-features-guest_features.patch",
}
FIRST = "patches/f13/kernel/0001-tun-export-underlying-socket.patch"


def test_what_backport_left_is_right(done: Work) -> None:
    before, stamps = done.contents(), done.stamps()

    said = done.json("spec", "--check")

    assert {name: (s["ok"], s["findings"], s["spec"]) for name, s in said.items()} == {
        "kernel": (True, [], KERNEL_SPEC),
        "qemu-kvm": (True, [], QEMU_SPEC),
    }
    assert (done.contents(), done.stamps()) == (before, stamps)


Change = Callable[[list[str]], list[str]]


def _lines(work: Work, spec: str, change: Change) -> None:
    lines = work.file(spec).read_text().splitlines()
    changed = change(lines)
    assert changed != lines
    work.file(spec).write_text("\n".join(changed) + "\n")


def _applies(line: str, name: str) -> bool:
    """Whether a line applies the third patch, in either spec's way."""
    return line == f"ApplyPatch {name}" or bool(re.fullmatch(r"%patch05 -p1", line))


SLIPS: Mapping[str, tuple[Callable[[str], Change], str]] = {
    "an apply line is gone": (
        lambda name: lambda lines: [line for line in lines if not _applies(line, name)],
        "is never applied: no command of %prep names it",
    ),
    "a declaration is gone": (
        lambda name: lambda lines: [line for line in lines if not line.endswith(f": {name}")],
        "is not declared: an SRPM would lack it",
    ),
    "an apply line is a comment": (
        lambda name: lambda lines: [f"# {line}" if _applies(line, name) else line for line in lines],
        "is never applied: no command of %prep names it",
    ),
    "a patch is applied twice": (
        lambda name: lambda lines: [
            line for given in lines for line in ([given] * (2 if _applies(given, name) else 1))
        ],
        "is applied 2 times",
    ),
    "an apply line never runs": (
        lambda name: lambda lines: [
            line
            for given in lines
            for line in (["%if 0", given, "%endif"] if _applies(given, name) else [given])
        ],
        "is never applied: no command of %prep names it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("package", ["kernel", "qemu-kvm"])
@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_in_the_spec_is_caught_and_put_right_where_that_is_safe(
    slip: str, package: str, done: Work
) -> None:
    change, what = SLIPS[slip]
    spec = KERNEL_SPEC if package == "kernel" else QEMU_SPEC
    before = done.contents()
    _lines(done, spec, change(THIRD[package]))

    ran = done.run("spec", "--check", "--package", package)

    assert ran.code == 1
    assert f"wrong     {spec.rsplit('/')[-1]}: '{THIRD[package]}' {what}\n" in ran.out
    again = done.run("backport", "--from-plan", "--package", package)
    if slip == "a declaration is gone":
        # Whose the line that applies it is, nobody can tell any more: it is left to the person.
        assert again.code == 2 and spec in again.err
    else:
        assert again.code == 0
        assert done.run("spec", "--check", "--package", package).code == 0
        left = set(done.file(spec).read_text().splitlines()) - set(before[spec].decode().splitlines())
        assert all(line.startswith(("# ", "%if 0", "%endif")) for line in left)


@pytest.mark.parametrize(
    ("slip", "told"),
    [
        (lambda text: text.replace("+++ b/drivers", "+++ c/drivers", 1), "is not what the plan exports"),
        (lambda text: text.replace("+EXPORT_SYMBOL_GPL", "+EXPORT_SYMBOL"), "is not what the plan exports"),
        (lambda text: None, "is missing"),
    ],
    ids=["in a header", "in an added line", "all of it"],
)  # fmt: skip
def test_a_patch_that_was_tampered_with_is_caught_and_written_anew(
    slip: Callable[[str], str | None], told: str, done: Work
) -> None:
    before = done.contents()
    tampered = slip(done.file(FIRST).read_text())
    if tampered is None:
        done.file(FIRST).unlink()
    else:
        assert tampered.encode() != before[FIRST]
        done.file(FIRST).write_text(tampered)

    ran = done.run("spec", "--prep", "--package", "kernel")

    assert ran.code != 0
    assert FIRST in ran.out + ran.err and told in ran.out + ran.err
    assert done.run("export", "--package", "kernel").code == 0
    assert done.contents() == before


def test_prep_really_runs_and_leaves_the_replayed_files(done: Work) -> None:
    before = done.contents()

    said = done.json("spec", "--prep")

    for name, package in said.items():
        assert package["ok"], package
        log = done.file(f".fedvhost/prep/{name}.log").read_text()
        series = done.file(f"patches/f13/{name}/series").read_text().split()
        assert all(patch in log for patch in series)
    assert (said["kernel"]["prep"]["compared"], said["qemu-kvm"]["prep"]["compared"]) == (12, 19)
    assert done.contents() == before
    assert [p.name for p in done.file(".fedvhost/prep").iterdir() if p.is_dir()] == []


def test_prep_that_leaves_another_tree_than_the_replay_is_caught(done: Work) -> None:
    done.edit(KERNEL_SPEC, "\n%build\n", "\nsed -i s/orphan/orphaned/ drivers/net/tun.c\n\n%build\n")

    assert done.run("spec", "--check", "--package", "kernel").code == 0
    ran = done.run("spec", "--prep", "--package", "kernel")

    assert ran.code == 1
    assert "%prep     left these otherwise: drivers/net/tun.c" in ran.out


def test_prep_that_fails_names_the_patch_and_the_log(done: Work) -> None:
    # Somebody else's patch takes away what ours needs.
    name = "specs/f13/kernel/linux-2.6-sample-name.patch"
    done.file(name).write_text("--- a/drivers/Makefile\n+++ b/drivers/Makefile\n@@ -1,1 +1,1 @@\n-x\n+y\n")

    ran = done.run("spec", "--prep", "--package", "kernel")

    assert ran.code == 1
    assert "'linux-2.6-sample-name.patch' did not apply" in ran.out
    assert str(done.file(".fedvhost/prep/kernel.log")) in ran.out


def test_without_a_series_there_is_nothing_to_hold_the_spec_against(fresh: Work) -> None:
    assert fresh.run("plan", "--package", "kernel").code == 0

    ran = fresh.run("spec", "--check", "--package", "kernel")

    assert ran.code == 2
    assert f"kernel: no series is exported here; make it with: fedvhost -C {fresh.root} backport" in ran.err


@pytest.fixture
def alone(done: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    """A workspace whose histories are gone, on a machine that has no other."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty-cache"))
    done.file("fedvhost.toml").write_text(f'[upstreams]\nkernel = "{tmp_path}/gone"\nqemu-kvm = "nowhere"\n')
    return done


def test_without_the_histories_specs_and_patches_are_compared_all_the_same(alone: Work) -> None:
    said = alone.json("spec", "--check")

    assert {name: (s["ok"], s["findings"]) for name, s in said.items()} == {
        "kernel": (True, []), "qemu-kvm": (True, []),
    }  # fmt: skip
    assert all("held against the evidence of" in s["noticed"][-1] for s in said.values())


def test_nothing_is_downloaded_for_it(alone: Work) -> None:
    alone.file("fedvhost.toml").unlink()  # now the official histories would be cloned

    assert alone.run("spec", "--check", "--package", "kernel").code == 0


def test_without_the_histories_slips_are_caught_too(alone: Work) -> None:
    alone.file(FIRST).write_text(alone.file(FIRST).read_text().replace("+EXPORT", "+ EXPORT", 1))
    _lines(alone, QEMU_SPEC, lambda lines: [line for line in lines if not _applies(line, "")])

    ran = alone.run("spec", "--check")

    assert ran.code == 1
    assert f"'{FIRST}' is not as 'fedvhost backport' left it" in ran.out
    assert "is never applied" in ran.out


def test_without_history_and_evidence_it_says_so(alone: Work) -> None:
    alone.forget()

    ran = alone.run("spec", "--check", "--package", "kernel")

    assert (ran.code, "held against nothing" in ran.out) == (0, True)


def test_a_history_that_was_named_must_be_there(alone: Work) -> None:
    for options in (("--prep",), ("--check", "--upstream", "kernel=/not/there")):
        ran = alone.run("spec", "--package", "kernel", *options)
        assert (ran.code, "does not exist" in ran.err) == (2, True), ran
