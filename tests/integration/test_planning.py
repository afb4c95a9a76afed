"""Plans on small histories: what a pick needs is found and shown, and nothing else is taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from fedvhost.backport.manifest import Adaptation
from fedvhost.backport.outcome import Verdict
from fedvhost.backport.plan import Cost, Entry, PackagePlan, Plan, to_json
from fedvhost.errors import InputError
from fedvhost.git.store import GitStore
from fedvhost.values import Oid
from gitrepo import Repo, numbered
from planned import job, plan

F = numbered()


@pytest.fixture
def store(repo: Repo) -> Iterator[GitStore]:
    with repo.store() as opened:
        yield opened


def ends(found: PackagePlan) -> dict[Oid, str]:
    """Return how each entry ends, in order."""
    return {e.commit: e.verdict.value for e in found.entries}


def entry(found: PackagePlan, commit: Oid) -> Entry:
    return next(e for e in found.entries if e.commit == commit)


def reasons(found: PackagePlan) -> Mapping[Oid, str]:
    return {c.commit: c.reason for c in found.considered}


# -- prerequisites ----------------------------------------------------------------------------------------

USER = "#include <k.h>\n\nint net_open(void)\n{\n\treturn 0;\n}\n"
MAKEFILE = "obj-$(CONFIG_VHOST_NET) += net.o\n"


def test_a_function_that_is_not_here_brings_the_commit_that_declares_it(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", {"k.h": "int old(void);\n", "net.c": USER})
    noise = repo.commit("noise", other="x\n")
    needs = repo.commit("tun: export underlying socket", {"k.h": "int old(void);\nint tun_get(void);\n"})
    pick = repo.commit("net: use it", {"net.c": USER.replace("return 0", "return tun_get()")})

    found = plan(job(repo, store, base, [pick]))
    assert ends(found) == {needs: "clean", pick: "clean"}
    assert (entry(found, needs).because, entry(found, pick).because) == ("prerequisite", "requested")
    assert [e.names for e in entry(found, needs).evidence if e.kind == "symbol"] == [("tun_get",)]
    assert "neighbour" in {e.kind for e in entry(found, needs).evidence}
    assert noise not in reasons(found) and found.ok


def test_a_function_that_no_module_can_link_to_brings_its_export(repo: Repo, store: GitStore) -> None:
    mm = "int use_mm(void)\n{\n\treturn 1;\n}\n"
    files = {"k.h": "int use_mm(void);\n", "mm.c": mm, "drivers/net.c": USER, "drivers/Makefile": MAKEFILE}
    base = repo.commit("base", files)
    needs = repo.commit("mm: export use_mm", {"mm.c": f"{mm}EXPORT_SYMBOL_GPL(use_mm);\n"})
    pick = repo.commit("vhost", {"drivers/net.c": USER.replace("return 0", "return use_mm()")})

    found = plan(job(repo, store, base, [pick]))
    assert ends(found) == {needs: "clean", pick: "clean"}
    assert {e.kind for e in entry(found, needs).evidence} >= {"export"}


def test_a_call_with_one_argument_more_brings_the_commit_that_changed_the_function(
    repo: Repo, store: GitStore
) -> None:
    """Git merges it cleanly, and a C compiler of then only warned."""
    old = {"k.h": "int kick(int ring);\n", "net.c": USER}
    base = repo.commit("base", old)
    needs = repo.commit("ring: say how to kick", {"k.h": "int kick(int ring, int how);\n"})
    pick = repo.commit("net: kick", {"net.c": USER.replace("return 0", "return kick(1, 2)")})

    found = plan(job(repo, store, base, [pick]))
    assert ends(found) == {needs: "clean", pick: "clean"}
    detail = (
        f"'kick' is declared with another number of parameters without it; {pick.short} calls that in net.c:5"
    )
    assert [(e.names, e.detail) for e in entry(found, needs).evidence if e.kind == "arguments"] == [
        (("kick",), detail)
    ]
    without = plan(job(repo, store, base, [pick], never={needs: "too new"}))
    assert without.stop is not None
    assert without.stop.problems == (
        f"net.c:5 calls 'kick' with 2 arguments, and it takes 1 here; "
        f"it came with {needs.short} (ring: say how to kick)",
    )


def test_a_file_that_is_mapped_is_checked_like_any(repo: Repo, store: GitStore) -> None:
    near = "int own;\n" * 30 + USER
    base = repo.commit("base", {"k.h": "int old(void);\n", "net.c": USER, "near.c": near})
    base = repo.commit("moved here", {"net.c": None})
    upstream = repo.commit("upstream", {"net.c": USER, "near.c": None}, onto=base)
    needs = repo.commit("k: tun_get", {"k.h": "int old(void);\nint tun_get(void);\n"}, onto=upstream)
    pick = repo.commit("net: use it", {"net.c": USER.replace("return 0", "return tun_get()")}, onto=needs)
    said = Adaptation(pick, "it is there", map_path={"net.c": "near.c"})

    found = plan(job(repo, store, base, [pick], adapt=[said]))
    assert ends(found) == {needs: "clean", pick: "adapted"}


def test_a_name_that_a_person_vouches_for_brings_nothing(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", {"k.h": "int old(void);\n", "net.c": USER})
    repo.commit("declares", {"k.h": "int old(void);\nint tun_get(void);\n"})
    pick = repo.commit("uses", {"net.c": USER.replace("return 0", "return tun_get()")})
    assert ends(plan(job(repo, store, base, [pick], assumed=["tun_get"]))) == {pick: "clean"}


def test_a_chain_of_commits_behind_the_context(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    first = repo.commit("first", f=numbered(l5="five"))
    second = repo.commit("second", f=numbered(l5="FIVE"))
    unrelated = repo.commit("unrelated", f=numbered(l5="FIVE", l18="eighteen"))
    pick = repo.commit("pick", f=numbered(l5="Five!", l18="eighteen"))

    found = plan(job(repo, store, base, [pick]))
    assert ends(found) == {first: "clean", second: "clean", pick: "clean"}
    texts = [e for e in entry(found, second).evidence if e.kind == "text"]
    assert [(e.path, e.commit) for e in texts] == [("f", pick)]
    assert store.file(found.entries[-1].tree, "f") == numbered(l5="Five!").encode()
    assert unrelated not in ends(found)


def test_a_prerequisite_without_which_all_lands_is_dropped(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    both = repo.commit("both", f=numbered(l5="five", l15="fifteen"))
    repo.commit("half of it undone", f=numbered(l15="fifteen"))
    again = repo.commit("done again", f=numbered(l5="five", l15="fifteen"))
    one = repo.commit("one", f=numbered(l5="FIVE", l15="fifteen"))
    two = repo.commit("two", f=numbered(l5="FIVE", l15="FIFTEEN"))

    # For the first pick alone, the last commit that wrote its line is the one ...
    assert ends(plan(job(repo, store, base, [one]))) == {again: "clean", one: "clean"}
    # ... but the second pick needs the older one, which does for both.
    found = plan(job(repo, store, base, [one, two]))
    assert ends(found) == {both: "clean", one: "clean", two: "clean"}
    assert reasons(found) == {again: "everything lands without it"}


def test_a_tree_wide_commit_is_not_taken_silently(repo: Repo, store: GitStore) -> None:
    files = {f"d/{n}": "x\n" for n in range(30)}
    base = repo.commit("base", {"f": F, **files})
    sweep = repo.commit("sweep", {"f": numbered(l5="swept"), **dict.fromkeys(files, "swept\n")})
    pick = repo.commit("pick", f=numbered(l5="pick"))
    last = repo.commit("last", g="g\n")

    found = plan(job(repo, store, base, [pick, last]))
    assert found.stop is not None and found.stop.commit == pick
    assert "it touches 31 files: too wide to be taken silently" in reasons(found)[sweep]
    assert [(c.commit, c.files) for c in found.stop.culprits] == [(sweep, 31)]
    assert [(u.commit, u.what) for u in found.undecided][1:] == [(last, f"not reached: {pick.short} stopped")]

    asked = plan(job(repo, store, base, [pick, last, sweep]))
    assert ends(asked) == {sweep: "clean", pick: "clean", last: "clean"}


def test_what_is_never_to_be_taken_is_not_taken_to_help_either(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    forbidden = repo.commit("forbidden", f=numbered(l5="five"))
    pick = repo.commit("pick", f=numbered(l5="FIVE"))
    found = plan(job(repo, store, base, [pick], never={forbidden: "breaks the guest"}))
    assert found.stop is not None and ends(found) == {}
    assert reasons(found) == {forbidden: "breaks the guest"}


def test_a_stop_keeps_what_landed_before_and_explains_itself(repo: Repo, store: GitStore) -> None:
    start = repo.commit("start", f=F)
    base = repo.commit("downstream", f=numbered(l5="own"))
    early = repo.commit("early", {"g": "g\n"}, onto=start)
    pick = repo.commit("pick", f=numbered(l5="new"))

    found = plan(job(repo, store, base, [early, pick]))
    assert ends(found) == {early: "clean"} and not found.ok
    assert found.stop is not None and found.stop.commit == pick
    (conflict,) = found.stop.conflicts
    assert (conflict.base, conflict.ours, conflict.theirs) == ("line 5\n", "own\n", "new\n")
    assert found.stop.problems == ("f: upstream changes lines that are different here",)


def test_what_the_commits_behind_a_conflict_would_cost(repo: Repo, store: GitStore) -> None:
    start = repo.commit("start", f=F, g=F)
    base = repo.commit("downstream", f=numbered(l5="own", l9="own"), g=numbered(l1="own"))
    near = repo.commit("near", {"f": numbered(l5="five"), "g": numbered(l1="one")}, onto=start)
    far = repo.commit("far", f=numbered(l5="five", l15="fifteen"))
    pick = repo.commit("pick", f=numbered(l5="new", l15="new"))

    found = plan(job(repo, store, base, [pick]))
    assert found.stop is not None and found.stop.commit == pick
    costs = {c.commit: c.cost for c in found.stop.culprits if c.cost is not None}
    # Of the pick's two conflicts, one is with what 'far' brought.
    assert costs[near] == Cost(conflicts=2)
    assert costs[near].text == "taking it brings 2 conflicts of its own"
    assert set(costs) <= {near, far}
    # It depends on how long it may take, so it is told and not written.
    assert b"cost" not in to_json(Plan("f", "r", {"kernel": found}))


def test_costs_are_said_in_words() -> None:
    assert (
        Cost(0, 0, 1).text
        == "taking it brings no conflicts of its own; with it, 1 conflict would be left here"
    )
    assert Cost(0, 2).text == "taking it brings no conflicts of its own and 2 missing names"
    assert Cost(untried="it is a merge").text == "what taking it costs is not known: it is a merge"


def test_a_candidate_that_does_not_land_itself_is_told(repo: Repo, store: GitStore) -> None:
    start = repo.commit("start", f=F)
    base = repo.commit("downstream", f=numbered(l5="own"))
    behind = repo.commit("behind", {"f": numbered(l5="five")}, onto=start)
    pick = repo.commit("pick", f=numbered(l5="FIVE"))
    found = plan(job(repo, store, base, [pick]))
    assert found.stop is not None
    assert reasons(found)[behind] == f"behind the context of {pick.short}, but conflicts in f itself"


def test_a_root_commit_behind_the_context_is_told_and_not_taken(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", g="g\n")
    root = repo.commit("imported", {"f": F}, root=True)
    merge = repo.commit("merge", {"f": F}, onto=base, merging=[root])
    pick = repo.commit("pick", {"f": numbered(l5="FIVE")}, onto=merge)
    found = plan(job(repo, store, base, [pick]))
    assert found.stop is not None and ends(found) == {}


def test_a_prerequisite_that_the_message_declares(repo: Repo, store: GitStore) -> None:
    start = repo.commit("start", f=F)
    base = repo.commit("downstream", f=numbered(l5="own"))
    # Not by anything in the text: it undoes what the base did on its own.
    declared = repo.commit("declared", {"f": numbered(l5="line 5", l4="four")}, onto=start)
    pick = repo.commit(
        f"pick\n\nCc: stable@kernel.org # 2.6.33.x: {declared[:10]}\n", f=numbered(l4="four", l12="twelve")
    )
    found = plan(job(repo, store, base, [pick]))
    # It lands without: declared is evidence for a problem, not a wish.
    assert ends(found) == {pick: "clean"}


def test_a_declared_prerequisite_is_tried_first_where_there_is_a_problem(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    needs = repo.commit("needs", f=numbered(l5="five"))
    pick = repo.commit(f"pick\n\nDepends-on: {needs[:12]}\n", f=numbered(l5="FIVE"))
    found = plan(job(repo, store, base, [pick]))
    assert [e.kind for e in entry(found, needs).evidence] == ["declared", "text", "neighbour"]


# -- what the base has ------------------------------------------------------------------------------------


def lanes(repo: Repo, message: str = "fix\n", **files: str) -> tuple[Oid, Oid, Oid]:
    """Make upstream's fix and the base's copy of it; returns base, copy and upstream's commit."""
    start = repo.commit("start", f=F)
    fix = repo.commit("fix\n", {"f": numbered(l5="fixed")}, onto=start)
    repo.commit("own", {"f": numbered(l1="own")}, onto=start)
    copy = repo.commit(message.replace("FIX", fix), {"f": numbered(l1="own", l5="fixed"), **files})
    return repo.commit("more", x="x\n"), copy, fix


