"""The picks of a package drawn: upstream's lane, the series on the base beside it, and who needs whom.

Values only; the template writes the SVG. A row is ``PITCH`` units high, like the line of text beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedvhost.backport.outcome import Verdict
from fedvhost.backport.plan import PackagePlan
from fedvhost.values import Oid

PITCH = 18.0
TRACK = 9.0
LANE = 34.0
MARGIN = 8.0
# More prerequisites than this at one height share a track: narrower beats complete on a phone.
TRACKS = 7


@dataclass(frozen=True, slots=True)
class Node:
    """A pick at height ``y``: where its mark stands, and whether a patch came of it."""

    commit: Oid
    verdict: str
    y: float
    lands: bool
    plain: bool


@dataclass(frozen=True, slots=True)
class Need:
    """One prerequisite and the picks that need it: ``path`` is SVG's; ``ends`` the heights of its arrows."""

    commit: Oid
    needed_by: tuple[Oid, ...]
    path: str
    ends: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The drawing: sizes in units, lanes at ``upstream`` and ``series`` from the left."""

    width: float
    height: float
    upstream: float
    series: float
    first: float
    last: float
    last_patch: float
    nodes: tuple[Node, ...]
    needs: tuple[Need, ...]


def needs_of(plan: PackagePlan) -> Mapping[Oid, tuple[Oid, ...]]:
    """Return prerequisite → the picks it was taken for, as the plan's evidence says."""
    known = {e.commit for e in plan.entries}
    found: dict[Oid, tuple[Oid, ...]] = {}
    for entry in plan.entries:
        for evidence in entry.evidence:
            other = evidence.commit
            if other in known and other != entry.commit and evidence.kind in _NEEDS:
                found[entry.commit] = tuple(dict.fromkeys((*found.get(entry.commit, ()), other)))
    return found


# The kinds of evidence that say "that one needs this one"; the others say where a commit comes from.
_NEEDS = ("symbol", "export", "text", "declared", "neighbour")


def draw(plan: PackagePlan) -> Graph:
    """Lay the graph out: the base in the first row, a row a pick, upstream's end in the last."""
    row = {e.commit: at for at, e in enumerate(plan.entries, 1)}
    needs = needs_of(plan)
    tracks = _tracks([(row[c], [row[n] for n in by]) for c, by in needs.items()])
    used = max(tracks, default=-1) + 1
    upstream = MARGIN + used * TRACK + (6 if used else 0)
    series = upstream + LANE
    nodes = tuple(
        Node(e.commit, e.verdict.value, _y(row[e.commit]), e.lands, e.verdict is Verdict.CLEAN)
        for e in plan.entries
    )
    drawn = tuple(
        _need(c, by, row, MARGIN + (used - 1 - track) * TRACK, upstream)
        for (c, by), track in zip(needs.items(), tracks, strict=True)
    )
    end = len(plan.entries) + 1
    last_patch = max((n.y for n in nodes if n.lands), default=_y(0))
    return Graph(
        series + MARGIN, (end + 1) * PITCH, upstream, series, _y(0), _y(end), last_patch, nodes, drawn
    )


def _y(row: int) -> float:
    return row * PITCH + PITCH / 2


def _need(commit: Oid, by: Sequence[Oid], row: Mapping[Oid, int], x: float, lane: float) -> Need:
    start, ends = _y(row[commit]), sorted(_y(row[n]) for n in by)
    edge = lane - 5
    parts = [f"M{edge:g} {start:g}"]
    for end in ends:
        turn = 4 if end > start else -4
        parts.append(
            f"M{edge:g} {start:g}H{x + 4:g}Q{x:g} {start:g} {x:g} {start + turn:g}"
            f"V{end - turn:g}Q{x:g} {end:g} {x + 4:g} {end:g}H{edge - 3:g}"
        )
    return Need(commit, tuple(by), "".join(parts[1:]), tuple(ends))


def _tracks(spans: Sequence[tuple[int, Sequence[int]]]) -> list[int]:
    """Give each vertical line a track on which no other is at the same height; 0 is next to the lane."""
    taken: list[list[tuple[int, int]]] = []
    found = []
    for start, ends in spans:
        low, high = min(start, *ends), max(start, *ends)
        free = (i for i, t in enumerate(taken) if all(high < a or low > b for a, b in t))
        track = next(free, len(taken))
        if track >= TRACKS:
            track = TRACKS - 1
        elif track == len(taken):
            taken.append([])
        taken[track].append((low, high))
        found.append(track)
    return found
