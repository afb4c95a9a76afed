"""The miniature qemu-kvm: qemu-kvm-0.12.3 (the base, on a stable branch) and qemu-kvm-0.13.0 (until).

Two projects in one history, as in life: qemu's own lane and the fork's, ``master``, which merges it now and
then. What each step is there to try is in the package's docstring.
"""

# ruff: noqa: SIM905  (names, one a line, would be a page)
from __future__ import annotations

from fedvhost.sample.files import folder, text
from fedvhost.sample.history import Append, Change, History, Put, Reword, Step, Swap, after, before
from fedvhost.sample.people import ADA, BRUNO, FLORENT, GRETA, HANNO, MIRA, PAOLA, TOMI

# Devices of one function each, so that a sweep has something to sweep.
DEVICES = (
    "acpi apic cirrus_vga cs4231a dma e1000 eepro100 es1370 fdc fw_cfg i8254 i8259 lsi53c895a mc146818rtc "
    "ne2000 parallel pckbd pcnet piix_pci rtl8139 sb16 serial vmware_vga watchdog"
).split()


def _device_file(name: str) -> str:
    return f"""\
/*
 * {name}: one register, and what happens when the guest writes nonsense to it.
 */
#include "qemu-common.h"

static uint32_t {name}_register;

void {name}_write(uint32_t value)
{{
    if (value & 0x80000000) {{
        qemu_error("{name}: the guest wrote 0x%x", value);
        return;
    }}
    {name}_register = value;
}}
"""


def _new(*paths: str) -> tuple[Change, ...]:
    return tuple(Put(p, text("qemu-kvm/new", p)) for p in paths)


def _to_error_report(*paths: str) -> tuple[Change, ...]:
    return tuple(Reword(path, "qemu_error(", "error_report(") for path in paths)


SAYS_ERROR = (
    "qemu-error.c",
    "qemu-error.h",
    "net.c",
    "net/tap.c",
    "vl.c",
    "hw/msix.c",
    "hw/qdev.c",
    "hw/virtio.c",
    "hw/virtio-pci.c",
    *(f"hw/{name}.c" for name in DEVICES),
)
COMMON_MSIX = after("Makefile.objs", "hw-obj-y += hw/watchdog.o\n", "hw-obj-y += hw/msix.o\n")

IOEVENTFD_PROTOTYPE = """\
/* what happens outside of a processor */
int kvm_set_ioeventfd(int queue, int fd, int assign);
"""
IOEVENTFD = """\
static int kvm_event(int type, int number, int fd, int assign)
{
    if (number < 0 || fd < 0) {
        return -EINVAL;
    }
    return kvm_vm_ioctl(type, assign ? fd : -1);
}

/* a write to the queue's notification register is an event on fd */
int kvm_set_ioeventfd(int queue, int fd, int assign)
{
    return kvm_event(KVM_IOEVENTFD, queue, fd, assign);
}

"""
IRQFD_PROTOTYPE = "int kvm_set_irqfd(int gsi, int fd, int assigned);\n"
IRQFD = """\
/* an event on fd is an interrupt to the guest */
int kvm_set_irqfd(int gsi, int fd, int assigned)
{
    return kvm_event(KVM_IRQFD, gsi, fd, assigned);
}

"""
IRQFD_BEFORE = "/* a write to the queue's notification register is an event on fd */\n"

# One fix, upstream and on the stable branch.
TAP_FD = (
    Swap(
        "net/tap.c",
        "    if (fd < 0 || fd > 65535) {\n",
        "    if (*end || end == param || fd < 0 || fd > 65535) {\n",
    ),
)
# One patch, applied by both projects.
CLOSED = (after("hw/vhost.c", "    close(hdev->control);\n", "    hdev->control = -1;\n"),)

