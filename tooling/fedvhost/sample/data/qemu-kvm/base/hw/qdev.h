#ifndef QDEV_H
#define QDEV_H

#include "qemu-common.h"

int qdev_prop_parse_bit(const char *value, uint32_t *bits, unsigned int bit);

#endif
