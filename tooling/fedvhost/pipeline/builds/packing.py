"""The step ``build --srpm``: each package as a source package, or the reasons why it must not be one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.builds.srpm import make_srpm, option_defines
from fedvhost.pipeline.builds.ingredients import Ingredients, Refused, complete, gather, places_of, tell_of
from fedvhost.pipeline.builds.reproducing import keep_srpm
from fedvhost.pipeline.inputs import Manifests, Request
from fedvhost.workspace import Workspace, write_atomic


@dataclass(frozen=True, slots=True)
class Packed:
    """A source package. ``srpm`` is relative to the workspace; ``base``: the commit that its archive was
    made of, empty if none was; ``epoch``: the newest time in it, in seconds."""

    package: str
    nvr: str
    srpm: str
    sha256: str
    inputs: Mapping[str, str]
    base: str
    epoch: int
    notes: tuple[str, ...] = ()


def pack(
    workspace: Workspace,
    request: Request,
    manifests: Manifests,
    options: Sequence[str],
    progress: Callable[[str], None],
) -> tuple[Packed | Refused, ...]:
    """Make the source package of every package of a run, ``build/<release>/<nvr>/<nvr>.src.rpm``. If one is
    refused none is made.

    ``options``: ``--with X``, ``--without Y``, which may decide what a spec declares.

    Raises:
        InputError: rpm cannot read a spec; a history or source is not there.
        ToolError: a download failed.
    """
    defines = {"dist": manifests.release.dist, **option_defines(options)}
    with workspace.lock():
        found = []
        for name in manifests.packages:
            progress(f"{name}: looking for sources, and at what the spec applies")
            found.append(gather(workspace, manifests, places_of(workspace, manifests, name), defines))
        if any(isinstance(f, Refused) for f in found):
            return tuple(f for f in found if isinstance(f, Refused))
        # What is built is nobody's source.
        write_atomic(workspace.root / "build" / manifests.release.name / ".gitignore", b"*\n")
        packed = tuple(
            _pack(workspace, request, manifests, one, defines, progress)
            for one in found
            if isinstance(one, Ingredients)
        )
        for made in packed:
            keep_srpm(
                workspace, manifests.release.name, manifests.feature.name, made.package,
                nvr=made.nvr, sha256=made.sha256, inputs=made.inputs, options=options,
            )  # fmt: skip
        return packed


def results_dir(workspace: Workspace, release: str, nvr: str) -> Path:
    """Where the packages and logs of a build are to be found."""
    return workspace.root / "build" / release / nvr


def _pack(
    workspace: Workspace,
    request: Request,
    manifests: Manifests,
    found: Ingredients,
    defines: Mapping[str, str],
    progress: Callable[[str], None],
) -> Packed:
    folder = workspace.state_dir / "srpm" / found.package
    try:
        progress(f"{found.package}: packing {found.archive or 'the sources'}")
        files, epoch, base = complete(
            workspace, manifests, request, found, folder / "archive", defines, tell_of(progress)
        )
        progress(f"{found.package}: making {found.nvr}.src.rpm")
        made = make_srpm(
            found.spec,
            files,
            epoch=epoch,
            defines=defines,
            topdir=folder / "topdir",
            target=results_dir(workspace, manifests.release.name, found.nvr),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Packed(
        found.package, found.nvr, workspace.relative(made.file), made.sha256, found.inputs, base, epoch,
        found.notes,
    )  # fmt: skip
