"""On which line of a TOML file a key stands.

``tomllib`` gives values without positions; a message that names the line needs the syntax tree. It is
asked for only once something is wrong with a manifest.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

Key = tuple[str | int, ...]
"""The way to a value: ``("packages", "kernel", "also", 1, "commit")``."""

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def key_lines(text: str) -> dict[Key, int]:
    """Return the line, from 1, where each key of ``text`` first appears; tables and the elements of
    arrays have theirs too. Never raises: what the grammar cannot follow is left out."""
    tree = Parser(Language(tree_sitter_toml.language())).parse(text.encode("utf-8", "surrogatepass"))
    lines: dict[Key, int] = {}
    tables: dict[Key, int] = {}  # how many [[elements]] each array of tables has so far
    for node in tree.root_node.named_children:
        if node.type == "pair":
            _pair(node, (), lines)
        elif node.type in ("table", "table_array_element"):
            key = _table_key(node, tables)
            _note(key, _line(node), lines)
            for pair in node.named_children[1:]:
                if pair.type == "pair":
                    _pair(pair, key, lines)
    return lines


def line_of(key: Key, lines: Mapping[Key, int]) -> int:
    """Return the line of ``key``, or that of the nearest table around it; the first line at worst."""
    return next((lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in lines), 1)


def spell(key: Key) -> str:
    """Write a key as people know it: ``packages.kernel.also[1].commit``."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            text += f".{name}" if text else name
    return text


def _table_key(node: Node, tables: dict[Key, int]) -> Key:
    """The key that a ``[header]`` opens: a name that is an array of tables means its last element."""
    names = _names(node.named_children[0]) if node.named_children else ()
    key: Key = ()
    for i, name in enumerate(names):
        key = (*key, name)
        if node.type == "table_array_element" and i == len(names) - 1:
            tables[key] = tables.get(key, 0) + 1
        if key in tables:
            key = (*key, tables[key] - 1)
    return key


def _pair(node: Node, table: Key, lines: dict[Key, int]) -> None:
    """Note the line of ``key = value`` and of what is inside the value."""
    if len(node.named_children) < 2:
        return  # the grammar gave up here
    key = (*table, *_names(node.named_children[0]))
    _note(key, _line(node), lines)
    _value(node.named_children[-1], key, lines)


def _value(node: Node, key: Key, lines: dict[Key, int]) -> None:
    if node.type == "inline_table":
        for pair in node.named_children:
            if pair.type == "pair":
                _pair(pair, key, lines)
    elif node.type == "array":
        elements = (n for n in node.named_children if n.type != "comment")
        for i, element in enumerate(elements):
            _note((*key, i), _line(element), lines)
            _value(element, (*key, i), lines)


def _note(key: Key, line: int, lines: dict[Key, int]) -> None:
    """Give ``key`` and the tables that it implies a line, unless they have one."""
    while key and key not in lines:
        lines[key] = line
        key = key[:-1]


def _line(node: Node) -> int:
    return node.start_point.row + 1


def _names(node: Node) -> Sequence[str]:
    """The parts of a key, ``a."b c".d``; quoted parts without their quotes."""
    return tuple(_plain(part) for part in _leaves(node))


def _leaves(node: Node) -> Iterator[Node]:
    """The leaves of a dotted key, left to right; it nests to the left, and as deep as it is long."""
    right: list[Node] = []
    while node.type == "dotted_key" and node.named_children:
        right.extend(reversed(node.named_children[1:]))
        node = node.named_children[0]
    yield node
    yield from reversed(right)


def _plain(node: Node) -> str:
    text = (node.text or b"").decode("utf-8", "surrogatepass")
    if node.type != "quoted_key":
        return text
    try:
        return next(iter(tomllib.loads(f"{text} = 0")))
    except (ValueError, StopIteration):
        return text
