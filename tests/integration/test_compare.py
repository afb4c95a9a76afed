"""``fedvhost compare``: the sample's series beside a backport that somebody made with plain git."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from backports import Finished, Work
from conftest import Cli
from fedvhost.pipeline.compare import comparing
from fedvhost.process import run
from fedvhost.sample import Sample
from fedvhost.shipped import make_workspace
from fedvhost.values import Oid

BASE = "v2.6.33"


@dataclass(frozen=True, slots=True)
class Fork:
    """Somebody's clone; ``upstream`` and ``commits`` (what they made of it) by the sample's keys."""

    path: Path
    upstream: Mapping[str, Oid]
    commits: dict[str, Oid] = field(default_factory=dict)

    def git(self, *args: str) -> str:
        # Later than the sample's own commits: git's walks go by the dates.
        env = {**os.environ, "GIT_COMMITTER_DATE": "2010-08-17T12:00:00+0000"}
        return run(["git", "-C", self.path, *args], env=env).stdout.decode().strip()

    def pick(self, key: str) -> None:
        """Bring a commit into the index and the files, upstream's side where it conflicts."""
        self.git("cherry-pick", "-n", "-X", "theirs", self.upstream[key])

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.path / path).read_text()
        assert text.count(old) == 1, f"{text.count(old)} times in {path}: {old}"
        (self.path / path).write_text(text.replace(old, new))

    def commit(self, key: str, message: str, *options: str) -> None:
        self.git("commit", "-q", "-a", *(["-m", message] if message else []), *options)
        self.commits[key] = Oid(self.git("rev-parse", "HEAD"))


