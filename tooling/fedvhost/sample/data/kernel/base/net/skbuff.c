/*
 * Frames in memory.
 */
#include <linux/module.h>
#include <linux/net.h>
#include <linux/percpu.h>

/* A frame with a copy of these bytes, NULL if they are too many or there is no memory. */
struct sk_buff *alloc_skb(const void *data, size_t len)
{
	struct sk_buff *skb;

	if (len > ETH_FRAME_LEN)
		return NULL;
	skb = kmalloc(sizeof(*skb));
	if (!skb)
		return NULL;
	memcpy(skb->data, data, len);
	skb->len = len;
	return skb;
}
EXPORT_SYMBOL(alloc_skb);

void kfree_skb(struct sk_buff *skb)
{
	if (skb->destructor)
		skb->destructor(skb);
	kfree(skb);
}
EXPORT_SYMBOL(kfree_skb);
