"""Two backports of one feature beside each other: which commit is which, and what differs.

*Here* is our series, *there* is somebody else's. A match says how it was found; the first way that finds a
partner wins, in the order of ``By``. How alike two commits are is the share of the added and removed lines
that both have (Jaccard index of the two sets); blanks, and lines without three letters or digits, don't
count.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fedvhost.commits import Commit
from fedvhost.errors import InputError
from fedvhost.patches.diff import FileChange
from fedvhost.values import Oid

# From this share of common lines on, two commits are taken for the same change.
SIMILAR = 0.6
# From this share of its lines on, a commit is taken to be a part of a larger one (a rollup).
CONTAINED = 0.8
# Fewer common lines than this are a coincidence: an include, an error path.
FEWEST = 3

# How a message says which commit it copies: git, the stable tree, distributions.
_CITES = re.compile(
    r"\(cherry[- ]picked from (?:commit )?([0-9a-f]{7,40})\b"
    r"|^\s*commit ([0-9a-f]{7,40}) upstream\.?\s*$"
    r"|^\s*\[ ?upstream commit ([0-9a-f]{7,40}) ?\]"
    r"|^\s*upstream[- ]commit(?:-id)?:?\s+([0-9a-f]{7,40})\b"
    r"|\bbackport(?:ed)? (?:of|from) (?:upstream )?(?:commit )?([0-9a-f]{7,40})\b",
    re.MULTILINE | re.IGNORECASE,
)
# The name alone on its line, under a blank line or a "Bugzilla: …", is how RHEL says it; under "this was
# introduced by" it is the culprit. A message that says it in a clearer way is not searched for this.
_CITES_BARE = re.compile(
    r"(?:\A|\n[ \t]*\n|\n[\w-]+: [^\n]+\n)[ \t]*commit:? ([0-9a-f]{7,40})\.?[ \t]*(?=\n|\Z)", re.IGNORECASE
)
_NAMES = re.compile(r"\b[0-9a-f]{8,40}\b")
_REVERTS = re.compile(r"This reverts commit ([0-9a-f]{7,40})")
_SAID_BY = re.compile(r"^\s*(?:From|Author):.*<([^<>\s]+@[^<>\s]+)>", re.MULTILINE)
_TAGS = re.compile(r"^(?:\[[^\]]*\]\s*)+")
_WORD = re.compile(rb"[A-Za-z0-9]")


class By(StrEnum):
    """How a commit here and one there were found to be the same change, surest first."""

    COMMIT = "same commit"
    UPSTREAM_PATCH = "upstream's patch"
    OUR_PATCH = "our patch"
    TRAILER = "trailer"
    SUBJECT = "subject and author"
    SIMILAR = "similar lines"
    PART = "part of it"


@dataclass(frozen=True, slots=True)
class Change:
    """A commit as something to compare.

    ``authors``: mail addresses, the author's own and those that the message names as such; ``cites``: the
    commits that the message says it copies, ``names``: all it mentions, both as written; ``lines``: the
    lines that count, with their sign, ``size`` of them (``lines`` may be only those that matter to us).
    """

    commit: Oid
    subject: str
    authors: frozenset[str] = frozenset()
    patch_id: str | None = None
    cites: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    reverts: str | None = None
    lines: frozenset[bytes] = frozenset()
    size: int = 0
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ours:
    """A commit of our plan: upstream's form and, if it landed, ours. ``role`` says why it is in."""

    upstream: Change
    replayed: Change | None
    role: str
    verdict: str

    @property
    def forms(self) -> tuple[Change, ...]:
        """Upstream's form and ours, if there is one."""
        return (self.upstream,) if self.replayed is None else (self.upstream, self.replayed)


@dataclass(frozen=True, slots=True)
class Match:
    """A commit here (``ours``: upstream's name of it) that is ``theirs`` there. ``alike`` compares the two
    forms that landed, 0 to 1."""

    ours: Oid
    theirs: Oid
    by: By
    alike: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Moved:
    """A matched commit that stands elsewhere in the other order; places among the matched, from 1."""

    commit: Oid
    here: int
    there: int


