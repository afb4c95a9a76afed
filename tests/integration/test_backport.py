"""``fedvhost backport --release f13`` on the sample upstream, as a packager uses it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from backports import FEATURE, KERNEL_SPEC, PLAN, QEMU_SPEC, RELEASE, Finished, Work, check_shape, contents
from conftest import Cli
from fedvhost.process import run
from fedvhost.sample import Sample

ROLLUP = "vhost-net-rollup.patch"
BASES = {"kernel": "v2.6.33", "qemu-kvm": "qemu-kvm-0.12.3"}

# What each requested commit comes to, and what is found besides, in order.
KERNEL = (
    ("tun-socket", "prerequisite", "clean"),
    ("mm-export", "prerequisite", "clean"),
    ("vhost-net", "requested", "inserted"),
    ("vhost-kconfig", "requested", "clean"),
    ("tx-stop", "requested", "clean"),
    ("ring-limit", "requested", "inserted"),
    ("tun-orphan", "requested", "clean"),
)
QEMU_KVM = (
    ("tap-fd", "requested", "in-base"),
    ("vhost-header", "requested", "clean"),
    ("virtio-status", "prerequisite", "clean"),
    ("virtio-rename", "prerequisite", "clean"),
    ("event-notifier", "requested", "inserted"),
    ("virtio-notifiers", "requested", "inserted"),
    ("pci-per-target", "requested", "redundant"),
    ("ioeventfd", "requested", "adapted"),
    ("irqfd", "requested", "clean"),
    ("vhost-support", "requested", "clean"),
    ("tap-vhost", "requested", "adapted"),
    ("virtio-net-vhost", "requested", "clean"),
    ("closed-kvm", "requested", "clean"),
)


def git(where: Path, *args: str | Path) -> str:
    return run(["git", "-C", where, *args]).stdout.decode().rstrip("\n")


def picks(said: Any, package: str) -> Mapping[str, Any]:
    return {pick["commit"]: pick for pick in said["packages"][package]["picks"]}


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def tree_of(folder: Path) -> str:
    """The name that git gives to what is in a work tree."""
    git(folder, "add", "-A", "-f")
    return git(folder, "write-tree")


@pytest.fixture
def checkouts(sample: Sample, tmp_path: Path) -> Mapping[str, Path]:
    """Pristine checkouts of the bases."""
    found = {}
    for package, history in (("kernel", sample.kernel), ("qemu-kvm", sample.qemu_kvm)):
        found[package] = tmp_path / "checkout" / package
        run(["git", "clone", "-q", "--branch", BASES[package], history, found[package]])
    return found


# -- what comes of it -------------------------------------------------------------------------------


@pytest.mark.parametrize(("package", "expected"), [("kernel", KERNEL), ("qemu-kvm", QEMU_KVM)])
def test_every_commit_ends_as_it_should(
    package: str, expected: Sequence[tuple[str, str, str]], finished: Finished, sample: Sample
) -> None:
    key_of = {str(oid): key for key, oid in sample.commits.items()}

    found = [
        (key_of[oid].removeprefix(f"{package}/"), p["because"], p["verdict"])
        for oid, p in picks(finished.said, package).items()
    ]

    assert tuple(found) == tuple(expected)


def test_prerequisites_that_no_manifest_names_have_their_evidence(finished: Finished, sample: Sample) -> None:
    manifest = (finished.root / FEATURE).read_text()
    found = {}
    for key in ("kernel/tun-socket", "kernel/mm-export", "qemu-kvm/virtio-status", "qemu-kvm/virtio-rename"):
        pick = picks(finished.said, key.split("/")[0])[sample.commits[key]]
        found[key] = [(e["kind"], tuple(e.get("names", ()))) for e in pick["evidence"]]

    assert found == {
        "kernel/tun-socket": [("symbol", ("tun_get_socket",)), ("export", ("tun_get_socket",))],
        "kernel/mm-export": [("export", ("use_mm", "unuse_mm")), ("neighbour", ())],
        "qemu-kvm/virtio-status": [("text", ())],
        "qemu-kvm/virtio-rename": [("symbol", ("guest_features",)), ("neighbour", ())],
    }
    assert not any(sample.commits[key].short[:7] in manifest for key in found)


def test_what_is_not_taken_has_its_reason(finished: Finished, sample: Sample) -> None:
    found = {c["commit"]: c["reason"] for p in finished.said["packages"].values() for c in p["considered"]}
    oids = sample.commits

    assert found == {
        oids["kernel/slab-sweep"]: "tree-wide slab.h sweep; the base's percpu.h still includes slab.h",
        oids["kernel/macvtap-vhost"]: "macvtap came after the base; the feature does not need it",
        oids["kernel/tx-stop-net"]: f"the same patch as {oids['kernel/tx-stop'].short}, on another lane",
        oids["qemu-kvm/closed"]: f"the same patch as {oids['qemu-kvm/closed-kvm'].short}, on another lane",
    }
    assert sample.commits["kernel/net-merge"] not in picks(finished.said, "kernel")
    assert sample.commits["kernel/logfs"] not in picks(finished.said, "kernel")


def test_what_the_base_has_says_where(finished: Finished, sample: Sample) -> None:
    in_base = picks(finished.said, "qemu-kvm")[sample.commits["qemu-kvm/tap-fd"]]
    redundant = picks(finished.said, "qemu-kvm")[sample.commits["qemu-kvm/pci-per-target"]]

    copy = next(e for e in in_base["evidence"] if e["kind"] == "patch-id")["commit"]
    assert git(sample.qemu_kvm, "log", "-1", "--format=%s", copy) == in_base["subject"]
    assert in_base["patch"] is None and redundant["patch"] is None
    assert {n["path"]: n["rung"] for n in redundant["notes"]} == {
        "Makefile.objs": "redundant",
        "Makefile.target": "redundant",
    }


def test_json_is_one_object_of_the_promised_shape(finished: Finished) -> None:
    said = finished.said

    check_shape(said)
    assert (said["feature"], said["release"], said["ok"], said["undecided"]) == ("vhost-net", "f13", True, [])
    assert said["packages"]["kernel"]["spec"] == KERNEL_SPEC
    assert said["packages"]["kernel"]["nvr"] == "kernel-2.6.33-8.fc13"
    assert said["packages"]["qemu-kvm"]["nvr"] == "qemu-0.12.3-3.fc13"
    for name, package in said["packages"].items():
        folder = finished.root / "patches" / "f13" / name
        files = [p["patch"] for p in package["picks"] if p["patch"]]
        assert (folder / "series").read_text().split() == files
        assert names(folder) == sorted([*files, "series"])


def test_the_report_tells_the_same_to_a_person(done: Work) -> None:
    ran = done.run("backport", "--from-plan")

    assert (ran.code, ran.err) == (0, "")
    assert "kernel on v2.6.33 (6fb08595cf17): 7 patches, 2 of them prerequisites" in ran.out
    assert "export: 'use_mm', 'unuse_mm' are not exported without it" in ran.out
    assert "applied   11 of 11 with patch -p1 -F0, no fuzz, and the result is the replayed tree" in ran.out
    assert "written   nothing: all of it was there already" in ran.out
    assert ran.out.splitlines()[-1] == "done"


# -- the patches ------------------------------------------------------------------------------------


def commits_of(store: Path, base: str, tip: str) -> list[dict[str, str]]:
    fields = {"author": "%an <%ae> %ad", "by": "%cn <%ce>", "message": "%B"}
    out = git(
        store, "log", "--reverse", "--format=" + "%x1f".join(fields.values()) + "%x1e", f"{base}..{tip}"
    )
    return [
        dict(zip(fields, entry.strip("\n").split("\x1f"), strict=True))
        for entry in out.split("\x1e")
        if entry.strip()
    ]  # fmt: skip


@pytest.mark.parametrize("package", ["kernel", "qemu-kvm"])
def test_author_date_and_words_are_upstreams(package: str, finished: Finished, sample: Sample) -> None:
    said = finished.said["packages"][package]
    upstream = sample.kernel if package == "kernel" else sample.qemu_kvm
    store = finished.root / ".fedvhost" / "git" / f"{package}.git"
    landed = [p for p in said["picks"] if p["patch"]]

    series = commits_of(store, said["base"], said["tip"])

    assert len(series) == len(landed)
    for ours, pick in zip(series, landed, strict=True):
        theirs = commits_of(upstream, f"{pick['commit']}^", pick["commit"])[0]
        assert ours["author"] == theirs["author"]
        assert ours["by"] == "Pat Packager <pat@example.org>"
        assert ours["message"].startswith(theirs["message"].rstrip())
        assert ours["message"].rstrip().endswith(f"(cherry picked from commit {pick['commit']})")
        note = ours["message"].partition("\nConflicts:\n")[2]
        assert bool(note) == (pick["verdict"] in ("inserted", "adapted")), pick["subject"]
        assert all(f"\t{n['path']}: " in note for n in pick["notes"])


@pytest.mark.parametrize("package", ["kernel", "qemu-kvm"])
def test_the_series_applies_without_fuzz_and_gives_the_replayed_tree(
    package: str, finished: Finished, checkouts: Mapping[str, Path]
) -> None:
    folder, where = finished.root / "patches" / "f13" / package, checkouts[package]

    for name in (folder / "series").read_text().split():
        run(["patch", "-p1", "-F0", "-s", "-i", folder / name], cwd=where)

    assert tree_of(where) == finished.said["packages"][package]["tree"]


@pytest.mark.parametrize("package", ["kernel", "qemu-kvm"])
def test_git_am_takes_the_series_with_author_date_and_words(
    package: str, finished: Finished, checkouts: Mapping[str, Path]
) -> None:
    said, where = finished.said["packages"][package], checkouts[package]
    folder = finished.root / "patches" / "f13" / package

    git(where, "am", "-q", *(folder / n for n in (folder / "series").read_text().split()))

    assert git(where, "rev-parse", "HEAD^{tree}") == said["tree"]
    store = finished.root / ".fedvhost" / "git" / f"{package}.git"
    assert commits_of(where, said["base"], "HEAD") == commits_of(store, said["base"], said["tip"])


def test_the_kernel_builds_and_its_modules_load(finished: Finished, checkouts: Mapping[str, Path]) -> None:
    where = checkouts["kernel"]
    git(
        where, "fetch", "-q", finished.root / ".fedvhost/git/kernel.git", "refs/fedvhost/vhost-net/f13/kernel"
    )
    git(where, "checkout", "-q", "FETCH_HEAD")
    shutil.copy(finished.root / "specs/f13/kernel/config-generic", where / ".config")

    said = run(["make", "-j2", "modules_check"], cwd=where)

    assert b"drivers/vhost/" in said.stdout and b"warning" not in said.stderr


def test_qemu_kvm_builds_and_knows_the_option(finished: Finished, checkouts: Mapping[str, Path]) -> None:
    where = checkouts["qemu-kvm"]
    ref = "refs/fedvhost/vhost-net/f13/qemu-kvm"
    git(where, "fetch", "-q", finished.root / ".fedvhost/git/qemu-kvm.git", ref)
    git(where, "checkout", "-q", "FETCH_HEAD")

    run(["make", "-j2"], cwd=where)

    assert b"vhost=on|off" in run(["./qemu-kvm", "-h"], cwd=where).stdout


# -- again, in steps, in part -----------------------------------------------------------------------


def test_a_second_run_changes_no_byte_and_no_time_stamp(done: Work, finished: Finished) -> None:
    before, stamps = done.contents(), done.stamps()

    said = done.json("backport")

    assert (done.contents(), done.stamps()) == (before, stamps)
    was = {name: dict(package) for name, package in finished.said["packages"].items()}
    assert [len(package.pop("changed")) for package in was.values()] == [10, 13]
    assert [package.pop("changed") for package in said["packages"].values()] == [[], []]
    assert said == {**finished.said, "packages": was}


def test_the_plan_alone_reproduces_it_without_any_state(done: Work, finished: Finished) -> None:
    before = done.contents()
    done.forget()
    shutil.rmtree(done.file("patches/f13"))

    said = done.json("backport", "--from-plan")

    for name, package in said["packages"].items():
        was = finished.said["packages"][name]
        assert (package["tip"], package["tree"]) == (was["tip"], was["tree"])
    assert done.contents() == before


def test_step_by_step_gives_the_same_bytes(fresh: Work, finished: Finished) -> None:
    wanted = contents(finished.root)

    before = fresh.contents()

    assert fresh.run("plan").code == 0
    assert fresh.contents().keys() - before.keys() == {PLAN}
    assert fresh.file(PLAN).read_bytes() == wanted[PLAN]
    assert not fresh.file("patches/f13").exists()
    tips = {n: p["tip"] for n, p in fresh.json("replay")["packages"].items()}
    assert tips == {n: p["tip"] for n, p in finished.said["packages"].items()}
    assert not fresh.file("patches/f13").exists()
    assert fresh.run("export").code == 0
    assert fresh.contents("patches") == contents(finished.root, "patches")
    assert fresh.contents("specs") != contents(finished.root, "specs")
    assert fresh.run("spec").code == 0

    assert fresh.contents() == wanted


def test_dry_run_does_it_all_and_writes_none_of_it(fresh: Work, finished: Finished) -> None:
    before, stamps = fresh.contents(), fresh.stamps()

    said = fresh.json("backport", "--dry-run")

    assert (fresh.contents(), fresh.stamps()) == (before, stamps)
    for name, package in said["packages"].items():
        was = finished.said["packages"][name]
        assert (package["tree"], package["nvr"], package["changed"]) == (was["tree"], was["nvr"], [])


def test_one_package_now_and_the_other_later_is_the_same(fresh: Work, finished: Finished) -> None:
    first = fresh.json("backport", "--package", "qemu-kvm")
    assert list(first["packages"]) == ["qemu-kvm"]
    assert names(fresh.file("patches/f13")) == ["qemu-kvm"]
    assert not fresh.json("plan", "--package", "qemu-kvm")["packages"].get("kernel")

    fresh.json("backport", "--package", "kernel")

    assert fresh.contents() == contents(finished.root)


# -- one patch instead of many ----------------------------------------------------------------------


def test_rollup_is_one_patch_with_the_same_tree(done: Work, checkouts: Mapping[str, Path]) -> None:
    said = done.json("backport", "--from-plan", "--rollup")

    for name, package in said["packages"].items():
        folder = done.file(f"patches/f13/{name}")
        assert names(folder) == ["series", ROLLUP]
        assert {p["patch"] for p in package["picks"]} <= {ROLLUP, None}
        run(["patch", "-p1", "-F0", "-s", "-i", folder / ROLLUP], cwd=checkouts[name])
        assert tree_of(checkouts[name]) == package["tree"]
        text = (folder / ROLLUP).read_text()
        assert all(f"\ncommit {p['commit']} " in text for p in package["picks"] if p["patch"])


def test_to_rollup_and_back_leaves_nothing_stale(done: Work) -> None:
    before = done.contents()
    # Not ours: it stays, and it is in no spec.
    done.file("patches/f13/kernel/note.txt").write_text("to be asked upstream\n")

    assert done.run("backport", "--from-plan", "--rollup").code == 0
    spec = done.file(KERNEL_SPEC).read_text()
    assert re.findall(r"^Patch\d+: (.*)", spec, re.M) == ["linux-2.6-sample-name.patch", ROLLUP]
    assert re.findall(r"^ApplyPatch (.*)", spec, re.M) == ["linux-2.6-sample-name.patch", ROLLUP]
    assert done.run("spec", "--check").code == 0
    assert done.run("backport", "--from-plan").code == 0

    after = dict(done.contents())
    assert after.pop("patches/f13/kernel/note.txt") == b"to be asked upstream\n"
    assert after == before


# -- somebody else's package ------------------------------------------------------------------------


@pytest.fixture
def dist_git(sample: Sample, tmp_path: Path) -> Path:
    """A checkout of the kernel's package repository."""
    where = tmp_path / "dist-git" / "kernel"
    shutil.copytree(sample.workspace / "specs/f13/kernel", where)
    git(where, "init", "-q")
    git(where, "add", "-A")
    git(where, "commit", "-q", "-m", "Initial import")
    return where


