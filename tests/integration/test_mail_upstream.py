"""Real commits through the mail and back: some hundred of each real history, spread over the feature's range.

Each commit's files stand in a folder of its own in one base commit, so that all are one series: one
``format-patch``, one ``git am``. Author, date, message and content are upstream's; the paths get longer.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from fedvhost.backport.series import mail_message
from fedvhost.commits import decode
from fedvhost.git.mail import format_patches
from fedvhost.git.store import GitStore
from fedvhost.process import run
from fedvhost.values import Oid
from mailing import Mailbox, commits, said

pytestmark = pytest.mark.upstream

COUNT = 150
# A sweep over thousands of files is the same patch thousands of times.
MOST_FILES = 40
NOTHING = "0" * 40


def sample(store: GitStore, base: str, until: str) -> tuple[Oid, ...]:
    """Choose commits at equal distances, no merges; the same every time."""
    out = store.git("rev-list", "--topo-order", "--no-merges", "--reverse", until, f"^{base}").stdout.decode()
    found = out.split()
    return tuple(Oid(found[i * len(found) // COUNT]) for i in range(COUNT))


def changed(store: GitStore, picks: tuple[Oid, ...]) -> Mapping[Oid, list[tuple[str, str, str, str, bytes]]]:
    """Return what each commit does: old mode, new mode, old blob, new blob, path."""
    names = "".join(f"{c}\n" for c in picks).encode()
    out = store.git("diff-tree", "--stdin", "-r", "-z", "--no-renames", stdin=names).stdout
    rows: dict[Oid, list[tuple[str, str, str, str, bytes]]] = {}
    fields = out.split(b"\0")
    at = 0
    while at < len(fields) - 1:
        head = fields[at].decode().lstrip("\n")
        if re.fullmatch(r"[0-9a-f]{40}", head):
            rows[Oid(head)] = current = []
            at += 1
            continue
        old_mode, new_mode, old, new, _ = head.removeprefix(":").split()
        current.append((old_mode, new_mode, old, new, fields[at + 1]))
        at += 2
    return {c: r for c, r in rows.items() if len(r) <= MOST_FILES}


def quoted(number: int, path: bytes) -> bytes:
    return b'"%05d/%s"' % (number, b"".join(b"\\%03o" % b for b in path))


def as_series(store: GitStore, picks: tuple[Oid, ...]) -> tuple[Oid, Oid, tuple[Oid, ...]]:
    """Write the commits as one series; returns base, tip and the commits that are in it."""
    changes = changed(store, picks)
    first = b"commit refs/heads/all\ncommitter a <a@b> 1 +0000\ndata 4\nbase\n"
    later: list[bytes] = []
    for number, (pick, rows) in enumerate(changes.items()):
        commit = store.commit(pick)
        later += [b"commit refs/heads/all\n", b"author %s\n" % commit.author, b"committer a <a@b> 1 +0000\n"]
        later += [b"encoding %s\n" % commit.encoding] if commit.encoding else []
        later.append(b"data %d\n%s\n" % (len(commit.message), commit.message))
        for old_mode, new_mode, old, new, path in rows:
            name = quoted(number, path)
            if old != NOTHING:
                first += b"M %s %s %s\n" % (old_mode.encode(), old.encode(), name)
            change = b"M %s %s %s\n" % (new_mode.encode(), new.encode(), name)
            later.append(change if new != NOTHING else b"D %s\n" % name)
    store.git("fast-import", "--quiet", "--done", stdin=first + b"".join(later) + b"done\n")
    tip = store.resolve("refs/heads/all")
    base = store.resolve(f"refs/heads/all~{len(changes)}")
    assert tip is not None and base is not None
    return base, tip, tuple(changes)


def as_git_am_has_it(message: str) -> str:
    """Return a message with the white space that ``git am`` leaves; its subject on one line."""
    subject, gap, body = message.lstrip("\n").partition("\n\n")
    lines = [line.rstrip() for line in body.split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")
    return " ".join(subject.split()) + (gap + text if text else "")


@pytest.mark.parametrize(
    ("history", "base", "until"),
    [("upstream_kernel", "v2.6.33", "v2.6.34"), ("upstream_qemu_kvm", "qemu-kvm-0.12.3", "c015d83dd737")],
    ids=["kernel", "qemu-kvm"],
)
def test_real_commits_come_back(
    history: str, base: str, until: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    upstream: Path = request.getfixturevalue(history)
    where = run(["git", "-C", upstream, "rev-parse", "--absolute-git-dir"]).stdout.decode().strip()
    objects = Path(where) / "objects"
    with GitStore(Path(where)) as reader:
        picks = sample(reader, base, until)
    with GitStore.borrowing(tmp_path / "store.git", [objects]) as store:
        start, tip, originals = as_series(store, picks)
        patches = format_patches(store, start, tip)
        box = Mailbox(tmp_path / "mailbox", store.path, os.environ)
        end = box.take(start, patches)
        before = [said(store, c) for c in commits(store, start, tip)]
        with GitStore.borrowing(
            tmp_path / "again.git", [box.path / ".git" / "objects", store.path / "objects", objects]
        ) as second:
            after = [said(second, c) for c in commits(second, start, end)]
            again = format_patches(second, start, end)

        assert len(originals) > COUNT * 0.9
        assert [a.tree for a in after] == [b.tree for b in before]
        for pick, one, two in zip(originals, before, after, strict=True):
            commit = store.commit(pick)
            who = commit.author.rsplit(b" ", 2)[0]
            mail = mail_message(commit.message, who)
            # A From: above a body that begins like a header is there for git am to take away.
            if mail.count(own := b"\n\nFrom: " + who) > commit.message.count(own):
                mail = mail.replace(own, b"", 1)
            assert (two.author, two.date) == (one.author, one.date), pick
            assert two.message == as_git_am_has_it(decode(mail, commit.encoding)), pick
        kept = [n for n, (one, two) in enumerate(zip(before, after, strict=True)) if one == two]
        assert [again[n] for n in kept] == [patches[n] for n in kept]
        assert len(kept) > COUNT * 0.8
