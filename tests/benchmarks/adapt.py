"""How often does the ladder do what the maintainer did?

::

    python tests/benchmarks/adapt.py --repo PATH --pairs FILE [--hard] [--peers] [--json]

``FILE`` is tab-separated with the columns ``downstream`` (what a maintainer committed), ``onto`` (its
parent), ``upstream`` (the commit picked) and ``git_merge`` (what ``git merge-tree`` makes of it: ``same``,
``differs``, ``conflict``). For every pair ``upstream`` is landed on ``onto`` as ``fedvhost pick`` does it,
symbol check included, and the tree is compared with downstream's:

- *same*, *differs*: the ladder claims a result, and it is, or is not, the maintainer's;
- *review_same*, *review_differs*: it asks for a person's look;
- *stopped*: it claims nothing.

The *hard* pairs are those that git cannot merge. ``--peers`` runs ``git merge-tree``, ``patch -F3`` and
``wiggle`` (those that are installed) on the hard pairs in the same run.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedvhost.errors import FedvhostError
from fedvhost.git.store import GitStore
from fedvhost.pipeline.facts import Seen
from fedvhost.pipeline.picking import pick_onto
from fedvhost.process import run, which
from fedvhost.upstreams import Place, open_store, open_upstream
from fedvhost.values import Oid

COUNTED = ("same", "differs", "review_same", "review_differs", "stopped", "refused")


@dataclass(frozen=True, slots=True)
class Pair:
    """One commit that a maintainer backported."""

    downstream: Oid
    onto: Oid
    upstream: Oid
    git_merge: str

    @property
    def hard(self) -> bool:
        """Whether git cannot merge it."""
        return self.git_merge == "conflict"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the ladder came to: one of ``COUNTED``, the rungs, the seconds and whether the verdict was
    ``clean``."""

    pair: Pair
    result: str
    rungs: tuple[str, ...]
    seconds: float


def read_pairs(file: Path) -> list[Pair]:
    """Read the pairs of a table."""
    with file.open(newline="") as lines:
        return [
            Pair(Oid(row["downstream"]), Oid(row["onto"]), Oid(row["upstream"]), row["git_merge"])
            for row in csv.DictReader(lines, delimiter="\t")
        ]


def outcome(store: GitStore, pair: Pair, seen: Seen) -> Outcome:
    """Land one pair and compare."""
    start = time.perf_counter()
    try:
        picked = pick_onto(store, pair.onto, [pair.upstream], seen, seconds=0)[0]
    except FedvhostError as error:
        print(f"{pair.upstream[:12]} on {pair.onto[:12]}: {error}", file=sys.stderr)
        return Outcome(pair, "refused", (), time.perf_counter() - start)
    seconds = time.perf_counter() - start
    landing = picked.landing
    rungs = tuple(sorted({n.rung for n in landing.notes})) or ("merge",)
    if landing.verdict == "stopped":
        return Outcome(pair, "stopped", rungs, seconds)
    same = "same" if landing.tree == store.tree_of(pair.downstream) else "differs"
    return Outcome(pair, f"review_{same}" if picked.review else same, rungs, seconds)


