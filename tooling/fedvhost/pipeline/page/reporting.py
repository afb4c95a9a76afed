"""What a report shows, read from the workspace: nothing is worked out anew, fetched, or changed.

A file that cannot be read is told of and does not keep the rest from being shown.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fedvhost.backport.plan import PackagePlan, Plan, from_json
from fedvhost.builds.record import Record, all_records
from fedvhost.commits import Commit, decode
from fedvhost.errors import FedvhostError, InputError
from fedvhost.evidence import Spoiled
from fedvhost.git.store import GitStore
from fedvhost.pipeline.compare.changes import PLAIN
from fedvhost.pipeline.conflicts.preparing import conflict_folder
from fedvhost.pipeline.decisions.documenting import collect_all
from fedvhost.pipeline.exporting import exported
from fedvhost.pipeline.inputs import Manifests, Request, read_manifests
from fedvhost.pipeline.page.material import (
    BuildMaterial,
    Log,
    Marked,
    Material,
    PackageMaterial,
    UpstreamCommit,
)
from fedvhost.pipeline.page.spec_diff import spec_diff
from fedvhost.pipeline.planning import plan_file
from fedvhost.release.case import Case
from fedvhost.release.checks import go_through
from fedvhost.release.facts import Piece
from fedvhost.values import Oid
from fedvhost.workspace import Workspace

# The kinds of evidence that each package has.
PACKAGE_KINDS = ("backport", "spec", "check", "fixes", "build")
_PICKED = re.compile(rb"^\(cherry picked from commit ([0-9a-f]{40})\)$", re.MULTILINE)
_ROLLED = re.compile(rb"^commit ([0-9a-f]{40}) \(", re.MULTILINE)
# The end of a log that is read, in bytes, and what of it is shown, in lines.
TAIL_BYTES, TAIL_LINES = 256 << 10, 40
# A patch larger than this is not compared line by line.
LARGEST_PATCH = 8 << 20
# Lines of a file between conflict markers that are shown.
MARKED_LINES = 120


def collect(workspace: Workspace, request: Request, today: datetime.date) -> Material:
    """Read all that is known of a feature on a release; ``today`` is what the schedule is looked at from.

    Raises:
        InputError: there is no such release or feature; a manifest or the checklist is wrong.
    """
    manifests = read_manifests(workspace, request)
    case = collect_all(workspace, request, today)
    plan, problem = _plan(workspace, manifests)
    release, feature = manifests.release.name, manifests.feature.name
    records = [
        r
        for r in all_records(workspace)
        if isinstance(r, Spoiled) or (r.release, r.feature) == (release, feature)
    ]
    return Material(
        case,
        go_through(case),
        tuple(_package(workspace, manifests, name, plan) for name in manifests.packages),
        _pieces(case),
        tuple(_build(workspace, r) for r in reversed(records) if isinstance(r, Record)),
        tuple(r for r in records if isinstance(r, Spoiled)),
        _outdated(plan, manifests),
        problem,
        at_work(workspace),
    )


def _plan(workspace: Workspace, manifests: Manifests) -> tuple[Plan | None, str]:
    file = plan_file(workspace, manifests)
    try:
        return from_json(file.read_bytes(), workspace.relative(file)), ""
    except FileNotFoundError:
        return None, "there is no plan"
    except InputError as error:
        return None, str(error)


def _outdated(plan: Plan | None, manifests: Manifests) -> tuple[str, ...]:
    """Return the manifests that say something else than when the plan was made."""
    if plan is None:
        return ()
    return tuple(f for f, digest in manifests.inputs.items() if plan.inputs.get(f) != digest)


def _pieces(case: Case) -> tuple[Piece, ...]:
    wanted = [(kind, package) for package in case.packages for kind in PACKAGE_KINDS]
    wanted += [("smoke", shape) for shape in case.release.gate.shapes]
    wanted += [key for key in sorted(case.pieces) if key not in wanted]
    return tuple(case.piece(kind, subject) for kind, subject in wanted)


# -- a package ------------------------------------------------------------------------------------------


def _package(workspace: Workspace, manifests: Manifests, name: str, plan: Plan | None) -> PackageMaterial:
    folder = workspace.patches_dir / manifests.release.name / name
    patches = _patches(folder)
    part = plan.packages.get(name) if plan else None
    commits, why_not = _commits(workspace, name, part)
    spec = workspace.root / manifests.release.packages[name].spec
    return PackageMaterial(
        name,
        part,
        commits,
        why_not,
        patches,
        _patch_of(patches),
        workspace.relative(folder),
        spec_diff(workspace, spec, manifests.feature.name),
        _marked(conflict_folder(workspace, manifests.release.name, manifests.feature.name, name))
        if part is not None and part.stop is not None
        else (),
    )


def _marked(folder: Path) -> tuple[Marked, ...]:
    """Read what is left to settle in the files that were put there for a person to edit."""
    found = []
    for file in sorted(f for f in folder.rglob("*") if f.is_file() and not f.is_symlink()):
        with contextlib.suppress(OSError):
            lines = _head(file, LARGEST_PATCH).decode("utf-8", "replace").split("\n")
            found.append(Marked(str(file.relative_to(folder)), "\n".join(_places(lines))))
    return tuple(found)


def _places(lines: Sequence[str]) -> Iterator[str]:
    """The lines between conflict markers, and the markers."""
    within, told = False, 0
    for line in lines:
        within = within or line.startswith("<<<<<<<")
        if within:
            told += 1
            if told > MARKED_LINES:
                yield "…"
                return
            yield line
        if line.startswith(">>>>>>>"):
            within = False


def _patches(folder: Path) -> Mapping[str, bytes]:
    found = {}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for name in exported(folder):
            with contextlib.suppress(OSError):
                found[name] = _head(folder / name, LARGEST_PATCH)
    return found


def _head(file: Path, most: int) -> bytes:
    with file.open("rb") as opened:
        return opened.read(most)


def _patch_of(patches: Mapping[str, bytes]) -> Mapping[Oid, str]:
    """Return commit → patch, as the patches themselves say; a rolled-up one holds many."""
    found: dict[Oid, str] = {}
    for name, content in patches.items():
        words = re.split(rb"^diff --git ", content, maxsplit=1, flags=re.MULTILINE)[0]
        rolled = _ROLLED.findall(words)
        for commit in rolled or _PICKED.findall(words)[-1:]:
            found[Oid(commit.decode())] = name
    return found


def _commits(
    workspace: Workspace, name: str, plan: PackagePlan | None
) -> tuple[Mapping[Oid, UpstreamCommit], str]:
    """Read upstream's commits from our own store; it is never made, and nothing is fetched."""
    path = workspace.store_dir(name)
    if plan is None or not plan.entries:
        return {}, ""
    if not (path / "HEAD").exists():
        return {}, f"upstream's history is not at hand: '{workspace.relative(path)}' is not there"
    wanted = [e.commit for e in plan.entries]
    try:
        with GitStore(path) as store:
            there = store.present(f"{c}^{{commit}}" for c in wanted)
            have = [c for c in wanted if there[f"{c}^{{commit}}"] is not None]
            diffs = _diffs(store, have)
            commits = {c: _upstream(store.commit(c), diffs.get(c, b"")) for c in have}
    except (FedvhostError, OSError) as error:
        return {}, f"upstream's history cannot be read: {error}"
    missing = len(wanted) - len(have)
    return commits, f"upstream's history here lacks {missing} of the commits" if missing else ""