def status(checkout: Path) -> dict[str, str]:
    lines = git(checkout, "status", "--porcelain").splitlines()
    return {line[3:]: line[:2].strip() for line in lines}


def test_dist_git_gets_patches_spec_and_option_and_nothing_else(
    fresh: Work, dist_git: Path, finished: Finished
) -> None:
    specs = fresh.contents("specs")

    said = fresh.json("backport", "--package", "kernel", "--dist-git", f"kernel={dist_git}")

    patches = {p["patch"]: "??" for p in said["packages"]["kernel"]["picks"]}
    assert status(dist_git) == {**patches, "kernel.spec": "M", "config-generic": "M"}
    assert said["packages"]["kernel"]["spec"] == str(dist_git / "kernel.spec")
    assert (dist_git / "kernel.spec").read_bytes() == (finished.root / KERNEL_SPEC).read_bytes()
    assert "CONFIG_VHOST_NET=m\n" in (dist_git / "config-generic").read_text()
    assert fresh.contents("specs") == specs
    assert fresh.run("spec", "--check", "--package", "kernel", "--dist-git", f"kernel={dist_git}").code == 0


def test_dist_git_loses_the_patches_of_the_run_before(fresh: Work, dist_git: Path) -> None:
    options = ("--package", "kernel", "--dist-git", f"kernel={dist_git}")
    assert fresh.run("backport", *options).code == 0
    before = contents(dist_git)
    # Without the checkout in between: what it has is told by its own spec.
    assert fresh.run("backport", "--from-plan", "--package", "kernel", "--rollup").code == 0

    assert fresh.run("backport", "--from-plan", "--rollup", *options).code == 0
    assert status(dist_git) == {ROLLUP: "??", "kernel.spec": "M", "config-generic": "M"}
    assert fresh.run("backport", "--from-plan", *options).code == 0

    assert contents(dist_git) == before


