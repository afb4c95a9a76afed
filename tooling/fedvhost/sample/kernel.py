"""The miniature kernel: v2.6.33 (the base), v2.6.34 (until), v2.6.34.1 (stable) and v2.6.35.

Two lanes, ``master`` and ``net``, merged once; what each step is there to try is in the package's
docstring.
"""

# ruff: noqa: SIM905  (names, one a line, would be a page)
from __future__ import annotations

from fedvhost.sample.files import folder, text
from fedvhost.sample.history import Append, Change, History, Put, Step, Swap, after, before
from fedvhost.sample.people import ADA, BRUNO, FLORENT, GRETA, MIRA, PAOLA, TOMI

# Files of one function each, so that a sweep has something to sweep.
LIBRARY = (
    "argv_split bitmap bitrev bsearch bust checksum cmdline cpumask crc16 crc7 ctype debug dec_and_lock "
    "devres div64 find_bit gcd hexdump idr iomap kasprintf klist kref list_sort parser"
).split()


def _library_file(name: str) -> str:
    return f"""\
#include <linux/module.h>
#include <linux/percpu.h>

/* Work on a copy: the caller's bytes stay as they are. */
int {name}_sum(const u8 *bytes, size_t length)
{{
	u8 *copy = kmalloc(length + 1);
	int sum = 0;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, bytes, length);
	while (length--)
		sum += copy[length];
	kfree(copy);
	return sum;
}}
EXPORT_SYMBOL({name}_sum);
"""


def _new(*paths: str) -> tuple[Change, ...]:
    return tuple(Put(p, text("kernel/new", p)) for p in paths)


def _percpu_line(path: str) -> str:
    return NOTED_PERCPU if path.removeprefix("lib/").removesuffix(".c") in NOTED else PERCPU


def _version(sublevel: int, was: int) -> Swap:
    return Swap("Makefile", f"SUBLEVEL = {was}\n", f"SUBLEVEL = {sublevel}\n")


PERCPU = "#include <linux/percpu.h>\n"
NOTED_PERCPU = "#include <linux/percpu.h>\t/* allocation */\n"
NOTED = ("crc16", "crc7", "gcd")
SLAB = "#include <linux/slab.h>\n"
SWEPT = (
    "drivers/net/tun.c",
    "drivers/vhost/net.c",
    "drivers/vhost/vhost.c",
    "drivers/xen/bus.c",
    "fs/aio.c",
    "net/skbuff.c",
    *(f"lib/{name}.c" for name in LIBRARY),
)

# One patch, sent to two maintainers.
TX_STOP = Swap(
    "drivers/vhost/net.c",
    "\t\tvhost_add_used(vq, &desc);\n",
    "\t\tif (vhost_add_used(vq, &desc))\n\t\t\tbreak;\n",
)
TX_STOP_BODY = """
When the guest takes its ring away while we send, the descriptor cannot be given back and the same frame
would be sent over and over. Stop instead.
"""
# One fix, on master and on the stable branch.
INDEX = Swap(
    "drivers/vhost/vhost.c",
    "\tif (state->index > (u32)dev->nvqs)\n",
    "\tif (state->index >= (u32)dev->nvqs)\n",
)

