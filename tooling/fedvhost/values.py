"""Types for strings that look alike, checked once at the edge and trusted afterwards."""

from __future__ import annotations

import re
from typing import Self

_HEX40 = re.compile(r"[0-9a-f]{40}")


class Oid(str):
    """A full git object name: 40 lower-case hexadecimal digits."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        if not _HEX40.fullmatch(text):
            raise ValueError(f"not a full object name: {text!r}")
        return super().__new__(cls, text)

    @property
    def short(self) -> str:
        """The first twelve digits, as the kernel abbreviates."""
        return self[:12]
