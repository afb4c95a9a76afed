"""What a C file can see: the files that its ``#include`` lines reach inside the same tree.

The compiler's search path is not known here, so the usual places of a kernel and of qemu are tried in
order and then any file whose path ends so. What nothing matches is a system header, and is ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, KeysView, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import basename, dirname, join, normpath
from typing import Protocol

from fedvhost.backport.arguments import ANY, parameters
from fedvhost.backport.csource import Include, declared, includes
from fedvhost.values import Oid

# Both builds look at many architectures; the one that counts here is the PC.
_PLACES = ("", "include", "arch/x86/include", "include/asm-generic", "hw", "target-i386", "kvm/include")
_INDEXES = 4
_MOST_KNOWN = 8_000  # about 100 MiB; a plan knows some hundreds
_MOST_COUNTED = 500
_MOST_MATCHES = 16  # more files than this that end so: the name says nothing


class Tree(Protocol):
    """One side of a comparison: the regular files of a tree, and what they contain."""

    def blobs(self) -> Mapping[str, Oid]:
        """Return path → blob of every regular file."""
        ...

    def content(self, blob: Oid) -> bytes:
        """Return what a blob contains."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """What one C file says by itself, whatever tree it is in."""

    offers: frozenset[str]  # what it declares for those who include it, but members
    members: frozenset[str]  # the members of its structures, and macros that may be meant as such
    includes: tuple[Include, ...]


@dataclass(slots=True)
class Sources:
    """C files already read, by blob: a header that no pick changes is read once for all of them."""

    known: dict[Oid, Source] = field(default_factory=dict)
    indexes: list[tuple[KeysView[str], Mapping[str, Sequence[str]]]] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)  # one object a name, whichever headers say it
    counted: dict[Oid, Mapping[str, frozenset[int]]] = field(default_factory=dict)

    def endings(self, blobs: Mapping[str, Oid]) -> Mapping[str, Sequence[str]]:
        """Return file name → paths of the C files of a listing. Trees that a replay walks along mostly
        have the same paths, so the last few answers are kept."""
        for paths, found in self.indexes:
            if paths == blobs.keys():
                return found
        made: dict[str, list[str]] = {}
        for path in blobs:
            if path.endswith((".h", ".c")):
                made.setdefault(path[path.rfind("/") + 1 :], []).append(path)  # half of basename's time
        self.indexes = [(blobs.keys(), made), *self.indexes[: _INDEXES - 1]]
        return made

    def read(self, tree: Tree, blob: Oid) -> Source:
        """Return what a blob of ``tree`` says."""
        found = self.known.get(blob)
        if found is None:
            if len(self.known) >= _MOST_KNOWN:
                self.known.clear()
            content = tree.content(blob)
            said = declared(content)
            offers, members = (
                frozenset(self.words.setdefault(name, name) for name in names)
                for names in (said.outer, said.members)
            )
            found = self.known[blob] = Source(offers, members, includes(content))
        return found

    def takes(self, tree: Tree, blob: Oid, name: str) -> frozenset[int]:
        """Return how many parameters ``name`` takes by a blob of ``tree`` that declares it."""
        if blob not in self.counted:
            if len(self.counted) >= _MOST_COUNTED:
                self.counted.clear()
            self.counted[blob] = parameters(tree.content(blob))
        return self.counted[blob].get(name, frozenset((ANY,)))


class View:
    """A tree as a compiler sees it; resolves every include once."""

    def __init__(self, tree: Tree, sources: Sources) -> None:
        self.tree, self.sources, self.blobs = tree, sources, tree.blobs()
        self._reached: dict[str, tuple[str, ...]] = {}
        self._endings = sources.endings(self.blobs)

    def source(self, path: str) -> Source:
        """Return what the file at ``path`` says; it must exist."""
        return self.sources.read(self.tree, self.blobs[path])

    def takes(self, path: str, name: str) -> frozenset[int]:
        """Return how many parameters ``name`` takes by the file at ``path``, which declares it."""
        return self.sources.takes(self.tree, self.blobs[path], name)

    def closure(self, path: str) -> tuple[str, ...]:
        """Return the files that ``path`` includes, directly or not, nearest first, without itself."""
        seen = {path: None}
        for current in (queue := [path]):  # grows while we walk
            for reached in self._includes(current):
                if reached not in seen:
                    seen[reached] = None
                    queue.append(reached)
        return tuple(seen)[1:]

    def sight(self, path: str) -> Iterator[str]:
        """Yield the file itself, and what it includes, nearest first."""
        yield path
        yield from self.closure(path)

    def _includes(self, path: str) -> tuple[str, ...]:
        if path not in self._reached:
            found = (p for i in self.source(path).includes for p in self.resolve(path, i))
            self._reached[path] = tuple(dict.fromkeys(found))
        return self._reached[path]

    def resolve(self, includer: str, include: Include) -> tuple[str, ...]:
        """Return the files that an ``#include`` may mean; none for a system header."""
        for candidate in self._candidates(includer, include):
            if candidate in self.blobs:
                return (candidate,)
        ending = "/" + include.name
        found = [p for p in self._endings.get(basename(include.name), ()) if p.endswith(ending)]
        ours = [p for p in found if not p.startswith("arch/") or p.startswith("arch/x86/")] or found
        return tuple(ours) if len(ours) <= _MOST_MATCHES else ()

    @staticmethod
    def _candidates(includer: str, include: Include) -> Iterator[str]:
        if include.quoted:
            yield normpath(join(dirname(includer), include.name))
        for place in _PLACES:
            name = include.name
            if place == "include/asm-generic":
                if not name.startswith("asm/"):
                    continue
                name = name.removeprefix("asm/")
            yield normpath(join(place, name))
