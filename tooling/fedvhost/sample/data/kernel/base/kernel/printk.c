#include <stdarg.h>
#include <stdio.h>

#include <linux/module.h>

int printk(const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vprintf(format, arguments);
	va_end(arguments);
	fflush(stdout);
	return length;
}
EXPORT_SYMBOL(printk);
