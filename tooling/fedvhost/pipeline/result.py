"""What a run came to, package by package, and as the one JSON object that ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fedvhost.backport.plan import Evidence, PackagePlan
from fedvhost.pipeline.conflicts.preparing import Prepared
from fedvhost.pipeline.exporting import Export
from fedvhost.pipeline.replaying import Replay
from fedvhost.pipeline.spec.editing import SpecOutcome


@dataclass(frozen=True, slots=True)
class PackageResult:
    """One package: its plan and how far the run got. ``problem``: what stopped it after planning.

    ``changed``: the files of the workspace that this run wrote or removed; ``ref`` and ``store``: where
    the replayed commits are; ``conflict``: what a person can edit to go on.
    """

    plan: PackagePlan
    replay: Replay | None = None
    export: Export | None = None
    spec: SpecOutcome | None = None
    problem: str | None = None
    changed: tuple[str, ...] = ()
    ref: str = ""
    store: str = ""
    conflict: Prepared | None = None

    @property
    def ok(self) -> bool:
        """Whether everything that was asked for was done and found true."""
        return self.plan.ok and self.problem is None


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to. ``plan_changed``: whether the plan file was written; ``outdated``: manifests that
    have changed since the plan was made."""

    feature: str
    release: str
    packages: Mapping[str, PackageResult]
    plan_file: str = ""
    plan_changed: bool = False
    outdated: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every package is."""
        return all(p.ok for p in self.packages.values())


def to_object(result: Result) -> dict[str, Any]:
    """Return the result as JSON's types; every hash has its 40 digits."""
    return {
        "feature": result.feature,
        "release": result.release,
        "ok": result.ok,
        "packages": {name: package_object(p) for name, p in result.packages.items()},
        "undecided": [
            {"package": name, "commit": u.commit, "subject": u.subject, "what": u.what}
            for name, p in result.packages.items()
            for u in p.plan.undecided
        ],
        "outdated": list(result.outdated),
    }


def package_object(result: PackageResult) -> dict[str, Any]:
    """Return what a run came to for one package as JSON's types."""
    plan, replay, export, spec = result.plan, result.replay, result.export, result.spec
    patch_of = {}
    if export is not None:
        patch_of = {p.entry.commit: patch.name for patch in export.patches for p in patch.picked}
    found: dict[str, Any] = {
        "base": plan.base,
        "tip": replay.tip if replay else None,
        "tree": replay.tree if replay else (plan.entries[-1].tree if plan.entries else None),
        "ok": result.ok,
        "picks": [
            {
                "commit": e.commit,
                "subject": e.subject,
                "because": e.because,
                "verdict": e.verdict.value,
                "review": e.review,
                "evidence": [_evidence(ev) for ev in e.evidence],
                "notes": [asdict(n) for n in e.notes],
                "patch": patch_of.get(e.commit),
            }
            for e in plan.entries
        ],
        "considered": [asdict(c) for c in plan.considered],
        "spec": spec.spec if spec else None,
        "nvr": spec.nvr if spec else None,
        "stopped": None if plan.stop is None else asdict(plan.stop),
        "problem": result.problem,
        "conflict": None if result.conflict is None else asdict(result.conflict),
        "changed": list(result.changed),
    }
    if export is not None:
        found["applied"] = asdict(export.application) | {"ok": export.application.ok}
    return found


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {k: v for k, v in asdict(evidence).items() if v not in (None, ())}
