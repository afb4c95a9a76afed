"""Plans and jobs on a small history, without a workspace or manifests."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from fedvhost.backport.manifest import (
    Adaptation,
    ContingencyPlan,
    Feature,
    FeaturePackage,
    Release,
    ReleasePackage,
)
from fedvhost.backport.plan import PackagePlan
from fedvhost.backport.planning import Wanted, make_plan
from fedvhost.git.history import History
from fedvhost.git.store import GitStore
from fedvhost.pipeline.facts import HistoryFacts
from fedvhost.pipeline.inputs import Job
from fedvhost.upstreams import Upstream
from fedvhost.values import Oid
from gitrepo import Repo

FEATURE = Feature("vhost-net", "Kernel acceleration", {}, ContingencyPlan("off", "stays off"))
RELEASE = Release("f13", "Fedora 13", ".fc13", "dist-f13", "fedora-13-x86_64", {})
PLACE = ReleasePackage("v1", "kernel.spec", "https://example.org/kernel", "linux.tar", "linux")


def job(
    repo: Repo,
    store: GitStore,
    base: Oid,
    requested: Sequence[Oid],
    *,
    tips: Sequence[Oid] = (),
    never: Mapping[Oid, str] | None = None,
    adapt: Sequence[Adaptation] = (),
    assumed: Collection[str] = (),
) -> Job:
    """Return the job of landing ``requested`` on ``base``; ``tips`` are where upstream ends."""
    adaptations: dict[Oid, tuple[Adaptation, ...]] = {}
    for said in adapt:
        commit = Oid(said.commit)
        adaptations[commit] = (*adaptations.get(commit, ()), said)
    wanted = Wanted(base, "v1", dict.fromkeys(requested, "asked for"), never or {}, adaptations, assumed)
    upstream = Upstream("kernel", repo.path / ".git", (repo.path / ".git" / "objects",), "a test")
    history = History(store, base, [*tips, *requested])
    part = FeaturePackage(until="v2", paths=("f",))
    return Job("kernel", FEATURE, RELEASE, part, PLACE, upstream, store, history, wanted)


def plan(work: Job) -> PackagePlan:
    """Work out the plan of a job, from nothing that was remembered."""
    return make_plan(work.wanted, HistoryFacts(work.store, work.history))
