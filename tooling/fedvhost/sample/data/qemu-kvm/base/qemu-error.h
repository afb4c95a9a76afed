#ifndef QEMU_ERROR_H
#define QEMU_ERROR_H

/* Tell the person who started the guest what went wrong. */
void qemu_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
