"""What trees export to modules, and which commit a name came with."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from fedvhost.backport.arguments import ANY, parameters
from fedvhost.backport.compilecheck import exports_of
from fedvhost.backport.csource import declared, exports
from fedvhost.backport.symbols import Missing
from fedvhost.git.store import GitStore
from fedvhost.git.trees import GitTree, Trees
from fedvhost.values import Oid

# Reading so many files takes about half as long as searching Linux for those that matter, 1.1 s.
_MOST_READ = 3_000
_MOST_NODES = 40_000  # folders; a Linux tree of 2010 has 2,000, most without an export
# A pick misses many names of few headers, and walking the history is what costs.
_TOUCHING: WeakKeyDictionary[GitStore, dict[tuple[str, Oid, Oid], tuple[Oid, ...]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class _Node:
    """What the C files of a folder export, name → file, and the folders in it that export something."""

    own: Mapping[str, str]
    inner: tuple[tuple[str, _Node], ...]

    def find(self, name: str) -> str | None:
        if name in self.own:
            return self.own[name]
        for folder, node in self.inner:
            if (found := node.find(name)) is not None:
                return f"{folder}/{found}"
        return None


class Exports:
    """What the C files of many trees export to kernel modules; a file that several trees have is read once.

    Architectures other than x86 do not count: what they export says nothing about ours.
    """

    def __init__(self, trees: Trees) -> None:
        self.trees = trees
        self._said: dict[bytes, frozenset[str]] = {}  # by the raw name of the file's blob
        self._nodes: dict[bytes, _Node] = {}  # by the raw name of the folder

    def path(self, tree: GitTree, name: str, *, others: Sequence[GitTree] = ()) -> str | None:
        """Return where a tree exports ``name``, the first place in order; None if nowhere.

        ``others`` are asked soon as well: who begins with nothing reads them at the same time.
        """
        if tree.root not in self._nodes:
            self._learn([tree] if self._said else [tree, *(o for o in others if o.root != tree.root)])
        return self._node(tree.root, top=True).find(name)

    def _node(self, raw: bytes, *, top: bool = False) -> _Node:
        if raw not in self._nodes:
            own: dict[str, str] = {}
            for file, blob in sorted(self.trees.folder(raw).files.items()):
                if file.endswith(".c"):
                    own |= dict.fromkeys(self._said[blob] - own.keys(), file)
            inner = ((name, self._node(folder)) for name, folder in sorted(self._counted(raw, top=top)))
            node = _Node(own, tuple((name, n) for name, n in inner if n.own or n.inner))
            if len(self._nodes) >= _MOST_NODES:
                self._nodes.clear()
            self._nodes[raw] = node
            return node
        return self._nodes[raw]

    def _counted(self, raw: bytes, *, top: bool) -> Iterator[tuple[str, bytes]]:
        """Yield the folders of a folder that count; of a tree's ``arch`` only x86 does."""
        for name, inner in self.trees.folder(raw).folders.items():
            if not (top and name == "arch"):
                yield name, inner
            elif (ours := self.trees.folder(inner).folders.get("x86")) is not None:
                yield "arch/x86", ours

    def _learn(self, trees: Sequence[GitTree]) -> None:
        """Read the C files that are new to us, of many only those that a search of the tree finds."""
        for tree in trees:
            self.trees.load(tree.root)
        new: dict[bytes, set[bytes]] = {}
        for tree in trees:
            new[tree.root] = set(self._unread(tree.root, top=True)).difference(*new.values())
        many = [tree for tree in trees if len(new[tree.root]) > _MOST_READ]
        git = self.trees.store.git
        with ThreadPoolExecutor(max(len(many), 1)) as pool:
            said = pool.map(lambda words: git(*words, ok=(0, 1)), [self._search(tree) for tree in many])
        found = {tree.root: _blobs(tree, done.stdout) for tree, done in zip(many, said, strict=True)}
        wanted = [raw for root, raws in new.items() for raw in raws & found.get(root, raws)]
        contents = self.trees.store.contents([Oid(raw.hex()) for raw in wanted])
        self._said.update(dict.fromkeys(frozenset[bytes]().union(*new.values()), frozenset[str]()))
        self._said.update((raw, exports_of(content)) for raw, content in zip(wanted, contents, strict=True))

    def _search(self, tree: GitTree) -> tuple[str, ...]:
        """Return the command that lists the C files of a tree that speak of exports."""
        arch = self.trees.folder(tree.root).folders.get("arch")
        others = self.trees.folder(arch).folders.keys() - {"x86"} if arch is not None else ()
        excluded = (f":(exclude)arch/{name}/" for name in sorted(others))
        return ("grep", "-l", "-z", "-a", "-F", "EXPORT_", tree.treeish, "--", "*.c", *excluded)

    def _unread(self, raw: bytes, *, top: bool = False) -> Iterator[bytes]:
        if raw in self._nodes:
            return
        files = self.trees.folder(raw).files
        yield from (b for name, b in files.items() if name.endswith(".c") and b not in self._said)
        for _, inner in self._counted(raw, top=top):
            yield from self._unread(inner)


def _blobs(tree: GitTree, listed: bytes) -> frozenset[bytes]:
    """Return the raw names of the blobs of files that git listed as ``<tree>:<path>``."""
    blobs = tree.blobs()
    paths = (entry.partition(":")[2] for entry in os.fsdecode(listed).split("\0") if entry)
    return frozenset(bytes.fromhex(blobs[path]) for path in paths if path in blobs)


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
