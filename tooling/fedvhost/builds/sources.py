"""The file ``sources`` of a package: archives that are kept elsewhere, by name and SHA-512.

::

    SHA512 (linux-2.6.33.tar.bz2) = 0123…

As Fedora's package repositories have it. What is downloaded is believed only with that checksum, and kept
in ``.fedvhost/sources/`` under it, so it is downloaded once.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fedvhost.errors import InputError, ToolError
from fedvhost.workspace import Workspace, read_text, telling_of

TIMEOUT = 60.0  # seconds without a byte
LOOKASIDE_VARIABLE = "FEDVHOST_LOOKASIDE"

_LINE = re.compile(r"SHA512 \((?P<name>[^/()]+)\) = (?P<sha512>[0-9a-f]{128})")
_OLD = re.compile(r"(?P<md5>[0-9a-f]{32})\s+\S+")
_CHUNK = 1 << 20

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of ``sources``."""

    name: str
    sha512: str


def parse_sources(text: str, file: str) -> Mapping[str, Listed]:
    """Read the text of ``sources``; empty lines and lines that begin with # say nothing.

    Raises:
        InputError: a line has another form, or a name is there twice; names the line.
    """
    found: dict[str, Listed] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or match["name"] in (".", ".."):
            what = "must be: SHA512 (NAME) = 128 hexadecimal digits"
            if _OLD.fullmatch(line):
                what = "is an MD5 line of the old form, and MD5 proves nothing any more; " + what
            raise InputError(what, file=file, line=number)
        if match["name"] in found:
            raise InputError(f"'{match['name']}' is listed twice", file=file, line=number)
        found[match["name"]] = Listed(match["name"], match["sha512"])
    return found


def read_sources(folder: Path) -> Mapping[str, Listed]:
    """Return what ``sources`` in ``folder`` lists; nothing if there is no such file."""
    file = folder / "sources"
    return parse_sources(read_text(file), str(file)) if file.is_file() else {}


def addresses(listed: Listed, package: str, url: str | None, lookaside: str | None) -> tuple[str, ...]:
    """Return where an archive can be had: the lookaside cache first (its paths hold the checksum), then the
    address that the spec gives it. Only http and https."""
    found = []
    if lookaside:
        name = urllib.parse.quote(listed.name)
        found.append(f"{lookaside.rstrip('/')}/{package}/{name}/sha512/{listed.sha512}/{name}")
    if url:
        found.append(url)
    return tuple(a for a in found if urllib.parse.urlsplit(a).scheme in ("http", "https"))


def obtain(
    workspace: Workspace,
    listed: Listed,
    where: tuple[str, ...],
    progress: Progress = lambda what, done, total: None,
) -> Path:
    """Return the file that a line of ``sources`` means, downloaded if it is not here yet.

    ``progress``: what is on its way, bytes so far, bytes in all (0: nobody knows).

    Raises:
        InputError: nobody says where it is.
        ToolError: no address has it, or what they have is not it.
    """
    kept = workspace.state_dir / "sources" / listed.sha512 / listed.name
    # Looked at again each time: what lies on a disk for years is not always what was put there.
    if kept.is_file() and _sha512(kept) == listed.sha512:
        return kept
    if not where:
        raise InputError(
            f"'{listed.name}' is listed in 'sources', and nothing says where it is: give the spec its whole "
            f"address (Source0: https://…), or name a lookaside cache in {LOOKASIDE_VARIABLE}"
        )
    troubles = []
    for address in where:
        try:
            _download(address, listed, kept, progress)
        except _NotIt as error:
            troubles.append(f"{address}: {error}")
        else:
            return kept
    raise ToolError(
        f"cannot get '{listed.name}': {'; '.join(troubles)}. If you have it, put it at '{kept}' "
        f"or beside the spec"
    )


class _NotIt(Exception):
    """What came from an address is not what is wanted."""


def _download(address: str, listed: Listed, target: Path, progress: Progress) -> None:
    part = target.with_name(f".{listed.name}.part")
    digest = hashlib.sha512()
    request = urllib.request.Request(address, headers={"User-Agent": "fedvhost"})
    try:
        with telling_of(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer, part.open("wb") as file:
            total, done = int(answer.headers.get("Content-Length") or 0), 0
            while chunk := answer.read(_CHUNK):
                with telling_of(target):
                    file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                progress(f"downloading {listed.name}", done, total)
        if total and done != total:
            raise _NotIt(f"the connection ended after {done} of {total} bytes")
        if digest.hexdigest() != listed.sha512:
            raise _NotIt(
                f"what is there ({done} bytes) has another SHA-512 than 'sources' says: "
                f"{digest.hexdigest()[:16]}… instead of {listed.sha512[:16]}…"
            )
        with telling_of(target):
            part.replace(target)
    except urllib.error.HTTPError as error:
        raise _NotIt(f"HTTP {error.code} {error.reason}") from error
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise _NotIt(str(getattr(error, "reason", error) or error)) from error
    finally:
        part.unlink(missing_ok=True)


def _sha512(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha512").hexdigest()
