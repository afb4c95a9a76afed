"""A small git history in a folder of its own: every name, date and byte in it is said here or by the test."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from fedvhost.git.store import GitStore
from fedvhost.process import run
from fedvhost.values import Oid

# What a path becomes: text of a plain file, (mode, content) of another kind, None for nothing.
File = str | bytes | tuple[str, bytes | Oid] | None
START = 1265716800  # 2010-02-09 12:00 UTC

AUTHOR = "Ada Author <ada@example.org>"
COMMITTER = "Carl Committer <carl@example.org>"


def numbered(*, last: int = 20, **changed: str | None) -> str:
    """Return lines ``line 1`` to ``line <last>``; ``l5="five"`` changes one, None leaves it out."""
    lines = {f"l{n}": f"line {n}" for n in range(1, last + 1)} | changed
    return "".join(f"{line}\n" for line in lines.values() if line is not None)


class Repo:
    """A repository to commit to; ``tip`` is the last commit made, and the parent of the next."""

    def __init__(self, path: Path) -> None:
        self.path, self.tip, self._count = path, None, 0
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(path),
            "GIT_DIR": str(path / ".git"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_COMMITTER_NAME": "Carl Committer",
            "GIT_COMMITTER_EMAIL": "carl@example.org",
            "GIT_COMMITTER_DATE": f"{START} +0000",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }
        run(["git", "init", "-q", str(path)], env={k: v for k, v in self.env.items() if k != "GIT_DIR"})

    path: Path
    tip: Oid | None

    def git(self, *args: str, stdin: bytes = b"", ok: Sequence[int] = (0,)) -> str:
        """Run git here; returns what it wrote, without the last newline."""
        done = run(["git", *args], env=self.env, stdin=stdin, ok=ok)
        return done.stdout.decode(errors="surrogateescape").removesuffix("\n")

    def commit(
        self,
        message: str | bytes,
        files: Mapping[str, File] | None = None,
        *,
        onto: Oid | None = None,
        root: bool = False,
        merging: Sequence[Oid] = (),
        author: str | bytes = AUTHOR,
        encoding: str | None = None,
        **named: File,
    ) -> Oid:
        """Commit files, by path or by name (``f="text"``), on the tip, on ``onto`` or on nothing.

        Dates go up by a minute a commit, the committer's a second after the author's.
        """
        self._count += 1
        parent = None if root else onto or self.tip
        when = START + 60 * self._count
        lines = [
            f"commit refs/heads/c{self._count}".encode(),
            b"mark :1",
            b"author %s %d +0100" % (_bytes(author), when),
            b"committer %s %d +0000" % (COMMITTER.encode(), when + 1),
            *([f"encoding {encoding}".encode()] if encoding else []),
            _data(_bytes(message)),
            *([f"from {parent}".encode()] if parent else []),
            *(f"merge {oid}".encode() for oid in merging),
        ]
        for path, file in {**(files or {}), **named}.items():
            lines += _file(path, file)
        lines += [b"get-mark :1", b"done"]
        out = self.git("fast-import", "--quiet", "--done", "--cat-blob-fd=1", stdin=b"\n".join(lines) + b"\n")
        self.tip = Oid(out)
        return self.tip

    def store(self, name: str = "store.git") -> GitStore:
        """Open a store beside this repository that borrows its objects."""
        return GitStore.borrowing(self.path.parent / name, [self.path / ".git" / "objects"])

    def tree(self, commit: Oid) -> Oid:
        """Return the tree of a commit, as git sees it."""
        return Oid(self.git("rev-parse", f"{commit}^{{tree}}"))


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def _data(content: bytes) -> bytes:
    return b"data %d\n%s" % (len(content), content)


def _file(path: str, file: File) -> list[bytes]:
    raw = os.fsencode(path)
    quoted = b'"' + b"".join(b"\\%03o" % b for b in raw) + b'"'
    if file is None:
        return [b"D " + quoted]
    mode, content = file if isinstance(file, tuple) else ("100644", _bytes(file))
    if isinstance(content, Oid):
        return [f"M {mode} {content} ".encode() + quoted]
    return [f"M {mode} inline ".encode() + quoted, _data(content)]
