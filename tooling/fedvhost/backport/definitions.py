"""A C file as its definitions: functions, types and tables by their names, and the lines between them.

Two versions of a file that diverged are hard to align line by line: functions look like one another, and
whole ones come, go and move. By name there is nothing to guess. In the *outline* of a file each definition
is one line, so that outlines merge like any text; then each definition is merged with its own namesakes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tree_sitter import Node

from fedvhost.backport.csource import definition_title, parsed
from fedvhost.backport.diff3 import Lines, split_lines

# Nodes whose children are at file scope as well.
_TRANSPARENT = frozenset(
    (
        "preproc_if",
        "preproc_ifdef",
        "preproc_else",
        "preproc_elif",
        "linkage_specification",
        "declaration_list",
    )
)


@dataclass(frozen=True, slots=True)
class Outline:
    """A file whose definitions are one line each (``lines``); ``bodies``: that line → what it stands for,
    the comment right before it included; ``starts``: the index in the file of each line."""

    lines: Lines
    bodies: Mapping[bytes, Lines]
    starts: tuple[int, ...]


def outline(source: bytes) -> Outline:
    """Return the outline of a C source. Definitions of the same name are told apart by their order."""
    text = split_lines(source)
    lines: list[bytes] = []
    starts: list[int] = []
    bodies: dict[bytes, Lines] = {}
    seen: Counter[str] = Counter()
    done = 0
    for span, title in _definitions(source, text):
        if span.start < done:
            continue
        starts += range(done, span.start)
        lines += text[done : span.start]
        seen[title] += 1
        # No line of C begins so. (NUL would make git take an outline for binary.)
        name = f"\1{title} {seen[title]}\n".encode("latin-1")
        bodies[name] = text[span.start : span.stop]
        lines.append(name)
        starts.append(span.start)
        done = span.stop
    starts += range(done, len(text))
    lines += text[done:]
    return Outline(tuple(lines), bodies, tuple(starts))


def told_apart(outlines: Sequence[Outline]) -> bool:
    """Tell whether a definition of several has the same namesakes in all outlines: else which is which is
    not known."""
    titles = [Counter(name.rpartition(b" ")[0] for name in o.bodies) for o in outlines]
    several = {title for count in titles for title, times in count.items() if times > 1}
    return all(len({count[title] for count in titles}) == 1 for title in several)


def _definitions(source: bytes, text: Lines) -> Iterator[tuple[range, str]]:
    """Yield the lines of each definition that has them for itself, in order, and what it is called."""
    comment: Node | None = None
    for node in _at_file_scope(parsed(source).root_node):
        if node.type == "comment":
            comment = node
            continue
        title = definition_title(node)
        rows = range(node.start_point.row, node.end_point.row + 1)
        # A definition ends with a brace that begins a line, whatever the parser makes of macros in it.
        if title and len(rows) > 1 and rows.stop <= len(text) and text[rows.stop - 1].startswith(b"}"):
            start = rows.start
            if comment is not None and 0 <= rows.start - comment.end_point.row - 1 <= 1:
                start = comment.start_point.row
            yield range(start, rows.stop), title
        comment = None


def _at_file_scope(node: Node) -> Iterator[Node]:
    for child in node.children:
        if child.type in _TRANSPARENT:
            yield from _at_file_scope(child)
        else:
            yield child
