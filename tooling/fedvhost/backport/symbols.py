"""What a pick uses that the place where it lands does not have.

The question is put to both sides alike, so that names of the C library, token pasting and everything
else that cannot be followed here cancel out: a name is missing if the pick's added lines use it, if
upstream's tree declares it within sight of the file, and if the result's does not.

A kernel module needs more than sight: what it calls must be *exported* too. A call to a function that
is there without its export compiles, and the module cannot be loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fedvhost.backport.csource import Include, declared, exports, includes, names_outside, uses
from fedvhost.backport.includes import Sources, Tree, View
from fedvhost.backport.kbuild import built_in, same_module

_MOST_FOUND_IN = 4


@dataclass(frozen=True, slots=True)
class Missing:
    """A name that ``path`` uses in ``line`` (1-based, of the result) and that the result lacks.

    ``kind``: ``undefined`` (nothing in sight declares it, or ``name`` is a header that is not there) or
    ``unexported`` (a kernel module cannot link to it). ``found_in``: the files of upstream's that
    declare, export or are it, the nearest first: where to look for the commit it came with.
    """

    name: str
    path: str
    line: int
    kind: Literal["undefined", "unexported", "no header"]
    found_in: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """What the added lines of a C file bring: names → first line, those that the file neither declares
    nor used before; ``plain`` of them may be functions; and the ``#include`` lines."""

    names: Mapping[str, int]
    plain: frozenset[str]
    includes: tuple[Include, ...]

    def __bool__(self) -> bool:
        return bool(self.names or self.includes)


def new_uses(content: bytes, ranges: Sequence[range]) -> Added:
    """Read what the added lines (1-based half-open ranges of ``content``) use for the first time.

    What the file used before the pick did, it could see before the pick did.
    """
    first: dict[str, int] = {}
    plain: set[str] = set()
    for use in uses(content, ranges):
        first.setdefault(use.name, use.line)
        if use.plain:
            plain.add(use.name)
    own = declared(content)
    names = first.keys() - own.outer - own.inner - names_outside(content, ranges)
    lines = tuple(i for i in includes(content) if any(i.line in r for r in ranges))
    return Added({n: first[n] for n in names}, frozenset(plain & names), lines)


def missing_symbols(
    upstream: Tree, result: Tree, added: Mapping[str, Added], *, cache: Sources
) -> tuple[Missing, ...]:
    """Return what the added lines (by path) use and the result does not declare. Only C files that both
    trees have are looked at."""
    there, here = View(upstream, cache), View(result, cache)
    paths = [p for p in sorted(added) if p in there.blobs and p in here.blobs]
    return tuple(
        m for p in paths for m in (*_headers(there, here, p, added[p]), *_names(there, here, p, added[p]))
    )


def _headers(there: View, here: View, path: str, added: Added) -> Iterator[Missing]:
    """Yield the added includes that upstream's tree has a file for and the result has not."""
    for include in added.includes:
        if not here.resolve(path, include):
            found = there.resolve(path, include)
            if found:
                yield Missing(include.name, path, include.line, "no header", found[:_MOST_FOUND_IN])


def _names(there: View, here: View, path: str, added: Added) -> Iterator[Missing]:
    wanted = set(added.names)
    for seen in here.closure(path) if wanted else ():
        wanted -= here.source(seen).offers
    if not wanted:
        return
    found: dict[str, list[str]] = {name: [] for name in wanted}
    for seen in (path, *there.closure(path)):
        for name in wanted & there.source(seen).offers:
            found[name].append(seen)
    for name in sorted(wanted, key=lambda n: (added.names[n], n)):
        if found[name]:
            yield Missing(name, path, added.names[name], "undefined", tuple(found[name][:_MOST_FOUND_IN]))


def missing_exports(
    upstream: Tree, result: Tree, added: Mapping[str, Added], gained: Callable[[], Mapping[str, str]]
) -> tuple[Missing, ...]:
    """Return what the added lines call, upstream exports to modules and the result does not.

    ``gained`` gives name → path of the exports that upstream has and the base had not; it is asked only
    if there is a new name that could be one. Files that are never part of a module, and names that the
    file or its own module defines, need no export.
    """
    there, here = upstream.blobs(), result.blobs()
    found: list[Missing] = []
    for path in sorted(p for p in added if p.endswith(".c") and p in here and added[p].plain):
        if built_in(result, path):
            continue
        for name in added[path].plain & gained().keys():
            source = gained()[name]
            if (
                source in there
                and name in exports(upstream.content(there[source]))
                and not (source in here and name in exports(result.content(here[source])))
                and not same_module(result, path, source)
            ):
                found.append(Missing(name, path, added[path].names[name], "unexported", (source,)))
    return tuple(sorted(found, key=lambda m: (m.path, m.line, m.name)))
