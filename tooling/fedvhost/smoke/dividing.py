"""Rows that have nothing to do with each other, for test hosts side by side."""

from __future__ import annotations

from collections.abc import Sequence

from fedvhost.inside.rows import Row


def divided(rows: Sequence[Row], parts: int) -> tuple[tuple[Row, ...], ...]:
    """Divide rows into at most ``parts`` parts that take about as long, as far as their limits tell. Rows
    that share a guest, or of which one builds on the other, stay together, and all in their order."""
    heaps: list[list[Row]] = [[] for _ in range(parts)]
    for group in sorted(_groups(rows), key=_seconds, reverse=True):
        min(heaps, key=_seconds).extend(group)
    order = {row.id: number for number, row in enumerate(rows)}
    return tuple(tuple(sorted(heap, key=lambda r: order[r.id])) for heap in heaps if heap)


def _groups(rows: Sequence[Row]) -> list[list[Row]]:
    groups: list[tuple[set[str], list[Row]]] = []
    for row in rows:
        ties = {f"guest {name}" for name in row.guests} | {f"row {name}" for name in (row.id, *row.after)}
        tied = [group for group in groups if group[0] & ties]
        groups = [group for group in groups if group not in tied]
        groups.append(
            (ties.union(*(t for t, _ in tied)), [*(r for _, members in tied for r in members), row])
        )
    return [members for _, members in groups]


def _seconds(rows: Sequence[Row]) -> float:
    return sum(row.seconds for row in rows)
