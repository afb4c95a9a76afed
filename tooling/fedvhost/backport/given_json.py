"""JSON that fedvhost wrote and a person may have edited: each value is asked for with its type, and what is
wrong is told by file and key, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeVar

from fedvhost.errors import InputError
from fedvhost.values import Oid

E = TypeVar("E", bound=StrEnum)
_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "an object"),
)


@dataclass(frozen=True, slots=True)
class Given:
    """A value of a file, and its place: ``packages.kernel.entries[3].commit``. ``what`` the file should be,
    and the ``advice`` that ends each message."""

    value: Any
    file: str
    what: str
    advice: str
    key: str = ""

    @property
    def empty(self) -> bool:
        """Whether it is null."""
        return self.value is None

    def at(self, name: str) -> Given:
        """A value of an object, which must have it."""
        found = self._of(dict, "an object")
        if name not in found:
            raise self._inside(name, None).wrong("it is missing")
        return self._inside(name, found[name])

    def each(self) -> tuple[Given, ...]:
        """The values of a list."""
        found = enumerate(self._of(list, "a list"))
        return tuple(replace(self, value=v, key=f"{self.key}[{n}]") for n, v in found)

    def named(self) -> Mapping[str, Given]:
        """The values of an object, whatever their names."""
        return {name: self._inside(name, v) for name, v in self._of(dict, "an object").items()}

    def text(self) -> str:
        """A text."""
        return str(self._of(str, "a text"))

    def texts(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(one.text() for one in self.each())

    def number(self) -> int:
        """A whole number."""
        if isinstance(self.value, bool):
            raise self._other_than("a number")
        return int(self._of(int, "a number"))

    def flag(self) -> bool:
        """True or false."""
        return bool(self._of(bool, "true or false"))

    def oid(self) -> Oid:
        """The full name of a commit or a tree."""
        try:
            return Oid(self.text())
        except ValueError:
            raise self.wrong(
                f"'{self.text()}' is not the full name of a commit or tree , 40 digits"
            ) from None

    def word(self, words: type[E]) -> E:
        """One of the words of an enumeration."""
        try:
            return words(self.text())
        except ValueError:
            raise self.wrong(f"'{self.text()}' is none of: {', '.join(words)}") from None

    def wrong(self, what: str) -> InputError:
        """An error about this value."""
        said = what if self.key else f"not {self.what}: {what}"
        return InputError(said + self.advice, file=self.file, key=self.key or None)

    def _inside(self, name: str, value: Any) -> Given:
        return replace(self, value=value, key=f"{self.key}.{name}" if self.key else name)

    def _of(self, kind: type, what: str) -> Any:
        if not isinstance(self.value, kind):
            raise self._other_than(what)
        return self.value

    def _other_than(self, what: str) -> InputError:
        said = next((words for kind, words in _KINDS if isinstance(self.value, kind)), "nothing (null)")
        return self.wrong(f"{what} is expected here, not {said}")


def read_json(content: bytes, file: str, what: str, advice: str) -> Given:
    """Read a file; ``what`` it should be and the ``advice`` end up in messages.

    Raises:
        InputError: it is not JSON; says at which line.
    """
    try:
        return Given(json.loads(content.decode()), file, what, advice)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"not {what}: this line is not UTF-8 text{advice}", file=file, line=line) from None
    except json.JSONDecodeError as error:
        said = error.msg.removesuffix(" starting at")
        found = f"not {what}: this is not JSON ({said}, column {error.colno})"
        raise InputError(found + advice, file=file, line=error.lineno) from None
    except RecursionError:
        raise InputError(f"not {what}: it is nested too deeply{advice}", file=file) from None