BEFORE_VHOST = (
    Step(
        "v2.6.33",
        PAOLA,
        "Linux 2.6.33",
        "A kernel for a sample: it is a program, its modules are loaded by dlopen.",
        (
            *(Put(path, content) for path, content in folder("kernel/base").items()),
            *(Put(f"lib/{name}.c", _library_file(name)) for name in LIBRARY),
            Put("lib/Makefile", "".join(f"obj-y += {name}.o\n" for name in LIBRARY)),
        ),
    ),
    Step(
        "xen-bus",
        FLORENT,
        "xen: a bus between guest and hypervisor",
        "Not built yet; the list of drivers follows when the bus has users.",
        _new("drivers/xen/bus.c", "drivers/xen/Makefile"),
    ),
    Step(
        "tun-socket",
        ADA,
        "tun: export underlying socket",
        """
A tap's other end need not be a program. Give a tap a socket that other parts of the kernel can send
through, and a function that returns it for an open /dev/net/tun.
""",
        (
            before(
                "include/linux/if_tun.h",
                "#endif /* __IF_TUN_H */\n",
                """\
#if defined(CONFIG_TUN) || defined(CONFIG_TUN_MODULE)
struct file;
struct socket;

/* The socket of an open tap, or an error as a pointer. */
struct socket *tun_get_socket(struct file *file);
#else
#include <linux/kernel.h>
static inline struct socket *tun_get_socket(struct file *file)
{
	return ERR_PTR(-EINVAL);
}
#endif /* CONFIG_TUN */
""",
            ),
            after("drivers/net/tun.c", "\tstruct sk_buff **last;\n", "\tstruct socket socket;\n"),
            before(
                "drivers/net/tun.c",
                "static int tun_chr_open(struct file *file)\n",
                """\
static int tun_sendmsg(struct socket *sock, const void *data, size_t len)
{
	return tun_get_user(container_of(sock, struct tun_struct, socket), data, len);
}

static const struct proto_ops tun_socket_ops = {
	.sendmsg = tun_sendmsg,
};

""",
            ),
            after(
                "drivers/net/tun.c",
                "\ttun->last = &tun->first;\n\tfile->private_data = tun;\n",
                "\ttun->socket.ops = &tun_socket_ops;\n",
            ),
            Append(
                "drivers/net/tun.c",
                """
/* For those who send through a tap without being a program. */
struct socket *tun_get_socket(struct file *file)
{
	struct tun_struct *tun = file->private_data;

	if (file->f_op != &tun_fops)
		return ERR_PTR(-EINVAL);
	return &tun->socket;
}
EXPORT_SYMBOL_GPL(tun_get_socket);
""",
            ),
        ),
    ),
    Step(
        "xen-list",
        FLORENT,
        "xen: build the bus, watch the backends too",
        "",
        (
            Swap("drivers/xen/bus.c", 'xen_watch_node("device")', 'xen_watch_node("backend")'),
            after("drivers/Makefile", "obj-$(CONFIG_UIO) += uio/\n", "obj-$(CONFIG_XEN) += xen/\n"),
        ),
    ),
    Step(
        "logfs",
        BRUNO,
        "logfs: a file system that is a log",
        "",
        (
            *_new("fs/logfs/file.c", "fs/logfs/Makefile"),
            Append("fs/Makefile", "obj-$(CONFIG_LOGFS) += logfs/\n"),
        ),
    ),
    Step(
        "vlynq-words",
        FLORENT,
        "vlynq: say what was looked for",
        "",
        (Swap("drivers/vlynq/vlynq.c", "vlynq: no bus found", "vlynq: no bus on this board"),),
    ),
    Step(
        "vlynq-driver",
        FLORENT,
        "vlynq: it is a driver, not a bus",
        "",
        (
            Swap("drivers/vlynq/vlynq.c", "vlynq: no bus on this board", "vlynq: no device on this board"),
            Swap("MAINTAINERS", "VLYNQ BUS\n", "VLYNQ BUS DRIVER\n"),
        ),
    ),
    Step(
        "lib-notes",
        BRUNO,
        "lib: say which headers are there for what",
        "",
        tuple(Swap(f"lib/{name}.c", PERCPU, NOTED_PERCPU) for name in NOTED),
    ),
    Step(
        "mm-export",
        MIRA,
        "mm: export use_mm/unuse_mm to modules",
        """
A thread that serves a guest has to read and write that guest's memory, and such a thread may well live in
a module.
""",
        (
            before("mm/mmu_context.c", "\n/*\n * unuse_mm\n", "EXPORT_SYMBOL_GPL(use_mm);\n"),
            before("mm/mmu_context.c", "\nstatic u8 *user_memory", "EXPORT_SYMBOL_GPL(unuse_mm);\n"),
        ),
    ),
)

