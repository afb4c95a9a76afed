"""Shape ``full``: what a link is asked for besides data: promiscuous mode, groups, VLANs, bonds, settings."""

from __future__ import annotations

import socket
import struct
import threading
import time

from fedvhost.inside.changes import Changes
from fedvhost.inside.full_ground import E1000, HEADERS, NET, OFF, ON, RTL8139, SECOND, Model
from fedvhost.inside.ground import Ground
from fedvhost.inside.guest import Guest
from fedvhost.inside.modules import wait_until
from fedvhost.inside.pinger import echoes
from fedvhost.inside.rows import Observed, Rows, expect
from fedvhost.inside.tap import Wire
from fedvhost.inside.traffic import ECHO, STALLED, answers, datagrams, exchange, stream

ROWS = Rows()
row = ROWS.row
_BOOTED = ("boot",)
GROUP = "239.1.2.3"
_IGNORE = "net.ipv4.icmp_echo_ignore_broadcasts"
_VLAN = "7"
# An address that no card here has.
_STRANGER = "52:54:00:fe:ed:01"
_FRAMES = 50
# Seconds: what should not come is not waited for as long as what should.
_PATIENCE = {"off": 0.5, "on": 5.0}


def _received(guest: Guest, name: str) -> int:
    return int(guest.agent.read(f"/sys/class/net/{name}/statistics/rx_packets"))


@row("promiscuous", "Promiscuous mode: frames for others are seen with it, and not without",
     covers=("test-day-04-promiscuous",), guests=(NET,), after=_BOOTED, seconds=40)  # fmt: skip
def promiscuous(ground: Ground) -> Observed:
    """50 frames for a stranger's address; then a second address on the card, answered."""
    guest = ground.guest(NET)
    seen: dict[str, object] = {"frames": _FRAMES}
    for model in (ON, OFF, E1000, RTL8139):
        name, tap = guest.interface(model.card), guest.spec.tap(model.card)
        ground.capture(tap)
        counts = {}
        for mode in ("off", "on"):
            with Changes(ground) as change:
                change.guest(guest, "ip", "link", "set", name, "promisc", mode,
                             back=("ip", "link", "set", name, "promisc", "off"))  # fmt: skip
                before = _received(guest, name)
                _strange_frames(tap)
                wait_until(lambda b=before, n=name: _received(guest, n) - b >= _FRAMES, _PATIENCE[mode])
                counts[mode] = _received(guest, name) - before
        seen[model.name] = f"{counts['off']} without, {counts['on']} with"
        expect(counts["on"] >= _FRAMES, f"{model.name} in promiscuous mode saw {counts['on']}", **seen)
        # vhost hands on all that the tap has: there is no filter in the kernel's path, then as now.
        if not model.vhost:
            expect(counts["off"] < _FRAMES, f"{model.name} sees frames for others without it", **seen)
    _second_address(ground, guest)
    return {**seen, "virtio-on": f"{seen[ON.name]} (vhost has no filter)", "second address": "answers"}


def _strange_frames(tap: str) -> None:
    sender = bytes.fromhex("020000000001")
    frame = bytes.fromhex(_STRANGER.replace(":", "")) + sender + struct.pack(">H", 0x88B5) + bytes(60)
    wire = Wire(tap)
    try:
        for _ in range(_FRAMES):
            wire.send(frame)
    finally:
        wire.close()


def _second_address(ground: Ground, guest: Guest) -> None:
    """A macvlan: its own address on the virtio card, as a bridge in the guest would have."""
    name = guest.interface(ON.card)
    address = guest.spec.address(ON.card).rsplit(".", 1)[0] + ".77"
    with Changes(ground) as change:
        change.guest(guest, "ip", "link", "add", "mv0", "link", name, "address", _STRANGER, "type",
                     "macvlan", "mode", "bridge", back=("ip", "link", "del", "mv0"))  # fmt: skip
        change.guest(guest, "ip", "addr", "add", f"{address}/24", "dev", "mv0")
        change.guest(guest, "ip", "link", "set", "mv0", "up")
        answers(address, 10)


