"""Settings that a row changes for its own time, in the test host and in guests."""

from __future__ import annotations

from types import TracebackType

from fedvhost.inside.command import must, run
from fedvhost.inside.ground import Ground
from fedvhost.inside.guest import Guest
from fedvhost.inside.modules import wait_until


class Changes:
    """A context: at its end every change is taken back, the last one first. A guest in which that fails is
    not used again."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._back: list[tuple[Guest | None, tuple[str, ...]]] = []

    def host(self, *argv: str, back: tuple[str, ...] = ()) -> str:
        """Run a program in the test host that has to succeed; ``back`` is what takes it back."""
        self._back += [(None, back)] if back else []
        return must(*argv)

    def guest(self, guest: Guest, *argv: str, back: tuple[str, ...] = ()) -> str:
        """The same in a guest."""
        self._back += [(guest, back)] if back else []
        return guest.agent.must(*argv)

    def mtu(self, guest: Guest, card: int, size: int) -> None:
        """Give both ends of a card's link this MTU; afterwards both have 1500 again."""
        tap, inside = guest.spec.tap(card), guest.interface(card)
        plain = ("mtu", "1500")
        self.host(*_link(tap), "mtu", str(size), back=(*_link(tap), *plain))
        self.guest(guest, *_link(inside), "mtu", str(size), back=(*_link(inside), *plain))
        # An e1000 is reset by it, and its link is down for two seconds.
        state = f"/sys/class/net/{inside}/operstate"
        wait_until(lambda: guest.agent.read(state) == "up", 10.0, 0.05)

    def __enter__(self) -> Changes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._back:
            guest, argv = self._back.pop()
            if guest is None:
                run(*argv)
                continue
            try:
                guest.agent.must(*argv)
            except (OSError, RuntimeError):
                self._ground.spoil((guest.spec.name,))


def _link(interface: str) -> tuple[str, ...]:
    return "ip", "link", "set", interface
