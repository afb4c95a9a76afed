"""Commits taken through the mail: exported, read by ``git am`` and by fedvhost, and exported once more."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.git.store import GitStore
from fedvhost.process import run
from fedvhost.values import Oid


@dataclass(frozen=True, slots=True)
class Said:
    """What a commit says, decoded by git: author, the author's date, message (without its last newlines)
    and tree."""

    author: str
    date: str
    message: str
    tree: str


def said(store: GitStore, commit: Oid) -> Said:
    """Ask git what a commit says."""
    out = store.git(
        "log", "-1", "--encoding=UTF-8", "--format=%an <%ae>%x00%ad%x00%T%x00%B", "--date=raw", commit
    )
    author, date, tree, message = out.stdout.decode(errors="surrogateescape").split("\0", 3)
    return Said(author, date, message.rstrip("\n"), tree)


class Mailbox:
    """A clone, shared and without a checkout of its own, in which ``git am`` takes patches."""

    def __init__(self, path: Path, git_dir: Path, env: Mapping[str, str]) -> None:
        self.path = path
        self.env = {k: v for k, v in env.items() if k != "GIT_DIR"}
        run(["git", "clone", "-q", "-n", "--shared", os.fspath(git_dir), os.fspath(path)], env=self.env)

    def git(self, *args: str, stdin: bytes = b"") -> str:
        """Run git in the clone; returns what it wrote, without the last newline."""
        return run(["git", *args], cwd=self.path, env=self.env, stdin=stdin).stdout.decode().rstrip("\n")

    def take(self, base: Oid, patches: Sequence[bytes]) -> Oid:
        """Apply patches with one ``git am`` on ``base``; returns the last commit."""
        self.git("checkout", "-q", "--force", "--detach", base)
        folder = self.path.parent / f"{self.path.name}-mail"
        folder.mkdir(exist_ok=True)
        files = []
        for number, patch in enumerate(patches):
            files.append(folder / f"{number:05}.patch")
            files[-1].write_bytes(patch)
        self.git("am", "-q", "--keep-cr", "--keep-non-patch", "--empty=keep", *map(str, files))
        return Oid(self.git("rev-parse", "HEAD"))


def commits(store: GitStore, base: Oid, tip: Oid) -> tuple[Oid, ...]:
    """Return ``base..tip``, oldest first."""
    out = store.git("rev-list", "--reverse", tip, f"^{base}").stdout.decode()
    return tuple(map(Oid, out.split()))
