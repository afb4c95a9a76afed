#ifndef QEMU_VIRTIO_H
#define QEMU_VIRTIO_H

#include "net.h"

#define VIRTIO_CONFIG_S_ACKNOWLEDGE 1
#define VIRTIO_CONFIG_S_DRIVER 2
#define VIRTIO_CONFIG_S_DRIVER_OK 4

#define VIRTIO_NET_F_CSUM 0
#define VIRTIO_NET_F_MRG_RXBUF 15
#define VIRTIO_F_NOTIFY_ON_EMPTY 24

#define VIRTIO_PCI_QUEUE_MAX 16

struct VirtQueue {
    unsigned int num;
    uint64_t pa;
    uint16_t vector;
    uint16_t last_avail_idx;
};

struct VirtIODevice {
    const char *name;
    uint8_t status;
    uint32_t features;
    VirtQueue *vq;
    uint32_t (*get_features)(VirtIODevice *vdev);
    void (*set_features)(VirtIODevice *vdev, uint32_t val);
    void (*set_status)(VirtIODevice *vdev, uint8_t val);
    void (*reset)(VirtIODevice *vdev);
};

VirtIODevice *virtio_common_init(const char *name, size_t struct_size);
VirtQueue *virtio_add_queue(VirtIODevice *vdev, unsigned int queue_size);
void virtio_set_features(VirtIODevice *vdev, uint32_t val);
void virtio_set_status(VirtIODevice *vdev, uint8_t val);
void virtio_reset(VirtIODevice *vdev);
unsigned int virtio_queue_get_num(VirtIODevice *vdev, int n);

/* the devices */

VirtIODevice *virtio_net_init(VLANClientState *peer);

#endif
