"""What rows are given: the test host, and guests in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from fedvhost.inside.capture import Capture
from fedvhost.inside.channel import Channel
from fedvhost.inside.command import run
from fedvhost.inside.fallback import FREE, Guests, emulated, no_kvm, no_snapshot, restored, settle
from fedvhost.inside.guest import BOOT_SECONDS, Guest, GuestSpec
from fedvhost.inside.guest_specs import SPECS
from fedvhost.inside.modules import VHOST_NET, load, wait_until
from fedvhost.inside.rows import Undecided

KVM = Path("/dev/kvm")
# Seconds to the first row, measured on two quiet processors under TCG; and how slow still is waited for.
_BOOTED, SLOWEST = 8.0, 4.0


class Ground:
    """The test host as the rows of one run share it."""

    def __init__(self, channel: Channel, guests: Guests = FREE, *, processor_emulated: bool = False) -> None:
        self.channel, self.processor_emulated = channel, processor_emulated
        # How guests are run; ``settle`` finds out.
        self.guests = guests
        self._settled = False
        up = float(Path("/proc/uptime").read_text().split()[0])
        # How much slower than alone on its processors this test host is: time limits are stretched by it.
        self.pace = min(max(up / _BOOTED, 1.0), SLOWEST)
        self.spoilt: set[str] = set()
        self._captures: list[Capture] = []
        self._own: list[Guest] = []
        self._guests: dict[str, Guest] = {}
        # Why a guest did not start, for those that could not even be tried.
        self._unstarted: dict[str, str] = {}
        # Why a guest cannot be had in this test host at all.
        self._unavailable: dict[str, str] = {}

    def settle(self) -> Guests:
        """Find out how guests are run here, once."""
        if not self._settled:
            self._settled = True
            vendor = "kvm_amd" if " svm " in Path("/proc/cpuinfo").read_text() else "kvm_intel"
            run("modprobe", vendor)
            wait_until(KVM.exists, 1.0)
            self.guests = settle(self.guests, no_kvm(KVM))
            if self.guests.accelerator == "tcg":
                self.pace = SLOWEST
        return self.guests

    def has_kvm(self) -> bool:
        """Whether guests run under KVM in this test host."""
        return self.settle().accelerator == "kvm"

    def prepare(self, guests: Iterable[str]) -> None:
        """Get ready what rows will ask for: start the guests, all at once."""
        names = tuple(guests)
        if not names:
            return
        self.prepare_kvm()
        for name in names:
            if name not in self._guests:
                self.begin(name)

    def prepare_kvm(self) -> None:
        """Load KVM and vhost_net, as far as they can be."""
        self.settle()
        run("modprobe", "vhost_net")
        wait_until(VHOST_NET.exists, 2.0)

    def begin(self, name: str, spec: GuestSpec | None = None) -> None:
        """Start a guest under this name, by default the one that is known by it; it is not waited for."""
        try:
            self._guests[name] = Guest(self.fitted(spec or SPECS[name]))
        except Undecided as why:
            self._unavailable[name] = str(why)
        except (OSError, RuntimeError) as error:
            self._unstarted[name] = str(error)

    def put(self, name: str, guest: Guest) -> None:
        """From now on this guest has the name; the one before is ended."""
        self.end((name,))
        self._guests[name] = guest

    def running(self, name: str) -> Guest | None:
        """The guest, if it was started and runs."""
        guest = self._guests.get(name)
        return guest if guest is not None and guest.alive() else None

    def own(self, guest: Guest) -> Guest:
        """A guest that the row started itself, and ends."""
        self._own.append(guest)
        return guest

    def lost(self, names: Iterable[str]) -> str:
        """How the processor of one of these guests, or of the row's own, was lost; empty if none was."""
        for guest in (*(self._guests[n] for n in names if n in self._guests), *self._own):
            if how := guest.lost():
                return f"the processor of guest '{guest.spec.name}' {how}"
        return ""

    def end(self, names: Iterable[str]) -> None:
        """End these guests; who asks for one of them gets it anew."""
        for name in tuple(names):
            self._unstarted.pop(name, None)
            self.spoilt.discard(name)
            if name in self._guests:
                self._guests.pop(name).stop()

    def spoil(self, names: Iterable[str]) -> None:
        """These guests are in an unknown state: after this row they are ended."""
        self.spoilt.update(names)

    def fitted(self, spec: GuestSpec, *, boots: bool = True) -> GuestSpec:
        """The guest as it can be run in this test host; without ``boots`` it need not come up.

        Raises:
            Undecided: it cannot be, and why.
        """
        if self.has_kvm():
            return spec
        if not boots:
            return emulated(spec)
        if not self.guests.accelerator:
            raise Undecided(self.guests.because)
        why = self.guests.without.get(spec.name) or no_snapshot(spec)
        snapshot = restored(spec)
        if not why and (SPECS.get(spec.name) != spec or not Path(snapshot.state).exists()):
            why = f"guest '{spec.name}' is not one of those whose snapshots are brought along"
        if why:
            raise Undecided(f"guests run under TCG here, from snapshots ({self.guests.because}), and {why}")
        return snapshot

    def guest(self, name: str) -> Guest:
        """The guest ``name``, ready; started now if no row asked for it before.

        Raises:
            Undecided: it cannot be had in this test host, neither under KVM nor from a snapshot.
            ConnectionError, TimeoutError: it did not come up.
        """
        if name in self._unstarted:
            raise ConnectionError(f"guest '{name}' could not be started: {self._unstarted[name]}")
        if name in self._unavailable:
            raise Undecided(self._unavailable[name])
        if name not in self._guests:
            self._guests[name] = Guest(self.fitted(SPECS[name]))
        guest = self._guests[name]
        if guest.reset_while_booting():
            self.channel.tell("note", text=f"guest '{name}' reset itself while booting; it was started again")
            guest.stop()
            guest = self._guests[name] = Guest(guest.spec, again=True)
        if not guest.alive():
            last = guest.last_words()
            self.spoil((name,))
            raise ConnectionError(f"guest '{name}' had ended before it was asked: {last}")
        try:
            return guest.ready(BOOT_SECONDS * self.pace)
        except ConnectionError:
            guest.ended(2.0)
            if not guest.reset_while_booting():
                raise
            return self.guest(name)

    def stop_guests(self) -> None:
        """End all guests."""
        while self._guests:
            self._guests.popitem()[1].stop()

    def load_vhost(self) -> None:
        """Make sure that vhost_net is loaded; RuntimeError if it cannot be."""
        load("vhost_net")
        wait_until(VHOST_NET.exists)

    def host_module(self, name: str) -> None:
        """Load a module that a row needs in the test host; undecided without it."""
        try:
            load(name)
        except RuntimeError as error:
            raise Undecided(f"this test host has no module '{name}': {error}") from error

    def capture(self, interface: str) -> None:
        """Keep the interface's last frames until the row has ended, in case it does not pass."""
        self._captures.append(Capture(interface))

    def captures(self) -> Iterator[tuple[str, bytes]]:
        """Names and contents of what helps to see why a row did not pass."""
        for capture in self._captures:
            yield f"{capture.interface}.pcap", capture.pcap()
        for guest in self._guests.values():
            yield from guest.logs()

    def forget(self) -> None:
        """Drop what was kept: the row has ended."""
        self._own.clear()
        while self._captures:
            self._captures.pop().close()

    def close(self) -> None:
        """Stop everything that was started."""
        self.forget()
        self.stop_guests()
