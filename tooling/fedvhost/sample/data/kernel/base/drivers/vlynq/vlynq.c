#include <linux/module.h>

static int vlynq_init(void)
{
	printk("vlynq: no bus found\n");
	return 0;
}
module_init(vlynq_init);
MODULE_LICENSE("GPL");
