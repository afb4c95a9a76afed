"""What a commit's message says of itself: does it repair something, add something, tidy up; and what it
says of other commits.

Words are evidence and no proof, so every sign that counted is told to the person. Two signs decide alone:
``Cc: stable`` and ``Fixes:``, by which the author says so (the kernel's stable-kernel-rules and
submitting-patches). The other words are those that kernel and qemu authors use for a defect; where they
stand in the subject they count double, as the subject says what the change does while a body also tells
its story. The limit of 100 lines for a repair is that of stable-kernel-rules.

Measured on Linux v2.6.33..v2.6.35, merges left out (lines by ``git log --numstat --no-renames``): of the 711
commits that say ``Cc: stable``, read without that line, 536 (75 %) are still taken for repairs; of the 175
that are not, 45 name a device's number, a quirk or support for something. Of the 18,533 other commits 5,591
(30 %) are taken for repairs; how many of those are none was not counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fedvhost.values import Oid

# stable-kernel-rules: "It cannot be bigger than 100 lines, with context."
REPAIR_LINES = 100
# A change this small that complains about what was there is a repair, however it is worded.
_SMALL = 12

_I = re.IGNORECASE
_TRAILER = re.compile(r"^\s*[A-Z][A-Za-z-]+:\s", re.MULTILINE)
_HEX = r"([0-9a-f]{7,40})\b"
_FIXES = re.compile(rf"^\s*Fixes:\s*(?:commit\s+)?{_HEX}", re.MULTILINE | _I)
_REVERTS = re.compile(rf"This reverts (?:part of )?commit {_HEX}", _I)
_COPIES = re.compile(
    rf"\(cherry[- ]picked from commit {_HEX}|^\s*commit {_HEX} upstream\b|^\s*\[ Upstream commit {_HEX} \]"
    rf"|^\s*\(?(?:back)?ported from commit {_HEX}",
    re.MULTILINE | _I,
)
# "broken since X", "introduced by commit X", "commit X added/changed/…": the commit that it repairs.
_CAUSES = (
    re.compile(
        r"\b(?:introduced|caused|broken?|broke|regress\w*|exposed|triggered|created|started|appeared|happens|"
        r"since|fix(?:e[sd])?(?: up)?|repairs?|bug|problem|issue|failure|error|leak)\b"
        rf"[^.]{{0,60}}?\b(?:by|in|since|from|with|after|of|to)?\s*(?:the\s+)?(?:commit|patch|changeset|cset)?"
        rf"[\s:(]*{_HEX}",
        _I,
    ),
    re.compile(
        rf"\b(?:commit|changeset|patch|since|after)\s+\(?{_HEX}(?:\s*\([^)]*\))?[,:]?\s+(?:\w+\s+){{0,2}}?"
        r"(?:broke|added|adds|add|introduced|introduces|changed|changes|removed|removes|made|makes|moved|"
        r"forgot|missed|left|causes|caused|replaced|converted|was wrong|is wrong|should have)\b",
        _I,
    ),
)
_STABLE = re.compile(r"^\s*Cc:[^\n]*\bstable@", re.MULTILINE | _I)
_REPORTED = re.compile(
    r"^\s*(?:Reported|Bisected|Diagnosed)[ -]\S*by:?\s|^\s*Reported by ", re.MULTILINE | _I
)
_TRACKER = re.compile(
    r"bugzilla|\bshow_bug\b|\b(?:bz|bug|rhbz|lp|launchpad|CVE)[ :#-]{1,2}(?:\d{4}-)?\d{3,}"
    r"|^\s*(?:Addresses|Closes):",
    re.MULTILINE | _I,
)

_DEFECT = (
    r"fix(?:e[sd]|ing|up)?|bug(?:s|gy)?|oops(?:es)?|panics?|crash(?:es|ed|ing)?|leak(?:s|ed|ing|age)?|races?|racy|"
    r"dead-?lock(?:s|ed)?|hangs?|hung|stall(?:s|ed)?|broken|breaks?|breakage|wrong(?:ly)?|incorrect(?:ly)?|"
    r"regressions?|overflow(?:s|ed)?|underflow(?:s|ed)?|corrupt(?:s|ed|ion)?|uninitiali[sz]ed|"
    r"use[- ]after[- ]free|"
    r"double[- ]free|dereference|segv|segfaults?|off[- ]by[- ]one|out[- ]of[- ]bounds?|"
    r"lockup|livelock|starvation|vulnerability|thinko|reversed|bogus|"
    r"mis(?:match(?:ed)?|calculat\w+|handl\w+)|repairs?|workaround|memleak"
)
_SUBJECT_DEFECT = re.compile(
    rf"\b(?:{_DEFECT}|avoid|prevent|do ?n[o']t|do not|never|missing|missed|forgotten|properly|correct(?:ly)?|"
    r"on error|error path|error handling|return value|must|should not|restore|reject|refuse|plug|sanitize|"
    r"insufficient|unbalanced|stale|spurious|warnings?|failures?|fail|invalid|illegal|null|lost|clear|resync)\b",
    _I,
)
_BODY_DEFECT = re.compile(
    rf"\b(?:{_DEFECT}|bugs?|fail(?:s|ed|ures?)?|assert(?:ion|ions)?|trouble|unnoticed|corrects?|stuck|"
    r"never (?:called|invoked|freed|released|gets?|wakes?|ends?)|infinite loop|"
    r"(?:will|would|could|can|may) (?:lead to|cause|result in)|memory leak|(?:data|packet|connection) loss|"
    r"we (?:forgot|missed|need to free)|must not|kills?)\b",
    _I,
)
_COMPLAINT = re.compile(
    r"\b(?:does ?n[o']t|does not|did not|do not|don't|is not|isn't|are not|can ?not|can't|should not|"
    r"not (?:set|called|freed|checked|handled|updated|initiali[sz]ed)|unable|"
    r"without checking|no longer works?|"
    r"instead of|missing|needs? to be|causes?|otherwise)\b",
    _I,
)
# The first word of what a subject says after its prefix ("vhost-net: ").
_BUILDING = re.compile(
    r"(?:please )?(?:add(?:s|ed|ing)?|support(?:s|ing)?|enables?|implement(?:s|ed)?|introduces?|"
    r"convert(?:s|ed)?|"
    r"replaces?|switch(?:es)?|use|using|mov(?:e|es|ing)|apply|optimi[sz]e|improv(?:e|ing)|unify|new|allow|make|create|"
    r"provide|extend|export|expose|increase|reduce|split|merge|port|teach|generali[sz]e|factor|pass|update|bump|"
    r"register|store|turn|let|initial|expand|abstract|rework|rewrite|change|default|define|drop|remove|delete|"
    r"disable)\b",
    _I,
)
_ADDS = re.compile(
    r"\b(?:adds? (?:\w+ ){0,2}support|support for|new (?:feature|driver|ioctl|api|option|command|function)s?|"
    r"add(?:s|ed)? (?:a |an |the )?(?:new |optional )?"
    r"(?:ioctl|option|command|feature|api|hook|helper|tracing)|"
    r"(?:will|to) be used (?:by|in|for|later)|in preparation|prepare for|preparatory|no functional change|"
    r"no (?:visible|behaviou?r(?:al)?) change|would allow|makes it possible)\b",
    _I,
)
_TIDIES = re.compile(
    r"\b(?:clean-?up?s?|clean up|typos?|spelling|misspell\w*|white-?space|indent(?:ation|s|ing)?|"
    r"coding ?style|style|"
    r"checkpatch|comments?|rename[sd]?|refactor\w*|reformat\w*|simplif\w+|unneeded|useless|redundant|unused|"
    r"trailing|constify|annotat\w+|semicolons?|unnecessary|superfluous|cosmetic|"
    r"kernel-?wide|tree-?wide|copyright|licen[cs]e|maintainers|documentation|docs?|sort)\b",
    _I,
)
# What a subject begins with: "[PATCH] vhost-net: ".
_PREFIX = re.compile(r"^(?:\[[^\]]*\]\s*)*(?:[\w.,/*()+ -]{1,40}:\s+)*")


class Nature(StrEnum):
    """What a commit is, by what its message says."""

    REPAIR = "repair"
    FEATURE = "feature"
    TIDY = "tidy"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a commit is, and the signs that say so, in words."""

    nature: Nature
    signs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """Which commits a message names, as abbreviated there: those that it repairs (``fixes`` by the
    trailer, ``causes`` in words), takes back, and those that it is a copy of."""

    fixes: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    reverts: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()

    @property
    def to_blame(self) -> Mapping[str, str]:
        """What it repairs or takes back, as abbreviated there → how it says so."""
        named = dict.fromkeys(self.causes, "it says that it repairs")
        named |= dict.fromkeys(self.fixes, "its Fixes: names")
        return named | dict.fromkeys(self.reverts, "it reverts")


