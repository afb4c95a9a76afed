/*
 * A network card by virtio.
 */
#include "hw/virtio.h"
#include "net/tap.h"

typedef struct VirtIONet {
    VirtIODevice vdev;
    VirtQueue *rx_vq;
    VirtQueue *tx_vq;
    VLANClientState *peer;
    int started;
    int tx_pending;
    int mergeable_rx_bufs;
} VirtIONet;

static VirtIONet *to_virtio_net(VirtIODevice *vdev)
{
    return (VirtIONet *)vdev;
}

static uint32_t virtio_net_get_features(VirtIODevice *vdev)
{
    VirtIONet *n = to_virtio_net(vdev);
    uint32_t features = 0;

    features |= 1 << VIRTIO_NET_F_MRG_RXBUF;
    if (n->peer && tap_has_vnet_hdr(n->peer)) {
        features |= 1 << VIRTIO_NET_F_CSUM;
    }
    return features;
}

static void virtio_net_set_features(VirtIODevice *vdev, uint32_t features)
{
    VirtIONet *n = to_virtio_net(vdev);

    n->mergeable_rx_bufs = !!(features & (1 << VIRTIO_NET_F_MRG_RXBUF));
}

static void virtio_net_reset(VirtIODevice *vdev)
{
    VirtIONet *n = to_virtio_net(vdev);

    /* As before anything was agreed on. */
    n->mergeable_rx_bufs = 0;
    n->tx_pending = 0;
}

static void virtio_net_set_status(VirtIODevice *vdev, uint8_t status)
{
    VirtIONet *n = to_virtio_net(vdev);

    if (status == 0) {
        n->started = 0;
        n->tx_pending = 0;
    } else if (status & VIRTIO_CONFIG_S_DRIVER_OK) {
        n->started = 1;
    }
}

/* Send what waits; without a peer there is nobody to send it to. */
static int virtio_net_flush_tx(VirtIONet *n)
{
    if (!n->started || !n->peer) {
        return 0;
    }
    n->tx_pending = 0;
    return 1;
}

VirtIODevice *virtio_net_init(VLANClientState *peer)
{
    VirtIONet *n = (VirtIONet *)virtio_common_init("virtio-net", sizeof(*n));

    n->vdev.get_features = virtio_net_get_features;
    n->vdev.set_features = virtio_net_set_features;
    n->vdev.set_status = virtio_net_set_status;
    n->vdev.reset = virtio_net_reset;
    n->rx_vq = virtio_add_queue(&n->vdev, 256);
    n->tx_vq = virtio_add_queue(&n->vdev, 256);
    n->peer = peer;
    virtio_set_features(&n->vdev, ~0u);
    virtio_net_flush_tx(n);
    return &n->vdev;
}
