"""What a run starts from: the two manifests, the histories they speak of, and every name resolved."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from fedvhost.backport.manifest import Adaptation, Feature, FeaturePackage, Release, ReleasePackage
from fedvhost.backport.manifest_toml import check_together, read_feature, read_release
from fedvhost.backport.planning import Wanted
from fedvhost.backport.resolutions import NO_ANSWERS, Known
from fedvhost.backport.toml_lines import Key, key_lines, line_of, spell
from fedvhost.errors import InputError
from fedvhost.git.history import History
from fedvhost.git.store import GitStore, require_git
from fedvhost.pipeline.conflicts.resolving import known_answers
from fedvhost.upstreams import (
    Upstream,
    cache_dir,
    find_local,
    open_store,
    parse_given,
    resolve_revision,
    resolve_upstream,
)
from fedvhost.values import Oid
from fedvhost.workspace import Workspace, nearest

# What of a package's table in each manifest decides which commits land, and how.
FEATURE_KEYS = frozenset({"paths", "until", "also", "never", "taken", "omitted", "adapt", "assume"})
RELEASE_KEYS = frozenset({"base"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for on the command line. Empty ``packages`` means all of the feature's."""

    release: str
    feature: str | None = None
    packages: tuple[str, ...] = ()
    upstreams: tuple[str, ...] = ()
    tell: Callable[[bytes], None] = field(default=lambda _: None)


@dataclass(frozen=True, slots=True)
class Manifests:
    """The manifests of a run. ``inputs``: workspace path → SHA-256 of what of it decides a plan, as the
    plan records it: turning the contingency flag or a word of the release note makes no plan outdated."""

    feature: Feature
    release: Release
    packages: tuple[str, ...]
    inputs: Mapping[str, str]
    feature_file: str
    feature_text: str
    release_file: str
    release_text: str


class Part(Protocol):
    """One package of a run, as far as the manifests tell of it."""

    @property
    def name(self) -> str: ...
    @property
    def feature(self) -> Feature: ...
    @property
    def release(self) -> Release: ...
    @property
    def part(self) -> FeaturePackage: ...
    @property
    def place(self) -> ReleasePackage: ...


@dataclass(frozen=True, slots=True)
class Historyless:
    """One package of a run whose history nobody needs, or has."""

    name: str
    feature: Feature
    release: Release
    part: FeaturePackage
    place: ReleasePackage


@dataclass(frozen=True, slots=True)
class Job:
    """One package of a run: what is wanted there, and the history and store to do it with."""

    name: str
    feature: Feature
    release: Release
    part: FeaturePackage
    place: ReleasePackage
    upstream: Upstream
    store: GitStore
    history: History
    wanted: Wanted
    omitted: Mapping[Oid, str] = field(default_factory=dict)
    answers: Known = NO_ANSWERS

    @property
    def ref(self) -> str:
        """The one ref that a replay moves, in our own store."""
        return f"refs/fedvhost/{self.feature.name}/{self.release.name}/{self.name}"


def read_manifests(workspace: Workspace, request: Request) -> Manifests:
    """Read and check the manifests of a request.

    Raises:
        InputError: there is no such release, feature or package; a manifest is wrong.
    """
    release_file = workspace.release_file(request.release)
    release_text = workspace.release_text(request.release)
    release = read_release(release_text, workspace.relative(release_file))
    name = request.feature or _only_feature(workspace, release)
    feature_file = workspace.feature_file(name)
    feature_text = workspace.feature_text(name)
    feature = read_feature(feature_text, workspace.relative(feature_file))
    packages = check_together(feature, release)
    for wanted in request.packages:
        if wanted not in packages:
            raise InputError(
                f"feature '{name}' has no package '{wanted}' in release '{release.name}'; "
                f"it has: {', '.join(packages)}"
            )
    chosen = tuple(p for p in packages if not request.packages or p in request.packages)
    inputs = {
        workspace.relative(feature_file): _decides_plan(feature_text, FEATURE_KEYS),
        workspace.relative(release_file): _decides_plan(release_text, RELEASE_KEYS),
    }
    texts = (workspace.relative(feature_file), feature_text, workspace.relative(release_file), release_text)
    return Manifests(feature, release, chosen, inputs, *texts)


