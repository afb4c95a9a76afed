"""Shape ``full``: settings of the card, read and changed, and each offload on and off under traffic."""

from __future__ import annotations

import re
import select
import socket
import threading
import time

from fedvhost.inside.changes import Changes
from fedvhost.inside.full_ground import NET, OFF, ON, SECOND, Model
from fedvhost.inside.ground import Ground
from fedvhost.inside.guest import Guest
from fedvhost.inside.modules import wait_until
from fedvhost.inside.rows import Observed, Rows, Undecided, expect
from fedvhost.inside.tap import ETH_P_ALL
from fedvhost.inside.traffic import STALLED, answers, datagrams, stream

ROWS = Rows()
row = ROWS.row
_BOOTED = ("boot",)
_SIZE = 1 << 20
# The feature bit: the guest takes packets whose checksum is still to be made.
_GUEST_CSUM = 1
# A whole frame with a VLAN tag; more than that left the guest in one piece to be cut later.
_FRAME = 1518
# ethtool's short names, its names in a list, and what of the test plan each decides.
OFFLOADS = {
    "tx": "tx-checksumming",
    "sg": "scatter-gather",
    "tso": "tcp-segmentation-offload",
    "gso": "generic-segmentation-offload",
    "gro": "generic-receive-offload",
}
# Without one of these no frame may leave that is larger than the link. (gso has no say in TCP with tso on.)
_CUTTING = ("tx", "sg", "tso")
_FRAGMENTATION = ("tso", "gso", "gro")
_FEATURE = re.compile(r"^\s*([\w-]+): (on|off)( \[fixed\])?", re.MULTILINE)


def features(guest: Guest, name: str) -> dict[str, tuple[bool, bool]]:
    """What ``ethtool -k`` lists: on or not, and whether it may be changed."""
    said = guest.agent.must("ethtool", "-k", name)
    return {n: (value == "on", not fixed) for n, value, fixed in _FEATURE.findall(said)}


@row("ethtool", "ethtool in the guest: driver, link, rings, channels read; link and settings changed",
     covers=("ethtool",), guests=(NET,), after=_BOOTED)  # fmt: skip
def ethtool(ground: Ground) -> Observed:
    """What it reads is what qemu has: the driver, and the link that the monitor takes away and gives back."""
    guest = ground.guest(NET)
    name = guest.interface(ON.card)
    info = dict(
        line.split(": ", 1) for line in guest.agent.must("ethtool", "-i", name).splitlines() if ": " in line
    )
    rings = re.findall(r"^(RX|TX):\s+(\d+)", guest.agent.must("ethtool", "-g", name), re.MULTILINE)
    seen: dict[str, object] = {
        "driver": info.get("driver"),
        "bus": info.get("bus-info"),
        "rings": [f"{n} {size}" for n, size in rings],
        "settings listed": len(features(guest, name)),
    }
    expect(info.get("driver") == "virtio_net", f"ethtool -i says {info.get('driver')}", **seen)
    expect(rings, "ethtool -g lists no rings", **seen)
    for up, word in ((False, "no"), (True, "yes")):
        guest.monitor.execute("set_link", {"name": f"card{ON.card}", "up": up})
        says = wait_until(lambda w=word: f"Link detected: {w}" in guest.agent.must("ethtool", name), 5.0)
        expect(says, f"the link is {'up' if up else 'down'}, and ethtool does not say so", **seen)
    with Changes(ground) as change:
        was = features(guest, name)["generic-receive-offload"][0]
        words = ("off", "on") if was else ("on", "off")
        change.guest(guest, "ethtool", "-K", name, "gro", words[0],
                     back=("ethtool", "-K", name, "gro", words[1]))  # fmt: skip
        now = features(guest, name)["generic-receive-offload"][0]
        expect(now != was, "gro was changed, and ethtool lists the value from before", **seen)
    answers(guest.spec.address(ON.card), 10)
    return {**seen, "link": "no, then yes, as the monitor set it", "gro": "changed and read back"}


