"""What a person, a disk or another process gets wrong: one clear message, the right exit code, nothing
half-written."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backports import (
    FEATURE,
    FEDVHOST,
    KERNEL_SPEC,
    PLAN,
    QEMU_SPEC,
    RELEASE,
    Answer,
    Finished,
    Work,
    contents,
)
from fedvhost.process import missing, run
from fedvhost.sample import Sample


def refused(ran: Answer, code: int, *told: str) -> None:
    """One message that names all of ``told``, and nothing else: no result, no traceback."""
    assert (ran.code, ran.out) == (code, ""), ran
    assert ran.err.startswith("fedvhost: error: "), ran.err
    assert "Traceback" not in ran.err
    for words in told:
        assert words in ran.err, ran.err


# -- names ------------------------------------------------------------------------------------------


def test_unknown_release_feature_and_package_list_what_there_is(fresh: Work) -> None:
    before = fresh.contents()

    refused(fresh.run("backport", release="f14"), 2, "no release 'f14'", "did you mean 'f13'?")
    refused(
        fresh.run("backport", "--feature", "vhostnet"),
        2,
        "no feature 'vhostnet'",
        "did you mean 'vhost-net'?",
    )
    refused(fresh.run("backport", "--package", "qemu"), 2, "no package 'qemu'", "it has: kernel, qemu-kvm")
    refused(fresh.run("backport", "--upstream", "linux=x"), 2, "no package 'linux'", "kernel, qemu-kvm")
    refused(fresh.run("backport", "--upstream", "kernel"), 2, "--upstream 'kernel': write NAME=PATH")
    assert fresh.contents() == before


@pytest.mark.parametrize("verb", ["backport", "plan", "replay", "export", "spec"])
def test_without_a_release_the_option_is_asked_for(verb: str, fresh: Work) -> None:
    ran = fresh.call("-C", fresh.root, verb)

    assert (ran.code, ran.out) == (2, "")
    assert "Missing option '--release'" in ran.err


# -- histories --------------------------------------------------------------------------------------


def test_an_upstream_that_is_none(fresh: Work, tmp_path: Path) -> None:
    before = fresh.contents()
    (tmp_path / "empty").mkdir()
    gone, empty = tmp_path / "gone", tmp_path / "empty"

    refused(
        fresh.run("backport", "--upstream", f"kernel={gone}"),
        2, "the history of kernel (from --upstream)", f"'{gone}' does not exist",
    )  # fmt: skip
    refused(
        fresh.run("backport", "--upstream", f"kernel={empty}"),
        2, f"'{empty}' is not a git repository",
    )  # fmt: skip
    (fresh.root / "fedvhost.toml").write_text(f'[upstreams]\nkernel = "{gone}"\n')
    refused(fresh.run("backport"), 2, f"from {fresh.file('fedvhost.toml')}", f"'{gone}' does not exist")
    (fresh.root / "fedvhost.toml").write_bytes(before["fedvhost.toml"])
    assert fresh.contents() == before


def _shallow(sample: Sample, where: Path, *tags: str) -> Path:
    """A clone of the sample's kernel that has few commits, and these tags."""
    source = f"file://{sample.kernel}"
    run(["git", "clone", "-q", "--bare", "--depth=6", "--branch=v2.6.34", source, str(where)])
    for tag in tags:
        run(["git", "-C", where, "fetch", "-q", "--depth=1", "origin", "tag", tag])
    return where


def test_a_shallow_clone_without_the_base_says_how_to_get_it(
    fresh: Work, sample: Sample, tmp_path: Path
) -> None:
    shallow = _shallow(sample, tmp_path / "shallow")

    refused(
        fresh.run("backport", "--upstream", f"kernel={shallow}"),
        2,
        f"{RELEASE}:11: packages.kernel.base: base 'v2.6.33' is not in '{shallow}'",
        f"it is a shallow clone, try: git -C '{shallow}' fetch --unshallow",
    )


def test_a_shallow_clone_that_has_the_base_and_lacks_what_follows_is_not_walked(
    fresh: Work, sample: Sample, tmp_path: Path
) -> None:
    # git itself walks from v2.6.34 to where the clone begins and says nothing: most picks would be missed.
    shallow = _shallow(sample, tmp_path / "shallow", "v2.6.33")
    text = fresh.file(FEATURE).read_text()
    kept = re.sub(r"^    \{ commit = .*\n", "", text.split("[packages.qemu-kvm]")[0], flags=re.M)
    fresh.file(FEATURE).write_text(kept + "[packages.qemu-kvm]" + text.split("[packages.qemu-kvm]")[1])
    before = fresh.contents()

    refused(
        fresh.run("backport", "--package", "kernel", "--upstream", f"kernel={shallow}"),
        2,
        "is a shallow clone that begins at",
        f"try: git -C '{shallow}' fetch --unshallow",
    )
    assert fresh.contents() == before