VHOST = (
    Step(
        "vhost-net",
        MIRA,
        "vhost_net: a kernel-level virtio server",
        """
A guest's frames go from its ring to a tap inside the kernel: the program that runs the guest sets it up
through /dev/vhost-net and is then out of the way.
""",
        (
            *_new(*(p for p in folder("kernel/new") if "vhost" in p)),
            after("drivers/Makefile", "obj-$(CONFIG_XEN) += xen/\n", "obj-$(CONFIG_VHOST_NET) += vhost/\n"),
            after("arch/x86/Kconfig", 'source "drivers/net/Kconfig"\n', 'source "drivers/vhost/Kconfig"\n'),
            before(
                "MAINTAINERS",
                "VLYNQ BUS DRIVER\n",
                """\
VIRTIO HOST (VHOST)
M:	Mira Tsvetanova <mira@example.org>
L:	kvm@lists.example.org
L:	virtualization@lists.example.org
S:	Maintained
F:	drivers/vhost/
F:	include/linux/vhost.h

""",
            ),
        ),
    ),
    Step(
        "vhost-kconfig",
        MIRA,
        "vhost: fix TUN=m VHOST_NET=y",
        "What is built in cannot call into a module.",
        (
            after(
                "drivers/vhost/Kconfig",
                '\ttristate "Serve virtio network cards in the kernel"\n',
                "\tdepends on TUN || !TUN\n",
            ),
        ),
    ),
    # The net lane.
    Step(
        "macvtap",
        ADA,
        "net: macvtap driver",
        "A tap that sits on a hardware device, without a bridge between.",
        (
            *_new("drivers/net/macvtap.c", "include/linux/if_macvlan.h"),
            Append("drivers/net/Makefile", "obj-$(CONFIG_MACVTAP) += macvtap.o\n"),
        ),
    ),
    Step(
        "macvtap-vhost",
        ADA,
        "net/macvtap: add vhost support",
        "Let vhost net send through a macvtap as it does through a tap.",
        (
            before(
                "include/linux/if_macvlan.h",
                "#endif /* _LINUX_IF_MACVLAN_H */\n",
                """\
#if defined(CONFIG_MACVTAP) || defined(CONFIG_MACVTAP_MODULE)
struct socket *macvtap_get_socket(struct file *file);
#else
static inline struct socket *macvtap_get_socket(struct file *file)
{
	return ERR_PTR(-EINVAL);
}
#endif

""",
            ),
            Append(
                "drivers/net/macvtap.c",
                """
struct socket *macvtap_get_socket(struct file *file)
{
	struct macvtap_queue *q = file->private_data;

	if (file->f_op != &macvtap_fops)
		return ERR_PTR(-EINVAL);
	return &q->sock;
}
EXPORT_SYMBOL_GPL(macvtap_get_socket);
""",
            ),
            after("drivers/vhost/net.c", "#include <linux/fs.h>\n", "#include <linux/if_macvlan.h>\n"),
            after(
                "drivers/vhost/net.c",
                "\tsock = get_tun_socket(file);\n\tif (sock)\n\t\treturn sock;\n",
                "\tsock = macvtap_get_socket(file);\n\tif (!IS_ERR(sock))\n\t\treturn sock;\n",
            ),
        ),
    ),
    Step("tx-stop-net", MIRA, "vhost-net: stop when the ring cannot be written", TX_STOP_BODY, (TX_STOP,)),
    # Back on master.
    Step(
        "tx-stop",
        MIRA,
        "vhost-net: stop when the ring cannot be written",
        TX_STOP_BODY,
        (TX_STOP,),
        onto="vhost-kconfig",
    ),
    Step(
        "slab-sweep",
        TOMI,
        "include cleanup: whoever allocates includes slab.h",
        """
percpu.h includes slab.h, and half the tree lives on that. Say it where it is used, and take it out of
percpu.h. Done by a script.
""",
        (
            Swap("include/linux/percpu.h", SLAB, ""),
            *(after(path, _percpu_line(path), SLAB) for path in SWEPT),
        ),
    ),
    Step(
        "ring-limit",
        MIRA,
        "vhost: refuse rings longer than an iovec",
        "",
        (
            after("drivers/vhost/vhost.c", SLAB, "#include <linux/uio.h>\n"),
            after(
                "drivers/vhost/vhost.c",
                "\t\tif (!state->num || (state->num & (state->num - 1)))\n\t\t\treturn -EINVAL;\n",
                "\t\tif (state->num > UIO_MAXIOV)\n\t\t\treturn -EINVAL;\n",
            ),
        ),
    ),
    Step(
        "sock-backlog",
        ADA,
        "net: count frames that were dropped unseen",
        "",
        (
            after("net/skbuff.c", SLAB, "\nstatic unsigned long dropped;\n"),
            before("net/skbuff.c", "\tif (skb->destructor)\n", "\tdropped += skb->len;\n"),
        ),
    ),
    Step(
        "tun-orphan",
        ADA,
        "tun: orphan an skb on tx",
        """
A frame that nobody reads from the tap keeps its sender waiting for ever: a guest's network hangs. The
sender need not wait for it.
""",
        (
            before(
                "drivers/net/tun.c",
                "\t/* At the end of the line. */\n",
                "\t/* Whoever reads may never come: let the sender go. */\n\tskb_orphan(skb);\n\n",
            ),
        ),
    ),
    Step(
        "net-merge",
        ADA,
        "Merge branch 'net' into master",
        """
Conflicts:
	drivers/vhost/net.c

macvtap allocates, so it includes slab.h now.
""",
        (after("drivers/net/macvtap.c", PERCPU, SLAB),),
        merges="tx-stop-net",
        without=("tx-stop-net",),
    ),
    Step("v2.6.34", PAOLA, "Linux 2.6.34", "", (_version(34, 33),)),
)

