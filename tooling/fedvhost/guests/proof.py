"""Which accelerator works here: the one under which a kernel was seen to reach user space.

``/dev/kvm`` may be there, make virtual machines, and still not boot a kernel (nested virtualization is often
like that). So it is tried; the outcome is remembered for an hour, for this boot of the machine.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from fedvhost.guests import userland
from fedvhost.guests.cpio import character, file, folder
from fedvhost.guests.image import overlay
from fedvhost.guests.machine import QEMU, Accelerator, Machine
from fedvhost.guests.place import Place, There
from fedvhost.guests.running import HERE, joined, run_host
from fedvhost.workspace import write_atomic

# Under working KVM user space is reached in about one second.
PROOF_SECONDS = 8.0
_REMEMBERED = 3600.0
_WORD = '{"kind": "end"}'
_INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t devtmpfs devtmpfs /dev
echo '{_WORD}' >/dev/ttyS1
/bin/busybox sleep 1
/bin/busybox reboot -f
"""


@dataclass(frozen=True, slots=True)
class Proven:
    """The accelerator to use, and why that one."""

    accelerator: Accelerator
    because: str


def prove(
    cache: Path, kernel: Path, scratch: Path, *, guests: bool, device: Path = Path("/dev/kvm")
) -> Proven:
    """Choose an accelerator for a test host on ``kernel``; ``guests``: it must be able to run guests too.

    ``scratch`` is a folder for the logs of the trial. TCG is what is left, and needs no proof: if it fails,
    the test host never speaks, and no row is decided.
    """
    if not device.exists():
        return Proven(Accelerator.TCG, f"there is no {device} here")
    if not os.access(device, os.R_OK | os.W_OK):
        return Proven(Accelerator.TCG, f"{device} is here, and may not be opened by user {os.getuid()}")
    if guests and not _nested():
        return Proven(Accelerator.TCG, "KVM here lends no virtualization to its guests (nested=0)")
    trial = _remembered(cache, kernel)
    if trial is None:
        trial = _try(kernel, scratch)
        _remember(cache, kernel, trial)
    if trial:
        return Proven(Accelerator.TCG, f"{device} is here, and does not boot a kernel: {trial}")
    return Proven(Accelerator.KVM, f"{device} booted this kernel")


def prove_there(there: There, kernel: Path, scratch: Path, *, guests: bool) -> Proven:
    """The same on another machine. Nothing is remembered of it.

    Raises:
        ToolError: it cannot be reached, or has no qemu.
    """
    if not there.nested() and guests:
        because = f"KVM on '{there.host}' lends no virtualization to its guests (nested=0), or is not there"
        return Proven(Accelerator.TCG, because)
    if trial := _try(kernel, scratch, there):
        return Proven(Accelerator.TCG, f"KVM on '{there.host}' does not boot a kernel: {trial}")
    return Proven(Accelerator.KVM, f"KVM on '{there.host}' booted this kernel")


def _try(kernel: Path, scratch: Path, on: Place = HERE) -> str:
    """Boot ``kernel`` under KVM to its first program; why that failed, empty if it did not."""
    scratch.mkdir(parents=True, exist_ok=True)
    archive = overlay(
        [
            file("/init", _INIT.encode(), executable=True),
            file("/bin/busybox", userland.locate("busybox"), executable=True),
            character("/dev/console", 5, 1),
            folder("/dev"),
        ]
    )
    with joined([archive]) as descriptor:
        machine = Machine(
            Accelerator.KVM, str(kernel), f"/proc/self/fd/{descriptor}", scratch / "console.log",
            scratch / "results.jsonl", memory=256, cpus=1,
        )  # fmt: skip
        return run_host(machine, [descriptor], PROOF_SECONDS, lambda _: None, on=on).trouble


def _nested() -> bool:
    for module in ("kvm_intel", "kvm_amd"):
        switch = Path(f"/sys/module/{module}/parameters/nested")
        if switch.is_file():
            return switch.read_text().strip() in ("Y", "1")
    return False


def _about(kernel: Path) -> str:
    """What the outcome depends on: this boot of the machine, this qemu, this kernel."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    qemu = userland.locate(QEMU).stat().st_mtime_ns
    return f"{boot} {qemu} {kernel.name}"


def _remembered(cache: Path, kernel: Path) -> str | None:
    try:
        known = json.loads((cache / "kvm-proof.json").read_text())
        fits = known["about"] == _about(kernel) and 0 <= time.time() - known["time"] < _REMEMBERED
        return str(known["trouble"]) if fits else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(cache: Path, kernel: Path, trouble: str) -> None:
    content = {"about": _about(kernel), "time": time.time(), "trouble": trouble}
    write_atomic(cache / "kvm-proof.json", json.dumps(content).encode())
