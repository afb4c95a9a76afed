#include <linux/module.h>

static int uio_init(void)
{
	printk("uio: ready\n");
	return 0;
}
module_init(uio_init);
MODULE_LICENSE("GPL");
