"""``compare``: our replayed series beside somebody else's backport, read from one or two repositories."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fedvhost.backport.comparison import (
    FileResult,
    Match,
    Moved,
    Ours,
    match,
    moved,
    parse_range,
)
from fedvhost.backport.lacking import Known, Lacking, lacking_here, lacking_there
from fedvhost.backport.plan import PackagePlan, Plan
from fedvhost.errors import InputError, ToolError, ToolFailed
from fedvhost.git.identity import Identity, committer
from fedvhost.git.store import GitStore
from fedvhost.pipeline.compare.changes import MOST, held, listed, read_changes
from fedvhost.pipeline.compare.files import file_results, with_diffs
from fedvhost.pipeline.inputs import Job, Manifests, Request, open_jobs, read_manifests
from fedvhost.pipeline.planning import outdated_inputs, read_plan
from fedvhost.pipeline.replaying import Replay, replay
from fedvhost.upstreams import Place, Upstream, open_upstream, resolve_revision
from fedvhost.values import Oid
from fedvhost.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Options:
    """What to compare with: a range ``A..B`` of the repository at ``repo`` (None: the package's upstream),
    of it what touches ``paths`` (none: all). ``diff``: show how the results of a file differ."""

    range: str
    repo: Path | None = None
    paths: tuple[str, ...] = ()
    diff: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """A package's series (*here*) beside the other one (*there*).

    ``here`` and ``there`` count commits, ``merges`` those left out there; ``limited``: the paths that the
    comparison is limited to, by ``limited_for`` (a reason). ``names``: commit → subject of all matched.
    """

    package: str
    range: str
    repo: str
    base: Oid
    base_name: str
    tip: Oid
    their_base: Oid
    their_tip: Oid
    here: int
    there: int
    merges: int
    limited: tuple[str, ...]
    limited_for: str
    matches: tuple[Match, ...]
    only_here: tuple[Lacking, ...]
    only_there: tuple[Lacking, ...]
    moved: tuple[Moved, ...]
    files: tuple[FileResult, ...]
    names: Mapping[Oid, str]
    verdicts: Mapping[Oid, str]
    stopped: Oid | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """The comparison of each package; ``skipped``: package → why it was not compared."""

    feature: str
    release: str
    packages: tuple[Comparison, ...]
    skipped: Mapping[str, str]
    outdated: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether anything in the range was found to be a commit of the series."""
        return any(c.matches for c in self.packages)


@dataclass(frozen=True, slots=True)
class _Range:
    """The other backport's commits, oldest first, and what they were chosen by."""

    start: Oid
    end: Oid
    commits: tuple[Oid, ...]
    merges: int
    limited: tuple[str, ...]
    limited_for: str


def compare(
    workspace: Workspace,
    request: Request,
    options: Options,
    progress: Callable[[str], None] = lambda _: None,
) -> Compared:
    """Replay the plan and compare it; a package whose history does not know the range is skipped.

    Raises:
        InputError: not a range, unknown revisions, no commits, too many; no plan, or it does not replay;
            ``repo`` is no repository, or could be of several packages.
        ToolError: git failed, or objects are missing.
    """
    parse_range(options.range)
    other = (
        None if options.repo is None else open_upstream("the other backport", Place(options.repo, "--repo"))
    )
    manifests = read_manifests(workspace, request)
    found: list[Comparison] = []
    skipped: dict[str, str] = {}
    with open_jobs(workspace, request, manifests, apart=True) as jobs:
        plan = read_plan(workspace, manifests)
        wanted = jobs if other is None else _of_repository(jobs, other)
        for job in wanted:
            run = _Run(job, plan.packages[job.name], other or job.upstream, options, progress)
            try:
                found.append(run.compare(committer(workspace.root)))
            except InputError as error:
                skipped[job.name] = str(error)
        return _compared(plan, manifests, found, skipped)


def _compared(
    plan: Plan, manifests: Manifests, found: Sequence[Comparison], skipped: Mapping[str, str]
) -> Compared:
    if not found:
        one = len(skipped) == 1
        raise InputError("\n".join(why if one else f"{name}: {why}" for name, why in skipped.items()))
    return Compared(plan.feature, plan.release, tuple(found), skipped, outdated_inputs(plan, manifests))


def _of_repository(jobs: Sequence[Job], other: Upstream) -> Sequence[Job]:
    """Choose the package that a second repository is of: the one whose base it has."""
    if len(jobs) == 1:
        return jobs
    with GitStore(other.git_dir) as store:
        known = store.present(f"{job.wanted.base}^{{commit}}" for job in jobs)
    fitting = [job for job, oid in zip(jobs, known.values(), strict=True) if oid is not None]
    if len(fitting) != 1:
        has = "has the bases of several" if fitting else "has the base of none"
        names = ", ".join(j.name for j in jobs)
        raise InputError(
            f"'{other.git_dir}' {has} of the feature's packages; say which it is of: --package ({names})"
        )
    return fitting


@dataclass(frozen=True, slots=True)
class _Run:
    job: Job
    plan: PackagePlan
    other: Upstream
    options: Options
    progress: Callable[[str], None]

    def compare(self, identity: Identity) -> Comparison:
        """Replay, read both sides and put them beside each other."""
        names = replace(self.other, git_dir=_names_dir(self.options.repo) or self.other.git_dir)
        start, end = (resolve_revision(names, r, "REV-RANGE") for r in parse_range(self.options.range))
        replayed = replay(self.job, self.plan, identity, self.progress)
        if replayed.differs is not None:
            raise InputError(f"{self.job.name}: the plan does not replay: {replayed.differs}; plan again")
        try:
            with _both(self.job, self.other) as store:
                return self._compare(store, replayed, start, end)
        except ToolFailed as error:
            partial = [u for u in (self.other, self.job.upstream) if u.partial or u.shallow]
            if not partial:
                raise
            raise ToolError(
                f"{error}\n'{partial[0].git_dir}' is a shallow or partial clone; what it lacks is needed here"
            ) from error

    def _compare(self, store: GitStore, replayed: Replay, start: Oid, end: Oid) -> Comparison:
        job, plan = self.job, self.plan
        self.progress(f"{job.name}: reading the commits of {self.options.range}")
        ours = _ours(store, plan, replayed)
        touched = sorted({p for o in ours if o.replayed for p in o.replayed.paths})
        chosen = self._choose(store, start, end, touched)
        vocabulary = frozenset().union(*(form.lines for o in ours for form in o.forms))
        changes = read_changes(store, chosen.commits, vocabulary)
        theirs = [changes[c] for c in chosen.commits]
        self.progress(f"{job.name}: comparing {len(ours)} commits with {len(theirs)}")
        matches = match(ours, theirs)
        alone_there = [c for c in theirs if c.commit not in {m.theirs for m in matches}]
        alone_here = [o.upstream for o in ours if o.upstream.commit not in {m.ours for m in matches}]
        known = Known(
            plan, job.part.paths, job.part.until, job.history.within(job.history.tips[0]),
            held(store, plan.base, [chosen.end, *job.history.tips], alone_there),
        )  # fmt: skip
        there_held = held(store, chosen.start, [o.upstream.commit for o in ours], alone_here)
        files = file_results(
            store, (plan.base, replayed.tip), (chosen.start, chosen.end), ours, theirs, chosen.limited
        )
        if self.options.diff:
            files = with_diffs(store, chosen.end, replayed.tip, files)
        subjects = {c.commit: c.subject for c in (*(o.upstream for o in ours), *theirs)}
        return Comparison(
            package=job.name,
            range=self.options.range,
            repo=os.fspath(self.other.git_dir),
            base=plan.base,
            base_name=plan.base_name,
            tip=replayed.tip,
            their_base=chosen.start,
            their_tip=chosen.end,
            here=sum(o.replayed is not None for o in ours),
            there=len(theirs),
            merges=chosen.merges,
            limited=chosen.limited,
            limited_for=chosen.limited_for,
            matches=matches,
            only_here=lacking_there(ours, matches, there_held, chosen.limited),
            only_there=lacking_here(known, ours, theirs, matches),
            moved=moved(matches, chosen.commits),
            files=files,
            names={c: subjects[c] for m in matches for c in (m.ours, m.theirs)},
            verdicts={o.upstream.commit: o.verdict for o in ours},
            stopped=plan.stop.commit if plan.stop else None,
        )

    def _choose(self, store: GitStore, start: Oid, end: Oid, touched: Sequence[str]) -> _Range:
        """List the range. One that is too large is limited to the files that our series touches."""
        paths, reason = self.options.paths, "as asked" if self.options.paths else ""
        commits = listed(store, start, end, paths)
        if len(commits) > MOST and not paths:
            reason = f"the range has {len(commits)} commits; these are the files that our series touches"
            paths = tuple(touched)
            commits = listed(store, start, end, paths)
        if len(commits) > MOST:
            raise InputError(
                f"'{self.options.range}' has {len(commits)} commits that touch {', '.join(paths[:5])}; "
                f"at most {MOST} are compared. Name a shorter range, or fewer paths: "
                f"{self.options.range} -- PATH..."
            )
        if not commits:
            raise self._empty(store, start, end, paths)
        merges = store.git(
            "--literal-pathspecs", "rev-list", "--count", "--merges", end, f"^{start}", "--", *paths
        ).stdout
        done = store.git("merge-base", start, end, ok=(0, 1)).stdout.decode().split()
        fork = Oid(done[0]) if done else start
        return _Range(fork, end, commits, int(merges), paths, reason)

    def _empty(self, store: GitStore, start: Oid, end: Oid, paths: Sequence[str]) -> InputError:
        where = f"'{self.options.range}' in '{self.other.git_dir}'"
        everything = listed(store, start, end)
        if everything:
            return InputError(f"none of the {len(everything)} commits of {where} touches {', '.join(paths)}")
        text = f"{where} has no commits, merges left out"
        backwards = listed(store, end, start)
        if backwards:
            first, last = parse_range(self.options.range)
            text += f"; the other way round, {last}..{first} has {len(backwards)}"
        return InputError(text)


def _names_dir(repo: Path | None) -> Path | None:
    """Return the git directory that has the HEAD of a linked work tree, None if ``repo`` is none."""
    if repo is None or not (repo / ".git").is_file():
        return None
    target = (repo / ".git").read_text(errors="replace").removeprefix("gitdir:").strip()
    return (repo / target).resolve()


# -- reading --------------------------------------------------------------------------------------------


@contextmanager
def _both(job: Job, other: Upstream) -> Iterator[GitStore]:
    """A store for a while that has our series, its upstream and the other repository."""
    folders = dict.fromkeys([(job.store.path / "objects").resolve(), *job.upstream.objects, *other.objects])
    with (
        tempfile.TemporaryDirectory(prefix="fedvhost-") as folder,
        GitStore.borrowing(Path(folder) / "both.git", tuple(folders)) as store,
    ):
        ends = [u.git_dir / "shallow" for u in (job.upstream, other) if u.shallow]
        if ends:
            store.path.joinpath("shallow").write_bytes(b"".join(dict.fromkeys(e.read_bytes() for e in ends)))
        yield store


def _ours(store: GitStore, plan: PackagePlan, replayed: Replay) -> tuple[Ours, ...]:
    landed = {p.entry.commit: p.commit for p in replayed.picked}
    changes = read_changes(store, [*(e.commit for e in plan.entries), *landed.values()], None)
    found: list[Ours] = []
    for entry in plan.entries:
        made = landed.get(entry.commit)
        reasons = dict.fromkeys(e.detail for e in entry.evidence)
        role = f"{entry.because}: {'; '.join(reasons)}" if reasons else entry.because
        found.append(Ours(changes[entry.commit], changes[made] if made else None, role, entry.verdict.value))
    return tuple(found)
