"""How many arguments calls have, and how many parameters functions and macros take.

tree-sitter says what is a call, a prototype, a definition; the commas are counted in its text, because a
word that the grammar does not know (``__user``) breaks a parameter apart, and a comma stays a comma.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from tree_sitter import Node, Query, QueryCursor

from fedvhost.backport.csource import code, code_outside, language, parsed

# Any number: variadic, declared without a prototype, or nothing that can be counted.
ANY = -1
# A call that goes on for longer than this is not looked at.
_LONGEST = 4_000

_CALLS = "(call_expression function: (identifier) @name arguments: (argument_list) @list)"
_PARAMETERS = """[
  (function_declarator declarator: (identifier) @name parameters: (parameter_list) @list)
  (preproc_function_def name: (identifier) @macro parameters: (preproc_params) @list)
  (preproc_def name: (identifier) @any)
  (declaration declarator: (identifier) @any)
  (init_declarator declarator: (identifier) @any)
  (type_definition declarator: (type_identifier) @any)
  (parenthesized_declarator (pointer_declarator declarator: (identifier) @any))
]"""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function or macro by its name, in ``line`` (1-based)."""

    name: str
    arguments: int
    line: int


@cache
def _query(text: str) -> Query:
    return Query(language(), text)


def parameters(source: bytes) -> Mapping[str, frozenset[int]]:
    """Return how many parameters each function and macro takes that ``source`` declares or defines;
    several numbers if it does so in several ways, ``ANY`` among them if one cannot be counted."""
    found: dict[str, set[int]] = {}
    for _, nodes in QueryCursor(_query(_PARAMETERS)).matches(parsed(source).root_node):
        for node in nodes.get("any", ()):
            found.setdefault(_text(node), set()).add(ANY)
        for kind in ("name", "macro"):
            for node in nodes.get(kind, ()):
                counts = found.setdefault(_text(node), set())
                counts.update(_taken(_text(nodes["list"][0]), macro=kind == "macro"))
    return {name: frozenset(counts) for name, counts in found.items()}


def _taken(text: str, *, macro: bool) -> tuple[int, ...]:
    bare = code(text.encode("latin-1"))
    inside = bare.strip()[1:-1].strip()
    count = _items(bare)
    if count is None or "..." in bare:
        return (ANY,)
    if not macro:
        return (ANY,) if not inside else (0,) if inside == "void" else (count,)
    # One argument may be nothing at all.
    return (0, 1) if count == 1 else (count,)


def new_calls(source: bytes, ranges: Sequence[range]) -> tuple[Call, ...]:
    """Return the calls that these lines (1-based, half-open) have a part of, in order.

    Left out are those that the file makes with as many arguments elsewhere: what it could do before, it
    still can.
    """
    cursor = QueryCursor(_query(_CALLS))
    root = parsed(source).root_node
    found: dict[tuple[int, int], Call] = {}
    for lines in ranges:
        cursor.set_point_range((lines.start - 1, 0), (lines.stop - 1, 0))
        for _, nodes in cursor.matches(root):
            name, arguments = nodes["name"][0], nodes["list"][0]
            here = range(name.start_point.row + 1, arguments.end_point.row + 2)
            if arguments.has_error or here.start >= lines.stop or here.stop <= lines.start:
                continue
            count = _items(code(arguments.text or b""))
            if count is not None:
                found.setdefault(
                    (name.start_byte, name.end_byte), Call(_text(name), count, name.start_point.row + 1)
                )
    if not found:
        return ()
    outside = code_outside(source, ranges)
    own = {(c.name, c.line) for c in found.values()}
    made = {name: set(_made(outside, name, own)) for name in {c.name for c in found.values()}}
    return tuple(c for _, c in sorted(found.items()) if c.arguments not in made[c.name])


def _made(text: str, name: str, but: set[tuple[str, int]]) -> Iterator[int]:
    """Yield with how many arguments ``name`` is called in a piece of code."""
    line, at = 1, 0
    for match in re.finditer(rf"(?<![.>\w]){name}\s*\(", text):
        line, at = line + text.count("\n", at, match.start()), match.start()
        if (name, line) not in but:
            count = _items(text[match.end() - 1 : match.end() + _LONGEST])
            if count is not None:
                yield count


def _items(text: str) -> int | None:
    """Count what stands between commas in the parentheses that ``text`` begins with; None if it cannot
    be told, as with a conditional among them."""
    depth, commas, said = 0, 0, False
    for char in text.lstrip():
        if char == "#":
            return None
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0:
                return commas + 1 if said or commas else 0
        elif char == "," and depth == 1:
            commas += 1
        said |= depth > 0 and not char.isspace() and (depth > 1 or char not in "(")
    return None


def _text(node: Node) -> str:
    return (node.text or b"").decode("latin-1")