def test_a_patch_that_a_foreign_spec_does_not_apply_is_noticed_only(fresh: Work, dist_git: Path) -> None:
    spec = dist_git / "kernel.spec"
    line = "Patch07: linux-2.6-sample-name.patch\n"
    spec.write_text(spec.read_text().replace(line, f"{line}Patch06: linux-2.6-later.patch\n"))
    shutil.copy(dist_git / "linux-2.6-sample-name.patch", dist_git / "linux-2.6-later.patch")
    options = ("--package", "kernel", "--dist-git", f"kernel={dist_git}")

    ran = fresh.run("backport", *options)

    assert ran.code == 0
    assert re.search(r"noticed   .*linux-2\.6-later\.patch", ran.out)
    assert "rpm sees our 7 patches applied in %prep" in ran.out
    assert fresh.run("spec", "--check", *options).code == 0


def test_dist_git_of_a_package_that_is_not_in_the_run_does_not_change_the_workspace(
    fresh: Work, dist_git: Path
) -> None:
    before = fresh.contents()

    ran = fresh.run("backport", "--dist-git", f"kernle={dist_git}")

    assert ran.code == 2
    assert "--dist-git kernle: this run has no package 'kernle'; did you mean 'kernel'?" in ran.err
    assert (fresh.contents(), status(dist_git)) == (before, {})


