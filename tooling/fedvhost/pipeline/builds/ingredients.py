"""What a source package is made of, found and held against the series: or why it must not be made.

A build of a spec that disagrees with its series looks like a success: the package is there, and the feature
is not in it. So every disagreement refuses, all of them at once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.backport.manifest import ReleasePackage
from fedvhost.builds.sources import (
    LOOKASIDE_VARIABLE,
    Listed,
    Progress,
    addresses,
    obtain,
    read_sources,
)
from fedvhost.errors import InputError
from fedvhost.evidence import Evidence, Spoiled, changed_inputs, digest, read
from fedvhost.packaging.proof import unapplied
from fedvhost.packaging.rpmspec import Evaluated, evaluate, expanded, spec_times
from fedvhost.packaging.source import commit_time, source_archive
from fedvhost.pipeline.exporting import SERIES, exported
from fedvhost.pipeline.inputs import Manifests, Request
from fedvhost.upstreams import Upstream, parse_given, resolve_revision, resolve_upstream
from fedvhost.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a package are: the spec, and the folder of its series."""

    package: str
    spec: Path
    series: Path
    how: ReleasePackage


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a source package is made of. ``files``: a source's or patch's name → its file; ``listed``: names
    that ``sources`` lists, to be obtained; ``archive``: the name that is made out of the base (None: it is
    not). ``inputs``: workspace path → SHA-256 of all that people and earlier steps wrote. ``notes``: what
    does not refuse and is to be known."""

    package: str
    nvr: str
    spec: Path
    files: Mapping[str, Path]
    listed: Mapping[str, Listed]
    archive: str | None
    inputs: Mapping[str, str]
    epoch: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A package that is not built, and every reason."""

    package: str
    reasons: tuple[str, ...]


def places_of(workspace: Workspace, manifests: Manifests, package: str) -> Places:
    """Return where a package's parts are.

    Raises:
        InputError: the spec that the release names is not there.
    """
    how = manifests.release.packages[package]
    spec = workspace.root / how.spec
    if not spec.is_file():
        raise InputError(
            f"there is no such file, though {manifests.release_file} names it", file=workspace.relative(spec)
        )
    return Places(package, spec, workspace.patches_dir / manifests.release.name / package, how)


def gather(
    workspace: Workspace, manifests: Manifests, places: Places, defines: Mapping[str, str]
) -> Ingredients | Refused:
    """Find every source and patch that the spec declares, and hold spec and series against each other.

    ``defines`` are rpm's: ``dist``, and the options of the build. Nothing is downloaded or packed yet.

    Raises:
        InputError: rpm cannot read the spec; ``sources`` has a line of another form.
    """
    series = exported(places.series)
    known = evaluate(places.spec, defines=defines)
    listed = read_sources(places.spec.parent)
    found = _find(known, places, series, listed)
    evidence, notes = _backport_evidence(workspace, manifests, places)
    reasons = [
        *(
            f"{workspace.relative(places.spec)}: '{f.patch}' {f.what}"
            for f in unapplied(places.spec, series, defines=defines, patch_dir=places.series)
        ),
        *_series_reasons(workspace, manifests, places, series),
        *_stale(workspace, places, series, evidence, manifests),
        *_missing(workspace, known, places, series, found, listed),
    ]
    if reasons:
        return Refused(places.package, tuple(dict.fromkeys(reasons)))
    archive = next((n for n, file in found.items() if file is None and n not in listed), None)
    files = {n: file for n, file in found.items() if file is not None}
    written = [places.spec, *files.values()]
    written += [f for f in (places.series / SERIES, places.spec.parent / "sources") if f.is_file()]
    return Ingredients(
        places.package,
        known.nvr,
        places.spec,
        files,
        {n: listed[n] for n, file in found.items() if file is None and n in listed},
        archive,
        {workspace.relative(f): digest(f) for f in sorted(written)},
        max(spec_times(places.spec, defines=defines), default=None),
        notes,
    )


def complete(
    workspace: Workspace,
    manifests: Manifests,
    request: Request,
    found: Ingredients,
    folder: Path,
    defines: Mapping[str, str],
    progress: Progress,
) -> tuple[Mapping[str, Path], int, str]:
    """Return every source's file, the archive of the base made in ``folder`` and what ``sources`` lists
    obtained; the newest time in the package, in seconds; and the base's commit (empty: not needed).

    Raises:
        InputError: the base is not in the package's history; a listed file cannot be found.
        ToolError: a download failed.
    """
    place = manifests.release.packages[found.package]
    files = dict(found.files)
    lookaside = os.environ.get(LOOKASIDE_VARIABLE)
    urls = source_urls(expanded(found.spec, defines=defines)) if found.listed else {}
    for name, one in found.listed.items():
        where = addresses(one, found.package, urls.get(name), lookaside)
        files[name] = obtain(workspace, one, where, progress)
    base = ""
    epoch = found.epoch
    if found.archive is not None or epoch is None:
        upstream = _upstream(workspace, manifests, request, found.package)
        base = resolve_revision(upstream, place.base, "base")
        if found.archive is not None:
            files[found.archive] = folder / found.archive
            source_archive(upstream.git_dir, base, place.source_prefix, files[found.archive])
        if epoch is None:
            epoch = commit_time(upstream.git_dir, base)
    assert epoch is not None
    return files, epoch, base


