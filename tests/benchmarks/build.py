"""What `fedvhost build --via rpmbuild` costs on top of rpmbuild, measured in one run.

::

    python tests/benchmarks/build.py [--runs N] [--json]
    python tests/benchmarks/build.py --workspace DIR --package qemu-kvm --with minimal --runs 1

Bare: ``rpmbuild --rebuild``'s two halves by hand, unpacking the source package and ``rpmbuild -bb`` of the
spec in it. With fedvhost: the whole command, which also finds the sources, proves that the spec applies
what the series has, packs the base, makes the source package and keeps record and evidence. The two
alternate; what counts is the median of the differences (goal: under 1 s) and of the ratios (goal: under
1.15 for builds that take seconds and more: the sample's take one).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FEDVHOST = (sys.executable, "-m", "fedvhost")


def timed(*commands: list[str | Path]) -> float:
    """Seconds that the commands take, one after the other; a failure ends the benchmark."""
    start = time.perf_counter()
    for argv in commands:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{argv} ended with exit status {done.returncode}: {done.stderr[-500:]}")
    return time.perf_counter() - start


def sample(top: Path) -> Path:
    """Return the sample's workspace, ready to be built."""
    timed([*FEDVHOST, "-q", "sample", top / "sample"])
    workspace = top / "sample" / "workspace"
    timed([*FEDVHOST, "-C", workspace, "backport", "--release", "f13"])
    return workspace


def measure(
    top: Path, workspace: Path, packages: list[str], options: list[str | Path], runs: int
) -> dict[str, dict[str, float]]:
    """Build each package both ways, in turns."""
    only = [word for name in packages for word in ("--package", name)]
    argv = [*FEDVHOST, "-C", workspace, "build", "--srpm", *only, *options, "--json"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True)
    found = {}
    for package, made in json.loads(said.stdout)["srpms"].items():
        kept = top / f"{package}.src.rpm"
        shutil.copyfile(workspace / made["srpm"], kept)
        bare, ours = [], []
        for run in range(runs):
            topdir = top / f"bare-{package}-{run}"
            define: list[str | Path] = ["--define", f"_topdir {topdir}", "--define", f"_dbpath {topdir}/db"]
            spec = topdir / "SPECS" / ("kernel.spec" if package == "kernel" else "qemu.spec")
            bare.append(
                timed(
                    ["rpm", "-i", *define, kept],
                    ["rpmbuild", "-bb", "--nodeps", *define, "--define", "dist .fc13", *options, spec],
                )
            )
            ours.append(
                timed(
                    [*FEDVHOST, "-C", workspace, "build", "--via", "rpmbuild", "--package", package, *options]
                )
            )
        found[package] = {
            "rpmbuild": statistics.median(bare),
            "fedvhost": statistics.median(ours),
            "difference": statistics.median(o - b for o, b in zip(ours, bare, strict=True)),
            "ratio": statistics.median(o / b for o, b in zip(ours, bare, strict=True)),
        }
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--workspace", type=Path, help="one that was backported (else: the sample's)")
    parser.add_argument("--package", action="append", default=[])
    parser.add_argument("--with", dest="switches", action="append", default=[], metavar="OPTION")
    options = parser.parse_args()
    if options.workspace is None:
        os.environ.pop("FEDVHOST_UPSTREAM_KERNEL", None)
        os.environ.pop("FEDVHOST_UPSTREAM_QEMU_KVM", None)
    switches: list[str | Path] = [word for name in options.switches for word in ("--with", name)]
    with tempfile.TemporaryDirectory(prefix="fedvhost-bench-") as folder:
        workspace = options.workspace or sample(Path(folder))
        found = measure(Path(folder), workspace, options.package, switches, options.runs)
    if options.json:
        print(json.dumps(found, indent=2, sort_keys=True))
        return
    for package, figures in found.items():
        print(
            f"{package:<10} rpmbuild {figures['rpmbuild']:.2f} s   fedvhost build {figures['fedvhost']:.2f} s"
            f"   {figures['difference']:+.2f} s, {figures['ratio']:.2f} times"
        )


if __name__ == "__main__":
    main()
