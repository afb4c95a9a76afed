"""What a landed pick takes away though the place where it lands still uses it: a label, a declaration.

Upstream may have done away with the last use by a commit that is not here. git merges such a pick without a
word, for the use stands somewhere else in the file.
"""

from __future__ import annotations

from collections.abc import Collection

from fedvhost.backport.csource import declared, open_gotos, uses
from fedvhost.backport.includes import Sources, Tree, View


def lost_labels(before: bytes, after: bytes, upstream: bytes) -> tuple[str, ...]:
    """Return the labels that ``after`` jumps to and has no more; what ``before`` or upstream's file lacks as
    well (a macro makes it) is left out."""
    return tuple(sorted(open_gotos(after) - open_gotos(before) - open_gotos(upstream)))


def lost_declarations(before: bytes, after: bytes) -> frozenset[str]:
    """Return the names that ``before`` declares and ``after`` only uses."""
    kept = declared(after)
    gone = declared(before).outer - kept.outer - kept.inner
    if not gone:
        return frozenset()
    return gone & {use.name for use in uses(after, [range(1, after.count(b"\n") + 2)])}


def out_of_sight(
    names: Collection[str], path: str, upstream: Tree, result: Tree, cache: Sources
) -> tuple[str, ...]:
    """Return those of ``names`` that nothing ``path`` includes declares in the result. Where upstream's file
    uses a name that nothing declares either, we cannot see how it is declared, and say nothing."""
    there, here = View(upstream, cache), View(result, cache)
    if path not in there.blobs or path not in here.blobs:
        return ()
    lost = set(names)
    for seen in here.closure(path):
        lost -= here.source(seen).offers(lost)
    if not lost:
        return ()
    content = upstream.content(there.blobs[path])
    used = {use.name for use in uses(content, [range(1, content.count(b"\n") + 2)])}
    known = {n for seen in (path, *there.closure(path)) for n in there.source(seen).offers(lost)}
    return tuple(sorted(name for name in lost if name not in used or name in known))
