/*
 * vhost: the kernel serves the rings, we only say where they are.
 */
#include <fcntl.h>
#include <unistd.h>

#include "hw/event_notifier.h"
#include "hw/vhost.h"
#include "kvm.h"

/* Open the kernel's device, or take the one that is open already. */
int vhost_dev_init(struct vhost_dev *hdev, int devfd)
{
    if (devfd >= 0) {
        hdev->control = devfd;
    } else {
        hdev->control = open("/dev/vhost-net", O_RDWR);
        if (hdev->control < 0) {
            return -errno;
        }
    }
    hdev->features = 1 << VIRTIO_F_NOTIFY_ON_EMPTY;
    hdev->started = 0;
    return 0;
}

void vhost_dev_cleanup(struct vhost_dev *hdev)
{
    close(hdev->control);
}

static int vhost_virtqueue_init(struct vhost_dev *hdev, VirtIODevice *vdev, int n)
{
    EventNotifier *host = virtio_queue_get_host_notifier(vdev, n);
    EventNotifier *guest = virtio_queue_get_guest_notifier(vdev, n);
    int r;

    r = event_notifier_init(host, 0);
    if (r < 0) {
        return r;
    }
    r = kvm_set_ioeventfd(n, event_notifier_get_fd(host), 1);
    if (r < 0) {
        goto fail_host;
    }
    r = event_notifier_init(guest, 0);
    if (r < 0) {
        goto fail_host;
    }
    r = kvm_set_irqfd(n, event_notifier_get_fd(guest), 1);
    if (r < 0) {
        goto fail_guest;
    }
    return 0;

fail_guest:
    event_notifier_cleanup(guest);
fail_host:
    event_notifier_cleanup(host);
    return r;
}

static void vhost_virtqueue_cleanup(struct vhost_dev *hdev, VirtIODevice *vdev, int n)
{
    event_notifier_cleanup(virtio_queue_get_guest_notifier(vdev, n));
    event_notifier_cleanup(virtio_queue_get_host_notifier(vdev, n));
}

int vhost_dev_start(struct vhost_dev *hdev, VirtIODevice *vdev)
{
    int i, r;

    for (i = 0; i < 2; i++) {
        r = vhost_virtqueue_init(hdev, vdev, i);
        if (r < 0) {
            goto fail;
        }
    }
    hdev->started = 1;
    return 0;

fail:
    while (--i >= 0) {
        vhost_virtqueue_cleanup(hdev, vdev, i);
    }
    return r;
}

void vhost_dev_stop(struct vhost_dev *hdev, VirtIODevice *vdev)
{
    int i;

    for (i = 0; i < 2; i++) {
        vhost_virtqueue_cleanup(hdev, vdev, i);
    }
    hdev->started = 0;
}
