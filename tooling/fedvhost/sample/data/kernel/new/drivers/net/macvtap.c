/*
 * macvtap: a tap that sits on a hardware device, without a bridge between.
 */
#include <linux/if_macvlan.h>
#include <linux/module.h>
#include <linux/percpu.h>

static int macvtap_sendmsg(struct socket *sock, const void *data, size_t len)
{
	struct macvtap_queue *q = container_of(sock, struct macvtap_queue, sock);
	struct sk_buff *skb = alloc_skb(data, len);

	if (!skb)
		return -EINVAL;
	q->sent++;
	kfree_skb(skb);
	return len;
}

static const struct proto_ops macvtap_socket_ops = {
	.sendmsg = macvtap_sendmsg,
};

static int macvtap_open(struct file *file)
{
	struct macvtap_queue *q = kmalloc(sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->sock.ops = &macvtap_socket_ops;
	file->private_data = q;
	return 0;
}

static int macvtap_release(struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static const struct file_operations macvtap_fops = {
	.open = macvtap_open,
	.release = macvtap_release,
};

static struct miscdevice macvtap_misc = {
	.name = "macvtap",
	.fops = &macvtap_fops,
};

static int macvtap_init(void)
{
	return misc_register(&macvtap_misc);
}
module_init(macvtap_init);
MODULE_LICENSE("GPL");