def summary(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Count the results."""
    counts = Counter(o.result for o in outcomes)
    return {"pairs": len(outcomes), **{name: counts[name] for name in COUNTED}}


def rungs(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """Count the results by the rungs that took part, hard pairs only."""
    names = sorted({r for o in outcomes for r in o.rungs})
    return {n: summary([o for o in outcomes if n in o.rungs]) for n in names}


def peers(store: GitStore, pairs: Sequence[Pair]) -> Iterator[tuple[str, dict[str, int]]]:
    """Try the peers that are installed on the same pairs."""
    tools = {"patch -F3": ["patch"], "wiggle": ["patch", "wiggle"]}
    for name, needed in tools.items():
        if all(which(tool) for tool in needed):
            counts: Counter[str] = Counter(_peer(store, pair, name) for pair in pairs)
            yield name, {"pairs": len(pairs), **{n: counts[n] for n in ("same", "differs", "stopped")}}
    yield "git merge-tree", {"pairs": len(pairs), "same": 0, "differs": 0, "stopped": len(pairs)}


def _peer(store: GitStore, pair: Pair, name: str) -> str:
    """Apply the upstream diff to the files it touches, in a folder, and compare them with downstream's."""
    parent = store.commit(pair.upstream).parents[0]
    touched = sorted(
        {*store.diff_paths(parent, pair.upstream), *store.diff_paths(pair.onto, pair.downstream)}
    )
    with tempfile.TemporaryDirectory(prefix="fedvhost-peer-") as folder:
        root = Path(folder)
        for path in touched:
            content = store.file(pair.onto, path)
            if content is not None:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_bytes(content)
        diff = store.git(
            "diff-tree", "-r", "-p", "--no-renames", "--full-index", parent, pair.upstream
        ).stdout
        fuzz = "-F3" if name == "patch -F3" else "-F0"
        argv = ["patch", "-p1", "-N", "-f", "--no-backup-if-mismatch", fuzz, "-d", folder]
        done = run(argv, stdin=diff, ok=range(256))
        if done.returncode and name == "wiggle":
            done_all = True
            for reject in sorted(root.rglob("*.rej")):
                target = reject.with_suffix("")
                if not target.exists():
                    return "stopped"
                wiggled = run(["wiggle", "--merge", str(target), str(reject)], ok=range(256))
                done_all &= wiggled.returncode == 0
                target.write_bytes(wiggled.stdout)
                reject.unlink()
            if not done_all:
                return "stopped"
        elif done.returncode:
            return "stopped"
        for path in touched:
            wanted = store.file(pair.downstream, path)
            found = (root / path).read_bytes() if (root / path).is_file() else None
            if wanted != found:
                return "differs"
    return "same"


def measure(repo: Path, pairs: Sequence[Pair], *, with_peers: bool) -> tuple[dict[str, Any], list[Outcome]]:
    """Land every pair; returns JSON's types, and each outcome."""
    upstream = open_upstream("pairs", Place(repo.absolute(), "--repo"))
    with tempfile.TemporaryDirectory(prefix="fedvhost-adapt-") as folder:
        store = open_store(upstream, Path(folder) / "store.git")
        outcomes: list[Outcome] = []
        seen = Seen.of(store)
        for number, pair in enumerate(pairs, 1):
            if number % 100 == 0:
                print(f"{number} of {len(pairs)}", file=sys.stderr)
            outcomes.append(outcome(store, pair, seen))
            store.forget()
        hard = [o for o in outcomes if o.pair.hard]
        easy = [o for o in outcomes if o.pair.git_merge == "same"]
        times = [o.seconds for o in outcomes]
        found: dict[str, Any] = {
            "all": summary(outcomes),
            "hard": summary(hard),
            "git_merges_identically": summary(easy),
            "rungs": rungs(hard),
            "seconds": {"median": round(statistics.median(times), 4), "worst": round(max(times), 2)},
        }
        if with_peers:
            found["peers"] = dict(peers(store, [o.pair for o in hard]))
        store.close()
    return found, outcomes


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repo", type=Path, required=True, help="the history that has all of the commits")
    parser.add_argument("--pairs", type=Path, required=True, help="the table of pairs")
    parser.add_argument("--hard", action="store_true", help="only the pairs that git cannot merge")
    parser.add_argument("--peers", action="store_true", help="the peers too, on the hard pairs")
    parser.add_argument("--list", action="store_true", help="a line for each hard pair")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pairs = [p for p in read_pairs(options.pairs) if p.hard or not options.hard]
    found, outcomes = measure(options.repo, pairs, with_peers=options.peers)
    if options.list:
        for o in outcomes:
            if o.pair.hard:
                print(f"{o.result:15} {o.pair.upstream} on {o.pair.onto} {','.join(o.rungs)} {o.seconds:.2f}")
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, figures in found.items():
        print(f"{name:22} {figures}")


if __name__ == "__main__":
    main()
