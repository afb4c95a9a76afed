"""``fedvhost.toml``, a workspace's, and ``config.toml``, a person's: where the histories are.

::

    resolver = "./settle --quick"   # a workspace's only: asked about a conflict that nothing else settles
    resolver-timeout = 300          # seconds

    [upstreams]
    kernel = "~/src/linux"          # relative to the folder of the file
    qemu-kvm = "../qemu-kvm.git"
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from fedvhost.errors import InputError
from fedvhost.workspace import CONFIG, nearest, read_text

# A resolver that takes longer than this has no answer.
TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class Resolver:
    """A command that is asked about a conflict before a plan stops; it runs in ``folder``, for at most
    ``timeout`` seconds."""

    argv: tuple[str, ...]
    folder: Path
    timeout: float = TIMEOUT


def user_config_file() -> Path:
    """The person's own configuration; it need not exist."""
    return platformdirs.user_config_path("fedvhost") / "config.toml"


def configured_upstreams(file: Path) -> Mapping[str, Path]:
    """Return what ``file`` says about upstreams: name → absolute path. A file that is not there says nothing.

    Raises:
        InputError: the file is no TOML, has an unknown key or a value that is no path; names the line.
    """
    try:
        text = read_text(file)
    except FileNotFoundError:
        return {}
    return parse_config(text, file)


def parse_config(text: str, file: Path) -> Mapping[str, Path]:
    """Read what the text of a configuration file says of histories; paths are taken relative to the
    folder of ``file``."""
    tables = _tables(text, file)
    upstreams = tables.get("upstreams", {})
    if not isinstance(upstreams, dict):
        raise InputError(
            'must be a table: [upstreams], then NAME = "PATH"',
            file=file,
            key="upstreams",
            line=_line(text, "upstreams"),
        )
    found: dict[str, Path] = {}
    for name, path in upstreams.items():
        if not isinstance(path, str) or not path:
            raise InputError(
                "must be the path of a git repository, in quotes",
                file=file,
                key=f"upstreams.{name}",
                line=_line(text, name),
            )
        found[name] = (file.parent / Path(path).expanduser()).resolve()
    return found


def configured_resolver(file: Path) -> Resolver | None:
    """Return the resolver that a workspace's ``file`` names, None if it names none.

    Raises:
        InputError: the file is no TOML, or what it says of the resolver is no command or no time.
    """
    try:
        text = read_text(file)
    except FileNotFoundError:
        return None
    tables = _tables(text, file)
    command, timeout = tables.get("resolver"), tables.get("resolver-timeout", TIMEOUT)

    def wrong(what: str, key: str) -> InputError:
        return InputError(what, file=file, key=key, line=_line(text, key))

    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < 1e6:
        raise wrong("must be a number of seconds", "resolver-timeout")
    if command is None:
        return None
    try:
        argv = tuple(shlex.split(command)) if isinstance(command, str) else ()
    except ValueError as error:
        raise wrong(f"not a command: {error}", "resolver") from error
    if not argv:
        raise wrong("must be a command, in quotes", "resolver")
    return Resolver(argv, file.parent.resolve(), float(timeout))


def _tables(text: str, file: Path) -> Mapping[str, Any]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+)", str(error))
        raise InputError(f"not TOML: {error}", file=file, line=int(at[1]) if at else None) from error
    known = ["upstreams", "resolver", "resolver-timeout"]
    for key in tables:
        if key not in known:
            raise InputError(f"unknown key; {nearest(key, known)}", file=file, key=key, line=_line(text, key))
        if key != "upstreams" and file.name != CONFIG:
            raise InputError(
                f"belongs into a workspace's '{CONFIG}': what settles a conflict must be the same for all",
                file=file, key=key, line=_line(text, key),
            )  # fmt: skip
    return tables


def _line(text: str, key: str) -> int | None:
    """The first line that sets ``key`` or opens a table of that name, from 1."""
    sets = re.compile(rf"""\s*(\[+\s*)?(\w+\.)*["']?{re.escape(key)}["']?\s*[=.\]]""")
    return next((n for n, line in enumerate(text.splitlines(), 1) if sets.match(line)), None)