@row("broadcast", "Broadcasts: host to guest, and guest to host", covers=("broadcast",), guests=(NET,),
     after=_BOOTED)  # fmt: skip
def broadcast(ground: Ground) -> Observed:
    """Datagrams to the link's broadcast address are answered; the guest's ARP requests arrive."""
    guest = ground.guest(NET)
    seen: dict[str, object] = {}
    for model in (ON, OFF):
        tap = guest.spec.tap(model.card)
        ground.capture(tap)
        target = guest.spec.address(model.card).rsplit(".", 1)[0] + ".255"
        back = _asked(target, guest.spec.address(model.card), 20, tap)
        expect(back >= 19, f"{model.name}: of 20 broadcast datagrams {back} were answered", answered=back)
        heard = _arp_heard(guest, model)
        expect(heard, f"{model.name}: the guest's ARP broadcast did not arrive on the tap")
        seen[model.name] = f"{back}/20 in, ARP out"
    return seen


def _asked(target: str, sender: str, count: int, tap: str) -> int:
    """Datagrams to a group; how many came back from this guest, unchanged."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, tap.encode())
        plug.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        found = exchange(plug, (target, ECHO), (struct.pack(">I", n) * 50 for n in range(count)))
    expect(found.changed == 0, f"{found.changed} datagrams came back changed", target=target)
    expect(found.senders <= {sender}, f"{found.senders} answered, not {sender} alone", target=target)
    return found.count


def _arp_heard(guest: Guest, model: Model) -> bool:
    """The guest looks for an address of its link: a broadcast that the tap must see."""
    wire = Wire(guest.spec.tap(model.card), 0x0806)
    nobody = guest.spec.address(model.card).rsplit(".", 1)[0] + ".99"
    try:
        guest.agent.run("arping", "-c", "1", "-w", "1", "-I", guest.interface(model.card), nobody)
        wanted = socket.inet_aton(nobody)
        return wire.receive(3.0, lambda f: f[:6] == b"\xff" * 6 and f[38:42] == wanted) is not None
    finally:
        wire.close()


@row("multicast", "Multicast: joined it is answered, left it is not; and guest to host",
     covers=("multicast", "test-day-07-multicast"), guests=(NET,), after=_BOOTED, seconds=40)  # fmt: skip
def multicast(ground: Ground) -> Observed:
    """Pings to an IPv4 group, and to IPv6's all-nodes group."""
    guest = ground.guest(NET)
    seen: dict[str, object] = {"group": GROUP}
    for model in (ON, OFF):
        name, tap, address = guest.interface(model.card), guest.spec.tap(model.card), guest.spec.address(
            model.card
        )  # fmt: skip
        ground.capture(tap)
        left = len(echoes(GROUP, 2, wait=0.5, through=tap).times)
        expect(left == 0, f"{model.name}: a guest that did not join {GROUP} answers", **seen)
        with Changes(ground) as change:
            change.guest(guest, "sysctl", "-w", f"{_IGNORE}=0", back=("sysctl", "-w", f"{_IGNORE}=1"))
            deaf = len(echoes(GROUP, 2, wait=0.5, through=tap).times)
            change.guest(guest, "ip", "addr", "add", f"{GROUP}/32", "dev", name, "autojoin",
                         back=("ip", "addr", "del", f"{GROUP}/32", "dev", name))  # fmt: skip
            found = echoes(GROUP, 20, 1000, through=tap)
        joined = len(found.times)
        expect(deaf == 0, f"{model.name}: a guest that did not join {GROUP} answers", **seen)
        expect(joined == 20, f"{model.name}: of 20 pings to {GROUP} {joined} were answered", **seen)
        expect(found.senders == {address}, f"{model.name}: {found.senders} answered", **seen)
        six = echoes(f"ff02::1%{tap}", 10, through=tap)
        expect(six.senders, f"{model.name}: nobody answers to ff02::1", **seen)
        out = _multicast_heard(guest, model)
        expect(out, f"{model.name}: the guest's multicast did not arrive on the tap", **seen)
        seen[model.name] = f"{joined}/20 joined, {deaf}/2 not joined, guest to host yes"
    return seen


