#ifndef VHOST_NET_H
#define VHOST_NET_H

#include "net.h"

typedef struct vhost_net VHostNetState;

/* NULL if the kernel has no vhost-net, or if we were built without. */
VHostNetState *vhost_net_init(VLANClientState *backend, int devfd);
uint32_t vhost_net_get_features(VHostNetState *net, uint32_t features);
void vhost_net_ack_features(VHostNetState *net, uint32_t features);
int vhost_net_start(VHostNetState *net, VirtIODevice *dev);
void vhost_net_stop(VHostNetState *net, VirtIODevice *dev);

#endif
