"""The step ``check``: does the series apply, compile, link, and can its modules be loaded?

What was not compiled is said to be not checked, with the reason; it never counts as passed.
"""

from __future__ import annotations

import dataclasses
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fedvhost.backport.landing import land
from fedvhost.backport.outcome import Verdict
from fedvhost.backport.plan import Entry, PackagePlan, Stop
from fedvhost.backport.recipe import KERNEL, Check
from fedvhost.errors import InputError, ToolError
from fedvhost.git.identity import Identity, committer
from fedvhost.packaging.compile import Compiler, find_compiler
from fedvhost.pipeline.checks.building import Build, NotChecked, open_linkage
from fedvhost.pipeline.checks.checked import CheckResult, Row
from fedvhost.pipeline.checks.checkout import Checkout, remove
from fedvhost.pipeline.checks.linkage import came_with
from fedvhost.pipeline.evidencing import keep_check
from fedvhost.pipeline.exporting import Export, Patch, export, exported, patches_folder, rollup_name
from fedvhost.pipeline.inputs import Job, Manifests, Request, open_jobs, read_manifests
from fedvhost.pipeline.planning import outdated_inputs, read_plan
from fedvhost.pipeline.replaying import Replay, replay
from fedvhost.upstreams import resolve_revision
from fedvhost.values import Oid
from fedvhost.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Options:
    """``each``: compile after every patch, not only at the tip. ``without``: commits of the plan that are
    left out for a trial, of which no evidence is kept. ``jobs``: how many compilers at once."""

    each: bool = False
    without: tuple[str, ...] = ()
    jobs: int = 0


def check_series(
    workspace: Workspace, request: Request, options: Options, progress: Callable[[str], None]
) -> tuple[CheckResult, ...]:
    """Check the planned series of each package.

    Raises:
        InputError: there is no plan; the release does not say how to compile a package; ``without`` names
            a commit that is in no plan.
        ToolError: a compiler or header is missing; the base itself does not compile here.
    """
    manifests = read_manifests(workspace, request)
    checks = {name: _how(workspace, manifests, name) for name in manifests.packages}
    compilers = {name: find_compiler(check) for name, check in checks.items()}
    identity = committer(workspace.root)
    with workspace.lock(), open_jobs(workspace, request, manifests) as jobs:
        plan = read_plan(workspace, manifests)
        without = _named(options.without, [e.commit for p in plan.packages.values() for e in p.entries])
        outdated = outdated_inputs(plan, manifests)
        found = []
        for job in jobs:
            run = _Run(workspace, job, checks[job.name], compilers[job.name], identity, options, progress)
            result, patches = run.check(plan.packages[job.name], without)
            result = dataclasses.replace(result, outdated=outdated)
            if not without:
                file = keep_check(workspace, job, manifests, patches, result, options.each)
                result = dataclasses.replace(result, evidence=file)
            found.append(result)
        return tuple(found)


def clean(workspace: Workspace, request: Request) -> tuple[str, ...]:
    """Remove the trees of earlier checks and return which there were."""
    manifests = read_manifests(workspace, request)
    with workspace.lock():
        gone = remove([_folder(workspace, name) for name in manifests.packages])
    return tuple(workspace.relative(f) for f in gone)


