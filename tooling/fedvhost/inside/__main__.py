"""Run the rows of a plan, ``/etc/fedvhost/plan.json``: ``{"shape": "driver", "rows": ["features", …]}``.

``guests`` in it is ``fallback.Guests`` as an object; ``emulated``: whether this test host's processor is;
``again``: whether what may be that one's doing is asked again.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from fedvhost.inside.catalogue import SHAPES
from fedvhost.inside.channel import Channel
from fedvhost.inside.fallback import Guests
from fedvhost.inside.runner import run_rows

_PULSE = 2.0
PLAN = Path("/etc/fedvhost/plan.json")


def main() -> None:
    """Tell what was found; the channel's last word is ``end``."""
    channel = Channel()
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    channel.tell("ready", kernel=Path("/proc/sys/kernel/osrelease").read_text().strip(), uptime=uptime)
    plan = json.loads(PLAN.read_text())
    wanted = set(plan["rows"])
    rows = [r for r in SHAPES[plan["shape"]] if r.id in wanted]
    threading.Thread(target=_alive, args=(channel,), daemon=True).start()
    start = time.monotonic()
    guests = Guests(**plan.get("guests", {}))
    emulated, again = bool(plan.get("emulated")), bool(plan.get("again"))
    run_rows(rows, channel, guests, processor_emulated=emulated, again=again)
    channel.tell("end", seconds=round(time.monotonic() - start, 3))
    channel.drain()


def _alive(channel: Channel) -> None:
    """Say so, whatever a row is at: a test host that is silent hangs."""
    while True:
        time.sleep(_PULSE)
        channel.tell("alive")


if __name__ == "__main__":
    main()