def said(message: str) -> Said:
    """Read which commits a message names, and as what."""
    copies = tuple(dict.fromkeys(next(g for g in m.groups() if g) for m in _COPIES.finditer(message)))
    fixes, reverts = (tuple(dict.fromkeys(r.findall(message))) for r in (_FIXES, _REVERTS))
    text = _COPIES.sub("", message)
    causes = dict.fromkeys(name for words in _CAUSES for name in words.findall(text))
    return Said(fixes, tuple(c for c in causes if c not in (*fixes, *reverts, *copies)), reverts, copies)


def read_message(message: str, lines: int) -> Reading:
    """Say what a commit is by its message; ``lines`` is how many it adds and takes away.

    Subject: a word of defect counts 2, beginning like a feature −2, one of tidying up −2, −4 as its
    first (and "fix" beside it says no more than that). Body: each
    different word of defect 1 (3 at most), the promise of something new −2. A bug tracker's number or a
    ``Reported-by`` counts 2. More than 100 lines count −2. With 1 or more it is a repair; so it is with 0
    if it is small and complains about how it was.
    """
    subject, _, rest = message.strip().partition("\n")
    if _STABLE.search(message):
        return Reading(Nature.REPAIR, ("'Cc: stable'",))
    if _FIXES.search(message) or _REVERTS.search(message):
        return Reading(Nature.REPAIR, ("it names the commit that it repairs or takes back",))
    what = _PREFIX.sub("", subject, count=1) or subject
    body = _story(rest)
    signs: list[str] = []
    score = 0
    tidies = _TIDIES.search(what)
    if words := _words(_SUBJECT_DEFECT, what):
        if tidies and all(w.startswith("fix") for w in words):
            return Reading(Nature.TIDY, (f"subject: {words[0]} … {tidies[0].lower()}",))
        score += 2
        signs.append(f"subject: {', '.join(words[:3])}")
    if words := _words(_BODY_DEFECT, body):
        score += min(len(words), 3)
        signs.append(f"message: {', '.join(words[:3])}")
    for found, sign in ((_TRACKER.search(rest), "a bug's number"), (_REPORTED.search(rest), "Reported-by")):
        if found:
            score += 2
            signs.append(sign)
    builds = _BUILDING.match(what)
    against = (builds, tidies, _TIDIES.match(what), _ADDS.search(f"{what}\n{body}"), lines > REPAIR_LINES)
    score -= 2 * sum(map(bool, against))
    if score > 0:
        return Reading(Nature.REPAIR, tuple(signs))
    if score == 0 and not builds and not tidies and lines <= _SMALL and (words := _words(_COMPLAINT, body)):
        return Reading(Nature.REPAIR, (*signs, f"small, and complains: {words[0]}"))
    if tidies and not builds:
        return Reading(Nature.TIDY, (f"subject: {tidies[0].lower()}",))
    why = f"subject: {builds[0].lower()}" if builds else "nothing says that it repairs anything"
    size = (f"{lines} lines",) if lines > REPAIR_LINES else ()
    return Reading(Nature.FEATURE, (why, *size))


def names_a_bug(message: str) -> bool:
    """Whether a message names a bug by its number in a tracker."""
    return _TRACKER.search(message) is not None


def is_any(commit: Oid, names: tuple[str, ...]) -> bool:
    """Whether one of the abbreviated names can be this commit."""
    return any(commit.startswith(n) for n in names)


def _words(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m[0].lower() for m in pattern.finditer(text)))


def _story(body: str) -> str:
    """Return the body without trailers, quoted material and the list of what changed between versions."""
    lines: list[str] = []
    listing = False
    for line in body.splitlines():
        if re.match(r"\s*(?:v\d+|changes?|changelog|updates?)\b[^.]*:\s*$", line, _I):
            listing = True  # "Changes by MST:" and "v2:" tell of the patch, not of the defect
        elif not line.strip():
            listing = listing and not lines
        if not listing and not _TRAILER.match(line) and not line.startswith((">", "\t>")):
            lines.append(line)
    return "\n".join(lines)
