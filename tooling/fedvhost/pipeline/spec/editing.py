"""The step ``spec``: the patches declared and applied, the options set, and rpm's own word for it."""

from __future__ import annotations

import datetime
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fedvhost.errors import InputError
from fedvhost.git.identity import Identity
from fedvhost.packaging.edit import edit_spec as edited
from fedvhost.packaging.evr import rpm_version
from fedvhost.packaging.proof import unapplied
from fedvhost.packaging.rpmspec import evaluate
from fedvhost.pipeline.exporting import Export, Patch
from fedvhost.pipeline.inputs import Job, Part
from fedvhost.specs.block import find_block
from fedvhost.specs.config import set_config
from fedvhost.specs.layout import read_layout
from fedvhost.specs.text import split
from fedvhost.specs.wanted import SpecChange, SpecPatch
from fedvhost.workspace import Workspace

# From here on rpm reads ``%patch -P N`` only; every rpm reads it, Fedora's specs of 2010 write ``%patchN``.
MODERN_RPM = (4, 20)


@dataclass(frozen=True, slots=True)
class SpecPlace:
    """Where a package's spec is. ``config``: the kernel's configuration fragment. ``foreign``: it is
    somebody else's checkout, whose own patches are not ours to judge."""

    spec: Path
    config: Path | None
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class SpecOutcome:
    """A spec after the change: its path, the NVR rpm computes, what was proven, what is wrong with it
    (``findings``) and what was noticed of other people's patches."""

    spec: str
    nvr: str
    proof: str
    findings: tuple[str, ...] = ()
    noticed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpecEdit:
    """New bytes for the spec and the configuration fragment, and what is to be said of them.
    ``declared_before``: the feature's patches as the spec had them."""

    spec: bytes
    config: bytes | None
    outcome: SpecOutcome
    declared_before: tuple[str, ...] = ()


def spec_place(workspace: Workspace, job: Part, checkout: Path | None) -> SpecPlace:
    """Find the spec of a job: the workspace's, or the one in somebody's checkout.

    Raises:
        InputError: there is none, or a checkout has several.
    """
    if checkout is None:
        spec = workspace.root / job.place.spec
        config = workspace.root / job.place.config_file if job.place.config_file else None
        for file in (spec, config):
            if file is not None and not file.is_file():
                raise InputError(
                    f"there is no such file, though backport/releases/{job.release.name}.toml names it",
                    file=workspace.relative(file),
                )
        return SpecPlace(spec, config)
    specs = sorted(checkout.glob("*.spec"))
    wanted = [s for s in specs if s.name == Path(job.place.spec).name] or specs
    if len(wanted) != 1:
        found = ", ".join(s.name for s in specs) or "none"
        raise InputError(f"--dist-git {job.name}: one spec is expected in '{checkout}'; found: {found}")
    config = checkout / Path(job.place.config_file).name if job.place.config_file else None
    if config is not None and job.part.config and not config.is_file():
        raise InputError(f"--dist-git {job.name}: no '{config.name}' in '{checkout}' to set the options in")
    return SpecPlace(wanted[0], config, foreign=True)


def check_readable(job: Job, place: SpecPlace) -> None:
    """Have rpm read a spec as it stands.

    Raises:
        InputError: rpm cannot.
    """
    evaluate(place.spec, defines={"dist": job.release.dist})


def edit_spec(job: Job, place: SpecPlace, made: Export, identity: Identity) -> SpecEdit:
    """Return the spec with the export declared and applied, proven by expanding it; nothing is written.

    Raises:
        InputError: rpm cannot read the spec, or there is no place for the patches in it.
    """
    change = _change(job, made, identity)
    defines = {"dist": job.release.dist}
    config = None
    if place.config is not None:
        config = set_config(place.config.read_bytes(), job.part.config)
    with tempfile.TemporaryDirectory(prefix="fedvhost-patches-") as folder:
        patches = Path(folder)
        for patch in made.patches:
            (patches / patch.name).write_bytes(patch.content)
        modern = rpm_version() >= MODERN_RPM
        content = edited(place.spec, patches, change, defines=defines, modern=modern)
        with _as_if_written(place.spec, content) as trial:
            outcome = check_spec(job, SpecPlace(trial, None, place.foreign), change.files, patches)
    shown = SpecOutcome(str(place.spec), outcome.nvr, outcome.proof, outcome.findings, outcome.noticed)
    return SpecEdit(content, config, shown, _declared(place.spec, job.feature.name))


def _declared(spec: Path, feature: str) -> tuple[str, ...]:
    layout = read_layout(split(spec.read_bytes()), str(spec))
    return tuple(patch.name for patch in find_block(layout, feature).patches)


def check_spec(job: Part, place: SpecPlace, series: Sequence[str], patches: Path) -> SpecOutcome:
    """Have rpm expand a spec and look for every declared patch in its %prep.

    Raises:
        InputError: rpm cannot read the spec.
    """
    defines = {"dist": job.release.dist}
    found = unapplied(place.spec, series, defines=defines, patch_dir=patches)
    ours = tuple(str(f) for f in found if f.patch in series or not place.foreign)
    others = tuple(str(f) for f in found if str(f) not in ours)
    evaluated = evaluate(place.spec, defines=defines)
    total = len(evaluated.patches)
    proof = f"rpm sees all {total} declared patches applied in %prep"
    if others:
        proof = f"rpm sees our {len(series)} patches applied in %prep"
    return SpecOutcome(str(place.spec), evaluated.nvr, "" if ours else proof, ours, others)


def spec_files(place: SpecPlace, edit: SpecEdit) -> Mapping[Path, bytes]:
    """Return the spec and the configuration fragment as they are to be."""
    files = {place.spec: edit.spec}
    if edit.config is not None and place.config is not None:
        files[place.config] = edit.config
    return files


def _change(job: Job, made: Export, identity: Identity) -> SpecChange:
    commits = sum(len(p.picked) for p in made.patches)
    lines = [f"{commits} upstream commits on {job.place.base}"]
    lines += [f"set {option}={value}" for option, value in sorted(job.part.config.items())]
    return SpecChange(
        job.feature.name,
        job.feature.summary,
        tuple(_spec_patch(job, p) for p in made.patches),
        tuple(lines),
        str(identity),
        today(),
    )


def _spec_patch(job: Job, patch: Patch) -> SpecPatch:
    until = "" if re.fullmatch(r"[0-9a-f]{7,40}", job.part.until) else f" ({job.part.until})"
    if len(patch.picked) > 1:
        return SpecPatch(patch.name, job.feature.summary, f"{len(patch.picked)} upstream commits{until}")
    entry = patch.picked[0].entry
    inside = until and entry.commit in job.history.within(job.history.tips[0])
    return SpecPatch(patch.name, entry.subject, f"upstream {entry.commit.short}{until if inside else ''}")


def today() -> datetime.date:
    """The date of a changelog entry (UTC); SOURCE_DATE_EPOCH, where set, says it."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdigit():
        return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).date()
    return datetime.datetime.now(datetime.UTC).date()


@contextmanager
def _as_if_written(spec: Path, content: bytes) -> Iterator[Path]:
    """Give a folder like the spec's own, with ``content`` in the spec's place."""
    with tempfile.TemporaryDirectory(prefix="fedvhost-spec-") as name:
        folder = Path(name)
        for file in spec.resolve().parent.iterdir():
            if file.name != spec.name:
                (folder / file.name).symlink_to(file)
        trial = folder / spec.name
        trial.write_bytes(content)
        yield trial
