"""A workspace: the folder that holds what is wanted, what came out, and the state between runs.

::

    backport/   features/ releases/ plans/ resolutions/      what is wanted
    patches/    <release>/<package>/                         what comes out
    specs/      <release>/<package>/                         what is packaged
    fedvhost.toml                                            where the histories are (optional)
    .fedvhost/                                               state and evidence; can be deleted
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import fcntl
import os
import shlex
import signal
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fedvhost.errors import FedvhostError, InputError

CONFIG = "fedvhost.toml"
STATE = ".fedvhost"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The workspace at ``root``, an absolute path. ``given``: how ``-C`` named it; empty without."""

    root: Path
    given: str = field(default="", compare=False)

    @property
    def program(self) -> str:
        """How a command that we suggest begins, so that it works where this one was given."""
        return f"fedvhost -C {shlex.quote(self.given)}" if self.given else "fedvhost"

    @property
    def features_dir(self) -> Path:
        """Feature manifests, ``<name>.toml``."""
        return self.root / "backport" / "features"

    @property
    def releases_dir(self) -> Path:
        """Release manifests, ``<name>.toml``."""
        return self.root / "backport" / "releases"

    @property
    def plans_dir(self) -> Path:
        """Plans that fedvhost wrote."""
        return self.root / "backport" / "plans"

    @property
    def resolutions_dir(self) -> Path:
        """Answers that people gave to conflicts."""
        return self.root / "backport" / "resolutions"

    @property
    def patches_dir(self) -> Path:
        """Exported series, ``<release>/<package>/``."""
        return self.root / "patches"

    @property
    def specs_dir(self) -> Path:
        """Spec files, ``<release>/<package>/``."""
        return self.root / "specs"

    @property
    def config_file(self) -> Path:
        """The workspace's own configuration; it need not exist."""
        return self.root / CONFIG

    @property
    def state_dir(self) -> Path:
        """State between runs."""
        return self.root / STATE

    def store_dir(self, package: str) -> Path:
        """Our bare repository for ``package``, which borrows the upstream's objects."""
        return self.state_dir / "git" / f"{package}.git"

    def features(self) -> tuple[str, ...]:
        """The names of the feature manifests, sorted."""
        return _manifests(self.features_dir)

    def releases(self) -> tuple[str, ...]:
        """The names of the release manifests, sorted."""
        return _manifests(self.releases_dir)

    def feature_file(self, name: str) -> Path:
        """Return the manifest of feature ``name``.

        Raises:
            InputError: there is no such feature here.
        """
        return self.features_dir / f"{_known('feature', name, self.features(), self.features_dir)}.toml"

    def release_file(self, name: str) -> Path:
        """Return the manifest of release ``name``.

        Raises:
            InputError: there is no such release here.
        """
        return self.releases_dir / f"{_known('release', name, self.releases(), self.releases_dir)}.toml"

    def feature_text(self, name: str) -> str:
        """The text of a feature manifest; InputError as ``feature_file``, and if it is not UTF-8."""
        return read_text(self.feature_file(name))

    def release_text(self, name: str) -> str:
        """The text of a release manifest; InputError as ``release_file``, and if it is not UTF-8."""
        return read_text(self.release_file(name))

    def packages(self) -> tuple[str, ...]:
        """The packages that the release manifests name, sorted; a manifest that is not TOML names none."""
        names: set[str] = set()
        for release in self.releases():
            with contextlib.suppress(tomllib.TOMLDecodeError, InputError):
                section = tomllib.loads(self.release_text(release)).get("packages", {})
                names.update(section if isinstance(section, dict) else ())
        return tuple(sorted(names))

    def relative(self, path: Path) -> str:
        """``path`` as a person in the workspace would write it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only fedvhost at work in this workspace while the block runs.

        The lock is the kernel's (``flock``): it ends with the process, however that ends.

        Raises:
            FedvhostError: another one is at work, or the workspace cannot be written.
        """
        path = self.state_dir / "lock"
        with telling_of(path):
            self.state_dir.mkdir(exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
                raise FedvhostError(
                    f"another fedvhost (pid {pid}) is at work in '{self.root}'; "
                    "wait for it to end, then give the same command again"
                ) from None
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
            self.keep_out_of_git()
            yield
        finally:
            os.close(descriptor)

    def keep_out_of_git(self) -> None:
        """Have git ignore the state folder, which is made if missing."""
        write_atomic(self.state_dir / ".gitignore", b"*\n")


def is_workspace(directory: Path) -> bool:
    """Whether ``directory`` is the root of a workspace."""
    return (directory / "backport" / "features").is_dir() and (directory / "backport" / "releases").is_dir()


def locate(directory: Path | None = None) -> Workspace:
    """Return the workspace at ``directory``, exactly; without it the nearest one upward from here.

    Raises:
        InputError: there is no workspace.
    """
    make = "'fedvhost init DIR' makes one, 'fedvhost -C DIR …' uses one elsewhere"
    if directory is None:
        here = Path.cwd()
        for candidate in (here, *here.parents):
            if is_workspace(candidate):
                return Workspace(candidate)
        raise InputError(
            f"no workspace here: neither '{here}' nor a folder above it has backport/features and "
            f"backport/releases; {make}"
        )
    # No search upward from a -C: a misspelt folder inside a workspace must not work on the wrong one.
    if not directory.is_dir():
        raise InputError(f"-C '{directory}': no such folder; {make}")
    if not is_workspace(directory):
        raise InputError(
            f"-C '{directory}': no workspace, it lacks backport/features or backport/releases; {make}"
        )
    return Workspace(directory.resolve(), str(directory))


def read_text(path: Path) -> str:
    """Return the text of a file that people write.

    Raises:
        InputError: it is not UTF-8; says at which line.
    """
    content = path.read_bytes()
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            "this line is not UTF-8 text; save the file as UTF-8", file=path, line=line
        ) from error


