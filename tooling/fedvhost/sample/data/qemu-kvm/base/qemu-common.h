#ifndef QEMU_COMMON_H
#define QEMU_COMMON_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct VirtIODevice VirtIODevice;
typedef struct VirtQueue VirtQueue;
typedef struct VLANClientState VLANClientState;

#include "qemu-error.h"

#endif