def _offload(ground: Ground, short: str) -> Observed:
    """On, then off: bytes of TCP both ways and of UDP in fragments compared, on the card with vhost on and
    on the one with it off."""
    guest = ground.guest(NET)
    listed = OFFLOADS[short]
    seen: dict[str, object] = {}
    for model in (ON, OFF):
        name = guest.interface(model.card)
        was, changeable = features(guest, name)[listed]
        if not changeable:
            raise Undecided(f"{model.name}: {short} is fixed at {'on' if was else 'off'}")
        modes = (True, False) if was else (False, True)
        ground.capture(guest.spec.tap(model.card))
        largest: dict[str, int] = {}
        with Changes(ground) as change:
            for on in modes:
                change.guest(guest, "ethtool", "-K", name, short, "on" if on else "off",
                             back=("ethtool", "-K", name, short, "on" if was else "off"))  # fmt: skip
                is_on = features(guest, name)[listed][0]
                expect(is_on == on, f"{model.name}: {short} was set {on} and is {is_on}", **seen)
                largest["on" if on else "off"] = _traffic(ground, guest, model)
        if short in _CUTTING:
            size = largest["off"]
            expect(size <= _FRAME, f"{model.name}: {short} is off, and a frame of {size} bytes left", **seen)
        seen[model.name] = "largest frame from the guest " + ", ".join(
            f"{size} ({word})" for word, size in largest.items()
        )
    return {**seen, "tcp bytes each way": _SIZE}


def _traffic(ground: Ground, guest: Guest, model: Model) -> int:
    """Data both ways; the largest frame that the guest handed to its card meanwhile."""
    address = guest.spec.address(model.card)
    with _Largest(guest.spec.tap(model.card)) as largest:
        stream(address, _SIZE, seconds=STALLED * ground.pace)
        datagrams(address, 50, 4000)
    return largest.size


class _Largest:
    """Listens on an interface for what comes from the other side."""

    def __init__(self, interface: str) -> None:
        self.size = 0
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.bind((interface, ETH_P_ALL))
        self._open = True
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def _listen(self) -> None:
        room = bytearray(64)
        while self._open:
            if select.select([self._socket], [], [], 0.1)[0]:
                size, _, _, address = self._socket.recvmsg_into([room], 0, socket.MSG_TRUNC)
                if address[2] != socket.PACKET_OUTGOING:
                    self.size = max(self.size, size)

    def __enter__(self) -> _Largest:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(0.05)
        self._open = False
        self._thread.join(1.0)
        self._socket.close()


for _short, _listed in OFFLOADS.items():

    def _row(ground: Ground, short: str = _short) -> Observed:
        return _offload(ground, short)

    row(f"offload-{_short}", f"Offload on and off under traffic: {_listed}",
        covers=("offload", "test-day-08-fragmentation-offload") if _short in _FRAGMENTATION else ("offload",),
        guests=(NET,), after=_BOOTED, seconds=60)(_row)  # fmt: skip


@row("offload-rx", "Offload on and off under traffic: rx-checksumming", covers=("offload",), guests=(NET,),
     after=_BOOTED, seconds=60)  # fmt: skip
def offload_rx(ground: Ground) -> Observed:
    """It is fixed in the driver, so qemu offers it on one card with vhost=on and not on the other; it does
    not send what the guest would have to sum then."""
    guest = ground.guest(NET)
    seen: dict[str, object] = {}
    for model, wanted in ((ON, True), (SECOND, False)):
        name = guest.interface(model.card)
        is_on = guest.agent.read(f"/sys/class/net/{name}/device/features")[_GUEST_CSUM] == "1"
        expect(is_on == wanted, f"{model.name}: the driver has GUEST_CSUM: {is_on}, not {wanted}", **seen)
        ground.capture(guest.spec.tap(model.card))
        _traffic(ground, guest, model)
        seen[model.name] = f"{'on' if is_on else 'off'}: checksums of the payload agree"
    return {**seen, "tcp bytes each way": _SIZE}


@row("offload-all", "All offloads off at once, and on again", covers=("offload",), guests=(NET,),
     after=_BOOTED, seconds=60)  # fmt: skip
def offload_all(ground: Ground) -> Observed:
    """Without any, the guest itself sums and cuts: no frame is larger than the link."""
    guest = ground.guest(NET)
    seen: dict[str, object] = {}
    for model in (ON, OFF):
        name = guest.interface(model.card)
        before = features(guest, name)
        shorts = [s for s, listed in OFFLOADS.items() if before[listed][0] and before[listed][1]]
        with Changes(ground) as change:
            for short in reversed(shorts):
                change.guest(guest, "ethtool", "-K", name, short, "off",
                             back=("ethtool", "-K", name, short, "on"))  # fmt: skip
            off = _traffic(ground, guest, model)
        on = _traffic(ground, guest, model)
        seen[model.name] = f"largest frame {off} off, {on} on"
        expect(off <= _FRAME, f"{model.name}: all offloads are off, and a frame of {off} bytes left", **seen)
    return {**seen, "switched": list(OFFLOADS)}
