"""Texts that others wrote (subjects, log lines, reasons), made fit for a terminal and for Markdown."""

from __future__ import annotations

import re

LONGEST = 400
# Parentheses and ! mean something only beside brackets, which are escaped; # only where a line begins.
_MARKDOWN = re.compile(r"(\A#|[\\`*_\[\]|~<>&])")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def plain(text: str, longest: int = LONGEST) -> str:
    """Return ``text`` on one line, cut to ``longest`` signs, without anything that a terminal obeys:
    control characters, escape sequences' own sign, marks that turn the writing round, lone surrogates."""
    # Cut first: a line of megabytes is not worth walking through.
    cut = text[: longest + 1]
    signs = (c if c.isprintable() else " " if c in "\t\n\r " else _code(c) for c in cut)
    line = "".join(signs).strip()
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def markdown(text: str, longest: int = LONGEST) -> str:
    """Return ``plain(text)`` so that Markdown shows it as it is and no HTML gets through."""
    return _MARKDOWN.sub(lambda m: _ENTITIES.get(m[1]) or f"\\{m[1]}", plain(text, longest))


def _code(sign: str) -> str:
    return f"\\x{ord(sign):02x}" if ord(sign) < 0x100 else f"\\u{ord(sign):04x}"