AFTERWARDS = (
    Step(
        "index-check",
        MIRA,
        "vhost: fix the check of the ring's index",
        """
Rings are counted from 0, so an index as large as their number is one too many: whoever may open
/dev/vhost-net can write behind the array. Broken since {vhost-net}.
""",
        (INDEX,),
    ),
    Step(
        "sock-backlog-fix",
        ADA,
        "net: count frames and not bytes that were dropped",
        """
Commit {sock-backlog} adds up bytes. vhost_net shows it first, as its frames are large. There is nothing to
fix in a tree that does not have that commit.
""",
        (Swap("net/skbuff.c", "\tdropped += skb->len;\n", "\tdropped++;\n"),),
    ),
    Step(
        "vhost-weight",
        MIRA,
        "vhost-net: handle half as many frames in one go",
        "With more guests than processors the last one waited too long.",
        (Swap("drivers/vhost/net.c", "#define VHOST_NET_WEIGHT 256\n", "#define VHOST_NET_WEIGHT 128\n"),),
    ),
    Step("v2.6.35", PAOLA, "Linux 2.6.35", "", (_version(35, 34),)),
    # The stable branch.
    Step(
        "index-check-stable",
        MIRA,
        "vhost: fix the check of the ring's index",
        "commit {index-check} upstream.",
        (INDEX,),
        onto="v2.6.34",
    ),
    Step(
        "v2.6.34.1",
        GRETA,
        "Linux 2.6.34.1",
        "",
        (Swap("Makefile", "EXTRAVERSION =\n", "EXTRAVERSION = .1\n"),),
    ),
)

KERNEL = History(
    start=1267056000,  # 2010-02-25
    steps=(*BEFORE_VHOST, *VHOST, *AFTERWARDS),
    branches={"master": "v2.6.35", "linux-2.6.34.y": "v2.6.34.1"},
    tags={t: t for t in ("v2.6.33", "v2.6.34", "v2.6.34.1", "v2.6.35")},
)
