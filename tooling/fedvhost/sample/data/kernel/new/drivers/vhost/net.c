/*
 * vhost-net: a virtio network device served by the host's kernel.
 */
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/mmu_context.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/percpu.h>
#include <linux/vhost.h>

#include "vhost.h"

/* Frames handled in one go, so that one guest cannot keep the others waiting. */
#define VHOST_NET_WEIGHT 256

enum {
	VHOST_NET_VQ_RX = 0,
	VHOST_NET_VQ_TX = 1,
	VHOST_NET_VQ_MAX = 2,
};

struct vhost_net {
	struct vhost_dev dev;
	struct vhost_virtqueue vqs[VHOST_NET_VQ_MAX];
};

/* Send what the guest put into the transmit ring. */
static int handle_tx(struct vhost_net *net)
{
	struct vhost_virtqueue *vq = &net->dev.vqs[VHOST_NET_VQ_TX];
	struct socket *sock = vq->private_data;
	struct vring_desc desc;
	u8 frame[ETH_FRAME_LEN];
	int sent = 0;

	if (!sock)
		return -ENOTCONN;

	use_mm(&net->dev.mm);
	while (sent < VHOST_NET_WEIGHT && vhost_get_desc(vq, &desc) > 0) {
		if (desc.len > sizeof(frame))
			break;
		if (copy_from_user(frame, desc.addr, desc.len))
			break;
		if (sock->ops->sendmsg(sock, frame, desc.len) < 0)
			break;
		vhost_add_used(vq, &desc);
		sent++;
	}
	unuse_mm(&net->dev.mm);
	return sent;
}

static struct socket *get_tun_socket(struct file *file)
{
	struct socket *sock = tun_get_socket(file);

	return IS_ERR(sock) ? NULL : sock;
}

static struct socket *get_socket(struct file *file)
{
	struct socket *sock;

	sock = get_tun_socket(file);
	if (sock)
		return sock;
	return ERR_PTR(-ENOTSOCK);
}

static long vhost_net_set_backend(struct vhost_net *n, struct vhost_vring_file *backend)
{
	struct socket *sock = NULL;
	long r;

	r = vhost_dev_check_owner(&n->dev);
	if (r)
		return r;
	if (backend->index >= VHOST_NET_VQ_MAX)
		return -ENOBUFS;
	if (backend->file) {
		sock = get_socket(backend->file);
		if (IS_ERR(sock))
			return PTR_ERR(sock);
	}
	n->vqs[backend->index].private_data = sock;
	return 0;
}

static int vhost_net_open(struct file *f)
{
	struct vhost_net *n = kmalloc(sizeof(*n));

	if (!n)
		return -ENOMEM;
	f->private_data = n;
	return vhost_dev_init(&n->dev, n->vqs, VHOST_NET_VQ_MAX);
}

static int vhost_net_release(struct file *f)
{
	struct vhost_net *n = f->private_data;

	vhost_dev_cleanup(&n->dev);
	kfree(n);
	return 0;
}

static long vhost_net_ioctl(struct file *f, unsigned int request, void *argument)
{
	struct vhost_net *n = f->private_data;

	switch (request) {
	case VHOST_GET_FEATURES:
		*(u64 *)argument = 1ULL << VHOST_F_LOG_ALL;
		return 0;
	case VHOST_SET_FEATURES:
		n->dev.acked_features = *(u64 *)argument;
		return 0;
	case VHOST_NET_SET_BACKEND:
		return vhost_net_set_backend(n, argument);
	case VHOST_NET_KICK:
		return handle_tx(n);
	case VHOST_RESET_OWNER:
		return vhost_dev_reset_owner(&n->dev);
	}
	return vhost_dev_ioctl(&n->dev, request, argument);
}

static const struct file_operations vhost_net_fops = {
	.open = vhost_net_open,
	.release = vhost_net_release,
	.ioctl = vhost_net_ioctl,
};

static struct miscdevice vhost_net_misc = {
	.name = "vhost-net",
	.fops = &vhost_net_fops,
};

static int vhost_net_init(void)
{
	return misc_register(&vhost_net_misc);
}
module_init(vhost_net_init);
MODULE_LICENSE("GPL v2");
