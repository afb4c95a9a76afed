"""Bringing a history here: a bare repository that holds what ends in the revisions we need, no more.

Asking for two tags of Linux instead of all of it is the difference between some hundred megabytes and
several gigabytes. The history of what is asked for is complete: prerequisites are found by walking it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from fedvhost.errors import InputError
from fedvhost.git.store import GitStore
from fedvhost.process import run, watch

_FULL_OID = re.compile(r"[0-9a-f]{40}")


def fetch(url: str, git_dir: Path, revisions: Sequence[str], tell: Callable[[bytes], None]) -> bool:
    """Make sure that ``git_dir``, made if missing, has ``revisions``; return whether the network was needed.

    A fetch that was interrupted leaves no ref behind; the next one starts again. ``tell`` is given git's
    progress as it comes.

    Raises:
        InputError: the remote has no such tag or branch.
        ToolError: git could not fetch.
    """
    env = _environment(git_dir)
    if not (git_dir / "HEAD").exists():
        git_dir.parent.mkdir(parents=True, exist_ok=True)
        run(["git", "init", "-q", "--bare", git_dir], env={k: v for k, v in env.items() if k != "GIT_DIR"})
    here = GitStore(git_dir)
    missing = [r for r in revisions if here.resolve(r) is None]
    if not missing:
        return False
    listed = run(["git", "ls-remote", "--quiet", "--", url], env=env).stdout.decode(errors="replace")
    wanted = refspecs(missing, {line.partition("\t")[2] for line in listed.splitlines()}, url)
    watch(["git", "fetch", "--progress", "--no-tags", "--", url, *wanted], tell, env=env)
    return True


def refspecs(revisions: Iterable[str], advertised: Iterable[str], url: str) -> tuple[str, ...]:
    """Return what to ask the remote for, given the refs it advertises.

    Raises:
        InputError: a revision is neither a tag nor a branch there, nor a commit written in full.
    """
    refs = frozenset(advertised)
    found: list[str] = []
    for revision in revisions:
        tag, branch = f"refs/tags/{revision}", f"refs/heads/{revision}"
        if tag in refs:
            found.append(f"+{tag}:{tag}")
        elif branch in refs:
            found.append(f"+{branch}:{branch}")
        elif _FULL_OID.fullmatch(revision):
            found.append(f"{revision}:refs/wanted/{revision}")
        else:
            names = sorted(r.removeprefix("refs/tags/") for r in refs if r.startswith("refs/tags/"))
            close = difflib.get_close_matches(revision, [n for n in names if not n.endswith("^{}")], n=5)
            raise InputError(
                f"'{url}' has no tag or branch '{revision}'"
                + (f"; tags there that look like it: {', '.join(close)}" if close else "")
                + "; a commit must be written in full, 40 digits, to be fetched"
            )
    return tuple(found)


def _environment(git_dir: Path) -> Mapping[str, str]:
    """The person's own git settings, for the proxy and the certificates, on a repository of ours."""
    elsewhere = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")
    return {
        **{k: v for k, v in os.environ.items() if k not in elsewhere},
        "GIT_DIR": os.fspath(git_dir),
        "GIT_TERMINAL_PROMPT": "0",
        # A connection that stands still for a minute is a failure, not a wait.
        "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
        "GIT_HTTP_LOW_SPEED_TIME": "60",
        "LC_ALL": "C",
    }
