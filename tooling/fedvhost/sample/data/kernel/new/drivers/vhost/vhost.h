#ifndef _VHOST_H
#define _VHOST_H

#include <linux/fs.h>
#include <linux/mmu_context.h>
#include <linux/vhost.h>

struct vhost_dev;

/* A descriptor as the guest writes it. */
struct vring_desc {
	u64 addr;
	u32 len;
	u32 flags;
};

#define VRING_DESC_F_READY 1
#define VRING_DESC_F_USED 2

/* One ring of a device, and who serves it. */
struct vhost_virtqueue {
	struct vhost_dev *dev;
	u32 num;		/* descriptors in the ring, a power of two */
	u64 desc;		/* where the ring is in guest memory */
	u32 last_avail_idx;
	u64 log_addr;
	void *private_data;	/* the backend: a socket */
};

struct vhost_dev {
	struct mm_struct mm;
	int owned;
	u64 acked_features;
	struct vhost_virtqueue *vqs;
	int nvqs;
	struct file *log_file;
};

long vhost_dev_init(struct vhost_dev *dev, struct vhost_virtqueue *vqs, int nvqs);
long vhost_dev_check_owner(struct vhost_dev *dev);
long vhost_dev_reset_owner(struct vhost_dev *dev);
long vhost_dev_ioctl(struct vhost_dev *dev, unsigned int request, void *argument);
void vhost_dev_cleanup(struct vhost_dev *dev);

int vhost_get_desc(struct vhost_virtqueue *vq, struct vring_desc *desc);
int vhost_add_used(struct vhost_virtqueue *vq, struct vring_desc *desc);

static inline int vhost_has_feature(struct vhost_dev *dev, int bit)
{
	return (dev->acked_features >> bit) & 1;
}

#endif
