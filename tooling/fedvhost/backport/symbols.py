"""What a pick uses that the place where it lands does not have.

The question is put to both sides alike, so that names of the C library, token pasting and everything
else that cannot be followed here cancel out: a name is missing if the pick's added lines use it, if
upstream's tree declares it within sight of the file, and if the result's does not.

A variable is in sight in its function only: one that upstream's function declares, and the result's of that
name does not, is missing even if another function here has it.

A name in sight is not enough for a call: what is called must take as many arguments as it is given. A
member of that name hides no missing function, nor the reverse.

A kernel module needs more than sight: what it calls must be *exported* too. A call to a function that
is there without its export compiles, and the module cannot be loaded.

Paths are those of the result; of a file that upstream has elsewhere, ``elsewhere`` says where.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fedvhost.backport.arguments import ANY, Call, new_calls
from fedvhost.backport.csource import (
    Include,
    code_outside,
    declared,
    functions,
    includes,
    names_outside,
    uses,
    ways_used,
)
from fedvhost.backport.includes import View
from fedvhost.backport.kbuild import built_in, same_module

_MOST_FOUND_IN = 4
_NAME = re.compile(r"\b[A-Za-z_]\w*", re.ASCII)
_NOWHERE_ELSE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Missing:
    """A name that ``path`` uses in ``line`` (1-based, of the result) and that the result lacks.

    ``kind``: ``undefined`` (nothing in sight declares it), ``no header`` (``name`` is a file that is not
    there), ``unexported`` (a kernel module cannot link to it) or ``arguments`` (it is called with so many
    ``arguments``, and ``takes`` other numbers). ``found_in``: the files of upstream's that declare, export
    or are it, the nearest first: where to look for the commit it came with. ``how``: how it is used,
    which says what must declare it: a ``call`` no member, a ``member`` nothing else.
    """

    name: str
    path: str
    line: int
    kind: Literal["undefined", "unexported", "no header", "arguments"]
    found_in: tuple[str, ...]
    how: Literal["call", "member", "name"] = "name"
    arguments: int | None = None
    takes: tuple[int, ...] = ()


def call_text(missing: Missing) -> str:
    """Say of a call what does not fit: ``'f' with 3 arguments, and it takes 2 here``."""
    count = missing.arguments
    takes = " or ".join(map(str, missing.takes))
    return f"'{missing.name}' with {count} argument{'' if count == 1 else 's'}, and it takes {takes} here"


@dataclass(frozen=True, slots=True)
class Strange:
    """A name that added lines use in a function which does not say it anywhere else: upstream's function
    of that name may have it as a variable of its own."""

    name: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Added:
    """What the added lines of a C file bring: names → first line, those that the file neither declares
    nor used like that before; ``plain`` of them may be functions, ``called`` are, and ``members`` are
    nothing else; the ``#include`` lines; the calls with a number of arguments that is new to the file; and
    the names that are ``strange`` to their function."""

    names: Mapping[str, int]
    plain: frozenset[str]
    includes: tuple[Include, ...]
    called: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    calls: tuple[Call, ...] = ()
    strange: tuple[Strange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.names or self.includes or self.calls or self.strange)

    def how(self, name: str) -> Literal["call", "member", "name"]:
        """Return how a name is used."""
        return "call" if name in self.called else "member" if name in self.members else "name"


def new_uses(content: bytes, ranges: Sequence[range]) -> Added:
    """Read what the added lines (1-based half-open ranges of ``content``) use for the first time.

    What the file used before the pick did, it could see before the pick did.
    """
    first: dict[str, int] = {}
    ways: dict[str, set[str]] = {}
    for use in uses(content, ranges):
        first.setdefault(use.name, use.line)
        ways.setdefault(use.name, set()).add(use.how)
    called = {name for name, how in ways.items() if "call" in how}
    members = {name for name, how in ways.items() if how == {"member"}}
    own = declared(content)
    known = own.outer | own.inner | own.members | names_outside(content, ranges)
    names = first.keys() - known
    # A name that is known as something else is not known.
    mixed = (first.keys() & known) - own.inner
    if mixed & (called | members):
        rest = code_outside(content, ranges)
        names |= {
            n for n in mixed & called if n not in own.outer and not ways_used(rest, n) & {"call", "name"}
        }
        names |= {n for n in mixed & members if n not in own.members and "member" not in ways_used(rest, n)}
    lines = tuple(i for i in includes(content) if any(i.line in r for r in ranges))
    calls = tuple(c for c in new_calls(content, ranges) if c.name not in own.inner)
    return Added(
        {n: first[n] for n in names},
        frozenset(n for n in names if ways[n] & {"call", "name"}),
        lines,
        frozenset(called & names),
        frozenset(members & names),
        calls,
        tuple(s for s in _strange(content, ranges) if s.name not in own.outer),
    )


def _strange(content: bytes, ranges: Sequence[range]) -> Iterator[Strange]:
    """Yield the names that only the added lines of a function say, each once a function."""
    used = [u for u in uses(content, ranges) if u.how == "name"]
    if not used:
        return
    rest = code_outside(content, ranges).split("\n")
    for function in functions(content, lines=[u.line for u in used]):
        said: set[str] | None = None
        for use in used:
            if use.line not in function.lines or use.name in function.own:
                continue
            if said is None:
                said = set(_NAME.findall("\n".join(rest[function.lines.start - 1 : function.lines.stop - 1])))
            if use.name not in said:
                said.add(use.name)
                yield Strange(use.name, use.line, function.name)


def missing_symbols(
    there: View,
    here: View,
    added: Mapping[str, Added],
    elsewhere: Mapping[str, str] = _NOWHERE_ELSE,
) -> tuple[Missing, ...]:
    """Return what the added lines (by path) use and ``here`` does not declare, or declares with another
    number of parameters, and ``there``, upstream, does. Only C files that both have are looked at."""
    found: list[Missing] = []
    for path in sorted(added):
        # A file that was split since is in part what it was, in part what was split off.
        origins = tuple(p for p in dict.fromkeys((elsewhere.get(path, path), path)) if p in there.blobs)
        if path in here.blobs and origins:
            pair = _Pair(there, here, origins, path)
            found += [*_headers(pair, added[path]), *_names(pair, added[path])]
            found += _calls(pair, added[path])
            found += _variables(pair, added[path])
    return tuple(found)


Side = Literal["upstream", "result"]


@dataclass(frozen=True, slots=True)
class _Pair:
    """One file in both trees: at ``origins`` in upstream's, at ``path`` in the result."""

    there: View
    here: View
    origins: tuple[str, ...]
    path: str

    def there_in_sight(self) -> Iterator[str]:
        """Yield the files that upstream's file sees, itself first."""
        for origin in self.origins:
            yield from self.there.sight(origin)


