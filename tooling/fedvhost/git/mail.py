"""Commits as patch files in mail format, by ``git format-patch``, with nothing in them that varies."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fedvhost.backport.series import mail_message
from fedvhost.git.store import GitStore
from fedvhost.values import Oid

# Bytes that depend on the series alone: no git version, no number of patches, no committer, no settings.
_STABLE = (
    "--no-signature", "--zero-commit", "--full-index", "--no-renames", "--no-numbered", "--binary",
    "--stat=78,60", "--summary", "--unified=3", "--diff-algorithm=myers", "--indent-heuristic",
    "--no-thread", "--no-cover-letter", "--no-base", "--no-attach", "--no-ext-diff", "--no-textconv",
    "--encode-email-headers", "--src-prefix=a/", "--dst-prefix=b/", "--no-relative",
    "--always",  # else a commit that changes nothing becomes a file without a byte, which is no mail
)  # fmt: skip


def format_patches(store: GitStore, base: Oid, tip: Oid) -> tuple[bytes, ...]:
    """Return the commits of ``base..tip``, oldest first, each as a patch that ``git am`` and ``patch -p1``
    take.

    ``git am`` leaves ``[SCSI]`` at the start of a subject only with ``--keep-non-patch``, and carriage
    returns in a file only with ``--keep-cr``. White space at the end of a message's lines, several blank
    lines in a row, a subject's ``Re:`` and a name of more than 60 bytes it never keeps.
    """
    if base == tip:
        return ()
    tip = _mailable(store, base, tip)
    with tempfile.TemporaryDirectory(prefix="fedvhost-") as folder:
        store.git("format-patch", "-q", *_STABLE, "-o", folder, f"{base}..{tip}")
        return tuple(p.read_bytes() for p in sorted(Path(folder).iterdir()))


def _mailable(store: GitStore, base: Oid, tip: Oid) -> Oid:
    """Return ``tip``, or where a message needs it the same series with messages that survive the mail."""
    names = store.git("rev-list", "--reverse", f"{base}..{tip}").stdout.decode().split()
    commits = [store.commit(Oid(name)) for name in names]
    messages = [mail_message(c.message, c.author.rsplit(b" ", 2)[0]) for c in commits]
    if all(m == c.message for c, m in zip(commits, messages, strict=True)):
        return tip
    made = base
    for commit, message in zip(commits, messages, strict=True):
        made = store.write_commit(
            commit.tree, [made], commit.author, commit.committer, message, commit.encoding
        )
    return made


def whole_diff(store: GitStore, base: Oid, tip: Oid) -> bytes:
    """Return the difference between two commits, with its diffstat above it."""
    options = [
        o for o in _STABLE if o.startswith(("--full", "--no-renames", "--bin", "--unified", "--diff-alg"))
    ]
    return store.git(
        "diff-tree", "-r", "-p", "--stat=78,60", "--summary", "--indent-heuristic", "--no-ext-diff",
        "--no-textconv", "--src-prefix=a/", "--dst-prefix=b/", *options, base, tip,
    ).stdout  # fmt: skip
