"""What the files became in two backports, and what leads from the one result to the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from fedvhost.backport.comparison import Change, FileResult, Ours, file_result
from fedvhost.backport.lacking import inside
from fedvhost.git.store import GitStore
from fedvhost.patches.diff import parse_diff
from fedvhost.pipeline.compare.changes import PLAIN, batches
from fedvhost.values import Oid


def file_results(
    store: GitStore,
    here: tuple[Oid, Oid],
    there: tuple[Oid, Oid],
    ours: Sequence[Ours],
    theirs: Sequence[Change],
    limited: Sequence[str],
) -> tuple[FileResult, ...]:
    """Compare the results of every file that a commit of either side touches."""
    by_us = {p for o in ours if o.replayed for p in o.replayed.paths}
    by_them = {p for c in theirs for p in c.paths}
    paths = sorted(p for p in by_us | by_them if not limited or inside(p, limited))
    differing = set(store.diff_paths(there[1], here[1]))
    found: list[FileResult] = []
    for some in batches(paths):
        mine, others = store.changes(*here, some), store.changes(*there, some)
        unequal = [p for p in some if p in differing]
        between = store.changes(there[1], here[1], unequal) if unequal else {}
        for path in some:
            touched = "both" if path in by_us and path in by_them else "here" if path in by_us else "there"
            found.append(
                file_result(
                    path, touched, mine.get(path), others.get(path), between.get(path),
                    differs=path in differing,
                )
            )  # fmt: skip
    return tuple(found)


def with_diffs(
    store: GitStore, their_tip: Oid, tip: Oid, files: Sequence[FileResult]
) -> tuple[FileResult, ...]:
    """Add what leads from their result to ours, for the files that the two changed differently."""
    diffs: dict[str, tuple[str, ...]] = {}
    for some in batches([f.path for f in files if f.state == "differs"]):
        out = store.git("--literal-pathspecs", "diff-tree", "-U3", *PLAIN, their_tip, tip, "--", *some).stdout
        for block in re.split(rb"^(?=diff --git )", out, flags=re.MULTILINE)[1:]:
            head, at, body = block.partition(b"\n@@")
            path = next(iter(parse_diff(head)))
            shown = at[1:] + body if at else head
            diffs[path] = (*diffs.get(path, ()), *shown.decode("utf-8", "replace").splitlines())
    return tuple(replace(f, diff=diffs.get(f.path, ())) for f in files)
