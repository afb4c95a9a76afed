"""Where the history of a package comes from, and what it can answer.

The first of these that says something: ``--upstream NAME=PATH``; the variable ``FEDVHOST_UPSTREAM_<NAME>``
(upper case, ``-`` as ``_``); the workspace's ``fedvhost.toml``; the person's ``config.toml``; a clone of the
official history in the cache folder. A history that a person names is only ever read.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from fedvhost.config import configured_upstreams, user_config_file
from fedvhost.errors import InputError, ToolError
from fedvhost.git.clone import fetch
from fedvhost.git.store import GitStore
from fedvhost.values import Oid
from fedvhost.workspace import Workspace, nearest

_ABBREVIATED = re.compile(r"[0-9a-f]{4,39}")


@dataclass(frozen=True, slots=True)
class Place:
    """A path where a history should be, and who says so (``--upstream``, a variable, a file)."""

    path: Path
    source: str


@dataclass(frozen=True, slots=True)
class Upstream:
    """The history of package ``name``: a git directory that we only read, and its object folders.

    ``shallow``: commits below some depth are missing. ``partial``: it was cloned with a filter, so files
    may be missing; what is missing is reported when it is needed, never fetched behind a person's back.
    """

    name: str
    git_dir: Path
    objects: tuple[Path, ...]
    source: str
    shallow: bool = False
    partial: bool = False


def environment_variable(name: str) -> str:
    """The variable that names the history of a package: ``FEDVHOST_UPSTREAM_QEMU_KVM``."""
    return "FEDVHOST_UPSTREAM_" + re.sub(r"[^A-Z0-9]", "_", name.upper())


def cache_dir(name: str) -> Path:
    """Where the clone of a package's official history is kept; it need not exist."""
    return platformdirs.user_cache_path("fedvhost") / "upstreams" / f"{name}.git"


def parse_given(options: Sequence[str], packages: Collection[str]) -> Mapping[str, Path]:
    """Read the values of ``--upstream``, ``NAME=PATH``; paths are relative to the current folder.

    Raises:
        InputError: no ``=``, an unknown package, a package twice.
    """
    given: dict[str, Path] = {}
    for option in options:
        name, equals, path = option.partition("=")
        if not equals or not name or not path:
            raise InputError(
                f"--upstream '{option}': write NAME=PATH; the names are: {', '.join(sorted(packages))}"
            )
        if name not in packages:
            raise InputError(f"--upstream '{option}': no package '{name}'; {nearest(name, sorted(packages))}")
        if name in given:
            raise InputError(f"--upstream '{option}': '{name}' was given before, as '{given[name]}'")
        given[name] = Path(path).expanduser().absolute()
    return given


def find_local(
    name: str, given: Mapping[str, Path], workspace: Workspace | None, environ: Mapping[str, str]
) -> Place | None:
    """Return where a person says the history of ``name`` is, None if nobody says. Nothing is checked.

    Raises:
        InputError: a configuration file is wrong.
    """
    if name in given:
        return Place(given[name], "--upstream")
    variable = environment_variable(name)
    if environ.get(variable):
        return Place(Path(environ[variable]).expanduser().absolute(), variable)
    for file in (*([workspace.config_file] if workspace else []), user_config_file()):
        configured = configured_upstreams(file)
        if name in configured:
            return Place(configured[name], str(file))
        # A misspelt name must not end in a download. The person's file may serve other workspaces, too.
        packages = workspace.packages() if workspace and file == workspace.config_file else ()
        for other in configured if packages else ():
            if other not in packages:
                raise InputError(
                    f"no release here has a package '{other}'; {nearest(other, packages)}",
                    file=file,
                    key=f"upstreams.{other}",
                )
    return None


def resolve_upstream(
    name: str,
    *,
    workspace: Workspace | None,
    url: str,
    revisions: Sequence[str],
    given: Mapping[str, Path] | None = None,
    tell: Callable[[bytes], None] = lambda _: None,
    environ: Mapping[str, str] = os.environ,
) -> Upstream:
    """Return the history of package ``name``, cloned from ``url`` into the cache if nobody says where it is.

    ``revisions`` is what a clone must have; ``tell`` is given git's progress.

    Raises:
        InputError: what a person named is no usable repository; the remote lacks a revision.
        ToolError: the clone failed; says how to name a local one.
    """
    place = find_local(name, given or {}, workspace, environ)
    if place is not None:
        return open_upstream(name, place)
    clone = cache_dir(name)
    try:
        fetch(url, clone, revisions, tell)
    except ToolError as error:
        raise ToolError(
            f"cannot fetch the history of {name} from {url}: {error}\n"
            f"If you have it on disk, say where: --upstream {name}=PATH, or "
            f'{environment_variable(name)}=PATH, or [upstreams] {name} = "PATH" in fedvhost.toml'
        ) from error
    return open_upstream(name, Place(clone, f"clone of {url}"))


