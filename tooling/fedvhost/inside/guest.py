"""A guest: what it is made of, as a value; starting it, asking it, ending it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qemu.qmp import QMPError

from fedvhost.inside.agent import Agent
from fedvhost.inside.command import ip, run, start
from fedvhost.inside.modules import workers
from fedvhost.inside.qmp import Monitor

QEMU = "qemu-system-x86_64"
KERNEL, INITRD = "/guest/kernel", "/guest/initrd"
VHOST_DEVICE = "/dev/vhost-net"
# pci=noearly: each boot would look for AGP bridges twice, slot by slot, and each look leaves the guest: 6 s.
COMMAND_LINE = "console=ttyS0 panic=-1 mitigations=off random.trust_cpu=on quiet net.ifnames=0 pci=noearly"
# An emulated processor. la57: five-level page tables cost a level in each walk. erms: it promises that copies
# byte by byte are fast, programs and kernels use them for all memory then, and they are emulated byte by byte
# (a migration took three times as long).
EMULATED = "max,la57=off,-erms"
# Cold boots under KVM under TCG took 6 s each; several at once, on a busy machine, take longer.
BOOT_SECONDS = 90.0

# __SO_ACCEPTCON of linux/net.h, in the flags of /proc/net/unix.
_ACCEPTS = 0x10000
# More than any guest has, since cards that were taken away and came back may get new numbers.
_INTERFACES = 16


@dataclass(frozen=True, slots=True)
class Card:
    """A network card. ``vhost``: "on", "off", "fd" (handed over), or "" (not said: the default).

    ``device`` and ``netdev`` are more properties of the two, as on the command line: ``mrg_rxbuf=off``.
    ``bridge``: the tap is put into this bridge, and has no address of its own.
    """

    vhost: str = "on"
    model: str = "virtio-net-pci"
    device: tuple[str, ...] = ()
    netdev: tuple[str, ...] = ()
    mtu: int = 1500
    bridge: str = ""


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """A guest. ``number`` (1 to 99) makes its addresses and names unique in the test host; ``memory`` is in
    MiB; ``arguments`` end its command line.

    ``identity``: the number of the guest whose addresses this one has: where that one migrates to.
    ``kernel``: start a kernel; without it the firmware looks for something to boot.
    ``state``: a file to restore it from, in place of a boot.
    """

    name: str
    number: int
    cards: tuple[Card, ...] = (Card(),)
    memory: int = 224
    cpus: int = 1
    arguments: tuple[str, ...] = ()
    accelerator: str = "kvm"
    identity: int = 0
    kernel: bool = True
    state: str = ""

    def tap(self, card: int = 0) -> str:
        """The tap of a card."""
        return f"g{self.number}c{card}"

    def mac(self, card: int = 0) -> str:
        """The address of a card on the link."""
        return f"52:54:00:00:{self.identity or self.number:02x}:{card:02x}"

    def host_mac(self, card: int = 0) -> str:
        """The address of the test host's bridge on the link of a card."""
        return f"52:54:00:01:{self.identity or self.number:02x}:{card:02x}"

    def host_address(self, card: int = 0) -> str:
        """The test host's IPv4 address on the link of a card (/24)."""
        return f"10.{self.identity or self.number}.{card}.1"

    def address(self, card: int = 0) -> str:
        """The guest's IPv4 address on a card (/24)."""
        return f"10.{self.identity or self.number}.{card}.2"


def argv(spec: GuestSpec, folder: str, vhost_fds: Mapping[int, int]) -> tuple[str, ...]:
    """The command that starts a guest; its sockets and logs are in ``folder``."""
    cpu = "host" if spec.accelerator == "kvm" else EMULATED
    words = [
        *(QEMU, "-name", spec.name, "-accel", spec.accelerator, "-cpu", cpu, "-M", "pc,hpet=off"),
        *("-m", str(spec.memory), "-smp", str(spec.cpus)),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *(("-kernel", KERNEL, "-initrd", INITRD, "-append", COMMAND_LINE) if spec.kernel else ()),
        *("-serial", f"file:{folder}/console"),
        *("-qmp", f"unix:{folder}/qmp,server=on,wait=off"),
        *("-chardev", f"socket,id=agent,path={folder}/agent,server=on,wait=off"),
        *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,name=fedvhost.agent"),
    ]
    for index, card in enumerate(spec.cards):
        netdev = [f"tap,id=n{index},ifname={spec.tap(index)},script=no,downscript=no", *card.netdev]
        if card.vhost == "fd":
            netdev += ["vhost=on", f"vhostfd={vhost_fds[index]}"]
        elif card.vhost:
            netdev.append(f"vhost={card.vhost}")
        device = [card.model, f"netdev=n{index}", f"id=card{index}", f"mac={spec.mac(index)}", *card.device]
        if spec.accelerator == "tcg" and card.model.startswith("virtio"):
            # qemu offers it, vhost may not: a snapshot whose driver took it could not be restored with vhost.
            device.append("queue_reset=off")
        if spec.kernel and "romfile" not in str(card.device):
            # The firmware would start the card's boot ROM, card by card, for nothing.
            device.append("romfile=")
        words += ["-netdev", ",".join(netdev), "-device", ",".join(device)]
    if spec.state:
        words += ["-incoming", f"exec:cat {spec.state}"]
    return (*words, *spec.arguments)