@contextmanager
def open_jobs(
    workspace: Workspace, request: Request, manifests: Manifests, *, apart: bool = False
) -> Iterator[tuple[Job, ...]]:
    """Open the history of each package and resolve every commit that the manifests name.

    ``apart``: in stores that end with the block instead of the workspace's own. For what only asks: it
    changes nothing that another run works with, so it needs no lock.

    Raises:
        InputError: a history is not there, or lacks a commit that a manifest names.
        ToolError: git is too old; a history cannot be fetched.
    """
    require_git()
    answers = known_answers(workspace, manifests.feature.name)
    given = parse_given(request.upstreams, tuple(manifests.release.packages))
    with ExitStack() as stack:
        jobs = []
        for name in manifests.packages:
            part, place = manifests.feature.packages[name], manifests.release.packages[name]
            upstream = resolve_upstream(
                name, workspace=workspace, url=place.upstream, given=given, tell=request.tell,
                revisions=[place.base, part.until, *(c.commit for c in (*part.also, *part.taken))],
            )  # fmt: skip
            folder = workspace.store_dir(name)
            if apart:
                folder = (
                    Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fedvhost-"))) / folder.name
                )
            store = stack.enter_context(open_store(upstream, folder))
            jobs.append(replace(_job(name, manifests, upstream, store), answers=answers))
        yield tuple(jobs)


def history_is_here(workspace: Workspace, request: Request, manifests: Manifests, name: str) -> bool:
    """Whether the history of a package is where it would be looked for. One that ``--upstream`` names is:
    if not, that is an error to be told.

    Raises:
        InputError: a configuration file or ``--upstream`` is wrong.
    """
    given = parse_given(request.upstreams, tuple(manifests.release.packages))
    place = find_local(name, given, workspace, os.environ)
    return name in given or (cache_dir(name) if place is None else place.path).exists()


def check_dist_git(manifests: Manifests, dist_git: Collection[str]) -> None:
    """Check that every checkout of ``--dist-git`` is of a package of this run.

    Raises:
        InputError: it is not; the workspace would be changed instead.
    """
    for name in dist_git:
        if name not in manifests.packages:
            raise InputError(
                f"--dist-git {name}: this run has no package '{name}'; {nearest(name, manifests.packages)}"
            )


def _only_feature(workspace: Workspace, release: Release) -> str:
    """Choose the feature when none is named: the only one, or the only one the release speaks of."""
    known = workspace.features()
    if len(known) == 1:
        return known[0]
    spoken = [f for f in known if f in release.contingency]
    if len(spoken) == 1:
        return spoken[0]
    raise InputError(f"name the feature with --feature; there are: {', '.join(known) or 'none'}")


def _job(name: str, manifests: Manifests, upstream: Upstream, store: GitStore) -> Job:
    feature, release = manifests.feature, manifests.release
    part, place = feature.packages[name], release.packages[name]
    try:
        base = resolve_revision(upstream, place.base, "base")
    except InputError as error:
        where = line_of(("packages", name, "base"), key_lines(manifests.release_text))
        raise InputError(
            error.message, file=manifests.release_file, key=f"packages.{name}.base", line=where
        ) from error
    try:
        until = resolve_revision(upstream, part.until, "until")
    except InputError as error:
        raise at_key(manifests, ("packages", name, "until"), error.message) from error
    resolved = _resolve_all(name, manifests, part, upstream, store)
    also = {resolved[c.commit]: c.because for c in part.also}
    never = {resolved[c.commit]: c.because for c in part.never}
    taken = {resolved[c.commit]: c.because for c in part.taken}
    omitted = {resolved[c.commit]: c.because for c in part.omitted}
    history = History(store, base, [until, *also, *taken])
    if upstream.shallow:
        _check_depth(place.base, upstream, history)
    requested = {c: f"touches {', '.join(part.paths)}" for c in history.touching(part.paths, until)}
    # What is deliberately left out is not picked by its path, nor taken as a prerequisite.
    never = {**omitted, **never}
    requested = {c: because for c, because in {**requested, **also, **taken}.items() if c not in never}
    _check_requested(name, manifests, requested, store)
    adaptations: dict[Oid, tuple[Adaptation, ...]] = {}
    for adaptation in part.adapt:
        commit = resolved[adaptation.commit]
        adaptations[commit] = (*adaptations.get(commit, ()), adaptation)
    assumed = frozenset(a.symbol for a in part.assume)
    wanted = Wanted(base, place.base, requested, never, adaptations, assumed, frozenset(taken))
    return Job(name, feature, release, part, place, upstream, store, history, wanted, omitted)


