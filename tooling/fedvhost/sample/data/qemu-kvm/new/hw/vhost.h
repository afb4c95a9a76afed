#ifndef VHOST_H
#define VHOST_H

#include "hw/virtio.h"

struct vhost_dev {
    int control;
    uint32_t features;
    uint32_t acked_features;
    int started;
    struct EventNotifier *notifiers[2];
};

int vhost_dev_init(struct vhost_dev *hdev, int devfd);
void vhost_dev_cleanup(struct vhost_dev *hdev);
int vhost_dev_start(struct vhost_dev *hdev, VirtIODevice *vdev);
void vhost_dev_stop(struct vhost_dev *hdev, VirtIODevice *vdev);

#endif
