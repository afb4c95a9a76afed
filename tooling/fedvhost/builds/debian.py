"""BuildRequires on a machine whose packages are not rpm's: what dpkg has of them.

rpm on Debian has a database of its own, which is empty: by it, every BuildRequires is missing. So rpmbuild
is run with ``--nodeps``, and this looks where it can: the names of Fedora's packages in Debian's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedvhost.process import run, which

# Fedora's name → Debian's. Several: each of them is needed. None: Debian has no such thing, and why that
# is no matter or is one.
COUNTERPARTS: Mapping[str, tuple[str, ...]] = {
    "SDL-devel": ("libsdl1.2-dev",),
    "alsa-lib-devel": ("libasound2-dev",),
    "asciidoc": ("asciidoc",),
    "autoconf": ("autoconf",),
    "automake": ("automake",),
    "bash": ("bash",),
    "bc": ("bc",),
    "binutils": ("binutils",),
    "binutils-devel": ("binutils-dev",),
    "bison": ("bison",),
    "bluez-libs-devel": ("libbluetooth-dev",),
    "bzip2": ("bzip2",),
    "curl-devel": ("libcurl4-gnutls-dev",),
    "cyrus-sasl-devel": ("libsasl2-dev",),
    "diffutils": ("diffutils",),
    "elfutils": ("elfutils",),
    "elfutils-devel": ("libdw-dev",),
    "elfutils-libelf-devel": ("libelf-dev",),
    "findutils": ("findutils",),
    "flex": ("flex",),
    "gawk": ("gawk",),
    "gcc": ("gcc",),
    "gettext": ("gettext",),
    "glibc-devel": ("libc6-dev",),
    "glibc-static": ("libc6-dev",),
    "gnutls-devel": ("libgnutls28-dev",),
    "gzip": ("gzip",),
    "kernel-headers": ("linux-libc-dev",),
    "libaio-devel": ("libaio-dev",),
    "libattr-devel": ("libattr1-dev",),
    "libuuid-devel": ("uuid-dev",),
    "make": ("make",),
    "module-init-tools": ("kmod",),
    "ncurses-devel": ("libncurses-dev",),
    "net-tools": ("net-tools",),
    "patch": ("patch",),
    "pciutils-devel": ("libpci-dev",),
    "perl": ("perl",),
    "perl(ExtUtils::Embed)": ("libperl-dev",),
    "pkgconfig": ("pkg-config",),
    "pulseaudio-libs-devel": ("libpulse-dev",),
    "python": ("python3",),
    "python3": ("python3",),
    "rpm-build": ("rpm",),
    "sed": ("sed",),
    "sh-utils": ("coreutils",),
    "tar": ("tar",),
    "texi2html": ("texi2html",),
    "texinfo": ("texinfo",),
    "which": ("debianutils",),
    "xmlto": ("xmlto",),
    "xz": ("xz-utils",),
    "zlib-devel": ("zlib1g-dev",),
    "zlib-static": ("zlib1g-dev",),
}


@dataclass(frozen=True, slots=True)
class Required:
    """BuildRequires, looked for: ``here``, ``missing`` (Fedora's name → the Debian packages that would bring
    it) and ``unknown`` (nobody knows what they are called here)."""

    here: tuple[str, ...]
    missing: Mapping[str, tuple[str, ...]]
    unknown: tuple[str, ...]


def look_for(requires: Sequence[str]) -> Required:
    """Look for BuildRequires as rpm writes them, ``gcc >= 3.4.2``; versions are not compared."""
    names = tuple(dict.fromkeys(_name(r) for r in requires if not r.startswith(("rpmlib(", "config("))))
    known = {n: COUNTERPARTS[n] for n in names if n in COUNTERPARTS}
    have = installed({p for packages in known.values() for p in packages})
    lacking = {n: tuple(p for p in ps if p not in have) for n, ps in known.items()}
    files = {n: Path(n).exists() for n in names if n.startswith("/")}
    here = [n for n in names if (n in known and not lacking[n]) or files.get(n)]
    missing = {n: p for n, p in lacking.items() if p}
    return Required(tuple(here), missing, tuple(n for n in names if n not in here and n not in missing))


def installed(packages: Iterable[str]) -> frozenset[str]:
    """Return which of these Debian packages are installed; none where there is no dpkg."""
    wanted = sorted(packages)
    if not wanted or which("dpkg-query") is None:
        return frozenset()
    argv = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package}\\n", *wanted]
    out = run(argv, ok=(0, 1)).stdout.decode(errors="replace")
    lines = (line.partition(" ") for line in out.splitlines())
    return frozenset(name for status, _, name in lines if status == "installed")


def is_debian() -> bool:
    """Whether this system's own packages are dpkg's."""
    return Path("/etc/debian_version").exists() and which("dpkg-query") is not None


def _name(requirement: str) -> str:
    return re.split(r"\s*[<>=]", requirement, maxsplit=1)[0].strip()