def write_atomic(path: Path, content: bytes) -> bool:
    """Put ``content`` into ``path``, all of it or nothing, and return whether that changed the file.

    What is there already is not written again: its time stamp stays, so a build sees no change. Folders
    are made as needed; the mode of an existing file stays; through a symbolic link its target is written.

    Raises:
        FedvhostError: the file system is read-only or full, or permission is lacking; names the path.
    """
    return bool(write_all({path: content}))


def write_all(files: Mapping[Path, bytes], remove: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Write ``files`` as ``write_atomic`` does and remove others, all of it or nothing: a full disk or
    Ctrl-C leaves no half of a series behind. Returns the paths that changed, in the order given.

    Raises:
        FedvhostError: as ``write_atomic``; nothing is changed then.
    """
    staged: dict[Path, tuple[Path, Path]] = {}
    try:
        for path, content in files.items():
            target = path.resolve()
            # Not named after the process: what one that was killed left is written over by the next.
            temporary = target.with_name(f".{target.name[:200]}.fedvhost")
            with telling_of(target):
                if _holds(target, content):
                    continue
                staged[path] = temporary, target
                _stage(temporary, target, content)
        gone = [path for path in remove if path.is_symlink() or path.is_file()]
        with _undisturbed():
            for temporary, target in staged.values():
                with telling_of(target):
                    temporary.replace(target)
            for path in gone:
                with telling_of(path):
                    path.unlink(missing_ok=True)
        return (*staged, *gone)
    finally:
        for temporary, _ in staged.values():
            with contextlib.suppress(OSError):
                temporary.unlink()


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False


def _stage(temporary: Path, target: Path, content: bytes) -> None:
    """Put on the disk, beside ``target``, what is to be in its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        if target.exists():
            os.fchmod(file.fileno(), target.stat().st_mode & 0o7777)
        # Without it a crash can leave a renamed but empty file on some file systems.
        os.fsync(file.fileno())


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C wait until the block is done."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def nearest(name: str, known: Sequence[str]) -> str:
    """The end of a message about an unknown name: what was probably meant, and what there is."""
    close = difflib.get_close_matches(name, known, n=1)
    listed = (
        f"there {'is' if len(known) == 1 else 'are'}: {', '.join(known)}" if known else "there are none yet"
    )
    return f"did you mean '{close[0]}'? {listed}" if close else listed


def _known(kind: str, name: str, known: Sequence[str], folder: Path) -> str:
    if name not in known:
        raise InputError(f"no {kind} '{name}' in '{folder}'; {nearest(name, known)}")
    return name


def _manifests(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(p.stem for p in folder.glob("*.toml") if p.is_file()))


@contextlib.contextmanager
def telling_of(path: Path) -> Iterator[None]:
    """Turn a refusal of the file system into a message that names the file a person knows."""
    advice = {
        errno.EROFS: "copy the workspace to a place that can be written",
        errno.EACCES: f"user {os.getuid()} needs permission to write there",
        errno.EPERM: f"user {os.getuid()} needs permission to write there",
        errno.ENOSPC: "make room, then give the same command again; nothing was changed",
        errno.EDQUOT: "make room, then give the same command again; nothing was changed",
    }
    try:
        yield
    except OSError as error:
        todo = advice.get(error.errno or 0)
        raise FedvhostError(
            f"cannot write '{path}': {error.strerror or error}" + (f"; {todo}" if todo else "")
        ) from error
