#ifndef _LINUX_SLAB_H
#define _LINUX_SLAB_H

#include <stddef.h>

/* Zeroed memory, or NULL. */
void *kmalloc(size_t size);
void kfree(void *memory);

#endif