# -- a commit that stops ----------------------------------------------------------------------------


def test_without_a_declared_adaptation_it_stops_there_explains_and_goes_on_once_it_is_back(
    fresh: Work, sample: Sample, finished: Finished
) -> None:
    with_it = fresh.file(FEATURE).read_text()
    needed = re.search(r"\[\[packages\.qemu-kvm\.adapt\]\]\n[^[]*KVM_CAP_IOEVENTFD[^[]*", with_it)
    assert needed is not None
    fresh.file(FEATURE).write_text(with_it.replace(needed[0], ""))
    qemu_before = fresh.contents("specs/f13/qemu-kvm")

    ran = fresh.run("backport")
    said = fresh.json("backport", "--from-plan", code=1)

    assert ran.code == 1
    stop = said["packages"]["qemu-kvm"]["stopped"]
    assert stop["commit"] == sample.commits["qemu-kvm/ioeventfd"]
    assert any(p.startswith("kvm-all.c: ") for p in stop["problems"])
    for told in (
        f"stopped   {sample.commits['qemu-kvm/ioeventfd'].short}  kvm: add API to set ioeventfd",
        "── upstream before it",
        "── here",
        "│ /* kvm_init and what asks for extensions: see qemu-kvm.c */",
        "── upstream with it",
        "commits behind what differs:",
        sample.commits["qemu-kvm/error-report"].short,
        f"not reached: {sample.commits['qemu-kvm/irqfd'].short}",
        "not done: qemu-kvm; what was done so far is kept",
    ):
        assert told in ran.out
    # The other package is whole, and of this one the plan and the commits before the stop are kept.
    assert said["packages"]["kernel"]["ok"]
    assert fresh.contents("patches/f13/kernel") == contents(finished.root, "patches/f13/kernel")
    assert fresh.contents("specs/f13/kernel") == contents(finished.root, "specs/f13/kernel")
    landed = [p["commit"] for p in said["packages"]["qemu-kvm"]["picks"]]
    assert landed == [sample.commits[f"qemu-kvm/{key}"] for key, _, _ in QEMU_KVM if key in landed_keys()]
    tip = git(
        fresh.file(".fedvhost/git/qemu-kvm.git"),
        "log",
        "-1",
        "--format=%B",
        said["packages"]["qemu-kvm"]["tip"],
    )
    assert f"(cherry picked from commit {sample.commits['qemu-kvm/virtio-notifiers']})" in tip
    assert not fresh.file("patches/f13/qemu-kvm").exists()
    assert fresh.contents("specs/f13/qemu-kvm") == qemu_before

    fresh.file(FEATURE).write_text(with_it)
    assert fresh.run("backport").code == 0
    assert fresh.contents() == contents(finished.root)


