"""The sample's files as they ship: ``data/<part>/…``, one file for each file that is written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

_DATA = files(__package__) / "data"


@cache
def folder(part: str) -> dict[str, str]:
    """Return every file below ``data/<part>``, by its path there."""
    return dict(sorted(_below(_DATA.joinpath(*part.split("/")), "")))


def text(part: str, path: str) -> str:
    """Return one file of ``data/<part>``."""
    return folder(part)[path]


def _below(at: Traversable, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in at.iterdir():
        if entry.is_dir():
            yield from _below(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_bytes().decode()
