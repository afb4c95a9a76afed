/*
 * MSI-X: interrupts as messages, one vector for each queue.
 */
#include "qemu-common.h"

#define MSIX_MAX_VECTORS 32

static uint8_t masked[MSIX_MAX_VECTORS];

int msix_is_masked(unsigned int vector)
{
    return vector >= MSIX_MAX_VECTORS || masked[vector];
}

void msix_set_mask(unsigned int vector, int mask)
{
    if (vector >= MSIX_MAX_VECTORS) {
        qemu_error("msix: vector %u", vector);
        return;
    }
    masked[vector] = mask;
}
