/*
 * Virtio: queues, features and status, whatever the device.
 */
#include "hw/virtio.h"

VirtIODevice *virtio_common_init(const char *name, size_t struct_size)
{
    VirtIODevice *vdev = calloc(1, struct_size);

    if (!vdev) {
        return NULL;
    }
    vdev->name = name;
    vdev->vq = calloc(VIRTIO_PCI_QUEUE_MAX, sizeof(VirtQueue));
    return vdev;
}

VirtQueue *virtio_add_queue(VirtIODevice *vdev, unsigned int queue_size)
{
    int i;

    for (i = 0; i < VIRTIO_PCI_QUEUE_MAX; i++) {
        if (vdev->vq[i].num == 0) {
            vdev->vq[i].num = queue_size;
            return &vdev->vq[i];
        }
    }
    qemu_error("%s: too many queues", vdev->name);
    return NULL;
}

void virtio_set_features(VirtIODevice *vdev, uint32_t val)
{
    uint32_t supported = vdev->get_features(vdev);

    supported |= 1 << VIRTIO_F_NOTIFY_ON_EMPTY;
    vdev->features = val & supported;
    if (vdev->set_features) {
        vdev->set_features(vdev, vdev->features);
    }
}

void virtio_set_status(VirtIODevice *vdev, uint8_t val)
{
    if (vdev->set_status) {
        vdev->set_status(vdev, val);
    }
    vdev->status = val;
    if (val == 0) {
        virtio_reset(vdev);
    }
}

void virtio_reset(VirtIODevice *vdev)
{
    int i;

    if (vdev->reset) {
        vdev->reset(vdev);
    }
    vdev->features = 0;
    vdev->status = 0;
    for (i = 0; i < VIRTIO_PCI_QUEUE_MAX; i++) {
        vdev->vq[i].pa = 0;
        vdev->vq[i].last_avail_idx = 0;
    }
}

unsigned int virtio_queue_get_num(VirtIODevice *vdev, int n)
{
    return vdev->vq[n].num;
}