@pytest.fixture(scope="session")
def fork(sample: Sample, finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Fork:
    """A backport by hand: another order, edits, all kinds of trailers, a fix more, two picks less."""
    where = tmp_path_factory.mktemp("fork") / "fork"
    run(["git", "clone", "-q", "--no-checkout", sample.kernel, where])
    upstream = {
        k.removeprefix("kernel/"): oid for k, oid in sample.commits.items() if k.startswith("kernel/")
    }
    fork = Fork(where, upstream)
    fork.git("checkout", "-q", "-b", "downstream", BASE)

    fork.pick("mm-export")
    fork.commit("mm-export", "mm: modules may borrow a user's memory")
    fork.pick("tun-socket")
    fork.edit("drivers/net/tun.c", "/* For those who send through a tap without being a program. */\n", "")
    fork.commit("tun-socket", "[net] give a tap a socket")
    fork.pick("vhost-net")
    fork.edit("drivers/vhost/Kconfig", "Serve virtio network cards", "Virtio network cards")
    fork.commit(
        "vhost-net", f"[net] vhost\n\nBugzilla: 123456\n\ncommit {upstream['vhost-net']}\nAuthor: M.T.\n"
    )
    patch = next((finished.root / "patches/f13/kernel").glob("*-vhost-refuse-rings-*.patch"))
    fork.git("apply", "--index", os.fspath(patch))
    fork.commit("ring-limit", "short rings only")
    fork.pick("tx-stop")
    fork.edit("drivers/vhost/net.c", "if (vhost_add_used(vq, &desc))", "if (vhost_add_used(vq, &desc) != 0)")
    fork.commit("tx-stop", "", "-C", upstream["tx-stop"])
    fork.pick("index-check")
    words = fork.git("show", "-s", "--format=%b", upstream["index-check"])
    fork.commit("index-check", f"vhost: check index\n\ncommit {upstream['index-check']} upstream.\n\n{words}")
    fork.edit(
        "net/skbuff.c", "#include <linux/percpu.h>\n", "#include <linux/percpu.h>\n#include <linux/slab.h>\n"
    )
    fork.commit("slab-sweep", f"slab.h\n\n[ Upstream commit {upstream['slab-sweep']} ]")
    fork.edit("Makefile", "EXTRAVERSION =\n", "EXTRAVERSION = .el\n")
    fork.commit("version", "Say whose kernel it is")
    fork.git("revert", "--no-edit", fork.commits["version"])
    fork.commits["revert"] = Oid(fork.git("rev-parse", "HEAD"))
    return fork


def compared(work: Work, fork: Fork, *args: str, code: int = 0) -> Any:
    """Compare the series with ``args``, or with all of the fork; return what is said of the kernel."""
    said = work.json("compare", f"--repo={fork.path}", *(args or (f"{BASE}..downstream",)), code=code)
    assert list(said["packages"]) == ["kernel"], "the package whose base the repository has"
    return said["packages"]["kernel"]


def test_each_commit_is_found_by_the_surest_way_there_is(done: Work, fork: Fork) -> None:
    said = compared(done, fork)

    ways = {m["ours"]: (m["theirs"], m["by"]) for m in said["matches"]}
    expected = {
        "mm-export": "upstream's patch",
        "tun-socket": "similar lines",
        "vhost-net": "trailer",
        "ring-limit": "our patch",
        "tx-stop": "subject and author",
    }
    assert ways == {fork.upstream[k]: (fork.commits[k], by) for k, by in expected.items()}
    alike = {m["ours"]: m["alike"] for m in said["matches"]}
    assert alike[fork.upstream["mm-export"]] == 1
    assert 0.8 < alike[fork.upstream["tun-socket"]] < 1


def test_what_one_has_and_the_other_lacks_is_told_with_what_is_known(done: Work, fork: Fork) -> None:
    said = compared(done, fork)

    here = {x["commit"]: x["why"] for x in said["only_here"]}
    assert set(here) == {fork.upstream["vhost-kconfig"], fork.upstream["tun-orphan"]}
    assert here[fork.upstream["vhost-kconfig"]] == ["requested: touches drivers/vhost, include/linux/vhost.h"]
    there = {x["commit"]: x["why"] for x in said["only_there"]}
    why = {key: there.pop(fork.commits[key]) for key in ("index-check", "slab-sweep", "version", "revert")}
    assert there == {}
    assert why["slab-sweep"] == [
        "considered and not taken: tree-wide slab.h sweep; the base's percpu.h still includes slab.h"
    ]
    assert why["version"] == ["requested by nobody: touches nothing that the feature names"]
    assert why["revert"] == [f"reverts {fork.commits['version'].short} of the range"]
    assert why["index-check"] == [
        f"mentions {fork.upstream['vhost-net'].short} (vhost_net: a kernel-level virtio server): a follow-up?"
    ]


def test_order_and_files_that_differ_are_counted(done: Work, fork: Fork) -> None:
    said = compared(done, fork)

    # Two pairs changed places; to make the orders the same, one of each has to move.
    keys = (("tun-socket", "mm-export"), ("tx-stop", "ring-limit"))
    pairs = [{fork.upstream[a], fork.upstream[b]} for a, b in keys]
    assert [m["commit"] in pair for m, pair in zip(said["moved"], pairs, strict=True)] == [True, True]
    files = {f["path"]: f for f in said["files"]}
    assert files["mm/mmu_context.c"]["state"] == "same"
    assert files["include/linux/if_tun.h"]["state"] == "same"
    tun = files["drivers/net/tun.c"]
    # Here: the comment that they left out, and tun-orphan's three lines.
    assert (tun["state"], tun["touched"]) == ("differs", "both")
    assert tun["between"] == {"added": tun["here"]["added"] - tun["there"]["added"], "removed": 0}
    assert files["net/skbuff.c"] == {
        "path": "net/skbuff.c", "state": "differs", "touched": "there",
        "here": {"added": 0, "removed": 0}, "there": {"added": 1, "removed": 0},
        "between": {"added": 0, "removed": 1},
    }  # fmt: skip
    assert files["Makefile"]["state"] == "same", "what was taken back makes no difference"
    assert "diff" not in tun


def test_diff_shows_what_leads_from_their_result_to_ours(done: Work, fork: Fork) -> None:
    said = compared(done, fork, f"{BASE}..downstream", "--diff")

    files = {f["path"]: f for f in said["files"]}
    diff = files["drivers/net/tun.c"]["diff"]
    assert "+/* For those who send through a tap without being a program. */" in diff
    assert diff[0].startswith("@@ ")
    assert sum(line.startswith("+") for line in diff) == files["drivers/net/tun.c"]["between"]["added"]
    assert "diff" not in files["mm/mmu_context.c"]


def test_text_says_the_same(done: Work, fork: Fork) -> None:
    ran = done.run("compare", f"{BASE}..downstream", f"--repo={fork.path}", "--diff")

    assert (ran.code, ran.err) == (0, "")
    assert "kernel: 7 commits here, 9 there" in ran.out
    assert f"there {fork.commits['tun-socket'].short}; '[net] give a tap a socket'" in ran.out
    assert f"trailer            {fork.upstream['vhost-net'].short}" in ran.out
    assert "  only here: 2" in ran.out and "  only there: 4" in ran.out
    assert "differs  drivers/net/tun.c" in ran.out
    assert "│ +/* For those who send through a tap" in ran.out


def test_paths_limit_both_the_range_and_what_is_compared(done: Work, fork: Fork) -> None:
    said = compared(done, fork, f"{BASE}..downstream", "--", "drivers/net", "mm/mmu_context.c")

    assert {m["ours"] for m in said["matches"]} == {fork.upstream["mm-export"], fork.upstream["tun-socket"]}
    assert {f["path"] for f in said["files"]} == {"drivers/net/tun.c", "mm/mmu_context.c"}
    why = {x["commit"]: x["why"][0] for x in said["only_here"]}
    assert why[fork.upstream["vhost-kconfig"]] == "touches none of the paths compared"
    assert why[fork.upstream["tun-orphan"]].startswith("requested: ")


def test_an_upstream_range_is_the_same_commits(done: Work, sample: Sample) -> None:
    said = done.json("compare", f"{BASE}..v2.6.34")

    kernel = said["packages"]["kernel"]
    assert {m["by"] for m in kernel["matches"]} == {"same commit"}
    assert [m["theirs"] for m in kernel["matches"]] == [m["ours"] for m in kernel["matches"]]
    why = {x["commit"]: x["why"] for x in kernel["only_there"]}
    assert why[sample.commits["kernel/macvtap-vhost"]][0].startswith("considered and not taken: ")
    assert f"repeats {sample.commits['kernel/tx-stop'].short}" in " ".join(
        why[sample.commits["kernel/tx-stop-net"]]
    )
    assert kernel["there"]["merges"] == 1
    assert "is not in" in said["skipped"]["qemu-kvm"]


def test_a_base_that_has_it_already_is_no_lack(done: Work, sample: Sample) -> None:
    said = done.json("compare", "v2.6.34..v2.6.34.1", code=1)

    kernel = said["packages"]["kernel"]
    assert kernel["matches"] == []
    assert {x["why"][0] for x in kernel["only_here"]} == {"in their base already: it was built on it"}
    # Their fix says whose copy it is: of a commit that is not in the base either.
    fix = next(x for x in kernel["only_there"] if x["commit"] == sample.commits["kernel/index-check-stable"])
    assert fix["why"] == ["touches drivers/vhost; not among upstream's commits from the base to v2.6.34"]


def test_a_commit_that_our_base_has_is_told_with_proof(done: Work, sample: Sample, tmp_path: Path) -> None:
    run(["git", "clone", "-q", "--no-checkout", sample.kernel, tmp_path / "fork"])
    fork = Fork(tmp_path / "fork", {})
    fork.git("checkout", "-q", "--orphan", "imported", BASE)
    fork.git("commit", "-q", "-m", "import")
    start = fork.git("rev-parse", "HEAD")
    fork.edit("Makefile", "NAME =", "NAME = Not")
    fork.commit("copied", f"a copy\n\n(cherry picked from commit {fork.git('rev-parse', BASE)})")

    said = compared(done, fork, f"{start}..imported", "--package", "kernel", code=1)

    base = Oid(fork.git("rev-parse", f"{BASE}^{{commit}}"))
    assert [x["why"] for x in said["only_there"]] == [[f"in base already: it was built on {base.short}"]]


def test_too_many_commits_are_limited_to_our_files_and_it_is_said(
    done: Work, fork: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "MOST", 8)

    said = compared(done, fork)

    assert said["there"]["limited_for"].startswith("the range has 9 commits")
    assert "drivers/vhost/net.c" in said["there"]["limited"]
    assert fork.commits["version"] not in {x["commit"] for x in said["only_there"]}
    assert len(said["matches"]) == 5


def test_too_many_commits_of_the_paths_asked_for_are_refused(
    done: Work, fork: Fork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "MOST", 1)

    ran = done.run("compare", f"{BASE}..downstream", f"--repo={fork.path}", "--", "drivers/vhost")

    assert ran.code == 2
    assert "commits that touch drivers/vhost; at most 1 are compared" in ran.err


@pytest.mark.parametrize(
    ("range_", "message"),
    [
        ("v2.6.33", "'v2.6.33' is not a range of commits; write A..B"),
        ("v2.6.33...downstream", "is not a range of commits"),
        ("..downstream", "is not a range of commits"),
        ("nonesuch..downstream", "REV-RANGE 'nonesuch' is not in"),
        ("v2.6.33..nonesuch", "REV-RANGE 'nonesuch' is not in"),
        ("downstream..downstream", "has no commits"),
        ("downstream..v2.6.33", "the other way round, v2.6.33..downstream has 9"),
    ],
)
def test_a_range_that_is_none_is_told(done: Work, fork: Fork, range_: str, message: str) -> None:
    ran = done.run("compare", range_, f"--repo={fork.path}")

    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert "qemu-kvm" not in ran.err, "only the package that the repository is of"


def test_a_path_that_nothing_touches_is_told(done: Work, fork: Fork) -> None:
    ran = done.run("compare", f"{BASE}..downstream", f"--repo={fork.path}", "--", "drivers/vhots")

    assert ran.code == 2
    assert "none of the 9 commits of" in ran.err and "touches drivers/vhots" in ran.err


def test_what_is_no_repository_is_told(done: Work, tmp_path: Path) -> None:
    ran = done.run("compare", f"{BASE}..HEAD", f"--repo={tmp_path}")

    assert ran.code == 2
    assert f"'{tmp_path}' is not a git repository" in ran.err


def test_a_repository_of_neither_package_needs_to_be_told_which(done: Work, tmp_path: Path) -> None:
    run(["git", "init", "-q", tmp_path / "import"])
    for subject in ("import", "more"):
        run(["git", "-C", tmp_path / "import", "commit", "-q", "--allow-empty", "-m", subject])

    ran = done.run("compare", "HEAD~1..HEAD", f"--repo={tmp_path / 'import'}")

    assert ran.code == 2
    assert "say which it is of: --package (kernel, qemu-kvm)" in ran.err
    # Told which, it is compared, though the two have no history in common.
    again = done.json(
        "compare", "HEAD~1..HEAD", f"--repo={tmp_path / 'import'}", "--package", "kernel", code=1
    )
    assert len(again["packages"]["kernel"]["only_here"]) == 7


def test_head_is_that_of_the_linked_work_tree_that_was_named(done: Work, fork: Fork, tmp_path: Path) -> None:
    run(["git", "clone", "-q", fork.path, tmp_path / "clone"])
    run(["git", "-C", tmp_path / "clone", "worktree", "add", "-q", tmp_path / "tree", "HEAD~2"])

    said = done.json("compare", f"{BASE}..HEAD", f"--repo={tmp_path / 'tree'}")

    assert said["packages"]["kernel"]["there"]["tip"] == fork.commits["slab-sweep"]


def test_a_clone_without_its_files_is_told(done: Work, fork: Fork, tmp_path: Path) -> None:
    pack = "git -c uploadpack.allowFilter=true upload-pack"
    url = f"file://{fork.path}"
    run(["git", "clone", "-q", "--bare", "--filter=blob:none", "-u", pack, url, tmp_path / "partial"])

    ran = done.run("compare", f"{BASE}..downstream", f"--repo={tmp_path / 'partial'}")

    assert (ran.code, ran.out) == (3, "")
    assert f"'{tmp_path / 'partial'}' is a shallow or partial clone; what it lacks is needed here" in ran.err


def test_without_a_plan_the_next_step_is_named(fresh: Work) -> None:
    ran = fresh.run("compare", f"{BASE}..v2.6.34")

    assert ran.code == 2
    assert f"make it with: fedvhost -C {fresh.root} plan --release f13" in ran.err


def test_nothing_is_written(done: Work, fork: Fork) -> None:
    before, refs = done.contents(), fork.git("for-each-ref")

    compared(done, fork)

    assert done.contents() == before
    assert fork.git("for-each-ref") == refs
    assert not (fork.path / ".git/refs/fedvhost").exists()


@pytest.mark.upstream
def test_the_real_kernel_beside_its_own_release(cli: Cli, upstream_kernel: Path, tmp_path: Path) -> None:
    make_workspace(tmp_path)
    work = Work(tmp_path, cli)
    assert work.run("plan", "--package", "kernel").code == 0

    said = work.json("compare", "v2.6.33..v2.6.34", "--package", "kernel", "--", "drivers/vhost")

    kernel = said["packages"]["kernel"]
    assert len(kernel["matches"]) == 12
    assert {x["commit"][:12] for x in kernel["only_there"]} == {"501c774cb13c", "5a0e3ad6af86"}
    assert all(x["why"][0].startswith("considered and not taken") for x in kernel["only_there"])
    assert {x["commit"][:11] for x in kernel["only_here"]} == {"05c2828c72c", "5da779c34cc", "0110d6f22f3"}