def _diffs(store: GitStore, commits: Sequence[Oid]) -> Mapping[Oid, bytes]:
    names = "".join(f"{c}\n" for c in commits).encode()
    out = store.git("diff-tree", "--stdin", "--root", "-U3", *PLAIN, stdin=names).stdout
    # A commit's name is alone on its line; every line of a patch begins with a sign or a word.
    parts = re.split(rb"^([0-9a-f]{40})\n", out, flags=re.MULTILINE)[1:]
    return {Oid(n.decode()): diff for n, diff in zip(parts[::2], parts[1::2], strict=True)}


def _upstream(commit: Commit, diff: bytes) -> UpstreamCommit:
    who, _, when = commit.author.rpartition(b"> ")
    seconds = re.match(rb"-?\d+", when)
    date = ""
    with contextlib.suppress(OverflowError, ValueError, OSError):
        moment = datetime.datetime.fromtimestamp(int(seconds[0]) if seconds else 0, datetime.UTC)
        date = moment.strftime("%Y-%m-%d")
    author = decode(who, commit.encoding).rpartition("<")[0].strip() or commit.author_name
    return UpstreamCommit(author, date, diff)


# -- builds ---------------------------------------------------------------------------------------------


def _build(workspace: Workspace, record: Record) -> BuildMaterial:
    return BuildMaterial(record, tuple(_log(workspace, name) for name in record.logs))


def _log(workspace: Workspace, name: str) -> Log:
    """Read the end of a log. It must be below the workspace: a record is no way to show another file."""
    path = (workspace.root / name).resolve()
    if not path.is_relative_to(workspace.root.resolve()):
        return Log(name, missing=True)
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read(TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return Log(name, missing=True)
    return Log(name, size, "\n".join(text.rstrip("\n").split("\n")[-TAIL_LINES:]))


# -- while a run goes on --------------------------------------------------------------------------------


def at_work(workspace: Workspace) -> int | None:
    """Return the process that holds the workspace's lock, None if there is none or nobody can tell. To
    look takes no lock: a run that begins now must not be refused because of us."""
    with contextlib.suppress(OSError, ValueError):
        seen = (workspace.state_dir / "lock").stat()
        where = f"{os.major(seen.st_dev):02x}:{os.minor(seen.st_dev):02x}:{seen.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if len(words) > 5 and words[1] == "FLOCK" and words[5] == where:
                return int(words[4])
    return None


def stamp(workspace: Workspace, request: Request) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when anything does that a report shows: files with size and time stamp."""
    state = workspace.state_dir
    folders = (
        *(d for d in (workspace.root / "backport").glob("*")),
        *(d for d in (workspace.root / "backport" / "documents").glob("*")),
        *(d for d in (workspace.patches_dir / request.release).glob("*")),
        *(d for d in (workspace.specs_dir / request.release).glob("*")),
        *(d for d in (state / "evidence").glob("*")),
        *(state / "builds", workspace.root / ".git", workspace.root / ".git" / "logs"),
    )
    seen: list[tuple[str, int, int]] = [("at work", at_work(workspace) or 0, 0)]
    for folder in folders:
        for file in sorted(folder.glob("*")) if folder.is_dir() else ():
            with contextlib.suppress(OSError):
                status = file.stat()
                if file.is_file():
                    seen.append((str(file), status.st_size, status.st_mtime_ns))
    return tuple(seen)
