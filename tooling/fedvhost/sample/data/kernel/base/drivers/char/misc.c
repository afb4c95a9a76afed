/*
 * Character devices with a name of their own.
 */
#include <linux/fs.h>
#include <linux/module.h>

static struct miscdevice *misc_devices;

int misc_register(struct miscdevice *misc)
{
	struct miscdevice *other;

	for (other = misc_devices; other; other = other->next)
		if (!strcmp(other->name, misc->name))
			return -EBUSY;
	misc->next = misc_devices;
	misc_devices = misc;
	return 0;
}
EXPORT_SYMBOL(misc_register);

void misc_list(void)
{
	struct miscdevice *misc;

	for (misc = misc_devices; misc; misc = misc->next)
		printk("/dev/%s\n", misc->name);
}
