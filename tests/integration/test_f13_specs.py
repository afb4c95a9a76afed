"""The two packages of Fedora 13 as rpm sees them: what they declare, what they become, what they refuse."""

from __future__ import annotations

import bz2
import datetime
import re
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from fedvhost.packaging.prep import PrepResult, run_prep
from fedvhost.packaging.proof import unapplied
from fedvhost.packaging.rpmspec import evaluate, rpm_env
from fedvhost.packaging.source import source_archive
from fedvhost.process import Completed, run

CHECKOUT = Path(__file__).resolve().parents[2]
KERNEL = CHECKOUT / "specs/f13/kernel/kernel.spec"
QEMU = CHECKOUT / "specs/f13/qemu-kvm/qemu.spec"
DIST = {"dist": ".fc13"}
SPECS = pytest.mark.parametrize("spec", [KERNEL, QEMU], ids=["kernel", "qemu-kvm"])
TARGETS = pytest.mark.parametrize("target", ["x86_64", "i686"])

KERNEL_EVERYWHERE = {"kernel", "kernel-devel", "kernel-headers", "kernel-firmware", "perf"}
KERNEL_DEBUG = {"kernel-debug", "kernel-debug-devel"}
KERNEL_PAE = {"kernel-PAE", "kernel-PAE-devel", "kernel-PAEdebug", "kernel-PAEdebug-devel"}
CPUS = ("x86", "arm", "mips", "cris", "m68k", "sh4", "ppc", "sparc")
QEMU_SYSTEMS = {f"qemu-system-{cpu}" for cpu in CPUS}
QEMU_PACKAGES = {"qemu", "qemu-common", "qemu-img", "qemu-user", *QEMU_SYSTEMS}


def rpmspec(*args: str | Path, spec: Path, target: str = "x86_64", home: Path) -> Completed:
    """Ask rpm about a spec whose sources are beside it, with F13's dist."""
    words = ["rpmspec", *args, "--target", target, "--define", "dist .fc13"]
    return run([*words, "--define", f"_sourcedir {spec.parent}", spec], env=rpm_env(home))


def packages(spec: Path, home: Path, *switches: str, target: str = "x86_64") -> set[str]:
    query = rpmspec("-q", "--qf", "%{NAME}\\n", *switches, spec=spec, target=target, home=home)
    return set(query.stdout.decode().split())


def stand_in(folder: Path, spec: Path) -> Path:
    """Copy a package's files to ``folder``, to be changed there; return the spec."""
    shutil.copytree(spec.parent, folder)
    return folder / spec.name


def version_release(spec: Path) -> str:
    """``2.6.33-1.fc13``: the release rises when a feature goes in, and what is tested here stays."""
    evr = evaluate(spec, defines=DIST, target="x86_64", sourcedir=spec.parent).evr
    return f"{evr.version}-{evr.release}"


# -- what rpm reads -------------------------------------------------------------------------------------


@TARGETS
@SPECS
def test_rpm_reads_the_spec_without_a_word_and_every_patch_is_applied(
    spec: Path, target: str, tmp_path: Path
) -> None:
    parsed = rpmspec("-P", spec=spec, target=target, home=tmp_path)

    assert parsed.stderr == b""  # a bogus date, an unescaped macro in a comment, an obsolete tag
    assert unapplied(spec, (), defines=DIST, target=target) == ()


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("x86_64", KERNEL_EVERYWHERE | KERNEL_DEBUG | {"kernel-doc"}),
        ("i686", KERNEL_EVERYWHERE | KERNEL_DEBUG | KERNEL_PAE),
        ("ppc", KERNEL_EVERYWHERE | {"kernel-bootwrapper"}),
        ("ppc64", KERNEL_EVERYWHERE | KERNEL_DEBUG | {"kernel-bootwrapper"}),
        ("s390x", KERNEL_EVERYWHERE),
        ("sparc64", KERNEL_EVERYWHERE),
    ],
)
def test_packages_of_the_kernel(target: str, expected: set[str], tmp_path: Path) -> None:
    assert packages(KERNEL, tmp_path, "--without", "debuginfo", target=target) == expected