class Guest:
    """A guest that was started. ``ready`` waits until it can be asked."""

    def __init__(self, spec: GuestSpec, root: str = "/run/guests", *, again: bool = False) -> None:
        self.spec, self.folder = spec, f"{root}/{spec.name}"
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        for name in ("qmp", "agent"):
            Path(self.folder, name).unlink(missing_ok=True)
        _make_taps(spec)
        fds = {i: os.open(VHOST_DEVICE, os.O_RDWR) for i, c in enumerate(spec.cards) if c.vhost == "fd"}
        try:
            self._process: subprocess.Popen[bytes] = start(
                argv(spec, self.folder, fds), f"{self.folder}/qemu", tuple(fds.values())
            )
        finally:
            for descriptor in fds.values():
                os.close(descriptor)
        self.agent = Agent(f"{self.folder}/agent")
        self._monitor: Monitor | None = None
        self._ready = False
        # It was started once more already.
        self.again = again
        self.started = time.monotonic()
        self.boot_seconds = 0.0

    @property
    def pid(self) -> int:
        """qemu's process id."""
        return self._process.pid

    @property
    def monitor(self) -> Monitor:
        """qemu's monitor."""
        if self._monitor is None:
            self._wait_for("qmp", time.monotonic() + 20.0)
            self._monitor = Monitor(f"{self.folder}/qmp")
        return self._monitor

    def ready(self, seconds: float = BOOT_SECONDS) -> Guest:
        """Wait until the agent answers, give the cards their addresses, and return the guest.

        Raises:
            ConnectionError: qemu ended; the message has its last words. TimeoutError: not in time.
        """
        if not self._ready:
            end = self.started + seconds
            self._wait_for("agent", end)
            if self.spec.state:
                self._resume(end)
            try:
                self.agent.ask("read", "/proc/uptime", seconds=max(end - time.monotonic(), 1.0))
            except (ConnectionError, BrokenPipeError) as error:
                raise ConnectionError(f"guest '{self.spec.name}' ended: {self.last_words()}") from error
            self.boot_seconds = time.monotonic() - self.started
            self._ready = True
            if not self.spec.state:
                self.configure()
        return self

    def arrived(self) -> None:
        """It came here by migration: boot and addresses lie behind it."""
        self._ready = True

    def configure(self) -> None:
        """Give each card its address; again after cards were taken away, or addresses with a driver."""
        give_addresses(self.agent, self.spec)

    def interface(self, card: int = 0) -> str:
        """The guest's name of a card.

        Raises:
            RuntimeError: the guest has no such card (its driver did not load).
        """
        return _interface(self.agent, self.spec, card)

    def virtio(self, card: int = 0) -> Mapping[str, Any]:
        """What qemu says of a virtio card: ``x-query-virtio-status`` (``vhost-started`` and more)."""
        for device in self.monitor.execute("x-query-virtio"):
            if f"/card{card}/" in f"{device['path']}/":
                status: Mapping[str, Any] = self.monitor.execute(
                    "x-query-virtio-status", {"path": device["path"]}
                )
                return status
        raise RuntimeError(f"qemu lists no virtio device for card {card}")

    def worker_ticks(self) -> int | None:
        """CPU time of the guest's vhost workers, in ticks; None if it has none."""
        found = workers(self.pid)
        return sum(found.values()) if found else None

    def alive(self) -> bool:
        """Whether qemu runs."""
        return self._process.poll() is None

    def reset_while_booting(self) -> bool:
        """Whether its processor was reset before it could be asked: qemu ends then (-no-reboot), with status
        0 and without a word. Seen about once in thirty boots beside others under emulated SVM, with vhost
        on and off; who asks may start it once more, and tells."""
        return not self._ready and not self.again and self._process.poll() == 0

    def lost(self) -> str:
        """How its processor was lost, if it was: reset, which ends qemu with status 0 and without a word, or
        in a state that KVM can do nothing with, which qemu tells."""
        if self.ended(0.0) == 0:
            return "was reset"
        said = Path(self.folder, "qemu")
        gave_up = said.exists() and any(
            w in said.read_bytes() for w in (b"KVM internal error", b"KVM: entry failed")
        )
        return "stopped in a state that KVM does not know" if gave_up else ""

    def ended(self, seconds: float) -> int | None:
        """Wait for qemu's end; its exit status, or None if it still runs."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def last_words(self) -> str:
        """qemu's last line, or the last of the guest's console."""
        for name in ("qemu", "console"):
            path = Path(self.folder, name)
            lines = path.read_text(errors="replace").strip().splitlines() if path.exists() else []
            if lines:
                return lines[-1]
        return "nothing was said"

    def logs(self) -> Sequence[tuple[str, bytes]]:
        """What qemu and the guest's console said: names and contents."""
        files = [Path(self.folder, name) for name in ("qemu", "console")]
        return [(f"{self.spec.name}.{f.name}", f.read_bytes()[-20000:]) for f in files if f.exists()]

    def stop(self) -> None:
        """End it at once, and remove its taps; safe to call twice."""
        self.agent.close()
        self._process.kill()
        self._process.wait()
        if self._monitor is not None:
            self._monitor.close()
            self._monitor = None
        gone = "".join(f"link del {self.spec.tap(index)}\n" for index in range(len(self.spec.cards)))
        run("ip", "-force", "-batch", "-", given=gone)

    def _resume(self, end: float) -> None:
        """Wait until the state is restored, and let it run.

        Raises:
            ConnectionError: qemu ended, most often because it refused the state. TimeoutError: not in time.
        """
        try:
            left = max(end - time.monotonic(), 1.0)
            status = self.monitor.wait_for("query-status", frozenset({"paused", "running"}), left)
            if status not in ("paused", "running"):
                raise TimeoutError(f"guest '{self.spec.name}' was not restored in time: it is '{status}'")
            self.monitor.execute("cont")
        except QMPError as error:
            raise ConnectionError(
                f"guest '{self.spec.name}' was not restored: {self.last_words()}"
            ) from error

    def _wait_for(self, socket: str, end: float) -> None:
        while not listening(f"{self.folder}/{socket}"):
            if not self.alive():
                raise ConnectionError(f"guest '{self.spec.name}' ended: {self.last_words()}")
            if time.monotonic() > end:
                raise TimeoutError(f"guest '{self.spec.name}': qemu made no socket '{socket}'")
            time.sleep(0.02)


