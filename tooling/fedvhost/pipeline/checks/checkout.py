"""The tree that a check compiles in: the base once, and then only what a step of the series changes.

It stays in ``.fedvhost/check/<package>/tree`` with its objects, so that the next step, or the next run,
compiles little. ``state.json`` beside it says which files are not the base's; it is written before they are,
so that a run that was killed leaves nothing unknown behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fedvhost.backport.compilecheck import edited, matching
from fedvhost.backport.recipe import Check
from fedvhost.errors import InputError
from fedvhost.git.store import GitStore
from fedvhost.git.trees import Trees
from fedvhost.packaging.compile import Compiler, wait_for
from fedvhost.values import Oid
from fedvhost.workspace import telling_of, write_atomic

_FORMAT = 2  # of state.json


@dataclass(slots=True)
class Checkout:
    """A work tree of ``base`` at ``folder/tree`` with the edits and files of ``check``. Not thread-safe."""

    folder: Path
    store: GitStore
    base: Oid
    check: Check
    compiler: Compiler
    _written: tuple[str, ...] = ()  # what may differ from the base
    prepared: bool = False
    # What the base's own objects leave undefined (object → names), None until they were compiled.
    base_needs: Mapping[str, tuple[str, ...]] | None = None
    _busy: bool = False

    @property
    def tree(self) -> Path:
        """The top of the work tree."""
        return self.folder / "tree"

    @property
    def preparation(self) -> Path:
        """What the last preparation said."""
        return self.folder / "prepared.log"

    @property
    def lock(self) -> Path:
        """What the processes of a build hold; beside the folder, which may be made anew."""
        return self.folder.with_suffix(".lock")

    def open(self, progress: Callable[[str], None]) -> None:
        """Take up the tree of an earlier run, or check the base out anew if it was another one.

        Raises:
            InputError: an edit matches nothing in the base.
            FedvhostError: the disk is full, or the folder cannot be written.
        """
        with telling_of(self.lock):
            self.lock.parent.mkdir(parents=True, exist_ok=True)
            wait_for(self.lock)
        state = self._read_state()
        if state is not None:
            self._written = tuple(state["written"])
            self.prepared = state["prepared"]
            if state["base_needs"] is not None:
                self.base_needs = {path: tuple(names) for path, names in state["base_needs"].items()}
            if state["busy"]:
                self._mend()
            return
        with telling_of(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.tree.mkdir(parents=True)
        progress(f"checking out {self.base.short} into '{self.folder}'")
        # An index of its own, and no attributes that `git archive` would act on: the files as they are.
        env = {"GIT_INDEX_FILE": str(self.folder / "index"), "GIT_WORK_TREE": str(self.tree)}
        self.store.git("read-tree", self.base, env=env)
        self.store.git("checkout-index", "-a", "-q", env=env)
        (self.folder / "index").unlink()
        self._adorn()
        self._written, self.prepared, self.base_needs = (), False, None
        self.save()

    def show(self, treeish: Oid, paths: Sequence[str]) -> tuple[str, ...]:
        """Make ``paths``, and whatever an earlier step changed, as they are in ``treeish``; return what
        that changed on the disk. What is right already keeps its time, so make leaves it alone."""
        union = tuple(sorted({*paths, *self._written}))
        modes = self.store.modes(treeish, union)
        stale = [p for p in union if not self._is(p, treeish, modes)]
        if stale:
            self._written = union
            self.prepared = self.prepared and not matching(stale, self.check.again)
            self.save()
        for path in stale:
            self._put(path, treeish, modes)
        return tuple(stale)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Commands write to the tree while the block runs; if we are killed in it, the next run knows."""
        self._busy = True
        self.save()
        yield
        # Not in a `finally`: what an interrupted command left behind is not to be trusted either.
        self._busy = False
        self.save()

    def save(self) -> None:
        """Write down what the tree holds."""
        state = {
            "key": self._key(),
            "written": list(self._written),
            "prepared": self.prepared,
            "base_needs": self.base_needs,
            "busy": self._busy,
        }
        write_atomic(self.folder / "state.json", json.dumps(state, indent=1, sort_keys=True).encode())

    def source(self, treeish: Oid, path: str) -> bytes | None:
        """Return a file as the tree is to have it: with the edits, which reach no patch."""
        content = self.store.file(treeish, path)
        edits = [e for e in self.check.edits if e.path == path]
        return edited(content, edits)[0] if content is not None and edits else content

    def _mend(self) -> None:
        """Remove what a killed run wrote: half an object would be newer than its source, and stay."""
        since = (self.folder / "state.json").stat().st_mtime_ns
        ours = Trees(self.store).at(self.base).blobs()
        for folder, _, files in os.walk(self.tree):
            for path in (Path(folder, name) for name in files):
                if path.lstat().st_mtime_ns >= since and str(path.relative_to(self.tree)) not in ours:
                    path.unlink()
        self._busy = self.prepared = False
        self.save()

    def _adorn(self) -> None:
        for path in dict.fromkeys(e.path for e in self.check.edits):
            content = self.store.file(self.base, path)
            if content is None:
                raise InputError(f"the check edits '{path}', which is not in the base {self.base.short}")
            changed, idle = edited(content, [e for e in self.check.edits if e.path == path])
            if idle:
                raise InputError(
                    f"the check's edit of '{path}' ({idle[0].because}) matches nothing in the base "
                    f"{self.base.short}: '{idle[0].pattern}'"
                )
            (self.tree / path).write_bytes(changed)
        for file in self.check.files:
            target = self.tree / file.path.replace("{gcc}", self.compiler.major)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(file.content.replace("{gcc}", self.compiler.major))

    def _is(self, path: str, treeish: Oid, modes: Mapping[str, str]) -> bool:
        target, mode = self.tree / path, modes.get(path)
        if mode is None:
            return not (target.is_symlink() or target.is_file())
        if mode == "160000":
            return True
        wanted = self.source(treeish, path)
        if mode == "120000":
            return target.is_symlink() and os.fsencode(target.readlink()) == wanted
        if target.is_symlink() or not target.is_file():
            return False
        executable = bool(target.stat().st_mode & 0o100)
        return executable == (mode == "100755") and target.read_bytes() == wanted

    def _put(self, path: str, treeish: Oid, modes: Mapping[str, str]) -> None:
        target, mode = self.tree / path, modes.get(path)
        with telling_of(target):
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)  # a folder became a file, and only what was built is left in it
            target.unlink(missing_ok=True)
            if mode is None:
                return
            content = self.source(treeish, path) or b""
            target.parent.mkdir(parents=True, exist_ok=True)
            if mode == "120000":
                target.symlink_to(os.fsdecode(content))
                return
            target.write_bytes(content)
            target.chmod(0o755 if mode == "100755" else 0o644)

    def _read_state(self) -> dict[str, Any] | None:
        try:
            state = json.loads((self.folder / "state.json").read_bytes())
            return state if state["key"] == self._key() and self.tree.is_dir() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _key(self) -> str:
        # Where it stands is part of it: dependency files name the folder.
        said = json.dumps([_FORMAT, self.base, asdict(self.check), asdict(self.compiler), str(self.folder)])
        return hashlib.sha256(said.encode()).hexdigest()


def remove(folders: Collection[Path]) -> tuple[Path, ...]:
    """Remove the trees of checks, and return those that were there."""
    here = tuple(f for f in folders if f.is_dir())
    for folder in here:
        with telling_of(folder):
            shutil.rmtree(folder)
    return here