def test_every_kernel_variant_has_debug_information_of_its_own(tmp_path: Path) -> None:
    found = packages(KERNEL, tmp_path, target="i686")

    assert {p for p in found if "debuginfo" in p} == {
        "kernel-debuginfo-common-i686",
        *(f"kernel{variant}-debuginfo" for variant in ("", "-PAE", "-PAEdebug", "-debug")),
    }


@pytest.mark.parametrize(
    ("switches", "gone"),
    [
        (("--without", "pae"), KERNEL_PAE),
        (("--without", "debug"), {*KERNEL_DEBUG, "kernel-PAEdebug", "kernel-PAEdebug-devel"}),
        (("--with", "baseonly"), KERNEL_PAE | KERNEL_DEBUG | {"perf"}),
        (("--without", "headers", "--without", "firmware"), {"kernel-headers", "kernel-firmware"}),
    ],
)
def test_a_switch_takes_its_packages_away_and_no_other(
    switches: tuple[str, ...], gone: set[str], tmp_path: Path
) -> None:
    everything = packages(KERNEL, tmp_path, "--without", "debuginfo", target="i686")

    assert packages(KERNEL, tmp_path, "--without", "debuginfo", *switches, target="i686") == everything - gone


def test_packages_of_qemu_where_there_is_kvm_and_where_there_is_none(tmp_path: Path) -> None:
    with_kvm = QEMU_PACKAGES | {"qemu-kvm", "qemu-kvm-tools"}

    assert packages(QEMU, tmp_path) == with_kvm
    assert packages(QEMU, tmp_path, target="i686") == with_kvm
    assert packages(QEMU, tmp_path, target="ppc64") == QEMU_PACKAGES


@SPECS
def test_every_source_stands_beside_the_spec_or_is_the_base(spec: Path) -> None:
    release = tomllib.loads((CHECKOUT / "backport/releases/f13.toml").read_text())
    bases = {package["source"] for package in release["packages"].values()}
    known = evaluate(spec, defines=DIST, target="x86_64", sourcedir=spec.parent)
    named = {name.rsplit("/", 1)[-1] for name in (*known.sources, *(file for _, file in known.patches))}
    shipped = {path.name for path in spec.parent.iterdir() if path != spec}

    assert named - shipped <= bases
    assert named & bases
    assert shipped - named == set()  # a file that no tag names would be missing from the source package


@pytest.mark.parametrize(
    ("line", "becomes", "nvr"),
    [
        ("%define stable_update 0", "%define stable_update 4", r"kernel-2\.6\.33\.4-\d+\.fc13"),
        ("%define released_kernel 1", "%define released_kernel 0", r"kernel-2\.6\.34-0\.\d+\.rc0\.fc13"),
        (r"# %%define buildid \.local", "%define buildid .local", r"kernel-2\.6\.33-\d+\.local\.fc13"),
        (r"%global baserelease \d+", "%global baserelease 77", r"kernel-2\.6\.33-77\.fc13"),
    ],
)
def test_version_and_release_follow_their_macros(line: str, becomes: str, nvr: str, tmp_path: Path) -> None:
    spec = tmp_path / "kernel.spec"
    text, found = re.subn(f"(?m)^{line}$", becomes, KERNEL.read_text())
    assert found == 1
    spec.write_text(text)

    assert re.fullmatch(nvr, evaluate(spec, defines=DIST, target="x86_64", sourcedir=KERNEL.parent).nvr)


def test_a_stable_update_is_declared_and_applied(tmp_path: Path) -> None:
    spec = tmp_path / "kernel.spec"
    spec.write_text(KERNEL.read_text().replace("%define stable_update 0", "%define stable_update 4"))

    parsed = run(["rpmspec", "-P", "--target", "x86_64", spec], env=rpm_env(tmp_path)).stdout.decode()

    assert "\nPatch00: patch-2.6.33.4.bz2\n" in parsed
    assert "\nApplyPatch patch-2.6.33.4.bz2\n" in parsed


