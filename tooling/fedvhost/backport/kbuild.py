"""What a kernel directory's Makefile says about one of its files: built in, or part of which module.

Only what is plainly written counts. Anything else (variables, conditionals, generated lists) is taken
for a module that stands alone: then an export is asked for that may not be needed, never the reverse.
"""

from __future__ import annotations

import re
from posixpath import basename, dirname, join

from fedvhost.backport.includes import Tree

_RULE = re.compile(r"^\s*([\w-]+?)-(y|m|objs|\$\(\w+\))\s*[:+]?=\s*(.*)$")


def built_in(tree: Tree, path: str) -> bool:
    """Whether the file at ``path`` is always part of the kernel image and never of a module."""
    rules = _rules(tree, dirname(path))
    targets = {_object(path), *(f"{name}.o" for name in _composites(rules, path))}
    lists = {
        (name, how) for name, how, objects in rules if name in ("obj", "lib", "core") and targets & objects
    }
    return bool(lists) and all(how == "y" for _, how in lists)


def same_module(tree: Tree, path: str, other: str) -> bool:
    """Whether two files are linked into one object, so that neither needs the other's exports."""
    if path == other:
        return True
    if dirname(path) != dirname(other):
        return False
    rules = _rules(tree, dirname(path))
    return bool(_composites(rules, path) & _composites(rules, other))


def _object(path: str) -> str:
    return basename(path).rpartition(".")[0] + ".o"


def _composites(rules: list[tuple[str, str, frozenset[str]]], path: str) -> frozenset[str]:
    """Return the names of the multi-file objects (``vhost_net-y := vhost.o net.o``) that ``path`` is in."""
    mine = _object(path)
    return frozenset(
        name for name, _, objects in rules if name not in ("obj", "lib", "core") and mine in objects
    )


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
