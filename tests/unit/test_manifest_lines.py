"""Where keys stand: every key that tomllib sees has its line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedvhost.backport.toml_lines import Key, key_lines, line_of, spell

WORKSPACE = Path(__file__).parents[2] / "backport"

TRICKY = '''\
top = """
[not.a.table]
key = 1
"""
dotted.a."b c" = 1   # [nor.this]
[[x]]
[[x.y]]
one = [ # comment
  { p.q = 1 },

  [ 2,
    3 ]]
[[x.y]]
[x.y.z]
'quoted "' = 1
[[x]]
"\\u0061" = 2
[dotted.c]
'''


def keys(value: object, key: Key = ()) -> Iterator[Key]:
    """Every key inside ``value``, as tomllib understood it."""
    inside: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    for name, item in inside:
        yield (*key, name)
        yield from keys(item, (*key, name))


def test_lines_of_every_form_a_key_can_have() -> None:
    lines = {spell(key): line for key, line in key_lines(TRICKY).items()}

    assert lines == {
        "top": 1,
        "dotted": 5,
        "dotted.a": 5,
        'dotted.a."b c"': 5,
        "x": 6,
        "x[0]": 6,
        "x[0].y": 7,
        "x[0].y[0]": 7,
        "x[0].y[0].one": 8,
        "x[0].y[0].one[0]": 9,
        "x[0].y[0].one[0].p": 9,
        "x[0].y[0].one[0].p.q": 9,
        "x[0].y[0].one[1]": 11,
        "x[0].y[0].one[1][0]": 11,
        "x[0].y[0].one[1][1]": 12,
        "x[0].y[1]": 13,
        "x[0].y[1].z": 14,
        r'x[0].y[1].z."quoted \""': 15,
        "x[1]": 16,
        "x[1].a": 17,
        "dotted.c": 18,
    }


@pytest.mark.parametrize(
    "text", [TRICKY, *(p.read_text() for p in WORKSPACE.glob("*/*.toml"))], ids=lambda text: text[:20]
)
def test_no_key_is_without_a_line(text: str) -> None:
    assert set(key_lines(text)) == set(keys(tomllib.loads(text)))


def test_a_key_that_is_not_there_stands_where_its_table_does() -> None:
    lines = key_lines(TRICKY)
    assert line_of(("x", 0, "y", 1, "missing"), lines) == 13
    assert line_of(("missing",), lines) == 1