@SPECS
def test_changelog_entries_have_true_weekdays_and_the_newest_is_this_release(spec: Path) -> None:
    dash = "" if spec == KERNEL else "- "  # the kernel's changelog has always gone without
    heading = re.compile(rf"\* (\w{{3}} \w{{3}} \d\d \d{{4}}) [\w ]+ <[^<>\s]+> {dash}(\S+)")
    headings = [line for line in spec.read_text().splitlines() if line.startswith("* ")]
    entries = [heading.fullmatch(line) for line in headings]
    dates = []
    for line, entry in zip(headings, entries, strict=True):
        assert entry, line
        date = datetime.datetime.strptime(entry[1], "%a %b %d %Y").date()
        assert f"{date:%a %b %d %Y}" == entry[1]  # strptime takes any weekday
        dates.append(date)

    assert dates == sorted(dates, reverse=True)
    evr = evaluate(spec, defines={"dist": ""}, target="x86_64", sourcedir=spec.parent).evr
    assert entries[0] and entries[0][2] == str(evr)


# -- scripts --------------------------------------------------------------------------------------------


def scriptlets(spec: Path, home: Path, target: str) -> Mapping[tuple[str, str], str]:
    """Return package and tag → script, for those that have one."""
    found = {}
    for tag in ("POSTIN", "PREUN", "POSTUN", "POSTTRANS"):
        query = rpmspec("-q", "--qf", f"%{{NAME}}\t%{{{tag}}}\f", spec=spec, target=target, home=home)
        for record in query.stdout.decode().split("\f"):
            package, _, script = record.strip("\n").partition("\t")
            if script not in ("", "(none)"):
                found[package, tag] = script
    return found


@TARGETS
@SPECS
def test_every_scriptlet_is_shell(spec: Path, target: str, tmp_path: Path) -> None:
    found = scriptlets(spec, tmp_path, target)

    assert found
    for (package, tag), script in found.items():
        checked = run(["sh", "-n"], stdin=script.encode(), ok=(0, 1, 2))
        assert (package, tag, checked.stderr) == (package, tag, b"")


def test_a_kernel_enters_and_leaves_the_boot_loader_under_its_own_name(tmp_path: Path) -> None:
    found = scriptlets(KERNEL, tmp_path, "i686")
    plain = f"{version_release(KERNEL)}.i686"

    for package, release in (
        ("kernel", plain),
        ("kernel-PAE", f"{plain}.PAE"),
        ("kernel-PAEdebug", f"{plain}.PAEdebug"),
        ("kernel-debug", f"{plain}.debug"),
    ):
        new_kernel = f"/sbin/new-kernel-pkg --package {package} "
        assert f"{new_kernel}--install {release} " in found[package, "POSTIN"]
        assert f"{new_kernel}--mkinitrd --dracut --depmod --update {release} " in found[package, "POSTTRANS"]
        assert f"--remove {release} " in found[package, "PREUN"]
    assert "DEFAULTKERNEL=kernel-PAE/" in found["kernel-PAE", "POSTIN"]
    assert "DEFAULTKERNEL" not in found["kernel-debug", "POSTIN"]  # nobody wants that by accident


def test_services_and_groups_of_qemu(tmp_path: Path) -> None:
    found = scriptlets(QEMU, tmp_path, "x86_64")

    assert "groupadd -g 36 -r kvm" in found["qemu-common", "POSTIN"]
    assert "chkconfig --add ksm" in found["qemu-common", "POSTIN"]
    assert "chkconfig --add qemu" in found["qemu-user", "POSTIN"]
    assert "chkconfig --del qemu" in found["qemu-user", "PREUN"]
    assert "kvm.modules" in found["qemu-system-x86", "POSTIN"]


@pytest.mark.parametrize(
    "script",
    sorted(p.relative_to(CHECKOUT).as_posix() for p in (CHECKOUT / "specs/f13").glob("*/*[.-]*")),
)
def test_shell_files_are_shell(script: str) -> None:
    path = CHECKOUT / script
    if path.suffix in (".sh", ".init", ".modules"):
        assert run(["sh", "-n", path]).stderr == b""
        assert path.stat().st_mode & 0o111 == 0o111
    else:
        assert not path.read_bytes().startswith(b"#!")


