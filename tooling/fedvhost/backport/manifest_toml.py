"""The manifests as people write them: TOML in, values out, and every mistake named with its line.

A key is the field's name with ``-`` for ``_``; what the fields mean stands in ``manifest``. The shape is
read from the dataclasses themselves, so a new field needs no change here; what a text may say is in
``manifest_rules``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import PurePath
from types import UnionType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from fedvhost.backport.manifest import Feature, Release
from fedvhost.backport.manifest_rules import broken_rules, shown, text_problem
from fedvhost.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from fedvhost.backport.toml_lines import Key

R = TypeVar("R", bound="DataclassInstance")

_AT = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")
_KINDS: Mapping[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    list: "an array",
    dict: "a table",
}


class Problem(NamedTuple):
    """Something wrong at a key. ``key`` may name one that is not there: its table's line is shown."""

    key: Key
    message: str


def read_feature(text: str, file: str) -> Feature:
    """Read a feature manifest; ``file`` is its path, for messages, and its stem the feature's name.

    Raises:
        InputError: naming file, line and key; with several problems, one a line.
    """
    table, stem = _parse(text, file), PurePath(file).stem
    problems: list[Problem] = []
    feature = _record(Feature, table, (), problems, {})
    name = table.get("name")
    if isinstance(name, str) and name.strip() and name != stem:
        problems.append(Problem(("name",), f"'{shown(name)}' differs from the file's name, '{stem}'"))
    if feature is None or problems:
        raise _refusal(problems, text, file)
    return feature


def read_release(text: str, file: str) -> Release:
    """Read a release manifest; ``file`` is its path, for messages, and its stem the release's name.

    Raises:
        InputError: naming file, line and key; with several problems, one a line.
    """
    table, stem = _parse(text, file), PurePath(file).stem
    if message := text_problem(Release, "name", stem):
        raise InputError(f"the file's own name {message}", file=file)
    problems: list[Problem] = []
    release = _record(Release, table, (), problems, {"name": stem})
    if release is None or problems:
        raise _refusal(problems, text, file)
    return release


def read_record(cls: type[R], text: str, file: str, given: Mapping[str, str]) -> R:
    """Read another TOML file that people write as the dataclass ``cls``; fields in ``given`` are no keys
    but have that value.

    Raises:
        InputError: naming file, line and key; with several problems, one a line.
    """
    table = _parse(text, file)
    problems: list[Problem] = []
    value = _record(cls, table, (), problems, given)
    if value is None or problems:
        raise _refusal(problems, text, file)
    return value


def check_together(feature: Feature, release: Release) -> tuple[str, ...]:
    """Return the packages of ``release`` that ``feature`` lands in, in the release's order.

    Raises:
        InputError: the release does not have a package of the feature, or has no configuration file
            for the options that the feature sets there.
    """
    file = f"backport/releases/{release.name}.toml"
    wrong = [
        f"packages.{name}: is missing; feature '{feature.name}' lands in this package"
        for name in feature.packages
        if name not in release.packages
    ]
    wrong += [
        f"packages.{name}.config-file: is missing; feature '{feature.name}' sets {', '.join(part.config)}"
        for name, part in feature.packages.items()
        if part.config and name in release.packages and release.packages[name].config_file is None
    ]
    if wrong:
        raise InputError(f"\n{file}: ".join(wrong), file=file)
    return tuple(name for name in release.packages if name in feature.packages)


