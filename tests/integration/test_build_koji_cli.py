"""``fedvhost build --via koji`` as a person types it, on the sample's packages."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import pytest

from backports import FEDVHOST, Work
from realkoji.site import Site


@pytest.fixture
def at_koji(done: Work, koji_site: Site) -> Work:
    """A workspace after ``backport --release f13``, and a person with a koji profile."""
    return done


def build_number(said: str) -> int:
    """The task's number of a screen that tells of one build."""
    found = re.search(r"task (\d+) build: ", said)
    assert found, said
    return int(found[1])


def test_both_packages_are_built_in_order(at_koji: Work, koji_site: Site) -> None:
    before = len(koji_site.hub.builds())

    ran = at_koji.run("build", "--scratch", "--via", "koji")

    assert ran.code == 0, ran
    submitted = [build["request"][0].rsplit("/", 1)[1] for build in koji_site.hub.builds()[before:]]
    assert [name.split("-")[0] for name in submitted] == ["kernel", "qemu"]
    assert re.search(r"task \d+ buildArch \(x86_64\): closed", ran.err)
    folders = sorted(p for p in at_koji.root.glob("build/f13/*") if p.is_dir())
    assert [folder.name.split("-")[0] for folder in folders] == ["kernel", "qemu"]
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        assert {"build-x86_64.log", "root-x86_64.log"} <= names
        assert any(name.endswith(".x86_64.rpm") for name in names), names


def test_no_wait_is_picked_up_by_status(at_koji: Work, koji_site: Site) -> None:
    options = ("--scratch", "--via", "koji", "--package", "qemu-kvm", "--no-wait")
    ran = at_koji.run("build", *options)
    assert ran.code == 0, ran
    number = koji_site.hub.builds()[-1]["id"]
    assert str(number) in ran.out

    status = at_koji.call("-C", at_koji.root, "build", "status", str(number), "--wait")

    assert status.code == 0, status
    assert list(at_koji.root.glob("build/f13/qemu-*/qemu-*.x86_64.rpm"))


def test_failed_build_shows_the_compilers_line(at_koji: Work, koji_site: Site) -> None:
    spec = at_koji.file("specs/f13/qemu-kvm/qemu.spec")
    text = spec.read_text()
    spec.write_text(text.replace("%build\n", "%build\necho 'int x = nothing;' > x.c\ngcc -c x.c\n", 1))

    ran = at_koji.run("build", "--scratch", "--via", "koji", "--package", "qemu-kvm")

    assert ran.code == 1, ran
    assert "x.c:1:9: error: " in ran.out
    assert "buildArch (x86_64) failed: error building package" in ran.out
    logs = at_koji.call("-C", at_koji.root, "build", "logs", "qemu-kvm")
    assert "x.c:1:9: error: " in logs.out


def test_ctrl_c_leaves_the_build_and_says_how_to_come_back(at_koji: Work, koji_site: Site) -> None:
    spec = at_koji.file("specs/f13/qemu-kvm/qemu.spec")
    spec.write_text(spec.read_text().replace("%build\n", "%build\nsleep 3\n", 1))
    before = len(koji_site.hub.builds())
    argv = [
        *FEDVHOST,
        "-C",
        os.fspath(at_koji.root),
        "build",
        "--release",
        "f13",
        "--scratch",
        "--via",
        "koji",
    ]
    with subprocess.Popen(
        [*argv, "--package", "qemu-kvm"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while len(koji_site.hub.builds()) == before:
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert "build status --wait" in out + err

    status = at_koji.call("-C", at_koji.root, "build", "status", "qemu-kvm", "--wait")

    assert status.code == 0, status
    assert len(koji_site.hub.builds()) == before + 1


def test_cancel_ends_it_at_the_hub(at_koji: Work, koji_site: Site) -> None:
    spec = at_koji.file("specs/f13/qemu-kvm/qemu.spec")
    spec.write_text(spec.read_text().replace("%build\n", "%build\nsleep 60\n", 1))
    ran = at_koji.run("build", "--scratch", "--via", "koji", "--package", "qemu-kvm", "--no-wait")
    assert ran.code == 0, ran

    cancelled = at_koji.call("-C", at_koji.root, "build", "cancel", "qemu-kvm")

    assert cancelled.code == 0, cancelled
    assert koji_site.hub.builds()[-1]["state"] == 3


def test_unknown_target_is_told_before_anything_is_packed(at_koji: Work) -> None:
    ran = at_koji.run("build", "--scratch", "--via", "koji", "--target", "dist-f13-updates-candidat")
    assert ran.code == 2
    assert "did you mean 'dist-f13-updates-candidate'?" in ran.err
    assert not at_koji.file("build").exists()
