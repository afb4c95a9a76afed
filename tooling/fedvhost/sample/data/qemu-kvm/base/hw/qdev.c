/*
 * Properties of devices, by name.
 */
#include "hw/qdev.h"

int qdev_prop_parse_bit(const char *value, uint32_t *bits, unsigned int bit)
{
    if (!strcmp(value, "on")) {
        *bits |= 1u << bit;
        return 0;
    }
    if (!strcmp(value, "off")) {
        *bits &= ~(1u << bit);
        return 0;
    }
    qemu_error("'%s' is neither on nor off", value);
    return -EINVAL;
}
