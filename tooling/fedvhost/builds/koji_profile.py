"""Profiles: which hub, and how one logs in there, from the files that koji's own client reads.

``/etc/koji.conf.d``, ``/etc/koji.conf``, ``~/.koji/config.d``, ``~/.koji/config``, later ones win. One
addition: ``user`` and ``password`` of a section, which koji's client takes from its command line only.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from fedvhost.errors import InputError, ToolError
from fedvhost.workspace import nearest

Way = Literal["ssl", "password", "kerberos"]
INSTALL = (
    "koji's client library is not installed; try: dnf install koji   "
    "(Debian: pip install 'fedvhost[koji]'; without Kerberos: pip install --no-deps koji, then "
    "pip install defusedxml python-dateutil requests six)"
)


@dataclass(frozen=True, slots=True)
class Profile:
    """A section of koji's configuration. ``options``: as koji reads them; ``timeout``: seconds of silence,
    None where nobody chose one; ``patience``: for how many seconds a hub is asked again."""

    name: str
    server: str
    options: Mapping[str, Any]
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: int | None = None

    @property
    def patience(self) -> float:
        """koji's own: so many times, each after so many seconds."""
        return float(self.options["max_retries"] * self.options["retry_interval"])

    @property
    def poll_interval(self) -> float:
        """Seconds between two looks at a build that runs for long."""
        return float(self.options["poll_interval"])

    def way(self) -> Way:
        """How the person logs in, chosen as koji's own client chooses.

        Raises:
            InputError: the profile forbids it, or names a way that koji does not have.
        """
        chosen = self.options.get("authtype")
        if chosen == "noauth":
            raise InputError(
                f"koji profile '{self.name}' says authtype = noauth: nobody builds without logging in"
            )
        if chosen == "ssl" or (chosen is None and os.path.isfile(self.options["cert"])):  # noqa: PTH113
            return "ssl"
        if chosen == "password" or (chosen is None and self.user):
            if not (self.user and self.password):
                raise InputError(
                    f"koji profile '{self.name}' says authtype = password and lacks user or password"
                )
            return "password"
        if chosen in (None, "kerberos", "gssapi"):
            return "kerberos"
        raise InputError(
            f"koji profile '{self.name}': authtype '{chosen}' is unknown; "
            + nearest(str(chosen), ["noauth", "ssl", "password", "kerberos"])
        )


def read_profile(name: str) -> Profile:
    """Return the profile ``name`` of koji's configuration.

    Raises:
        InputError: there is no such profile, or its section is wrong.
        ToolError: koji's library is not installed.
    """
    koji = library()
    places = ("/etc/koji.conf.d", "/etc/koji.conf", *map(_home, ("~/.koji/config.d", "~/.koji/config")))
    try:
        config = koji.read_config_files(list(places))
        if not config.has_section(name):
            raise InputError(
                f"no koji profile '{name}' in {', '.join(places)}; {nearest(name, config.sections())}"
            )
        options = koji.read_config(name)
    except koji.ConfigurationError as error:
        raise InputError(f"koji profile '{name}': {error}") from error
    except ValueError as error:  # a truth value that is none
        raise InputError(f"koji profile '{name}': {error}") from error
    timeout = options["timeout"]
    return Profile(
        name,
        options["server"],
        options,
        config.get(name, "user", fallback=""),
        config.get(name, "password", fallback=""),
        None if timeout == koji.DEFAULT_REQUEST_TIMEOUT else timeout,
    )


def has_own_profile() -> bool:
    """Whether the person set koji up in their home folder. The system's configuration does not count:
    Fedora's packages bring one, and nobody wants to build in Fedora for not having said where."""
    own = Path("~/.koji").expanduser()
    return (own / "config").is_file() or any(own.glob("config.d/*.conf"))


def library() -> Any:
    """Return koji's library, imported when first asked for: it takes a third of a second.

    Raises:
        ToolError: it is not installed.
    """
    try:
        return importlib.import_module("koji")
    except ImportError as error:
        raise ToolError(f"{INSTALL} [{error}]") from error


def _home(path: str) -> str:
    return os.fspath(Path(path).expanduser())
