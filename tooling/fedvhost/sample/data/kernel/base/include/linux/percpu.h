#ifndef _LINUX_PERCPU_H
#define _LINUX_PERCPU_H

#include <linux/kernel.h>
#include <linux/slab.h>

/* There is one processor. */
#define DEFINE_PER_CPU(type, name) type per_cpu__##name
#define get_cpu_var(name) (per_cpu__##name)

#endif
