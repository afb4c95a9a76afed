/*
 * /dev/net/tun: a network device whose other end is a program.
 */
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/percpu.h>

#define TUN_READQ_SIZE 16

struct tun_struct {
	unsigned int flags;
	unsigned int queued;
	struct sk_buff *first;
	struct sk_buff **last;
};

static DEFINE_PER_CPU(u64, tun_frames);

/* Queue a frame for the reader. */
static int tun_net_xmit(struct tun_struct *tun, struct sk_buff *skb)
{
	if (tun->queued >= TUN_READQ_SIZE)
		goto drop;

	/* At the end of the line. */
	*tun->last = skb;
	tun->last = &skb->next;
	tun->queued++;
	get_cpu_var(tun_frames)++;
	return 0;

drop:
	kfree_skb(skb);
	return -ENOBUFS;
}

/* A program wrote a frame. */
static long tun_get_user(struct tun_struct *tun, const void *buffer,
			 size_t length)
{
	struct sk_buff *skb;
	int error;

	if (!(tun->flags & (IFF_TUN | IFF_TAP)))
		return -EBADF;
	skb = alloc_skb(buffer, length);
	if (!skb)
		return -EINVAL;
	error = tun_net_xmit(tun, skb);
	return error ? error : (long)length;
}

/* A program reads the oldest frame. */
static long tun_put_user(struct tun_struct *tun, void *buffer, size_t length)
{
	struct sk_buff *skb = tun->first;

	if (!skb)
		return -EAGAIN;
	tun->first = skb->next;
	if (!tun->first)
		tun->last = &tun->first;
	tun->queued--;
	length = min(length, skb->len);
	memcpy(buffer, skb->data, length);
	kfree_skb(skb);
	return length;
}

static int tun_chr_open(struct file *file)
{
	struct tun_struct *tun = kmalloc(sizeof(*tun));

	if (!tun)
		return -ENOMEM;
	tun->last = &tun->first;
	file->private_data = tun;
	return 0;
}

static int tun_chr_close(struct file *file)
{
	struct tun_struct *tun = file->private_data;
	u8 frame[ETH_FRAME_LEN];

	while (tun_put_user(tun, frame, sizeof(frame)) >= 0)
		;
	kfree(tun);
	return 0;
}

static long tun_chr_read(struct file *file, void *buffer, size_t length)
{
	return tun_put_user(file->private_data, buffer, length);
}

static long tun_chr_write(struct file *file, const void *buffer, size_t length)
{
	return tun_get_user(file->private_data, buffer, length);
}

static long tun_chr_ioctl(struct file *file, unsigned int request, void *argument)
{
	struct tun_struct *tun = file->private_data;

	if (request != TUNSETIFF)
		return -EINVAL;
	tun->flags = *(unsigned int *)argument;
	return 0;
}

static const struct file_operations tun_fops = {
	.open = tun_chr_open,
	.release = tun_chr_close,
	.read = tun_chr_read,
	.write = tun_chr_write,
	.ioctl = tun_chr_ioctl,
};

static struct miscdevice tun_miscdev = {
	.name = "net/tun",
	.fops = &tun_fops,
};

static int tun_init(void)
{
	return misc_register(&tun_miscdev);
}
module_init(tun_init);
MODULE_LICENSE("GPL");