def _upstream(workspace: Workspace, manifests: Manifests, request: Request, name: str) -> Upstream:
    place = manifests.release.packages[name]
    return resolve_upstream(
        name,
        workspace=workspace,
        url=place.upstream,
        given=parse_given(request.upstreams, tuple(manifests.release.packages)),
        tell=request.tell,
        revisions=[place.base],
    )


def _find(
    known: Evaluated, places: Places, series: Sequence[str], listed: Mapping[str, Listed]
) -> dict[str, Path | None]:
    """Name → file; None: to be obtained or made. What is nowhere is left out."""
    found: dict[str, Path | None] = {}
    for name in _names(known):
        candidates = (
            *((places.series / name,) if name in series else ()),
            places.spec.parent / name,
            places.series / "downstream" / name,
        )
        file = next((c for c in candidates if c.is_file()), None)
        if file is not None:
            found[name] = file
        elif name in listed or name == places.how.source:
            found[name] = None
    return found


def _names(known: Evaluated) -> tuple[str, ...]:
    """File names of all that the spec declares; of an address its last part."""
    names = (*known.sources, *(file for _, file in known.patches))
    return tuple(dict.fromkeys(n.rsplit("/", 1)[-1] for n in names))


def source_urls(spec: str) -> Mapping[str, str]:
    """Return the addresses that an expanded spec gives its sources, by file name."""
    urls = re.findall(r"^Source\d*[ \t]*:[ \t]*(https?://\S+)", spec, re.MULTILINE | re.IGNORECASE)
    return {url.rsplit("/", 1)[-1]: url for url in urls}


def _missing(
    workspace: Workspace,
    known: Evaluated,
    places: Places,
    series: Sequence[str],
    found: Mapping[str, Path | None],
    listed: Mapping[str, Listed],
) -> Iterator[str]:
    spec = workspace.relative(places.spec)
    for name in _names(known):
        if name in found or name in series:
            continue
        looked = f"beside it, in {workspace.relative(places.series)}/downstream"
        looked += ", in 'sources'" if listed else ""
        more = ""
        if (places.series / name).is_file():
            more = f"; it lies in {workspace.relative(places.series)}, whose 'series' does not name it"
        yield f"{spec}: '{name}' is declared and missing (looked for {looked}){more}"


def _series_reasons(
    workspace: Workspace, manifests: Manifests, places: Places, series: Sequence[str]
) -> Iterator[str]:
    folder = workspace.relative(places.series)
    run = f"run: {workspace.program} backport --release {manifests.release.name}"
    if not (places.series / SERIES).is_file():
        yield f"{folder}: there is no exported series; {run}"
    for name in series:
        if not (places.series / name).is_file():
            yield f"{folder}/{name}: 'series' names it, and there is no such file; {run}"
        beside = places.spec.parent / name
        if (
            beside.is_file()
            and (places.series / name).is_file()
            and digest(beside) != digest(places.series / name)
        ):
            yield f"{folder}/{name}: lies beside the spec too, with another content; which one is meant?"


def _backport_evidence(
    workspace: Workspace, manifests: Manifests, places: Places
) -> tuple[Evidence | Spoiled | None, tuple[str, ...]]:
    found = read(workspace, manifests.release.name, manifests.feature.name, "backport", places.package)
    if found is None:
        return None, (
            "there is no evidence of 'fedvhost backport': that the series applies was not proven here",
        )
    return found, ()


def _stale(
    workspace: Workspace,
    places: Places,
    series: Sequence[str],
    evidence: Evidence | Spoiled | None,
    manifests: Manifests,
) -> Iterator[str]:
    """What is not any more as ``backport`` left it. The spec may be edited by hand: what it applies is seen
    above. A patch may not: what was proven of it does not hold any more."""
    again = f"run again: {workspace.program} backport --release {manifests.release.name}"
    if isinstance(evidence, Spoiled):
        yield f"{evidence.file}: cannot be believed: {evidence.reason}; {again}"
    if not isinstance(evidence, Evidence):
        return
    folder = workspace.relative(places.series) + "/"
    changed = [n for n in changed_inputs(workspace, evidence) if n.startswith(folder)]
    for name in changed:
        if (workspace.root / name).is_file():
            yield f"{name}: was changed after 'fedvhost backport' proved the series; {again}"
        else:
            yield f"{name}: 'fedvhost backport' wrote it, and it is gone; {again}"
    for name in series:
        if folder + name not in evidence.inputs and (places.series / name).is_file():
            yield f"{folder}{name}: 'series' names it, and 'fedvhost backport' did not write it; {again}"


def tell_of(progress: Callable[[str], None]) -> Progress:
    """Turn a progress of bytes into one of texts."""

    def told(what: str, done: int, total: int) -> None:
        share = f" of {total / 1e6:.0f} MB" if total else " MB"
        progress(f"{what}: {done / 1e6:.0f}{share}")

    return told