def test_the_same_patch_in_the_base(repo: Repo, store: GitStore) -> None:
    base, copy, fix = lanes(repo)
    found = plan(job(repo, store, base, [fix]))
    assert ends(found) == {fix: "in-base"}
    assert [(e.kind, e.commit) for e in entry(found, fix).evidence] == [
        ("manifest", None),
        ("patch-id", copy),
    ]


@pytest.mark.parametrize(
    "message",
    [
        "fix\n\n(cherry picked from commit FIX)\n",
        "fix\n\ncommit FIX upstream.\n",
        "fix\n\n[ Upstream commit FIX ]\n",
    ],
)
def test_a_copy_that_says_so_in_the_base(message: str, repo: Repo, store: GitStore) -> None:
    base, copy, fix = lanes(repo, message, g="adapted\n")  # not the same patch: its message says it
    evidence = entry(plan(job(repo, store, base, [fix])), fix).evidence
    assert [(e.kind, e.commit) for e in evidence] == [("manifest", None), ("trailer", copy)]


@pytest.mark.parametrize("message", ["fix\n", "fix\n\n(cherry picked from commit FIX)\n"])
def test_a_copy_that_the_base_reverted_is_not_in_it(message: str, repo: Repo, store: GitStore) -> None:
    _, copy, fix = lanes(repo, message)
    revert = f'Revert "fix"\n\nThis reverts commit {copy}.\n'
    base = repo.commit(revert, f=numbered(l1="own"))
    assert ends(plan(job(repo, store, base, [fix]))) == {fix: "clean"}
    again = repo.commit(f"Revert\n\nThis reverts commit {base}.\n", f=numbered(l1="own", l5="fixed"))
    assert ends(plan(job(repo, store, again, [fix]))) == {fix: "in-base"}


