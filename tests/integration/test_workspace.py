"""The workspace: finding it, writing in it, being alone in it, and its configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fedvhost.config import configured_upstreams, user_config_file
from fedvhost.errors import FedvhostError, InputError
from fedvhost.workspace import Workspace, locate, write_atomic


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    root = tmp_path / "w"
    for folder in ("backport/features", "backport/releases", "specs/f13"):
        (root / folder).mkdir(parents=True)
    (root / "backport/features/vhost-net.toml").write_text('name = "vhost-net"\n')
    (root / "backport/releases/f13.toml").write_text("[packages.kernel]\n[packages.qemu-kvm]\n")
    return Workspace(root)


def test_found_from_any_folder_inside_it(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace.root / "specs" / "f13")

    assert locate() == workspace


def test_the_python_package_named_backport_is_no_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fedvhost" / "backport").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "fedvhost")

    with pytest.raises(InputError, match="no workspace here"):
        locate()


def test_misspelt_folder_inside_a_workspace_does_not_work_on_the_outer_one(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace.root)
    assert locate(Path()) == workspace

    with pytest.raises(InputError, match="no such folder"):
        locate(Path("build/sampel"))
    with pytest.raises(InputError, match="no workspace, it lacks"):
        locate(Path("specs"))


def test_unknown_names_list_what_there_is(workspace: Workspace) -> None:
    assert workspace.feature_text("vhost-net") == 'name = "vhost-net"\n'
    with pytest.raises(InputError, match=r"no feature 'vhostnet' .* did you mean 'vhost-net'\?"):
        workspace.feature_text("vhostnet")
    with pytest.raises(InputError, match=r"no release 'rawhide' .* there is: f13"):
        workspace.release_text("rawhide")
    with pytest.raises(InputError, match="no feature"):
        workspace.feature_file("../releases/f13")


def test_manifest_in_another_encoding_names_the_line(workspace: Workspace) -> None:
    (workspace.releases_dir / "f13.toml").write_bytes(b'dist = ".fc13"\ntitle = "G\xf6ddard"\n')

    with pytest.raises(InputError, match=r"f13\.toml:2: this line is not UTF-8"):
        workspace.release_text("f13")


def test_packages_are_those_of_the_releases(workspace: Workspace) -> None:
    (workspace.releases_dir / "broken.toml").write_text("[packages")

    assert workspace.packages() == ("kernel", "qemu-kvm")


def test_same_content_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "plan.json"
    assert write_atomic(path, b"{}\n")
    os.utime(path, (1, 1))

    assert not write_atomic(path, b"{}\n")
    assert path.stat().st_mtime == 1
    assert write_atomic(path, b"[]\n")
    assert path.read_bytes() == b"[]\n"
    assert [p.name for p in path.parent.iterdir()] == ["plan.json"]


def test_mode_and_symbolic_link_stay(tmp_path: Path) -> None:
    script = tmp_path / "real"
    script.write_text("old")
    script.chmod(0o750)
    (tmp_path / "link").symlink_to(script)

    write_atomic(tmp_path / "link", b"new")

    assert (tmp_path / "link").is_symlink()
    assert (script.read_text(), script.stat().st_mode & 0o777) == ("new", 0o750)


def test_what_cannot_be_written_is_named_and_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(FedvhostError, match=r"cannot write '.*/file/plan\.json': Not a directory"):
        write_atomic(tmp_path / "file" / "plan.json", b"")

    assert (tmp_path / "file").read_text() == "in the way"


@pytest.fixture
def rival(workspace: Workspace) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until its stdin closes."""
    script = (
        "import sys; from pathlib import Path; from fedvhost.workspace import Workspace\n"
        "with Workspace(Path(sys.argv[1])).lock():\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    argv = [sys.executable, "-c", script, str(workspace.root)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield process
        process.kill()


def test_second_run_at_the_same_time_is_refused(workspace: Workspace, rival: subprocess.Popen[str]) -> None:
    with pytest.raises(FedvhostError, match=rf"another fedvhost \(pid {rival.pid}\) is at work"):
        workspace.lock().__enter__()


def test_a_killed_run_leaves_no_lock(workspace: Workspace, rival: subprocess.Popen[str]) -> None:
    rival.kill()
    rival.wait()

    with workspace.lock():
        assert (workspace.state_dir / "lock").read_text() == f"{os.getpid()}\n"
    assert (workspace.state_dir / ".gitignore").read_text() == "*\n"


def test_configured_paths_are_relative_to_the_file(workspace: Workspace) -> None:
    workspace.config_file.write_text('[upstreams]\nkernel = "../linux"\nqemu-kvm = "~/qemu"\n')

    assert configured_upstreams(workspace.config_file) == {
        "kernel": workspace.root.parent / "linux",
        "qemu-kvm": Path.home() / "qemu",
    }


def test_no_configuration_says_nothing() -> None:
    assert not user_config_file().exists()
    assert configured_upstreams(user_config_file()) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '\n[upstream]\nkernel = "x"\n',
            r"fedvhost\.toml:2: upstream: unknown key; did you mean 'upstreams'",
        ),
        (
            '[upstreams]\nkernel = "a"\nqemu-kvm = 3\n',
            r"fedvhost\.toml:3: upstreams\.qemu-kvm: must be the path",
        ),
        ('upstreams = "x"\n', r"fedvhost\.toml:1: upstreams: must be a table"),
        ("[upstreams]\nkernel = x\n", r"fedvhost\.toml:2: not TOML"),
    ],
)
def test_configuration_mistakes_name_file_line_and_key(workspace: Workspace, text: str, message: str) -> None:
    workspace.config_file.write_text(text)

    with pytest.raises(InputError, match=message):
        configured_upstreams(workspace.config_file)
