"""``fedvhost.toml``, a workspace's, and ``config.toml``, a person's: where the histories are.

::

    [upstreams]
    kernel = "~/src/linux"          # relative to the folder of the file
    qemu-kvm = "../qemu-kvm.git"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from fedvhost.errors import InputError
from fedvhost.workspace import nearest, read_text


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
    """Read the text of a configuration file; paths are taken relative to the folder of ``file``."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+)", str(error))
        raise InputError(f"not TOML: {error}", file=file, line=int(at[1]) if at else None) from error
    for key in tables:
        if key != "upstreams":
            raise InputError(
                f"unknown key; {nearest(key, ['upstreams'])}", file=file, key=key, line=_line(text, key)
            )
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


def _line(text: str, key: str) -> int | None:
    """The first line that sets ``key`` or opens a table of that name, from 1."""
    sets = re.compile(rf"""\s*(\[+\s*)?(\w+\.)*["']?{re.escape(key)}["']?\s*[=.\]]""")
    return next((n for n, line in enumerate(text.splitlines(), 1) if sets.match(line)), None)
