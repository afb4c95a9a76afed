"""Texts that others wrote (subjects, log lines, diffs), made fit to be shown on a page.

Escaping for HTML is the template's; here goes what no page should contain at all: control characters and
terminal sequences, marks that turn the writing round, lone surrogates, lines of megabytes.
"""

from __future__ import annotations

import re

LONGEST = 600
# ECMA-48: colours, cursor, titles. They say nothing on a page.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|[@-Z\\^_])")


def plain(text: str, longest: int = LONGEST) -> str:
    """Return a line (or lines: newlines and tabs stay) without what does not belong on a page.

    Each line is cut to ``longest`` signs; how many it had is said.
    """
    if len(text) <= longest and text.isascii() and text.isprintable():
        return text
    return "\n".join(_line(line, longest) for line in text.split("\n"))


def _line(line: str, longest: int) -> str:
    size = len(line)
    # Cut before looking: a line of megabytes is not worth walking through.
    line = _SEQUENCE.sub("", line[: longest * 4].removesuffix("\r"))
    shown = "".join(c if c.isprintable() or c == "\t" else _code(c) for c in line[:longest])
    if size > longest * 4 or len(line) > longest:
        return f"{shown}… ({size:,} signs)"
    return shown


def _code(sign: str) -> str:
    if sign in "\r\u00a0\u2028\u2029":
        return " "
    number = ord(sign)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
