#ifndef QEMU_NET_H
#define QEMU_NET_H

#include "qemu-common.h"

/* One end of a connection: a card of the guest's, or what the host connects it to. */
struct VLANClientState {
    const char *model;
    VLANClientState *peer;
    int (*receive)(VLANClientState *vc, const uint8_t *buf, size_t size);
    void (*cleanup)(VLANClientState *vc);
};

/* Options as the command line gives them: "id=a,ifname=b". */
const char *qemu_opt_get(const char *opts, const char *name, char *value, size_t size);
int qemu_opt_get_bool(const char *opts, const char *name, int otherwise);
int net_check_options(const char *opts);

VLANClientState *net_client_init(const char *opts);
void net_connect(VLANClientState *one, VLANClientState *other);
int qemu_send_packet(VLANClientState *vc, const uint8_t *buf, size_t size);

#endif
