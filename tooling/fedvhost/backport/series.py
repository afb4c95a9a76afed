"""The commits of a series: upstream's author, date and words, and where they come from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fedvhost.backport.landing import Note
from fedvhost.values import Oid

_TRAILER = re.compile(rb"^[A-Za-z][A-Za-z0-9-]*: .|^\(cherry picked from commit ", re.MULTILINE)


def picked_message(message: bytes, pick: Oid, notes: Sequence[Note]) -> bytes:
    """Return upstream's message with ``Conflicts:`` (what was done to which file) and the commit it is.

    ``(cherry picked from commit …)`` is git's own line (``git cherry-pick -x``), ``Conflicts:`` its old
    heading; both go below the trailers that are there.
    """
    body = message.rstrip(b"\n")
    lines: list[bytes] = []
    if notes:
        lines.append(b"Conflicts:")
        lines += [b"\t" + note_text(note).encode() for note in notes]
    lines.append(b"(cherry picked from commit " + pick.encode() + b")")
    last = body.rsplit(b"\n\n", 1)[-1]
    ends_in_trailers = b"\n\n" in body and all(_TRAILER.match(line) for line in last.split(b"\n"))
    gap = b"\n" if ends_in_trailers and not notes else b"\n\n"
    return body + gap + b"\n".join(lines) + b"\n"


def note_text(note: Note) -> str:
    """Say what was done to a file beyond the plain merge."""
    done = {"insertion": "inserted ", "redundant": "left out: "}.get(note.rung, "") + note.how
    return f"{note.path}: {done}" if note.path else done


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
