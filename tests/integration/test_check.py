"""``fedvhost check`` on the sample: it holds, and every way to break it is found and named."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conftest import Cli, Ran
from fedvhost.evidence import Evidence, read
from fedvhost.process import run
from fedvhost.sample import Sample, write_sample
from fedvhost.workspace import Workspace

TREE = ".fedvhost/check"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A sample whose trees stay from test to test, as they do for a person."""
    return write_sample(tmp_path_factory.mktemp("check") / "sample")


@pytest.fixture
def sample(made: Sample, cli: Cli) -> Sample:
    """The sample with the manifests as they came, and the plan of them."""
    names = ("features/vhost-net.toml", "releases/f13.toml", "plans/f13-vhost-net.json")
    files = [made.workspace / "backport" / name for name in names]
    if not files[-1].exists():
        _plan(cli, made)
    for file in files:
        kept = file.with_suffix(".orig")
        if not kept.exists():
            kept.write_bytes(file.read_bytes())
        file.write_bytes(kept.read_bytes())
    return made


def _plan(cli: Cli, sample: Sample) -> None:
    done = cli("-C", sample.workspace, "plan", "--release", "f13")
    assert done.code == 0, done.out + done.err


def _check(cli: Cli, sample: Sample, package: str, *more: str) -> Ran:
    return cli("-C", sample.workspace, "-q", "check", "--release", "f13", "--package", package, *more)


def _json(cli: Cli, sample: Sample, package: str, *more: str) -> tuple[int, Mapping[str, Any]]:
    done = _check(cli, sample, package, "--json", *more)
    assert done.err == ""
    found = json.loads(done.out)
    assert found["ok"] == (done.code == 0)
    return done.code, found["packages"][package]


def _change(sample: Sample, path: str, old: str, new: str) -> None:
    file = sample.workspace / path
    assert file.read_text().count(old) == 1, f"'{old}' in {path}"
    file.write_text(file.read_text().replace(old, new))


def _rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(row["subject"], row["result"]) for row in found["rows"]]


# -- it holds ---------------------------------------------------------------------------------------


def test_the_series_of_both_packages_holds_after_every_patch(cli: Cli, sample: Sample) -> None:
    done = cli("-C", sample.workspace, "check", "--release", "f13", "--each", "--json")

    assert done.code == 0, done.out
    packages = json.loads(done.out)["packages"]
    assert {r for p in packages.values() for _, r in _rows(p)} == {"ok"}
    objects = packages["kernel"]["rows"][-1]["objects"]
    assert objects == [
        "drivers/net/tun.o",
        "drivers/vhost/net.o",
        "drivers/vhost/vhost.o",
        "mm/mmu_context.o",
    ]
    assert "net/tap.o" in packages["qemu-kvm"]["rows"][-1]["objects"]
    # Nobody watches a terminal here, so each phase is a line: a check may take minutes.
    steps = done.err.splitlines()
    assert steps[:2] == ["kernel: replaying", "kernel: applying 7 patches with patch -p1 -F0"]
    assert any("compiling" in step for step in steps if step.startswith("qemu-kvm"))


def test_without_each_only_the_tip_is_compiled_and_the_rest_is_not_called_ok(
    cli: Cli, sample: Sample
) -> None:
    code, found = _json(cli, sample, "kernel")

    assert code == 0
    assert [result for _, result in _rows(found)] == ["not compiled"] * (len(found["rows"]) - 1) + ["ok"]


def test_the_evidence_is_one_object_the_same_for_the_same_series(cli: Cli, sample: Sample) -> None:
    workspace = Workspace(sample.workspace)
    code, found = _json(cli, sample, "kernel", "--each")
    first = read(workspace, "f13", "vhost-net", "check", "kernel")
    _json(cli, sample, "kernel", "--each")
    second = read(workspace, "f13", "vhost-net", "check", "kernel")

    assert code == 0
    assert isinstance(first, Evidence) and isinstance(second, Evidence)
    assert (first.facts, first.inputs) == (second.facts, second.inputs)
    evidence = first.facts
    assert (evidence["ok"], evidence["each"], evidence["tip"]) == (True, True, found["tip"])
    tip = run(
        ["git", "-C", sample.workspace / ".fedvhost/git/kernel.git", "rev-parse", f"{found['tip']}^{{tree}}"]
    )
    assert tip.stdout.decode().strip() == evidence["tree"]
    assert "backport/plans/f13-vhost-net.json" in first.inputs
    assert {name for name in first.inputs if name.startswith("patches/f13/kernel/0")} == {
        f"patches/f13/kernel/{row['patch']}" for row in found["rows"]
    }


# -- what breaks it ---------------------------------------------------------------------------------


def test_without_the_export_it_compiles_and_cannot_be_loaded(cli: Cli, sample: Sample) -> None:
    export = sample.commits["kernel/mm-export"]

    code, found = _json(cli, sample, "kernel", "--without", export[:12])

    tip = found["rows"][-1]
    assert code == 1
    assert tip["errors"] == []
    assert {(u["object"], u["name"]) for u in tip["unexported"]} == {
        ("drivers/vhost/net.o", "use_mm"),
        ("drivers/vhost/net.o", "unuse_mm"),
    }
    assert [h for h in found["hints"] if "'use_mm'" in h and export[:12] in h]


