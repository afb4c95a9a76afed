"""What is wanted of a spec: one feature's patches."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from fedvhost.errors import InputError

_FEATURE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@~-]*")


@dataclass(frozen=True, slots=True)
class SpecPatch:
    """One patch to declare and apply.

    ``file`` is its name beside the spec; ``subject`` and ``status`` make the comment above it, the
    status being where upstream has it: ``upstream 05c2828c72c4 (v2.6.34)``. Either may be empty.
    """

    file: str
    subject: str = ""
    status: str = ""

    @property
    def comment(self) -> str:
        """The text of the comment, on one line."""
        return ": ".join(part for part in (self.status, self.subject) if part) or self.file


@dataclass(frozen=True, slots=True)
class SpecChange:
    """What a feature does to a spec; no ``patches`` at all takes the feature out again.

    ``title`` heads the block and, behind the feature's name, the changelog entry; ``changelog`` are
    further lines of it, without ``- ``; ``author`` is ``Name <mail>``. ``hints`` are the words by which
    a kernel spec's group of patches is known (``# virt + ksm patches``).
    """

    feature: str
    title: str
    patches: tuple[SpecPatch, ...]
    changelog: tuple[str, ...]
    author: str
    date: datetime.date
    hints: tuple[str, ...] = ("virt", "kvm", "virtualization")

    @property
    def files(self) -> tuple[str, ...]:
        """The patch files, in the order of the series."""
        return tuple(patch.file for patch in self.patches)

    @property
    def entry(self) -> tuple[str, ...]:
        """The lines of the changelog entry."""
        title = self.title if self.patches else f"patches dropped ({self.title})"
        return (f"{self.feature}: {title}", *self.changelog)


def check_change(change: SpecChange) -> None:
    """Refuse what cannot be put into a spec.

    Raises:
        InputError: a name that would break a tag or a shell word, text of several lines, a patch twice.
    """
    if not _FEATURE.fullmatch(change.feature):
        raise InputError(f"'{change.feature}' is no name for a feature: letters, digits and . _ + - only")
    texts = (change.title, change.author, *change.changelog, *(p.comment for p in change.patches))
    for text in texts:
        if "\n" in text or "\r" in text or not text.strip():
            raise InputError(f"{text!r} must be one line of text to go into a spec")
    if not re.fullmatch(r".*\S\s+<[^<>\s]+>", change.author):
        raise InputError(f"'{change.author}' does not read 'Name <mail>', which a changelog needs")
    for index, file in enumerate(change.files):
        if not _FILE.fullmatch(file):
            raise InputError(f"'{file}' is no name for a patch file: letters, digits and . _ + @ ~ - only")
        if file in change.files[:index]:
            raise InputError(f"'{file}' is in the series twice")
