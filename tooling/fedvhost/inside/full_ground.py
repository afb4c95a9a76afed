"""What the rows of shape ``full`` share: the cards of its guest."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from fedvhost.inside.guest import Guest
from fedvhost.inside.rows import expect
from fedvhost.inside.traffic import stream

NET = "net"


@dataclass(frozen=True, slots=True)
class Model:
    """A card of guest ``net``: its index, its largest MTU, the driver that has it, whether vhost is on."""

    name: str
    card: int
    largest: int
    driver: str
    vhost: bool = False


ON = Model("virtio-on", 0, 9000, "virtio_net", vhost=True)
SECOND = Model("virtio-on-2", 1, 9000, "virtio_net", vhost=True)
OFF = Model("virtio-off", 2, 9000, "virtio_net")
E1000 = Model("e1000", 3, 9000, "e1000")
# The 8139C+ takes frames up to 4096 bytes.
RTL8139 = Model("rtl8139", 4, 4096, "8139cp")
MODELS = (ON, OFF, E1000, RTL8139)
# IPv4 and ICMP headers.
HEADERS = 28
ALL = (ON, SECOND, OFF, E1000, RTL8139)


def at_once(guest: Guest, cards: tuple[int, ...], size: int, seconds: float = 60.0) -> None:
    """A stream to each of these cards, all at the same time.

    Raises:
        Refuted: the first that came back changed. OSError: the first that stalled.
    """
    troubles: list[BaseException] = []

    def one(card: int) -> None:
        try:
            stream(guest.spec.address(card), size, seed=card, seconds=seconds)
        except BaseException as error:
            troubles.append(error)

    threads = [threading.Thread(target=one, args=(card,), daemon=True) for card in cards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds * 2)
        expect(not thread.is_alive(), f"a stream had not ended after {seconds * 2:.0f} s")
    if troubles:
        raise troubles[0]
