"""``fedvhost build --srpm``: the same bytes wherever it is made, and none if spec and series disagree."""

from __future__ import annotations

import hashlib
import http.server
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from backports import KERNEL_SPEC, QEMU_SPEC, Work
from conftest import Cli
from fedvhost.builds.sources import LOOKASIDE_VARIABLE

THIRD = "0003-vhost_net-a-kernel-level-virtio-server.patch"
SERIES = "patches/f13/kernel"


def srpms(work: Work, *options: str) -> dict[str, str]:
    """Make the source packages and return package → SHA-256, as said; the files must have it."""
    said = work.json("build", "--srpm", *options)
    for made in said["srpms"].values():
        assert hashlib.sha256(work.file(made["srpm"]).read_bytes()).hexdigest() == made["sha256"]
    return {name: made["sha256"] for name, made in said["srpms"].items()}


def refusals(work: Work, package: str = "kernel") -> list[str]:
    """Return why a package is refused; nothing may have been made."""
    said = work.json("build", "--srpm", code=1)
    assert said["srpms"] == {}
    assert list(said["refused"]) == [package]
    assert not list(work.root.glob("build/**/*.rpm"))
    reasons = said["refused"][package]
    assert isinstance(reasons, list)
    return reasons


def rpm(*argv: str | Path) -> str:
    done = subprocess.run(["rpm", *map(str, argv)], capture_output=True, text=True, check=True)
    return done.stdout


