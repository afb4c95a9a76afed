"""The sample's histories as values: the same names everywhere, and nothing of the manifests' left open."""

from __future__ import annotations

import re
import tomllib

import pytest

from fedvhost.backport.manifest_toml import read_feature, read_release
from fedvhost.sample.history import History, Put, Step, Swap, make
from fedvhost.sample.kernel import KERNEL
from fedvhost.sample.qemu_kvm import QEMU_KVM
from fedvhost.sample.workspace import workspace_files
from fedvhost.values import Oid

US = "Pat Packager <pat@example.org>"


def _workspace() -> dict[str, str]:
    histories = {"kernel": make(KERNEL), "qemu-kvm": make(QEMU_KVM)}
    return workspace_files(
        {f"{n}/{k}": oid for n, made in histories.items() for k, oid in made.commits.items()}
    )


def test_a_commit_has_the_name_that_git_gives_it() -> None:
    made = make(History(1265716800, (Step("a", US, "one", "", (Put("f", "1\n"),)),), {"main": "a"}, {}))

    # What `git commit` itself called it, with these names and this date.
    assert made.commits["a"] == "f7d7ddc33a5954f9ca002029bab228c65deaf720"


def test_a_message_can_cite_an_earlier_commit() -> None:
    steps = (
        Step("cause", US, "break it", "", (Put("f", "1\n"),)),
        Step("fix", US, "fix it", "Broken since {cause}.", (Swap("f", "1", "2"),)),
    )

    made = make(History(0, steps, {"main": "fix"}, {}))

    assert f"Broken since {made.commits['cause']}.".encode() in made.stream


def test_a_merge_has_both_lanes_and_the_mergers_own_hand() -> None:
    steps = (
        Step("base", US, "base", "", (Put("f", "a\nb\n"),)),
        Step("ours", US, "ours", "", (Swap("f", "a", "A"),)),
        Step("theirs", US, "theirs", "", (Swap("f", "b", "B"),), onto="base"),
        Step("twin", US, "ours, again", "", (Swap("f", "a", "A"),)),
        Step(
            "merge", US, "merge", "", (Put("g", "by hand\n"),), onto="ours", merges="twin", without=("twin",)
        ),
    )

    made = make(History(0, steps, {"main": "merge"}, {}))

    assert made.files["merge"] == {"f": "A\nB\n", "g": "by hand\n"}


def test_a_change_that_does_not_fit_is_named() -> None:
    steps = (
        Step("base", US, "base", "", (Put("f", "a a\n"),)),
        Step("next", US, "n", "", (Swap("f", "a", "b"),)),
    )

    with pytest.raises(ValueError, match=r"step 'next': f: 'a' occurs 2 times"):
        make(History(0, steps, {"main": "next"}, {}))


def test_the_sample_has_the_same_names_everywhere() -> None:
    # Whoever changes the sample changes these, and must know: people compare them.
    assert make(KERNEL).commits["v2.6.35"] == "e7542505644a0904b9b9e36022cab01325fb1828"
    assert make(QEMU_KVM).commits["0.13.0"] == "e43bba9551e549981828f2cd6875fc2f9d31a3aa"


def test_the_manifests_name_commits_of_the_sample_and_are_valid() -> None:
    files = _workspace()

    assert not [path for path, text in files.items() if re.search(r"@(kernel|qemu-kvm)/", text)]
    feature = read_feature(files["backport/features/vhost-net.toml"], "backport/features/vhost-net.toml")
    release = read_release(files["backport/releases/f13.toml"], "backport/releases/f13.toml")
    assert (feature.name, release.name) == ("vhost-net", "f13")
    assert set(feature.packages) == set(release.packages) == {"kernel", "qemu-kvm"}
    assert tomllib.loads(files["fedvhost.toml"])["upstreams"]["qemu-kvm"] == "../qemu-kvm.git"


def test_no_prerequisite_is_named_in_the_manifest() -> None:
    manifest = _workspace()["backport/features/vhost-net.toml"]

    named = set(re.findall(r"\b[0-9a-f]{12}\b", manifest))
    kernel, qemu = make(KERNEL).commits, make(QEMU_KVM).commits
    prerequisites = {kernel["mm-export"], kernel["tun-socket"], qemu["virtio-status"], qemu["virtio-rename"]}
    assert len(named) == 16
    assert not {Oid(p).short for p in prerequisites} & named
