"""The shapes of the smoke suite and their rows."""

from __future__ import annotations

from fedvhost.inside import (
    driver_rows,
    f13_rows,
    full_life,
    full_link,
    full_measure,
    full_migration,
    full_offload,
    full_power,
    full_traffic,
    guest_rows,
    sample_rows,
)
from fedvhost.inside.rows import Row

SHAPES: dict[str, tuple[Row, ...]] = {
    "driver": tuple(driver_rows.ROWS.all),
    "guest": tuple(guest_rows.ROWS.all),
    "full": tuple(
        row
        for part in (
            full_traffic,
            full_link,
            full_offload,
            full_measure,
            full_power,
            full_migration,
            full_life,
        )
        for row in part.ROWS.all
    ),
    "sample": tuple(sample_rows.ROWS.all),
    "f13": tuple(f13_rows.ROWS.all),
}

# Shapes that go through the feature's whole test plan: they tell as well what they leave to others.
PLANNED = frozenset({"full"})

# Shapes that test what was built: the packages are unpacked in the test host.
PACKAGED = frozenset({"sample", "f13"})
# Of these, the shapes whose test host boots the kernel in the packages.
BOOTED = frozenset({"f13"})
