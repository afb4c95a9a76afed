"""Reading C as far as evidence needs it: names, declarations, includes, exports, where a line stands.

No preprocessor runs: every branch of an ``#if`` counts. tree-sitter reads the declarations, because a
mistake of its own (a macro it cannot see through) stays local; the rest are regular expressions over
the source without its comments and strings. Bytes are read as Latin-1, which takes anything.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import tree_sitter_c
from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree

_NAME = re.compile(r"\b[A-Za-z_]\w*", re.ASCII)
# C's own words and GNU C's spellings: never anybody's to declare.
KEYWORDS = frozenset(
    _NAME.findall(
        """auto break case char const continue default defined do double else enum extern float for goto if
        inline int long register restrict return short signed sizeof static struct switch typedef union
        unsigned void volatile while _Bool _Complex asm typeof __asm__ __attribute__ __const __extension__
        __FILE__ __func__ __FUNCTION__ __inline __inline__ __LINE__ __restrict __signed__ __typeof__
        __VA_ARGS__ __volatile__"""
    )
)

_NOT_CODE = re.compile(
    r"""/\*.*?(?:\*/|\Z) | //(?:[^\n\\]|\\.)* | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' """,
    re.DOTALL | re.VERBOSE,
)
_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">\n]+)[">]', re.MULTILINE)
_EXPORT = re.compile(r"^[ \t]*EXPORT_(?:\w+_)?SYMBOL\w*[ \t]*\(\s*(\w+)", re.MULTILINE)
_CONDITIONAL = re.compile(r"[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else|endif)\b[ \t]*(.*)")
_GUARD = re.compile(r"\s*#[ \t]*ifndef[ \t]+(\w+)\s*\n[ \t]*#[ \t]*define[ \t]+\1\b")
_NO_USE = re.compile(r"^[ \t]*#[ \t]*(?:define\b|\w+(?:[^\n\\]|\\.)*)", re.MULTILINE | re.DOTALL)
# DEFINE_PER_CPU(struct t *, name); static LIST_HEAD(name); but EXPORT_SYMBOL(name) declares nothing.
_BY_MACRO = re.compile(
    r"^(?:(?:static|extern|const)\s+)*(?!EXPORT_|MODULE_)[A-Z][A-Z0-9_]{2,}[ \t]*\(([^;{}]*?)\)\s*[;=]",
    re.MULTILINE,
)
# static always_inline int name(…: words that tree-sitter does not know can make it lose the function.
_BY_LINE = re.compile(
    r"^(?!(?:return|else|if|while|for|switch|do|goto|case|typedef)\b)[A-Za-z_][\w \t*]*?[ \t*]"
    r"((?![A-Z0-9_]+\b)\w+)[ \t]*\(",
    re.MULTILINE,
)
_MEMBER = re.compile(r"(?:\.|->)\s*\Z")
_TAG = re.compile(r"\b(?:struct|union|enum)\s\s*\Z")
_CALLED = re.compile(r"\s*\(")
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.MULTILINE)
_PLAIN_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\b(?!\()", re.MULTILINE)

_ANY_NAME = "[(identifier) (field_identifier) (type_identifier)] @name"
_DECLARATIONS = f"""[
  (declaration declarator: (identifier) @name)
  (init_declarator declarator: (identifier) @name)
  (parameter_declaration declarator: (identifier) @name)
  (field_declaration declarator: (field_identifier) @name)
  (type_definition declarator: (type_identifier) @name @said)
  (function_declarator declarator: {_ANY_NAME})
  (pointer_declarator declarator: {_ANY_NAME})
  (array_declarator declarator: {_ANY_NAME})
  (parenthesized_declarator {_ANY_NAME})
  (struct_specifier name: (type_identifier) @name @said body: (_))
  (union_specifier name: (type_identifier) @name @said body: (_))
  (enum_specifier name: (type_identifier) @name @said body: (_))
  (enumerator name: (identifier) @name @said)
  (labeled_statement label: (statement_identifier) @name)
  (preproc_def name: (identifier) @name @said)
  (preproc_function_def name: (identifier) @name @said)
  (preproc_params (identifier) @name @inner)
  (parameter_list) @inner
  (function_definition body: (compound_statement) @inner)
]"""
_JUMPS = """[
  (function_definition body: (compound_statement) @body)
  (goto_statement label: (statement_identifier) @goto)
  (labeled_statement label: (statement_identifier) @label)
]"""
_SCOPES = {
    "function_definition": "function",
    "struct_specifier": "struct",
    "union_specifier": "union",
    "enum_specifier": "enum",
    "init_declarator": "initializer",
}


@dataclass(frozen=True, slots=True)
class Include:
    """An ``#include``: the name as written, its line (1-based), and whether it stands in quotes."""

    name: str
    line: int
    quoted: bool


@dataclass(frozen=True, slots=True)
class Use:
    """An identifier in the code of a line (1-based). ``how``: a ``member`` (after ``.`` or ``->``), a ``tag``
    (after ``struct``, ``union`` or ``enum``), a ``call`` (before a parenthesis), or a ``name``, which may be
    anything: a member, too, as an argument of ``offsetof``."""

    name: str
    line: int
    how: Literal["member", "tag", "call", "name"]


@cache
def language() -> Language:
    """C's grammar."""
    return Language(tree_sitter_c.language())


@cache
def _declarations() -> Query:
    return Query(language(), _DECLARATIONS)


@lru_cache(maxsize=8)
def parsed(source: bytes) -> Tree:
    """Return the syntax tree of a source; of a file that is asked about again and again, the same one."""
    return Parser(language()).parse(source)


@lru_cache(maxsize=8)
def code(source: bytes) -> str:
    """Return ``source`` with comments and the insides of literals blanked, every line where it was."""
    return _NOT_CODE.sub(_blank, source.decode("latin-1"))


def _blank(match: re.Match[str]) -> str:
    text = match[0]
    quote = text[0] if text[0] in "\"'" else ""
    return quote + " " + "\n" * text.count("\n") + quote


@dataclass(frozen=True, slots=True)
class Declared:
    """The names that a file declares or defines itself. ``outer``: functions, variables, types, tags with
    a body, enum constants and macros, which a file that includes it sees. ``inner``: only parameters,
    local variables and labels of those names, which nobody else sees. ``members``: what may stand after
    ``.`` and ``->``: members of structures, and macros without parameters. ``linked``: of ``outer``, those
    that may be functions or variables; the rest are macros, constants and types, which no linker sees."""

    outer: frozenset[str]
    inner: frozenset[str]
    members: frozenset[str] = frozenset()
    linked: frozenset[str] = frozenset()


def declared(source: bytes) -> Declared:
    """Return what ``source`` declares, whichever branch of an ``#if`` it stands in."""
    captures = QueryCursor(_declarations()).captures(parsed(source).root_node)
    inside = _merged((n.start_byte, n.end_byte) for n in captures.get("inner", ()))
    starts = [start for start, _ in inside]
    outer: set[str] = set()
    inner: set[str] = set()
    members: set[str] = set()
    linked: set[str] = set()
    said = {node.start_byte for node in captures.get("said", ())}
    for node in captures.get("name", ()):
        name = (node.text or b"").decode("latin-1")
        if node.type == "field_identifier":
            members.add(name)
            continue
        at = bisect_right(starts, node.start_byte) - 1
        if at >= 0 and node.start_byte < inside[at][1]:
            inner.add(name)
            continue
        outer.add(name)
        if node.start_byte not in said:
            linked.add(name)
    # What tree-sitter cannot make sense of.
    text = code(source)
    linked.update(_BY_LINE.findall(text))
    for match in _BY_MACRO.finditer(text):
        linked.update(_NAME.findall(match[1]))
    outer.update(_DEFINE.findall(text), linked)
    members.update(_PLAIN_DEFINE.findall(text))
    return Declared(frozenset(outer), frozenset(inner - outer), frozenset(members), frozenset(linked))


@dataclass(frozen=True, slots=True)
class Function:
    """A function definition: its lines (1-based, half-open) and the names of its parameters and variables."""

    name: str
    lines: range
    own: frozenset[str]


def functions(source: bytes, lines: Sequence[int] = (), names: Collection[str] = ()) -> tuple[Function, ...]:
    """Return the functions that a source defines, in order: those around one of ``lines`` (1-based), and
    those of these names."""
    found: list[Function] = []
    cursor = QueryCursor(_functions())
    if lines and not names:  # a query of the whole file takes as long as reading it
        cursor.set_point_range((min(lines) - 1, 0), (max(lines), 0))
    nodes = cursor.captures(parsed(source).root_node).get("function", ())
    for node in sorted(nodes, key=lambda n: n.start_byte):
        rows = range(node.start_point.row + 1, node.end_point.row + 2)
        title = _title(node)
        if title in names or any(line in rows for line in lines):
            inside = QueryCursor(_declarations()).captures(node).get("name", ())
            own = {(n.text or b"").decode("latin-1") for n in inside if n.type == "identifier"}
            found.append(Function(title, rows, frozenset(own - {title})))
    return tuple(found)


@cache
def _functions() -> Query:
    return Query(language(), "(function_definition) @function")


def open_gotos(source: bytes) -> frozenset[str]:
    """Return the labels that functions jump to and do not have."""
    if b"goto" not in source:
        return frozenset()

    captures = QueryCursor(_jumps()).captures(parsed(source).root_node)
    bodies = _merged((n.start_byte, n.end_byte) for n in captures.get("body", ()))
    starts = [start for start, _ in bodies]

    def placed(kind: str) -> set[tuple[int, bytes]]:
        nodes = captures.get(kind, ())
        return {(bisect_right(starts, n.start_byte), n.text or b"") for n in nodes}

    return frozenset(name.decode("latin-1") for _, name in placed("goto") - placed("label"))


@cache
def _jumps() -> Query:
    return Query(Language(tree_sitter_c.language()), _JUMPS)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the outermost of nested spans, in order."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(spans, key=lambda s: (s[0], -s[1])):
        if not found or start >= found[-1][1]:
            found.append((start, end))
    return found


def code_outside(source: bytes, ranges: Sequence[range]) -> str:
    """Return the code of every line except these (1-based, half-open), which are empty instead."""
    lines = list(_code_lines(source))
    for number in _numbers(ranges, len(lines)):
        lines[number - 1] = ""
    return "\n".join(lines)


def names_outside(source: bytes, ranges: Sequence[range]) -> frozenset[str]:
    """Return the identifiers in the code of every line except these (1-based, half-open)."""
    return frozenset(_NAME.findall(code_outside(source, ranges)))


def uses(source: bytes, ranges: Sequence[range]) -> Iterator[Use]:
    """Yield the identifiers in the code of these lines (1-based, half-open), C's own words left out."""
    lines = _code_lines(source)
    for number in _numbers(ranges, len(lines)):
        line = lines[number - 1]
        for match in _NAME.finditer(line):
            if match[0] not in KEYWORDS:
                yield Use(match[0], number, _how(line, match.start(), match.end()))


def _how(text: str, start: int, end: int) -> Literal["member", "tag", "call", "name"]:
    # What precedes a name on its line is enough, and cheap: $ would search the whole text.
    before = text[max(0, start - 24) : start]
    if _MEMBER.search(before):
        return "member"
    if _TAG.search(before):
        return "tag"
    return "call" if _CALLED.match(text, end) else "name"


def ways_used(text: str, name: str) -> frozenset[str]:
    """Return how a name is used in a piece of code: the ``how`` of each ``Use``."""
    return frozenset(_how(text, m.start(), m.end()) for m in re.finditer(rf"\b{name}\b", text))


@lru_cache(maxsize=8)
def _code_lines(source: bytes) -> Sequence[str]:
    """Return the lines of code; of the preprocessor's only what is defined: ``#ifdef X`` needs no X."""
    return _NO_USE.sub(_blank, code(source)).split("\n")


def _numbers(ranges: Sequence[range], lines: int) -> list[int]:
    return sorted({number for r in ranges for number in r if 0 < number <= lines})


def includes(source: bytes) -> tuple[Include, ...]:
    """Return the ``#include`` lines in order, those inside conditionals too, those in comments not."""
    last = source.rfind(b"include")
    if last < 0:
        return ()
    top = source[: source.find(b"\n", last) + 1 or None].decode("latin-1")  # most of a file comes after them
    text = _NOT_CODE.sub(lambda m: m[0] if m[0][0] in "\"'" else _blank(m), top)
    found: list[Include] = []
    line, at = 1, 0
    for match in _INCLUDE.finditer(text):
        line, at = line + text.count("\n", at, match.start()), match.start()
        found.append(Include(match[2].strip(), line, match[1] == '"'))
    return tuple(found)


def exports(source: bytes) -> frozenset[str]:
    """Return what a kernel source exports to modules (``EXPORT_SYMBOL*``, the per-cpu form included)."""
    return frozenset(_EXPORT.findall(code(source))) if b"EXPORT_" in source else frozenset()


def enclosing_scope(source: bytes, line: int) -> tuple[str, ...]:
    """Return what encloses a line (1-based), outermost first: conditionals, functions, types, tables.

    ``("#ifdef KVM_UPSTREAM", "function kvm_init")``; ``()`` at top level. The branch after an ``#else``
    reads ``"#else of #ifdef X"``; a header's include guard encloses nothing.
    """
    found = [*_conditionals(source, line), *_blocks(source, line)]
    return tuple(label for _, label in sorted(found, key=lambda pair: pair[0]))


def _conditionals(source: bytes, line: int) -> list[tuple[int, str]]:
    """Return the conditionals open at ``line``: where each begins, and its label."""
    text = code(source)
    guard = _GUARD.match(text)
    stack: list[tuple[int, str]] = []
    for number, words in enumerate(text.split("\n")[: line - 1], start=1):
        match = _CONDITIONAL.match(words)
        if match is None:
            continue
        word, label = match[1], f"#{match[1]} {' '.join(match[2].split())}".rstrip()
        if word.startswith("if"):
            stack.append((number, label))
        elif stack and word == "endif":
            stack.pop()
        elif stack:
            first, opener = stack[-1]
            stack[-1] = (first, f"{label} of {opener.rpartition(' of ')[2]}")
    return [pair for pair in stack if guard is None or pair[1] != f"#ifndef {guard[1]}"]


def _blocks(source: bytes, line: int) -> list[tuple[int, str]]:
    """Return the braces around ``line`` that have a name: where each begins, and its label."""
    text = source.split(b"\n")
    if not 0 < line <= len(text):
        return []
    row, column = line - 1, len(text[line - 1]) - len(text[line - 1].lstrip())
    node: Node | None = parsed(source).root_node.descendant_for_point_range((row, column), (row, column))
    found: list[tuple[int, str]] = []
    while node is not None:
        kind = _SCOPES.get(node.type)
        body = node.child_by_field_name("value" if kind == "initializer" else "body") if kind else None
        # The line that a function or a type begins on belongs to what is around it.
        if (
            body is not None
            and body.type != "compound_literal_expression"
            and node.start_point.row < row
            and body.start_point.row <= row <= body.end_point.row
        ):
            found.append((node.start_point.row + 1, f"{kind} {_title(node)}".rstrip()))
        node = node.parent
    return found


def definition_title(node: Node) -> str:
    """Return what a node at file scope defines, as a scope is called; "" if it is no function, type or
    table with a body and a name."""
    if node.type == "declaration":
        inner = next((n for n in node.children if n.type == "init_declarator"), None)
        value = inner.child_by_field_name("value") if inner is not None else None
        if inner is None or value is None or value.type != "initializer_list":
            return ""
        node = inner
    elif node.type == "type_definition":
        kind = node.child_by_field_name("type")
        named = node.child_by_field_name("declarator")
        has_body = kind is not None and kind.child_by_field_name("body") is not None
        return f"type {named.text.decode('latin-1')}" if has_body and named and named.text else ""
    elif node.type not in _SCOPES or node.child_by_field_name("body") is None:
        return ""
    title = _title(node)
    return f"{_SCOPES[node.type]} {title}" if title else ""


def _title(node: Node) -> str:
    """Return the name of a function, a type or a variable, "" if it has none."""
    named = node.child_by_field_name("name")
    inner = node.child_by_field_name("declarator")
    while inner is not None:
        named, inner = inner, inner.child_by_field_name("declarator")
    if named is None and node.parent is not None and node.parent.type == "type_definition":
        named = node.parent.child_by_field_name("declarator")
    return named.text.decode("latin-1") if named is not None and named.text else ""
