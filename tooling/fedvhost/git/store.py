"""A git object store: reads through one long-lived ``cat-file``, writes objects, merges trees.

Nothing here has a working tree or an index, and nothing is ever written into an upstream's own
repository: a store is a bare repository of ours that *borrows* the upstream's objects through
``objects/info/alternates``.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from fedvhost.commits import Commit, Conflict, Merge, parse_commit
from fedvhost.errors import InputError, ToolError, ToolFailed
from fedvhost.patches.diff import FileChange, parse_diff
from fedvhost.process import Completed, Conversation, run
from fedvhost.values import Oid

_BROKEN = re.compile(rb"^(?:error|fatal): ", re.MULTILINE)
# Comparing all that went with all that came is quadratic.
_MOST_MOVED = 600
# Questions that git is asked before we read the answers; their names must fit into a pipe.
_AT_ONCE = 100
MINIMUM_GIT = (2, 38)  # merge-tree --write-tree


def git_version() -> tuple[int, ...]:
    """Return git's version as numbers, ``(2, 39, 5)``."""
    words = run(["git", "--version"]).stdout.decode().split()
    return tuple(int(n) for n in re.findall(r"\d+", words[2])[:3])


def require_git() -> None:
    """Raise ToolError unless git can merge trees in the object store."""
    found = git_version()
    if found < MINIMUM_GIT:
        wanted, have = (".".join(map(str, v)) for v in (MINIMUM_GIT, found))
        raise ToolError(
            f"git {have} is too old: merging in the object store needs git {wanted} or newer; "
            "try: dnf upgrade git   (Debian: apt-get install git)"
        )


