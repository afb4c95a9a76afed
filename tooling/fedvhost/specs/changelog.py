"""The changelog, in each spec's own manner.

``* Tue Feb 09 2010 Name <mail> - 2:0.12.2-6`` is qemu's; kernels leave out the `` - ``, RHEL's put the
EVR into brackets, some carry the dist, some none at all. A new entry imitates the newest one.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fedvhost.specs.layout import Kind, Layout
from fedvhost.specs.text import escaped

# Not strftime: changelogs are English whatever the locale is.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_HEADER = re.compile(
    r"\*\s+(?P<weekday>\w{3})\s+(?P<month>\w{3})(?P<daygap>\s+)(?P<day>\d{1,2})\s+"
    r"(?:\d\d:\d\d:\d\d\s+\w+\s+)?(?P<year>\d{4})\s+(?P<author>.*?[>\])])"
    r"(?:(?P<gap>\s+-?\s*|\s*-\s*)(?P<open>\[?)(?P<evr>(?:\d+:)?[\w.+~^%{}?-]+)(?P<close>\]?))?\s*$"
)
# .fc13, .el6_4, .gl6; not the .rc1 or .git1 of a pre-release.
_DIST = re.compile(r"\.(?!rc)[a-z]{2}\d+(?:_\d+)?(?:\.|$)")


@dataclass(frozen=True, slots=True)
class Evr:
    """Epoch, version and release as rpm evaluates them. ``dist`` is the part of ``release`` that
    ``%{?dist}`` made (``.fc13``), empty if it was not defined."""

    epoch: int | None
    version: str
    release: str
    dist: str = ""

    def __str__(self) -> str:
        return ("" if self.epoch is None else f"{self.epoch}:") + f"{self.version}-{self.release}"

    @property
    def plain_release(self) -> str:
        """The release without the dist."""
        return self.release.replace(self.dist, "", 1) if self.dist else self.release


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that was read: lines ``start`` up to, not including, ``end`` (indexes)."""

    start: int
    end: int
    date: datetime.date
    author: str
    evr: str | None
    body: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Style:
    """How this spec writes an entry's first line; ``gap`` None: without an EVR."""

    day: str = "02"
    gap: str | None = " - "
    brackets: bool = False
    epoch: bool = False
    dist: bool = False

    def evr(self, evr: Evr) -> str:
        """Return an EVR as the entries write it."""
        epoch = f"{evr.epoch}:" if self.epoch and evr.epoch is not None else ""
        return f"{epoch}{evr.version}-{evr.release if self.dist else evr.plain_release}"


@dataclass(frozen=True, slots=True)
class Changelog:
    """The changelog of a spec. ``at`` is the index where a new entry goes; None: there is no changelog
    here that a person writes (none at all, ``%autochangelog``, a macro)."""

    at: int | None
    entries: tuple[Entry, ...]
    style: Style


def read_changelog(layout: Layout, *, has_epoch: bool) -> Changelog:
    """Read the changelog; ``has_epoch`` decides for one without entries to imitate."""
    lines = layout.section("changelog")
    if not lines or any("%autochangelog" in line.text or "%{autochangelog}" in line.text for line in lines):
        return Changelog(None, (), Style())
    starts = [line for line in lines if line.text.startswith("*") and _parse(line.text)]
    if not starts:
        others = [line for line in lines[1:] if line.kind not in (Kind.BLANK, Kind.COMMENT)]
        at = None if others else lines[0].index + 1
        return Changelog(at, (), Style(epoch=has_epoch))
    entries = []
    heads = [line.index for line in lines if line.text.startswith("*")]
    for line in starts:
        match = _parse(line.text)
        assert match is not None
        end = next((index for index in heads if index > line.index), lines[-1].index + 1)
        body = tuple(layout.lines[i].text for i in range(line.index + 1, end))
        entries.append(Entry(line.index, end, _date(match), match["author"], match["evr"], body))
    return Changelog(entries[0].start, tuple(entries), _style(layout, entries, has_epoch=has_epoch))


def _parse(text: str) -> re.Match[str] | None:
    match = _HEADER.match(text)
    if match is None or match["month"] not in _MONTHS:
        return None
    try:
        _date(match)
    except ValueError:
        return None
    return match


def _date(match: re.Match[str]) -> datetime.date:
    return datetime.date(int(match["year"]), _MONTHS.index(match["month"]) + 1, int(match["day"]))


def _style(layout: Layout, entries: Sequence[Entry], *, has_epoch: bool) -> Style:
    """Imitate the newest entry that shows each trait."""
    matches = [match for e in entries if (match := _parse(layout.lines[e.start].text))]
    early = next((m for m in matches if int(m["day"]) < 10), None)
    day = "02"
    if early is not None and not early["day"].startswith("0"):
        day = "2" if len(early["daygap"]) > 1 else ""
    named = next((m for m in matches[:10] if m["evr"]), None)
    if named is None:
        return Style(day=day, gap=None)
    gap = named["gap"]
    return Style(
        day,
        gap,
        brackets=bool(named["open"]),
        # An EVR in macros (%{version}-%{release}) shows nothing; the spec's own Epoch does.
        epoch=":" in named["evr"] if "%" not in named["evr"] else has_epoch,
        dist=bool(_DIST.search(named["evr"])) or "%{release}" in named["evr"],
    )


def entry_lines(
    style: Style, date: datetime.date, author: str, evr: Evr | None, body: Sequence[str]
) -> tuple[str, ...]:
    """Write an entry, without the blank line behind it. ``body`` lines come without ``- ``."""
    day = f"{date.day:{style.day}d}"
    head = f"* {_DAYS[date.weekday()]} {_MONTHS[date.month - 1]} {day} {date.year} {escaped(author)}"
    if evr is not None and style.gap is not None:
        text = style.evr(evr)
        head += style.gap + (f"[{text}]" if style.brackets else text)
    return (head, *(f"- {escaped(line)}" for line in body))


def own_entry(changelog: Changelog, feature: str, author: str, evr: Evr | None) -> Entry | None:
    """Return the newest entry if this author wrote it about this feature for this very EVR: as long as
    that is not built, a changed series replaces it."""
    if not changelog.entries:
        return None
    top = changelog.entries[0]
    mine = top.author == escaped(author) and any(
        line.startswith(f"- {escaped(feature)}: ") for line in top.body
    )
    current = top.evr is None or (evr is not None and top.evr == changelog.style.evr(evr))
    return top if mine and current else None
