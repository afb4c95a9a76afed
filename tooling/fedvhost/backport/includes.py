"""What a C file can see: the files that its ``#include`` lines reach inside the same tree.

The compiler's search path is not known here, so the usual places of a kernel and of qemu are tried in
order and then any file whose path ends so. What nothing matches is a system header, and is ignored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from posixpath import basename, dirname, join, normpath
from sys import intern
from typing import Protocol

from fedvhost.backport.arguments import ANY, parameters
from fedvhost.backport.csource import Declared, Include, declared, includes
from fedvhost.values import Oid

# Both builds look at many architectures; the one that counts here is the PC.
_PLACES = ("", "include", "arch/x86/include", "include/asm-generic", "hw", "target-i386", "kvm/include")
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

    def names(self) -> frozenset[str]:
        """Return the names that regular files have here, without their folders."""
        ...

    def named(self, name: str) -> Sequence[str]:
        """Return the paths of the regular files of that name, in order."""
        ...


class Source:
    """What one C file says by itself, whatever tree it is in. It is read as C when somebody asks for a name
    that is in it."""

    def __init__(self, content: bytes) -> None:
        self.includes = includes(content)
        self._content: bytes | None = content
        self._said = Declared(frozenset(), frozenset())

    def offers(self, names: Iterable[str]) -> set[str]:
        """Return those of ``names`` that it declares for those who include it, but members."""
        return {n for n in names if self._mentions(n) and n in self._said.outer}

    def members(self, names: Iterable[str]) -> set[str]:
        """Return those of ``names`` that are members of its structures, or macros that may be meant so."""
        return {n for n in names if self._mentions(n) and n in self._said.members}

    def links(self, names: Iterable[str]) -> set[str]:
        """Return those of ``names`` that it declares as what may be a function or a variable."""
        return {n for n in names if self._mentions(n) and n in self._said.linked}

    def _mentions(self, name: str) -> bool:
        if self._content is None:
            return True
        if name.encode("latin-1") not in self._content:
            return False
        said = declared(self._content)
        # One object a name, whichever headers say it.
        outer, members, linked = (
            frozenset(map(intern, names)) for names in (said.outer, said.members, said.linked)
        )
        self._said, self._content = Declared(outer, frozenset(), members, linked), None
        return True


@dataclass(slots=True)
class Sources:
    """C files already read, by blob: a header that no pick changes is read once for all of them."""

    known: dict[Oid, Source] = field(default_factory=dict)
    counted: dict[Oid, Mapping[str, frozenset[int]]] = field(default_factory=dict)

    def read(self, tree: Tree, blob: Oid) -> Source:
        """Return what a blob of ``tree`` says."""
        found = self.known.get(blob)
        if found is None:
            if len(self.known) >= _MOST_KNOWN:
                self.known.clear()
            found = self.known[blob] = Source(tree.content(blob))
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

    def source(self, path: str) -> Source:
        """Return what the file at ``path`` says; it must exist."""
        return self.sources.read(self.tree, self.blobs[path])

    def takes(self, path: str, name: str) -> frozenset[int]:
        """Return how many parameters ``name`` takes by the file at ``path``, which declares it."""
        return self.sources.takes(self.tree, self.blobs[path], name)

    def closure(self, path: str) -> Iterator[str]:
        """Yield the files that ``path`` includes, directly or not, nearest first, without itself."""
        seen = {path}
        for current in (queue := [path]):  # grows while we walk
            for reached in self._includes(current):
                if reached not in seen:
                    seen.add(reached)
                    queue.append(reached)
                    yield reached

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
        name = basename(include.name)
        if not name.endswith((".h", ".c")):
            return ()
        found = [p for p in self.tree.named(name) if p.endswith("/" + include.name)]
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
