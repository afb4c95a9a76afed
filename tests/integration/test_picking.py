"""``fedvhost pick`` and ``explain``: single commits, on the sample."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from backports import FEDVHOST, Work
from conftest import Cli
from fedvhost.process import run
from fedvhost.sample import Sample
from fedvhost.workspace import Workspace
from gitrepo import Repo
from released import TODAY


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def pick(cli: Cli, history: Path, onto: str, *commits: str, code: int) -> Any:
    ran = cli("pick", *commits, "--onto", onto, "--upstream", history, "--json")
    assert (ran.code, ran.err) == (code, ""), ran
    return json.loads(ran.out)


def test_one_commit_lands_and_nothing_upstream_moves(cli: Cli, sample: Sample) -> None:
    before = run(["git", "-C", sample.kernel, "for-each-ref"]).stdout
    commit = sample.commits["kernel/tun-orphan"]

    said = pick(cli, sample.kernel, "v2.6.33", commit[:10], code=0)

    assert (said["ok"], said["picks"][0]["commit"], said["picks"][0]["verdict"]) == (True, commit, "clean")
    assert said["tree"] == said["picks"][0]["tree"] != run(
        ["git", "-C", sample.kernel, "rev-parse", "v2.6.33^{tree}"]
    ).stdout.decode().strip()  # fmt: skip
    assert run(["git", "-C", sample.kernel, "for-each-ref"]).stdout == before


def test_several_land_on_one_another(cli: Cli, sample: Sample, tmp_path: Path) -> None:
    keys = ("tun-socket", "mm-export", "vhost-net", "vhost-kconfig")
    oids = [sample.commits[f"kernel/{key}"] for key in keys]

    said = pick(cli, sample.kernel, "v2.6.33", *oids, code=0)

    assert [p["verdict"] for p in said["picks"]] == ["clean", "clean", "inserted", "clean"]
    assert {n["path"] for n in said["picks"][2]["notes"]} == {"MAINTAINERS", "drivers/Makefile"}
    # The tree is a real one, in a store of ours.
    store = next((tmp_path / "cache" / "fedvhost" / "upstreams").glob("pick-*.git"))
    listed = run(["git", "-C", store, "ls-tree", "-r", "--name-only", said["tree"]]).stdout.decode()
    assert "drivers/vhost/net.c\n" in listed


def test_a_name_that_is_not_there_is_told_with_the_commit_it_came_with(cli: Cli, sample: Sample) -> None:
    said = pick(cli, sample.kernel, "v2.6.33", sample.commits["kernel/vhost-net"], code=1)

    missing = {(m["name"], m["kind"]): m["origin"] for m in said["picks"][0]["missing"]}
    assert missing == {
        ("tun_get_socket", "undefined"): sample.commits["kernel/tun-socket"],
        ("tun_get_socket", "unexported"): sample.commits["kernel/tun-socket"],
        ("use_mm", "unexported"): sample.commits["kernel/mm-export"],
        ("unuse_mm", "unexported"): sample.commits["kernel/mm-export"],
    }
    assert not said["ok"] and said["picks"][0]["verdict"] == "inserted" and said["picks"][0]["review"]


def test_what_misses_names_is_never_called_clean(cli: Cli, sample: Sample) -> None:
    commit = sample.commits["kernel/vhost-net"]

    ran = cli("pick", commit, "--onto", "v2.6.33", "--upstream", sample.kernel)

    assert ran.code == 1
    assert ran.out.startswith(f"misses names  {commit.short}  vhost_net: a kernel-level virtio server\n")


def test_a_conflict_shows_its_panes_and_who_is_behind_it(cli: Cli, sample: Sample) -> None:
    commit = sample.commits["kernel/sock-backlog-fix"]

    ran = cli("pick", commit, "--onto", "v2.6.33", "--upstream", sample.kernel)

    assert ran.code == 1
    for told in (
        f"stopped  {commit[:12]}  net: count frames and not bytes that were dropped",
        "net/skbuff.c: upstream changes lines that are different here",
        "── upstream before it\n      │ \tdropped += skb->len;\n",
        "── upstream with it\n      │ \tdropped++;\n",
        f"{sample.commits['kernel/sock-backlog'][:12]}  net: count frames that were dropped unseen",
        "\n            taking it brings no conflicts of its own",
    ):
        assert told in ran.out
    said = pick(cli, sample.kernel, "v2.6.33", commit, code=1)
    assert said["picks"][0]["conflicts"][0]["theirs"] == "\tdropped++;\n"
    cost = said["picks"][0]["behind"][0]["cost"]
    assert (cost["conflicts"], cost["missing"], cost["left"]) == (0, 0, 0)
    # What stopped changes nothing for what comes after it.
    after = pick(cli, sample.kernel, "v2.6.33", commit, sample.commits["kernel/tun-orphan"], code=1)
    alone = pick(cli, sample.kernel, "v2.6.33", sample.commits["kernel/tun-orphan"], code=0)
    assert (after["picks"][1]["verdict"], after["tree"]) == ("clean", alone["tree"])


def test_what_cannot_be_picked_is_said(cli: Cli, sample: Sample, tmp_path: Path) -> None:
    merge = sample.commits["kernel/net-merge"]
    fine = str(sample.commits["kernel/tun-orphan"])

    for args, told in (
        ((merge, "--onto", "v2.6.33", "--upstream", sample.kernel), f"commit {merge.short} has 2 parents"),
        (("v2.6.33", "--onto", "v2.6.34", "--upstream", sample.kernel), "has 0 parents"),
        (
            ("feed" * 10, "--onto", "v2.6.33", "--upstream", sample.kernel),
            f"commit '{'feed' * 10}' is not in",
        ),
        ((fine, "--onto", "v2.6.3", "--upstream", sample.kernel), "--onto 'v2.6.3' is not in"),
        ((fine, "--onto", "v2.6.33", "--upstream", tmp_path), "is not a git repository"),
    ):
        ran = cli("pick", *args)
        assert (ran.code, ran.out) == (2, "")
        assert told in ran.err


def test_two_picks_at_once_from_two_histories_do_not_meet(sample: Sample) -> None:
    def start(history: Path, onto: str, *keys: str) -> subprocess.Popen[str]:
        package = "kernel" if history == sample.kernel else "qemu-kvm"
        argv = [*FEDVHOST, "pick", *(sample.commits[f"{package}/{k}"] for k in keys)]
        return subprocess.Popen(
            [*argv, "--onto", onto, "--upstream", str(history)], stdout=subprocess.PIPE, text=True
        )

    several = [
        start(sample.kernel, "v2.6.33", "tun-socket", "mm-export", "vhost-net"),
        start(sample.qemu_kvm, "qemu-kvm-0.12.3", "vhost-header", "event-notifier", "virtio-notifiers"),
    ]

    for one in several:
        out, _ = one.communicate(timeout=60)
        assert one.returncode == 0, out


# -- explain ----------------------------------------------------------------------------------------


ROLES = (
    ("vhost-net", "requested, 3 of 7, inserted", "manifest: touches drivers/vhost, include/linux/vhost.h"),
    ("mm-export", "prerequisite, 2 of 7, clean", "export: 'use_mm', 'unuse_mm' are not exported without it"),
    ("slab-sweep", "not taken", "tree-wide slab.h sweep"),
    ("tx-stop-net", "not taken", "on another lane"),
    ("net-merge", "not considered", "a merge is never picked"),
    ("v2.6.33", "not considered", ""),
    ("vhost-weight", "not considered", ""),
)


@pytest.mark.parametrize(("key", "role", "told"), ROLES)
def test_explain_says_why(key: str, role: str, told: str, done: Work, sample: Sample) -> None:
    before = done.contents()

    ran = done.run("explain", sample.commits[f"kernel/{key}"][:12])

    assert (ran.code, ran.err) == (0, "")
    assert f"kernel: {role}\n" in ran.out
    assert told in ran.out
    assert done.contents() == before


def test_explain_tries_a_commit_that_nobody_asked_for(done: Work, sample: Sample) -> None:
    fine = done.json("explain", sample.commits["kernel/index-check"])
    trap = done.json("explain", sample.commits["kernel/sock-backlog-fix"])

    assert [(e["package"], e["role"], e["trial"]["verdict"]) for e in fine] == [
        ("kernel", "not considered", "clean")
    ]
    assert (trap[0]["trial"]["verdict"], trap[0]["trial"]["behind"][0]["commit"]) == (
        "stopped",
        sample.commits["kernel/sock-backlog"],
    )


def test_questions_wait_for_nobody_and_change_nothing(done: Work, sample: Sample) -> None:
    def state() -> dict[str, bytes]:
        files = done.root.rglob(".fedvhost/**/*")
        return {str(f.relative_to(done.root)): f.read_bytes() for f in files if f.is_file()}

    ran_before = done.run("explain", sample.commits["kernel/tun-socket"])
    before = state()
    with Workspace(done.root).lock():
        for verb, *options in (
            ("explain", sample.commits["kernel/tun-socket"]),
            ("compare", "v2.6.33..v2.6.34", "--package", "kernel"),
            ("contingency", *TODAY),
            ("checklist", *TODAY),
            ("report", "--output", str(done.root.parent / "page.html"), *TODAY),
        ):
            ran = done.run(verb, *options)
            assert (ran.code in (0, 1), "is at work" in ran.err) == (True, False), (verb, ran)
            assert verb != "explain" or ran == ran_before
        assert done.call("-C", done.root, "build", "status").code == 0
        assert done.run("fixes").code == 3  # it leaves evidence
    lock = ".fedvhost/lock"
    assert {**state(), lock: b""} == {**before, lock: b""}


def test_explain_without_a_state_folder_makes_none(done: Work, sample: Sample) -> None:
    done.forget()

    assert done.run("explain", sample.commits["kernel/tun-socket"]).code == 0
    assert not done.file(".fedvhost").exists()


def test_explain_of_what_no_history_has(done: Work) -> None:
    ran = done.run("explain", "feed" * 10)

    assert (ran.code, ran.out) == (2, "")
    assert f"commit '{'feed' * 10}' is not in" in ran.err


def test_explain_needs_a_plan(fresh: Work, sample: Sample) -> None:
    ran = fresh.run("explain", sample.commits["kernel/vhost-net"])

    assert ran.code == 2
    then = f"make it with: fedvhost -C {fresh.root} plan --release f13"
    assert "there is no plan" in ran.err and then in ran.err


# -- a part of a commit -----------------------------------------------------------------------------


def test_only_a_part_lands_and_what_the_rest_brings_is_missed(
    cli: Cli, sample: Sample, tmp_path: Path
) -> None:
    commit = sample.commits["kernel/tun-socket"]
    history = ("--onto", "v2.6.33", "--upstream", sample.kernel, "--json")

    ran = cli("pick", commit, "--only", "drivers/net/", *history)

    whole = json.loads(ran.out)
    said = whole["picks"][0]
    assert {"path": "drivers/net", "rung": "only"}.items() <= said["notes"][-1].items()
    assert said["notes"][-1]["how"] == "only this; 1 more file of the commit is left out"
    store = next((tmp_path / "cache" / "fedvhost" / "upstreams").glob("pick-*.git"))
    changed = run(["git", "-C", store, "diff-tree", "-r", "--name-only", whole["onto"], said["tree"]]).stdout
    assert changed.decode().split() == ["drivers/net/tun.c"]


def test_nothing_is_said_of_a_part_that_is_the_whole(cli: Cli, sample: Sample) -> None:
    commit = sample.commits["kernel/tun-orphan"]
    history = ("--onto", "v2.6.33", "--upstream", sample.kernel)

    part = cli("pick", commit, "--only", "drivers", *history)

    assert (part.code, part.out) == (0, cli("pick", commit, *history).out)
    assert "left out" not in part.out


def test_what_changes_nothing_is_not_called_merged_as_if_it_did(cli: Cli, repo: Repo) -> None:
    def makefile(sublevel: int, extra: str, name: str) -> str:
        return f"VERSION = 2\nSUBLEVEL = {sublevel}\nEXTRAVERSION ={extra}\nNAME = {name}\n"

    base = repo.commit("2.6.33", Makefile=makefile(33, "", "one"))
    repo.commit("2.6.34-rc7", Makefile=makefile(34, " -rc7", "two"))
    release = repo.commit("2.6.34", Makefile=makefile(34, "", "two"))

    ran = cli("pick", release, "--onto", base, "--upstream", repo.path)

    assert (ran.code, ran.out.split()[0]) == (0, "redundant")
    assert "Makefile: merged word by word, it is what is here already (tokens)" in ran.out
    assert "look whether it is redundant" in ran.out
    assert "the two sides change different words" not in ran.out


def test_a_commit_that_changes_nothing_there_is_said(cli: Cli, sample: Sample) -> None:
    commit = sample.commits["kernel/tun-orphan"]

    ran = cli("pick", commit, "--only", "drivers/n", "--onto", "v2.6.33", "--upstream", sample.kernel)

    assert (ran.code, ran.out) == (2, "")
    assert f"commit {commit.short} (tun: orphan an skb on tx) changes nothing in drivers/n" in ran.err


@pytest.mark.upstream
def test_a_sweep_limited_to_vhost_misses_what_the_rest_of_it_renames(cli: Cli, upstream_kernel: Path) -> None:
    base = run(["git", "-C", upstream_kernel, "rev-parse", "4be929be34f^"]).stdout.decode().strip()

    ran = cli(
        *("pick", "4be929be34f", "7b3384fc306", "--only", "drivers/vhost", "--onto", base),
        *("--upstream", upstream_kernel, "--json"),
    )

    said = json.loads(ran.out)
    assert (ran.code, said["ok"]) == (1, False)
    assert [m["name"] for p in said["picks"] for m in p["missing"]] == ["USHRT_MAX"]
