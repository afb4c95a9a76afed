/*
 * Start: what is built in first, then the modules named on the command line, in that order.
 *
 * A module that needs a symbol that nobody exports cannot be loaded. That is found out here and not by
 * the compiler, as in a real kernel.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include <linux/fs.h>
#include <linux/module.h>

extern const initcall_t __start_initcalls[], __stop_initcalls[];

static int load_module(const char *path)
{
	int (*init)(void);
	void *module;
	char name[4096];

	if (!realpath(path, name)) {
		printk("%s: no such module\n", path);
		return -ENOENT;
	}
	module = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
	if (!module) {
		printk("%s: cannot load: %s\n", path, dlerror());
		return -ENOENT;
	}
	init = (int (*)(void))dlsym(module, "init_module");
	return init ? init() : -EINVAL;
}

int main(int argc, char **argv)
{
	const initcall_t *call;
	int i, error, failed = 0;

	printk("Linux %s (%s)\n", UTS_RELEASE, UTS_NAME);
	for (call = __start_initcalls; call < __stop_initcalls; call++)
		(*call)();
	for (i = 1; i < argc; i++) {
		error = load_module(argv[i]);
		if (error)
			failed++;
		else
			printk("%s: loaded\n", argv[i]);
	}
	misc_list();
	return failed ? 1 : 0;
}