STABLE = (
    Step(
        "qemu-0.12.0",
        PAOLA,
        "Update version for 0.12.0",
        "A qemu for a sample: it has a command line, and devices that do very little.",
        (
            *(Put(path, content) for path, content in folder("qemu-kvm/base").items()),
            *(Put(f"hw/{name}.c", _device_file(name)) for name in DEVICES),
            before(
                "Makefile.objs",
                "hw-obj-y += hw/fw_cfg.o\n",
                "".join(f"hw-obj-y += hw/{n}.o\n" for n in DEVICES if n not in ("fw_cfg", "watchdog")),
            ),
        ),
    ),
    Step(
        "fork",
        HANNO,
        "qemu-kvm: our own way to KVM",
        "What upstream does differently is kept under KVM_UPSTREAM.",
        (
            *(Put(path, content) for path, content in folder("qemu-kvm/fork").items()),
            before("Makefile", "install: qemu-kvm\n", "kvm-all.o: qemu-kvm.c\n\n"),
            Swap("Makefile.target", " hw/msix.o\n", " hw/msix.o hw/extboot.o\n"),
        ),
    ),
    Step(
        "tap-fd",
        ADA,
        "tap: refuse a descriptor that is no number",
        "fd=3x was taken for fd=3, and fd= for fd=0.",
        TAP_FD,
        onto="qemu-0.12.0",
    ),
    Step(
        "tap-fd-stable",
        ADA,
        "tap: refuse a descriptor that is no number",
        "fd=3x was taken for fd=3, and fd= for fd=0.\n\n(cherry picked from commit {tap-fd})",
        TAP_FD,
        onto="fork",
    ),
    Step("0.12.3", GRETA, "qemu-kvm 0.12.3", "", (Put("VERSION", "0.12.3\n"),)),
)

QEMU = (
    Step(
        "compile-once",
        BRUNO,
        "Makefile: compile msix and virtio-pci once for all targets",
        "",
        (
            COMMON_MSIX,
            after("Makefile.objs", "hw-obj-y += hw/msix.o\n", "hw-obj-y += hw/virtio-pci.o\n"),
            Swap(
                "Makefile.target",
                "obj-y += hw/virtio-net.o hw/virtio-pci.o hw/msix.o\n",
                "obj-y += hw/virtio-net.o\n",
            ),
        ),
        onto="tap-fd",
    ),
    Step(
        "virtio-status",
        ADA,
        "virtio-net: one rule for every change of status",
        "A guest that takes DRIVER_OK back without a reset was still served.",
        (
            Swap(
                "hw/virtio-net.c",
                """\
    if (status == 0) {
        n->started = 0;
        n->tx_pending = 0;
    } else if (status & VIRTIO_CONFIG_S_DRIVER_OK) {
        n->started = 1;
    }
""",
                """\
    n->started = (status & VIRTIO_CONFIG_S_DRIVER_OK) != 0;
    n->tx_pending = n->started && n->tx_pending;
""",
            ),
        ),
    ),
    Step(
        "virtio-rename",
        MIRA,
        "virtio: rename features -> guest_features",
        "There will be host_features too.",
        (
            Swap("hw/virtio.h", "    uint32_t features;\n", "    uint32_t guest_features;\n"),
            Reword("hw/virtio.c", "vdev->features", "vdev->guest_features"),
            Reword("hw/virtio-pci.c", "vdev->features", "vdev->guest_features"),
        ),
    ),
    Step(
        "queue-check",
        FLORENT,
        "virtio: check the number of a queue",
        "",
        (
            Swap(
                "hw/virtio.c",
                "    return vdev->vq[n].num;\n",
                "    return n < VIRTIO_PCI_QUEUE_MAX ? vdev->vq[n].num : 0;\n",
            ),
        ),
    ),
    Step(
        "vectors-max",
        FLORENT,
        "virtio: tell how many vectors a device can use",
        "",
        (
            Swap(
                "hw/virtio.c", "n < VIRTIO_PCI_QUEUE_MAX ? vdev", "n >= 0 && n < VIRTIO_PCI_QUEUE_MAX ? vdev"
            ),
            Append(
                "hw/virtio.c",
                """
/* One vector for each queue, and one for what is not a queue's. */
const unsigned int virtio_vectors_max = VIRTIO_PCI_QUEUE_MAX + 1;
""",
            ),
            after(
                "hw/virtio.h",
                "unsigned int virtio_queue_get_num(VirtIODevice *vdev, int n);\n",
                "extern const unsigned int virtio_vectors_max;\n",
            ),
        ),
    ),
    Step(
        "helper-header",
        BRUNO,
        "tap: a place for programs that set up a bridge",
        "",
        (Put("net/helper.h", '/* Programs that set up a bridge. */\n#define DEFAULT_BRIDGE "virbr0"\n'),),
    ),
    Step(
        "helper-option",
        BRUNO,
        "tap: name the program that sets up the bridge",
        "",
        (
            Swap("net/helper.h", '"virbr0"', '"br0"'),
            after(
                "net.c",
                '    { "vnet_hdr", "leave checksums and splitting to the host" },\n',
                '    { "helper", "program that sets up the bridge" },\n',
            ),
        ),
    ),
    Step(
        "error-report",
        TOMI,
        "error: rename qemu_error() to error_report()",
        "Done by a script; no change in what is said.",
        _to_error_report(*SAYS_ERROR, "kvm-all.c"),
    ),
)