def test_same_bytes_in_another_folder_for_another_clock_umask_and_user_settings(
    done: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = srpms(done)
    elsewhere = tmp_path / "an other place"
    shutil.copytree(done.root.parent, elsewhere, symlinks=True)
    copy = Work(elsewhere / "workspace", done.call)
    for file in copy.root.rglob("specs/**/*"):
        file.chmod(file.stat().st_mode & 0o700 | 0o600)  # a checkout with umask 077
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    home = tmp_path / "home"
    home.mkdir()
    (home / ".rpmmacros").write_text("%_source_payload w1.gzdio\n%vendor Somebody\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

    assert srpms(copy) == first


def test_nothing_of_the_place_is_in_it_and_rpm_computed_its_name(done: Work) -> None:
    said = done.json("build", "--srpm", "--package", "qemu-kvm")

    made = said["srpms"]["qemu-kvm"]
    file = done.file(made["srpm"])
    assert file.name == f"{made['nvr']}.src.rpm"
    fields = rpm("-qp", "--qf", "%{NEVR} %{BUILDHOST} %{BUILDTIME} %{PAYLOADCOMPRESSOR}", file).split()
    assert fields[0] == "qemu-2:0.12.3-3.fc13"
    assert fields[1:] == ["fedvhost", str(made["epoch"]), "gzip"]
    header = rpm("-qp", "--xml", file)
    assert str(done.root) not in header
    files = rpm("-qp", "--qf", "[%{FILENAMES} %{FILEUSERNAME}\\n]", file).split("\n")[:-1]
    names = {f.split()[0] for f in files}
    assert {f.split()[1] for f in files} == {"root"}
    series = (done.root / "patches/f13/qemu-kvm/series").read_text().split()
    inputs = {Path(name).name for name in made["inputs"]} - {"series"}
    assert {*series, "qemu.spec", "qemu-0.12-sample-name.patch"} <= inputs
    assert names == {*inputs, "qemu-kvm-0.12.3.tar.gz"}


def test_the_archive_is_the_base_whole(done: Work, tmp_path: Path) -> None:
    made = done.json("build", "--srpm", "--package", "kernel")["srpms"]["kernel"]
    unpacked = tmp_path / "unpacked"
    rpm("-i", "--define", f"_topdir {unpacked}", "--dbpath", tmp_path / "db", done.file(made["srpm"]))

    listed = subprocess.run(
        ["tar", "-tf", unpacked / "SOURCES" / "linux-2.6.33.tar.bz2"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    tree = ["git", "-C", done.root.parent / "kernel.git", "ls-tree", "-r", "--name-only", made["base"]]
    names = subprocess.run(tree, capture_output=True, text=True, check=True).stdout.split()
    assert {n for n in listed if not n.endswith("/")} == {f"linux-2.6.33/{n}" for n in names}


def _edit(path: str) -> Callable[[Work], None]:
    def slip(work: Work) -> None:
        file = work.file(path)
        file.write_bytes(file.read_bytes().replace(b"vhost", b"vhosd", 1))

    return slip


def _remove(path: str) -> Callable[[Work], None]:
    return lambda work: work.file(path).unlink()


def _cut(path: str, line: str) -> Callable[[Work], None]:
    return lambda work: work.edit(path, line + "\n", "")


def _swap_in_series(work: Work) -> None:
    file = work.file(f"{SERIES}/series")
    one, two, *rest = file.read_text().splitlines()
    file.write_text("\n".join([two, one, *rest]) + "\n")


def _two_of_a_name(work: Work) -> None:
    work.file(f"specs/f13/kernel/{THIRD}").write_text("another one\n")


SLIPS: Mapping[str, tuple[Callable[[Work], None], str]] = {
    "a patch was edited after backport": (
        _edit(f"{SERIES}/{THIRD}"),
        "was changed after 'fedvhost backport'",
    ),
    "a patch is gone": (_remove(f"{SERIES}/{THIRD}"), "there is no such file"),
    "the series was reordered": (_swap_in_series, "series: was changed after"),
    "there is no series": (_remove(f"{SERIES}/series"), "there is no exported series"),
    "not applied": (_cut(KERNEL_SPEC, f"ApplyPatch {THIRD}"), "is never applied"),
    "not declared": (_cut(KERNEL_SPEC, f"Patch10: {THIRD}"), "is not declared"),
    "a source is missing": (_remove("specs/f13/kernel/config-generic"), "is declared and missing"),
    "two files of a name": (_two_of_a_name, "which one is meant?"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_refused(done: Work, slip: str) -> None:
    change, what = SLIPS[slip]
    change(done)

    assert any(what in reason for reason in refusals(done)), refusals(done)


def test_evidence_that_was_touched_is_not_believed(done: Work) -> None:
    file = done.file(".fedvhost/evidence/f13-vhost-net/backport-kernel.json")
    file.write_text(file.read_text().replace('"ok": true', '"ok": false', 1))

    assert any("cannot be believed" in reason for reason in refusals(done))


def test_all_reasons_at_once_and_the_other_package_is_not_built_either(done: Work) -> None:
    _edit(f"{SERIES}/{THIRD}")(done)
    _cut(KERNEL_SPEC, "ApplyPatch 0001-tun-export-underlying-socket.patch")(done)
    _remove("specs/f13/kernel/config-generic")(done)

    ran = done.run("build", "--srpm")

    assert ran.code == 1
    assert ran.out.count("  refused   ") == 3
    assert "nothing was built" in ran.out


def test_without_evidence_it_says_so(done: Work) -> None:
    done.forget()

    ran = done.run("build", "--srpm", "--package", "kernel")

    assert ran.code == 0
    assert "there is no evidence of 'fedvhost backport'" in ran.out


def test_a_spec_that_rpm_cannot_read(done: Work) -> None:
    done.edit(QEMU_SPEC, "Version: 0.12.3\n", "%if\nVersion: 0.12.3\n")

    ran = done.run("build", "--srpm")

    assert ran.code == 2
    assert "rpm cannot read this spec" in ran.err


class _Server(http.server.ThreadingHTTPServer):
    """Serves ``files`` (path → bytes) on loopback; ``asked``: what was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.cut = False
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.server.cut else content)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def listed(done: Work, server: _Server, monkeypatch: pytest.MonkeyPatch) -> tuple[Work, str]:
    """A kernel whose archive is in ``sources`` and on a lookaside cache; and its path there."""
    archive = subprocess.run(
        ["git", "-C", done.root.parent / "kernel.git", "archive", "--prefix=linux-2.6.33/", "v2.6.33"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    digest = hashlib.sha512(archive).hexdigest()
    done.file("specs/f13/kernel/sources").write_text(f"SHA512 (linux-2.6.33.tar.bz2) = {digest}\n")
    path = f"/pkgs/kernel/linux-2.6.33.tar.bz2/sha512/{digest}/linux-2.6.33.tar.bz2"
    server.files[path] = archive
    monkeypatch.setenv(LOOKASIDE_VARIABLE, f"{server.address}/pkgs")
    return done, path


def test_a_listed_archive_is_downloaded_once_and_its_bytes_go_in(
    listed: tuple[Work, str], server: _Server, tmp_path: Path
) -> None:
    work, path = listed

    first = work.json("build", "--srpm", "--package", "kernel")["srpms"]["kernel"]
    again = work.json("build", "--srpm", "--package", "kernel")["srpms"]["kernel"]

    assert (server.asked, first["base"], again["sha256"]) == ([path], "", first["sha256"])
    assert "specs/f13/kernel/sources" in first["inputs"]
    rpm("-i", "--define", f"_topdir {tmp_path}/u", "--dbpath", tmp_path / "db", work.file(first["srpm"]))
    assert (tmp_path / "u/SOURCES/linux-2.6.33.tar.bz2").read_bytes() == server.files[path]


def test_what_was_kept_and_went_bad_is_downloaded_again(listed: tuple[Work, str], server: _Server) -> None:
    work, path = listed
    srpms(work, "--package", "kernel")
    (kept,) = work.root.glob(".fedvhost/sources/*/linux-2.6.33.tar.bz2")
    kept.write_bytes(b"rotten")

    srpms(work, "--package", "kernel")

    assert server.asked == [path, path]


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("other bytes", "has another SHA-512"),
        ("cut short", "the connection ended after"),
        ("not there", "HTTP 404"),
    ],
)
def test_an_archive_that_is_not_the_listed_one(
    listed: tuple[Work, str], server: _Server, trouble: str, said: str
) -> None:
    work, path = listed
    if trouble == "other bytes":
        server.files[path] = server.files[path][:-1] + b"x"
    elif trouble == "cut short":
        server.cut = True
    else:
        del server.files[path]

    ran = work.run("build", "--srpm", "--package", "kernel")

    assert ran.code == 3
    assert said in ran.err
    assert not list(work.root.glob("build/**/*.rpm"))
    assert not [f for f in work.root.glob(".fedvhost/sources/**/*") if f.is_file()]


def test_a_listed_archive_of_which_nobody_says_where_it_is(
    listed: tuple[Work, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(LOOKASIDE_VARIABLE)

    ran = listed[0].run("build", "--srpm", "--package", "kernel")

    assert (ran.code, LOOKASIDE_VARIABLE in ran.err) == (2, True)


def test_the_archive_comes_from_the_address_in_the_spec(
    listed: tuple[Work, str], server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    work, path = listed
    monkeypatch.delenv(LOOKASIDE_VARIABLE)
    server.files["/v2.6/linux-2.6.33.tar.bz2"] = server.files[path]
    work.edit(KERNEL_SPEC, "Source0: linux", f"Source0: {server.address}/v2.6/linux")

    assert srpms(work, "--package", "kernel")
    assert server.asked == ["/v2.6/linux-2.6.33.tar.bz2"]


@pytest.mark.parametrize(
    "line",
    ["0123456789abcdef0123456789abcdef  linux.tar.bz2", "SHA512 (../x) = " + "0" * 128, "SHA512 (x) = 00"],
)
def test_a_sources_file_of_another_form(done: Work, line: str) -> None:
    done.file("specs/f13/kernel/sources").write_text(f"# what is kept elsewhere\n{line}\n")

    ran = done.run("build", "--srpm")

    assert (ran.code, "sources:2:" in ran.err) == (2, True)


def test_with_of_the_spec_decides_what_is_in(done: Work) -> None:
    spec = done.file(QEMU_SPEC)
    spec.write_text(spec.read_text().replace("%if 0\n", "%if 0%{?_with_no_watchdog:1}\n"))

    options = ("--package", "qemu-kvm")
    without = done.json("build", "--srpm", *options)["srpms"]["qemu-kvm"]["inputs"]
    with_ = done.json("build", "--srpm", *options, "--with", "no_watchdog")["srpms"]["qemu-kvm"]["inputs"]

    assert with_.keys() - without.keys() == {"specs/f13/qemu-kvm/qemu-0.12-no-watchdog.patch"}


@pytest.mark.upstream
def test_the_real_packages(upstream_kernel: Path, upstream_qemu_kvm: Path, cli: Cli, tmp_path: Path) -> None:
    work = Work(tmp_path / "ws", cli)
    assert cli("-q", "init", work.root).code == 0
    assert work.run("backport").code == 0

    made = work.json("build", "--srpm")["srpms"]

    assert {n: m["nvr"].rpartition("-")[0] for n, m in made.items()} == {
        "kernel": "kernel-2.6.33",
        "qemu-kvm": "qemu-0.12.3",
    }
    for one in made.values():
        top = tmp_path / one["nvr"]
        places = ("--define", f"_topdir {top}", "--define", f"_dbpath {top}/db")
        rpm("-i", *places, work.file(one["srpm"]))
        (spec,) = (top / "SPECS").iterdir()
        prep = ["rpmbuild", "-bp", "--nodeps", *places, "--define", "dist .fc13", spec]
        ran = subprocess.run(prep, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert ran.returncode == 0, ran.stdout[-2000:]
        assert not re.findall(r"with fuzz|FAILED|\.rej", ran.stdout)
        shutil.rmtree(top)
