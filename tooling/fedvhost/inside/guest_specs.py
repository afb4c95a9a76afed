"""The guests that rows may ask for by name."""

from __future__ import annotations

from fedvhost.inside.guest import Card, GuestSpec

# A card of virtio lets the guest's driver change no checksum of received packets: it is qemu that offers it.
NO_SUMS = tuple(f"guest_{name}=off" for name in ("csum", "tso4", "tso6", "ecn", "ufo"))
SPECS: dict[str, GuestSpec] = {
    spec.name: spec
    for spec in (
        GuestSpec("on", 1, (Card("on"),)),
        GuestSpec("off", 2, (Card("off"),)),
        GuestSpec("fd", 3, (Card("fd"),)),
        # Shape ``full``: one guest has all the cards that are compared, as each guest costs its boot.
        GuestSpec(
            "net",
            10,
            (
                Card("on"),
                Card("on", device=NO_SUMS),
                Card("off"),
                Card("", model="e1000"),
                Card("", model="rtl8139"),
            ),
            memory=320,
        ),
        GuestSpec("peer", 11, (Card("on"),)),
        GuestSpec("no-msix", 12, (Card("on", device=("vectors=0",)),)),
        GuestSpec("default", 13, (Card(""),)),
        # One that a row ends is nobody else's: so that row can be asked in another test host.
        GuestSpec("crash", 17, (Card("on"),)),
        # The reset of one ring is qemu's own, not vhost's in Linux 6.1: off, so that it is no difference.
        GuestSpec("travel", 20, (Card("on", device=("queue_reset=off",), bridge="brm1"),)),
        GuestSpec(
            "travel-plain",
            40,
            (Card("on", device=("queue_reset=off", "mrg_rxbuf=off"), bridge="brm2"),),
        ),
    )
}
