"""The contingency: one flag, where it takes effect, what became of it, and whether it may be on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from fedvhost.backport.manifest import Feature, Mechanism, Release
from fedvhost.errors import InputError

ON, OFF = "on", "off"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the flag. ``asked``: who was asked before; ``exception``: the ticket that allowed it
    after the deadline; ``runs``: how many green smoke runs it rests on (0: on a person's word)."""

    at: str
    by: str
    was: str
    now: str
    because: str
    asked: tuple[str, ...] = ()
    exception: str = ""
    runs: int = 0


@dataclass(frozen=True, slots=True)
class Flag:
    """What ships: ``on`` or ``off``, and how it came to that. ``problem``: the history cannot be believed."""

    value: str
    history: tuple[Change, ...] = ()
    problem: str = ""

    @property
    def last(self) -> Change | None:
        """The change that made it what it is, if there was one."""
        return self.history[-1] if self.history else None

    @property
    def unexplained(self) -> bool:
        """Whether the manifest says something that the history does not: edited by hand."""
        return self.value != (self.history[-1].now if self.history else OFF)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A line that the flag renders into a file: which it is to be, and which is there (None: neither, or
    both)."""

    what: str
    package: str
    file: str
    on: str
    off: str
    found: str | None

    def wanted(self, value: str) -> str:
        """The line for a value of the flag."""
        return self.on if value == ON else self.off


def shipped(feature: Feature, release: Release) -> str:
    """What the release ships: what its manifest says, else the feature's own default."""
    return release.contingency.get(feature.name, feature.contingency.default)


def mechanism_lines(mechanism: Mechanism, feature: str, release: str) -> tuple[str, str]:
    """Render a mechanism's line for on and for off.

    Raises:
        InputError: the template is none, or gives the same line for both.
    """
    assert mechanism.line is not None
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    where = f"contingency mechanism '{mechanism.what}' of feature '{feature}'"
    try:
        template = environment.from_string(mechanism.line)
        on, off = (
            template.render(on=value, feature=feature, release=release).strip() for value in (True, False)
        )
    except TemplateError as error:
        raise InputError(f"{where}: its line is no jinja2 template: {error}") from error
    if on == off or not on or not off or "\n" in on + off:
        raise InputError(f"{where}: its line must be one line, and differ between on and off")
    return on, off


def found_in(lines: Sequence[str], on: str, off: str) -> str | None:
    """Which of the two lines is in a file, exactly once and without the other; else None."""
    stripped = [line.strip() for line in lines]
    counts = stripped.count(on), stripped.count(off)
    return {(1, 0): ON, (0, 1): OFF}.get(counts)


def rewritten(content: bytes, rendered: Rendered, value: str) -> bytes:
    """Return a file with the mechanism's line as the flag wants it; every other byte stays.

    Raises:
        InputError: the file has neither line, or not exactly one.
    """
    both = {rendered.on.encode(), rendered.off.encode()}
    lines = content.split(b"\n")
    places = [i for i, line in enumerate(lines) if line.strip() in both]
    if len(places) != 1:
        raise InputError(
            f"{'more than one' if places else 'none'} of its lines is '{rendered.on}' or '{rendered.off}'; "
            f"write one of them where the flag takes effect ({rendered.what})",
            file=rendered.file,
        )
    line = lines[places[0]]
    start = line.index(line.strip())
    new = line[:start] + rendered.wanted(value).encode() + line[start + len(line.strip()) :]
    return b"\n".join([*lines[: places[0]], new, *lines[places[0] + 1 :]])


def with_flag(text: str, feature: str, value: str) -> str:
    """Return a release manifest with ``[contingency] <feature>`` set; comments and order stay.

    Raises:
        InputError: it is no TOML.
    """
    import tomlkit  # noqa: PLC0415  20 ms, for who changes the flag
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415
    from tomlkit.items import Table  # noqa: PLC0415

    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise InputError(f"not TOML: {error}") from error
    table = document.get("contingency")
    if not isinstance(table, Table):
        table = tomlkit.table()
        document["contingency"] = table
    table[feature] = value
    return tomlkit.dumps(document)


def change_object(change: Change) -> dict[str, object]:
    """Return a change as JSON's types."""
    return {
        "at": change.at, "by": change.by, "was": change.was, "now": change.now, "because": change.because,
        "asked": list(change.asked), "exception": change.exception, "runs": change.runs,
    }  # fmt: skip


def read_change(raw: Mapping[str, object]) -> Change:
    """Read a change back.

    Raises:
        KeyError, TypeError: it is none.
    """
    asked, runs = raw["asked"], raw["runs"]
    if not isinstance(asked, list) or not isinstance(runs, int):
        raise TypeError("asked is no list, or runs no number")
    texts = {k: str(raw[k]) for k in ("at", "by", "was", "now", "because", "exception")}
    return Change(**texts, asked=tuple(str(a) for a in asked), runs=runs)