@dataclass(frozen=True, slots=True)
class _Run:
    workspace: Workspace
    job: Job
    how: Check
    compiler: Compiler
    identity: Identity
    options: Options
    progress: Callable[[str], None]

    def check(self, plan: PackagePlan, without: Sequence[Oid]) -> tuple[CheckResult, tuple[Patch, ...]]:
        began = time.monotonic()
        left_out = tuple(e.commit for e in plan.entries if e.commit in without)
        if left_out:
            plan = self._trial(plan, left_out)
        job = self._trial_job() if left_out else self.job
        replayed = replay(job, plan, self.identity, self.progress)
        self.progress(f"{job.name}: applying {len(replayed.picked)} patches with patch -p1 -F0")
        made = export(job, replayed, rollup=False)
        problems = list(_unfinished(plan, replayed))
        checkout = self._open_checkout(replayed.base)
        log = _folder(self.workspace, job.name).with_suffix(".log")
        log.write_text("")
        touched = _touched(job, replayed)
        linkage = open_linkage(checkout, touched)
        build = Build(
            checkout, touched, linkage, self.options.jobs or os.cpu_count() or 1, log, self.progress
        )
        self._base(checkout, build, replayed.base)
        rows = self._rows(build, replayed, made)
        if rows and rows[-1].built is not None and rows[-1].built.ok:
            problems += _unexpected(checkout)
        result = CheckResult(
            job.name, replayed.base, plan.base_name, replayed.tip, replayed.tree, self.compiler.title,
            made.application, rows, (*problems, *_nothing(rows)), self._hints(rows),
            _not_checked(rows, touched, self.how), left_out,
            folder=self.workspace.relative(checkout.folder), log=self.workspace.relative(log),
            seconds=time.monotonic() - began,
        )  # fmt: skip
        if exported(patches_folder(self.workspace, job)) == (rollup_name(job),):
            made = export(job, replayed, rollup=True)
        return result, made.patches

    def _open_checkout(self, base: Oid) -> Checkout:
        folder = _folder(self.workspace, self.job.name)
        checkout = Checkout(folder, self.job.store, base, self.how, self.compiler)
        checkout.open(lambda text: self.progress(f"{self.job.name}: {text}"))
        return checkout

    def _base(self, checkout: Checkout, build: Build, base: Oid) -> None:
        """Compile the base once: if even that fails, nothing can be said of the series."""
        if checkout.base_needs is not None and checkout.base_needs.keys() >= _in_base(checkout, build):
            return
        built = build.step(base, f"{self.job.name}: {self.job.place.base}")
        if built.failed is not None:
            release, package = self.job.release.name, self.job.name
            raise ToolError(
                f"{package}: the base {self.job.place.base} itself does not compile here, so nothing can be "
                f"said of the series: {built.complaints[0]}; all of it in '{build.log}'. What it takes "
                f"is said in backport/releases/{release}.toml, packages.{package}.check"
            )
        looked = dict.fromkeys(_in_base(checkout, build), ())
        checkout.base_needs = {**looked, **built.needs}
        checkout.save()

    def _rows(self, build: Build, replayed: Replay, made: Export) -> tuple[Row, ...]:
        last = len(replayed.picked) - 1
        rows = []
        for i, (picked, patch) in enumerate(zip(replayed.picked, made.patches, strict=True)):
            built = None
            if self.options.each or i == last:
                title = f"{self.job.name}: {i + 1}/{last + 1} {picked.entry.subject}"
                built = build.step(picked.commit, title)
            rows.append(Row(picked.entry.commit, picked.entry.subject, patch.name, built))
        return tuple(rows)

    def _hints(self, rows: Sequence[Row]) -> tuple[str, ...]:
        if self.how.kind != KERNEL or not rows or rows[-1].built is None:
            return ()
        built = rows[-1].built
        names = [*(u.name for u in built.unexported), *(n for c in built.complaints for n in c.names)]
        until = resolve_revision(self.job.upstream, self.job.part.until, "until")
        wanted = list(dict.fromkeys(names))
        return tuple(came_with(self.job.store, wanted, self.job.wanted.base, until))

    def _trial_job(self) -> Job:
        """The same job with a ref of its own: a trial must not pass for the series."""
        release = dataclasses.replace(self.job.release, name=f"{self.job.release.name}-trial")
        return dataclasses.replace(self.job, release=release)

    def _trial(self, plan: PackagePlan, without: Sequence[Oid]) -> PackagePlan:
        """The plan as it lands without some of its commits, as far as it does."""
        store = self.job.store
        tree = store.tree_of(plan.base)
        entries: list[Entry] = []
        for entry in plan.entries:
            if entry.commit in without or entry.verdict is Verdict.IN_BASE:
                continue
            adaptations = self.job.wanted.adaptations.get(entry.commit, ())
            landing = land(store, tree, entry.commit, adaptations, self.job.answers)
            if landing.verdict is Verdict.STOPPED:
                stop = Stop(entry.commit, entry.subject, ("conflicts without what was left out",))
                return dataclasses.replace(plan, entries=tuple(entries), stop=stop)
            tree = landing.tree
            entries.append(dataclasses.replace(entry, verdict=landing.verdict, tree=tree))
        return dataclasses.replace(plan, entries=tuple(entries))