def _parse(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError("nested too deeply to be a manifest", file=file) from None
    except ValueError as error:  # tomllib's own, and int()'s about a number of thousands of digits
        message = str(error)
        found = _AT.search(message)
        if found is None:
            raise InputError(message, file=file) from None
        line = int(found["line"]) if found["line"] else text.count("\n", 0, len(text.rstrip())) + 1
        raise InputError(f"not TOML: {message[: found.start()]}", file=file, line=line) from None


def _refusal(problems: Iterable[Problem], text: str, file: str) -> InputError:
    """Make one error of all ``problems``, in the order of their lines."""
    # Positions need a second parser, 25 ms to import: only who made a mistake waits for it.
    from fedvhost.backport.toml_lines import key_lines, line_of, spell  # noqa: PLC0415

    lines = key_lines(text)
    found = sorted(((line_of(p.key, lines), spell(p.key), p.message) for p in problems), key=lambda f: f[0])
    (line, key, message), *more = found
    rest = "".join(f"\n{file}:{at}: {name}: {what}" for at, name, what in more)
    return InputError(message + rest, file=file, key=key, line=line)


# -- values after the dataclasses' own type hints ---------------------------------------------------------


def _record(
    cls: type[R], table: object, key: Key, problems: list[Problem], given: Mapping[str, str]
) -> R | None:
    """Read a table as the dataclass ``cls``, or add to ``problems``; fields in ``given`` are no keys but
    have that value. None if no value can be made."""
    if not isinstance(table, dict):
        problems.append(Problem(key, _not_a("a table", table)))
        return None
    before, hints = len(problems), get_type_hints(cls)
    known = {f.name.replace("_", "-"): f for f in fields(cls) if f.name not in given}
    problems += [Problem((*key, k), _unknown(k, known)) for k in table if k not in known]
    values: dict[str, Any] = dict(given)
    for name, field in known.items():
        if name in table:
            values[field.name] = _value(hints[field.name], table[name], (*key, name), problems)
            problems += _texts(cls, field.name, table[name], (*key, name))
        elif field.default is MISSING and field.default_factory is MISSING:
            problems.append(Problem((*key, name), "is missing"))
    if len(problems) > before:
        return None
    value = cls(**values)
    problems += [Problem((*key, *at), message) for at, message in broken_rules(value)]
    return value


def _value(hint: Any, value: object, key: Key, problems: list[Problem]) -> Any:
    """Read ``value`` as the type ``hint`` says: one of the few forms that the manifests use."""
    if isinstance(hint, UnionType):  # X | None; TOML has no null, so it is X
        hint = next(h for h in get_args(hint) if h is not type(None))
    if isinstance(hint, type) and is_dataclass(hint):
        return _record(hint, value, key, problems, {})
    origin, args = get_origin(hint), get_args(hint)
    if origin is tuple:
        if not isinstance(value, list):
            problems.append(Problem(key, _not_a("an array", value)))
            return None
        return tuple(_value(args[0], v, (*key, i), problems) for i, v in enumerate(value))
    if origin is not None:  # Mapping[str, X]
        if not isinstance(value, dict):
            problems.append(Problem(key, _not_a("a table", value)))
            return None
        return {name: _value(args[1], v, (*key, name), problems) for name, v in value.items()}
    if type(value) is not hint:
        problems.append(Problem(key, _not_a(_KINDS[hint], value)))
        return None
    return value


def _texts(cls: type, name: str, value: object, key: Key) -> list[Problem]:
    """Check the texts in a field: itself, or those of its array or its table (names too)."""
    if isinstance(value, str):
        message = text_problem(cls, name, value)
        return [Problem(key, message)] if message else []
    found: list[Problem] = []
    if isinstance(value, list):
        for i, item in enumerate(value):
            found += _texts(cls, name, item, (*key, i)) if isinstance(item, str) else []
    elif isinstance(value, dict):
        for item_name, item in value.items():
            message = text_problem(cls, f"{name}/key", item_name)
            found += [Problem((*key, item_name), message)] if message else []
            found += _texts(cls, name, item, (*key, item_name)) if isinstance(item, str) else []
    return found


def _not_a(wanted: str, value: object) -> str:
    kind = "a boolean" if isinstance(value, bool) else _KINDS.get(type(value), "a date or time")
    quote = "; write it in quotes" if wanted == "a string" and not isinstance(value, (list, dict)) else ""
    return f"should be {wanted}, not {kind}{quote}"


def _unknown(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for who made a mistake

    near = get_close_matches(name, known, n=1)
    return (
        f"unknown key; did you mean '{near[0]}'?" if near else f"unknown key; known here: {', '.join(known)}"
    )
