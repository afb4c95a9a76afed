"""How fast is it, as ratios measured in one run on real histories.

::

    python tests/benchmarks/speed.py --kernel PATH --qemu-kvm PATH [--runs N] [--json]

- ``replay``: ``fedvhost replay`` of the kernel's plan, against ``git cherry-pick`` of the same commits in a
  fresh worktree, its checkout counted. The two alternate; what counts is the median of the ratios.
- ``plan``: the plan of both packages from nothing (an empty ``.fedvhost``), in seconds and megabytes.
- ``from plan``: ``fedvhost backport --from-plan`` of both packages, everything included.
- ``start-up``: ``fedvhost --help`` against ``python -c pass``.

Every figure is of a whole process; the peak memory is the operating system's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FEDVHOST = (sys.executable, "-m", "fedvhost")


@dataclass(frozen=True, slots=True)
class Cost:
    """Wall-clock seconds and peak memory (MiB) of a finished process."""

    seconds: float
    mebibytes: float


def cost(argv: Sequence[str], env: dict[str, str], cwd: Path) -> Cost:
    """Run a program to its end and return what it cost; its output is thrown away."""
    start = time.perf_counter()
    with subprocess.Popen(argv, env=env, cwd=cwd, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(argv)} ended with exit status {process.returncode}")
    return Cost(time.perf_counter() - start, usage.ru_maxrss / 1024)


def cherry_pick(
    upstream: Path, base: str, commits: Sequence[str], env: dict[str, str], scratch: Path
) -> float:
    """Seconds that git takes for the same commits in a fresh worktree, the checkout included."""
    clone, tree = scratch / "clone", scratch / "tree"
    if not clone.exists():
        subprocess.run(["git", "clone", "-q", "--shared", "--bare", upstream, clone], env=env, check=True)
    start = time.perf_counter()
    git = ["git", "-C", os.fspath(clone)]
    subprocess.run([*git, "worktree", "add", "-q", "--detach", os.fspath(tree), base], env=env, check=True)
    subprocess.run(
        ["git", "-C", os.fspath(tree), "cherry-pick", "-x", *commits],
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    seconds = time.perf_counter() - start
    subprocess.run([*git, "worktree", "remove", "--force", os.fspath(tree)], env=env, check=True)
    return seconds


def measure(kernel: Path, qemu_kvm: Path, runs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Take all measurements; returns JSON's types."""
    env = {
        **os.environ,
        "FEDVHOST_UPSTREAM_KERNEL": os.fspath(kernel),
        "FEDVHOST_UPSTREAM_QEMU_KVM": os.fspath(qemu_kvm),
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@localhost",
        "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@localhost",
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="fedvhost-bench-") as folder:
        scratch = Path(folder)
        workspace = scratch / "workspace"
        subprocess.run(
            [*FEDVHOST, "-q", "init", os.fspath(workspace)], env=env, check=True, stdout=subprocess.DEVNULL
        )
        release = ("--release", "f13")
        plans = []
        for run in range(runs):
            say(f"plan from nothing, {run + 1} of {runs}")
            shutil.rmtree(workspace / ".fedvhost", ignore_errors=True)
            plans.append(cost([*FEDVHOST, "plan", *release], env, workspace))
        plan = json.loads((workspace / "backport" / "plans" / "f13-vhost-net.json").read_text())
        package = plan["packages"]["kernel"]
        commits = [e["commit"] for e in package["entries"]]
        replays, ratios = [], []
        for run in range(runs):
            say(f"replay against cherry-pick, {run + 1} of {runs}")
            ours = cost([*FEDVHOST, "replay", *release, "--package", "kernel"], env, workspace)
            theirs = cherry_pick(kernel, package["base"], commits, env, scratch)
            replays.append(ours)
            ratios.append(theirs / ours.seconds)
        say("backport --from-plan")
        whole = [cost([*FEDVHOST, "backport", "--from-plan", *release], env, workspace) for _ in range(runs)]
        starts = [
            (
                cost([*FEDVHOST, "--help"], env, workspace).seconds,
                cost([sys.executable, "-c", "pass"], env, workspace).seconds,
            )
            for _ in range(runs * 3)
        ]
    return {
        "replay": {
            "seconds": _median(replays),
            "times_faster_than_cherry_pick": round(statistics.median(ratios), 1),
            "picks": len(commits),
        },
        "plan": {"seconds": _median(plans), "mebibytes": round(max(p.mebibytes for p in plans))},
        "from_plan": {"seconds": _median(whole), "mebibytes": round(max(p.mebibytes for p in whole))},
        "start_up": {
            "seconds": round(statistics.median(a for a, _ in starts), 3),
            "times_bare_python": round(statistics.median(a / b for a, b in starts), 1),
        },
    }  # fmt: skip


def _median(costs: Sequence[Cost]) -> float:
    return round(statistics.median(c.seconds for c in costs), 2)


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kernel", type=Path, required=True, help="a Linux history with v2.6.33 and v2.6.34")
    parser.add_argument(
        "--qemu-kvm", type=Path, required=True, help="a qemu-kvm history with qemu-kvm-0.12.3"
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    def say(text: str) -> None:
        print(text, file=sys.stderr)

    found = measure(options.kernel.absolute(), options.qemu_kvm.absolute(), options.runs, say)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, figures in found.items():
        print(f"{name:10} " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in figures.items()))


if __name__ == "__main__":
    main()
