"""``fedvhost fixes`` on the sample upstream, and what git says of what came later."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backports import FEATURE, Work
from fedvhost.git.followups import LaterHistory
from fedvhost.process import run
from fedvhost.sample import Sample, write_sample
from fedvhost.values import Oid
from gitrepo import Repo, numbered

UNTIL = 'until = "v2.6.34"\n'
VHOST = "drivers/vhost/vhost.c"


def kinds(said: Any, package: str = "kernel") -> Mapping[Oid, str]:
    """Each follow-up's commit and its kind."""
    lists = {k: v for k, v in said["packages"][package].items() if isinstance(v, list)}
    return {Oid(f["commit"]): kind for kind, found in lists.items() for f in found}


def test_each_later_commit_is_sorted(done: Work, sample: Sample) -> None:
    said = done.json("fixes")
    found = kinds(said)
    key = {oid: k for k, oid in sample.commits.items()}

    assert {key[c].removeprefix("kernel/"): k for c, k in found.items() if c in key} == {
        "index-check": "offered",
        "sock-backlog-fix": "not_to_be_taken",
        "vhost-weight": "feature",
        "slab-sweep": "omitted",
        "macvtap-vhost": "omitted",
    }
    (offer,) = said["packages"]["kernel"]["offered"]
    assert (offer["trial"]["verdict"], offer["trial"]["ok"]) == ("clean", True)
    assert offer["forms"] == [sample.commits["kernel/index-check-stable"]]
    (away,) = said["packages"]["kernel"]["not_to_be_taken"]
    assert sample.commits["kernel/sock-backlog"].short in away["reason"]


def test_a_history_that_ends_with_until_is_said_to(done: Work, sample: Sample) -> None:
    named = run(["git", "-C", sample.qemu_kvm, "rev-parse", "qemu-kvm-0.13.0^{commit}"]).stdout
    until = named.decode().strip()
    done.edit(FEATURE, 'until = "qemu-kvm-0.13.0"', f'until = "{until}"')

    ran = done.run("fixes", "--package", "qemu-kvm")

    assert ran.code == 0
    assert f"this history ends with {until[:12]}, so" in " ".join(ran.out.split())
    assert until not in ran.out


def test_what_a_person_takes_becomes_a_pick_and_is_offered_no_more(done: Work, sample: Sample) -> None:
    commit = sample.commits["kernel/index-check"]
    done.edit(FEATURE, UNTIL, f'{UNTIL}taken = [{{ commit = "{commit}", because = "the host panics" }}]\n')

    planned = done.json("plan", "--package", "kernel")
    after = done.json("fixes", "--package", "kernel")

    pick = planned["packages"]["kernel"]["picks"][-1]
    assert (pick["commit"], pick["because"], pick["verdict"]) == (commit, "follow-up", "clean")
    assert commit not in kinds(after)
    assert sample.commits["kernel/index-check-stable"] not in kinds(after)


def test_taken_and_the_plan_is_old(done: Work, sample: Sample) -> None:
    commit = sample.commits["kernel/index-check"]
    done.edit(FEATURE, UNTIL, f'{UNTIL}taken = [{{ commit = "{commit}", because = "the host panics" }}]\n')

    ran = done.run("fixes", "--package", "kernel", "--json")

    assert ran.code == 0
    assert "plan again" in ran.out + ran.err


def test_what_a_person_omits_is_listed_with_the_reason(done: Work, sample: Sample) -> None:
    commit = sample.commits["kernel/index-check"].short
    done.edit(
        FEATURE, UNTIL, f'{UNTIL}omitted = [{{ commit = "{commit}", because = "nobody may open it" }}]\n'
    )
    done.json("plan", "--package", "kernel")

    package = done.json("fixes", "--package", "kernel")["packages"]["kernel"]

    assert package["offered"] == []
    assert "nobody may open it" in [f["reason"] for f in package["omitted"]]


def test_what_is_omitted_is_not_picked_by_its_path_either(done: Work, sample: Sample) -> None:
    commit = sample.commits["kernel/ring-limit"]
    done.edit(FEATURE, UNTIL, f'{UNTIL}omitted = [{{ commit = "{commit}", because = "no such rings" }}]\n')

    planned = done.json("plan", "--package", "kernel")["packages"]["kernel"]

    assert commit not in [p["commit"] for p in planned["picks"]]
    assert "no such rings" in [c["reason"] for c in planned["considered"]]
    assert kinds(done.json("fixes", "--package", "kernel"))[commit] == "omitted"