def _multicast_heard(guest: Guest, model: Model) -> bool:
    wire = Wire(guest.spec.tap(model.card), 0x0800)
    group = "239.9.8.7"
    try:
        guest.agent.run("ping", "-c", "2", "-W", "1", "-I", guest.interface(model.card), group)
        link = bytes((0x01, 0, 0x5E, 9, 8, 7))
        wanted = socket.inet_aton(group)
        return wire.receive(3.0, lambda f: f[:6] == link and f[30:34] == wanted) is not None
    finally:
        wire.close()


@row("guest-vlan", "802.1q: VLAN in the guest, full frames, and no way to another VLAN",
     covers=("guest-vlan", "test-day-06-vlan"), guests=(NET,), after=_BOOTED, seconds=40)  # fmt: skip
def guest_vlan(ground: Ground) -> Observed:
    """The guest's VLAN 7 against the host's VLAN 7, and 8."""
    guest = ground.guest(NET)
    seen: dict[str, object] = {"vlan": _VLAN}
    for model in (ON, OFF):
        name, tap = guest.interface(model.card), guest.spec.tap(model.card)
        ground.capture(tap)
        with Changes(ground) as change:
            tagged = f"{tap}.{_VLAN}"
            change.host("ip", "link", "add", "link", tap, "name", tagged, "type", "vlan", "id", _VLAN,
                        back=("ip", "link", "del", tagged))  # fmt: skip
            change.host("ip", "addr", "add", "10.77.0.1/24", "dev", tagged)
            change.host("ip", "link", "set", tagged, "up")
            change.guest(guest, "ip", "link", "add", "link", name, "name", "vl0", "type", "vlan", "id",
                         _VLAN, back=("ip", "link", "del", "vl0"))  # fmt: skip
            change.guest(guest, "ip", "addr", "add", "10.77.0.2/24", "dev", "vl0")
            change.guest(guest, "ip", "link", "set", "vl0", "up")
            answers("10.77.0.2", 10, 1500 - HEADERS, whole=True)
            digits = stream("10.77.0.2", 1 << 20, seconds=STALLED * ground.pace)
            other = f"{tap}.8"
            change.host("ip", "link", "add", "link", tap, "name", other, "type", "vlan", "id", "8",
                        back=("ip", "link", "del", other))  # fmt: skip
            change.host("ip", "addr", "add", "10.78.0.1/24", "dev", other)
            change.host("ip", "link", "set", other, "up")
            change.guest(guest, "ip", "addr", "add", "10.78.0.2/24", "dev", "vl0")
            try:
                strayed = echoes("10.78.0.2", 3, wait=1.0)
                through = strayed.sent - strayed.lost
            except OSError:
                through = 0
            expect(through == 0, f"{model.name}: VLAN 8 reaches the guest's VLAN 7", **seen)
        seen[model.name] = f"1500 bytes whole, 1 MiB each way {digits}, other VLAN 0/3"
    return seen


@row("ipv6", "IPv6: pings, TCP and UDP on link-local addresses", covers=("more-protocols",),
     guests=(NET,), after=_BOOTED, seconds=40)  # fmt: skip
def ipv6(ground: Ground) -> Observed:
    """Unicast, with vhost on and off."""
    guest = ground.guest(NET)
    seen: dict[str, object] = {}
    for model in (ON, OFF):
        ground.capture(guest.spec.tap(model.card))
        address = f"{_link_local(guest.spec.mac(model.card))}%{guest.spec.tap(model.card)}"
        for size in (56, 1452, 8000):
            answers(address, 10, size)
        digits = stream(address, 1 << 20, seconds=STALLED * ground.pace)
        seen[model.name] = f"pings 30/30, 1 MiB each way {digits}, udp {datagrams(address, 100)['udp']}"
    return seen


def _link_local(mac: str) -> str:
    """The address that a card has by itself (EUI-64)."""
    b = bytes.fromhex(mac.replace(":", ""))
    whole = bytes((b[0] ^ 2, b[1], b[2], 0xFF, 0xFE, *b[3:]))
    return socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + bytes(6) + whole)


