"""The sample's traps, measured with plain git, make and rpmbuild: they are real, and so is the way out."""

from __future__ import annotations

import difflib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fedvhost.errors import InputError, ToolFailed
from fedvhost.process import run
from fedvhost.sample import Sample, write_sample

Settle = Callable[[str, str, str], str]  # ours, the pick's parent, the pick → what it should be

CONFLICT = re.compile(
    r"<{7} [^\n]*\n(?P<ours>.*?)\|{7} [^\n]*\n(?P<base>.*?)={7}\n(?P<theirs>.*?)>{7} [^\n]*\n",
    re.S,
)


@dataclass(frozen=True, slots=True)
class Tree:
    """A work tree of one of the sample's repositories."""

    path: Path
    package: str
    sample: Sample

    def git(self, *args: str, ok: Sequence[int] = (0,)) -> str:
        return run(["git", "-C", self.path, *args], ok=ok).stdout.decode().strip()

    def oid(self, key: str) -> str:
        return self.sample.commits[f"{self.package}/{key}"]

    def checkout(self, revision: str) -> None:
        self.git("reset", "-q", "--hard")
        self.git("checkout", "-q", "--detach", revision)

    def pick(self, key: str) -> set[str]:
        """Cherry-pick; return the paths in conflict (none: it is committed)."""
        argv = [
            "-c",
            "merge.conflictStyle=diff3",
            "cherry-pick",
            "-x",
            "--keep-redundant-commits",
            self.oid(key),
        ]
        self.git(*argv, ok=(0, 1))
        return set(self.git("diff", "--name-only", "--diff-filter=U").split())

    def pick_clean(self, *keys: str) -> None:
        for key in keys:
            assert self.pick(key) == set(), f"{key} conflicts"

    def settle(self, path: str, how: Settle) -> None:
        file = self.path / path
        whole, times = CONFLICT.subn(lambda m: how(m["ours"], m["base"], m["theirs"]), file.read_text())
        assert times, f"no conflict in {path}"
        file.write_text(whole)

    def finish(self) -> None:
        self.git("add", "-u")
        self.git("-c", "core.editor=true", "commit", "-q", "--allow-empty", "--no-edit")

    def patch_id(self, key: str) -> str:
        diff = run(["git", "-C", self.path, "show", self.oid(key)]).stdout
        return run(["git", "patch-id", "--stable"], stdin=diff).stdout.decode().split()[0]

    def make(self, *goals: str) -> tuple[int, str]:
        """Build; return make's exit status and all that was said."""
        self.git("clean", "-qfdx", "-e", ".config")
        done = run(["make", "-j4", *goals], cwd=self.path, ok=(0, 2))
        return done.returncode, (done.stdout + done.stderr).decode()


def inserted(base: str, theirs: str) -> str:
    """The lines that the pick inserts here; it must change none."""
    lines = list(difflib.ndiff(base.splitlines(keepends=True), theirs.splitlines(keepends=True)))
    assert not [line for line in lines if line.startswith("- ")]
    return "".join(line[2:] for line in lines if line.startswith("+ "))


def above(ours: str, base: str, theirs: str) -> str:
    return inserted(base, theirs) + ours


def alone(ours: str, base: str, theirs: str) -> str:
    assert ours == ""  # the lines before and after stand together in the base: there is one place
    return inserted(base, theirs)


def ours(ours: str, base: str, theirs: str) -> str:
    return ours


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return write_sample(tmp_path_factory.mktemp("sample") / "upstream")


def _tree(sample: Sample, package: str, where: Path) -> Tree:
    source = {"kernel": sample.kernel, "qemu-kvm": sample.qemu_kvm}[package]
    run(["git", "clone", "-q", source, where])
    return Tree(where, package, sample)