class GitStore:
    """A bare repository of ours at ``path``; use as a context manager, or call ``close``."""

    def __init__(self, path: Path, env: Mapping[str, str] | None = None) -> None:
        self.path = path
        # A hermetic git: no hook, alias or diff driver of the person's changes a byte of a result.
        self.env = {
            **{k: v for k, v in (os.environ if env is None else env).items() if not k.startswith("GIT_")},
            "GIT_DIR": str(path),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            # Attributes are not configuration: a person's `* merge=union` would settle conflicts silently.
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": "merge.conflictStyle",
            "GIT_CONFIG_VALUE_0": "diff3",
            "GIT_CONFIG_KEY_1": "core.attributesFile",
            "GIT_CONFIG_VALUE_1": os.devnull,
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
            "TZ": "UTC",
        }
        self._reader: Conversation | None = None
        self._checker: Conversation | None = None
        self._merges: dict[tuple[Oid, Oid], Merge] = {}
        self._changes: dict[tuple[Oid, Oid, tuple[str, ...]], Mapping[str, FileChange]] = {}
        self._paths: dict[tuple[Oid, Oid], tuple[str, ...]] = {}

    # -- life ---------------------------------------------------------------------------------------

    @classmethod
    def borrowing(cls, path: Path, upstream_objects: Sequence[Path]) -> GitStore:
        """Open the store at ``path``, made if missing, that reads through to the given object folders."""
        store = cls(path)
        if not (path / "HEAD").exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            run(
                ["git", "init", "-q", "--bare", os.fspath(path)],
                env={k: v for k, v in store.env.items() if k != "GIT_DIR"},
            )
        alternates = path / "objects" / "info" / "alternates"
        wanted = "".join(f"{p}\n" for p in upstream_objects)
        if not alternates.exists() or alternates.read_text() != wanted:
            alternates.write_text(wanted)
        return store

    def close(self) -> None:
        """End the programs that this store keeps running."""
        for program in (self._reader, self._checker):
            if program is not None:
                program.close()
        self._reader = self._checker = None

    def __enter__(self) -> GitStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def git(
        self,
        *args: str,
        stdin: bytes = b"",
        ok: Sequence[int] = (0,),
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a git command on this store."""
        return run(["git", *args], env={**self.env, **(env or {})}, stdin=stdin, ok=ok)

    def forget(self) -> None:
        """Drop what was remembered of merges and differences (a long series of unrelated ones)."""
        self._merges.clear()
        self._changes.clear()
        self._paths.clear()

    # -- reading ------------------------------------------------------------------------------------

    def read(self, name: str) -> tuple[Oid, str, bytes] | None:
        """Return oid, type and content of any object name (``tree:path`` included), None if there is none."""
        if "\n" in name:  # a path may have one, the conversation with cat-file not
            done = self.git("rev-parse", "--verify", "--quiet", "--end-of-options", name, ok=(0, 1, 128))
            name = done.stdout.decode().strip()
            if not name:
                return None
        return next(self._ask((name,)))

    def contents(self, oids: Sequence[Oid]) -> Iterator[bytes]:
        """Yield what these objects contain; in half the time that asking for one after the other takes.

        Raises:
            InputError: there is no such object here.
        """
        for at in range(0, len(oids), _AT_ONCE):
            some = oids[at : at + _AT_ONCE]
            # All of them: who leaves in the middle of an answer can ask nothing more.
            for oid, found in zip(some, tuple(self._ask(some)), strict=True):
                if found is None:
                    raise InputError(f"object {oid} is not in the repository {self.path}")
                yield found[2]

    def _ask(self, names: Sequence[str]) -> Iterator[tuple[Oid, str, bytes] | None]:
        if self._reader is None:
            self._reader = Conversation(["git", "cat-file", "--batch"], env=self.env)
        reader = self._reader
        reader.requests.write(b"".join(os.fsencode(name) + b"\n" for name in names))
        reader.requests.flush()
        for name in names:
            header = reader.answers.readline()
            words = header.split()
            if len(words) != 3 or not words[2].isdigit():
                if not header:
                    raise ToolError(f"'git cat-file' ended while reading '{name}' in {self.path}")
                yield None
                continue
            content = reader.answers.read(int(words[2]))
            reader.answers.read(1)
            yield Oid(words[0].decode()), words[1].decode(), content

    def absent(self, treeish: Oid, paths: Sequence[str]) -> tuple[str, ...]:
        """Return those of ``paths`` that are not in a tree or commit."""
        found: list[str] = []
        for path in paths:
            if "\n" in path:
                there = self.mode(treeish, path) is not None
            else:
                if self._checker is None:
                    self._checker = Conversation(["git", "cat-file", "--batch-check"], env=self.env)
                self._checker.requests.write(os.fsencode(f"{treeish}:{path}\n"))
                self._checker.requests.flush()
                there = not self._checker.answers.readline().endswith(b" missing\n")
            if not there:
                found.append(path)
        return tuple(found)

    def resolve(self, revision: str) -> Oid | None:
        """Return the commit that ``revision`` names in this store, None if it names none."""
        done = self.git(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}", ok=(0, 1, 128)
        )
        return Oid(done.stdout.decode().strip()) if done.returncode == 0 else None

    def commit(self, oid: Oid) -> Commit:
        """Read a commit.

        Raises:
            InputError: there is no such commit here.
        """
        found = self.read(oid)
        if found is None or found[1] != "commit":
            raise InputError(f"commit {oid} is not in the repository {self.path}")
        return parse_commit(oid, found[2])

    def tree_of(self, commit: Oid) -> Oid:
        """Return the tree of a commit."""
        return self.commit(commit).tree

    def file(self, treeish: Oid, path: str) -> bytes | None:
        """Return the content of ``path`` in a tree or commit, None if it is not a file there."""
        found = self.read(f"{treeish}:{path}")
        return found[2] if found is not None and found[1] == "blob" else None

    # -- writing ------------------------------------------------------------------------------------

    def write_blob(self, content: bytes) -> Oid:
        """Store a blob."""
        return Oid(self.git("hash-object", "-w", "--stdin", stdin=content).stdout.decode().strip())

    def write_commit(
        self,
        tree: Oid,
        parents: Sequence[Oid],
        author: bytes,
        committer: bytes,
        message: bytes,
        encoding: bytes | None = None,
    ) -> Oid:
        """Store a commit with exactly these bytes."""
        lines = [b"tree " + tree.encode(), *(b"parent " + p.encode() for p in parents)]
        lines += [b"author " + author, b"committer " + committer]
        if encoding:
            lines.append(b"encoding " + encoding)
        raw = b"\n".join(lines) + b"\n\n" + message
        return Oid(
            self.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw).stdout.decode().strip()
        )

    def write_tree(self, base: Oid, changes: Mapping[str, tuple[str, Oid] | None]) -> Oid:
        """Return ``base`` with these files set to ``(mode, blob)``, or removed where None."""
        if not changes:
            return base
        index = self.path / f"index-{os.getpid()}-{time.monotonic_ns()}"
        env = {"GIT_INDEX_FILE": str(index)}
        lines = [
            f"0 {'0' * 40}\t{path}\0" if change is None else f"{change[0]} {change[1]}\t{path}\0"
            for path, change in changes.items()
        ]
        try:
            self.git("read-tree", base, env=env)
            self.git("update-index", "-z", "--index-info", stdin=os.fsencode("".join(lines)), env=env)
            return Oid(self.git("write-tree", env=env).stdout.decode().strip())
        finally:
            index.unlink(missing_ok=True)

    def modes(self, treeish: Oid, paths: Sequence[str]) -> Mapping[str, str]:
        """Return path → mode (``100644``) of those of ``paths`` that are in the tree."""
        return {path: mode for path, (mode, _) in self.entries(treeish, paths).items()}

    def entries(self, treeish: Oid, paths: Sequence[str]) -> Mapping[str, tuple[str, Oid]]:
        """Return path → mode and object of those of ``paths`` that are in the tree."""
        if not paths:
            return {}
        words = ("--literal-pathspecs", "ls-tree", "-r", "-z", treeish, "--", *paths)
        rows = (row.split("\t", 1) for row in os.fsdecode(self.git(*words).stdout).split("\0") if row)
        return {path: (meta.split()[0], Oid(meta.split()[2])) for meta, path in rows}

    def mode(self, treeish: Oid, path: str) -> str | None:
        """Return the mode of one file, None if it is absent."""
        return self.modes(treeish, [path]).get(path)

    def merge(self, tree: Oid, pick: Oid) -> Merge:
        """Merge what ``pick`` changed against its parent into ``tree``.

        git 2.39 has no ``merge-tree --merge-base``; grafting ``tree`` onto the pick's parent makes that
        parent the one merge base, in every git since 2.38. The graft is dated now: with an old date the
        walk for the merge base goes through old history first (2.5 s against 27 ms on Linux).

        Raises:
            InputError: ``pick`` is a merge or a root commit.
        """
        if (tree, pick) in self._merges:
            return self._merges[tree, pick]
        parents = self.commit(pick).parents
        if len(parents) != 1:
            raise InputError(
                f"commit {pick.short} has {len(parents)} parents; only a commit with one can be picked"
            )
        who = f"fedvhost <fedvhost@localhost> {int(time.time())} +0000".encode()
        graft = self.write_commit(tree, parents, who, who, b"graft\n")
        done = self.git("merge-tree", "--write-tree", "-z", "--messages", graft, pick, ok=(0, 1))
        # git exits 1 for a conflict and for a bad name alike; only a conflict prints a tree. Where it cannot
        # read a tree (a partial clone) it says so, takes it for an empty one and goes on.
        if not done.stdout or _BROKEN.search(done.stderr):
            raise ToolFailed(done.argv, done.returncode, done.stderr)
        merge = parse_merge(done.stdout, graft, pick)
        self._merges[tree, pick] = merge
        return merge

    def merge_file(self, ours: bytes, base: bytes, theirs: bytes, names: tuple[str, str]) -> bytes | None:
        """Merge three texts by git's other diff algorithm: ``merge-tree`` aligns by histogram, whatever its
        configuration says, and ``merge-file`` by Myers. Markers are those of diff3, with ``names`` of ours
        and theirs. None: it is no text."""
        with tempfile.TemporaryDirectory(prefix="merge-", dir=self.path) as folder:
            files = [Path(folder) / name for name in ("ours", "base", "theirs")]
            for file, content in zip(files, (ours, base, theirs), strict=True):
                file.write_bytes(content)
            labels = ("-L", names[0], "-L", "base", "-L", names[1])
            done = self.git(
                "merge-file", "-p", "-q", "--diff3", *labels, *map(str, files), ok=range(256)
            )  # the status is the number of conflicts; of a failure 255
        return None if done.returncode == 255 else done.stdout

    def changes(self, old: Oid, new: Oid, paths: Sequence[str] = ()) -> Mapping[str, FileChange]:
        """Return what changed between two trees or commits, hunk by hunk without context."""
        key = (old, new, tuple(paths))
        if key not in self._changes:
            done = self.git(
                "--literal-pathspecs",
                "diff-tree",
                "-r",
                "-p",
                "-U0",
                "--no-renames",
                "--no-ext-diff",
                "--no-textconv",
                "--src-prefix=a/",
                "--dst-prefix=b/",
                old,
                new,
                "--",
                *paths,
            )
            self._changes[key] = parse_diff(done.stdout)
        return self._changes[key]

    def move_ref(self, ref: str, new: Oid) -> None:
        """Point ``ref`` at ``new`` by compare-and-swap against what it was when we looked."""
        old = self.resolve(ref)
        if old != new:
            self.git("update-ref", ref, new, old or "0" * 40)

    def renames(
        self, old: Oid, new: Oid, paths: Sequence[str] = (), *, likeness: int = 50
    ) -> Mapping[str, tuple[str, int]]:
        """Return old path → new path and likeness (percent) of the files that moved between two trees or
        commits, as git guesses from at least ``likeness``; only among ``paths``, if there are any. Where
        very many files came and went, none but those that moved unchanged."""
        out = self.git(
            "--literal-pathspecs", "diff-tree", "-r", "-z", "--diff-filter=R", f"--find-renames={likeness}%",
            f"-l{_MOST_MOVED}", old, new, "--", *paths,
        ).stdout  # fmt: skip
        words = os.fsdecode(out).split("\0")
        return {
            was: (now, int(meta.split()[4][1:]))
            for meta, was, now in zip(words[::3], words[1::3], words[2::3], strict=False)
        }

    def held_line(self, tree: Oid, lines: Sequence[bytes]) -> bytes | None:
        """Return one of the pieces of text that stands in a line of any text file in the tree, None if
        none does; empty ones are not looked for."""
        wanted = b"\n".join(filter(None, lines))
        if not wanted:
            return None
        done = self.git("grep", "-h", "-I", "-F", "-o", "-f", "-", tree, stdin=wanted, ok=(0, 1))
        return done.stdout.split(b"\n", 1)[0] if done.returncode == 0 else None

    def created(self, commit: Oid, path: str) -> Oid | None:
        """Return the last commit, of those that ``commit`` reaches, that brought the file ``path``."""
        out = self.git(
            *("log", "--format=%H", "--no-renames", "--diff-filter=A", "--max-count=1"),
            *(commit, "--", f":(literal){path}"),
        ).stdout.decode()
        return Oid(out.strip()) if out.strip() else None

    def wrote(self, commit: Oid, path: str, lines: Sequence[range]) -> tuple[Oid, ...]:
        """Return who wrote the lines (1-based) that ``path`` has at a commit."""
        spans = [f"-L{r.start},{r.stop - 1}" for r in lines if r.stop > r.start]
        # 128: a range begins after the end of the file
        done = self.git("blame", "--porcelain", "-s", *spans, commit, "--", path, ok=(0, 128))
        found = re.findall(rb"^([0-9a-f]{40}) \d+ \d+", done.stdout, re.MULTILINE)
        return tuple(dict.fromkeys(Oid(c.decode()) for c in found)) if spans else ()

    def diff_paths(self, old: Oid, new: Oid) -> tuple[str, ...]:
        """Return the paths that differ between two trees or commits."""
        if (old, new) not in self._paths:
            out = self.git("diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new).stdout
            self._paths[old, new] = tuple(p for p in os.fsdecode(out).split("\0") if p)
        return self._paths[old, new]

    def present(self, names: Iterable[str]) -> dict[str, Oid | None]:
        """Return, for many object names at once, the oid each has (None: there is no such object)."""
        wanted = list(names)
        request = os.fsencode("".join(f"{n}\n" for n in wanted))
        out = self.git("cat-file", "--batch-check=%(objectname)", stdin=request).stdout.decode(
            errors="replace"
        )
        return {
            name: None if line.endswith(("missing", "ambiguous")) else Oid(line)
            for name, line in zip(wanted, out.splitlines(), strict=True)
        }


# The conflicts that are told file by file, with what the sides have.
_TOLD = ("CONFLICT (contents)", "CONFLICT (modify/delete)")


def parse_merge(out: bytes, ours: Oid, theirs: Oid) -> Merge:
    """Read ``git merge-tree --write-tree -z --messages``."""
    text = os.fsdecode(out)
    tree, _, rest = text.partition("\0")
    stages: dict[str, dict[int, Oid]] = {}
    while rest and not rest.startswith("\0"):
        entry, _, rest = rest.partition("\0")
        meta, _, path = entry.partition("\t")
        _mode, oid, stage = meta.split()
        stages.setdefault(path, {})[int(stage)] = Oid(oid)
    conflicts = tuple(Conflict(p, s.get(1), s.get(2), s.get(3)) for p, s in sorted(stages.items()))
    complaints: list[tuple[str, str]] = []
    words = rest[1:].split("\0")
    while len(words) > 3:  # number of paths, the paths, the kind, the message
        count = int(words[0])
        kind = words[count + 1]
        if kind.startswith("CONFLICT") and kind not in _TOLD:
            complaints.append((words[1] if count else "", kind.removeprefix("CONFLICT").strip(" ()")))
        words = words[count + 3 :]
    return Merge(Oid(tree), conflicts, tuple(complaints), ours, theirs)
