"""Source archives out of a git history: the same bytes for the same commit, wherever it is run."""

from __future__ import annotations

import bz2
import gzip
import os
import shutil
from pathlib import Path
from typing import Literal

from fedvhost.errors import InputError
from fedvhost.process import run
from fedvhost.values import Oid

Compression = Literal["none", "gzip", "bzip2"]


def source_archive(
    git_dir: Path, commit: str, prefix: str, target: Path, *, compression: Compression = "none"
) -> Oid:
    """Write the tree of ``commit`` as a tar archive to ``target``; return the commit's full name.

    Every path begins with ``prefix`` (``linux-2.6.33``). A plain tar serves under any name, also
    ``linux-2.6.33.tar.bz2``: rpm goes by the content, and a kernel takes a minute to compress. The
    archive appears whole or not at all.

    Raises:
        InputError: there is no such commit in ``git_dir``.
    """
    env = _env(git_dir)
    name = f"{commit}^{{commit}}"
    found = run(
        ["git", "rev-parse", "--verify", "--quiet", "--end-of-options", name], env=env, ok=(0, 1, 128)
    )
    if found.returncode != 0:
        raise InputError(f"commit '{commit}' is not in this repository", file=git_dir)
    oid = Oid(found.stdout.decode().strip())
    target.parent.mkdir(parents=True, exist_ok=True)
    plain = target.with_name(f".{target.name}.tar-{os.getpid()}")
    packed = target.with_name(f".{target.name}.packed-{os.getpid()}")
    try:
        run(
            [
                *("git", "-c", "tar.umask=0022", "archive", "--format=tar"),
                *(f"--prefix={prefix.strip('/')}/", "-o", os.fspath(plain.resolve()), oid),
            ],
            env=env,
        )
        if compression == "none":
            plain.replace(target)
        else:
            _compress(plain, packed, compression)
            packed.replace(target)
    finally:
        plain.unlink(missing_ok=True)
        packed.unlink(missing_ok=True)
    return oid


def commit_time(git_dir: Path, commit: str) -> int:
    """Return when a commit was made, in seconds."""
    done = run(["git", "show", "-s", "--format=%ct", "--end-of-options", commit], env=_env(git_dir))
    return int(done.stdout)


def _compress(plain: Path, packed: Path, compression: Compression) -> None:
    with plain.open("rb") as source, packed.open("wb") as raw:
        sink: gzip.GzipFile | bz2.BZ2File
        if compression == "gzip":
            # No name and no time in the header (gzip -n): they would differ from run to run.
            sink = gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=0)
        else:
            sink = bz2.BZ2File(raw, "wb")
        with sink:
            shutil.copyfileobj(source, sink, 1 << 20)


def _env(git_dir: Path) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
        "GIT_DIR": os.fspath(git_dir.resolve()),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_REPLACE_OBJECTS": "1",
        # A partial clone must not reach for the network to fill itself.
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "TZ": "UTC",
    }
