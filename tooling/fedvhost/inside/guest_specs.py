"""The guests that rows may ask for by name."""

from __future__ import annotations

from fedvhost.inside.guest import Card, GuestSpec

SPECS: dict[str, GuestSpec] = {
    spec.name: spec
    for spec in (
        GuestSpec("on", 1, (Card("on"),)),
        GuestSpec("off", 2, (Card("off"),)),
        GuestSpec("fd", 3, (Card("fd"),)),
    )
}
