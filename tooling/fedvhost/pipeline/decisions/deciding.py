"""Collects what a release decision is made on: evidence, files as they are now, decisions, the day."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from fedvhost.backport.manifest import Feature, Release
from fedvhost.backport.manifest_toml import read_record
from fedvhost.errors import InputError
from fedvhost.evidence import Evidence, Spoiled, changed_inputs, digest, file_of, now, read_all
from fedvhost.pipeline.builds.backends import for_others
from fedvhost.pipeline.decisions.ledger import Decisions, read_decisions
from fedvhost.pipeline.inputs import Manifests, Request, read_manifests
from fedvhost.pipeline.spec.order import spec_seen
from fedvhost.release.case import Case, PatchSeen, inherit
from fedvhost.release.checks import check_checklist
from fedvhost.release.contingency import Flag, Rendered, found_in, mechanism_lines, shipped
from fedvhost.release.facts import Piece, Said, Standing, stale_because
from fedvhost.release.items import Checklist
from fedvhost.shipped import shipped_dir
from fedvhost.workspace import Workspace, nearest, read_text

_ORIGIN = re.compile(rb"\(cherry picked from commit ([0-9a-f]{40})\)")
# The head of a patch is read for who wrote it; a message is some kilobytes.
_HEAD = 256 << 10


def collect(workspace: Workspace, request: Request, today: datetime.date) -> Case:
    """Read everything that there is on a feature and a release. Evidence that cannot be believed, or that
    is of files that changed since, is kept as such.

    Raises:
        InputError: a manifest or the checklist is wrong.
    """
    manifests = read_manifests(workspace, request)
    feature, release, packages = manifests.feature, manifests.release, manifests.packages
    pieces = inherit(_pieces(workspace, feature, release), packages)
    decisions = read_decisions(workspace, release.name, feature.name)
    plan = workspace.plans_dir / f"{release.name}-{feature.name}.json"
    return Case(
        feature, release, packages, read_checklist(workspace, release), today, pieces, decisions.words,
        flag_of(manifests, decisions), workspace.relative(plan), rendered_lines(workspace, manifests),
        _ships(workspace, release, packages, plan, pieces),
        {p: _patches(workspace, release, p) for p in packages},
        {p: spec_seen(workspace, release.packages[p], release.dist) for p in packages},
        several=len(workspace.features()) > 1, machine=os.uname().machine, elsewhere=for_others(release),
    )  # fmt: skip


def read_checklist(workspace: Workspace, release: Release) -> Checklist:
    """Read the checklist that a release names: the workspace's own, else the one that came along.

    Raises:
        InputError: there is none, or it is wrong.
    """
    places = [workspace.root / "backport" / "checklists", shipped_dir() / "backport" / "checklists"]
    for folder in places:
        file = folder / f"{release.checklist}.toml"
        if file.is_file():
            name = workspace.relative(file)
            checklist = read_record(Checklist, read_text(file), name, {"name": release.checklist})
            return check_checklist(checklist, name)
    known = sorted({f.stem for folder in places for f in folder.glob("*.toml")})
    raise InputError(
        f"there is no checklist '{release.checklist}'; {nearest(release.checklist, known)}",
        file=f"backport/releases/{release.name}.toml",
        key="checklist",
    )


def flag_of(manifests: Manifests, decisions: Decisions) -> Flag:
    """The contingency flag, with its history."""
    return Flag(shipped(manifests.feature, manifests.release), decisions.history, decisions.problem)


def rendered_lines(workspace: Workspace, manifests: Manifests) -> tuple[Rendered, ...]:
    """Read which of its lines each mechanism of the contingency has in its spec.

    Raises:
        InputError: a mechanism's template is wrong.
    """
    found = []
    for mechanism in manifests.feature.contingency.mechanisms:
        if mechanism.package is None or mechanism.package not in manifests.release.packages:
            continue
        file = workspace.root / manifests.release.packages[mechanism.package].spec
        on, off = mechanism_lines(mechanism, manifests.feature.name, manifests.release.name)
        text = file.read_bytes().decode(errors="replace") if file.is_file() else ""
        there = found_in(text.split("\n"), on, off)
        found.append(Rendered(mechanism.what, mechanism.package, workspace.relative(file), on, off, there))
    return tuple(found)


def _pieces(workspace: Workspace, feature: Feature, release: Release) -> dict[tuple[str, str], Piece]:
    found: dict[tuple[str, str], Piece] = {}
    for one in read_all(workspace, release.name, feature.name):
        piece = _spoiled(one) if isinstance(one, Spoiled) else _piece(workspace, one)
        found[piece.kind, piece.subject] = piece
    return found


def _spoiled(spoiled: Spoiled) -> Piece:
    kind, _, subject = Path(spoiled.file).stem.partition("-")
    return Piece(kind, subject, spoiled.file, Standing.SPOILED, problem=spoiled.reason)


def _piece(workspace: Workspace, evidence: Evidence) -> Piece:
    file = workspace.relative(
        file_of(workspace, evidence.release, evidence.feature, evidence.kind, evidence.subject)
    )
    changed = changed_inputs(workspace, evidence)
    standing, problem = Standing.GOOD, ""
    if changed:
        standing, problem = Standing.STALE, stale_because(changed, evidence.made)
    return Piece(
        evidence.kind, evidence.subject, file, standing, Said(evidence.facts), evidence.inputs, evidence.made,
        changed, problem,
    )  # fmt: skip


# -- what goes out ------------------------------------------------------------------------------------------


def _ships(
    workspace: Workspace,
    release: Release,
    packages: tuple[str, ...],
    plan: Path,
    pieces: Mapping[tuple[str, str], Piece],
) -> dict[str, str]:
    """Return the SHA-256 of everything that a sign-off is for."""
    files = [plan]
    for package in packages:
        spec = workspace.root / release.packages[package].spec
        for folder in (workspace.patches_dir / release.name / package, spec.parent):
            files += sorted(f for f in folder.glob("*") if f.is_file() and not f.name.startswith("."))
    found = {workspace.relative(f): digest(f) for f in files if f.is_file()}
    for package in packages:
        build = pieces.get(("build", package))
        if build is not None and build.standing is not Standing.SPOILED:
            found[f"build {package}"] = _build_digest(build.facts)
    return found


def _build_digest(facts: Said) -> str:
    """What identifies a build: its NVR, its source package, and the packages that came out."""
    said = [facts.text("nvr"), dict(facts.mapping("srpm") or {}), dict(facts.mapping("results") or {})]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _patches(workspace: Workspace, release: Release, package: str) -> tuple[PatchSeen, ...]:
    folder = workspace.patches_dir / release.name / package
    return tuple(_patch(workspace, file) for file in sorted(folder.glob("*.patch")))


def _patch(workspace: Workspace, file: Path) -> PatchSeen:
    with file.open("rb") as content:
        head = content.read(_HEAD).partition(b"\n---\n")[0]
    headers = dict(_headers(head))
    origins = tuple(m.decode() for m in _ORIGIN.findall(head))
    return PatchSeen(workspace.relative(file), headers.get("from", ""), headers.get("date", ""), origins)


def _headers(head: bytes) -> Iterator[tuple[str, str]]:
    for line in head.split(b"\n"):
        if not line.strip():
            return
        name, colon, value = line.decode(errors="replace").partition(":")
        if colon:
            yield name.lower(), value.strip()


def to_day(text: str | None, option: str = "--today") -> datetime.date:
    """Read a day: that a decision is looked at from, or another ``option``'s. Without one it is today (UTC,
    SOURCE_DATE_EPOCH).

    Raises:
        InputError: it is no date.
    """
    if text is None:
        return datetime.date.fromisoformat(now()[:10])
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option} '{text}': there is no such day; write it as 2010-02-09") from None
