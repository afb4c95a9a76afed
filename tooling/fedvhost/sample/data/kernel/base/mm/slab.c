#include <stdlib.h>

#include <linux/module.h>
#include <linux/slab.h>

void *kmalloc(size_t size)
{
	return calloc(1, size);
}
EXPORT_SYMBOL(kmalloc);

void kfree(void *memory)
{
	free(memory);
}
EXPORT_SYMBOL(kfree);