def _how(workspace: Workspace, manifests: Manifests, name: str) -> Check:
    check = manifests.release.packages[name].check
    if check is None:
        raise InputError(
            f"is missing: nothing says how {name} is compiled; backport/README.md has the keys",
            file=workspace.relative(workspace.release_file(manifests.release.name)),
            key=f"packages.{name}.check",
        )
    return check


def _named(names: Sequence[str], commits: Sequence[Oid]) -> tuple[Oid, ...]:
    found = []
    for name in names:
        match = [c for c in commits if re.fullmatch(r"[0-9a-f]{7,40}", name) and c.startswith(name)]
        if not match:
            raise InputError(f"--without '{name}': the plan has no such commit; give 7 to 40 digits of one")
        found += match
    return tuple(found)


def _folder(workspace: Workspace, package: str) -> Path:
    return workspace.state_dir / "check" / package


def _touched(job: Job, replayed: Replay) -> tuple[str, ...]:
    steps = pairwise([replayed.base, *(p.commit for p in replayed.picked)])
    return tuple(sorted({path for old, new in steps for path in job.store.diff_paths(old, new)}))


def _in_base(checkout: Checkout, build: Build) -> frozenset[str]:
    """The touched files that the base has: what it was, or is to be, compiled for."""
    return frozenset(checkout.store.modes(checkout.base, build.touched))


def _unfinished(plan: PackagePlan, replayed: Replay) -> Iterator[str]:
    if replayed.differs is not None:
        yield f"the plan does not land as it says: {replayed.differs}"
    if plan.stop is not None:
        why = "".join(f": {one}" for one in plan.stop.problems[:1])
        yield (
            f"the plan stops at {plan.stop.commit.short} ({plan.stop.subject}); the rest was not checked{why}"
        )


def _unexpected(checkout: Checkout) -> Iterator[str]:
    """What the preparation of the tip did not come to."""
    for expected in checkout.check.expect:
        file = checkout.preparation if expected.file is None else checkout.tree / expected.file
        text = file.read_text(errors="replace") if file.is_file() else ""
        if not re.search(expected.text, text, re.MULTILINE):
            where = f"'{expected.file}'" if expected.file else "what the preparation says"
            yield f"{where} has no '{expected.text}': {expected.because}"


def _nothing(rows: Sequence[Row]) -> Iterator[str]:
    if not rows:
        yield "there is no patch to check"
    elif (built := rows[-1].built) is not None and built.ok and not built.objects:
        yield "nothing that the series touches is compiled here"


def _not_checked(rows: Sequence[Row], touched: Sequence[str], how: Check) -> tuple[NotChecked, ...]:
    found = list(rows[-1].built.not_checked) if rows and rows[-1].built is not None else []
    headers = [p for p in touched if p.endswith(".h")]
    if how.kind == KERNEL and headers:
        because = "other sources that include it: only the touched ones are compiled"
        found.append(NotChecked(", ".join(headers), because))
    if how.kind == KERNEL and rows and rows[-1].built is not None:
        because = "they are read from the sources, whatever configuration they are compiled in"
        found.append(NotChecked("exports of what the series does not touch", because))
    return tuple(found)
