/*
 * vhost-net: a tap and a virtio network card, connected in the kernel.
 */
#include "hw/vhost_net.h"
#include "hw/vhost.h"
#include "net/tap.h"

#ifdef CONFIG_VHOST_NET
struct vhost_net {
    struct vhost_dev dev;
    int backend;
};

VHostNetState *vhost_net_init(VLANClientState *backend, int devfd)
{
    VHostNetState *net = calloc(1, sizeof(*net));

    if (!net) {
        return NULL;
    }
    net->backend = tap_get_fd(backend);
    if (vhost_dev_init(&net->dev, devfd) < 0) {
        free(net);
        return NULL;
    }
    return net;
}

/* Mergeable receive buffers are not there yet. */
uint32_t vhost_net_get_features(VHostNetState *net, uint32_t features)
{
    return features & ~(1u << VIRTIO_NET_F_MRG_RXBUF);
}

void vhost_net_ack_features(VHostNetState *net, uint32_t features)
{
    net->dev.acked_features = features & net->dev.features;
}

int vhost_net_start(VHostNetState *net, VirtIODevice *dev)
{
    return vhost_dev_start(&net->dev, dev);
}

void vhost_net_stop(VHostNetState *net, VirtIODevice *dev)
{
    vhost_dev_stop(&net->dev, dev);
}
#else
VHostNetState *vhost_net_init(VLANClientState *backend, int devfd)
{
    return NULL;
}

uint32_t vhost_net_get_features(VHostNetState *net, uint32_t features)
{
    return features;
}

void vhost_net_ack_features(VHostNetState *net, uint32_t features)
{
}

int vhost_net_start(VHostNetState *net, VirtIODevice *dev)
{
    return -ENOSYS;
}

void vhost_net_stop(VHostNetState *net, VirtIODevice *dev)
{
}
#endif
