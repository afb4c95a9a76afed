"""Which exports a history gained, and which commit a name came with."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from fedvhost.backport.csource import declared, exports
from fedvhost.git.store import GitStore
from fedvhost.values import Oid

_CHANGE = re.compile(r"^([+-])[ \t]*EXPORT_(?:\w+_)?SYMBOL\w*[ \t]*\(\s*(\w+)")


def gained_exports(store: GitStore, old_tree: Oid, new_tree: Oid) -> Mapping[str, str]:
    """Return name → path of what ``new_tree`` exports to kernel modules and ``old_tree`` does not.

    An export that only moved to another file, or only changed its kind, is no gain. Architectures
    other than x86 do not count: what they export says nothing about ours.
    """
    listing = os.fsdecode(store.git("ls-tree", "--name-only", "-z", new_tree, "arch/").stdout)
    others = [f":(exclude){path}" for path in listing.split("\0") if path and path != "arch/x86"]
    # -G compares lines; -S only counts, and misses a file where one export took another's place.
    diff = store.git(
        *("diff-tree", "-r", "-p", "-U0", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color"),
        *("--src-prefix=a/", "--dst-prefix=b/", "-G^[ \t]*EXPORT_[A-Z_]*SYMBOL"),
        *(old_tree, new_tree, "--", "*.c", *others),
    )
    gained: dict[str, str] = {}
    lost: set[str] = set()
    path = ""
    for line in os.fsdecode(diff.stdout).split("\n"):
        if line.startswith("+++ "):
            path = line.removeprefix("+++ b/").rstrip("\t")
        elif (match := _CHANGE.match(line)) is not None:
            if match[1] == "+":
                gained.setdefault(match[2], path)
            else:
                lost.add(match[2])
    return {name: path for name, path in sorted(gained.items()) if name not in lost}


def origin(
    store: GitStore, name: str, paths: Sequence[str], base: Oid, pick: Oid, *, export: bool
) -> Oid | None:
    """Return the oldest commit between ``base`` and ``pick`` that declares ``name`` in one of ``paths``
    where its parent did not.

    With ``export`` it must bring an ``EXPORT_SYMBOL`` of it instead. The paths are tried in order, headers
    first: the commit that declares a name is the one that a user of it needs. Where ``name`` is a
    header itself (``vhost_net.h``), the commit that brought the file. None if there is none.
    """
    for path in sorted(paths, key=lambda p: not p.endswith(".h")):
        for commit in _candidates(store, name, path, base, pick, export):
            parent = store.commit(commit).parents[0]
            after, before = store.file(commit, path), store.file(parent, path)
            if commit != pick and _has(after, name, path, export) and not _has(before, name, path, export):
                return commit
    return None


def _candidates(store: GitStore, name: str, path: str, base: Oid, pick: Oid, export: bool) -> list[Oid]:
    """Return the commits that may have brought ``name`` into ``path``, oldest first."""
    if _is_header(name, path):
        how = ["--diff-filter=A"]
    else:
        # -G, not -S: a declaration that takes the place of a comment leaves the count as it was.
        word = rf"\b{re.escape(name)}\b"
        text = rf"EXPORT_[A-Z_]*SYMBOL[A-Z_]*[ \t]*[(][ \t]*{word}" if export else word
        how = [f"-G{text}"]
    log = store.git(
        *(
            "log",
            "--format=%H",
            "--reverse",
            "--topo-order",
            "--no-merges",
            "--min-parents=1",
            "--no-renames",
        ),
        *("--no-ext-diff", "--no-textconv", *how, f"{base}..{pick}", "--", f":(literal){path}"),
    )
    return [Oid(line) for line in log.stdout.decode().split()]


def _is_header(name: str, path: str) -> bool:
    return f"/{path}".endswith(f"/{name}")


def _has(content: bytes | None, name: str, path: str, export: bool) -> bool:
    if content is None or _is_header(name, path):
        return content is not None
    if export:
        return name in exports(content)
    return name in declared(content).outer