@pytest.fixture(scope="module")
def kernel(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    tree = _tree(sample, "kernel", tmp_path_factory.mktemp("work") / "kernel")
    (tree.path / ".config").write_text("CONFIG_AIO=y\nCONFIG_TUN=m\nCONFIG_VHOST_NET=m\n")
    return tree


@pytest.fixture(scope="module")
def qemu(sample: Sample, tmp_path_factory: pytest.TempPathFactory) -> Tree:
    return _tree(sample, "qemu-kvm", tmp_path_factory.mktemp("work") / "qemu-kvm")


# -- the two series, as a person would make them by the rules ---------------------------------------


def pick_vhost_net(kernel: Tree) -> None:
    assert kernel.pick("vhost-net") == {"MAINTAINERS", "drivers/Makefile"}
    kernel.settle("drivers/Makefile", alone)
    kernel.settle("MAINTAINERS", above)
    kernel.finish()


def kernel_series(kernel: Tree, without: str = "") -> None:
    kernel.checkout("v2.6.33")
    kernel.pick_clean(*(key for key in ("tun-socket", "mm-export") if key != without))
    pick_vhost_net(kernel)
    kernel.pick_clean("vhost-kconfig", "tx-stop")
    assert kernel.pick("ring-limit") == {"drivers/vhost/vhost.c"}
    kernel.settle("drivers/vhost/vhost.c", alone)
    kernel.finish()
    kernel.pick_clean("tun-orphan")


def pick_ioeventfd(qemu: Tree) -> None:
    """The declared adaptations: one hunk dropped, two put beside a line of the fork's."""
    assert qemu.pick("ioeventfd") == {"kvm-all.c", "kvm.h"}
    added = {}
    for path in ("kvm-all.c", "kvm.h"):
        hunks = re.split(r"^@@.*\n", qemu.git("show", qemu.oid("ioeventfd"), "--", path), flags=re.M)[1:]
        added[path] = ["".join(f"{x[1:]}\n" for x in h.splitlines() if x.startswith("+")) for h in hunks]
        (qemu.path / path).write_text(qemu.git("show", f"HEAD:{path}") + "\n")
    dropped, function = added["kvm-all.c"]
    assert "KVM_CAP_IOEVENTFD" in dropped and "kvm_set_ioeventfd" in function
    insert(qemu.path / "kvm-all.c", '#include "qemu-kvm.c"\n', before=function)
    insert(qemu.path / "kvm.h", "int kvm_vm_ioctl(int type, long arg);\n", after="".join(added["kvm.h"]))
    qemu.finish()


def insert(file: Path, anchor: str, before: str = "", after: str = "") -> None:
    text = file.read_text()
    assert text.count(anchor) == 1
    file.write_text(text.replace(anchor, before + anchor + after))


def qemu_series(qemu: Tree, without: str = "", *, rename: bool = True) -> None:
    qemu.checkout("qemu-kvm-0.12.3")
    qemu.pick_clean(*(key for key in ("virtio-status", "virtio-rename") if key != without))
    assert qemu.pick("event-notifier") == {"Makefile.target"}
    qemu.settle("Makefile.target", above)
    qemu.finish()
    assert qemu.pick("virtio-notifiers") == {"hw/virtio.c", "hw/virtio.h"}
    qemu.settle("hw/virtio.c", alone)
    qemu.settle("hw/virtio.h", alone)
    qemu.finish()
    assert qemu.pick("pci-per-target") == {"Makefile.objs", "Makefile.target"}
    qemu.settle("Makefile.objs", ours)
    qemu.settle("Makefile.target", ours)
    qemu.finish()
    assert qemu.git("diff", "--stat", "HEAD^", "HEAD") == ""
    pick_ioeventfd(qemu)
    qemu.pick_clean("vhost-header", "vhost-support")
    assert qemu.pick("irqfd") == set()
    assert qemu.pick("tap-vhost") == {"net.c"}
    qemu.settle("net.c", alone)
    if rename:
        tap = qemu.path / "net/tap.c"
        tap.write_text(tap.read_text().replace("error_report(", "qemu_error("))
    qemu.finish()
    qemu.pick_clean("virtio-net-vhost", "closed")


# -- writing it -------------------------------------------------------------------------------------


def test_the_same_objects_whatever_gits_configuration(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = tmp_path / "templates/hooks/reference-transaction"
    hook.parent.mkdir(parents=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (tmp_path / "config").write_text(
        f"[init]\n\ttemplateDir = {tmp_path}/templates\n\tdefaultBranch = trunk\n[core]\n\tautocrlf = true\n"
        "[i18n]\n\tcommitEncoding = latin1\n[fastimport]\n\tunpackLimit = 100000\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_DEFAULT_HASH", "sha256")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("TZ", "Asia/Tokyo")

    other = write_sample(tmp_path / "other")

    monkeypatch.undo()
    for one, two in ((sample.kernel, other.kernel), (sample.qemu_kvm, other.qemu_kvm)):
        refs = [run(["git", "-C", p, "for-each-ref"]).stdout for p in (one, two)]
        assert refs[0] == refs[1] != b""
        assert run(["git", "-C", two, "fsck", "--strict"]).stderr == b""


def test_writing_it_again_changes_nothing_and_keeps_what_was_done_there(tmp_path: Path) -> None:
    first = write_sample(tmp_path / "s")
    (first.workspace / "specs/f13/kernel/kernel.spec").write_text("mine\n")

    assert write_sample(tmp_path / "s") == first

    assert (first.workspace / "specs/f13/kernel/kernel.spec").read_text() == "mine\n"
    assert names(tmp_path) == ["s"]


def test_the_empty_folder_that_one_stands_in_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    made = write_sample(Path())

    assert names(Path()) == [".fedvhost-sample", "kernel.git", "qemu-kvm.git", "workspace"]
    assert made.workspace == tmp_path / "workspace"


def test_a_folder_with_something_in_it_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work\n")

    with pytest.raises(InputError, match="not a sample; choose another folder"):
        write_sample(tmp_path)

    assert names(tmp_path) == ["thesis.tex"]


def test_what_is_left_of_a_sample_is_not_taken_for_one(tmp_path: Path) -> None:
    shutil.rmtree(write_sample(tmp_path / "s").kernel)

    with pytest.raises(InputError, match=r"damaged, 'kernel.git/HEAD' is gone"):
        write_sample(tmp_path / "s")


def test_an_interrupted_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    real = shutil.which("git")
    # A git that dies at the second repository, when the first one is complete.
    (bin_dir / "git").write_text(
        f'#!/bin/sh\ncase "$*" in *qemu-kvm.git*) exit 130;; esac\nexec {real} "$@"\n'
    )
    (bin_dir / "git").chmod(0o755)
    (tmp_path / "here/empty").mkdir(parents=True)

    with monkeypatch.context() as env:
        env.setenv("PATH", f"{bin_dir}:{os.environ['PATH']}")
        for where in ("here/new", "here/empty"):
            with pytest.raises(ToolFailed, match="exit status 130"):
                write_sample(tmp_path / where)

    assert names(tmp_path / "here") == ["empty"]
    assert names(tmp_path / "here/empty") == []


# -- the kernel -------------------------------------------------------------------------------------


def test_the_kernel_series_builds_and_its_module_loads(kernel: Tree) -> None:
    kernel_series(kernel)

    status, said = kernel.make("modules_check")

    assert status == 0, said
    assert "drivers/vhost/vhost_net.ko: loaded" in said
    assert "warning" not in said


@pytest.mark.parametrize("tag", ["v2.6.33", "v2.6.34", "v2.6.35", "v2.6.34.1"])
def test_every_kernel_release_builds(kernel: Tree, tag: str) -> None:
    kernel.checkout(tag)

    status, said = kernel.make("modules_check")

    assert status == 0, said
    assert f"Linux {tag[1:]} " in said
    assert ("/dev/vhost-net" in said) == (tag != "v2.6.33")


def test_without_the_export_all_compiles_and_the_module_cannot_load(kernel: Tree) -> None:
    assert "void use_mm(" in kernel.git("show", "v2.6.33:mm/mmu_context.c")
    kernel_series(kernel, without="mm-export")

    assert kernel.make("all")[0] == 0
    status, said = kernel.make("modules_check")

    assert status != 0
    assert re.search(r"vhost_net\.ko: cannot load: .*undefined symbol: (un)?use_mm", said)
    assert "drivers/net/tun.ko: loaded" in said


def test_the_export_is_the_same_authors_and_right_before_the_feature(kernel: Tree) -> None:
    feature, export = kernel.oid("vhost-net"), kernel.oid("mm-export")

    assert kernel.git("rev-parse", f"{feature}^") == export
    assert len(set(kernel.git("log", "--no-walk", "--format=%an", feature, export).split("\n"))) == 1


def test_without_the_function_it_does_not_compile(kernel: Tree) -> None:
    assert kernel.git("grep", "-c", "tun_get_socket", "v2.6.33", ok=(1,)) == ""
    kernel_series(kernel, without="tun-socket")

    status, said = kernel.make("all")

    assert status != 0
    assert "implicit declaration of function" in said and "tun_get_socket" in said


def test_path_selection_finds_picks_a_twin_the_sweep_and_macvtap_and_not_the_orphan(kernel: Tree) -> None:
    paths = ("drivers/vhost", "include/linux/vhost.h")
    found = kernel.git("log", "--no-merges", "--format=%H", "v2.6.33..v2.6.34", "--", *paths).split()

    picks = {"vhost-net", "vhost-kconfig", "tx-stop", "tx-stop-net", "ring-limit"}
    assert set(found) == {kernel.oid(key) for key in picks | {"slab-sweep", "macvtap-vhost"}}
    merges = kernel.git("log", "--merges", "--format=%H", "v2.6.33..v2.6.34", "--", *paths).split()
    assert merges == [kernel.oid("net-merge")]


def test_twins_are_one_patch_under_two_names(kernel: Tree, qemu: Tree) -> None:
    for tree, one, two in ((kernel, "tx-stop", "tx-stop-net"), (qemu, "closed", "closed-kvm")):
        until = {"kernel": "v2.6.34", "qemu-kvm": "qemu-kvm-0.13.0"}[tree.package]
        assert tree.oid(one) != tree.oid(two)
        assert tree.patch_id(one) == tree.patch_id(two)
        for key in (one, two):
            tree.git("merge-base", "--is-ancestor", tree.oid(key), until)


def test_the_sweep_is_wide_and_does_not_land(kernel: Tree) -> None:
    kernel_series(kernel)
    swept = kernel.git("show", "--format=", "--name-only", kernel.oid("slab-sweep")).split()

    assert len(swept) > 20
    assert {"drivers/vhost/net.c", "drivers/vhost/vhost.c"} <= set(swept)
    assert kernel.pick("slab-sweep")


@pytest.mark.parametrize("key", ["macvtap-vhost", "sock-backlog-fix"])
def test_what_must_not_be_taken_does_not_land_either(kernel: Tree, key: str) -> None:
    kernel_series(kernel)

    assert kernel.pick(key)


@pytest.mark.parametrize("key", ["xen-list", "vlynq-driver"])
def test_the_neighbour_of_an_insertion_is_no_way_out(kernel: Tree, key: str) -> None:
    kernel.checkout("v2.6.33")

    assert kernel.pick(key)


def test_the_follow_up_to_take_is_in_stable_too(kernel: Tree) -> None:
    kernel_series(kernel)

    kernel.pick_clean("index-check")

    assert kernel.patch_id("index-check") == kernel.patch_id("index-check-stable")
    body = kernel.git("log", "-1", "--format=%b", kernel.oid("index-check-stable"))
    assert f"commit {kernel.oid('index-check')} upstream." in body
    assert kernel.oid("vhost-net") in kernel.git("log", "-1", "--format=%b", kernel.oid("index-check"))
    after = kernel.git("rev-list", "v2.6.34..v2.6.35").split()
    assert kernel.oid("index-check") in after


def test_the_follow_up_to_leave_names_a_cause_that_the_base_lacks(kernel: Tree) -> None:
    body = kernel.git("log", "-1", "--format=%b", kernel.oid("sock-backlog-fix"))

    assert "vhost_net" in body and kernel.oid("sock-backlog") in body
    kernel.git("merge-base", "--is-ancestor", kernel.oid("sock-backlog"), "v2.6.33", ok=(1,))


# -- qemu-kvm ---------------------------------------------------------------------------------------


def test_the_qemu_series_builds_and_knows_vhost(qemu: Tree) -> None:
    qemu_series(qemu)

    status, said = qemu.make()

    assert status == 0, said
    assert "vhost-net support yes" in said and "warning" not in said
    assert "[,vhost=on|off][,vhostfd=h]" in run([qemu.path / "qemu-kvm", "-h"]).stdout.decode()
    program = (str(qemu.path / "qemu-kvm"), "-netdev")
    assert run([*program, "tap,id=a,ifname=b,vhost=off"]).returncode == 0
    # An open device of the test's own: what it is does not matter to the sample.
    assert run([*program, "tap,id=a,ifname=b,vhost=on,vhostfd=0"]).returncode == 0


@pytest.mark.parametrize("tag", ["qemu-kvm-0.12.3", "qemu-kvm-0.13.0", "origin/qemu"])
def test_every_qemu_release_builds(qemu: Tree, tag: str) -> None:
    qemu.checkout(tag)

    status, said = qemu.make()

    assert status == 0, said
    known = "[,vhost=on|off]" in run([qemu.path / "qemu-kvm", "-h"]).stdout.decode()
    assert known == (tag != "qemu-kvm-0.12.3")


def test_the_merge_is_clean_and_still_says_error_report(qemu: Tree) -> None:
    wide = qemu.git("show", "--format=", "--name-only", qemu.oid("error-report")).split()
    assert len(wide) > 20
    qemu_series(qemu, rename=False)  # net/tap.c merged clean there

    status, said = qemu.make()

    assert status != 0
    assert "error_report" in said


def test_a_replaced_line_needs_the_commit_that_wrote_it(qemu: Tree) -> None:
    qemu.checkout("qemu-kvm-0.12.3")
    qemu.pick_clean("virtio-rename")
    assert qemu.pick("virtio-net-vhost") == {"hw/virtio-net.c"}

    qemu.checkout("qemu-kvm-0.12.3")
    qemu.pick_clean("virtio-status", "virtio-rename", "virtio-net-vhost")


def test_the_renamed_field_conflicts_nowhere_and_does_not_compile(qemu: Tree) -> None:
    qemu_series(qemu, without="virtio-rename")

    status, said = qemu.make()

    assert status != 0
    assert "guest_features" in said


@pytest.mark.parametrize("key", ["compile-once", "vectors-max", "helper-option"])
def test_the_neighbours_in_qemu_are_no_way_out(qemu: Tree, key: str) -> None:
    qemu.checkout("qemu-kvm-0.12.3")

    assert qemu.pick(key)


def test_neither_merge_nor_anchors_place_ioeventfd(qemu: Tree) -> None:
    qemu.checkout("qemu-kvm-0.12.3")
    assert qemu.pick("ioeventfd") == {"kvm-all.c", "kvm.h"}

    # One hunk changes a function that the fork does not have; the other only inserts, and the lines
    # before and after it stand together in the fork: inside KVM_UPSTREAM, which nobody defines.
    qemu.settle("kvm-all.c", lambda ours, base, theirs: ours or inserted(base, theirs))
    qemu.settle("kvm.h", lambda ours, base, theirs: ours + inserted(base, theirs))

    status, said = qemu.make("kvm-all.o")
    assert status == 0, said
    assert "int kvm_set_ioeventfd(" in (qemu.path / "kvm-all.c").read_text()
    symbols = run(["nm", qemu.path / "kvm-all.o"]).stdout.decode()
    assert "kvm_init" in symbols and "kvm_set_ioeventfd" not in symbols


def test_the_maintainers_own_merge_of_ioeventfd_is_there(qemu: Tree) -> None:
    diff = qemu.git(
        "diff", f"{qemu.oid('merge-vhost')}^1", qemu.oid("merge-vhost"), "--", "kvm-all.c", "kvm.h"
    )

    assert "+int kvm_set_ioeventfd" in diff and "KVM_CAP_IOEVENTFD" not in diff


def test_a_requested_fix_is_in_the_base_already(qemu: Tree) -> None:
    upstream = qemu.oid("tap-fd")

    qemu.git("merge-base", "--is-ancestor", upstream, "qemu-kvm-0.12.3", ok=(1,))
    qemu.git("merge-base", "--is-ancestor", upstream, "qemu-kvm-0.13.0")
    assert qemu.patch_id("tap-fd") == qemu.patch_id("tap-fd-stable")
    in_base = qemu.git("log", "--format=%b", "qemu-kvm-0.12.3")
    assert f"(cherry picked from commit {upstream})" in in_base


# -- the specs --------------------------------------------------------------------------------------


def _build_root(sample: Sample, package: str, topdir: Path) -> Path:
    """Sources as a packager has them: the spec's folder, and the base as the archive it names."""
    store, tag, prefix, archive = {
        "kernel": (sample.kernel, "v2.6.33", "linux-2.6.33", "linux-2.6.33.tar.bz2"),
        "qemu-kvm": (sample.qemu_kvm, "qemu-kvm-0.12.3", "qemu-kvm-0.12.3", "qemu-kvm-0.12.3.tar.gz"),
    }[package]
    shutil.copytree(sample.workspace / "specs/f13" / package, topdir)
    tar = run(["git", f"--git-dir={store}", "archive", f"--prefix={prefix}/", tag]).stdout
    (topdir / archive).write_bytes(tar)
    return topdir


def _rpmbuild(topdir: Path, *, ok: Sequence[int] = (0,)) -> tuple[int, str]:
    macros = ("_topdir", "_sourcedir", "_specdir")
    defines = [word for name in macros for word in ("--define", f"{name} {topdir}")]
    (spec,) = topdir.glob("*.spec")
    done = run(["rpmbuild", "-bb", "--nodeps", *defines, "--define", "dist .fc13", spec], ok=ok)
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


@pytest.fixture
def needs_rpmbuild() -> Iterator[None]:
    if shutil.which("rpmbuild") is None:
        pytest.skip("rpmbuild is not installed (Fedora: rpm-build, Debian: rpm)")
    yield


RPMS: Mapping[str, tuple[str, str]] = {
    "kernel": ("kernel-2.6.33-7.fc13", "/opt/fedvhost-sample/lib/modules/2.6.33/kernel/drivers/net/tun.ko"),
    "qemu-kvm": ("qemu-kvm-0.12.3-2.fc13", "/opt/fedvhost-sample/bin/qemu-kvm"),
}


@pytest.mark.parametrize("package", sorted(RPMS))
def test_the_spec_builds_and_installs_below_opt_only(
    sample: Sample, package: str, tmp_path: Path, needs_rpmbuild: None
) -> None:
    topdir = _build_root(sample, package, tmp_path / "top")

    _rpmbuild(topdir)

    name, file = RPMS[package]
    (rpm,) = topdir.glob("RPMS/*/*.rpm")
    assert rpm.name.startswith(f"{name}.")
    files = run(["rpm", "-qpl", rpm]).stdout.decode().split()
    assert file in files
    assert all(f.startswith("/opt/fedvhost-sample/") for f in files)


def test_apply_patch_refuses_what_the_spec_does_not_declare(
    sample: Sample, tmp_path: Path, needs_rpmbuild: None
) -> None:
    topdir = _build_root(sample, "kernel", tmp_path / "top")
    spec = topdir / "kernel.spec"
    spec.write_text(spec.read_text().replace("Patch07: ", "#Patch07: "))

    status, said = _rpmbuild(topdir, ok=(1,))

    assert status == 1
    assert "is applied and not declared in kernel.spec" in said


def test_the_kernel_package_fails_where_the_export_is_missing(
    sample: Sample, kernel: Tree, tmp_path: Path, needs_rpmbuild: None
) -> None:
    kernel_series(kernel, without="mm-export")
    topdir = _build_root(sample, "kernel", tmp_path / "top")
    (topdir / "vhost.patch").write_text(kernel.git("diff", "v2.6.33", "HEAD") + "\n")
    config = topdir / "config-generic"
    config.write_text(config.read_text().replace("# CONFIG_VHOST_NET is not set", "CONFIG_VHOST_NET=m"))
    spec, here = topdir / "kernel.spec", "# Assorted Virt Fixes\n"
    text = spec.read_text().replace(
        "# virt + ksm patches\n", "# virt + ksm patches\nPatch1553: vhost.patch\n"
    )
    spec.write_text(text.replace(here, f"{here}ApplyPatch vhost.patch\n"))

    status, said = _rpmbuild(topdir, ok=(1,))

    assert status == 1
    assert "vhost_net.ko: cannot load" in said
