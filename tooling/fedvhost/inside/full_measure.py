"""Shape ``full``: latency and bandwidth, vhost on against off. Emulated, the figures themselves mean nothing,
and only the ratio is told; where the processor is real, they are. Neither decides a line of the test plan."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from fedvhost.inside.full_ground import NET, OFF, ON, Model
from fedvhost.inside.ground import Ground
from fedvhost.inside.rows import Observed, Rows
from fedvhost.inside.traffic import STALLED, answers, stream

ROWS = Rows()
row = ROWS.row
_RUNS = 7
_PINGS = 40
_STREAM = 2 << 20
_MODELS = {"on": ON, "off": OFF}


def _alternating(measure: Callable[[Model], float]) -> Mapping[str, list[float]]:
    """Each in turn, after one run of each that does not count; the order changes from run to run."""
    found: dict[str, list[float]] = {"on": [], "off": []}
    for number in range(_RUNS + 1):
        for side in ("on", "off") if number % 2 else ("off", "on"):
            value = measure(_MODELS[side])
            if number:
                found[side].append(round(value, 3))
    return found


def _told(ground: Ground, title: str, unit: str, found: Mapping[str, Sequence[float]]) -> Observed:
    middle = {side: statistics.median(values) for side, values in found.items()}
    figures: object = {side: f"{value:.3g} {unit}" for side, value in middle.items()}
    if ground.processor_emulated:
        figures, title = "emulated: not for comparison with another machine", f"{title} (emulated)"
    return {
        "runs of each": _RUNS,
        "median on/off": round(middle["on"] / middle["off"], 2),
        "spread": {s: f"{min(v) / middle[s]:.2f} to {max(v) / middle[s]:.2f} of the median"
                   for s, v in found.items()},
        "figures": figures,
        "measured": {"title": title, "unit": unit, **{side: list(v) for side, v in found.items()}},
    }  # fmt: skip


@row("latency-ratio", "Latency, vhost on against off, alternating: medians and spread", guests=(NET,),
     after=("boot",), seconds=60, quiet=True)  # fmt: skip
def latency_ratio(ground: Ground) -> Observed:
    """The median round trip of 40 pings of 56 bytes, seven times each; none may be lost."""
    guest = ground.guest(NET)

    def once(model: Model) -> float:
        return statistics.median(answers(guest.spec.address(model.card), _PINGS, 56, 0.004).times)

    return _told(ground, "Round trip of a ping of 56 bytes", "ms", _alternating(once))


@row("bandwidth-ratio", "Bandwidth, vhost on against off, alternating: medians and spread", guests=(NET,),
     after=("boot",), seconds=90, quiet=True)  # fmt: skip
def bandwidth_ratio(ground: Ground) -> Observed:
    """TCP both ways at once, 2 MiB each way, seven times each; every byte compared."""
    guest = ground.guest(NET)

    def once(model: Model) -> float:
        start = time.monotonic()
        stream(guest.spec.address(model.card), _STREAM, seconds=STALLED * ground.pace)
        return _STREAM / (time.monotonic() - start) / 1e6

    return _told(ground, "TCP both ways at once, each way", "MB/s", _alternating(once))