def test_the_plan_says_which_picks_are_follow_ups(done: Work, sample: Sample) -> None:
    commit = sample.commits["kernel/index-check"]
    done.edit(FEATURE, UNTIL, f'{UNTIL}taken = [{{ commit = "{commit}", because = "the host panics" }}]\n')

    out = done.run("plan", "--package", "kernel").out

    assert f"{commit.short}  vhost: fix the check of the ring's index  [follow-up]" in out


def test_taken_and_omitted_cannot_be_one(done: Work, sample: Sample) -> None:
    choice = f'[{{ commit = "{sample.commits["kernel/index-check"]}", because = "so" }}]'
    done.edit(FEATURE, UNTIL, f"{UNTIL}taken = {choice}\nomitted = {choice}\n")

    ran = done.run("fixes")

    assert ran.code == 2
    assert "is also omitted[0]; it cannot be both" in ran.err


def test_without_a_plan_there_is_nothing_to_follow(fresh: Work) -> None:
    ran = fresh.run("fixes")

    assert ran.code == 2
    assert f"make it with: fedvhost -C {fresh.root} plan --release f13" in ran.err


# -- more history than the sample has ---------------------------------------------------------------


class Upstream:
    """A copy of the sample's kernel, to which commits are added at the end of a branch."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0

    def git(self, *args: str, stdin: bytes = b"") -> str:
        return run(["git", "-C", self.path, *args], stdin=stdin).stdout.decode().strip()

    def change(
        self, message: str, old: str, new: str, path: str = VHOST, branch: str = "master",
        who: str = "Ada <ada@example.org>",
    ) -> Oid:  # fmt: skip
        """Commit one replacement; returns the commit."""
        text = run(["git", "-C", self.path, "show", f"{branch}:{path}"]).stdout.decode()
        assert text.count(old) == 1
        content = text.replace(old, new).encode()
        self.count += 1
        lines = f"commit refs/heads/{branch}\ncommitter {who} {1270000000 + self.count} +0000\n"
        head = f"{lines}data {len(message.encode())}\n{message}\nfrom refs/heads/{branch}^0\n"
        body = f"M 100644 inline {path}\ndata {len(content)}\n"
        self.git("fast-import", "--quiet", stdin=head.encode() + body.encode() + content + b"\n")
        return Oid(self.git("rev-parse", branch))


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    return Upstream(write_sample(tmp_path / "further").kernel)


def test_a_fix_of_an_offered_fix_is_offered_and_tried_after_it(done: Work, upstream: Upstream) -> None:
    first = upstream.git("log", "-1", "--format=%H", "--grep", "^vhost: fix the check", "master")
    second = upstream.change(
        "vhost: fix the check of the index for 64 bits\n",
        "state->index >= (u32)dev->nvqs",
        "state->index >= (u64)dev->nvqs",
    )

    found = done.json("fixes", "--package", "kernel", "--upstream", f"kernel={upstream.path}")

    offered = {f["commit"]: f for f in found["packages"]["kernel"]["offered"]}
    assert set(offered) == {first, second}
    assert offered[second]["after"] == [first]
    assert offered[second]["trial"]["on"] == [first]
    assert offered[second]["trial"]["ok"]


def test_a_fix_of_a_later_features_lines_is_not_to_be_taken(done: Work, upstream: Upstream) -> None:
    feature = upstream.change(
        "vhost-net: add a budget\n", "#define VHOST_NET_WEIGHT 128\n",
        "#define VHOST_NET_WEIGHT 128\n#define VHOST_NET_BUDGET 7\n", "drivers/vhost/net.c",
    )  # fmt: skip
    fix = upstream.change(
        "vhost-net: fix wrong budget\n", "#define VHOST_NET_BUDGET 7\n", "#define VHOST_NET_BUDGET 70\n",
        "drivers/vhost/net.c",
    )  # fmt: skip

    found = done.json("fixes", "--package", "kernel", "--upstream", f"kernel={upstream.path}")

    assert kinds(found)[feature] == "feature"
    away = {f["commit"]: f["reason"] for f in found["packages"]["kernel"]["not_to_be_taken"]}
    assert feature[:12] in away[fix]


def test_a_fix_that_takes_away_what_is_still_used_here_is_not_to_be_taken(
    done: Work, upstream: Upstream
) -> None:
    start = upstream.git("show", f"master:{VHOST}")
    begin = start.index("static long vhost_dev_set_owner")
    function = start[begin : start.index("long vhost_dev_reset_owner")]
    cleanup = upstream.change(
        "vhost: minor cleanup\n", "\t\treturn vhost_dev_set_owner(dev);\n", "\t\treturn !!dev->owned++;\n"
    )
    fix = upstream.change("vhost: fix warning\n", function, "")

    found = done.json("fixes", "--package", "kernel", "--upstream", f"kernel={upstream.path}")

    away = {f["commit"]: f for f in found["packages"]["kernel"]["not_to_be_taken"]}
    assert "it takes away 'vhost_dev_set_owner', which is still used here" in away[fix]["reason"]
    assert cleanup[:12] in away[fix]["reason"]
    assert (away[fix]["trial"]["ok"], away[fix]["trial"]["lost"]) == (False, ["vhost_dev_set_owner"])


def test_a_numbered_bug_that_the_picks_author_repairs_beside_them_is_offered(
    done: Work, sample: Sample, upstream: Upstream
) -> None:
    author = upstream.git("log", "-1", "--format=%an <%ae>", sample.commits["kernel/vhost-net"])

    def change(old: str, new: str, bug: str, who: str) -> Oid:
        return upstream.change(f"tun: avoid a panic\n\n{bug}\n", old, new, "drivers/net/tun.c", who=who)

    bug_named = change("TUN_READQ_SIZE 16\n", "TUN_READQ_SIZE 17\n", "rhbz 591494", author)
    nothing_said = change("*tun->last = skb;\n", "*(tun->last) = skb;\n", "", author)
    somebody_else = change(
        "tun->last = &skb->next;\n", "tun->last = &(skb->next);\n", "rhbz 591495", "S <s@x>"
    )

    found = kinds(done.json("fixes", "--package", "kernel", "--upstream", f"kernel={upstream.path}"))

    assert found[bug_named] == "offered"
    assert not {nothing_said, somebody_else} & found.keys()


def test_comments_and_white_space_are_noise_whatever_the_subject_says(done: Work, upstream: Upstream) -> None:
    change = upstream.change(
        "vhost: fix crash\n", "\tif (state->index >= (u32)dev->nvqs)\n",
        "\t/* From 0. */\n\tif (state->index  >=  (u32)dev->nvqs)\n",
    )  # fmt: skip

    found = done.json("fixes", "--package", "kernel", "--upstream", f"kernel={upstream.path}")

    assert kinds(found)[change] == "noise"


# -- git's part -------------------------------------------------------------------------------------


def test_who_wrote_a_line_is_what_git_blame_says_over_merges(repo: Repo, tmp_path: Path) -> None:
    base = repo.commit("base", f=numbered(), g="x\n")
    one = repo.commit("one", f=numbered(l5="five"))
    repo.commit("elsewhere", g="y\n")
    two = repo.commit("two", onto=one, f=numbered(l5="five", l9="nine"))
    three = repo.commit("three", onto=one, f=numbered(l5="five", l15="fifteen"))
    both = numbered(l5="five", l9="nine", l15="fifteen")
    merge = repo.commit("merge", onto=two, merging=[three], f=both)
    last = repo.commit("last", onto=merge, f=both.replace("line 20", "twenty"))
    later = LaterHistory(repo.store(), base, [last], ["f"])

    owners = later.owners(later.commits[last].parents[0], "f", range(1, 21))
    later.forget()

    assert owners == {5: one, 9: two, 15: three}
    assert [e.removed for e in later.commits[last].edits] == [((20, b"line 20"),)]


def test_what_names_a_commit_is_found_by_any_length_from_seven_digits(repo: Repo) -> None:
    base = repo.commit("base", f="1\n")
    pick = repo.commit("pick", f="2\n")
    full = repo.commit(f"a\n\nSince {pick}.", f="3\n")
    short = repo.commit(f"b\n\nSince {pick[:7]}.", f="4\n")
    repo.commit(f"c\n\nSince {pick[:6]} and {'0' * 12}.", f="5\n")
    assert repo.tip is not None
    later = LaterHistory(repo.store(), base, [repo.tip], ["f"])

    assert later.messages.naming(pick) == (full, short)