def _check_depth(base: str, upstream: Upstream, history: History) -> None:
    """Refuse a shallow clone that begins within what we have to look at: git walks it without a word,
    and commits would be overlooked."""
    begins = (upstream.git_dir / "shallow").read_text().split()
    cut = next((oid for oid in map(Oid, begins) if history.concerns(oid)), None)
    if cut is not None:
        raise InputError(
            f"the history of {upstream.name} (from {upstream.source}) is a shallow clone that begins at "
            f"{cut.short} ({history.store.commit(cut).subject}): commits between the base '{base}' and what "
            f"is wanted are missing; try: git -C '{upstream.git_dir}' fetch --unshallow"
        )


def _named(part: FeaturePackage) -> Iterator[tuple[Key, str]]:
    yield from ((("also", i, "commit"), c.commit) for i, c in enumerate(part.also))
    yield from ((("never", i, "commit"), c.commit) for i, c in enumerate(part.never))
    yield from ((("taken", i, "commit"), c.commit) for i, c in enumerate(part.taken))
    yield from ((("omitted", i, "commit"), c.commit) for i, c in enumerate(part.omitted))
    yield from ((("adapt", i, "commit"), a.commit) for i, a in enumerate(part.adapt))


def _resolve_all(
    name: str, manifests: Manifests, part: FeaturePackage, upstream: Upstream, store: GitStore
) -> Mapping[str, Oid]:
    """Resolve every commit that the manifest names, in one git process."""
    names = {commit: key for key, commit in reversed(list(_named(part)))}
    found = store.present(f"{n}^{{commit}}" for n in names)
    for (commit, key), oid in zip(names.items(), found.values(), strict=True):
        if oid is None:
            what = f"commit '{commit}' is not in '{upstream.git_dir}' ({upstream.source})"
            if upstream.shallow:
                what += f"; it is a shallow clone, try: git -C '{upstream.git_dir}' fetch --unshallow"
            raise at_key(manifests, ("packages", name, *key), what)
    return {n: oid for n, oid in zip(names, found.values(), strict=True) if oid is not None}


def _check_requested(name: str, manifests: Manifests, requested: Collection[Oid], store: GitStore) -> None:
    merges = [c for c in requested if len(store.commit(c).parents) != 1]
    if merges:
        what = f"{merges[0].short} ({store.commit(merges[0]).subject}) is a merge; name the commits it merged"
        raise at_key(manifests, ("packages", name, "also"), what)
    if not requested:
        nothing = "no commit is requested: no path matches, 'also' is empty"
        raise at_key(manifests, ("packages", name), nothing)


def at_key(manifests: Manifests, key: Key, what: str) -> InputError:
    """Make an error that names the place in the feature manifest."""
    line = line_of(key, key_lines(manifests.feature_text))
    return InputError(what, file=manifests.feature_file, key=spell(key), line=line)


def commits_of(names: Sequence[str], upstream: Upstream) -> tuple[Oid, ...]:
    """Resolve what a person typed on the command line."""
    return tuple(resolve_revision(upstream, n, "commit") for n in names)


def _decides_plan(text: str, keys: Collection[str]) -> str:
    packages = tomllib.loads(text).get("packages", {})
    parts = {name: {k: v for k, v in part.items() if k in keys} for name, part in packages.items()}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
