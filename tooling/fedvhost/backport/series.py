"""The commits of a series: upstream's author, date and words, and where they come from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fedvhost.backport.outcome import Note
from fedvhost.commits import encode
from fedvhost.values import Oid

_TRAILER = re.compile(rb"^[A-Za-z][A-Za-z0-9-]*: .|^\(cherry picked from commit ", re.MULTILINE)
# Where mailinfo takes the diff to begin, where mailsplit takes the next mail to begin, and what GNU patch
# takes for a diff, even indented.
_ENDS_MAIL = re.compile(
    rb"[ \tX]*(?:diff -|Index:|Prereq:|--- |\+\+\+ |\*\*\* |@@ -)|---\s*$|From .*\d\d:\d\d"
)
_HEADER = re.compile(rb"(?:From|Subject|Date):|\[PATCH\]\s", re.IGNORECASE)


def picked_message(message: bytes, pick: Oid, notes: Sequence[Note], encoding: bytes | None = None) -> bytes:
    """Return upstream's message with ``Conflicts:`` (what was done to which file) and the commit it is,
    in the message's own ``encoding`` (None: UTF-8).

    ``(cherry picked from commit …)`` is git's own line (``git cherry-pick -x``), ``Conflicts:`` its old
    heading; both go below the trailers that are there.
    """
    body = message.rstrip(b"\n")
    origin = b"(cherry picked from commit " + pick.encode() + b")"
    conflicts = (
        [b"Conflicts:", *(b"\t" + encode(note_text(note), encoding) for note in notes)] if notes else []
    )
    if not body.strip():  # upstream said nothing: where it is from becomes the subject
        return b"\n".join([origin, *([b"", *conflicts] if notes else [])]) + b"\n"
    last = body.rsplit(b"\n\n", 1)[-1]
    ends_in_trailers = b"\n\n" in body and all(_TRAILER.match(line) for line in last.split(b"\n"))
    gap = b"\n" if ends_in_trailers and not notes else b"\n\n"
    return body + gap + b"\n".join([*conflicts, origin]) + b"\n"


def mail_message(message: bytes, author: bytes) -> bytes:
    """Return a commit message as it survives being mailed: ``git am`` and ``patch`` read no line of it as
    the end of the message, as part of a diff, or as a header.

    Such lines get a ``>``, as mail programs do; a body that begins like a header gets one of its own
    before it, ``From:`` with the author (``Name <mail>``), which ``git am`` takes away again.
    """
    lines = message.lstrip(b"\n").split(b"\n")
    blank = next((i for i, line in enumerate(lines) if not line.strip()), len(lines))
    subject, body = lines[:blank], lines[blank:]
    body = [b">" + line if _ENDS_MAIL.match(line) else line for line in body]
    first = next((line for line in body if line.strip()), b"")
    if _HEADER.match(first):
        body = [b"", b"From: " + author, *body]
    kept = b"\n".join(subject + body)
    return kept if kept != message.lstrip(b"\n") else message


def note_text(note: Note) -> str:
    """Say what was done to a file beyond the plain merge."""
    done = {"insertion": "inserted ", "redundant": "left out: "}.get(note.rung, "") + note.how
    return f"{shown(note.path)}: {done}" if note.path else done


def shown(path: str) -> str:
    """Return a path as a text may show it: quoted, as git quotes, if it has more than printable signs."""
    if path.isprintable() and not path.startswith('"'):
        return path
    raw = path.encode("utf-8", "surrogateescape")
    signs = (chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in raw)
    return '"' + "".join(signs) + '"'


def file_slug(subject: str, most: int = 60) -> str:
    """Return a subject as part of a file name: lower case, words and dashes, cut between words."""
    words = re.findall(r"[a-z0-9_]+", subject.lower())
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word
        if len(longer) > most:
            break
        slug = longer
    return slug or (words[0][:most] if words else "patch")


def patch_names(subjects: Sequence[str]) -> tuple[str, ...]:
    """Return the file name of each patch of a series, numbered from 0001."""
    return tuple(f"{n:04d}-{file_slug(s)}.patch" for n, s in enumerate(subjects, 1))
