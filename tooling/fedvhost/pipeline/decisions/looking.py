"""Looks into the packages that were built: do they hold what the contingency flag says?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fedvhost.backport.manifest import Mechanism
from fedvhost.errors import InputError
from fedvhost.evidence import Evidence, hashes, write
from fedvhost.process import run
from fedvhost.release.case import Case
from fedvhost.release.contingency import ON
from fedvhost.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen in the packages: ``ok`` None if they hold nothing that tells on from off."""

    flag: str
    ok: bool | None
    seen: tuple[str, ...]
    evidence: str


def look(workspace: Workspace, case: Case) -> Look:
    """List the files of every package that was built and hold them against the mechanisms that install one.

    What is looked at is files, not behaviour. Leaves evidence, tied to the packages.

    Raises:
        InputError: nothing was built, or it is not of what is here now.
        ToolError: rpm cannot read a package.
    """
    rpms: list[Path] = []
    for package in case.packages:
        build = case.piece("build", package)
        if not build.good or build.facts.flag("ok") is not True:
            why = build.why_not or "it failed"
            raise InputError(f"no build of '{package}' to look into: {why}; {case.command('build')}")
        results = [workspace.root / r for r in build.facts.mapping("results") or {}]
        rpms += [r for r in results if r.suffix == ".rpm" and not r.name.endswith(".src.rpm")]
    gone = [r for r in rpms if not r.is_file()]
    if gone or not rpms:
        which = f"'{workspace.relative(gone[0])}' is not there any more" if gone else "no packages came out"
        raise InputError(f"{which}; build again: {case.command('build')}")
    installed = {line for rpm in rpms for line in _files(rpm)}
    told = [t for m in case.feature.contingency.mechanisms for t in _told(m, case.flag.value, installed)]
    ok = all(good for good, _ in told) if told else None
    seen = tuple(text for _, text in told) or ("the feature's manifest names no file that tells on from off",)
    word = {True: "pass", False: "fail", None: "undecided"}[ok]
    row = {"id": f"contingency-{case.flag.value}", "verdict": word, "observed": "; ".join(seen), "plan": []}
    found = Evidence(
        case.release.name, case.feature.name, "contingency", "", hashes(workspace, rpms),
        {"ok": ok, "flag": case.flag.value, "rows": [row], "nvrs": dict(case.nvrs)},
    )  # fmt: skip
    return Look(case.flag.value, ok, seen, write(workspace, found))


def _files(rpm: Path) -> list[str]:
    out = run(["rpm", "--nosignature", "--nodigest", "-qpl", "--", rpm]).stdout
    return out.decode("utf-8", "surrogateescape").splitlines()


def _told(mechanism: Mechanism, value: str, installed: set[str]) -> Iterator[tuple[bool, str]]:
    """Say of each file that a mechanism installs whether it is rightly there, or rightly not."""
    for file, wanted in ((mechanism.installs_on, value == ON), (mechanism.installs_off, value != ON)):
        if file is not None:
            there = file in installed
            yield there == wanted, f"{file} is {'in' if there else 'not in'} the packages"