def test_what_is_literally_there(repo: Repo, store: GitStore) -> None:
    start = repo.commit("start", f=F)
    fix = repo.commit("fix", f=numbered(l5="fixed"))
    base = repo.commit("a big change of ours", {"f": numbered(l1="own", l5="fixed", l9="own")}, onto=start)
    found = plan(job(repo, store, base, [fix]))
    assert ends(found) == {fix: "in-base"}
    assert entry(found, fix).evidence[-1].kind == "content"


def test_what_the_base_was_built_on(repo: Repo, store: GitStore) -> None:
    fix = repo.commit("fix", f=numbered(l5="fixed"))
    base = repo.commit("base", g="g\n")
    tip = repo.commit("later", g="h\n")
    found = plan(job(repo, store, base, [fix], tips=[tip]))
    assert ends(found) == {fix: "in-base"}


def test_a_prerequisite_that_the_base_has_is_not_taken_again(repo: Repo, store: GitStore) -> None:
    base, _, fix = lanes(repo)
    pick = repo.commit("pick", {"f": numbered(l5="fixed again")}, onto=fix)
    assert ends(plan(job(repo, store, base, [pick]))) == {pick: "clean"}


# -- order and sameness -----------------------------------------------------------------------------------


def test_the_same_patch_on_two_lanes_is_taken_once(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    one = repo.commit("fix", f=numbered(l5="fixed"))
    other = repo.commit("fix, on stable", {"f": numbered(l5="fixed")}, onto=base)
    found = plan(job(repo, store, base, [one, other]))
    (kept,) = ends(found)
    twin = ({one, other} - {kept}).pop()
    assert reasons(found) == {twin: f"the same patch as {kept.short}, on another lane"}


def test_a_patch_that_was_reverted_and_came_back_is_no_duplicate(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    once = repo.commit("fix", f=numbered(l5="fixed"))
    gone = repo.commit("revert", f=F)
    again = repo.commit("fix", f=numbered(l5="fixed"))
    found = plan(job(repo, store, base, [once, gone, again]))
    assert list(ends(found)) == [once, gone, again]
    assert store.file(found.entries[-1].tree, "f") == numbered(l5="fixed").encode()


def test_upstreams_order_and_not_the_manifests(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    picks = [repo.commit(f"pick {n}", f=F.replace("line 5\n", f"five {n}\n")) for n in range(4)]
    found = plan(job(repo, store, base, [picks[i] for i in (2, 0, 3, 1)]))
    assert list(ends(found).items()) == [(p, "clean") for p in picks]


def test_two_runs_give_the_same_plan(repo: Repo, tmp_path: object) -> None:
    start = repo.commit("start", {"f": F, "k.h": "int old(void);\n", "net.c": USER, "d": "x\n"})
    base = repo.commit("own", {"f": numbered(l5="own"), "d": None, "d/q": "q\n"})
    repo.commit("declares", {"k.h": "int old(void);\nint tun_get(void);\n"}, onto=start)
    uses = repo.commit("uses", {"net.c": USER.replace("return 0", "return tun_get()")})
    # A file where the base has a folder: git names it after a commit that it makes for the merge.
    stops = repo.commit("stops", {"d": "y\n", "f": numbered(l5="new")})
    texts = []
    for name in ("one.git", "two.git"):
        with repo.store(name) as opened:
            found = plan(job(repo, opened, base, [uses, stops]))
        assert found.stop is not None and "~" not in "".join(found.stop.problems)
        texts.append(to_json(Plan("vhost-net", "f13", {"kernel": found})))
    assert texts[0] == texts[1]


def test_a_place_that_must_be_looked_at_is_undecided(repo: Repo, store: GitStore) -> None:
    start = repo.commit("start", f="a\nz\n")
    base = repo.commit("own", f="a\nown\nz\n")
    pick = repo.commit("pick", {"f": "a\nnew\nz\n"}, onto=start)
    found = plan(job(repo, store, base, [pick]))
    assert entry(found, pick).verdict is Verdict.INSERTED and entry(found, pick).review
    assert [u.commit for u in found.undecided] == [pick]


def test_an_adaptation_that_does_not_fit_is_a_mistake_and_no_stop(repo: Repo, store: GitStore) -> None:
    base = repo.commit("base", f=F)
    pick = repo.commit("pick", f=numbered(l5="new"))
    said = Adaptation(pick, "b", path="g", drop_hunk=True)
    with pytest.raises(InputError, match="names 'g', which the commit does not change; it changes f"):
        plan(job(repo, store, base, [pick], adapt=[said]))
