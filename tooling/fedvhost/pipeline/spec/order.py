"""A spec as it is now: its NVR, whether the changelog goes with it and never back, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from fedvhost.backport.manifest import ReleasePackage
from fedvhost.errors import InputError
from fedvhost.packaging.evr import newer
from fedvhost.packaging.rpmspec import evaluate
from fedvhost.release.case import SpecSeen
from fedvhost.specs.changelog import Changelog, Entry, Evr, read_changelog
from fedvhost.specs.layout import read_layout
from fedvhost.specs.text import split
from fedvhost.workspace import Workspace


def spec_seen(workspace: Workspace, place: ReleasePackage, dist: str) -> SpecSeen:
    """Look at a package's spec and configuration fragment. What rpm cannot read is said, not raised."""
    spec = workspace.root / place.spec
    config_file = place.config_file or ""
    config: dict[str, str | None] = {}
    if config_file and (workspace.root / config_file).is_file():
        config = dict(_options((workspace.root / config_file).read_bytes()))
    if not spec.is_file():
        return SpecSeen(place.spec, unknown="there is no such spec", config_file=config_file, config=config)
    content = spec.read_bytes()
    lines = frozenset(line.strip() for line in content.decode(errors="replace").split("\n"))
    try:
        evaluated = evaluate(spec, defines={"dist": dist})
        log = read_changelog(
            read_layout(split(content), place.spec), has_epoch=evaluated.evr.epoch is not None
        )
    except InputError as error:
        return SpecSeen(place.spec, unknown=str(error), lines=lines, config_file=config_file, config=config)
    newest, unknown = _newest(log)
    wrong = () if unknown else tuple(_wrong(log, evaluated.evr, dist))
    return SpecSeen(place.spec, evaluated.nvr, newest, wrong, unknown, lines, config_file, config)


def _newest(log: Changelog) -> tuple[str, str]:
    """Return the newest entry's EVR, and what keeps us from comparing."""
    if not log.entries:
        return "", "its changelog has no entry that can be read"
    evr = log.entries[0].evr
    if evr is None or "%" in evr:
        return evr or "", "its changelog's newest entry names no EVR to compare"
    return evr, ""


def _wrong(log: Changelog, evr: Evr, dist: str) -> Iterator[str]:
    newest = log.entries[0]
    if newest.evr != log.style.evr(evr):
        yield f"the spec is {evr}, and the changelog's newest entry is of {newest.evr}"
    for later, earlier in pairwise(log.entries):
        if later.date < earlier.date:
            yield f"the entry of {later.date} stands above the one of {earlier.date}"
        one, other = _evr(later, dist), _evr(earlier, dist)
        if one is not None and other is not None and newer(other, one):
            yield f"{later.evr} stands above {earlier.evr}, which is newer"


def _evr(entry: Entry, dist: str) -> Evr | None:
    if entry.evr is None or "%" in entry.evr:
        return None
    epoch, colon, rest = entry.evr.rpartition(":")
    version, dash, release = rest.rpartition("-")
    if not dash or (colon and not epoch.isdigit()):
        return None
    return Evr(int(epoch) if colon else None, version, release.removesuffix(dist))


def _options(fragment: bytes) -> Iterator[tuple[str, str | None]]:
    for line in fragment.decode(errors="replace").splitlines():
        name, equals, value = line.partition("=")
        if equals and name.startswith("CONFIG_"):
            yield name, value
        elif line.startswith("# CONFIG_") and line.rstrip().endswith(" is not set"):
            yield line[2:].split()[0], "n"
