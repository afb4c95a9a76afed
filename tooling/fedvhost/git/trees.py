"""Listings of whole trees: what every path holds, from one ``ls-tree`` or from a listing next to it."""

from __future__ import annotations

import os
from collections.abc import Mapping

from fedvhost.errors import InputError
from fedvhost.git.store import GitStore
from fedvhost.values import Oid


class GitTree:
    """The regular files of a tree or commit in ``store``; symbolic links and submodules are left out."""

    def __init__(self, store: GitStore, treeish: Oid, blobs: Mapping[str, Oid] | None = None) -> None:
        self.store, self.treeish = store, treeish
        self._blobs = blobs

    def blobs(self) -> Mapping[str, Oid]:
        """Return path → blob of every regular file; the first call lists the tree."""
        if self._blobs is None:
            out = os.fsdecode(self.store.git("ls-tree", "-r", "-z", self.treeish).stdout)
            entries = (entry.split("\t", 1) for entry in out.split("\0") if entry.startswith("100"))
            self._blobs = {path: Oid(meta[12:]) for meta, path in entries}
        return self._blobs

    def content(self, blob: Oid) -> bytes:
        """Return what a blob contains.

        Raises:
            InputError: the store has no such blob.
        """
        found = self.store.read(blob)
        if found is None:
            raise InputError(f"object {blob} is not in the repository {self.store.path}")
        return found[2]

    def changed(self, treeish: Oid) -> GitTree:
        """Return the listing of another tree, made from this one and the difference between them."""
        out = self.store.git("diff-tree", "-r", "-z", "--no-renames", self.treeish, treeish).stdout
        words = os.fsdecode(out).split("\0")
        blobs = dict(self.blobs())
        for meta, path in zip(words[::2], words[1::2], strict=False):
            _, mode, _, blob, _ = meta.split()
            if mode.startswith("100"):
                blobs[path] = Oid(blob)
            else:
                blobs.pop(path, None)
        return GitTree(self.store, treeish, blobs)


class Listings:
    """Listings of many trees of one store, each made from the last one and the difference to it."""

    def __init__(self, store: GitStore) -> None:
        self.store = store
        self._last: GitTree | None = None

    def at(self, treeish: Oid) -> GitTree:
        """Return the listing of a tree or commit."""
        last = self._last
        if last is None or last.treeish != treeish:
            self._last = GitTree(self.store, treeish) if last is None else last.changed(treeish)
        assert self._last is not None
        return self._last