def test_without_the_function_it_does_not_compile_and_each_names_the_patch(cli: Cli, sample: Sample) -> None:
    socket = sample.commits["kernel/tun-socket"]

    code, found = _json(cli, sample, "kernel", "--without", socket, "--each")

    broken = next(row for row in found["rows"] if row["result"] == "failed")
    assert code == 1
    assert found["broken"] == broken["commit"] == sample.commits["kernel/vhost-net"]
    (error,) = broken["errors"]
    assert (error["path"], error["names"]) == ("drivers/vhost/net.c", ["tun_get_socket"])
    line = error["line"]
    text = run(["git", "-C", sample.kernel, "show", f"{found['broken']}:drivers/vhost/net.c"]).stdout.decode()
    assert "tun_get_socket" in text.split("\n")[line - 1]
    # Text for people says the same, once.
    shown = _check(cli, sample, "kernel", "--without", socket, "--each").out
    assert shown.count(f"drivers/vhost/net.c:{line}: implicit declaration of function 'tun_get_socket'") == 1


def test_a_person_who_vouches_for_what_is_not_there_is_contradicted(cli: Cli, sample: Sample) -> None:
    """The manifest is wrong, so the plan is: what the plan believed, the compiler does not."""
    _forget_the_rename(sample)
    _plan(cli, sample)

    code, found = _json(cli, sample, "qemu-kvm", "--each")

    assert code == 1
    assert found["broken"] == sample.commits["qemu-kvm/tap-vhost"]
    errors = next(row["errors"] for row in found["rows"] if row["result"] == "failed")
    assert {(e["path"], tuple(e["names"])) for e in errors} == {("net/tap.c", ("error_report",))}


def test_what_stopped_the_plan_is_said_by_its_name(cli: Cli, sample: Sample) -> None:
    _forget_the_rename(sample, vouch=False)
    cli("-C", sample.workspace, "plan", "--release", "f13")

    code, found = _json(cli, sample, "qemu-kvm")

    assert code == 1
    (problem,) = found["problems"]
    assert "the rest was not checked: net/tap.c" in problem
    assert "uses 'error_report', which is not defined here" in problem


def _forget_the_rename(sample: Sample, *, vouch: bool = True) -> None:
    file = sample.workspace / "backport/features/vhost-net.toml"
    parts = file.read_text().split("\n\n")
    kept = [p for p in parts if 'rename = { error_report = "qemu_error" }' not in p]
    assert len(kept) == len(parts) - 1
    assumed = '[[packages.qemu-kvm.assume]]\nsymbol = "error_report"\nbecause = "it is surely there"'
    file.write_text("\n\n".join([*kept, assumed] if vouch else kept) + "\n")


def test_a_trial_is_no_evidence_and_no_series(cli: Cli, sample: Sample) -> None:
    evidence = sample.workspace / ".fedvhost/evidence/f13-vhost-net/check-kernel.json"
    _json(cli, sample, "kernel")
    before = evidence.read_bytes()
    store = sample.workspace / ".fedvhost/git/kernel.git"
    ref = "refs/fedvhost/vhost-net/f13/kernel"
    tip = run(["git", "-C", store, "rev-parse", ref]).stdout

    code, found = _json(cli, sample, "kernel", "--without", sample.commits["kernel/mm-export"])

    assert code == 1
    assert found["evidence"] is None
    assert evidence.read_bytes() == before
    assert run(["git", "-C", store, "rev-parse", ref]).stdout == tip


def test_what_configure_must_find_and_does_not_is_a_no(cli: Cli, sample: Sample) -> None:
    _change(sample, "backport/releases/f13.toml", "sh configure", "sh configure --disable-kvm")

    code, found = _json(cli, sample, "qemu-kvm")

    assert code == 1
    assert [p for p in found["problems"] if "vhost-net support" in p]


# -- the tree stays ---------------------------------------------------------------------------------


def test_a_second_run_compiles_nothing(cli: Cli, sample: Sample) -> None:
    _json(cli, sample, "kernel")
    made = sample.workspace / TREE / "kernel/tree/drivers/vhost/vhost.o"
    when = made.stat().st_mtime_ns

    assert _json(cli, sample, "kernel")[0] == 0

    assert made.stat().st_mtime_ns == when
    assert "CC " not in (sample.workspace / TREE / "kernel.log").read_text()


def test_what_somebody_did_to_the_tree_meanwhile_is_undone(cli: Cli, sample: Sample) -> None:
    _json(cli, sample, "kernel")
    file = sample.workspace / TREE / "kernel/tree/drivers/vhost/net.c"
    file.write_text("#error edited by hand\n")

    assert _json(cli, sample, "kernel")[0] == 0


