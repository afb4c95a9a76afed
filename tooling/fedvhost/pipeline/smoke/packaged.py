"""Which built packages a smoke test is of: those that a person names, else the ones that were built last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.backport.manifest_toml import read_feature
from fedvhost.errors import InputError
from fedvhost.evidence import Evidence, changed_inputs, digest, read
from fedvhost.guests.packages import source_nvr
from fedvhost.workspace import Workspace

_LEFT_OUT = (".src.rpm", ".nosrc.rpm")


@dataclass(frozen=True, slots=True)
class Packages:
    """The packages under test: their files, and the source package of each (package → NVR)."""

    rpms: tuple[Path, ...]
    nvrs: dict[str, str]


def packages_to_test(workspace: Workspace, release: str, feature: str, rpms: Sequence[Path]) -> Packages:
    """Return ``rpms``, or what the last builds of the feature's packages left.

    Raises:
        InputError: there is no build, it failed, is stale, or its files are not what was built; a file is
            missing.
    """
    if not release or not feature:
        if not rpms:
            raise InputError("this shape tests packages: give --release NAME, or each with --rpm FILE")
        return Packages(tuple(rpms), {nvr.rsplit("-", 2)[0]: nvr for nvr in map(source_nvr, rpms)})
    wanted = tuple(
        read_feature(
            workspace.feature_text(feature), workspace.relative(workspace.feature_file(feature))
        ).packages
    )
    built = {name: _built(workspace, release, feature, name) for name in wanted}
    if not rpms:
        files = [f for _, found in built.values() for f in found]
        return Packages(tuple(files), {name: nvr for name, (nvr, _) in built.items()})
    known = {nvr: name for name, (nvr, _) in built.items()}
    nvrs = dict.fromkeys(map(source_nvr, rpms))
    return Packages(tuple(rpms), {known.get(nvr, nvr.rsplit("-", 2)[0]): nvr for nvr in nvrs})


def _built(workspace: Workspace, release: str, feature: str, package: str) -> tuple[str, list[Path]]:
    again = f"build it with 'fedvhost build --release {release} --package {package}'"
    found = read(workspace, release, feature, "build", package)
    if found is None:
        raise InputError(f"{package} was not built yet; {again}")
    if not isinstance(found, Evidence):
        raise InputError(f"{found.reason}; {again}", file=found.file)
    if not found.facts.get("ok"):
        raise InputError(f"the last build of {package} failed; {again}")
    if changed := changed_inputs(workspace, found):
        raise InputError(f"'{changed[0]}' changed after {package} was built; {again}")
    files = []
    for name, sum_ in found.facts.get("results", {}).items():
        path = workspace.root / name
        if not path.is_file() or digest(path) != sum_:
            raise InputError(f"is not any more what was built; {again}", file=name)
        if not name.endswith(_LEFT_OUT):
            files.append(path)
    return str(found.facts.get("nvr", "")), files