def listening(path: str) -> bool:
    """Whether somebody listens at a socket: its file is there a moment earlier, and to connect is refused."""
    for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
        words = line.split(maxsplit=7)
        if words[7:] == [path] and int(words[3], 16) & _ACCEPTS:
            return True
    return False


def give_addresses(agent: Agent, spec: GuestSpec) -> None:
    """Give each card its address; the guest's eth<n> is found by the card's link address. No program is
    started in the guest: under TCG in TCG that takes half a minute.

    Raises:
        RuntimeError: the guest has no such card (its driver did not load), or refuses.
    """
    for index, card in enumerate(spec.cards):
        done = agent.ask("card", spec.mac(index), str(card.mtu), spec.address(index))
        if done.status:
            raise RuntimeError(f"guest '{spec.name}', card {spec.mac(index)}: {done.said}")


def _interface(agent: Agent, spec: GuestSpec, card: int) -> str:
    for number in range(_INTERFACES):
        name = f"eth{number}"
        done = agent.ask("read", f"/sys/class/net/{name}/address")
        if done.status == 0 and done.said.strip() == spec.mac(card):
            return name
    raise RuntimeError(f"guest '{spec.name}' shows no card {spec.mac(card)}")


def _make_taps(spec: GuestSpec) -> None:
    """Taps that qemu can open, with the test host's addresses on them (or in bridges)."""
    commands: list[str] = []
    bridges: set[str] = set()
    for index, card in enumerate(spec.cards):
        name, address = spec.tap(index), f"{spec.host_address(index)}/24"
        commands += [f"tuntap add {name} mode tap vnet_hdr", f"link set {name} mtu {card.mtu} up"]
        if not card.bridge:
            commands.append(f"addr add {address} dev {name}")
            continue
        if card.bridge not in bridges and not Path("/sys/class/net", card.bridge).exists():
            bridges.add(card.bridge)
            # An address of its own: else it has the lowest of its taps', and another when one comes or goes,
            # as in a migration; the guest goes on sending to the old one, and what is under way stalls.
            commands += [f"link add {card.bridge} address {spec.host_mac(index)} type bridge",
                         f"addr add {address} dev {card.bridge}", f"link set {card.bridge} up"]  # fmt: skip
        commands.append(f"link set {name} master {card.bridge}")
    ip(*commands)
