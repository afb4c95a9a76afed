"""A hermetic environment for every test, the command line, and the real histories where there are any."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import pytest

from backports import FEDVHOST, Finished, Work, copy_workspace
from fedvhost.sample import Sample, write_sample
from gitrepo import Repo
from released import do_everything

if TYPE_CHECKING:
    from fedvhost.workspace import Workspace
    from realkoji.hub import Hub
    from realkoji.site import Site

CHECKOUT = Path(__file__).resolve().parents[1]
UPSTREAM_VARIABLES = ("FEDVHOST_UPSTREAM_KERNEL", "FEDVHOST_UPSTREAM_QEMU_KVM")
# Kernels and images of test hosts: fetched by setup, kept by content, so sharing them spoils no test.
USER_CACHE = platformdirs.user_cache_path()
UPSTREAMS = {name: os.environ[name] for name in UPSTREAM_VARIABLES if os.environ.get(name)}
# A shell starts what it runs in the background deaf to Ctrl-C, which programs inherit; tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

GITCONFIG = """\
[user]
    name = Pat Packager
    email = pat@example.org
[init]
    defaultBranch = main
"""


@pytest.fixture(scope="session", autouse=True)
def hermetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An environment that is the same everywhere: home, names, dates, and no editor (it fails the test).

    For the whole session, so it costs nothing; a test that changes HOME does so with ``monkeypatch``.
    """
    top = tmp_path_factory.getbasetemp()
    home = top / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(GITCONFIG)
    who = {"NAME": "Pat Packager", "EMAIL": "pat@example.org", "DATE": "2010-02-09T12:00:00+0000"}
    with pytest.MonkeyPatch.context() as env:
        for name in [n for n in os.environ if n.startswith(("GIT_", "XDG_", "FEDVHOST_", "_FEDVHOST"))]:
            env.delenv(name)
        env.delenv("NO_COLOR", raising=False)
        env.setenv("HOME", str(home))
        env.setenv("EDITOR", "false")
        env.setenv("GIT_EDITOR", "false")
        env.setenv("GIT_CONFIG_NOSYSTEM", "1")
        # A test in a folder that is no repository must not find the one that holds the checkout.
        env.setenv("GIT_CEILING_DIRECTORIES", f"{top}:{CHECKOUT.parent}")
        env.setenv("LC_ALL", "C.UTF-8")
        env.setenv("TZ", "UTC")
        # pytest-xdist tells its workers how wide the real terminal is; texts must not depend on it.
        env.setenv("COLUMNS", "100")
        for role in ("AUTHOR", "COMMITTER"):
            for key, value in who.items():
                env.setenv(f"GIT_{role}_{key}", value)
        yield


@pytest.fixture
def real_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that name the real histories, as they were outside."""
    for name, value in UPSTREAMS.items():
        monkeypatch.setenv(name, value)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests marked ``upstream`` the variables, and no other test."""
    for item in items:
        if item.get_closest_marker("upstream") and isinstance(item, pytest.Function):
            item.fixturenames.append("real_histories")


def _history(variable: str) -> Path:
    if variable not in UPSTREAMS:
        pytest.skip(f"{variable} names no history on this machine")
    return Path(UPSTREAMS[variable])


@pytest.fixture
def upstream_kernel(real_histories: None) -> Path:
    """The real Linux history; the test is skipped where there is none."""
    return _history("FEDVHOST_UPSTREAM_KERNEL")


@pytest.fixture
def upstream_qemu_kvm(real_histories: None) -> Path:
    """The real qemu-kvm history; the test is skipped where there is none."""
    return _history("FEDVHOST_UPSTREAM_QEMU_KVM")


@dataclass(frozen=True, slots=True)
class Ran:
    """What one command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    """An empty git repository to commit to."""
    return Repo(tmp_path / "upstream")


class Cli:
    """Runs the command line in this process: ``cli("plan", "--release", "f13", cwd=workspace)``."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *args: str | Path, cwd: Path | None = None) -> Ran:
        from fedvhost.cli import main  # noqa: PLC0415  the environment first

        self._capsys.readouterr()
        with self._monkeypatch.context() as here:
            if cwd is not None:
                here.chdir(cwd)
            with pytest.raises(SystemExit) as end:
                main([os.fspath(a) for a in args])
        out, err = self._capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Ran(end.value.code, out, err)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The real command line, in this process."""
    return Cli(capsys, monkeypatch)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, hermetic: None) -> Sample:
    """The sample upstream, with its workspace as it is written: to be read, and copied."""
    return write_sample(tmp_path_factory.mktemp("sample-upstream") / "sample")


@pytest.fixture(scope="session")
def finished(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A workspace of the sample after ``backport --release f13 --json``, to be read and copied."""
    root = copy_workspace(sample.workspace, sample, tmp_path_factory.mktemp("finished"))
    argv = [*FEDVHOST, "-C", str(root), "backport", "--release", "f13", "--json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return Finished(root, json.loads(done.stdout))


@pytest.fixture(scope="session")
def koji_hub(hermetic: None) -> Iterator[Hub]:
    """A real koji hub with a stand-in builder (see ``realkoji``), once a test process; up in two seconds."""
    from realkoji.hub import missing, running  # noqa: PLC0415  koji is slow to import

    if reason := missing():
        pytest.skip(reason)
    with running() as hub:
        yield hub


@pytest.fixture
def koji_site(koji_hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A person who may build at the hub."""
    from fedvhost.workspace import Workspace  # noqa: PLC0415
    from realkoji.site import Site  # noqa: PLC0415

    home, root = tmp_path / "home", tmp_path / "workspace"
    root.mkdir()
    koji_hub.configure(home)
    monkeypatch.setenv("HOME", str(home))
    return Site(koji_hub, home, Workspace(root), [])


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with what comes along; kernels and parts of images are the user's own cache's, where setup
    put them."""
    from fedvhost.shipped import make_workspace  # noqa: PLC0415
    from fedvhost.workspace import locate  # noqa: PLC0415

    monkeypatch.setenv("XDG_CACHE_HOME", str(USER_CACHE))
    root = tmp_path / "workspace"
    make_workspace(root)
    return locate(root)


@pytest.fixture
def fresh(sample: Sample, cli: Cli, tmp_path: Path) -> Work:
    """A workspace of the sample in which nothing was done yet."""
    return Work(copy_workspace(sample.workspace, sample, tmp_path), cli)


@pytest.fixture
def done(sample: Sample, finished: Finished, cli: Cli, tmp_path: Path) -> Work:
    """A workspace of the sample after ``backport --release f13``."""
    return Work(copy_workspace(finished.root, sample, tmp_path), cli)


@pytest.fixture(scope="session")
def built(sample: Sample, finished: Finished, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of the sample with everything done that a machine can do, but the smoke test."""
    root = copy_workspace(finished.root, sample, tmp_path_factory.mktemp("built"))
    do_everything(root)
    return root


@pytest.fixture
def ready(sample: Sample, built: Path, cli: Cli, tmp_path: Path) -> Work:
    """A copy of that workspace."""
    return Work(copy_workspace(built, sample, tmp_path), cli)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say above the last line which of tooling/test's other checks failed, so that nobody misses it."""
    if failed := os.environ.get("FEDVHOST_FAILED_CHECKS"):
        terminalreporter.section("other checks failed", red=True, bold=True)
        terminalreporter.write_line(f"{failed}: see the top of this output")
