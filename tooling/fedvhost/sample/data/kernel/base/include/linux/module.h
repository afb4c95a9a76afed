#ifndef _LINUX_MODULE_H
#define _LINUX_MODULE_H

#include <linux/kernel.h>

/*
 * A function that a module may call. The entry is real: scripts/exports.sh finds it in the object
 * file, and what has none stays inside vmlinux, where no module can see it.
 */
struct kernel_symbol {
	const void *value;
	const char *name;
};

#define __EXPORT_SYMBOL(sym, section_name)				\
	static const struct kernel_symbol __ksymtab_##sym		\
	__attribute__((used, section(section_name))) =			\
		{ (const void *)&sym, #sym }

#define EXPORT_SYMBOL(sym) __EXPORT_SYMBOL(sym, "__ksymtab")
#define EXPORT_SYMBOL_GPL(sym) __EXPORT_SYMBOL(sym, "__ksymtab_gpl")

/* The first function of a module, or of a driver that is built in. */
#ifdef MODULE
#define module_init(fn) int init_module(void) { return fn(); }
int init_module(void);
#else
typedef int (*initcall_t)(void);
#define module_init(fn)							\
	static const initcall_t __initcall_##fn				\
	__attribute__((used, section("initcalls"))) = fn
#endif

#define MODULE_LICENSE(text) \
	static const char __license[] __attribute__((used)) = text

#endif
