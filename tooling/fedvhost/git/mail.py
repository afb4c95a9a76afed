"""Commits as patch files in mail format, by ``git format-patch``, with nothing in them that varies."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fedvhost.git.store import GitStore
from fedvhost.values import Oid

# Bytes that depend on the series alone: no git version, no number of patches, no committer, no settings.
_STABLE = (
    "--no-signature", "--zero-commit", "--full-index", "--no-renames", "--no-numbered", "--binary",
    "--stat=78,60", "--summary", "--unified=3", "--diff-algorithm=myers", "--indent-heuristic",
    "--no-thread", "--no-cover-letter", "--no-base", "--no-attach", "--no-ext-diff", "--no-textconv",
    "--encode-email-headers", "--src-prefix=a/", "--dst-prefix=b/", "--no-relative",
)  # fmt: skip


def format_patches(store: GitStore, base: Oid, tip: Oid) -> tuple[bytes, ...]:
    """Return the commits of ``base..tip``, oldest first, each as a patch that ``git am`` and ``patch -p1``
    take."""
    if base == tip:
        return ()
    with tempfile.TemporaryDirectory(prefix="fedvhost-") as folder:
        store.git("format-patch", "-q", *_STABLE, "-o", folder, f"{base}..{tip}")
        return tuple(p.read_bytes() for p in sorted(Path(folder).iterdir()))


def whole_diff(store: GitStore, base: Oid, tip: Oid) -> bytes:
    """Return the difference between two commits, with its diffstat above it."""
    options = [
        o for o in _STABLE if o.startswith(("--full", "--no-renames", "--bin", "--unified", "--diff-alg"))
    ]
    return store.git(
        "diff-tree", "-r", "-p", "--stat=78,60", "--summary", "--indent-heuristic", "--no-ext-diff",
        "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", *options, base, tip,
    ).stdout  # fmt: skip
