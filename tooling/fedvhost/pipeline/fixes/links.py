"""What links a later commit to the series: whose lines it changes, asked of git."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from fedvhost.backport.csource import code
from fedvhost.backport.insertion import tells
from fedvhost.backport.plan import Evidence
from fedvhost.backport.repairs import Said
from fedvhost.git.followups import Edit, LaterHistory
from fedvhost.git.store import GitStore
from fedvhost.pipeline.fixes.lanes import Lanes
from fedvhost.pipeline.fixes.series import Series
from fedvhost.values import Oid


@dataclass(slots=True)
class Link:
    """Who wrote what a candidate changes: evidence of the picks' and the offered ones' lines (changed, or
    only beside), commits of upstream's that are not here with the number of their lines, and how many
    lines the base wrote."""

    evidence: list[Evidence] = field(default_factory=list)
    strangers: dict[Oid, int] = field(default_factory=dict)
    base_lines: int = 0

    @property
    def owners(self) -> tuple[Oid, ...]:
        """Whose lines of ours it changes, or stands beside."""
        ours = (e.commit for e in self.evidence if e.kind in ("lines", "beside") and e.commit is not None)
        return tuple(dict.fromkeys(ours))

    @property
    def stranger(self) -> Oid | None:
        """Of the commits that are not here the one that wrote most of what is changed."""
        return max(self.strangers, key=lambda c: self.strangers[c]) if self.strangers else None


class Links:
    """Asks who wrote what. ``near``: the commits that may be follow-ups wherever they change something; of
    those every line is asked for."""

    def __init__(self, later: LaterHistory, series: Series, lanes: Lanes, near: Collection[Oid]) -> None:
        self.later, self.series, self.lanes, self.near = later, series, lanes, near

    def likeness(self, commit: Oid) -> Link:
        """Say which files of the series' own a commit changes. Who wrote which line is not asked."""
        change = self.later.commits.get(commit)
        edits = () if change is None else change.edits
        return Link([_file_evidence(e.path) for e in edits if e.path in self.series.created])

    def written(self, commit: Oid) -> Link:
        """Ask who wrote the lines that a commit changes, or those beside what it only adds."""
        link = Link()
        change = self.later.commits.get(commit)
        if change is None or len(change.parents) != 1 or change.parents[0] not in self.later.commits:
            return link  # right on the base: nothing of upstream's is before it
        for edit in change.edits:
            if commit in self.near or self.series.may_concern(edit):
                self._written(link, change.parents[0], edit)
        return link

    def _written(self, link: Link, before: Oid, edit: Edit) -> None:
        # In a file of the base's, to stand beside a line of ours is chance.
        beside = edit.beside if edit.path in self.series.created else ()
        numbers = [number for number, text in (*edit.removed, *beside) if tells(text)]
        owners = self.later.owners(before, edit.path, numbers)
        for kind, rows in (("lines", edit.removed), ("beside", beside)):
            wrote: dict[Oid, int] = {}
            for number, text in rows:
                if not tells(text):
                    continue
                owner = owners.get(number)
                if owner is None:
                    link.base_lines += kind == "lines"
                elif (known := self.lanes.here(owner)) is not None:
                    wrote[known] = wrote.get(known, 0) + 1
                elif kind == "lines" or not edit.removed:
                    link.strangers[owner] = link.strangers.get(owner, 0) + 1
            for owner, count in wrote.items():
                link.evidence.append(_lines_evidence(kind, edit.path, owner, count))
        if not link.evidence and edit.path in self.series.created:
            link.evidence.append(_file_evidence(edit.path))


def mention(pick: Oid, says: Said) -> Evidence:
    """Say how a message names a pick."""
    for kind, names in (("revert", says.reverts), ("fixes", says.fixes)):
        if any(pick.startswith(n) for n in names):
            what = "takes back" if kind == "revert" else "says Fixes:"
            return Evidence(kind, f"{what} {pick.short}", commit=pick)
    return Evidence("mention", f"its message names {pick.short}", commit=pick)


def same_code(store: GitStore, commit: Oid, paths: Sequence[str]) -> bool:
    """Whether only comments and white space differ; of what is not C, white space."""
    parent = store.commit(commit).parents[0]
    for path in paths:
        before, after = store.file(parent, path), store.file(commit, path)
        if before is None or after is None:
            return False
        is_c = path.endswith((".c", ".h"))
        texts = [code(s) if is_c else s.decode("latin-1") for s in (before, after)]
        # Literals are blanked in code(): where those differ, so must what is compared.
        if texts[0].split() != texts[1].split() or _literals(before) != _literals(after):
            return False
    return bool(paths)


def _file_evidence(path: str) -> Evidence:
    return Evidence("file", f"changes {path}, which the series creates", path=path)


def _lines_evidence(kind: str, path: str, owner: Oid, count: int) -> Evidence:
    what = f"{count} line{'s' * (count > 1)}"
    detail = (
        f"changes {what} of {owner.short} in {path}"
        if kind == "lines"
        else f"adds beside {what} of {owner.short} in {path}"
    )
    return Evidence(kind, detail, path=path, commit=owner)


_LITERAL = re.compile(rb"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'")


def _literals(source: bytes) -> list[bytes]:
    return _LITERAL.findall(source)