@row("sctp", "SCTP both ways at once, bytes compared", covers=("more-protocols",), guests=(NET,),
     after=_BOOTED, seconds=40)  # fmt: skip
def sctp(ground: Ground) -> Observed:
    """One-to-one sockets, with vhost on and off; its checksum is CRC32c, which cards do not offload."""
    guest = ground.guest(NET)
    ground.host_module("sctp")
    seen: dict[str, object] = {"bytes each way": 1 << 19}
    for model in (ON, OFF):
        ground.capture(guest.spec.tap(model.card))
        seen[model.name] = stream(
            guest.spec.address(model.card), 1 << 19, seconds=STALLED * ground.pace,
            protocol=socket.IPPROTO_SCTP, piece=8000,
        )  # fmt: skip
    return seen


@row("guest-to-guest", "Guest to guest through a bridge: pings, jumbo frames, data both ways",
     covers=("guest-to-guest",), guests=(NET, "peer"), after=_BOOTED, seconds=60)  # fmt: skip
def guest_to_guest(ground: Ground) -> Observed:
    """Both with vhost on; the test host has no address on that bridge."""
    one, two = ground.guest(NET), ground.guest("peer")
    with Changes(ground) as change:
        change.host("ip", "link", "add", "brg", "type", "bridge", back=("ip", "link", "del", "brg"))
        change.host("ip", "link", "set", "brg", "mtu", "9000", "up")
        for number, guest in enumerate((one, two), 1):
            change.mtu(guest, 0, 9000)
            tap, name, address = guest.spec.tap(), guest.interface(), f"10.99.0.{number}/24"
            change.host("ip", "link", "set", tap, "master", "brg",
                        back=("ip", "link", "set", tap, "nomaster"))  # fmt: skip
            change.guest(guest, "ip", "addr", "add", address, "dev", name,
                         back=("ip", "addr", "del", address, "dev", name))  # fmt: skip
        mtu = int(_read("/sys/class/net/brg/mtu"))
        expect(mtu == 9000, f"the bridge has MTU {mtu}: no way for jumbo frames", mtu=mtu)
        pings = {}
        for size in (56, 1472, 8972):
            done = one.agent.run("ping", "-c", "5", "-i", "0.1", "-W", "5", "-s", str(size), "10.99.0.2",
                                 seconds=60)  # fmt: skip
            pings[size] = "5 packets received" in done.said
            expect(pings[size], f"from guest to guest pings of {size} bytes are lost (bridge: MTU {mtu})",
                   said=done.said[-200:], mtu=mtu)  # fmt: skip
        sums = _copied_both_ways(one, two)
    return {"ping sizes": list(pings), "bridge mtu": mtu, "bytes each way": _COPIED, "sha256": sums}


_COPIED = 4 << 20
# A pipe that is open for writing too never ends: at the end of its input nc would hang up.
_ARRIVES = "mkfifo /tmp/pipe; nc -l -p 9 >/tmp/in <>/tmp/pipe; : >/tmp/arrived"


def _copied_both_ways(one: Guest, two: Guest) -> list[str]:
    """A file from each guest to the other, at the same time; expect what arrives to be what was sent."""
    for guest in (one, two):
        guest.agent.must("dd", "if=/dev/urandom", "of=/tmp/out", "bs=65536", f"count={_COPIED >> 16}")
        guest.agent.ask("spawn", "sh", "-c", _ARRIVES)
    wait = "until nc -w 1 10.99.0.{0} 9 </tmp/out; do sleep 0.1; done"
    for guest, other in ((one, 2), (two, 1)):
        guest.agent.ask("spawn", "sh", "-c", wait.format(other))
    for guest in (one, two):
        whole = wait_until(lambda g=guest: g.agent.ask("read", "/tmp/arrived").status == 0, 40.0, 0.1)
        expect(whole, f"data to guest '{guest.spec.name}' had not arrived after 40 s")
    sums = {g.spec.name: [_sum(g, n) for n in ("out", "in")] for g in (one, two)}
    for guest in (one, two):
        guest.agent.run("rm", "-f", "/tmp/out", "/tmp/in", "/tmp/arrived", "/tmp/pipe")
    (sent, came), (other_sent, other_came) = sums.values()
    expect((sent, other_sent) == (other_came, came), "what arrived has another checksum", **sums)
    return [sent[:16], other_sent[:16]]


