/*
 * Virtio devices on a PCI bus.
 */
#include "hw/virtio.h"

#define VIRTIO_PCI_HOST_FEATURES 0
#define VIRTIO_PCI_GUEST_FEATURES 4
#define VIRTIO_PCI_QUEUE_NUM 12
#define VIRTIO_PCI_STATUS 18

void virtio_ioport_write(VirtIODevice *vdev, uint32_t addr, uint32_t val)
{
    switch (addr) {
    case VIRTIO_PCI_GUEST_FEATURES:
        virtio_set_features(vdev, val);
        break;
    case VIRTIO_PCI_STATUS:
        virtio_set_status(vdev, val & 0xff);
        break;
    default:
        qemu_error("%s: write to 0x%x", vdev->name, addr);
    }
}

uint32_t virtio_ioport_read(VirtIODevice *vdev, uint32_t addr)
{
    switch (addr) {
    case VIRTIO_PCI_HOST_FEATURES:
        return vdev->get_features(vdev);
    case VIRTIO_PCI_GUEST_FEATURES:
        return vdev->features;
    case VIRTIO_PCI_QUEUE_NUM:
        return virtio_queue_get_num(vdev, 0);
    case VIRTIO_PCI_STATUS:
        return vdev->status;
    }
    return 0xffffffff;
}
