"""The hard proof of a spec: run its %prep on the base's own source and look at the tree that it leaves."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.packaging.prep import PrepResult, run_prep
from fedvhost.packaging.source import source_archive
from fedvhost.pipeline.exporting import exported, patches_folder
from fedvhost.pipeline.inputs import Job
from fedvhost.pipeline.replaying import Replay
from fedvhost.pipeline.spec.editing import SpecPlace
from fedvhost.values import Oid
from fedvhost.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Prepared:
    """What %prep left. ``failed``: why it did not end; ``differing``: files that the series touches and
    that %prep left otherwise than the replay did; ``compared``: how many were looked at; ``log``: a file."""

    log: Path
    compared: int = 0
    failed: str | None = None
    differing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether %prep ended and left what the replay made."""
        return self.failed is None and not self.differing and self.compared > 0


def prepare(workspace: Workspace, job: Job, place: SpecPlace, replayed: Replay) -> Prepared:
    """Run %prep on an archive of the base, with the patches as exported, and compare with the replayed tree.

    The build folder is removed afterwards; the log stays in ``.fedvhost/prep/<package>.log``.

    Raises:
        InputError: a source that the spec names is missing, or rpm cannot read the spec.
    """
    folder = workspace.state_dir / "prep" / job.name
    shutil.rmtree(folder, ignore_errors=True)
    log = folder.with_name(f"{job.name}.log")
    try:
        sources = _sources(workspace, job, place, folder)
        epoch = job.store.commit(replayed.base).committer_time
        result = run_prep(
            place.spec, sources, workdir=folder / "topdir", defines={"dist": job.release.dist}, epoch=epoch
        )
        log.write_text(result.log)
        return _judged(job, replayed, result, log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sources(workspace: Workspace, job: Job, place: SpecPlace, folder: Path) -> Mapping[str, Path]:
    """Everything beside the spec, the exported patches, and the base as the archive the spec names."""
    archive = folder / "archive" / job.place.source
    source_archive(job.upstream.git_dir, job.wanted.base, job.place.source_prefix, archive)
    beside = {f.name: f for f in place.spec.parent.iterdir() if f.is_file() and f != place.spec}
    series = patches_folder(workspace, job)
    downstream = {f.name: f for f in (series / "downstream").glob("*") if f.is_file()}
    return {**beside, **downstream, **{n: series / n for n in exported(series)}, job.place.source: archive}


def _judged(job: Job, replayed: Replay, result: PrepResult, log: Path) -> Prepared:
    if not result.ok or result.tree is None:
        patch = f"'{result.failed_patch}' did not apply" if result.failed_patch else "%prep failed"
        tail = "; ".join(line.strip() for line in result.log.strip().splitlines()[-3:])
        return Prepared(log, failed=f"{patch}: {tail}")
    if replayed.differs is not None:
        return Prepared(log, failed=f"there is no tree to compare with: {replayed.differs}")
    touched = job.store.diff_paths(replayed.base, replayed.tip)
    return Prepared(log, len(touched), differing=_differing(job, result.tree, replayed.tree, touched))


def _differing(job: Job, folder: Path, tree: Oid, touched: Sequence[str]) -> tuple[str, ...]:
    return tuple(p for p in touched if _content(folder / p) != job.store.file(tree, p))


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None