def _headers(pair: _Pair, added: Added) -> Iterator[Missing]:
    """Yield the added includes that upstream's tree has a file for and the result has not."""
    for include in added.includes:
        if not pair.here.resolve(pair.path, include):
            found = tuple(p for o in pair.origins for p in pair.there.resolve(o, include))
            if found:
                yield Missing(include.name, pair.path, include.line, "no header", found[:_MOST_FOUND_IN])


def _names(pair: _Pair, added: Added) -> Iterator[Missing]:
    wanted = set(added.names)
    for seen in pair.here.closure(pair.path):
        if not wanted:
            return
        wanted -= _declares(pair.here, seen, wanted, added)
    if not wanted:
        return
    found: dict[str, list[str]] = {name: [] for name in wanted}
    for seen in dict.fromkeys(pair.there_in_sight()):
        for name in _declares(pair.there, seen, wanted, added):
            found[name].append(seen)
    for name in sorted(wanted, key=lambda n: (added.names[n], n)):
        if found[name]:
            where = tuple(found[name][:_MOST_FOUND_IN])
            yield Missing(name, pair.path, added.names[name], "undefined", where, added.how(name))


def _declares(view: View, path: str, names: set[str], added: Added) -> set[str]:
    """Return which of the names a file declares as what they are used for."""
    source = view.source(path)
    return source.offers(names - added.members) | source.members(names - added.called)


