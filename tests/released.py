"""A workspace of the sample on its way to a release: what a machine can do is done, people are asked."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from backports import FEATURE, FEDVHOST, Answer, Work
from fedvhost.evidence import Evidence, write
from fedvhost.workspace import Workspace

TODAY = ("--today", "2010-02-01")
DECISIONS = "backport/decisions/f13-vhost-net.json"
PATCH = "patches/f13/kernel/0003-vhost_net-a-kernel-level-virtio-server.patch"
# What the sample's history offers as repairs, and a person has to decide about.
DECIDED = """
[[packages.kernel.omitted]]
commit = "{kernel}"
because = "comes with the next stable release"

[[packages.qemu-kvm.omitted]]
commit = "{qemu}"
because = "no tap goes away in this release"
"""


def do_everything(root: Path) -> None:
    """Do what a machine can do, but the smoke test, in a workspace that ``backport`` was run in."""

    def run(*args: str) -> Any:
        argv = [*FEDVHOST, "-C", str(root), args[0], "--release", "f13", *args[1:], "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    offered = run("fixes")["packages"]
    commits = {p: [f["commit"] for f in offered[p]["offered"]] for p in offered}
    assert {p: len(c) for p, c in commits.items()} == {"kernel": 1, "qemu-kvm": 1}
    with (root / FEATURE).open("a") as manifest:
        manifest.write(DECIDED.format(kernel=commits["kernel"][0], qemu=commits["qemu-kvm"][0]))
    run("backport")
    run("fixes")
    run("check")
    run("spec", "--prep")
    run("build", "--via", "rpmbuild", "--scratch")
    run("build", "--srpm")


def nvrs(work: Work) -> dict[str, str]:
    found: dict[str, str] = work.json("checklist", *TODAY, code=1)["nvrs"]
    return found


def smoked(work: Work, *, runs: int = 3, row: str = "pass", observed: str = "as it should be") -> None:
    """Leave the evidence of a smoke test of the builds that are there."""
    plan = {"load": ["load"], "options": ["options"]}
    rows = [
        {"id": n, "title": n, "verdict": row if n == "load" else "pass", "observed": observed, "plan": p}
        for n, p in plan.items()
    ]
    ok = row == "pass"
    facts = {"ok": ok, "nvrs": nvrs(work), "runs": [{"ok": ok}] * runs, "rows": rows}
    write(Workspace(work.root), Evidence("f13", "vhost-net", "smoke", "sample", {}, facts))


def checklist(work: Work, *args: str, code: int = 0) -> Answer:
    """Give a verb of the checklist's."""
    ran = work.call("-C", work.root, "checklist", *args, "--release", "f13", *TODAY)
    assert (ran.code, ran.err) == (code, ""), ran
    return ran


def states(work: Work, *, code: int = 1) -> dict[str, str]:
    said = work.json("checklist", *TODAY, code=code)
    return {i["id"]: i["state"] for i in said["items"]}


def findings(work: Work, item: str, *, code: int = 1) -> dict[str, Any]:
    said = work.json("checklist", *TODAY, code=code)
    return {f["scenario"]: f for i in said["items"] if i["id"] == item for f in i["findings"]}


def reviewed(work: Work) -> None:
    """Have people say what only people can say, but the sign-offs."""
    checklist(work, "review", "plan-reviewed", "plan", "--by", "Rita")
    waiting = [f["scenario"] for f in findings(work, "adapted-reviewed").values() if f["state"] == "manual"]
    assert len(waiting) == 2
    checklist(work, "review", "adapted-reviewed", *waiting, "--by", "Rita")
    why = ("--because", "there is no such guest here", "--until", "2010-03-01", "--by", "Wim")
    checklist(work, "waive", "test-plan", "--scenario", "whql", *why)


def signed(work: Work) -> None:
    for role in ("development", "qa", "release-engineering"):
        checklist(work, "sign", role, "--by", f"the one for {role}")


def gone(work: Work, *, really: bool = False) -> None:
    """Bring everything to go; ``really``: by a smoke test of what was built, which takes half a minute."""
    if really:
        assert work.call("-C", work.root, "smoke", "--release", "f13").code == 0
    else:
        smoked(work)
    reviewed(work)
    assert work.call("-C", work.root, "contingency", "test", "--release", "f13", *TODAY).code == 0
    assert work.call("-C", work.root, "docs", "--release", "f13").code == 0
    signed(work)
    assert set(states(work, code=0).values()) == {"done", "waived"}
