"""Which exports a history gained, and which commit a name came with."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from weakref import WeakKeyDictionary

from fedvhost.backport.arguments import ANY, parameters
from fedvhost.backport.csource import declared, exports
from fedvhost.backport.symbols import Missing
from fedvhost.git.store import GitStore
from fedvhost.values import Oid

_CHANGE = re.compile(r"^([+-])[ \t]*EXPORT_(?:\w+_)?SYMBOL\w*[ \t]*\(\s*(\w+)")
# A pick misses many names of few headers, and walking the history is what costs.
_TOUCHING: WeakKeyDictionary[GitStore, dict[tuple[str, Oid, Oid], tuple[Oid, ...]]] = WeakKeyDictionary()


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


def origin(store: GitStore, missing: Missing, base: Oid, pick: Oid) -> Oid | None:
    """Return the oldest commit between ``base`` and ``pick`` that brought what is missing: before it, one
    of the files where upstream has it had it not.

    The files are tried in order, headers first: the commit that declares a name is the one that a user of
    it needs. None if there is none.
    """
    for path in sorted(missing.found_in, key=lambda p: not p.endswith(".h")):
        for commit in _touching(store, path, base, pick):
            if commit != pick and _has(store, commit, path, missing):
                parent = store.commit(commit).parents[0]
                if not _has(store, parent, path, missing):
                    return commit
    return None


def _touching(store: GitStore, path: str, base: Oid, pick: Oid) -> tuple[Oid, ...]:
    """Return the commits of ``base..pick`` that change ``path``, oldest first, without merges.

    Which of them brings a name is read from the files: git's own -S counts words, and misses a
    declaration that takes the place of a mention.
    """
    known = _TOUCHING.setdefault(store, {})
    if (path, base, pick) not in known:
        log = store.git(
            *("log", "--format=%H", "--reverse", "--topo-order", "--no-merges", "--min-parents=1"),
            *(f"{base}..{pick}", "--", f":(literal){path}"),
        )
        known[path, base, pick] = tuple(Oid(line) for line in log.stdout.decode().split())
    return known[path, base, pick]


def _has(store: GitStore, commit: Oid, path: str, missing: Missing) -> bool:
    """Whether ``path`` declares or exports in a commit what is missing; of a header, whether it is there."""
    content, name = store.file(commit, path), missing.name
    if content is None or f"/{path}".endswith(f"/{name}"):
        return content is not None
    if name.encode() not in content:  # saves reading it as C
        return False
    if missing.kind == "unexported":
        return name in exports(content)
    if missing.kind == "arguments":
        return bool(parameters(content).get(name, frozenset()) & {ANY, missing.arguments})
    said = declared(content)
    return (missing.how != "member" and name in said.outer) or (
        missing.how != "call" and name in said.members
    )
