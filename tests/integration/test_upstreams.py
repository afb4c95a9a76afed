"""Where histories come from: the order of the sources, kinds of repositories, clones, names in them."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from fedvhost.errors import InputError, ToolError
from fedvhost.git.clone import refspecs
from fedvhost.upstreams import (
    Place,
    Upstream,
    cache_dir,
    environment_variable,
    find_local,
    open_store,
    open_upstream,
    parse_given,
    resolve_revision,
    resolve_upstream,
)
from fedvhost.values import Oid
from fedvhost.workspace import Workspace


def git(where: Path, *args: str) -> str:
    done = subprocess.run(["git", "-C", where, *args], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def linux(tmp_path: Path) -> Path:
    """A history of five commits; v2.6.33 is the second, v2.6.34 the fourth."""
    path = tmp_path / "linux"
    git(tmp_path, "init", "-q", str(path))
    for number in range(1, 6):
        (path / "file").write_text(f"{number}\n")
        git(path, "add", "file")
        git(path, "commit", "-q", "-m", f"commit {number}")
    git(path, "tag", "v2.6.33", "HEAD~3")
    git(path, "tag", "-a", "-m", "Linux 2.6.34", "v2.6.34", "HEAD~1")
    return path


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fedvhost" / "upstreams" / "kernel.git"


def opened(path: Path) -> Upstream:
    return open_upstream("kernel", Place(path, "--upstream"))


def everything_in(path: Path) -> dict[Path, float]:
    return {p: p.stat().st_mtime_ns for p in path.rglob("*")}


def test_the_nearer_to_the_command_line_the_stronger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    workspace = Workspace(tmp_path)
    variable = environment_variable("qemu-kvm")
    assert variable == "FEDVHOST_UPSTREAM_QEMU_KVM"
    assert find_local("qemu-kvm", {}, workspace, {variable: ""}) is None

    (tmp_path / "xdg" / "fedvhost").mkdir(parents=True)
    (tmp_path / "xdg" / "fedvhost" / "config.toml").write_text('[upstreams]\nqemu-kvm = "/person"\n')
    found = [find_local("qemu-kvm", {}, workspace, {})]
    workspace.config_file.write_text('[upstreams]\nqemu-kvm = "/workspace"\n')
    found.append(find_local("qemu-kvm", {}, workspace, {}))
    found.append(find_local("qemu-kvm", {}, workspace, {variable: "/environment"}))
    found.append(find_local("qemu-kvm", {"qemu-kvm": Path("/option")}, workspace, {variable: "/environment"}))

    assert [str(place.path) for place in found if place] == [
        "/person",
        "/workspace",
        "/environment",
        "/option",
    ]


def test_misspelt_package_in_the_workspaces_file_does_not_end_in_a_download(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.releases_dir.mkdir(parents=True)
    (workspace.releases_dir / "f13.toml").write_text("[packages.kernel]\n")
    workspace.config_file.write_text('[upstreams]\nkernle = "/src/linux"\n')

    with pytest.raises(InputError, match=r"upstreams\.kernle: no release here .* did you mean 'kernel'\?"):
        find_local("kernel", {}, workspace, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["kernel"], "write NAME=PATH; the names are: kernel, qemu-kvm"),
        (["=x"], "write NAME=PATH"),
        (["kernle=/x"], "no package 'kernle'; did you mean 'kernel'?"),
        (["kernel=/x", "kernel=/y"], "'kernel' was given before, as '/x'"),
    ],
)
def test_mistakes_in_an_upstream_option(options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        parse_given(options, ["qemu-kvm", "kernel"])


def test_paths_may_contain_the_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert parse_given(["kernel=a=b"], ["kernel"]) == {"kernel": tmp_path / "a=b"}


def test_every_kind_of_repository_gives_the_same_commit(linux: Path, tmp_path: Path) -> None:
    base = git(linux, "rev-parse", "v2.6.33")
    git(linux, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    git(tmp_path, "clone", "-q", "--bare", str(linux), "bare dir.git")
    (tmp_path / "bare dir.git" / "config").unlink()  # as some mirrors are

    for path in (linux, linux / ".git", tmp_path / "linked", tmp_path / "bare dir.git"):
        upstream = opened(path)
        with open_store(upstream, tmp_path / "store.git") as store:
            assert resolve_revision(upstream, "v2.6.33") == base
            assert store.file(Oid(base), "file") == b"2\n"


def test_an_upstream_is_only_read(linux: Path, tmp_path: Path) -> None:
    before = everything_in(linux)
    upstream = opened(linux)

    with open_store(upstream, tmp_path / "store.git") as store:
        base = resolve_revision(upstream, "v2.6.33")
        store.move_ref("refs/fedvhost/test", base)
        store.write_blob(b"ours\n")

    assert everything_in(linux) == before


def test_objects_that_the_upstream_itself_borrows_are_found(linux: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--shared", str(linux), "borrower")
    upstream = opened(tmp_path / "borrower")
    assert upstream.objects == (tmp_path / "borrower" / ".git" / "objects", linux / ".git" / "objects")

    with open_store(upstream, tmp_path / "store.git") as store:
        assert store.file(resolve_revision(upstream, "v2.6.34"), "file") == b"4\n"

    linux.rename(tmp_path / "moved")
    with pytest.raises(InputError, match=r"borrows objects from '.*linux/.git/objects', which is not there"):
        opened(tmp_path / "borrower")


def test_places_that_are_no_repository(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the history of kernel \(from --upstream\): '.*' does not exist"):
        opened(tmp_path / "gone")
    with pytest.raises(InputError, match="is not a git repository"):
        opened(tmp_path)


def test_unknown_base_names_the_tags_that_look_like_it(linux: Path) -> None:
    with pytest.raises(InputError) as error:
        resolve_revision(opened(linux), "v2.6.35", "base")

    message = str(error.value)
    assert message.startswith(f"base 'v2.6.35' is not in '{linux}/.git' (--upstream)")
    assert "tags there that look like it: v2.6.34, v2.6.33" in message


def test_abbreviation_of_two_commits_is_refused(linux: Path) -> None:
    # Among 1,500 commits two share their first four digits; names and dates are fixed, so always the same.
    stream = "".join(
        f"commit refs/heads/many\ncommitter Pat <pat@example.org> {n} +0000\ndata 0\n" for n in range(1500)
    )
    subprocess.run(["git", "-C", linux, "fast-import", "--quiet"], input=stream, text=True, check=True)
    starts = Counter(oid[:4] for oid in git(linux, "rev-list", "many").split())
    (twice, _), *_ = starts.most_common(1)

    with pytest.raises(InputError, match=rf"pick '{twice}' is ambiguous in .*; write more digits"):
        resolve_revision(opened(linux), twice, "pick")


def test_shallow_clone_can_be_walked_and_says_that_it_is_shallow(linux: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--depth=2", linux.as_uri(), "shallow")
    upstream = opened(tmp_path / "shallow")
    assert upstream.shallow

    with open_store(upstream, tmp_path / "store.git") as store:
        assert store.git("rev-list", "--count", resolve_revision(upstream, "v2.6.34")).stdout == b"1\n"
    with pytest.raises(InputError, match=r"base 'v2\.6\.33' is not in .* shallow clone, try: .*--unshallow"):
        resolve_revision(upstream, "v2.6.33", "base")

    git(tmp_path / "shallow", "fetch", "-q", "--unshallow", "--tags")
    with open_store(opened(tmp_path / "shallow"), tmp_path / "store.git") as store:
        assert store.git("rev-list", "--count", resolve_revision(upstream, "v2.6.34")).stdout == b"4\n"


def test_what_a_partial_clone_lacks_is_not_downloaded_on_the_quiet(linux: Path, tmp_path: Path) -> None:
    git(linux, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--no-checkout", "--filter=blob:none", linux.as_uri(), "partial")
    (linux / "file").write_text("later\n")
    git(linux, "commit", "-q", "-a", "-m", "later")
    later = git(linux, "rev-parse", "HEAD")
    git(linux, "config", "uploadpack.allowAnySHA1InWant", "true")
    upstream = opened(tmp_path / "partial")
    before = everything_in(tmp_path / "partial")

    assert upstream.partial
    assert not opened(linux).partial
    with pytest.raises(InputError, match=f"pick '{later}' is not in"):
        resolve_revision(upstream, later, "pick")
    with open_store(upstream, tmp_path / "store.git") as store:
        assert store.file(resolve_revision(upstream, "v2.6.33"), "file") is None
    assert everything_in(tmp_path / "partial") == before


def test_repository_with_sha256_names_is_refused(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--object-format=sha256", "modern")

    with pytest.raises(InputError, match="names its objects by sha256; only SHA-1 is read"):
        opened(tmp_path / "modern")


def test_official_history_is_cloned_once_and_no_further_than_needed(linux: Path, cache: Path) -> None:
    progress: list[bytes] = []

    def resolved() -> Upstream:
        return resolve_upstream(
            "kernel",
            workspace=None,
            url=linux.as_uri(),
            revisions=["v2.6.33", "v2.6.34"],
            tell=progress.append,
            environ={},
        )

    upstream = resolved()

    assert upstream.git_dir == cache == cache_dir("kernel")
    assert upstream.source == f"clone of {linux.as_uri()}"
    assert not upstream.shallow
    assert not upstream.partial
    assert b"".join(progress)
    assert git(cache, "rev-list", "--count", "--all") == "4"  # not the fifth

    progress.clear()
    linux.rename(linux.with_name("unplugged"))
    assert resolved() == upstream
    assert not progress


def test_without_a_network_the_message_says_how_to_name_a_local_history(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ToolError) as error:
        resolve_upstream(
            "kernel",
            workspace=None,
            url=(tmp_path / "nowhere").as_uri(),
            revisions=["v2.6.33"],
            environ={},
        )

    assert "cannot fetch the history of kernel from file://" in str(error.value)
    assert "--upstream kernel=PATH" in str(error.value)
    assert "FEDVHOST_UPSTREAM_KERNEL=PATH" in str(error.value)


def test_what_is_asked_of_a_remote() -> None:
    full = "60b341b778cc2929df16c0a504c91621b3c6a4ad"
    there = ["HEAD", "refs/heads/master", "refs/tags/v2.6.33", "refs/tags/v2.6.33^{}"]

    assert refspecs(["v2.6.33", "master", full], there, "git://example.org/linux") == (
        "+refs/tags/v2.6.33:refs/tags/v2.6.33",
        "+refs/heads/master:refs/heads/master",
        f"{full}:refs/wanted/{full}",
    )
    with pytest.raises(InputError, match=r"no tag or branch 'v2\.6\.3'; tags there .*: v2\.6\.33; a commit"):
        refspecs(["v2.6.3"], there, "git://example.org/linux")


@pytest.mark.upstream
def test_real_histories_resolve(upstream_kernel: Path, upstream_qemu_kvm: Path) -> None:
    kernel = open_upstream("kernel", Place(upstream_kernel, "FEDVHOST_UPSTREAM_KERNEL"))
    qemu = open_upstream("qemu-kvm", Place(upstream_qemu_kvm, "FEDVHOST_UPSTREAM_QEMU_KVM"))

    assert resolve_revision(kernel, "v2.6.33").startswith("60b341b778cc")
    assert resolve_revision(qemu, "qemu-kvm-0.12.3")
    assert os.environ["FEDVHOST_UPSTREAM_KERNEL"] == str(upstream_kernel)
