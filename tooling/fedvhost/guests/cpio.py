"""Initial RAM file systems: the ``newc`` archives that a kernel unpacks.

Written here and not by the ``cpio`` program, which packs what is in a folder: that would need root for
device nodes, a copy of every file, and its output would carry time stamps. Equal entries give equal bytes.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_TRAILER = "TRAILER!!!"
_ALIGNMENT = 4
# The kernel goes on after the trailer at the next header; archives are padded so that any may follow.
BLOCK = 512


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in an archive. ``path`` has no leading slash; ``content`` is the file's bytes, where to read
    them, or the target of a link; ``device`` is (major, minor)."""

    path: str
    mode: int
    content: bytes | Path = b""
    device: tuple[int, int] = (0, 0)

    def read(self) -> bytes:
        """The bytes that belong into the archive."""
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content


def file(path: str, content: bytes | Path, *, executable: bool = False) -> Entry:
    """A regular file."""
    return Entry(path.lstrip("/"), stat.S_IFREG | (0o755 if executable else 0o644), content)


def link(path: str, target: str) -> Entry:
    """A symbolic link."""
    return Entry(path.lstrip("/"), stat.S_IFLNK | 0o777, target.encode())


def folder(path: str) -> Entry:
    """A folder; those above a file need not be given."""
    return Entry(path.strip("/"), stat.S_IFDIR | 0o755)


def character(path: str, major: int, minor: int) -> Entry:
    """A character device."""
    return Entry(path.lstrip("/"), stat.S_IFCHR | 0o600, device=(major, minor))


def write(entries: Iterable[Entry], out: IO[bytes]) -> int:
    """Write an archive of ``entries`` and the folders they are in; return how many bytes.

    Of two entries with one path the later counts, as it does in the kernel.
    """
    last = {e.path: e for e in entries}
    above = {str(p): folder(str(p)) for path in last for p in Path(path).parents if str(p) != "."}
    written = 0
    for number, (_, entry) in enumerate(sorted({**above, **last}.items()), start=1):
        written += _put(out, entry, number)
    written += _put(out, Entry(_TRAILER, 0), 0)
    padding = -written % BLOCK
    out.write(b"\0" * padding)
    return written + padding


def _put(out: IO[bytes], entry: Entry, number: int) -> int:
    content, name = entry.read(), entry.path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    major, minor = entry.device
    # inode, mode, uid, gid, links, time, size, device of the file system, of the node, name's length, sum
    fields = (number, entry.mode, 0, 0, links, 0, len(content), 0, 0, major, minor, len(name), 0)
    header = b"070701" + b"".join(b"%08x" % f for f in fields)
    head = header + name
    head += b"\0" * (-len(head) % _ALIGNMENT)
    body = content + b"\0" * (-len(content) % _ALIGNMENT)
    out.write(head)
    out.write(body)
    return len(head) + len(body)
