"""What a series wrote, and by which names people speak of it: what makes a later commit its follow-up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from fedvhost.backport.insertion import tells
from fedvhost.git.followups import Edit
from fedvhost.git.store import GitStore
from fedvhost.values import Oid


class Series:
    """What the picks wrote: the paths they touch and create, and their lines, path by path. It grows by
    what is offered: what repairs a repair is a follow-up, too."""

    def __init__(self, store: GitStore, picks: Sequence[Oid]) -> None:
        self.picks = picks
        self.paths: set[str] = set()
        self.created: set[str] = set()
        self.texts: dict[str, set[bytes]] = {}
        self._authors: Counter[str] = Counter()
        for pick in picks:
            commit = store.commit(pick)
            self._authors[commit.author_name.partition(" <")[0]] += 1
            for path, change in store.changes(commit.parents[0], pick).items():
                self.paths.add(path)
                if change.created and not change.deleted:
                    self.created.add(path)
                self.wrote(path, (line for hunk in change.hunks for line in hunk.new))

    @property
    def author(self) -> str | None:
        """The name of who wrote more than half of the picks, None if nobody did."""
        name, count = next(iter(self._authors.most_common(1)), ("", 0))
        return name if count * 2 > len(self.picks) else None

    def wrote(self, path: str, lines: Iterable[bytes]) -> None:
        """Take note of lines that are the series', or would be."""
        self.texts.setdefault(path, set()).update(line.strip() for line in lines if tells(line))

    def may_concern(self, edit: Edit) -> bool:
        """Whether an edit may be one of ours: it changes a file that the series created, or perhaps lines
        of ours in another; saves asking who wrote them."""
        texts = self.texts.get(edit.path, set())
        return edit.path in self.created or any(text.strip() in texts for _, text in edit.removed)

    def names(self, feature: str, base: Iterable[str]) -> re.Pattern[str]:
        """How people name what the series brings: the feature (``vhost-net``, ``vhost_net``), and the files
        and folders that it creates, where the base has none of that name."""
        known = {name for path in base for name in _names(path)}
        new = {name for path in self.created for name in _names(path)} - known
        forms = ("[-_ ]".join(map(re.escape, re.split(r"[-_ .]+", w))) for w in sorted({feature, *new}))
        return re.compile(rf"\b(?:{'|'.join(forms)})\b", re.IGNORECASE)


def _names(path: str) -> tuple[str, ...]:
    """Return the names in a path: its folders', and the file's without its ending."""
    *folders, name = path.split("/")
    return (*folders, PurePosixPath(name).stem)
