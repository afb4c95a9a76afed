#ifndef QEMU_NET_TAP_H
#define QEMU_NET_TAP_H

#include "net.h"

VLANClientState *net_init_tap(const char *opts);

int tap_has_vnet_hdr(VLANClientState *vc);
int tap_get_fd(VLANClientState *vc);

#endif
