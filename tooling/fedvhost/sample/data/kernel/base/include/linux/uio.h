#ifndef _LINUX_UIO_H
#define _LINUX_UIO_H

#include <stddef.h>

/* Pieces of memory that are read or written as one. */
struct iovec {
	void *iov_base;
	size_t iov_len;
};

#define UIO_MAXIOV 1024

#endif
