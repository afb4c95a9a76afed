"""Shape ``f13``: the kernel and the qemu-kvm that were built for Fedora 13, and a guest on the same kernel.

No Python runs there: the C library of today asks for what 2.6.33 does not have. The rows are functions of a
shell, ``f13/rows.sh``, with programs of our own beside it; here is what they are called, and what they cover.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fedvhost.inside.rows import Observed, Rows, Undecided

if TYPE_CHECKING:
    from fedvhost.inside.ground import Ground

ROWS = Rows()
_LOADED = ("module-load",)
_BOTH = ("vhost-on", "vhost-off")


def _in_the_shell(_: Ground) -> Observed:
    raise Undecided("this row is carried out by f13/rows.sh")


def _row(id: str, title: str, *covers: str, after: tuple[str, ...] = _LOADED, seconds: float = 90.0) -> None:
    ROWS.row(id, title, covers=covers, after=after, seconds=seconds)(_in_the_shell)


_row("module-load", "The built kernel loads vhost_net", "module-load-unload", after=(), seconds=20.0)
_row("device", "/dev/vhost-net: owner, features, memory table", seconds=20.0)
_row("arguments", "Bad arguments are refused, each with its own error", seconds=20.0)
_row("options", "The built qemu-kvm knows vhost= and vhostfd=", after=(), seconds=20.0)
_row("vhost-on", "A guest with vhost=on: pings, data both ways")
_row("vhost-off", "The same with vhost=off")
_row("check-lsmod", "Documented check 1: vhost_net has references", after=_BOTH)
_row("check-bit-15", "Documented check 2: bit 15 is 0 with vhost, 1 without", after=_BOTH)
_row("check-worker", "Documented check 3: a vhost thread works", after=_BOTH)
_row("vhostfd", "A /dev/vhost-net that is handed over: vhostfd=")
_row("unload", "rmmod is refused in use, and works afterwards", "module-load-unload")
_row("absent", "vhost=on without the module is a clean error")
# After loading: who would use vhost unasked must be able to.
_row("contingency", "With the shipped default, vhost is used only if asked for")
_row("killed", "A guest is killed under load: nothing of it stays")
_row("several-nics", "virtio with vhost, twice, without, and e1000", "several-vnics")
_row("vlan", "A VLAN in the guest", "guest-vlan", "test-day-06-vlan")
_row("mtu", "MTUs of 600, 1500 and 9000", "mtu-sizes", "test-day-03-jumbo-frames")
_row("migrate-on-on", "Live migration, vhost=on to vhost=on", "live-migration")
_row("migrate-on-off", "Live migration, vhost=on to vhost=off", "live-migration")
_row("migrate-off-off", "Live migration, vhost=off to vhost=off", after=())
_row("migrate-off-on", "Live migration, vhost=off to vhost=on: refused by the destination")
_row("migrate-off-on-mrg", "The same with mrg_rxbuf=off on both: it works", "live-migration")
_row("address", "A memory table that cannot be read is refused", seconds=20.0)
# The last: where it is not refused, the kernel is not to be trusted afterwards.
_row("index", "The index of a ring that is not there is refused", seconds=20.0)
