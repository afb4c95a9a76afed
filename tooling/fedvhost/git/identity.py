"""Who runs fedvhost, as git knows them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fedvhost.commits import encode
from fedvhost.process import run


@dataclass(frozen=True, slots=True)
class Identity:
    """A person's name and mail address."""

    name: str
    mail: str

    def __str__(self) -> str:
        return f"{self.name} <{self.mail}>"

    def at(self, ident: bytes, encoding: bytes | None = None) -> bytes:
        """Return git's ident line of this person with the date of another ident line, in the encoding of
        the commit it is for."""
        return encode(f"{self} ", encoding) + b" ".join(ident.rsplit(b" ", 2)[1:])


def committer(directory: Path) -> Identity:
    """Return the committer that git would record in ``directory``; a neutral one if git knows none."""
    done = run(["git", "var", "GIT_COMMITTER_IDENT"], cwd=directory, ok=(0, 128))
    if done.returncode != 0:
        return Identity("fedvhost", "fedvhost@localhost")
    who = done.stdout.decode(errors="replace").rsplit(" ", 2)[0]
    name, _, mail = who.rpartition(" <")
    return Identity(name, mail.rstrip(">"))
