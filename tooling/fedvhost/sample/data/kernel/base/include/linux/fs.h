#ifndef _LINUX_FS_H
#define _LINUX_FS_H

#include <linux/kernel.h>

struct file;

struct file_operations {
	int (*open)(struct file *file);
	int (*release)(struct file *file);
	long (*read)(struct file *file, void *buffer, size_t length);
	long (*write)(struct file *file, const void *buffer, size_t length);
	long (*ioctl)(struct file *file, unsigned int request, void *argument);
};

struct file {
	const struct file_operations *f_op;
	void *private_data;
};

/* A character device with a name of its own. */
struct miscdevice {
	const char *name;
	const struct file_operations *fops;
	struct miscdevice *next;
};

int misc_register(struct miscdevice *misc);
void misc_list(void);

#endif