@dataclass(frozen=True, slots=True)
class FileResult:
    """What a file became here and there. ``touched``: ``both``, ``here`` or ``there``; ``state``: ``same``
    (byte for byte), ``same change`` (the bases differ there) or ``differs``.

    ``here``, ``there``: lines added and removed by each side; ``between``: what leads from their result to
    ours; None for a binary file. ``diff``: the lines of that difference, if they were asked for.
    """

    path: str
    touched: str
    state: str
    here: tuple[int, int] | None
    there: tuple[int, int] | None
    between: tuple[int, int] | None
    diff: tuple[str, ...] = ()


def parse_range(text: str) -> tuple[str, str]:
    """Return both ends of ``A..B``; ``A..`` ends at ``HEAD``, as for git.

    Raises:
        InputError: it is no such range.
    """
    start, dots, end = text.partition("..")
    if not dots or not start or ".." in end or end.startswith(".") or text.startswith("-"):
        raise InputError(
            f"'{text}' is not a range of commits; write A..B: what follows A, up to B, for example "
            "v2.6.34..v2.6.34.1"
        )
    return start, end or "HEAD"


def counted_lines(changes: Iterable[FileChange]) -> frozenset[bytes]:
    """Return the added and removed lines that count, blanks evened out, each after its ``+`` or ``-``."""
    found: set[bytes] = set()
    for change in changes:
        for hunk in change.hunks:
            for sign, lines in ((b"-", hunk.old), (b"+", hunk.new)):
                found.update(sign + b" ".join(line.split()) for line in lines if _counts(line))
    return frozenset(found)


def change_of(
    commit: Commit,
    files: Sequence[FileChange],
    patch_id: str | None,
    vocabulary: Collection[bytes] | None = None,
) -> Change:
    """Return a commit as something to compare; of its lines only those in ``vocabulary`` are kept.

    A commit with a file that git shows no lines of (binary, a new mode) has no patch-id that proves
    anything.
    """
    lines = counted_lines(files)
    text = commit.text
    mail = commit.author_name.rpartition("<")[2].rstrip(">")
    reverts = _REVERTS.search(text)
    return Change(
        commit.oid,
        commit.subject,
        frozenset(m.lower() for m in (mail, *_SAID_BY.findall(text)) if m),
        patch_id if all(f.hunks for f in files) else None,
        _cited(text),
        tuple(dict.fromkeys(_NAMES.findall(text))),
        reverts[1] if reverts else None,
        lines if vocabulary is None else lines & frozenset(vocabulary),
        len(lines),
        tuple(f.path for f in files),
    )


def _cited(text: str) -> tuple[str, ...]:
    matches = list(_CITES.finditer(text)) or list(_CITES_BARE.finditer(text))
    return tuple(dict.fromkeys(next(filter(None, m.groups())).lower() for m in matches))


def alike(one: Change, other: Change) -> float:
    """Return the share of lines that both have of all the lines that either has, 0 to 1.

    Of one of them, only the lines that the other one has need to be known.
    """
    common = len(one.lines & other.lines)
    together = one.size + other.size - common
    return common / together if together else 0.0


def match(ours: Sequence[Ours], theirs: Sequence[Change]) -> tuple[Match, ...]:
    """Find the partners, in our order.

    A commit there may name several here, and several there may name one here; a rollup holds many. Every
    other way gives each commit one partner at most, the most alike first.
    """
    free_here, free_there = set(range(len(ours))), set(range(len(theirs)))
    found: list[tuple[int, int, Match]] = []
    for by in By:
        pairs = [
            (-_most_alike(ours[i], theirs[j]), i, j, detail)
            for i in sorted(free_here)
            for j in sorted(free_there)
            if (detail := _evidence(by, ours[i], theirs[j])) is not None
        ]
        taken: list[tuple[int, int]] = []
        for _, i, j, detail in sorted(pairs):
            here, there = {a for a, _ in taken}, {b for _, b in taken}
            if by is not By.TRAILER and (i in here or (j in there and by is not By.PART)):
                continue
            taken.append((i, j))
            partner = ours[i].replayed or ours[i].upstream
            score = alike(partner, theirs[j])
            found.append((i, j, Match(ours[i].upstream.commit, theirs[j].commit, by, score, detail)))
        free_here -= {i for i, _ in taken}
        free_there -= {j for _, j in taken}
    return tuple(m for _, _, m in sorted(found, key=lambda f: f[:2]))