def test_programs_of_other_processors_are_known_by_their_elf_header(tmp_path: Path) -> None:
    init = tmp_path / "qemu.init"
    text = (QEMU.parent / "qemu.init").read_text()
    init.write_text(text.replace(". /etc/rc.d/init.d/functions\n", ""))

    rules = run(["sh", init, "rules"], env={"PATH": rpm_env(tmp_path)["PATH"]}).stdout.decode().splitlines()

    by_name = {rule.split(":")[1]: rule for rule in rules}
    # ELF machine numbers are 40 for ARM and 4 for the 68000; the latter is big endian.
    assert r"\x7fELF\x01\x01\x01" in by_name["qemu-arm"]
    assert by_name["qemu-arm"].split(":")[4].endswith(r"\x02\x00\x28\x00")
    assert by_name["qemu-m68k"].split(":")[4].endswith(r"\x00\x02\x00\x04")
    assert by_name["qemu-m68k"].endswith(":/usr/bin/qemu-m68k:")
    for rule in rules:
        _, _, kind, offset, magic, mask, _, _ = rule.split(":")
        assert (kind, offset) == ("M", "")
        sizes = [len(re.sub(r"\\x[0-9a-f]{2}", ".", text)) for text in (magic, mask)]
        assert sizes == [20, 20]


# -- vhost: what each half says of the other ------------------------------------------------------------


def test_the_kernel_says_that_it_has_vhost_net_only_if_its_configuration_has(tmp_path: Path) -> None:
    without = rpmspec("-q", "--provides", spec=KERNEL, home=tmp_path).stdout.decode()
    spec = stand_in(tmp_path / "kernel", KERNEL)
    fragment = spec.parent / "config-generic"
    off = "# CONFIG_VHOST_NET is not set\n"
    assert fragment.read_text().count(off) == 1  # where the feature will turn it on
    fragment.write_text(fragment.read_text().replace(off, "CONFIG_VHOST_NET=m\n"))
    having = rpmspec("-q", "--provides", spec=spec, home=tmp_path).stdout.decode()

    elsewhere = rpmspec("-q", "--provides", spec=spec, target="sparc64", home=tmp_path).stdout.decode()

    assert "kernel-vhost-net" not in without
    assert "kernel-vhost-net = 1\n" in having
    assert "kernel-vhost-net" not in elsewhere  # has no menu that would offer it


@pytest.mark.parametrize("switch", ["--with", "--without", None])
def test_vhost_net_is_loaded_at_start_up_only_if_built_so(switch: str | None, tmp_path: Path) -> None:
    switches = (switch, "vhost_default") if switch else ()
    parsed = rpmspec("-P", *switches, spec=QEMU, home=tmp_path).stdout.decode()
    requires = rpmspec("-q", "--requires", *switches, spec=QEMU, home=tmp_path).stdout.decode().split()
    files = parsed[parsed.index("\n%files system-x86\n") : parsed.index("\n%files system-arm\n")]

    on = switch == "--with"  # off is the default
    assert ("/sysconfig/modules/vhost_net.modules" in files) is on
    assert ("/modprobe.d/blacklist-vhost_net.conf" in files) is not on
    assert ("kernel-vhost-net" in requires) is on
    # By version it would be wrong: see the comment in the spec.
    assert "kernel" not in requires


# -- the kernel's configuration -------------------------------------------------------------------------


def merge(*fragments: Path) -> Completed:
    return run(["sh", KERNEL.parent / "merge-config.sh", "i386", *fragments], ok=(0, 1, 2))


