"""Source packages for the hub: small, of our own, built in a second, wrong where a test wants it."""

from __future__ import annotations

import subprocess
from pathlib import Path

SPEC = """\
Name: {name}
Version: 1.0
Release: {release}%{{?dist}}
Summary: A program that does nothing
License: MIT
{extra}
%description
A program that does nothing.

%prep
%build
{build}
%install
mkdir -p %{{buildroot}}/usr/bin
cp program %{{buildroot}}/usr/bin/{name}

%files
/usr/bin/{name}
"""
COMPILE = "echo 'int main(void) { return 0; }' > program.c\ngcc -o program program.c\n"
BROKEN = "echo 'int main(void) { return nothing; }' > program.c\nmake program\n"


def make_srpm(
    folder: Path, name: str = "tiny", *, release: str = "1", build: str = COMPILE, ballast: int = 0
) -> Path:
    """Write a source package into ``folder``; ``ballast``: bytes of a source that makes it large."""
    sources = folder / "SOURCES"
    sources.mkdir(parents=True, exist_ok=True)
    extra = ""
    if ballast:
        # Nothing that compresses: a pseudo-random sequence, the same every time.
        number, content = 1, bytearray()
        while len(content) < ballast:
            number = (number * 6364136223846793005 + 1442695040888963407) % (1 << 64)
            content += number.to_bytes(8, "little")
        (sources / "ballast").write_bytes(content)
        extra = "Source0: ballast"
    spec = folder / f"{name}.spec"
    spec.write_text(SPEC.format(name=name, release=release, build=build, extra=extra))
    argv = ["rpmbuild", "-bs", "--define", f"_topdir {folder}", "--define", "dist .fc13", str(spec)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "SRPMS" / f"{name}-1.0-{release}.fc13.src.rpm"
