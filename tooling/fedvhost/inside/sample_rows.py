"""Shape ``sample``: what the sample's packages install, in a test host of its own.

The sample's kernel is a program that loads its modules as shared objects, its emulator a program that takes
qemu's options. What is asked here is the same as of the real ones: do the built packages do what the feature
promises, and nothing more than that when nobody asks for it?
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fedvhost.inside.command import Done, run
from fedvhost.inside.ground import Ground
from fedvhost.inside.modules import VHOST_NET, unload
from fedvhost.inside.rows import Observed, Rows, Undecided, expect

ROWS = Rows()
row = ROWS.row
ROOT = Path("/opt/fedvhost-sample")
LOADS = "etc/sysconfig/modules/vhost_net.modules"
BLACKLISTS = "etc/modprobe.d/blacklist-vhost_net.conf"


@row("load", "The built kernel loads vhost_net, and not without tun's export", covers=("load",))
def load(ground: Ground) -> Observed:
    """vhost_net loads after tun; alone it is refused, by the name of what it calls."""
    kernel, vhost, tun = _kernel(), _module("vhost_net"), _module("tun")
    alone = run(kernel, vhost)
    expect(alone.status != 0, "vhost_net was loaded without tun, whose function it calls", said=alone.said)
    expect("tun_get_socket" in alone.said, "the refusal does not name tun_get_socket", said=alone.said)
    both = run(kernel, tun, vhost)
    expect(both.status == 0, f"vhost_net does not load: {both.said[-300:]}")
    expect("/dev/vhost-net" in both.said.split(), "vhost_net registers no /dev/vhost-net", said=both.said)
    return {"alone": alone.said.splitlines()[-1], "after tun": "loaded; /dev/vhost-net"}


@row("options", "The built emulator knows vhost= and vhostfd=", covers=("options",))
def options(ground: Ground) -> Observed:
    """With vhost-net in the host vhost=on works; without it, it is refused with a message."""
    ground.load_vhost()
    expect(_tap("vhost=on").status == 0, "vhost=on is refused though there is a /dev/vhost-net")
    expect(_tap("vhost=off").status == 0, "vhost=off is refused")
    alone = _tap("vhostfd=7")
    expect(alone.status != 0 and "vhostfd" in alone.said, "vhostfd= alone is not refused", said=alone.said)
    _without_vhost()
    without = _tap("vhost=on")
    expect(without.status != 0 and without.said, "vhost=on is taken where there is none", said=without.said)
    unknown = _tap("vhsot=on")
    expect(unknown.status != 0, "an option that nobody knows is taken, so none of this shows anything")
    return {"without vhost-net": without.said, "vhostfd alone": alone.said}


@row("contingency", "With the shipped default nothing uses vhost unless asked to")
def contingency(ground: Ground) -> Observed:
    """The boot-time files and the emulator's own default say the same; they are told apart by what happens
    where there is no vhost-net: who wants it is refused."""
    loads, blacklists = (ROOT / LOADS).exists(), (ROOT / BLACKLISTS).exists()
    expect(
        loads != blacklists,
        "of the file that loads vhost_net and the one that keeps it out, not one is there",
    )
    _without_vhost()
    asked_for = _tap().status != 0
    expect(
        asked_for == loads,
        f"the files say {_word(loads)}, and a guest without vhost= is started with {_word(asked_for)}",
    )
    return {"shipped": _word(loads), "at boot": LOADS if loads else BLACKLISTS}


def _word(on: bool) -> str:
    return "vhost on" if on else "vhost off"


def _tap(*options: str) -> Done:
    """Start the emulator with a tap."""
    return run(_only("bin/qemu-kvm"), "-netdev", ",".join(("tap", "id=n0", "ifname=tap0", *options)))


def _without_vhost() -> None:
    unload("vhost_net")
    if VHOST_NET.exists():
        raise Undecided("vhost_net cannot be unloaded here")


def _kernel() -> str:
    return _only("boot/vmlinuz-*")


def _module(name: str) -> str:
    return _only(f"lib/modules/*/kernel/**/{name}.ko")


def _only(pattern: str) -> str:
    found: Sequence[Path] = sorted(ROOT.glob(pattern))
    if len(found) != 1:
        raise Undecided(f"the packages install {len(found)} files '{ROOT / pattern}'; one is expected")
    return str(found[0])