VHOST = (
    Step(
        "event-notifier",
        MIRA,
        "notifier: event notifier implementation",
        "A thing to wait on that the kernel can signal as well as we; an eventfd inside.",
        (
            *_new("hw/event_notifier.c", "hw/event_notifier.h"),
            after("Makefile.target", "obj-y := hw/virtio.o\n", "obj-y += hw/event_notifier.o\n"),
        ),
    ),
    Step(
        "virtio-notifiers",
        MIRA,
        "virtio: notifier support + APIs for queue fields",
        "Whoever serves a queue in our place must be told by the guest, and must be able to tell it.",
        (
            after("hw/virtio.h", '#include "net.h"\n', '#include "hw/event_notifier.h"\n'),
            after(
                "hw/virtio.h",
                "    uint16_t last_avail_idx;\n",
                "    EventNotifier guest_notifier;\n    EventNotifier host_notifier;\n",
            ),
            after(
                "hw/virtio.h",
                "extern const unsigned int virtio_vectors_max;\n",
                "EventNotifier *virtio_queue_get_guest_notifier(VirtIODevice *vdev, int n);\n"
                "EventNotifier *virtio_queue_get_host_notifier(VirtIODevice *vdev, int n);\n",
            ),
            Append(
                "hw/virtio.c",
                """
EventNotifier *virtio_queue_get_guest_notifier(VirtIODevice *vdev, int n)
{
    return &vdev->vq[n].guest_notifier;
}

EventNotifier *virtio_queue_get_host_notifier(VirtIODevice *vdev, int n)
{
    return &vdev->vq[n].host_notifier;
}
""",
            ),
        ),
    ),
    Step(
        "pci-per-target",
        BRUNO,
        "virtio-pci: compile per-target",
        "It will ask KVM for things, so it is not the same for all targets any more.",
        (
            Swap("Makefile.objs", "hw-obj-y += hw/virtio-pci.o\n", ""),
            Swap(
                "Makefile.target", "obj-y += hw/virtio-net.o\n", "obj-y += hw/virtio-net.o hw/virtio-pci.o\n"
            ),
        ),
    ),
    Step(
        "ioeventfd",
        MIRA,
        "kvm: add API to set ioeventfd",
        "A guest's notification becomes an event that the kernel can wait for.",
        (
            Swap(
                "kvm-all.c",
                "    s->coalesced_mmio = kvm_check_extension(s, KVM_CAP_COALESCED_MMIO);\n",
                """\
    /* both trap the same writes */
    if (!kvm_check_extension(s, KVM_CAP_IOEVENTFD)) {
        s->coalesced_mmio = kvm_check_extension(s, KVM_CAP_COALESCED_MMIO);
    }
""",
            ),
            before("kvm-all.c", "int kvm_vcpu_ioctl(int cpu, int type, long arg)\n", IOEVENTFD),
            after("kvm.h", "int kvm_vm_ioctl(int type, long arg);\n", IOEVENTFD_PROTOTYPE),
        ),
    ),
    Step(
        "irqfd",
        MIRA,
        "kvm: irqfd support",
        "",
        (
            before("kvm-all.c", IRQFD_BEFORE, IRQFD),
            before("kvm.h", "int kvm_set_ioeventfd(int queue, int fd, int assign);\n", IRQFD_PROTOTYPE),
        ),
    ),
    Step(
        "vhost-support",
        MIRA,
        "vhost: vhost net support",
        "The device by itself; the tap and the card learn of it in the next commits.",
        (
            *_new("hw/vhost.c", "hw/vhost.h", "hw/vhost_net.c", "hw/vhost_net.h"),
            Append("Makefile.target", "obj-$(CONFIG_VHOST_NET) += hw/vhost.o\nobj-y += hw/vhost_net.o\n"),
            after("configure", "kvm=yes\n", "vhost_net=no\n"),
            before(
                "configure",
                "{\n    echo",
                'if test "$kvm" = yes && test -f kvm/include/linux/vhost.h; then\n    vhost_net=yes\nfi\n\n',
            ),
            before(
                "configure",
                "} > config-host.mak\n",
                '    if test "$vhost_net" = yes; then\n        echo "CONFIG_VHOST_NET=y"\n    fi\n',
            ),
            Append("configure", 'echo "vhost-net support $vhost_net"\n'),
        ),
    ),
    Step(
        "tap-vhost",
        MIRA,
        "tap: add vhost/vhostfd options",
        "Off unless asked for, as long as there are so few kernels that have it.",
        (
            after(
                "net.c",
                '    { "helper", "program that sets up the bridge" },\n',
                '    { "vhost", "let the kernel move the frames" },\n'
                '    { "vhostfd", "a /dev/vhost-net that is open already, by its number" },\n',
            ),
            Swap(
                "qemu-options.hx",
                "[,vnet_hdr=on|off]\\n",
                "[,vnet_hdr=on|off][,vhost=on|off][,vhostfd=h]\\n",
            ),
            after(
                "qemu-options.hx",
                '    "                use vnet_hdr=off to refuse offloads\\n"',
                '\n    "                use vhost=on to let the host\'s kernel move the frames\\n"'
                "\n    \"                use 'vhostfd=h' for a /dev/vhost-net that is open already\\n\"",
            ),
            after("net/tap.h", '#include "net.h"\n', '#include "hw/vhost_net.h"\n'),
            after(
                "net/tap.h",
                "int tap_get_fd(VLANClientState *vc);\n",
                "VHostNetState *tap_get_vhost_net(VLANClientState *vc);\n",
            ),
            after("net/tap.c", "    unsigned int received;\n", "    VHostNetState *vhost_net;\n"),
            before(
                "net/tap.c",
                "static TAPState *net_tap_fd_init(",
                """\
VHostNetState *tap_get_vhost_net(VLANClientState *nc)
{
    TAPState *s = (TAPState *)nc;

    return s->vhost_net;
}

""",
            ),
            before(
                "net/tap.c",
                "    return &s->nc;\n",
                """\
    if (qemu_opt_get_bool(opts, "vhost", 0)) {
        int vhostfd = -1;

        if (qemu_opt_get(opts, "vhostfd", value, sizeof(value))) {
            vhostfd = net_handle_fd_param(value);
            if (vhostfd < 0) {
                return NULL;
            }
        }
        s->vhost_net = vhost_net_init(&s->nc, vhostfd);
        if (!s->vhost_net) {
            error_report("there is no vhost-net to be had");
            return NULL;
        }
    } else if (qemu_opt_get(opts, "vhostfd", value, sizeof(value))) {
        error_report("vhostfd= is for vhost=on");
        return NULL;
    }

""",
            ),
        ),
    ),
    Step(
        "virtio-net-vhost",
        MIRA,
        "virtio-net: vhost net support",
        "While the guest's driver is up, the kernel serves the card's queues and we keep out.",
        (
            after("hw/virtio-net.c", '#include "hw/virtio.h"\n', '#include "hw/vhost_net.h"\n'),
            after("hw/virtio-net.c", "    int mergeable_rx_bufs;\n", "    int vhost_started;\n"),
            Swap(
                "hw/virtio-net.c",
                "    return features;\n",
                """\
    if (!n->peer || !tap_get_vhost_net(n->peer)) {
        return features;
    }
    return vhost_net_get_features(tap_get_vhost_net(n->peer), features);
""",
            ),
            before(
                "hw/virtio-net.c",
                "static void virtio_net_set_status(",
                """\
/* The kernel serves the queues as long as the guest's driver is there. */
static void virtio_net_vhost_status(VirtIONet *n, uint8_t status)
{
    int wanted = !!(status & VIRTIO_CONFIG_S_DRIVER_OK);
    VHostNetState *vhost = n->peer ? tap_get_vhost_net(n->peer) : NULL;

    if (!vhost || wanted == n->vhost_started) {
        return;
    }
    if (wanted) {
        vhost_net_ack_features(vhost, n->vdev.guest_features);
        n->vhost_started = vhost_net_start(vhost, &n->vdev) == 0;
    } else {
        vhost_net_stop(vhost, &n->vdev);
        n->vhost_started = 0;
    }
}

""",
            ),
            Swap(
                "hw/virtio-net.c",
                "    n->started = (status & VIRTIO_CONFIG_S_DRIVER_OK) != 0;\n",
                "    virtio_net_vhost_status(n, status);\n"
                "    n->started = !n->vhost_started && (status & VIRTIO_CONFIG_S_DRIVER_OK);\n",
            ),
        ),
    ),
)

