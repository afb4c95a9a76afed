/*
 * The bus between a guest and the hypervisor below it.
 */
#include <linux/module.h>
#include <linux/percpu.h>

struct xen_watch {
	struct xen_watch *next;
	const char *node;
};

static struct xen_watch *watches;

int xen_watch_node(const char *node)
{
	struct xen_watch *watch = kmalloc(sizeof(*watch));

	if (!watch)
		return -ENOMEM;
	watch->node = node;
	watch->next = watches;
	watches = watch;
	return 0;
}

static int xen_bus_init(void)
{
	return xen_watch_node("device");
}
module_init(xen_bus_init);
MODULE_LICENSE("GPL");
