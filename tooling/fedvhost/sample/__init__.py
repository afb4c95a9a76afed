"""The sample upstream: a kernel and a qemu-kvm in miniature, and a workspace that wants vhost-net for f13.

Both are plain C and make, in our own words. They build in seconds, and their histories hold the traps of
the real ones. The steps are in ``kernel.py`` and ``qemu_kvm.py``, the files in ``data/``; a trap's commit
is found by the key given here, ``Sample.commits["kernel/mm-export"]``.

Prerequisites, none of which the manifest names:

=================== =============================================== ==================================
key                 trap                                            in real life
=================== =============================================== ==================================
mm-export           in the base, but not exported: compiles, and    5da779c34cc mm: export use_mm
                    the module cannot be loaded; same author,
                    right before the feature
tun-socket          not defined in the base; not next to the        05c2828c72c tun: export underlying
                    feature: does not compile                       socket
virtio-status       virtio-net-vhost replaces a line that this one  8172539d21 virtio: add features as
                    wrote: conflicts without it, lands clean        qdev properties, and its fixes
virtio-rename       the field that virtio-net-vhost reads has       704a76fcd2 virtio: rename features
                    another name in the base; no conflict says so
logfs               **not** one: its ``log_file`` is not the one    LogFS, the false positive of a
                    that vhost has a field called                   naive symbol scan
=================== =============================================== ==================================

Picks that do not just merge:

=================== =============================================== ==================================
key                 trap                                            in real life
=================== =============================================== ==================================
vhost-net           inserts into a list whose neighbour is not in   the Makefiles' lists
                    the base (drivers/Makefile) and above one that
                    was reworded (MAINTAINERS)
ring-limit          inserts beside an include that only the sweep   picks after 5a0e3ad6af8
                    added
event-notifier      inserts above a line that the fork has in       2292b33986 notifier: event notifier
                    another form (Makefile.target)
virtio-notifiers    inserts after the last line of a file, and of   1cbdabe203 virtio: notifier support
                    a list of functions, that the base lacks
tap-vhost           inserts after an option that the base lacks     82b0d80ef6 tap: add vhost/vhostfd
tap-vhost           elsewhere merges clean and says error_report,   82b0d80ef6 and 1ecda02b24
                    which the base calls qemu_error; it came with
                    error-report, tree-wide: does not link
ioeventfd           one hunk changes a function that the fork does  ca82180603 kvm: add API to set
                    not have; the anchors of another stand inside   ioeventfd
                    KVM_UPSTREAM, which is never built: needs
                    declared adaptations
pci-per-target      takes back what the base never had:             087431d1d1 virtio-pci: compile
                    redundant, though it conflicts                  per-target
tx-stop(-net)       one patch, on two lanes, under two hashes       5c781061a4 = 15a2cb7b70
closed(-kvm)        one patch, applied by both projects             c6b35ac4c4 = 5751995a20
tap-fd              already in the base, cherry-picked to stable    06b1297017
tun-orphan          no path leads to it: ``also``                   0110d6f22f3 tun: orphan an skb on tx
slab-sweep          tree-wide, touches drivers/vhost: ``never``     5a0e3ad6af8 slab.h, 4208 files
macvtap-vhost       later work that touches the paths: ``never``    501c774cb13 net/macvtap: vhost
net-merge           a merge that touches the paths: not a pick      4a1032faac9
merge-vhost         a merge that holds the maintainer's own         ecf79ca799
                    adaptation of ioeventfd
=================== =============================================== ==================================

Follow-ups:

=================== =============================================== ==================================
key                 trap                                            in real life
=================== =============================================== ==================================
index-check         a fix to take; index-check-stable is the same   0f3d9a17469; 79907d89c39 and its
                    in v2.6.34.1 (``commit … upstream.``)           stable form 2f055d42e40
tap-cleanup         a fix to take, in the range and not requested   fae054b070 and others
sock-backlog-fix    names vhost_net and must **not** be taken: its  298359c5bf0, whose cause
                    cause, sock-backlog, is not in the base         34e55232e59f is not in the base
vhost-weight        no fix but a change of behaviour: leave         c23f3445e68 and others
=================== =============================================== ==================================
"""

from __future__ import annotations

from fedvhost.sample.writing import Sample, write_sample

__all__ = ["Sample", "write_sample"]
