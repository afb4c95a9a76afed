"""A machine's command line, as a value. What is odd about qemu stands here, with the reason."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from pathlib import Path

from fedvhost.inside.guest import EMULATED

QEMU = "qemu-system-x86_64"
# `panic=-1` with `-no-reboot` ends qemu at a panic; the mitigations only cost time in here; nobody waits
# for entropy.
COMMAND_LINE = "console=ttyS0 panic=-1 mitigations=off random.trust_cpu=on oops=panic"
# With two emulated processors a kernel does not trust their time-stamp counters, though for qemu they are
# one, and asks a device in their place: each look at the time would leave the emulated code.
EMULATED_COMMAND_LINE = f"{COMMAND_LINE} tsc=reliable"


class Accelerator(enum.Enum):
    """What executes the test host's instructions."""

    KVM = "kvm"
    TCG = "tcg"


@dataclass(frozen=True, slots=True)
class Machine:
    """A test host: what it boots, and where its serial lines go (``console``: the kernel's log)."""

    accelerator: Accelerator
    kernel: str
    initrd: str = ""
    console: Path = Path(os.devnull)
    results: Path = Path(os.devnull)
    command_line: str = COMMAND_LINE
    memory: int = 1024
    cpus: int = 2

    @property
    def said(self) -> Path:
        """Where qemu's own words go."""
        return self.console.with_suffix(".qemu")


def argv(machine: Machine) -> tuple[str, ...]:
    """The command that starts ``machine``; memory is in MiB."""
    return (
        QEMU,
        *_ACCELERATION[machine.accelerator],
        # The HPET is slow to emulate, and the kernel takes its time to calibrate against it.
        *("-M", "pc,hpet=off"),
        *("-smp", str(machine.cpus), "-m", str(machine.memory)),
        # Nothing but what is named here: no display, no network, no file in a home folder.
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-nic", "none"),
        *("-kernel", machine.kernel, "-initrd", machine.initrd, "-append", machine.command_line),
        *("-serial", f"file:{machine.console}", "-serial", f"file:{machine.results}"),
    )


_ACCELERATION = {
    Accelerator.KVM: ("-accel", "kvm", "-cpu", "host"),
    # svm: TCG emulates AMD's virtualization, nested paging included, so that real KVM runs inside.
    Accelerator.TCG: ("-accel", "tcg,thread=multi", "-cpu", f"{EMULATED},+svm"),
}