# -- manifests --------------------------------------------------------------------------------------


def test_a_base_that_is_no_tag(fresh: Work, sample: Sample) -> None:
    fresh.edit(RELEASE, 'base = "v2.6.33"', 'base = "v2.6.3"')
    before = fresh.contents()

    refused(
        fresh.run("backport"),
        2,
        f"{RELEASE}:11: packages.kernel.base: base 'v2.6.3' is not in '{sample.kernel}'",
        "tags there that look like it: ",
    )
    assert fresh.contents() == before


def test_an_until_that_is_no_tag(fresh: Work) -> None:
    fresh.edit(FEATURE, 'until = "qemu-kvm-0.13.0"', 'until = "qemu-kvm-0.13"')
    line = fresh.file(FEATURE).read_text().splitlines().index('until = "qemu-kvm-0.13"') + 1

    refused(
        fresh.run("backport"),
        2,
        f"{FEATURE}:{line}: packages.qemu-kvm.until: until 'qemu-kvm-0.13' is not in",
        "tags there that look like it: qemu-kvm-0.13.0",
    )


def test_a_commit_that_does_not_exist_names_file_key_and_line(fresh: Work, sample: Sample) -> None:
    oid = sample.commits["kernel/tun-orphan"].short
    fresh.edit(FEATURE, oid, "feedfacefeed")
    before = fresh.contents()
    line = next(
        n for n, text in enumerate(fresh.file(FEATURE).read_text().splitlines(), 1) if "feedface" in text
    )
    where = f"{FEATURE}:{line}: packages.kernel.also[0].commit"

    refused(fresh.run("backport"), 2, f"{where}: commit 'feedfacefeed' is not in '{sample.kernel}'")
    assert fresh.contents() == before


def test_a_misspelt_key_gets_the_nearest_one_and_its_line(fresh: Work) -> None:
    fresh.edit(RELEASE, "koji-target", "koji-taget")
    before = fresh.contents()
    line = next(
        n for n, text in enumerate(fresh.file(RELEASE).read_text().splitlines(), 1) if "taget" in text
    )

    refused(
        fresh.run("backport"), 2, f"{RELEASE}:{line}: koji-taget: unknown key; did you mean 'koji-target'?"
    )
    assert fresh.contents() == before


def test_a_commit_that_is_both_wanted_and_never(fresh: Work, sample: Sample) -> None:
    oid = sample.commits["kernel/tun-orphan"].short
    fresh.edit(FEATURE, sample.commits["kernel/slab-sweep"].short, oid)
    before = fresh.contents()

    ran = fresh.run("backport")

    told = (
        rf"{FEATURE}:\d+: packages\.kernel\.also\[0\]\.commit: '{oid}' is also never\[0\]; it cannot be both"
    )
    refused(ran, 2)
    assert re.search(told, ran.err)
    assert fresh.contents() == before


def test_a_manifest_that_is_no_toml(fresh: Work) -> None:
    with fresh.file(FEATURE).open("a") as file:
        file.write("[[test-plan\n")
    last = len(fresh.file(FEATURE).read_text().splitlines())

    refused(fresh.run("backport"), 2, f"{FEATURE}:{last}: not TOML")


def test_a_plan_that_is_cut_off(done: Work) -> None:
    whole = done.contents()
    done.file(PLAN).write_bytes(whole[PLAN][:1000])

    refused(
        done.run("export"), 2, ": not a plan: this is not JSON", PLAN, "make a new one with 'fedvhost plan'"
    )
    assert done.run("plan").code == 0
    assert done.contents() == whole


# -- programs ---------------------------------------------------------------------------------------


def _fake_git(folder: Path, version: str) -> Path:
    """Fault injection: a git that can say its version and nothing else."""
    folder.mkdir()
    script = folder / "git"
    script.write_text(f'#!/bin/sh\n[ "$*" = --version ] && exec echo git version {version}\nexit 99\n')
    script.chmod(0o755)
    return folder


