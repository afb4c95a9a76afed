"""What rows are given: the test host, and guests in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from fedvhost.inside.capture import Capture
from fedvhost.inside.channel import Channel
from fedvhost.inside.command import run
from fedvhost.inside.guest import Guest
from fedvhost.inside.guest_specs import SPECS
from fedvhost.inside.modules import VHOST_NET, load, wait_until
from fedvhost.inside.rows import Undecided

KVM = Path("/dev/kvm")


class Ground:
    """The test host as the rows of one run share it."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._captures: list[Capture] = []
        self._guests: dict[str, Guest] = {}
        # Why a guest did not start, for those that could not even be tried.
        self._unstarted: dict[str, str] = {}

    def prepare(self, guests: Iterable[str]) -> None:
        """Get ready what rows will ask for: start the guests, all at once."""
        names = tuple(guests)
        if not names:
            return
        vendor = "kvm_amd" if " svm " in Path("/proc/cpuinfo").read_text() else "kvm_intel"
        run("modprobe", vendor)
        run("modprobe", "vhost_net")
        wait_until(VHOST_NET.exists, 2.0)
        for name in names:
            try:
                self._guests[name] = Guest(SPECS[name])
            except (OSError, RuntimeError) as error:
                self._unstarted[name] = str(error)

    def has_kvm(self) -> bool:
        """Whether guests can run under KVM in this test host."""
        return wait_until(KVM.exists, 1.0)

    def guest(self, name: str) -> Guest:
        """The guest ``name``, ready; started now if no row asked for it before.

        Raises:
            Undecided: KVM cannot be had in this test host.
            ConnectionError, TimeoutError: it did not come up.
        """
        if not self.has_kvm():
            raise Undecided("no KVM in this test host (neither kvm-amd nor kvm-intel works in it)")
        if name in self._unstarted:
            raise ConnectionError(f"guest '{name}' could not be started: {self._unstarted[name]}")
        if name not in self._guests:
            self._guests[name] = Guest(SPECS[name])
        return self._guests[name].ready()

    def stop_guests(self) -> None:
        """End all guests."""
        while self._guests:
            self._guests.popitem()[1].stop()

    def load_vhost(self) -> None:
        """Make sure that vhost_net is loaded; RuntimeError if it cannot be."""
        load("vhost_net")
        wait_until(VHOST_NET.exists)

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
        while self._captures:
            self._captures.pop().close()

    def close(self) -> None:
        """Stop everything that was started."""
        self.forget()
        self.stop_guests()
