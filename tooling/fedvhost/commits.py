"""Commits and merges as values."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fedvhost.values import Oid

_BLANK_LINE = re.compile(r"\n[ \t\r\f\v]*\n")
_IDENT = re.compile(rb"(?P<who>.*) (?P<seconds>-?\d+) (?P<zone>[+-]\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit as it is stored. ``author`` and ``committer`` are git's raw ident lines
    (``Name <mail> seconds zone``); ``encoding`` is the header of that name, ``None`` for UTF-8."""

    oid: Oid
    tree: Oid
    parents: tuple[Oid, ...]
    author: bytes
    committer: bytes
    message: bytes
    encoding: bytes | None = None

    @property
    def text(self) -> str:
        """The message as text, whatever its encoding."""
        return decode(self.message, self.encoding)

    @property
    def subject(self) -> str:
        """The first paragraph on one line, as git shows it.

        It goes to terminals, into specs and plans: what a terminal would obey (sequences, titles, marks that
        turn the writing round) is spelt out. Who needs the words as they are has ``text``.
        """
        line = " ".join(_BLANK_LINE.split(self.text.strip(), maxsplit=1)[0].split())
        return line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)

    @property
    def author_name(self) -> str:
        """``Name <mail>`` of the author."""
        match = _IDENT.fullmatch(self.author)
        return decode(match["who"] if match else self.author, self.encoding)

    @property
    def committer_time(self) -> int:
        """The committer's date in seconds since 1970 (UTC)."""
        match = _IDENT.fullmatch(self.committer)
        return int(match["seconds"]) if match else 0


@dataclass(frozen=True, slots=True)
class Conflict:
    """A path that a merge could not settle: the blobs of the three sides (None: absent there)."""

    path: str
    base: Oid | None
    ours: Oid | None
    theirs: Oid | None


@dataclass(frozen=True, slots=True)
class Merge:
    """What ``git merge-tree`` made: a tree, with diff3 conflict markers where it could not settle, and
    the conflicts. ``complaints`` are what git calls a conflict beyond them (path, kind): some leave no
    conflicted path behind, so the tree alone looks like a clean one. ``ours`` and ``theirs`` are the
    commits whose names stand behind the markers."""

    tree: Oid
    conflicts: tuple[Conflict, ...]
    complaints: tuple[tuple[str, str], ...]
    ours: Oid
    theirs: Oid


def decode(text: bytes, encoding: bytes | None = None) -> str:
    """Decode commit text: its own encoding, then UTF-8, then Latin-1 (which takes anything)."""
    for name in (encoding.decode("ascii", "replace") if encoding else "utf-8", "utf-8"):
        try:
            return text.decode(name)
        except (ValueError, LookupError):  # undecodable; no such encoding, or a name that cannot be one
            continue
    return text.decode("latin-1")


def encode(text: str, encoding: bytes | None = None) -> bytes:
    """Encode text for a commit of this encoding; what it has no bytes for is escaped (``\\u2026``)."""
    try:
        return text.encode(encoding.decode("ascii", "replace") if encoding else "utf-8", "backslashreplace")
    except (ValueError, LookupError):
        return text.encode("utf-8", "backslashreplace")


def parse_commit(oid: Oid, raw: bytes) -> Commit:
    """Read a raw commit object."""
    head, _, message = raw.partition(b"\n\n")
    fields: dict[bytes, list[bytes]] = {}
    for line in head.split(b"\n"):
        if not line.startswith(b" "):  # a continuation belongs to gpgsig and the like
            key, _, value = line.partition(b" ")
            fields.setdefault(key, []).append(value)
    return Commit(
        oid,
        Oid(fields[b"tree"][0].decode()),
        tuple(Oid(p.decode()) for p in fields.get(b"parent", ())),
        fields[b"author"][0],
        fields[b"committer"][0],
        message,
        fields.get(b"encoding", [None])[0],
    )
