"""Trees of one store, folder by folder: what two trees have in common is read once, however many ask."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fedvhost.errors import InputError
from fedvhost.git.history import NOTHING
from fedvhost.git.store import GitStore
from fedvhost.values import Oid

_NOTHING = bytes.fromhex(NOTHING)
_TREE = b"040000"
_TREES = (_TREE, b"40000")  # as a listing says it, and as the object does
_ENTRY = re.compile(rb"(\d+) ([^\0]+)\0(.{20})", re.DOTALL)
_WHOLE = 4  # upstream's tree and ours take turns
_MOST_KEPT = 600_000  # names, about 120 MiB; a Linux tree of 2010 has 36,000 and as many again below folders


@dataclass(slots=True)
class _Folder:
    """A tree object: its regular files and its folders, each with the raw name of its object; ``below``,
    once somebody asked, the names of all files in it and its folders."""

    files: dict[str, bytes]
    folders: dict[str, bytes]
    below: frozenset[str] | None = None


class Trees:
    """What was read of the trees of ``store``."""

    def __init__(self, store: GitStore) -> None:
        self.store = store
        self._folders: dict[bytes, _Folder] = {}
        self._names: dict[str, str] = {}  # one object a name, whichever folders have it
        self._whole: list[bytes] = []  # the trees of which every folder was read, the last one first
        self._kept = 0

    def at(self, treeish: Oid) -> GitTree:
        """Return a tree, or that of a commit.

        Raises:
            InputError: the store has neither of that name.
        """
        found = self.store.read(f"{treeish}^{{tree}}")
        if found is None:
            raise _absent(self.store, treeish)
        return GitTree(self, treeish, bytes.fromhex(found[0]))

    def changed(self, old: Oid, new: Oid) -> tuple[str, ...]:
        """Return the paths of the regular files that differ between two trees or commits, or that only one
        of them has, in order."""
        return tuple(sorted(self._changed("", self.at(old).root, self.at(new).root)))

    def _changed(self, prefix: str, old: bytes | None, new: bytes | None) -> Iterator[str]:
        if old == new:
            return
        nothing = _Folder({}, {})
        before, after = (nothing if raw is None else self.folder(raw) for raw in (old, new))
        for name in before.files.keys() | after.files.keys():
            if before.files.get(name) != after.files.get(name):
                yield prefix + name
        for name in before.folders.keys() | after.folders.keys():
            yield from self._changed(f"{prefix}{name}/", before.folders.get(name), after.folders.get(name))

    def folder(self, raw: bytes) -> _Folder:
        """Return a tree object, by its raw name."""
        found = self._folders.get(raw)
        if found is None:
            read = self.store.read(raw.hex())
            if read is None:
                raise _absent(self.store, raw.hex())
            found = _Folder({}, {})
            for mode, name, oid in _ENTRY.findall(read[2]):
                self._set(found, os.fsdecode(name), mode, oid)
            self._keep({raw: found})
        return found

    def load(self, root: bytes) -> None:
        """Read every folder of a tree, by one listing of it or of how it differs from one that was read:
        for questions to the whole of it, which folder by folder take five times as long."""
        if root in self._whole:
            return
        like = self.folder(root)
        near = max(self._whole, key=lambda raw: _likeness(self._folders[raw], like), default=_NOTHING)
        # What it has in common with the new one must not be forgotten now.
        self._whole = [raw for raw in dict.fromkeys((near, *self._whole)) if raw != _NOTHING]
        made = {"": self._copy(near)}
        raws = {"": root}
        words = ("diff-tree", "-r", "-t", "-z", "--no-renames", near.hex(), root.hex())
        lines = self.store.git(*words).stdout.split(b"\0")
        for meta, path in zip(lines[::2], lines[1::2], strict=False):
            was, mode, old, new, _ = meta.removeprefix(b":").split()
            text, raw = os.fsdecode(path), bytes.fromhex(new.decode())
            place, _, name = text.rpartition("/")
            if (folder := made.get(place)) is not None:  # else it went with its folder
                # A file and a folder that trade places are two lines, in any order.
                (folder.folders if was == _TREE else folder.files).pop(name, None)
                self._set(folder, name, mode, raw)
            if mode == _TREE:
                made[text] = self._copy(bytes.fromhex(old.decode()) if was == _TREE else _NOTHING)
                raws[text] = raw
        self._keep({raws[place]: folder for place, folder in made.items()})
        self._whole = [root, *self._whole[: _WHOLE - 1]]

    def _copy(self, raw: bytes) -> _Folder:
        one = _Folder({}, {}) if raw == _NOTHING else self._folders[raw]
        return _Folder(dict(one.files), dict(one.folders))

    def _set(self, folder: _Folder, name: str, mode: bytes, raw: bytes) -> None:
        """Put an entry into a folder, if it is one of those that count."""
        if mode.startswith(b"100"):
            folder.files[self._names.setdefault(name, name)] = raw
        elif mode in _TREES:
            folder.folders[self._names.setdefault(name, name)] = raw

    def below(self, raw: bytes) -> frozenset[str]:
        """Return the names of all files in a folder and in its folders."""
        folder = self.folder(raw)
        if folder.below is None:
            folder.below = frozenset(folder.files).union(*map(self.below, folder.folders.values()))
            self._count(len(folder.below))
        return folder.below

    def named(self, raw: bytes, name: str) -> Iterator[str]:
        """Yield the paths, in a folder and its folders, of the files of that name."""
        folder = self.folder(raw)
        if name in folder.files:
            yield name
        for inner, oid in folder.folders.items():
            if name in self.below(oid):
                yield from (f"{inner}/{path}" for path in self.named(oid, name))

    def _keep(self, folders: Mapping[bytes, _Folder]) -> None:
        self._count(sum(len(f.files) + len(f.folders) for f in folders.values()))
        self._folders.update(folders)

    def _count(self, names: int) -> None:
        self._kept += names
        if self._kept > _MOST_KEPT:
            self._whole = self._whole[:2]
            self._folders = {raw: self._folders[raw] for root in self._whole for raw in self._within(root)}
            self._kept = names + sum(
                len(f.files) + len(f.folders) + len(f.below or ()) for f in self._folders.values()
            )

    def _within(self, raw: bytes) -> Iterator[bytes]:
        yield raw
        for inner in self._folders[raw].folders.values():
            yield from self._within(inner)


def _likeness(one: _Folder, other: _Folder) -> int:
    """How many folders two have in common, unchanged."""
    return sum(other.folders.get(name) == raw for name, raw in one.folders.items())


class GitTree:
    """The regular files of a tree or commit; symbolic links and submodules are left out."""

    def __init__(self, trees: Trees, treeish: Oid, root: bytes) -> None:
        self.trees, self.treeish, self.root = trees, treeish, root
        self._blobs = _Blobs(trees, root)
        self._named: dict[str, tuple[str, ...]] = {}

    def blobs(self) -> Mapping[str, Oid]:
        """Return path → blob of every regular file."""
        return self._blobs

    def content(self, blob: Oid) -> bytes:
        """Return what a blob contains.

        Raises:
            InputError: the store has no such blob.
        """
        found = self.trees.store.read(blob)
        if found is None:
            raise _absent(self.trees.store, blob)
        return found[2]

    def names(self) -> frozenset[str]:
        """Return the names that files have here, without their folders."""
        self.trees.load(self.root)
        return self.trees.below(self.root)

    def named(self, name: str) -> tuple[str, ...]:
        """Return the paths of the files of that name, in order."""
        if name not in self._named:
            self.trees.load(self.root)
            self._named[name] = tuple(sorted(self.trees.named(self.root, name)))
        return self._named[name]


class _Blobs(Mapping[str, Oid]):
    """Path → blob; a folder is read when somebody asks for a file in it."""

    def __init__(self, trees: Trees, root: bytes) -> None:
        self._trees, self._root = trees, root
        self._folders: dict[str, _Folder | None] = {"": trees.folder(root)}

    def __getitem__(self, path: str) -> Oid:
        raw = self._find(path)
        if raw is None:
            raise KeyError(path)
        return Oid(raw.hex())

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self._find(path) is not None

    def __iter__(self) -> Iterator[str]:
        self._trees.load(self._root)
        return self._walk("", self._trees.folder(self._root))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _find(self, path: str) -> bytes | None:
        place, slash, name = path.rpartition("/")
        if slash and not place:  # "/name" is nothing of a tree's
            return None
        folder = self._folder(place)
        return None if folder is None else folder.files.get(name)

    def _folder(self, place: str) -> _Folder | None:
        if place not in self._folders:
            above, slash, name = place.rpartition("/")
            folder = None if slash and not above else self._folder(above)
            raw = None if folder is None else folder.folders.get(name)
            self._folders[place] = None if raw is None else self._trees.folder(raw)
        return self._folders[place]

    def _walk(self, prefix: str, folder: _Folder) -> Iterator[str]:
        yield from (prefix + name for name in folder.files)
        for name, raw in folder.folders.items():
            yield from self._walk(f"{prefix}{name}/", self._trees.folder(raw))


def _absent(store: GitStore, name: str) -> InputError:
    return InputError(f"object {name} is not in the repository {store.path}")