def _calls(pair: _Pair, added: Added) -> Iterator[Missing]:
    """Yield the calls with a number of arguments that the result has no function for; one each name."""
    here = _takes(pair.here, pair.here.sight(pair.path), {call.name for call in added.calls})
    odd = [c for c in added.calls if c.name in here and not here[c.name].keys() & {ANY, c.arguments}]
    there = _takes(pair.there, pair.there_in_sight(), {call.name for call in odd})
    told: set[str] = set()
    for call in odd:
        if call.name in told:
            continue
        takes, upstreams = here[call.name], there.get(call.name, {})
        # Upstream's own tree does not fit either: something that cannot be followed here.
        if upstreams and not upstreams.keys() & {ANY, call.arguments}:
            continue
        told.add(call.name)
        where = upstreams.get(call.arguments) or upstreams.get(ANY) or ()
        yield Missing(
            call.name, pair.path, call.line, "arguments", tuple(where[:_MOST_FOUND_IN]),
            "call", call.arguments, tuple(sorted(takes)),
        )  # fmt: skip


def _variables(pair: _Pair, added: Added) -> Iterator[Missing]:
    """Yield the names that are variables of upstream's function, and nothing that this one has."""
    if not added.strange:
        return
    wanted = {s.function for s in added.strange}
    there = {
        (f.name, name): origin
        for origin in pair.origins
        for f in functions(pair.there.tree.content(pair.there.blobs[origin]), names=wanted)
        for name in f.own
    }
    for strange in added.strange:
        origin = there.get((strange.function, strange.name))
        if origin is None:
            continue
        if not any(pair.here.source(seen).offers([strange.name]) for seen in pair.here.sight(pair.path)):
            yield Missing(strange.name, pair.path, strange.line, "undefined", (origin,))


def _takes(
    view: View, sight: Iterable[str], names: Collection[str]
) -> Mapping[str, Mapping[int, Sequence[str]]]:
    """Return name → number of parameters → the files in sight that declare it with so many."""
    found: dict[str, dict[int, list[str]]] = {}
    for seen in dict.fromkeys(sight) if names else ():
        for name in view.source(seen).offers(names):
            for count in view.takes(seen, name):
                found.setdefault(name, {}).setdefault(count, []).append(seen)
    return found


def missing_exports(
    there: View,
    here: View,
    added: Mapping[str, Added],
    exported: Callable[[Side, str], str | None],
) -> tuple[Missing, ...]:
    """Return what the added lines call, upstream exports to modules and the result does not.

    ``exported`` says where a side exports a name. Files that are never part of a module, names that the
    file or its own module defines, and those that are only macros or constants here, need no export.
    """
    found: list[Missing] = []
    for path in sorted(p for p in added if p.endswith(".c") and p in here.blobs and added[p].plain):
        if built_in(here.tree, path):
            continue
        # What is near is asked first, and upstream's tree, which may be far from the last one, at the end.
        for name in added[path].plain - _never_linked(here, path, added[path].plain):
            source = exported("upstream", name) if exported("result", name) is None else None
            if source is None or same_module(here.tree, path, source):
                continue
            found.append(Missing(name, path, added[path].names[name], "unexported", (source,)))
    return tuple(sorted(found, key=lambda m: (m.path, m.line, m.name)))


def _never_linked(view: View, path: str, names: Collection[str]) -> set[str]:
    """Return those of ``names`` that are declared in sight, and nowhere as a function or a variable."""
    left, known = set(names), set[str]()
    for seen in view.closure(path):
        if not left:
            break
        source = view.source(seen)
        known |= source.offers(left)
        left -= source.links(left)
    return left & known