FORK = (
    Step(
        "vhost-header",
        HANNO,
        "qemu-kvm: add vhost.h header",
        "The one that kernels of today install does not have it yet.",
        _new("kvm/include/linux/vhost.h"),
        onto="fork",
    ),
    Step(
        "merge-vhost",
        HANNO,
        "Merge branch 'upstream-merge'",
        """
Conflicts:
	Makefile.target
	kvm-all.c
	kvm.h

Ask for no extension in kvm_init: ours is another one.
""",
        (
            *_to_error_report(*SAYS_ERROR, "qemu-kvm.c"),
            COMMON_MSIX,
            Swap("Makefile.target", " hw/msix.o hw/extboot.o\n", " hw/extboot.o\n"),
            before(
                "kvm-all.c",
                '#include "qemu-kvm.c"\n',
                IOEVENTFD.replace(IRQFD_BEFORE, IRQFD + IRQFD_BEFORE),
            ),
            after("kvm.h", "int kvm_vm_ioctl(int type, long arg);\n", IOEVENTFD_PROTOTYPE + IRQFD_PROTOTYPE),
        ),
        merges="virtio-net-vhost",
        without=("compile-once", "pci-per-target", "error-report", "ioeventfd", "irqfd"),
    ),
    Step(
        "closed-kvm",
        MIRA,
        "vhost: forget the descriptor that was closed",
        "The next guest to use the device would close somebody else's.",
        CLOSED,
    ),
    Step(
        "closed",
        MIRA,
        "vhost: forget the descriptor that was closed",
        "The next guest to use the device would close somebody else's.",
        CLOSED,
        onto="virtio-net-vhost",
    ),
    Step(
        "tap-cleanup",
        MIRA,
        "tap: stop vhost when the tap goes away",
        "Otherwise the kernel keeps serving a guest that is gone. Broken since {tap-vhost}.",
        (
            before("net/tap.c", "    s->fd = -1;\n    free(s);\n", "    vhost_net_cleanup(s->vhost_net);\n"),
            after(
                "hw/vhost_net.h",
                "void vhost_net_stop(VHostNetState *net, VirtIODevice *dev);\n",
                "void vhost_net_cleanup(VHostNetState *net);\n",
            ),
            before(
                "hw/vhost_net.c",
                "#else\nVHostNetState *vhost_net_init",
                """\

void vhost_net_cleanup(VHostNetState *net)
{
    if (net) {
        vhost_dev_cleanup(&net->dev);
        free(net);
    }
}
""",
            ),
            Swap(
                "hw/vhost_net.c",
                "void vhost_net_stop(VHostNetState *net, VirtIODevice *dev)\n{\n}\n#endif\n",
                "void vhost_net_stop(VHostNetState *net, VirtIODevice *dev)\n{\n}\n\n"
                "void vhost_net_cleanup(VHostNetState *net)\n{\n}\n#endif\n",
            ),
        ),
    ),
    Step(
        "merge-again",
        HANNO,
        "Merge branch 'upstream-merge'",
        "",
        (),
        onto="closed-kvm",
        merges="tap-cleanup",
        without=("closed",),
    ),
    Step("0.13.0", HANNO, "qemu-kvm 0.13.0", "", (Put("VERSION", "0.13.0\n"),)),
)

QEMU_KVM = History(
    start=1261008000,  # 2009-12-17
    steps=(*STABLE, *QEMU, *VHOST, *FORK),
    branches={"master": "0.13.0", "stable-0.12": "0.12.3", "qemu": "tap-cleanup"},
    tags={"qemu-kvm-0.12.3": "0.12.3", "qemu-kvm-0.13.0": "0.13.0"},
)
