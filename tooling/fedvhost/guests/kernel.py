"""Where the kernel of a test host comes from. It is unpacked, never installed.

A distribution's kernel is fetched once by the distribution's own program, and kept in the cache; others are
what ``fedvhost build`` made (an RPM), or a file and a folder that a person names.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fedvhost import process
from fedvhost.errors import InputError, ToolError

# The smallest that has vhost_net, tun, virtio and KVM in it.
DEBIAN = "linux-image-cloud-amd64"
# The one with drivers for e1000, rtl8139 and other hardware: 70 MB.
DEBIAN_COMPLETE = "linux-image-amd64"
FEDORA = ("kernel-core", "kernel-modules", "kernel-modules-core")
# Downloads: 27 MB (Debian), about 90 MB (Fedora).
_FETCH_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel image, the folder of its modules (``…/lib/modules/<release>``), and whence they came; ``nvr``
    is that of the build, of a kernel out of an RPM."""

    release: str
    image: Path
    modules: Path
    origin: str
    nvr: str = ""


def given(image: Path, modules: Path) -> Kernel:
    """The kernel that a person names: an image, and ``lib/modules/<release>`` or a folder above it.

    Raises:
        InputError: one of them is not there, or it is not clear which release's modules are meant.
    """
    if not image.is_file():
        raise InputError(f"--kernel '{image}': no such file")
    folder = _modules_under(modules)
    if folder is None:
        raise InputError(
            f"--modules '{modules}': neither a lib/modules/<release> folder nor a folder with exactly one; "
            "'make INSTALL_MOD_PATH=DIR modules_install' makes one"
        )
    return Kernel(folder.name, image, folder, f"{image.name}, given with --kernel")


def from_rpms(files: tuple[Path, ...], cache: Path) -> Kernel:
    """The kernel in RPM files (the image may be in one and the modules in another).

    Raises:
        InputError: a file is missing, or there is no kernel with modules in them.
        ToolError: rpm2cpio or cpio is missing or failed.
    """
    for file in files:
        if not file.is_file():
            raise InputError(f"--kernel-rpm '{file}': no such file")
    key = hashlib.sha256(b"".join(hashlib.sha256(f.read_bytes()).digest() for f in files)).hexdigest()[:16]
    folder = _once(cache / "kernels" / f"rpm-{key}", lambda into: _unpack_rpms(files, into))
    kernel = _in_tree(folder, ", ".join(f.name for f in files))
    if kernel is None:
        names = ", ".join(str(f) for f in files)
        raise InputError(
            f"--kernel-rpm {names}: no kernel with modules in it; a Fedora kernel of today is in "
            "kernel-core and kernel-modules-core: give each with a --kernel-rpm of its own"
        )
    return dataclasses.replace(kernel, nvr=_nvr(files[0]))


def of_distribution(cache: Path, *, refresh: bool = False, complete: bool = False) -> Kernel:
    """The distribution's current kernel, fetched if none is in the cache yet (or with ``refresh``).

    ``complete``: one with drivers for real cards; the smaller one is for virtual machines only.

    Raises:
        ToolError: neither apt-get nor dnf is here, or the download failed.
    """
    pointer = cache / "kernels" / ("distribution-complete" if complete else "distribution")
    if not refresh and pointer.is_file():
        kernel = _in_tree(cache / "kernels" / pointer.read_text().strip(), "")
        if kernel is not None:
            return Kernel(kernel.release, kernel.image, kernel.modules, f"distribution: {kernel.release}")
    if process.which("apt-get"):
        name = _fetch_debian(cache, DEBIAN_COMPLETE if complete else DEBIAN)
    else:
        name = _fetch_fedora(cache)
    pointer.write_text(f"{name}\n")
    kernel = _in_tree(cache / "kernels" / name, "")
    if kernel is None:
        raise ToolError(f"package '{name}' was fetched, and there is no kernel with modules in it")
    return Kernel(kernel.release, kernel.image, kernel.modules, f"distribution: {kernel.release}")


def _fetch_debian(cache: Path, name: str) -> str:
    said = process.run(["apt-cache", "depends", name], env=_environment()).stdout.decode()
    found = re.search(r"Depends: (linux-image-\S+)", said)
    if found is None:
        raise ToolError(f"apt knows no package '{name}'; run: apt-get update")
    package = found.group(1)

    def fetch(into: Path) -> None:
        process.run(["apt-get", "download", package], cwd=into, env=_environment(), timeout=_FETCH_SECONDS)
        archive = next(into.glob("*.deb"))
        process.run(["dpkg", "-x", archive, into], timeout=_FETCH_SECONDS)
        archive.unlink()

    _once(cache / "kernels" / package, fetch)
    return package


def _fetch_fedora(cache: Path) -> str:
    query = ["dnf", "repoquery", "--latest-limit=1", "--qf", "%{version}-%{release}.%{arch}\n", FEDORA[0]]
    release = process.run(query, timeout=_FETCH_SECONDS).stdout.decode().split()[-1]

    def fetch(into: Path) -> None:
        names = [f"{name}-{release}" for name in FEDORA]
        process.run(["dnf", "download", *names], cwd=into, timeout=_FETCH_SECONDS)
        rpms = tuple(into.glob("*.rpm"))
        _unpack_rpms(rpms, into)
        for rpm in rpms:
            rpm.unlink()

    _once(cache / "kernels" / f"kernel-{release}", fetch)
    return f"kernel-{release}"


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}


def _unpack_rpms(files: tuple[Path, ...], into: Path) -> None:
    for file in files:
        archive = process.run(["rpm2cpio", file.absolute()]).stdout
        process.run(["cpio", "-idm", "--quiet", "--no-absolute-filenames"], cwd=into, stdin=archive)


def _nvr(file: Path) -> str:
    """The name, version and release of the source package that a package was built of."""
    query = ["rpm", "-qp", "--nosignature", "--nodigest", "--qf", "%{SOURCERPM}", str(file)]
    return process.run(query).stdout.decode().removesuffix(".src.rpm").removesuffix(".nosrc.rpm")


def _once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return ``folder``, made by ``make`` in a temporary place beside it if it is not there yet."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        make(temporary)
        if not folder.is_dir():
            temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _modules_under(folder: Path) -> Path | None:
    if (folder / "kernel").is_dir():
        return folder
    for below in (folder / "lib" / "modules", folder / "usr" / "lib" / "modules", folder):
        found = [d for d in below.glob("*") if (d / "kernel").is_dir()]
        if len(found) == 1:
            return found[0]
    return None


def _in_tree(root: Path, origin: str) -> Kernel | None:
    modules = _modules_under(root)
    if modules is None:
        return None
    release = modules.name
    for image in (root / "boot" / f"vmlinuz-{release}", modules / "vmlinuz"):
        if image.is_file():
            return Kernel(release, image, modules, origin)
    return None
