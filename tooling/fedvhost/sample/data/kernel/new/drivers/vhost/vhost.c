/*
 * The part of vhost that does not know what is transported: who owns a device, where its rings and the
 * guest's memory are, and descriptors in and out.
 */
#include <linux/kernel.h>
#include <linux/mmu_context.h>
#include <linux/percpu.h>
#include <linux/vhost.h>

#include "vhost.h"

static void vhost_vq_reset(struct vhost_dev *dev, struct vhost_virtqueue *vq)
{
	memset(vq, 0, sizeof(*vq));
	vq->dev = dev;
	vq->num = 1;
}

long vhost_dev_init(struct vhost_dev *dev, struct vhost_virtqueue *vqs, int nvqs)
{
	int i;

	dev->vqs = vqs;
	dev->nvqs = nvqs;
	dev->owned = 0;
	dev->log_file = NULL;
	for (i = 0; i < nvqs; i++)
		vhost_vq_reset(dev, vqs + i);
	return 0;
}

long vhost_dev_check_owner(struct vhost_dev *dev)
{
	return dev->owned ? 0 : -EPERM;
}

static long vhost_dev_set_owner(struct vhost_dev *dev)
{
	if (dev->owned)
		return -EBUSY;
	dev->owned = 1;
	return 0;
}

long vhost_dev_reset_owner(struct vhost_dev *dev)
{
	vhost_dev_cleanup(dev);
	return vhost_dev_init(dev, dev->vqs, dev->nvqs);
}

void vhost_dev_cleanup(struct vhost_dev *dev)
{
	int i;

	for (i = 0; i < dev->nvqs; i++)
		vhost_vq_reset(dev, dev->vqs + i);
	dev->mm.start = NULL;
	dev->mm.size = 0;
	dev->owned = 0;
}

static long vhost_set_memory(struct vhost_dev *dev, const struct vhost_memory *mem)
{
	if (!mem->memory)
		return -EFAULT;
	dev->mm.start = mem->memory;
	dev->mm.size = mem->size;
	return 0;
}

static long vhost_set_vring(struct vhost_dev *dev, unsigned int request, void *argument)
{
	const struct vhost_vring_state *state = argument;
	const struct vhost_vring_addr *addr = argument;
	struct vhost_virtqueue *vq;

	/* Both begin with the index. */
	if (state->index > (u32)dev->nvqs)
		return -ENOBUFS;
	vq = dev->vqs + state->index;

	switch (request) {
	case VHOST_SET_VRING_NUM:
		if (!state->num || (state->num & (state->num - 1)))
			return -EINVAL;
		vq->num = state->num;
		return 0;
	case VHOST_SET_VRING_BASE:
		vq->last_avail_idx = state->num;
		return 0;
	case VHOST_SET_VRING_ADDR:
		vq->desc = addr->desc_user_addr;
		vq->log_addr = addr->log_guest_addr;
		return 0;
	}
	return -ENOTTY;
}

long vhost_dev_ioctl(struct vhost_dev *dev, unsigned int request, void *argument)
{
	long r;

	/* The one request that needs no owner. */
	if (request == VHOST_SET_OWNER)
		return vhost_dev_set_owner(dev);

	/* Everything else does. */
	r = vhost_dev_check_owner(dev);
	if (r)
		return r;
	if (request == VHOST_SET_MEM_TABLE)
		return vhost_set_memory(dev, argument);
	return vhost_set_vring(dev, request, argument);
}

/* Read the next descriptor: 1 if the guest made one ready, 0 if not, or an error. */
int vhost_get_desc(struct vhost_virtqueue *vq, struct vring_desc *desc)
{
	u64 at = vq->desc + vq->last_avail_idx * sizeof(*desc);

	if (copy_from_user(desc, at, sizeof(*desc)))
		return -EFAULT;
	return !!(desc->flags & VRING_DESC_F_READY);
}

/* Give the descriptor that was read last back to the guest. */
int vhost_add_used(struct vhost_virtqueue *vq, struct vring_desc *desc)
{
	u64 at = vq->desc + vq->last_avail_idx * sizeof(*desc);

	desc->flags = VRING_DESC_F_USED;
	if (copy_to_user(at, desc, sizeof(*desc)))
		return -EFAULT;
	vq->last_avail_idx++;
	return 0;
}