def test_the_later_fragment_wins_and_all_of_them_count(tmp_path: Path) -> None:
    folder = stand_in(tmp_path / "kernel", KERNEL).parent
    run(["make", "-s", "-f", "Makefile.config", "VERSION=2.6.33", "configs"], cwd=folder)
    plain, pae, debug = (
        (folder / f"kernel-2.6.33-{kind}.config").read_text().splitlines()
        for kind in ("i686", "i686-PAE", "x86_64-debug")
    )

    assert plain[0] == pae[0] == "# i386"
    assert {"CONFIG_HIGHMEM4G=y", "# CONFIG_HIGHMEM64G is not set"} <= set(plain)
    assert {"CONFIG_HIGHMEM64G=y", "# CONFIG_HIGHMEM4G is not set"} <= set(pae)
    assert "CONFIG_PROVE_LOCKING=y" in debug and "CONFIG_PROVE_LOCKING=y" not in plain
    for lines in (plain, pae, debug):
        assert {"CONFIG_TUN=m", "CONFIG_VIRTIO_NET=m", "CONFIG_KVM=m"} <= set(lines)
        options = [re.sub(r"^# | is not set$|=.*$", "", line) for line in lines[1:]]
        assert len(options) == len(set(options))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("CONFIG_TUN=m\nCONFIG_TUN=y\n", "fragment:2: set twice in this fragment: CONFIG_TUN=y"),
        ("CONFIG_TUN is not set\n", "fragment:1: not an option: CONFIG_TUN is not set"),
        ("CONFIG_TUN=\n", "fragment:1: not an option: CONFIG_TUN="),
    ],
)
def test_a_slip_of_the_pen_in_a_fragment_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    fragment = tmp_path / "fragment"
    fragment.write_text(text)

    merged = merge(fragment)

    assert merged.returncode == 1
    assert complaint in merged.stderr.decode()


@pytest.mark.parametrize("kind", ["debug", "nodebug"])
def test_debugging_has_two_fragments_that_speak_of_the_same_options(kind: str) -> None:
    """An option in one of them only would stay as it is in the other kernel, by upstream's default."""
    other = {"debug": "nodebug", "nodebug": "debug"}[kind]
    options = {
        name: set(re.findall(r"^(?:# )?(CONFIG_\w+)", (KERNEL.parent / f"config-{name}").read_text(), re.M))
        for name in (kind, other)
    }
    # These exist only below another option of the list, or are another allocator's.
    below = {"CONFIG_FAULT_INJECTION_DEBUG_FS", "CONFIG_DEBUG_SLAB", "CONFIG_DEBUG_FORCE_WEAK_PER_CPU"}

    assert options[kind] - options[other] <= below


# -- %prep and %build of a kernel in miniature ----------------------------------------------------------

TREE = "linux-2.6.33"
MAKEFILE = """\
VERSION = 2
PATCHLEVEL = 6
SUBLEVEL = 33
EXTRAVERSION =
RELEASE = $(VERSION).$(PATCHLEVEL).$(SUBLEVEL)$(EXTRAVERSION)
MODLIB = $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)

oldconfig:
\tcp .config .config.new && mv .config.new .config
bzImage:
\tmkdir -p arch/x86/boot include/config
\techo $(RELEASE) > include/config/kernel.release
\techo image > arch/x86/boot/bzImage
\techo symbols | tee System.map > Module.symvers
modules:
\techo module > drivers/tun.ko
modules_install:
\tmkdir -p $(MODLIB)/kernel/drivers
\tcp drivers/tun.ko $(MODLIB)/kernel/drivers
\tln -s /nowhere $(MODLIB)/build
\techo dependencies > $(MODLIB)/modules.dep
mrproper:
\trm -rf .config include/config drivers/*.ko System.map Module.symvers arch/x86/boot
headers_install:
\tmkdir -p $(INSTALL_HDR_PATH)/include/linux
\tcp include/linux/tun.h $(INSTALL_HDR_PATH)/include/linux
firmware_install:
\tcp firmware/card.fw $(INSTALL_FW_PATH)
htmldocs:
"""
PERF = """\
all man:
install:
\tmkdir -p $(DESTDIR)$(prefix)/bin $(DESTDIR)$(prefix)/$(perfexecdir)
\ttouch $(DESTDIR)$(prefix)/bin/perf $(DESTDIR)$(prefix)/$(perfexecdir)/perf-archive
install-man:
\tmkdir -p $(DESTDIR)$(prefix)/share/man/man1
\ttouch $(DESTDIR)$(prefix)/share/man/man1/perf.1
"""


