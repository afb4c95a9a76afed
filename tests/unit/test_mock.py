"""mock: its command line, its configuration for Fedora 13, what its exit codes say; all without mock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conftest import CHECKOUT
from fedvhost.builds.mock import EXIT_CODES, find_chroot, judge, mock_argv, phase_of
from fedvhost.builds.record import State
from fedvhost.errors import InputError
from fedvhost.workspace import Workspace

CONFIG = CHECKOUT / "specs" / "f13" / "mock" / "fedora-13-x86_64.cfg"


def executed() -> dict[str, Any]:
    """The configuration as mock reads it: Python, executed with ``config_opts`` in scope."""
    config_opts: dict[str, Any] = {"plugin_conf": {}, "macros": {}}
    exec(compile(CONFIG.read_text(), CONFIG, "exec"), {"config_opts": config_opts})  # as mock does
    return config_opts


def test_the_command_line() -> None:
    assert mock_argv(
        Path("/w/x-1-1.src.rpm"), "fedora-13-x86_64", Path("/w/r"), dist=".fc13",
        options=("--with minimal", "--without debug"), arches=("i686",),
    ) == (
        "mock", "-r", "fedora-13-x86_64", "--arch", "i686", "--with", "minimal", "--without", "debug",
        "--define", "dist .fc13", "--resultdir", "/w/r", "--rebuild", "/w/x-1-1.src.rpm",
    )  # fmt: skip


def test_the_chroot_is_the_workspaces_own_or_ours_or_a_path_or_a_name_of_mocks(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert find_chroot(workspace, "f13", "fedora-13-x86_64") == str(CONFIG)
    own = tmp_path / "specs" / "f13" / "mock" / "fedora-13-x86_64.cfg"
    own.parent.mkdir(parents=True)
    own.write_text("")
    assert find_chroot(workspace, "f13", "fedora-13-x86_64") == str(own)
    assert find_chroot(workspace, "f13", str(own)) == str(own)
    assert find_chroot(workspace, "f13", "epel-9-x86_64") == "epel-9-x86_64"
    with pytest.raises(InputError, match="no mock configuration"):
        find_chroot(workspace, "f13", "./none.cfg")


def test_the_configuration_describes_fedora_13() -> None:
    found = executed()

    assert (found["releasever"], found["target_arch"], found["dist"]) == ("13", "x86_64", "fc13")
    assert found["use_bootstrap"] is False and found["use_bootstrap_image"] is False
    assert found["package_manager"] == "yum"
    assert found["dnf.conf"] == found["yum.conf"]
    assert found["dnf_warning"] is False  # else mock waits for the Enter key
    assert {"rpm-build", "gcc", "make", "fedora-release"} <= set(found["chroot_setup_cmd"].split())


def test_its_repositories_are_the_archives() -> None:
    sections: dict[str, dict[str, str]] = {}
    for line in executed()["yum.conf"].splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            assert equals and key not in section, line
            section[key] = value

    repositories = {name: s for name, s in sections.items() if name != "main"}
    assert {n for n, s in repositories.items() if s["enabled"] == "1"} == {"fedora", "updates"}
    for one in repositories.values():
        assert one["baseurl"].startswith("https://archives.fedoraproject.org/pub/archive/fedora/linux/")
        assert "/13/" in one["baseurl"]
        assert one["gpgkey"].endswith("RPM-GPG-KEY-fedora-13-primary")
    assert sections["main"]["mdpolicy"] == "group:primary"
    assert sections["main"]["reposdir"] == "/dev/null"


# The codes that mock documents in mockbuild/exception.py, and whether one says something of the package.
@pytest.mark.parametrize(
    ("code", "state", "word"),
    [
        (1, State.UNKNOWN, "could not go on"),
        (3, State.UNKNOWN, "configuration"),
        (7, State.UNKNOWN, "interrupted"),
        (10, State.FAILED, "does not build"),
        (20, State.UNKNOWN, "chroot"),
        (30, State.UNKNOWN, "package manager"),
        (31, State.FAILED, "dependency"),
        (40, State.FAILED, "source package"),
        (60, State.UNKNOWN, "another mock"),
        (70, State.UNKNOWN, "results"),
        (80, State.UNKNOWN, "namespaces"),
        (90, State.UNKNOWN, "bootstrap"),
        (143, State.UNKNOWN, "SIGTERM"),
        (77, State.UNKNOWN, "unknown"),
        (-9, State.UNKNOWN, "signal"),
        (0, State.FAILED, "made no package"),
    ],
)
def test_exit_codes(tmp_path: Path, code: int, state: State, word: str) -> None:
    meaning = judge(code, tmp_path)

    assert (meaning.state, word in meaning.what) == (state, True), meaning


def test_no_exit_code_passes_for_a_build() -> None:
    assert {m.state for m in EXIT_CODES.values()} == {State.FAILED, State.UNKNOWN}


@pytest.mark.parametrize(
    "said",
    [
        "No Package found for foo-devel >= 3",
        "No matching package to install: 'foo-devel >= 3'",  # dnf
        "No match for argument: foo-devel >= 3",  # dnf5
    ],
)
def test_a_package_that_no_repository_has_is_the_packages_own_failure(tmp_path: Path, said: str) -> None:
    (tmp_path / "state.log").write_text("… - Start: build setup for x-1-1.src.rpm\n")
    (tmp_path / "root.log").write_text(f"DEBUG util.py:\nDEBUG util.py:444:  {said}\n")

    meaning = judge(30, tmp_path)

    assert (meaning.state, "foo-devel >= 3" in meaning.what) == (State.FAILED, True)


def test_a_package_that_is_missing_for_the_chroot_says_nothing_of_ours(tmp_path: Path) -> None:
    (tmp_path / "state.log").write_text("… - Start: installing minimal buildroot with dnf\n")
    (tmp_path / "root.log").write_text("DEBUG util.py:461:  No match for argument: rpm-build\n")

    assert judge(30, tmp_path).state is State.UNKNOWN


# What mock 6.7 writes into build.log; its exit code is then rpmbuild's.
BUILD_LOG = """\
Executing command: ['bash', '--login', '-c', '/usr/bin/rpmbuild -bs  --nodeps x.spec'] with env {{}}
Child return code was: 0
Executing command: ['bash', '--login', '-c', '/usr/bin/rpmbuild -bb  --nodeps x.spec'] with env {{}}
make: *** [Makefile:53: x.o] Error 1
{}"""


@pytest.mark.parametrize(
    ("end", "state"),
    [
        ("Child return code was: 1\n", State.FAILED),
        ("Child return code was: 0\n", State.UNKNOWN),
        ("Child return code was: -9\n", State.UNKNOWN),
        ("", State.UNKNOWN),
    ],
)
def test_a_failed_rpmbuild_gives_mock_its_own_exit_code(tmp_path: Path, end: str, state: State) -> None:
    (tmp_path / "build.log").write_text(BUILD_LOG.format(end))

    assert judge(1, tmp_path).state is state


def test_who_is_not_let_in_is_told_of_the_group(tmp_path: Path) -> None:
    meaning = judge(1, tmp_path, begun=False)

    assert (meaning.state, "usermod -a -G mock" in meaning.what) == (State.UNKNOWN, True)


def test_its_phases() -> None:
    assert phase_of("Start: build setup for kernel-2.6.33-1.fc13.src.rpm") == (
        "build setup for kernel-2.6.33-1.fc13.src.rpm"
    )
    assert phase_of("Start(bootstrap): chroot init") == "chroot init"
    assert phase_of("Finish: chroot init") is None


def test_what_goes_on_meanwhile_is_rpmbuild() -> None:
    assert phase_of("Start: rpmbuild x-1-1.src.rpm") == "rpmbuild x-1-1.src.rpm"
    assert phase_of("Start: Outputting list of installed packages") is None
    assert phase_of("Start: run") is None