def open_upstream(name: str, place: Place) -> Upstream:
    """Look at the repository at ``place``: a work tree, a linked work tree or a bare git directory.

    Raises:
        InputError: it is not there, is no git repository, borrows from one that is gone, or names its
            objects by SHA-256.
    """
    what = f"the history of {name} (from {place.source}): '{place.path}'"
    if not place.path.exists():
        raise InputError(f"{what} does not exist")
    git_dir = find_git_dir(place.path)
    if git_dir is None:
        raise InputError(f"{what} is not a git repository: it is neither a work tree nor a git directory")
    known = _reader(git_dir).git("rev-parse", "--show-object-format", ok=(0, 128))
    if known.returncode != 0:
        raise InputError(f"{what}: git cannot read it: {known.stderr.decode(errors='replace').strip()}")
    if known.stdout.strip() != b"sha1":
        raise InputError(f"{what} names its objects by {known.stdout.decode().strip()}; only SHA-1 is read")
    objects = object_dirs(git_dir)
    for folder in objects:
        if not folder.is_dir():
            raise InputError(f"{what} borrows objects from '{folder}', which is not there")
    shallow = git_dir / "shallow"
    return Upstream(
        name,
        git_dir,
        objects,
        place.source,
        shallow=shallow.is_file() and shallow.stat().st_size > 0,
        partial=any(next(folder.glob("pack/*.promisor"), None) for folder in objects),
    )


def find_git_dir(path: Path) -> Path | None:
    """Return the git directory that has the objects and refs of the repository at ``path``, None if none."""
    dot_git = path / ".git"
    if dot_git.is_file():  # a linked work tree or a submodule
        target = dot_git.read_text(errors="replace").removeprefix("gitdir:").strip()
        git_dir = (path / target).resolve()
    else:
        git_dir = (dot_git if dot_git.is_dir() else path).resolve()
    common = git_dir / "commondir"
    if common.is_file():
        git_dir = (git_dir / common.read_text().strip()).resolve()
    # What git itself asks for; a bare directory without a config file is one too.
    is_one = (git_dir / "HEAD").exists() and (git_dir / "objects").is_dir() and (git_dir / "refs").is_dir()
    return git_dir if is_one else None


def object_dirs(git_dir: Path) -> tuple[Path, ...]:
    """Return the object folders of a repository: its own, then those it borrows, each once."""
    found: dict[Path, None] = {}
    waiting = [(git_dir / "objects").resolve()]
    while waiting:
        folder = waiting.pop(0)
        if folder in found:
            continue
        found[folder] = None
        alternates = folder / "info" / "alternates"
        if alternates.is_file():
            lines = alternates.read_text(errors="surrogateescape").splitlines()
            waiting += [(folder / line).resolve() for line in lines if line and not line.startswith("#")]
    return tuple(found)


def open_store(upstream: Upstream, git_dir: Path) -> GitStore:
    """Open our own store at ``git_dir``, made if missing, which borrows the upstream's objects."""
    store = GitStore.borrowing(git_dir, upstream.objects)
    # Where a shallow history ends must be known here too, or walking it fails at the missing parents.
    ours = git_dir / "shallow"
    if upstream.shallow:
        ours.write_bytes((upstream.git_dir / "shallow").read_bytes())
    else:
        ours.unlink(missing_ok=True)
    return store


def resolve_revision(upstream: Upstream, revision: str, role: str = "revision") -> Oid:
    """Return the commit that a tag, branch or commit id names in the upstream.

    ``role`` is what it is to the reader: ``base``, ``until``, ``pick``.

    Raises:
        InputError: there is none, or several.
    """
    store = _reader(upstream.git_dir)
    found = store.resolve(revision)
    if found is not None:
        return found
    where = f"'{upstream.git_dir}' ({upstream.source})"
    if _ABBREVIATED.fullmatch(revision):
        several = commits_like(store, revision)
        if len(several) > 1:
            raise InputError(
                f"{role} '{revision}' is ambiguous in {where}: {', '.join(several[:5])}; write more digits"
            )
    message = f"{role} '{revision}' is not in {where}"
    close = similar(revision, tags(store))
    if close:
        message += f"; tags there that look like it: {', '.join(close)}"
    if upstream.shallow:
        message += f"; it is a shallow clone, try: git -C '{upstream.git_dir}' fetch --unshallow --tags"
    elif not close:
        message += f"; if it is older than the tag, try: git -C '{upstream.git_dir}' fetch --tags"
    raise InputError(message)


def _reader(git_dir: Path) -> GitStore:
    """Read a repository that is not ours: in a partial clone a missing commit must not start a download."""
    store = GitStore(git_dir)
    store.env |= {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "none"}  # the first is for git >= 2.45
    return store


def commits_like(store: GitStore, abbreviated: str) -> tuple[str, ...]:
    """Return the full names of the commits whose name begins so."""
    candidates = store.git("rev-parse", f"--disambiguate={abbreviated}").stdout
    typed = store.git("cat-file", "--batch-check=%(objecttype) %(objectname)", stdin=candidates).stdout
    return tuple(line.split()[1] for line in typed.decode().splitlines() if line.startswith("commit "))


def tags(store: GitStore) -> tuple[str, ...]:
    """Return the names of all tags."""
    out = store.git("for-each-ref", "--format=%(refname:strip=2)", "refs/tags").stdout
    return tuple(out.decode(errors="replace").split())


def similar(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return at most five of ``known`` that a person may have meant by ``name``."""
    if _ABBREVIATED.fullmatch(name):
        return ()
    return tuple(difflib.get_close_matches(name, known, n=5, cutoff=0.7))
