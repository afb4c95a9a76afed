"""Guests where KVM cannot be had in the test host: under TCG, restored from a snapshot.

To boot one there takes minutes (emulation in emulation). So it is booted outside, stopped, and its state is
brought along (``fedvhost.guests.snapshot``); what is decided here is which guests that can be done for.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fedvhost.inside.guest import GuestSpec

# linux/kvm.h: _IO(KVMIO, 0x01)
_KVM_CREATE_VM = 0xAE01
# The model whose state can be restored on a tap with vhost.
_MODEL = "virtio-net-pci"


@dataclass(frozen=True, slots=True)
class Guests:
    """How guests are run: under "kvm", under "tcg", or ("") as KVM works or does not; ``because``: why.

    ``without`` names guests that have no snapshot, each with the reason.
    """

    accelerator: str = ""
    because: str = ""
    without: Mapping[str, str] = field(default_factory=dict)


# Nobody has said anything.
FREE = Guests()


def settle(wanted: Guests, trouble: str) -> Guests:
    """How guests are run in a test host whose KVM does not work because of ``trouble`` (empty: it works)."""
    if wanted.accelerator == "tcg":
        return wanted
    if trouble:
        return dataclasses.replace(wanted, accelerator="", because=trouble)
    because = wanted.because or "a virtual machine could be made in this test host"
    return dataclasses.replace(wanted, accelerator="kvm", because=because)


def state_file(name: str) -> str:
    """Where the test host has the snapshot of a guest."""
    return f"/guest/{name}.state"


def emulated(spec: GuestSpec) -> GuestSpec:
    """The same guest under TCG."""
    return dataclasses.replace(spec, accelerator="tcg")


def restored(spec: GuestSpec) -> GuestSpec:
    """The same guest under TCG, from its snapshot."""
    return dataclasses.replace(spec, accelerator="tcg", state=state_file(spec.name))


def no_snapshot(spec: GuestSpec) -> str:
    """Why no snapshot of a guest can be restored in a test host; empty if one can be.

    The devices of a snapshot must be those of the guest that it is restored in, and on the outside there is
    nothing that a device could be connected to.
    """
    if spec.arguments:
        return f"guest '{spec.name}' has devices that are connected to something in the test host"
    other = sorted({c.model for c in spec.cards} - {_MODEL})
    if other:
        return f"guest '{spec.name}' has a card '{other[0]}'; only snapshots with {_MODEL} are made"
    return ""


def no_kvm(device: Path = Path("/dev/kvm")) -> str:
    """Try to make a virtual machine: why that does not work, empty if it does.

    The device alone says little: the processor's virtualization is turned on with the first machine.
    """
    if not device.exists():
        return "no KVM in this test host (neither kvm-amd nor kvm-intel works in it)"
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.close(fcntl.ioctl(descriptor, _KVM_CREATE_VM, 0))
        finally:
            os.close(descriptor)
    except OSError as error:
        return f"KVM in this test host makes no virtual machine: {error.strerror}"
    return ""