def miniature(folder: Path) -> Path:
    """Write an archive of a tree that has everything the spec touches, and every option that it sets."""
    options = sorted(
        {
            option
            for path in KERNEL.parent.glob("config-*")
            for option in re.findall(r"^CONFIG_(\w+)=", path.read_text(), re.M)
        }
    )
    for name, text in {
        "Makefile": MAKEFILE,
        "Kconfig": "".join(f"config {option}\n\ttristate\n" for option in options),
        "drivers/Makefile": "obj-m := tun.o\n",
        "include/linux/tun.h": "#define TUN 1\n",
        "arch/x86/include/asm/io.h": "#define IO 1\n",
        "scripts/mkversion": "echo\n",
        "firmware/card.fw": "firmware\n",
        "firmware/WHENCE": "card.fw: ours\n",
        "tools/perf/Makefile": PERF,
        "tools/perf/design.txt": "perf\n",
        "Documentation/00-INDEX": "build-notes.txt\n",
    }.items():
        path = folder / TREE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    archive = folder / f"{TREE}.tar.bz2"
    run(["tar", "-cf", archive, TREE], cwd=folder)
    return archive


def kernel_prep(spec: Path, archive: Path, workdir: Path, target: str = "x86_64") -> PrepResult:
    sources = {path.name: path for path in spec.parent.iterdir() if path != spec}
    return run_prep(
        spec, {**sources, f"{TREE}.tar.bz2": archive}, workdir=workdir, defines=DIST, target=target
    )


def apply_also(spec: Path, file: str, *, declare: bool) -> None:
    """Add a patch to the virt group, as a person would who forgets half of it if ``declare`` is false."""
    text = spec.read_text().replace("# Assorted Virt Fixes\n", f"# Assorted Virt Fixes\nApplyPatch {file}\n")
    if declare:
        text = text.replace("# virt + ksm patches\n", f"# virt + ksm patches\nPatch1549: {file}\n")
    spec.write_text(text)


NEW_FILE = "--- /dev/null\n+++ b/drivers/vhost/Makefile\n@@ -0,0 +1 @@\n+obj-m += vhost_net.o\n"


def test_prep_refuses_a_patch_that_is_applied_and_not_declared(tmp_path: Path) -> None:
    spec = stand_in(tmp_path / "kernel", KERNEL)
    (spec.parent / "vhost.patch").write_text(NEW_FILE)
    apply_also(spec, "vhost.patch", declare=False)

    result = kernel_prep(spec, miniature(tmp_path), tmp_path / "top")

    assert not result.ok
    assert "ApplyPatch: vhost.patch is applied, but no PatchN line declares it" in result.log


def test_a_compressed_patch_is_unpacked_on_the_way(tmp_path: Path) -> None:
    spec = stand_in(tmp_path / "kernel", KERNEL)
    (spec.parent / "vhost.patch.bz2").write_bytes(bz2.compress(NEW_FILE.encode()))
    apply_also(spec, "vhost.patch.bz2", declare=True)

    result = kernel_prep(spec, miniature(tmp_path), tmp_path / "top")

    assert result.ok and result.tree, result.log
    assert (result.tree / "drivers/vhost/Makefile").read_text() == "obj-m += vhost_net.o\n"
    assert (result.tree / "Documentation/fedora/build-notes.txt").is_file()


def test_an_option_that_no_patch_brought_stops_the_build(tmp_path: Path) -> None:
    """Kconfig itself drops it without a word, and the kernel goes out without the driver."""
    spec = stand_in(tmp_path / "kernel", KERNEL)
    archive = miniature(tmp_path)
    fragment = spec.parent / "config-generic"
    fragment.write_text(fragment.read_text().replace("# CONFIG_VHOST_NET is not set", "CONFIG_VHOST_NET=m"))

    result = kernel_prep(spec, archive, tmp_path / "top")

    assert not result.ok
    assert "CONFIG_VHOST_NET=m: no Kconfig file declares it" in result.log


