"""What a smoke test is asked for, and what a release demands of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fedvhost.backport.manifest_toml import read_release
from fedvhost.errors import InputError
from fedvhost.guests.cpio import Entry
from fedvhost.inside.catalogue import SHAPES
from fedvhost.inside.rows import Row
from fedvhost.smoke.results import RowResult
from fedvhost.workspace import Workspace, nearest


@dataclass(frozen=True, slots=True)
class Options:
    """What to ask, how often, and on which kernel (none given: the distribution's).

    ``rows``: only these; ``timeout``: seconds after which a test host is stopped (0: what its rows may take);
    ``accelerator``: "kvm" or "tcg", else what is proven to work; ``files`` go over the test host's own;
    ``release`` and ``feature``: whom the evidence is for (none: no evidence is kept); ``rpms``: the packages
    that a shape of packages tests (none given: those that were built last); ``guests``: how guests are run in
    the test host, "kvm" or "tcg" (from snapshots), else KVM where it works, and TCG where it does not;
    ``on``: "ssh:HOST", the machine that runs the test host (none: this one); ``hosts``: into how many test
    hosts side by side the rows are divided, as far as they can be (0: as it is worth).
    """

    shape: str
    rows: tuple[str, ...] = ()
    repeat: int = 1
    kernel: Path | None = None
    modules: Path | None = None
    kernel_rpms: tuple[Path, ...] = ()
    accelerator: str = ""
    timeout: float = 0.0
    release: str = ""
    feature: str = ""
    files: Sequence[Entry] = field(default_factory=tuple)
    rpms: tuple[Path, ...] = ()
    guests: str = ""
    on: str = ""
    hosts: int = 0


@dataclass(frozen=True, slots=True)
class Watcher:
    """Who wants to know while it runs: what is being done, a row that starts, a row that is answered."""

    doing: Callable[[str], None]
    answered: Callable[[int, RowResult], None]


def demanded(workspace: Workspace, release: str) -> tuple[tuple[str, ...], int]:
    """Return the shapes that the release's gate names, and how many runs of each it demands.

    Raises:
        InputError: there is no such release, or its manifest is wrong.
    """
    file = workspace.release_file(release)
    gate = read_release(workspace.release_text(release), workspace.relative(file)).gate
    return gate.shapes, max(gate.runs, 1)


def chosen(shape: str, names: Sequence[str]) -> tuple[Row, ...]:
    """The rows to ask, in the shape's order, with those that they build on.

    Raises:
        InputError: there is no such shape or row.
    """
    if shape not in SHAPES:
        raise InputError(f"no shape '{shape}'; {nearest(shape, tuple(SHAPES))}")
    rows = {r.id: r for r in SHAPES[shape]}
    wanted: set[str] = set()

    def want(name: str) -> None:
        if name not in rows:
            raise InputError(f"--row '{name}': shape '{shape}' has no such row; {nearest(name, tuple(rows))}")
        if name not in wanted:
            wanted.add(name)
            for needed in rows[name].after:
                want(needed)

    for name in names or rows:
        want(name)
    return tuple(r for r in rows.values() if r.id in wanted)
