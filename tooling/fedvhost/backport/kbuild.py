"""What the kernel's Makefiles and Kconfig say about a file: built in, or part of which module.

Only what is plainly written counts. Anything else (variables, conditionals, generated lists) is taken
for a module that stands alone: then an export is asked for that may not be needed, never the reverse.
"""

from __future__ import annotations

import re
from posixpath import basename, commonpath, dirname, join

from fedvhost.backport.includes import Tree

_OPTION = re.compile(r"\$\(CONFIG_(\w+)\)")
_KIND = re.compile(rb"^[ \t]*(def_bool|def_tristate|bool|tristate)\b", re.MULTILINE)
_LISTS = ("obj", "lib", "core")
_RULE = re.compile(r"^\s*([\w-]+?)-(y|m|objs|\$\(\w+\))\s*[:+]?=\s*(.*)$")


def built_in(tree: Tree, path: str) -> bool:
    """Whether the file at ``path`` is always part of the kernel image and never of a module."""
    rules = _rules(tree, dirname(path))
    targets = {_object(path), *(f"{name}.o" for name in _composites(rules, path))}
    how = {how for name, how, objects in rules if name in _LISTS and targets & objects}
    return bool(how) and all(h == "y" or _never_a_module(tree, dirname(path), h) for h in how)


def _never_a_module(tree: Tree, folder: str, how: str) -> bool:
    """Whether ``$(CONFIG_X)`` can only be ``y`` or nothing, by the nearest Kconfig that says."""
    option = _OPTION.fullmatch(how)
    if option is None:
        return False
    entry = re.compile(
        rf"^(?:menu)?config[ \t]+{option[1]}[ \t]*\n((?:[ \t].*\n|[ \t]*\n)*)".encode(), re.MULTILINE
    )
    files = [p for n in tree.names() if n.startswith("Kconfig") for p in tree.named(n)]
    for path in sorted(files, key=lambda p: (-len(commonpath([dirname(p), folder])), p)):
        match = entry.search(tree.content(tree.blobs()[path]) + b"\n")
        kind = match and _KIND.search(match[1])
        if kind:
            return b"bool" in kind[1]
    return False


def same_module(tree: Tree, path: str, other: str) -> bool:
    """Whether two files are linked into one object, so that neither needs the other's exports."""
    if path == other:
        return True
    if dirname(path) != dirname(other):
        return False
    rules = _rules(tree, dirname(path))
    return bool(_composites(rules, path) & _composites(rules, other))


def linked_with(tree: Tree, path: str) -> tuple[str, ...]:
    """Return the sources that are linked into one multi-file object with ``path``, itself included."""
    folder = dirname(path)
    rules = _rules(tree, folder)
    mine = _composites(rules, path)
    objects = {o for name, _, objects in rules if name in mine for o in objects if o.endswith(".o")}
    sources = {join(folder, o.removesuffix("o") + end) for o in objects for end in "cS"}
    return tuple(sorted({path, *(s for s in sources if s in tree.blobs())}))


def _object(path: str) -> str:
    return basename(path).rpartition(".")[0] + ".o"


def _composites(rules: list[tuple[str, str, frozenset[str]]], path: str) -> frozenset[str]:
    """Return the names of the multi-file objects (``vhost_net-y := vhost.o net.o``) that ``path`` is in."""
    mine = _object(path)
    return frozenset(name for name, _, objects in rules if name not in _LISTS and mine in objects)


def _rules(tree: Tree, folder: str) -> list[tuple[str, str, frozenset[str]]]:
    """Return the lists of a directory's Makefile: name, how it is built (``y``, ``m``, ``objs``,
    ``$(CONFIG_X)``), objects."""
    blobs = tree.blobs()
    # Kbuild is read instead of a Makefile where there are both.
    blob = blobs.get(join(folder, "Kbuild")) or blobs.get(join(folder, "Makefile"))
    if blob is None:
        return []
    text = tree.content(blob).decode("latin-1").replace("\\\n", " ")
    matches = (_RULE.match(line.partition("#")[0]) for line in text.split("\n"))
    return [(m[1], m[2], frozenset(m[3].split())) for m in matches if m is not None]