@pytest.mark.parametrize("verb", ["backport", "plan", "replay", "spec"])
def test_a_git_that_cannot_merge_in_the_object_store(
    verb: str, fresh: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fresh.contents()
    monkeypatch.setenv("PATH", f"{_fake_git(tmp_path / 'bin', '2.37.9')}:{os.environ['PATH']}")

    refused(
        fresh.run(verb), 3, "git 2.37.9 is too old", "2.38 or newer", "dnf upgrade git", "apt-get install git"
    )
    assert fresh.contents() == before


def test_no_git_at_all(fresh: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    refused(fresh.run("backport"), 3, "'git' not found", "dnf install git")


def test_no_rpm(fresh: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in ("git", "patch"):
        where = shutil.which(program)
        assert where is not None
        (tmp_path / program).symlink_to(where)
    before = fresh.contents()
    monkeypatch.setenv("PATH", str(tmp_path))

    refused(fresh.run("backport"), 3, "'rpmspec' not found", "dnf install rpm-build", "apt-get install rpm")
    assert fresh.contents() == before
    assert fresh.run("export").code == 2  # no plan: nothing before it was written


# -- specs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("Version: 0.12.3", "Version: %{lua:", f"{QEMU_SPEC}:"),
        ("\n%if 0\n%patch01", "\n%if 0\n%if 1\n%patch01", f"{QEMU_SPEC}:"),
        ("Name: qemu\n", "", "Name field must be present"),
    ],
    ids=["an open macro", "an open %if", "no name"],
)
def test_a_spec_that_rpm_cannot_read_stops_the_run_before_anything_is_written(
    old: str, new: str, told: str, fresh: Work
) -> None:
    fresh.edit(QEMU_SPEC, old, new)
    before = fresh.contents()

    refused(fresh.run("backport"), 2, "rpm cannot read this spec", told, "qemu.spec")
    assert fresh.contents() == before


def test_a_spec_without_a_place_for_patches_leaves_patches_and_spec_alone(fresh: Work) -> None:
    fresh.edit(KERNEL_SPEC, "\n%prep\n", "\n%perp\n")
    before = fresh.contents()

    refused(fresh.run("backport", "--package", "kernel"), 2, f"{KERNEL_SPEC}", "no %prep section")
    assert fresh.contents("specs", "patches") == {
        path: content for path, content in before.items() if path.startswith(("specs/", "patches/"))
    }


def test_a_spec_or_fragment_that_is_not_there(fresh: Work) -> None:
    before = fresh.contents()
    fresh.file(QEMU_SPEC).rename(fresh.file(QEMU_SPEC + ".old"))
    refused(fresh.run("backport"), 2, QEMU_SPEC, f"{RELEASE} names it")
    fresh.file(QEMU_SPEC + ".old").rename(fresh.file(QEMU_SPEC))
    fresh.file("specs/f13/kernel/config-generic").rename(fresh.root / "config")
    refused(fresh.run("backport"), 2, "specs/f13/kernel/config-generic", f"{RELEASE} names it")
    (fresh.root / "config").rename(fresh.file("specs/f13/kernel/config-generic"))

    assert fresh.contents() == before


# -- disks ------------------------------------------------------------------------------------------


def _on_mounts(mounts: str, then: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in which these mounts are there, for it alone."""
    script = f"{mounts} || exit 77\n{then}"
    argv = ["unshare", "--mount", "sh", "-c", script]
    if shutil.which("unshare") is None:
        pytest.skip("'unshare' is not installed")
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    if ran.returncode == 77 or "unshare failed" in ran.stderr:
        pytest.skip(f"this user may not mount: {ran.stderr.strip()}")
    return ran


def _backport(work: Work) -> str:
    return " ".join(
        [*FEDVHOST, "-C", f"'{work.root}'", "backport", "--release", "f13", "--package", "kernel"]
    )


def test_a_workspace_that_cannot_be_written_is_named_at_once(fresh: Work) -> None:
    before = fresh.contents()
    state = fresh.file(".fedvhost")
    if os.getuid() == 0:
        mount = f"mount --bind '{fresh.root}' '{fresh.root}' && mount -o remount,ro,bind '{fresh.root}'"
        ran = _on_mounts(mount, f"exec {_backport(fresh)}")
        code, out, err = ran.returncode, ran.stdout, ran.stderr
        assert err.endswith("Read-only file system; copy the workspace to a place that can be written\n")
    else:
        fresh.root.chmod(0o555)
        answer = fresh.run("backport")
        fresh.root.chmod(0o755)
        code, out, err = answer.code, answer.out, answer.err
        assert "Permission denied; user" in err

    assert (code, out) == (3, "")
    assert err.startswith(f"fedvhost: error: cannot write '{state}")
    assert fresh.contents() == before


def test_a_disk_that_gets_full_among_the_patches_leaves_none(fresh: Work, finished: Finished) -> None:
    assert fresh.run("plan", "--package", "kernel").code == 0
    specs = fresh.contents("specs")
    patches = fresh.file("patches")

    # Four pages: there is room for some of the patches.
    ran = _on_mounts(
        f"mount -t tmpfs -o size=16k tmpfs '{patches}'",
        f"{_backport(fresh)}; echo ended with $?; find '{patches}' -type f",
    )

    assert ran.stdout == "ended with 3\n"
    assert re.search(
        r"cannot write '.*/patches/f13/kernel/000.*': No space left on device; make room", ran.stderr
    )
    assert fresh.contents("specs") == specs
    assert fresh.run("backport", "--package", "kernel").code == 0
    assert fresh.contents("specs/f13/kernel") == contents(finished.root, "specs/f13/kernel")


def test_a_disk_that_is_full_of_objects_is_no_traceback(fresh: Work) -> None:
    before = fresh.contents()
    state = fresh.file(".fedvhost")
    state.mkdir()

    ran = _on_mounts(f"mount -t tmpfs -o size=64k tmpfs '{state}'", f"exec {_backport(fresh)}")

    assert (ran.returncode, ran.stdout) == (3, "")
    assert "No space left on device" in ran.stderr and "Traceback" not in ran.stderr
    assert fresh.contents() == before


# -- others, and Ctrl-C -----------------------------------------------------------------------------


@pytest.fixture
def started(fresh: Work) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start verbs in the fresh workspace; whatever still runs in the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def start(verb: str, *options: str) -> subprocess.Popen[str]:
        running.append(fresh.start(verb, *options))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()


def wait_for(there: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not there() and process.poll() is None:
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


def test_two_runs_at_once(
    fresh: Work, started: Callable[..., subprocess.Popen[str]], finished: Finished
) -> None:
    first = started("backport")
    lock = fresh.file(".fedvhost/lock")
    wait_for(lambda: lock.exists() and lock.read_text() != "", first)
    first.send_signal(signal.SIGSTOP)  # or it might be done before the second one has begun

    second = fresh.run("backport")
    first.send_signal(signal.SIGCONT)

    refused(
        second, 3, f"another fedvhost (pid {first.pid}) is at work in '{fresh.root}'", "wait for it to end"
    )
    assert first.wait(timeout=60) == 0
    assert fresh.contents() == contents(finished.root)


# When it happens: a file that is there by then, and how many seconds later.
MOMENTS = {
    "reading": (".fedvhost/lock", 0.0),
    "planning": (".fedvhost/git/kernel.git/HEAD", 0.3),
    "planned": (PLAN, 0.0),
    "the first patches": ("patches/f13/kernel/series", 0.0),
    "the last patches": ("patches/f13/qemu-kvm/series", 0.0),
}


@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        *((signal.SIGINT, moment) for moment in MOMENTS),
        (signal.SIGKILL, "planned"),
        (signal.SIGKILL, "the first patches"),
    ],
)
def test_interrupted_and_the_same_command_again(
    kind: signal.Signals,
    moment: str,
    fresh: Work,
    started: Callable[..., subprocess.Popen[str]],
    finished: Finished,
) -> None:
    path, later = MOMENTS[moment]
    first = started("backport")
    wait_for(fresh.file(path).exists, first)
    time.sleep(later)

    # A terminal sends Ctrl-C to every process in the foreground: git and rpm, too.
    if first.poll() is None:
        os.killpg(first.pid, kind)
    out, err = first.communicate(timeout=60)

    if kind is signal.SIGINT and moment != "the last patches":
        # Python ends itself by the signal if that came while a class was made: a shell says 130 as well.
        assert first.returncode in (130, -signal.SIGINT) and out == ""
        assert err == "fedvhost: error: interrupted; what is done is kept, and the same command resumes\n"
    if kind is signal.SIGINT:
        # All of a package or none of it.
        for package, spec in (("kernel", KERNEL_SPEC), ("qemu-kvm", QEMU_SPEC)):
            is_there = fresh.file(f"patches/f13/{package}/series").exists()
            assert is_there == (fresh.file(spec).read_bytes() == (finished.root / spec).read_bytes())
    assert fresh.run("backport").code == 0
    assert fresh.contents() == contents(finished.root)


@pytest.mark.parametrize("day", ["2010-13-01", "2010-02-30", "soon", ""])
def test_a_waiver_until_a_day_that_there_is_not(day: str, done: Work) -> None:
    said = ("--scenario", "whql", "--by", "Wim", "--because", "there is no such guest here", "--until", day)

    ran = done.call("-C", done.root, "checklist", "waive", "test-plan", "--release", "f13", *said)

    refused(ran, 2, f"--until '{day}': there is no such day; write it as 2010-02-09")
    assert not done.file("backport/decisions").exists()


@pytest.mark.parametrize("option", ["--kernel", "--kernel-rpm", "--modules"])
def test_a_kernel_to_test_that_is_not_there(
    option: str, done: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # before any program is looked for

    refused(done.run("smoke", option, "/not/there"), 2, f"{option} '/not/there': no such ")


def test_a_program_that_is_missing_is_named_with_the_package_that_has_it() -> None:
    assert str(missing("rpm2cpio")) == (
        "'rpm2cpio' not found; try: dnf install rpm   (Debian: apt-get install rpm2cpio)"
    )
    assert "dnf install rpm-build   (Debian: apt-get install rpm)" in str(missing("rpmspec"))
    assert "dnf install cpio   (Debian: apt-get install cpio)" in str(missing("cpio"))