def landed_keys() -> set[str]:
    order = [key for key, _, _ in QEMU_KVM]
    return set(order[: order.index("ioeventfd")]) - {"virtio-status", "virtio-rename"}


def test_a_missing_name_stops_with_the_commit_it_came_with(fresh: Work, sample: Sample) -> None:
    with_it = fresh.file(FEATURE).read_text()
    taken_out = re.search(r"\[\[packages\.qemu-kvm\.adapt\]\]\n[^[]*error_report[^[]*", with_it)
    assert taken_out is not None
    fresh.file(FEATURE).write_text(with_it.replace(taken_out[0], ""))

    said = fresh.json("plan", "--package", "qemu-kvm", code=1)

    # It merges clean, but for a hunk that is placed, and would not link.
    stop = said["packages"]["qemu-kvm"]["stopped"]
    origin = sample.commits["qemu-kvm/error-report"]
    assert stop["commit"] == sample.commits["qemu-kvm/tap-vhost"]
    assert stop["conflicts"] == []
    assert any(
        re.match(r"net/tap\.c:\d+ uses 'error_report', which is not defined here", problem)
        and origin.short in problem
        for problem in stop["problems"]
    )
    assert [c["commit"] for c in stop["culprits"]] == [origin]
    assert "touches 34 files: too wide to be taken silently" in stop["culprits"][0]["outcome"]


