"""Evidence as the checklist reads it: a fact is there and of its type, or it is unknown. Never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from fedvhost.release.words import plain


@dataclass(frozen=True, slots=True)
class Said:
    """An object of somebody's JSON. Each question has an answer of the type it asks for, or None."""

    content: Mapping[str, Any] = field(default_factory=dict)

    def flag(self, key: str) -> bool | None:
        """True or false as it was said; anything else, 1 and "yes" too, is unknown."""
        value = self.content.get(key)
        return value if isinstance(value, bool) else None

    def text(self, key: str) -> str | None:
        """A text that is not empty."""
        value = self.content.get(key)
        return value if isinstance(value, str) and value else None

    def number(self, key: str) -> float | None:
        """A number."""
        value = self.content.get(key)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def at(self, key: str) -> Said | None:
        """An object."""
        value = self.content.get(key)
        return Said(value) if isinstance(value, dict) else None

    def each(self, key: str) -> tuple[Said, ...] | None:
        """A list of objects; None if it is no list, or one of its elements is something else."""
        value = self.content.get(key)
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            return None
        return tuple(Said(v) for v in value)

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts; None if it is no list, or one of its elements is something else."""
        value = self.content.get(key)
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            return None
        return tuple(value)

    def mapping(self, key: str) -> Mapping[str, str] | None:
        """An object whose values are texts."""
        value = self.content.get(key)
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            return None
        return value


class Standing(StrEnum):
    """Whether a piece of evidence can be believed today."""

    GOOD = "good"
    MISSING = "missing"
    STALE = "stale"
    SPOILED = "spoiled"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of evidence, or its absence. ``problem`` says why it is not believed; ``changed``: the inputs
    that are not any more what it was found on."""

    kind: str
    subject: str
    file: str
    standing: Standing = Standing.MISSING
    facts: Said = Said()
    inputs: Mapping[str, str] = field(default_factory=dict)
    made: str = ""
    changed: tuple[str, ...] = ()
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether its facts may be used."""
        return self.standing is Standing.GOOD

    @property
    def why_not(self) -> str:
        """Why its facts may not be used; empty if they may."""
        what = f"{self.kind} of {self.subject}" if self.subject else self.kind
        match self.standing:
            case Standing.GOOD:
                return ""
            case Standing.MISSING:
                return f"there is no evidence yet: {what}"
            case Standing.STALE:
                return f"stale: {self.problem}"
            case Standing.SPOILED:
                return f"'{self.file}' cannot be believed: {self.problem}"


def stale_because(changed: tuple[str, ...], made: str) -> str:
    """Say what became of the inputs of a piece of evidence made at ``made``."""
    names = ", ".join(plain(name, 120) for name in changed[:3])
    more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
    return f"changed since {plain(made, 30) or 'then'}: {names}{more}"