def _sum(guest: Guest, name: str) -> str:
    return guest.agent.must("sha256sum", f"/tmp/{name}").split()[0]


def _read(path: str) -> str:
    with open(path) as file:  # noqa: PTH123
        return file.read().strip()


@row("bonding", "Bonding in the guest: two virtio cards, one link lost and back under traffic",
     covers=("test-day-13-bonding",), guests=(NET,), after=_BOOTED, seconds=60)  # fmt: skip
def bonding(ground: Ground) -> Observed:
    """active-backup by link state: qemu takes one card's link away, gives it back, and takes the other's."""
    guest = ground.guest(NET)
    names = [guest.interface(m.card) for m in (ON, SECOND)]
    seen: dict[str, object] = {}
    with Changes(ground) as change:
        change.host("ip", "link", "add", "brb", "type", "bridge", back=("ip", "link", "del", "brb"))
        change.host("ip", "addr", "add", "10.98.0.1/24", "dev", "brb")
        change.host("ip", "link", "set", "brb", "up")
        for model in (ON, SECOND):
            tap = guest.spec.tap(model.card)
            change.host("ip", "link", "set", tap, "master", "brb",
                        back=("ip", "link", "set", tap, "nomaster"))  # fmt: skip
        try:
            slaves = [c for n in names for c in (f"link set {n} down", f"link set {n} master bond9")]
            guest.agent.ip(
                "link add bond9 type bond mode active-backup miimon 50",
                *slaves,
                "addr add 10.98.0.2/24 dev bond9",
                "link set bond9 up",
            )
            expect(wait_until(lambda: _active(guest) in names, 10.0), "the bond has no active card")
            _reached("10.98.0.2")
            answers("10.98.0.2", 10)
            for turn in range(2):
                active = _active(guest)
                card = (ON, SECOND)[names.index(active)].card
                seen[f"link {turn + 1} lost"] = _failover(guest, card, active)
            digits = stream("10.98.0.2", 1 << 20, seconds=STALLED * ground.pace)
        finally:
            for card in (ON.card, SECOND.card):
                guest.monitor.execute("set_link", {"name": f"card{card}", "up": True})
            guest.agent.run("ip", "link", "del", "bond9")
            guest.configure()
    return {**seen, "tcp bytes each way": 1 << 20, "checksum": digits}


def _reached(address: str) -> None:
    """Until bridge and neighbours have learnt where the address is now, pings may be lost."""
    found = wait_until(lambda: echoes(address, 1, wait=0.5).lost == 0, 10.0)
    expect(found, f"{address} does not answer within 10 s")


def _active(guest: Guest) -> str:
    return guest.agent.read("/sys/class/net/bond9/bonding/active_slave")


def _failover(guest: Guest, card: int, active: str) -> str:
    """Take the active card's link away under a stream that has to survive it."""
    troubles: list[BaseException] = []

    def carry() -> None:
        try:
            stream("10.98.0.2", 2 << 20, seconds=60)
        except BaseException as error:
            troubles.append(error)

    thread = threading.Thread(target=carry, daemon=True)
    thread.start()
    time.sleep(0.2)
    guest.monitor.execute("set_link", {"name": f"card{card}", "up": False})
    changed = wait_until(lambda: _active(guest) not in (active, ""), 10.0)
    expect(changed, f"the link of {active} is gone and the bond still uses it")
    _reached("10.98.0.2")
    answers("10.98.0.2", 10)
    thread.join(90)
    expect(not thread.is_alive(), "a stream did not survive the change of cards")
    if troubles:
        raise troubles[0]
    guest.monitor.execute("set_link", {"name": f"card{card}", "up": True})
    carrier = wait_until(
        lambda: guest.agent.read(f"/sys/class/net/{active}/operstate") == "up", 10.0
    )  # fmt: skip
    expect(carrier, f"the link of {active} did not come back")
    return f"from {active} to {_active(guest)}"