def moved(matches: Sequence[Match], theirs: Sequence[Oid]) -> tuple[Moved, ...]:
    """Return the fewest matched commits that would have to move for both orders to be the same.

    ``matches`` in our order, ``theirs`` in theirs.
    """
    place = {commit: i for i, commit in enumerate(theirs)}
    first: dict[Oid, int] = {}
    for m in matches:
        first.setdefault(m.ours, place[m.theirs])
    rank = {at: i for i, at in enumerate(sorted(set(first.values())), 1)}
    there = [rank[at] for at in first.values()]
    stays = _longest_ascending(there)
    return tuple(Moved(commit, i + 1, there[i]) for i, commit in enumerate(first) if i not in stays)


def file_result(
    path: str,
    touched: str,
    here: FileChange | None,
    there: FileChange | None,
    between: FileChange | None,
    *,
    differs: bool,
) -> FileResult:
    """Compare what a file became; ``differs``: its content or its mode is not the same in both results."""
    state = "differs"
    if not differs:
        state = "same"
    elif here is not None and there is not None and here.hunks and _says(here) == _says(there):
        state = "same change"
    return FileResult(path, touched, state, _count(here), _count(there), _count(between))


def same_name(written: str, commit: str) -> bool:
    """Tell whether a name as written, perhaps abbreviated, is that of ``commit`` (or the reverse)."""
    return commit.startswith(written) or written.startswith(commit)


# -- how each kind of match is found --------------------------------------------------------------------


def _evidence(by: By, ours: Ours, theirs: Change) -> str | None:
    """Return what shows the match in this way (empty: nothing to add), None if it does not."""
    upstream = ours.upstream
    if by is By.COMMIT:
        return "" if theirs.commit in {f.commit for f in ours.forms} else None
    if by is By.UPSTREAM_PATCH:
        return "" if theirs.patch_id and theirs.patch_id == upstream.patch_id else None
    if by is By.OUR_PATCH:
        replayed = ours.replayed
        return "" if replayed and theirs.patch_id and theirs.patch_id == replayed.patch_id else None
    if by is By.TRAILER:
        return _trailer(upstream, theirs)
    if by is By.SUBJECT:
        same = _bare(upstream.subject) == _bare(theirs.subject) and upstream.authors & theirs.authors
        # "vhost: fix build" of the same author twice is not twice the same change.
        return "" if same and _most_alike(ours, theirs) > 0 else None
    return _by_lines(by, ours, theirs)


def _by_lines(by: By, ours: Ours, theirs: Change) -> str | None:
    for form in ours.forms:
        common = len(form.lines & theirs.lines)
        if common < FEWEST:
            continue
        if by is By.SIMILAR and alike(form, theirs) >= SIMILAR:
            return ""
        if by is By.PART and common >= CONTAINED * form.size:
            return f"{common} of its {form.size} lines"
    return None


def _trailer(upstream: Change, theirs: Change) -> str | None:
    if any(same_name(name, upstream.commit) for name in theirs.cites):
        return "names it"
    if any(same_name(name, theirs.commit) for name in upstream.cites):
        return "upstream's names the one there"
    for name in theirs.cites:
        if any(same_name(name, other) for other in upstream.cites):
            return f"both name {name[:12]}"
    return None


def _most_alike(ours: Ours, theirs: Change) -> float:
    return max(alike(form, theirs) for form in ours.forms)


def _bare(subject: str) -> str:
    """A subject without the tags that mails and distributions put before it."""
    return _TAGS.sub("", subject).casefold().rstrip(" .")


def _counts(line: bytes) -> bool:
    return len(_WORD.findall(line)) >= 3


def _longest_ascending(values: Sequence[int]) -> frozenset[int]:
    """Return the indexes of a longest subsequence that never descends."""
    tops: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for index, value in enumerate(values):
        pile = bisect_right(tops, value)
        before.append(at[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [value]
        at[pile : pile + 1] = [index]
    kept: set[int] = set()
    index = at[-1] if at else -1
    while index >= 0:
        kept.add(index)
        index = before[index]
    return frozenset(kept)


def _says(change: FileChange) -> tuple[list[bytes], list[bytes]]:
    """Every line that goes and every line that comes, wherever."""
    return sorted(x for h in change.hunks for x in h.old), sorted(x for h in change.hunks for x in h.new)


def _count(change: FileChange | None) -> tuple[int, int] | None:
    if change is None:
        return 0, 0
    if change.binary:
        return None
    return sum(len(h.new) for h in change.hunks), sum(len(h.old) for h in change.hunks)
