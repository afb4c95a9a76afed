"""The step ``export``: a replayed series as patch files, proven to apply, and written all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fedvhost.backport.series import note_text, patch_names
from fedvhost.commits import encode
from fedvhost.git.mail import format_patches, whole_diff
from fedvhost.git.store import GitStore
from fedvhost.packaging.application import Application, Content, apply_series
from fedvhost.pipeline.inputs import Job, Part
from fedvhost.pipeline.replaying import Picked, Replay
from fedvhost.values import Oid
from fedvhost.workspace import Workspace

SERIES = "series"


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch file: its name, its bytes and the commits of the series it holds."""

    name: str
    content: bytes
    picked: tuple[Picked, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """The patch files of a package and the proof that they apply to the base."""

    patches: tuple[Patch, ...]
    application: Application


def export(job: Job, replay: Replay, *, rollup: bool) -> Export:
    """Make the patch files of a replay and apply them, without fuzz, to a pristine copy of the base."""
    patches = _rolled_up(job, replay) if rollup else _one_each(job, replay)
    store = job.store
    # Commit by commit: what one changes and another changes back is no difference in the end.
    steps = pairwise([replay.base, *(p.commit for p in replay.picked)])
    touched = sorted({path for old, new in steps for path in store.diff_paths(old, new)})
    before, after = (_contents(store, commit, touched) for commit in (replay.base, replay.tip))
    return Export(patches, apply_series(before, [(p.name, p.content) for p in patches], after))


def export_files(folder: Path, made: Export, *, series: bool = True) -> Mapping[Path, bytes]:
    """Return the patch files of an export in ``folder``, and the file ``series`` if asked."""
    files = {folder / p.name: p.content for p in made.patches}
    if series:
        files[folder / SERIES] = "".join(f"{p.name}\n" for p in made.patches).encode()
    return files


def outdated(folder: Path, made: Export, old: Sequence[str]) -> tuple[Path, ...]:
    """Return what is left in ``folder`` of an export before, whose names were ``old``. Files that no
    export named are not ours and stay."""
    names = {p.name for p in made.patches}
    return tuple(folder / name for name in old if name not in names and (folder / name).is_file())


def exported(folder: Path) -> tuple[str, ...]:
    """Return the patch names that ``series`` in ``folder`` lists; none if there is no such file."""
    file = folder / SERIES
    lines = file.read_text().split("\n") if file.is_file() else []
    return tuple(n for n in lines if n and "/" not in n)


def rollup_name(job: Part) -> str:
    """The name of the one patch of a rolled-up series."""
    return f"{job.feature.name}-rollup.patch"


def patches_folder(workspace: Workspace, job: Part) -> Path:
    """Where the series of a package goes, ``patches/<release>/<package>``."""
    return workspace.patches_dir / job.release.name / job.name


def _one_each(job: Job, replay: Replay) -> tuple[Patch, ...]:
    contents = format_patches(job.store, replay.base, replay.tip)
    names = patch_names([p.entry.subject for p in replay.picked])
    return tuple(
        Patch(name, content, (picked,))
        for name, content, picked in zip(names, contents, replay.picked, strict=True)
    )


def _rolled_up(job: Job, replay: Replay) -> tuple[Patch, ...]:
    """All of the series in one patch, as Fedora 13's kernel carried ``vhost_net-rollup.patch``."""
    if not replay.picked:
        return ()
    lines = [
        f"Subject: {job.feature.name}: {job.feature.summary}",
        "",
        f"{len(replay.picked)} upstream commits on {job.place.base}, in this order:",
        "",
    ]
    for picked in replay.picked:
        author = job.store.commit(picked.entry.commit).author_name
        lines += [
            f"commit {picked.entry.commit} ({picked.entry.verdict})",
            f"    {picked.entry.subject}",
            f"    by {author}",
        ]
        lines += [f"    {note_text(note)}" for note in picked.entry.notes]
    lines += ["---", ""]
    content = encode("\n".join(lines)) + whole_diff(job.store, replay.base, replay.tip)
    return (Patch(rollup_name(job), content, replay.picked),)


def _contents(store: GitStore, commit: Oid, paths: Sequence[str]) -> Mapping[str, Content]:
    found: dict[str, Content] = {}
    for path, mode in store.modes(commit, paths).items():
        content = store.file(commit, path)
        if content is not None:
            found[path] = Content(mode, content)
    return found
