"""One step of a check: the tree as it is after a patch, prepared, compiled, and what came of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fedvhost.backport.compilecheck import (
    SOURCES,
    Complaint,
    Unexported,
    complaints,
    matching,
    objects_of,
    words,
)
from fedvhost.backport.recipe import KERNEL, Check
from fedvhost.packaging.compile import Ran, execute, symbols
from fedvhost.pipeline.checks.checkout import Checkout
from fedvhost.pipeline.checks.linkage import Linkage
from fedvhost.values import Oid


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Something that was not found out, and why."""

    what: str
    because: str


@dataclass(frozen=True, slots=True)
class Built:
    """What compiling one tree came to. ``objects``: those of the touched sources that were made;
    ``failed``: the command that ended with an error."""

    objects: tuple[str, ...] = ()
    failed: str | None = None
    complaints: tuple[Complaint, ...] = ()
    unexported: tuple[Unexported, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether all commands ended well and modules find what they call."""
        return self.failed is None and not self.complaints and not self.unexported


@dataclass(frozen=True, slots=True)
class Build:
    """How the trees of one package are built. ``touched``: what the series changes, all steps together;
    ``linkage``: of a kernel; ``log``: where everything that was said goes."""

    checkout: Checkout
    touched: tuple[str, ...]
    linkage: Linkage | None
    jobs: int
    log: Path
    progress: Callable[[str], None]

    def step(self, treeish: Oid, title: str) -> Built:
        """Compile one tree."""
        began = time.monotonic()
        self._note(f"==== {title} ({treeish})\n")
        self.checkout.show(treeish, self.touched)
        here = self.checkout.store.modes(treeish, self.touched)
        elsewhere = [NotChecked(p, e.because) for e in self._check.elsewhere for p in matching(here, e.paths)]
        skipped = {n.what for n in elsewhere}
        sources = tuple(p for p in sorted(here) if p.endswith(SOURCES) and p not in skipped)
        built = self._prepare(title) or self._compile(treeish, title, sources)
        return Built(
            built.objects,
            built.failed,
            built.complaints,
            built.unexported,
            (*built.not_checked, *(n for n in elsewhere if n.what.endswith(SOURCES))),
            built.needs,
            time.monotonic() - began,
        )

    @property
    def _check(self) -> Check:
        return self.checkout.check

    def _prepare(self, title: str) -> Built | None:
        """Prepare the tree if it is not; what failed, or None."""
        if self.checkout.prepared:
            return None
        said = ""
        for step in self._check.prepare:
            self.progress(f"{title}: preparing ({step.because})")
            ran = self._run(step.run, ())
            said += ran.said
            if ran.status != 0:
                return self._failure(step.run, ran)
        self.checkout.preparation.write_text(said)
        self.checkout.prepared = True
        self.checkout.save()
        return None

    def _compile(self, treeish: Oid, title: str, sources: tuple[str, ...]) -> Built:
        if self.linkage is not None:
            sources = self.linkage.sources(treeish, sources)
            if not sources:
                return Built()
            self.progress(f"{title}: compiling {len(sources)} objects")
        else:
            self.progress(f"{title}: compiling and linking")
        ran = self._run(self._check.compile, objects_of(sources))
        failure = self._failure(self._check.compile, ran) if ran.status != 0 else Built()
        if self.linkage is None:
            return self._program(failure, sources)
        return self._kernel(failure, treeish, sources, self.linkage)

    def _kernel(self, failure: Built, treeish: Oid, sources: Sequence[str], linkage: Linkage) -> Built:
        bad = {c.path for c in failure.complaints}
        fresh = [s for s in sources if s not in bad and self._fresh(objects_of([s])[0], s)]
        made = symbols(objects_of(fresh), self.checkout.tree)
        linked = linkage.judge(treeish, made, fresh, self.checkout.base_needs or {})
        not_checked = [
            NotChecked(
                path,
                f"built in, and asks for {', '.join(names)}: whether the kernel has that, only a whole link "
                "shows",
            )
            for path, names in linked.undecided.items()
        ]
        if failure.failed is None:
            not_checked += [
                NotChecked(s, "make ended well and left no object") for s in sources if s not in fresh
            ]
        needs = {path: tuple(sorted(s.undefined)) for path, s in made.items()}
        return Built(
            tuple(made), failure.failed, failure.complaints, linked.missing, tuple(not_checked), needs
        )

    def _program(self, failure: Built, sources: Sequence[str]) -> Built:
        """Whether each source was compiled is seen from the objects: those at its own place, else those of
        its name in the folders of targets (``x86_64-softmmu/virtio.o`` of ``hw/virtio.c``)."""
        by_name: dict[str, list[str]] = {}
        top = self.checkout.tree
        for folder, _, files in os.walk(top):
            for name in files:
                if name.endswith(".o"):
                    by_name.setdefault(name, []).append(str((Path(folder) / name).relative_to(top)))
        objects: list[str] = []
        not_checked: list[NotChecked] = []
        for source in sources:
            own = objects_of([source])[0]
            named = by_name.get(Path(own).name, [])
            made = [o for o in ([own] if own in named else sorted(named)) if self._fresh(o, source)]
            objects += made
            if not made and failure.failed is None:
                not_checked.append(NotChecked(source, "nothing that is built here is made from it"))
        return Built(tuple(objects), failure.failed, failure.complaints, (), tuple(not_checked))

    def _fresh(self, made: str, source: str) -> bool:
        tree = self.checkout.tree
        try:
            return (tree / made).stat().st_mtime_ns >= (tree / source).stat().st_mtime_ns
        except FileNotFoundError:
            return False

    def _failure(self, command: str, ran: Ran) -> Built:
        found = complaints(ran.said, str(self.checkout.tree))
        if not found:
            lines = [line for line in ran.said.splitlines() if line.strip()]
            found = (Complaint("", 0, lines[-1] if lines else f"exit status {ran.status}"),)
        return Built(failed=command, complaints=found)

    def _run(self, command: str, objects: Sequence[str]) -> Ran:
        gcc = self.checkout.compiler.major
        argv = words(command, self._check, gcc=gcc, jobs=self.jobs, objects=objects)
        self._note(f"$ {' '.join(argv)}\n")
        with self.checkout.at_work():
            ran = execute(argv, self.checkout.tree, self.checkout.lock)
        self._note(ran.said)
        return ran

    def _note(self, text: str) -> None:
        with self.log.open("a", encoding="utf-8", errors="replace") as file:
            file.write(text)


def open_linkage(checkout: Checkout, touched: Sequence[str]) -> Linkage | None:
    """Return what a kernel's modules are held against; None for a program, which is linked instead."""
    if checkout.check.kind != KERNEL:
        return None
    return Linkage(checkout.store, checkout.base, touched, [v.symbol for v in checkout.check.vouched])
