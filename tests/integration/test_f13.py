"""``fedvhost backport --release f13`` on the real histories.

Needs FEDVHOST_UPSTREAM_KERNEL and FEDVHOST_UPSTREAM_QEMU_KVM; two minutes, half of them for the kernel's
%prep.
"""

# ruff: noqa: SIM905  (names, one a line, would be a page)
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backports import FEATURE, FEDVHOST, KERNEL_SPEC, QEMU_SPEC, Finished, Work, check_shape, contents
from conftest import CHECKOUT, UPSTREAM_VARIABLES, UPSTREAMS, Cli
from fedvhost.process import run

pytestmark = pytest.mark.upstream

TUN, MM, VHOST = "05c2828c72c", "5da779c34cc", "3a4d5c94e95"
DRIVER = (
    "17660f81243 5659338c889 86e9424d725 73a99f08300 d6db3f5c11d 39286fa41a8 1dace8c801a 0e255572121 "
    "535297a6ae4 179b284e2fc 0d4993563bd"
).split()  # fmt: skip
ORPHAN, SWEEP, MACVTAP, MERGE = "0110d6f22f3", "5a0e3ad6af8", "501c774cb13", "4a1032faac9"

# In the order in which they were posted and merged.
QEMU_KVM = (
    "ceb696159d f6f3fbcab0 087431d1d1 95d528a2fe ca82180603 2292b33986 1cbdabe203 3e607cb503 2be24aaafe "
    "ade80dc845 d59700553e 82b0d80ef6 b202554cf7 9bc6304c15 2b3af99984 3a172a9f44 cb8c9b2318 6c59a92f6e "
    "3cdbd5f0b5 992cc816c4 af4c828e70 c6b35ac4c4 15a2cb7b70 0e1a275bd4"
).split()  # fmt: skip
PLACED = ("f6f3fbcab0", "2292b33986", "1cbdabe203", "d59700553e", "cb8c9b2318")
ADAPTED, RENAMED, REDUNDANT, ERROR_REPORT = "ca82180603", "82b0d80ef6", "087431d1d1", "1ecda02b24"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A new workspace after ``backport --release f13 --json``."""
    for variable in UPSTREAM_VARIABLES:
        if variable not in UPSTREAMS:
            pytest.skip(f"{variable} names no history on this machine")
    root = tmp_path_factory.mktemp("f13") / "workspace"
    env = {**os.environ, **UPSTREAMS}
    subprocess.run([*FEDVHOST, "-q", "init", str(root)], check=True, capture_output=True, env=env)
    argv = [*FEDVHOST, "-C", str(root), "backport", "--release", "f13", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    return Finished(root, json.loads(done.stdout))


@pytest.fixture
def work(real: Finished, cli: Cli, tmp_path: Path) -> Work:
    """A copy of that workspace."""
    shutil.copytree(real.root, tmp_path / "workspace", symlinks=True)
    return Work(tmp_path / "workspace", cli)


def test_the_plan_that_is_kept_here_is_what_a_run_makes(real: Finished) -> None:
    name = Path("backport") / "plans" / "f13-vhost-net.json"
    assert (real.root / name).read_bytes() == (CHECKOUT / name).read_bytes()


def picks(said: Any, package: str) -> list[Any]:
    found: list[Any] = said["packages"][package]["picks"]
    return found


def entry(said: Any, package: str, commit: str) -> Any:
    """The one pick of that name."""
    found = [p for p in picks(said, package) if p["commit"].startswith(commit)]
    assert len(found) == 1, commit
    return found[0]


def store_of(real: Finished, package: str) -> Path:
    return real.root / ".fedvhost" / "git" / f"{package}.git"


def git(where: Path, *args: str | Path, env: Mapping[str, str] | None = None) -> str:
    full = None if env is None else {**os.environ, **env}
    return run(["git", "-C", where, *args], env=full).stdout.decode(errors="replace").rstrip("\n")


# -- the plan ---------------------------------------------------------------------------------------


def test_kernel_prerequisites_are_found_with_their_evidence(real: Finished) -> None:
    manifest = (real.root / FEATURE).read_text()
    assert TUN not in manifest and MM not in manifest

    order = [p["commit"][:11] for p in picks(real.said, "kernel")]
    evidence: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    for commit in (TUN, MM):
        found = entry(real.said, "kernel", commit)["evidence"]
        evidence[commit] = {(e["kind"], tuple(e.get("names", ()))) for e in found}

    assert [p["commit"][:11] for p in picks(real.said, "kernel") if p["because"] == "prerequisite"] == [
        TUN,
        MM,
    ]
    assert max(order.index(TUN), order.index(MM)) < order.index(VHOST)
    assert ("symbol", ("tun_get_socket",)) in evidence[TUN]
    assert ("export", ("use_mm", "unuse_mm")) in evidence[MM]


def test_the_whole_driver_is_picked_and_nothing_tree_wide(real: Finished) -> None:
    found = {p["commit"][:11]: p["verdict"] for p in picks(real.said, "kernel")}
    reasons = {c["commit"][:11]: c["reason"] for c in real.said["packages"]["kernel"]["considered"]}

    assert {found[c] for c in (VHOST, *DRIVER, ORPHAN, TUN, MM)} == {"clean"}
    assert not {SWEEP, MACVTAP, MERGE} & found.keys()
    assert "4208 files" in reasons[SWEEP]
    assert reasons[MACVTAP]
    for pick in picks(real.said, "kernel"):
        assert len(git(store_of(real, "kernel"), "rev-parse", f"{pick['commit']}^@").split()) == 1


def test_all_of_qemu_kvm_lands_or_is_redundant(real: Finished) -> None:
    found = {c: entry(real.said, "qemu-kvm", c) for c in QEMU_KVM}

    assert {p["because"] for p in found.values()} == {"requested"}
    assert {p["verdict"] for p in found.values()} <= {"clean", "inserted", "adapted", "redundant"}
    assert [c for c, p in found.items() if p["verdict"] == "redundant"] == [REDUNDANT]
    assert {found[c]["verdict"] for c in PLACED} == {"inserted"}
    assert {found[c]["verdict"] for c in (ADAPTED, RENAMED)} == {"adapted"}
    for pick in found.values():
        if pick["verdict"] != "clean":
            assert pick["notes"] and all(note["how"] for note in pick["notes"]), pick["subject"]
    assert real.said["packages"]["qemu-kvm"]["stopped"] is None


def test_json_has_the_promised_shape_and_the_specs_their_nvr(real: Finished) -> None:
    check_shape(real.said)
    assert (real.said["feature"], real.said["release"], real.said["ok"]) == ("vhost-net", "f13", True)
    specs = {name: (p["spec"], p["nvr"]) for name, p in real.said["packages"].items()}
    assert specs["kernel"][0] == KERNEL_SPEC and specs["qemu-kvm"][0] == QEMU_SPEC
    assert re.fullmatch(r"kernel-2\.6\.33-\d+\.fc13", specs["kernel"][1])
    assert re.fullmatch(r"qemu-0\.12\.3-\d+\.fc13", specs["qemu-kvm"][1])
    # What a rung had to choose is said, to be looked at.
    reviews = {p["commit"] for name in specs for p in picks(real.said, name) if p["review"]}
    assert {u["commit"] for u in real.said["undecided"]} == reviews


# -- the patches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["kernel", "qemu-kvm"])
def test_the_patches_apply_to_the_pristine_base_without_fuzz(
    package: str, real: Finished, tmp_path: Path
) -> None:
    said, store = real.said["packages"][package], store_of(real, package)
    where = tmp_path / "tree"
    where.mkdir()
    touched = git(store, "log", "--format=", "--name-only", f"{said['base']}..{said['tip']}").split("\n")
    paths = sorted({*touched} - {""})
    there = git(store, "ls-tree", "-r", "--name-only", said["base"], "--", *paths).split("\n")
    archive = tmp_path / "base.tar"
    git(store, "archive", "-o", archive, said["base"], "--", *there)
    run(["tar", "-xf", archive, "-C", where])
    folder = real.root / "patches" / "f13" / package

    for name in (folder / "series").read_text().split():
        run(["patch", "-p1", "-F0", "-s", "--no-backup-if-mismatch", "-i", folder / name], cwd=where)

    # What came of it, in the place of what the base has there, must be the replayed tree.
    env = {"GIT_INDEX_FILE": str(tmp_path / "index")}
    git(store, "read-tree", said["base"], env=env)
    git(store, "--work-tree", where, "add", "-A", "-f", *paths, env=env)
    assert git(store, "write-tree", env=env) == said["tree"]
    left = {str(f.relative_to(where)) for f in where.rglob("*") if f.is_file()}
    assert left <= set(touched)


@pytest.mark.parametrize("package", ["kernel", "qemu-kvm"])
def test_git_am_takes_them_and_keeps_author_date_and_words(
    package: str, real: Finished, tmp_path: Path
) -> None:
    said, store = real.said["packages"][package], store_of(real, package)
    upstream = UPSTREAMS[UPSTREAM_VARIABLES[package == "qemu-kvm"]]
    where = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--shared", "--no-checkout", upstream, where)
    touched = git(store, "log", "--format=", "--name-only", f"{said['base']}..{said['tip']}").split("\n")
    folders = sorted({f"/{Path(path).parent}/" for path in touched if "/" in path})
    git(where, "sparse-checkout", "set", "--no-cone", "/*", "!/*/", *folders)
    git(where, "checkout", "-q", "--detach", said["base"])
    folder = real.root / "patches" / "f13" / package

    git(where, "am", "-q", *(folder / name for name in (folder / "series").read_text().split()))

    assert git(where, "rev-parse", "HEAD^{tree}") == said["tree"]
    landed = [p for p in said["picks"] if p["patch"]]
    words = "--format=%an <%ae> %ad%n%B%x00"
    ours = git(where, "log", "--reverse", words, f"{said['base']}..HEAD").split("\0")
    for text, pick in zip(ours, landed, strict=False):
        theirs = git(store, "log", "-1", words, pick["commit"]).removesuffix("\0").strip()
        assert text.strip().startswith(theirs.split("\n\n")[0]), pick["subject"]
        assert f"(cherry picked from commit {pick['commit']})" in text
        assert ("\nConflicts:\n" in text) == (pick["verdict"] in ("inserted", "adapted"))
    assert len([text for text in ours if text.strip()]) == len(landed)


def test_sizes(real: Finished) -> None:
    found = {
        package: git(store_of(real, package), "diff", "--shortstat", p["base"], p["tip"]).strip()
        for package, p in real.said["packages"].items()
    }

    numbers = {package: tuple(map(int, re.findall(r"\d+", stat))) for package, stat in found.items()}
    assert numbers["kernel"][0] == 17 and 2100 < numbers["kernel"][1] < 2400
    assert numbers["qemu-kvm"][0] == 36 and 1900 < numbers["qemu-kvm"][1] < 2200
    # The store borrows upstream's objects and copies none.
    size = sum(f.stat().st_size for f in (real.root / ".fedvhost").rglob("*") if f.is_file())
    assert size < 20_000_000


# -- again ------------------------------------------------------------------------------------------


def test_a_second_run_changes_nothing_and_neither_does_the_plan_alone(work: Work, real: Finished) -> None:
    before, stamps = work.contents(), work.stamps()

    again = work.json("backport")
    assert (work.contents(), work.stamps()) == (before, stamps)
    work.forget()
    shutil.rmtree(work.file("patches/f13"))
    planned = work.json("backport", "--from-plan")

    assert work.contents() == before
    for name, package in real.said["packages"].items():
        for said in (again, planned):
            assert said["packages"][name]["tree"] == package["tree"]
            assert said["packages"][name]["tip"] == package["tip"]


# -- without an adaptation --------------------------------------------------------------------------


def without_adaptation(work: Work, word: str) -> None:
    """Take every adaptation that has ``word`` out of the manifest."""
    text = work.file(FEATURE).read_text()
    blocks = re.split(r"(?m)^(?=\[)", text)
    kept = [b for b in blocks if not (b.startswith("[[packages.qemu-kvm.adapt]]") and word in b)]
    assert len(kept) < len(blocks)
    work.file(FEATURE).write_text("".join(kept))


def test_without_the_rename_the_symbol_check_says_what_is_missing_and_since_when(work: Work) -> None:
    without_adaptation(work, "error_report =")

    said = work.json("plan", "--package", "qemu-kvm", code=1)

    stop = said["packages"]["qemu-kvm"]["stopped"]
    assert stop["commit"].startswith(RENAMED)
    assert stop["conflicts"] == []
    problem = next(p for p in stop["problems"] if "'error_report'" in p)
    assert re.match(r"net/tap\.c:\d+ uses 'error_report', which is not defined here", problem)
    assert ERROR_REPORT in problem


def test_without_an_adaptation_it_stops_there_explains_and_keeps_what_is_done(
    work: Work, real: Finished
) -> None:
    with_it = work.file(FEATURE).read_text()
    without_adaptation(work, 'path = "kvm.h"')
    before = work.contents("patches", "specs")

    ran = work.run("backport", "--package", "qemu-kvm")

    assert ran.code == 1
    for told in (
        "stopped   ca8218060344  kvm: add API to set ioeventfd",
        "kvm.h: ",
        "── upstream before it",
        "── here",
        "── upstream with it",
        "commits behind what differs:",
        "hint: merge ecf79ca799",
        "not done: qemu-kvm; what was done so far is kept",
    ):
        assert told in ran.out, ran.out
    assert "replayed  " in ran.out
    # A series that is not whole reaches neither patches/ nor specs/: what was there before stays.
    assert work.contents("patches", "specs") == before
    work.file(FEATURE).write_text(with_it)
    assert work.run("backport", "--package", "qemu-kvm").code == 0
    assert work.contents() == contents(real.root)


# -- the specs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("package", "spec"), [("kernel", KERNEL_SPEC), ("qemu-kvm", QEMU_SPEC)])
def test_one_apply_line_taken_out_by_hand_is_caught(package: str, spec: str, work: Work) -> None:
    victim = work.file(f"patches/f13/{package}/series").read_text().split()[2]
    lines = work.file(spec).read_text().splitlines(keepends=True)
    number = next(m[1] for line in lines if (m := re.match(rf"Patch(\d+): {re.escape(victim)}$", line)))
    gone = [x for x in lines if not re.match(rf"(ApplyPatch {re.escape(victim)}|%patch{number} .*)$", x)]
    assert len(gone) == len(lines) - 1
    work.file(spec).write_text("".join(gone))

    said = work.json("spec", "--check", "--package", package, code=1)[package]

    assert said["findings"] == [
        f"{Path(spec).name}: '{victim}' is never applied: no command of %prep names it"
    ]


def test_prep_really_run_applies_every_patch_and_leaves_the_replayed_files(
    work: Work, real: Finished
) -> None:
    said = work.json("spec", "--prep")

    for package, p in real.said["packages"].items():
        assert said[package]["ok"], said[package]
        log = work.file(f".fedvhost/prep/{package}.log").read_text(errors="replace")
        assert all(patch in log for patch in work.file(f"patches/f13/{package}/series").read_text().split())
        changed = git(store_of(real, package), "diff", "--name-only", p["base"], p["tip"]).split("\n")
        assert said[package]["prep"]["compared"] == len(changed)
