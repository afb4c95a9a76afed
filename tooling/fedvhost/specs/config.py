"""Kernel configuration fragments (``config-generic`` and its kin): one option set, the rest untouched."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from fedvhost.errors import InputError
from fedvhost.specs.text import RawLine, join, splice, split, without

_OPTION = re.compile(r"CONFIG_[A-Za-z0-9_]+")
_SET = re.compile(r"(?P<name>CONFIG_[A-Za-z0-9_]+)=")
_UNSET = re.compile(r"# (?P<name>CONFIG_[A-Za-z0-9_]+) is not set\s*$")


def set_config(fragment: bytes, options: Mapping[str, str]) -> bytes:
    """Return the fragment with each option (``CONFIG_VHOST_NET``) set to its value.

    Values are ``y``, ``m``, a number or a quoted string as it stands in the file; ``n`` is written as
    kconfig does, ``# CONFIG_X is not set``. An option that is there keeps its place, and further
    mentions of it go; a new one is put beside its relatives (``CONFIG_VHOST…``), else where the
    alphabet wants it if the fragment is sorted, else at the end.

    Raises:
        InputError: not the name of an option, or a value of several lines.
    """
    lines = split(fragment)
    for name, value in sorted(options.items()):
        if not _OPTION.fullmatch(name):
            raise InputError(f"'{name}' is no kernel option; it should read CONFIG_…")
        if not value.strip() or "\n" in value or "\r" in value:
            raise InputError(f"{value!r} is no value for {name}; give y, m, n, a number or a quoted string")
        lines = _set(lines, name, f"# {name} is not set" if value == "n" else f"{name}={value}")
    return join(lines)


def _set(lines: tuple[RawLine, ...], name: str, text: str) -> tuple[RawLine, ...]:
    places = [index for index, line in enumerate(lines) if _name(line) == name]
    if not places:
        return splice(lines, _place(lines, name), [text])
    first = places[0]
    lines = (*lines[:first], RawLine(text, lines[first].ending), *lines[first + 1 :])
    return without(lines, frozenset(places[1:]))


def _name(line: RawLine) -> str | None:
    match = _SET.match(line.text) or _UNSET.match(line.text)
    return match["name"] if match else None


def _place(lines: Sequence[RawLine], name: str) -> int:
    """Return the index before which a new option goes."""
    there = [(found, index) for index, line in enumerate(lines) if (found := _name(line))]
    family = "_".join(name.split("_")[:2])
    relatives = [(n, index) for n, index in there if n == family or n.startswith(f"{family}_")]
    if relatives:
        before = [index for n, index in relatives if n < name]
        return max(before) + 1 if before else relatives[0][1]
    if len(there) > 1 and all(one[0] <= other[0] for one, other in pairwise(there)):
        return next((index for n, index in there if n > name), there[-1][1] + 1)
    # Behind the last line that says something: trailing blank lines stay trailing.
    return max((index for index, line in enumerate(lines) if line.text.strip()), default=-1) + 1
