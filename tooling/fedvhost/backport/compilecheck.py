"""What compilers, linkers and ``nm`` said, as values; and what a kernel module leaves undefined.

A module may call what its own objects define and what the kernel exports. Anything else compiles, and the
module cannot be loaded. What was compiled speaks for itself (``__ksymtab_x``); for the rest of the kernel
the sources do, so an export that only another configuration compiles counts as one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import normpath

from fedvhost.backport.csource import exports
from fedvhost.backport.recipe import ALWAYS, Check, Edit

SOURCES = (".c", ".S")

_MESSAGE = re.compile(r"^(?P<path>[^\s:][^:\n]*):(?P<line>\d+):(?:\d+:)? (?:fatal )?error: (?P<what>.*)$")
_UNDEFINED = re.compile(r"(?:undefined reference to|undefined symbol:?) [`'‘]?(?P<name>\w+)")
_MAKE = re.compile(r"^make(?:\[\d+\])?: \*\*\* (?P<what>.*)$")
_PLAIN = re.compile(r"^(?:\S*: )?(?:error|Error|ERROR): (?P<what>.+)$")
_NAMES = (
    re.compile(r"implicit declaration of function '(\w+)'"),
    re.compile(r"'(\w+)' undeclared"),
    re.compile(r"unknown type name '(\w+)'"),
    re.compile(r"has no member named '(\w+)'"),
    re.compile(r"undefined reference to [`'](\w+)'"),
    re.compile(r"storage size of '(\w+)' isn't known"),
    re.compile(r"too (?:few|many) arguments to function '(\w+)'"),
    re.compile(r"conflicting types for '(\w+)'"),
)
_EXPORT = re.compile(rb"EXPORT_((?:\w+_)?)SYMBOL\w*[ \t]*\(\s*(\w+)")


@dataclass(frozen=True, slots=True)
class Complaint:
    """An error that a compiler or linker told: where (0: no line), what, and the names it speaks of."""

    path: str
    line: int
    what: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}: " if self.line else f"{self.path}: " if self.path else ""
        return f"{where}{self.what}"


@dataclass(frozen=True, slots=True)
class Symbols:
    """What an object says to a linker: global names it defines, names it needs, names it exports."""

    defined: frozenset[str] = frozenset()
    undefined: frozenset[str] = frozenset()
    exported: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Unexported:
    """A name that the module of ``path`` needs and that nothing exports to it."""

    path: str
    name: str

    def __str__(self) -> str:
        return f"{self.path}: '{self.name}' is not exported: this compiles, and the module cannot be loaded"


def complaints(output: str, tree: str) -> tuple[Complaint, ...]:
    """Return the errors in what a build said, each once, in order; paths are relative to ``tree``.

    What only make says ("Error 1", "Stop") is left out as long as something says more.
    """
    found: dict[Complaint, None] = {}
    last: dict[Complaint, None] = {}
    for line in output.splitlines():
        if (match := _MESSAGE.match(line)) is not None:
            what = match["what"]
            found[Complaint(_inside(match["path"], tree), int(match["line"]), what, names_in(what))] = None
        elif (match := _UNDEFINED.search(line)) is not None:
            where = _inside(_linked(line), tree)
            what = f"undefined reference to '{match['name']}'"
            found[Complaint(where, 0, what, (match["name"],))] = None
        elif (match := _PLAIN.match(line) or _MAKE.match(line)) is not None:
            last[Complaint("", 0, match["what"], names_in(match["what"]))] = None
    return tuple(found or last)


def names_in(what: str) -> tuple[str, ...]:
    """Return the identifiers that an error message is about."""
    return tuple(dict.fromkeys(m for pattern in _NAMES for m in pattern.findall(what)))


def _linked(line: str) -> str:
    """The object or source in ``ld: net/tap.o: in function …`` and in ``net/tap.c:12: undefined …``."""
    words = [w for w in re.split(r":\s|\(|:\d+:", line) if w.endswith((".c", ".o", ".S", ".a"))]
    return words[-1].split()[-1] if words else ""


def _inside(path: str, tree: str) -> str:
    path = path.removeprefix(tree.rstrip("/") + "/")
    return normpath(path) if path else ""


def read_nm(output: str) -> Mapping[str, Symbols]:
    """Read ``nm -A -P``: object → symbols. Weak names that are not defined may stay so."""
    defined: dict[str, set[str]] = {}
    undefined: dict[str, set[str]] = {}
    exported: dict[str, set[str]] = {}
    for line in output.splitlines():
        path, colon, rest = line.partition(": ")
        words = rest.split()
        if not colon or len(words) < 2:
            continue
        name, kind = words[0], words[1]
        for sets in (defined, undefined, exported):
            sets.setdefault(path, set())
        if kind == "U":
            undefined[path].add(name)
        elif name.startswith("__ksymtab_"):
            exported[path].add(name.removeprefix("__ksymtab_"))
        elif kind.isupper():
            defined[path].add(name)
    return {
        path: Symbols(frozenset(defined[path]), frozenset(undefined[path]), frozenset(exported[path]))
        for path in sorted(defined)
    }


def exports_of(source: bytes) -> frozenset[str]:
    """Return the symbols that a kernel source exports, as a linker calls them."""
    found: set[str] = set()
    for match in _EXPORT.finditer(source):
        # Seen afterwards: an expression that begins with a line's begin is ten times as slow.
        if source[source.rfind(b"\n", 0, match.start()) + 1 : match.start()].strip(b" \t"):
            continue
        prefix, text = match[1], match[2].decode()
        # A comment, it seems; what is one, who reads the whole as C can tell.
        opened = source.rfind(b"/*", 0, match.start()) > source.rfind(b"*/", 0, match.start())
        if opened and text not in exports(source):
            continue
        found.add(text)
        if b"PER_CPU" in prefix:  # kernels before 2.6.34 put a prefix before the name
            found.add(f"per_cpu__{text}")
        elif b"TRACEPOINT" in prefix:
            found.add(f"__tracepoint_{text}")
    return frozenset(found)


def unexported(
    objects: Mapping[str, Symbols],
    modules: Sequence[frozenset[str]],
    exported: frozenset[str],
    vouched: frozenset[str] = frozenset(),
) -> tuple[Unexported, ...]:
    """Return what modules (each the objects that are linked into it) need and nobody exports.

    ``exported`` is what sources that were not compiled export. Names of the compiler's own (``_GLOBAL…``)
    are no symbols of anybody.
    """
    offered = exported.union(vouched, *(s.exported for s in objects.values()))
    found: dict[Unexported, None] = {}
    for module in modules:
        mine = frozenset[str]().union(*(objects[o].defined for o in module if o in objects))
        for path in sorted(o for o in module if o in objects):
            for name in sorted(objects[path].undefined - mine - offered - {"_GLOBAL_OFFSET_TABLE_"}):
                found[Unexported(path, name)] = None
    return tuple(found)


def objects_of(sources: Iterable[str]) -> tuple[str, ...]:
    """Return the object beside each source, as a kernel has it."""
    return tuple(f"{path.rpartition('.')[0]}.o" for path in sources if path.endswith(SOURCES))


def matching(paths: Iterable[str], patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the paths that one of the patterns matches; ``*`` matches ``/`` too."""
    return tuple(p for p in paths if any(fnmatchcase(p, pattern) for pattern in patterns))


def words(command: str, check: Check, *, gcc: str, jobs: int, objects: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the words of a command with its placeholders filled in."""
    flags = " ".join((*ALWAYS, *(f.add for f in check.flags)))
    return tuple(_filled(shlex.split(command), {"flags": flags, "gcc": gcc, "jobs": str(jobs)}, objects))


def _filled(parts: Sequence[str], values: Mapping[str, str], objects: Sequence[str]) -> Iterator[str]:
    for part in parts:
        if part == "{objects}":
            yield from objects
            continue
        for name, value in values.items():
            part = part.replace(f"{{{name}}}", value)
        yield part


def edited(content: bytes, edits: Sequence[Edit]) -> tuple[bytes, tuple[Edit, ...]]:
    """Return ``content`` after ``edits``, and those that matched nothing."""
    text = content.decode("latin-1")
    idle = []
    for edit in edits:
        text, times = re.subn(edit.pattern, edit.replace, text, flags=re.MULTILINE)
        if not times:
            idle.append(edit)
    return text.encode("latin-1"), tuple(idle)