def test_an_adaptation_that_fits_nothing_is_a_mistake_and_no_conflict(fresh: Work, sample: Sample) -> None:
    fresh.edit(
        FEATURE, 'rename = { error_report = "qemu_error" }', 'rename = { error_reprot = "qemu_error" }'
    )
    before = fresh.contents()

    ran = fresh.run("backport", "--package", "qemu-kvm")

    assert ran.code == 2
    assert f"the adaptation of {sample.commits['qemu-kvm/tap-vhost'].short}" in ran.err
    assert "matches nothing that the commit changes" in ran.err
    assert fresh.contents() == before


def test_a_plan_of_other_manifests_says_so_and_is_not_taken_for_another_base(done: Work) -> None:
    done.edit(FEATURE, 'owner = "Mira Tsvetanova"', 'owner = "Paola Conti"')
    assert "older than" not in done.run("export").out
    done.edit(FEATURE, "the feature does not need it", "nobody needs it")
    assert f"older than what {FEATURE} says now" in done.run("export").out

    done.edit(RELEASE, 'base = "v2.6.33"', 'base = "v2.6.34"')
    ran = done.run("export", "--package", "kernel")

    assert ran.code == 2
    assert f"{PLAN}: it is a plan for kernel on 'v2.6.33', and the release's base is 'v2.6.34'" in ran.err


# -- the sample as an upstream ----------------------------------------------------------------------


def test_upstream_sample_works_in_its_own_workspace_and_touches_nothing_else(
    cli: Cli, tmp_path: Path, finished: Finished
) -> None:
    assert cli("init", tmp_path / "mine").code == 0
    mine = Work(tmp_path / "mine", cli)
    before, stamps = mine.contents(), mine.stamps()

    ran = mine.run("backport", "--upstream", "sample")

    assert ran.code == 0
    assert ran.err == "working on the sample upstream, in its own workspace .fedvhost/sample/workspace\n"
    assert (mine.contents(), mine.stamps()) == (before, stamps)
    assert contents(mine.file(".fedvhost/sample/workspace")) == contents(finished.root)
    # A state folder that a packager's git sees would be committed one day.
    assert mine.file(".fedvhost/.gitignore").read_text() == "*\n"


def test_qemu_spec_keeps_its_epoch_numbers_and_conditions(finished: Finished, sample: Sample) -> None:
    old = (sample.workspace / QEMU_SPEC).read_text().splitlines()
    new = (finished.root / QEMU_SPEC).read_text().splitlines()
    added = [line for line in new if line not in old]

    assert [line for line in old if line not in new] == ["Release: 2%{?dist}"]
    assert [line for line in added if line.startswith("Patch")] == [
        f"Patch{n:02}: {name}"
        for n, name in enumerate((finished.root / "patches/f13/qemu-kvm/series").read_text().split(), 3)
    ]
    assert [line for line in added if line.startswith("%patch")] == [
        f"%patch{n:02} -p1" for n in range(3, 14)
    ]
    assert "Release: 3%{?dist}" in added
    assert any(re.fullmatch(r"\* .* Pat Packager <pat@example.org> - 2:0\.12\.3-3", line) for line in added)