def test_all_packages_of_the_kernel_come_out_of_a_build(tmp_path: Path) -> None:
    """%build, %install and %files on a tree in miniature: what is installed is packaged, under one name."""
    spec = stand_in(tmp_path / "kernel", KERNEL)
    shutil.copyfile(miniature(tmp_path), spec.parent / f"{TREE}.tar.bz2")
    top = tmp_path / "top"
    defines = {**DIST, "_topdir": str(top), "_sourcedir": str(spec.parent), "_specdir": str(spec.parent)}
    defines["_binary_payload"] = "w1.gzdio"  # nobody reads it
    words = [w for name, value in defines.items() for w in ("--define", f"{name} {value}")]

    built = run(
        ["rpmbuild", "-bb", "--nodeps", "--target", "x86_64", "--without", "debuginfo", *words, spec],
        env=rpm_env(tmp_path),
        ok=(0, 1),
    )

    assert built.returncode == 0, built.stderr.decode()[-3000:]
    rpms = {path.name.rsplit("-", 2)[0]: path for path in top.glob("RPMS/*/*.rpm")}
    assert set(rpms) == KERNEL_EVERYWHERE | KERNEL_DEBUG | {"kernel-doc"}

    def files(package: str) -> set[str]:
        return set(run(["rpm", "-qpl", rpms[package]], env=rpm_env(tmp_path)).stdout.decode().splitlines())

    plain = f"{version_release(KERNEL)}.x86_64"
    for package, release in (("kernel", plain), ("kernel-debug", f"{plain}.debug")):
        assert {
            f"/boot/vmlinuz-{release}",
            f"/boot/initramfs-{release}.img",
            f"/boot/config-{release}",
            f"/lib/modules/{release}/kernel/drivers/tun.ko",
            f"/lib/modules/{release}/build",
        } <= files(package)
        assert f"/lib/modules/{release}/modules.dep" not in files(package)  # depmod's, on the machine
        devel = f"/usr/src/kernels/{release}"
        assert {f"{devel}/.config", f"{devel}/arch/x86/include/asm/io.h"} <= files(f"{package}-devel")
    assert "/usr/include/linux/tun.h" in files("kernel-headers")
    assert "/usr/share/doc/kernel-doc-2.6.33/Documentation/fedora/virt-networking.txt" in files("kernel-doc")


# -- %prep of the real ones -----------------------------------------------------------------------------


@pytest.mark.upstream
@TARGETS
def test_prep_of_the_real_kernel(target: str, upstream_kernel: Path, tmp_path: Path) -> None:
    archive = tmp_path / f"{TREE}.tar.bz2"
    source_archive(upstream_kernel, "v2.6.33", TREE, archive)

    result = kernel_prep(KERNEL, archive, tmp_path / "top", target)

    assert result.ok and result.tree, result.log[-3000:]
    assert "with fuzz" not in result.log
    variants = {"x86_64": ("", "-debug"), "i686": ("", "-PAE", "-PAEdebug", "-debug")}[target]
    configs = {path.name for path in (result.tree / "configs").glob("kernel-*.config")}
    assert configs == {f"kernel-2.6.33-{target}{variant}.config" for variant in variants}
    # oldconfig ran, and every option of the fragments came out as it was asked for.
    assert "oldconfig does not run here" not in result.log
    assert "note: asked for" not in result.log
    assert not list(result.tree.rglob("*.orig"))


@pytest.mark.upstream
def test_prep_of_the_real_qemu_kvm(upstream_qemu_kvm: Path, tmp_path: Path) -> None:
    archive = tmp_path / "qemu-kvm-0.12.3.tar.gz"
    source_archive(upstream_qemu_kvm, "qemu-kvm-0.12.3", "qemu-kvm-0.12.3", archive)
    sources = {path.name: path for path in QEMU.parent.iterdir() if path != QEMU}

    result = run_prep(
        QEMU, {**sources, archive.name: archive}, workdir=tmp_path / "top", defines=DIST, target="x86_64"
    )

    assert result.ok and result.tree, result.log[-3000:]
    assert (result.tree / "README.fedora").is_file()
    assert not (result.tree / "pc-bios/bios.bin").exists()
