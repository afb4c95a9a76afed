"""Commits read as changes, by the hundred: what each adds and removes, and which of them a base has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from fedvhost.backport.comparison import Change, change_of
from fedvhost.git.history import History
from fedvhost.git.store import GitStore
from fedvhost.patches.diff import FileChange, parse_diff
from fedvhost.values import Oid

# More commits than this are not compared: nobody's backport of a feature has so many.
MOST = 5000
# Commits that are read at once, which bounds memory; paths that are handed to git at once.
BATCH, PATHS = 500, 500
# A patch as it is parsed, whatever a person's settings are.
PLAIN = ("-r", "-p", "--no-renames", "--no-ext-diff", "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/")


def listed(store: GitStore, start: Oid, end: Oid, paths: Sequence[str] = ()) -> tuple[Oid, ...]:
    """Return the commits of a range, oldest first. Both sides of a merge count, even if it kept one."""
    out = store.git(
        "--literal-pathspecs", "rev-list", "--topo-order", "--reverse", "--no-merges", "--full-history",
        end, f"^{start}", "--", *paths,
    ).stdout  # fmt: skip
    return tuple(Oid(line) for line in out.decode().split())


def read_changes(
    store: GitStore, commits: Sequence[Oid], vocabulary: Collection[bytes] | None
) -> Mapping[Oid, Change]:
    """Read commits with what they change, some hundred in one git process."""
    found: dict[Oid, Change] = {}
    wanted = list(dict.fromkeys(commits))
    history = History(store, wanted[0], []) if wanted else None
    for at in range(0, len(wanted), BATCH):
        some = wanted[at : at + BATCH]
        assert history is not None
        ids = history.patch_ids(some)
        files = _file_changes(store, some)
        for oid in some:
            found[oid] = change_of(store.commit(oid), files.get(oid, ()), ids.get(oid), vocabulary)
    return found


def _file_changes(store: GitStore, commits: Sequence[Oid]) -> Mapping[Oid, tuple[FileChange, ...]]:
    names = "".join(f"{c}\n" for c in commits).encode()
    out = store.git("diff-tree", "--stdin", "--root", "-U0", *PLAIN, stdin=names).stdout
    # A commit's name is alone on its line; every line of a patch begins with a sign or a word.
    parts = re.split(rb"^([0-9a-f]{40})\n", out, flags=re.MULTILINE)[1:]
    return {
        Oid(name.decode()): tuple(parse_diff(diff).values())
        for name, diff in zip(parts[::2], parts[1::2], strict=True)
    }


# -- what a base has ------------------------------------------------------------------------------------


def held(store: GitStore, base: Oid, tips: Sequence[Oid], changes: Sequence[Change]) -> Mapping[Oid, str]:
    """Return which of the changes a base has already, and how we know: the commit itself, the commit it
    copies, the same patch, a copy that names it. What the base took back again is not there."""
    if not changes:
        return {}
    history = History(store, base, tips)
    cited = store.present(sorted({f"{name}^{{commit}}" for c in changes for name in c.cites}))
    ancestors = _ancestors(store, base, [*(c.commit for c in changes), *filter(None, cited.values())])
    copies = {name[:12]: oid for name, oid in history.copies_in_base().items()}
    reverted = {name[:12] for name in history.reverts_in_base()}
    twins = _own_patches(history, sorted({p for c in changes for p in c.paths}))
    found: dict[Oid, str] = {}
    for change in changes:
        origins = [o for name in change.cites if (o := cited[f"{name}^{{commit}}"]) is not None]
        twin = twins.get(change.patch_id or "")
        copy = next((copies[o[:12]] for o in (change.commit, *origins) if o[:12] in copies), None)
        built_on = next((o for o in (change.commit, *origins) if o in ancestors), None)
        if any(o[:12] in reverted for o in (change.commit, *origins, copy, twin) if o):
            continue
        if built_on is not None:
            itself = built_on == change.commit
            found[change.commit] = "it was built on it" if itself else f"it was built on {built_on.short}"
        elif twin is not None:
            found[change.commit] = f"{twin.short} in it is the same patch"
        elif copy is not None:
            found[change.commit] = f"{copy.short} in it says it is a copy"
    return found


def _ancestors(store: GitStore, base: Oid, commits: Sequence[Oid]) -> frozenset[Oid]:
    """Return those of the commits that the base was built on."""
    asked = "".join(f"{c}\n" for c in (*commits, f"^{base}")).encode()
    out = store.git("rev-list", "--stdin", stdin=asked).stdout.decode().split()
    return frozenset(commits) - {Oid(line) for line in out}


def _own_patches(history: History, paths: Sequence[str]) -> Mapping[str, Oid]:
    """Return patch-id → commit of the base's own commits that touch the paths, the newest of them."""
    own: dict[Oid, None] = {}
    for some in batches(paths):
        own.update(dict.fromkeys(history.only_in_base(some)))
    newest = history.patch_ids(list(own)[:MOST])
    return {newest[c]: c for c in reversed(own) if c in newest}


def batches(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    """Return paths by as many as a command line holds."""
    return (paths[at : at + PATHS] for at in range(0, len(paths), PATHS))