def test_a_tree_that_was_left_half_is_made_anew(cli: Cli, sample: Sample) -> None:
    _json(cli, sample, "kernel")
    folder = sample.workspace / TREE / "kernel"
    (folder / "state.json").unlink()
    (folder / "tree/Makefile").unlink()

    assert _json(cli, sample, "kernel")[0] == 0


def test_half_an_object_that_a_killed_run_left_is_compiled_again(cli: Cli, sample: Sample) -> None:
    _json(cli, sample, "kernel")
    folder = sample.workspace / TREE / "kernel"
    state = json.loads((folder / "state.json").read_bytes())
    (folder / "state.json").write_text(json.dumps(state | {"busy": True}))
    (folder / "tree/drivers/vhost/net.o").write_bytes(b"\x7fELF and no more")

    assert _json(cli, sample, "kernel")[0] == 0


def test_a_compiler_that_outlives_its_fedvhost_is_waited_for(cli: Cli, sample: Sample) -> None:
    """`kill -9` of fedvhost leaves make running, and it would write under the next run's hands."""
    _json(cli, sample, "kernel")
    folder = sample.workspace / TREE / "kernel"
    ended = folder / "ended"
    late = ["flock", str(folder.with_suffix(".lock")), "sh", "-c", f"sleep 1; touch {ended}"]
    run(["sh", "-c", f"{shlex.join(late)} >/dev/null 2>&1 & sleep 0.3"])
    assert not ended.exists()

    code, _ = _json(cli, sample, "kernel")

    assert (code, ended.exists()) == (0, True)


def test_clean_removes_the_trees(cli: Cli, sample: Sample) -> None:
    _json(cli, sample, "kernel")

    done = cli("-C", sample.workspace, "check", "--release", "f13", "--clean")

    assert done.code == 0
    assert ".fedvhost/check/kernel" in done.out
    assert not list((sample.workspace / TREE).glob("*/"))


# -- what keeps us from finding out -----------------------------------------------------------------


def test_a_missing_header_is_no_answer_and_the_package_is_named(cli: Cli, sample: Sample) -> None:
    need = (
        '[[packages.qemu-kvm.check.needs]]\nheader = "no/such/zlib.h"\nbecause = "configure insists"\n'
        'fedora = "zlib-devel"\ndebian = "zlib1g-dev"\n\n[[packages.qemu-kvm.check.expect]]'
    )
    _change(sample, "backport/releases/f13.toml", "[[packages.qemu-kvm.check.expect]]", need)

    done = _check(cli, sample, "qemu-kvm")

    assert done.code == 3
    assert "dnf install zlib-devel" in done.err
    assert "apt-get install zlib1g-dev" in done.err


def test_a_missing_compiler_is_no_answer(cli: Cli, sample: Sample) -> None:
    _change(
        sample, "backport/releases/f13.toml", 'kind = "kernel"\n', 'kind = "kernel"\ncompiler = "gcc-none"\n'
    )

    done = _check(cli, sample, "kernel")

    assert (done.code, "'gcc-none' not found" in done.err) == (3, True)


def test_a_base_that_does_not_compile_says_nothing_of_the_series(cli: Cli, sample: Sample) -> None:
    _change(
        sample,
        "backport/releases/f13.toml",
        "[[packages.kernel.check.vouched]]",
        "[[packages.kernel.check.edits]]\npath = \"drivers/net/tun.c\"\npattern = '\\A'\n"
        'replace = "#error too old\\n"\nbecause = "a test"\n\n[[packages.kernel.check.vouched]]',
    )

    done = _check(cli, sample, "kernel")

    assert done.code == 3
    assert "drivers/net/tun.c:1: #error too old" in done.err


def test_an_edit_that_matches_nothing_is_a_mistake(cli: Cli, sample: Sample) -> None:
    _change(
        sample,
        "backport/releases/f13.toml",
        "[[packages.kernel.check.vouched]]",
        '[[packages.kernel.check.edits]]\npath = "Makefile"\npattern = "no such line"\n'
        'replace = "x"\nbecause = "a test"\n\n[[packages.kernel.check.vouched]]',
    )

    done = _check(cli, sample, "kernel")

    assert (done.code, "matches nothing in the base" in done.err) == (2, True)


def test_a_release_that_does_not_say_how_is_asked_to(cli: Cli, sample: Sample, tmp_path: Path) -> None:
    file = sample.workspace / "backport/releases/f13.toml"
    text = file.read_text()
    start, end = text.index("[packages.kernel.check]"), text.index("[packages.qemu-kvm]")
    file.write_text(text[:start] + text[end:])

    done = _check(cli, sample, "kernel")

    assert (done.code, "packages.kernel.check: is missing" in done.err) == (2, True)


def test_a_commit_that_the_plan_does_not_have_cannot_be_left_out(cli: Cli, sample: Sample) -> None:
    done = _check(cli, sample, "kernel", "--without", "0123456789ab")

    assert (done.code, "the plan has no such commit" in done.err) == (2, True)
