#ifndef _LINUX_NET_H
#define _LINUX_NET_H

#include <linux/kernel.h>

#define ETH_FRAME_LEN 1514

/* A frame on its way. */
struct sk_buff {
	struct sk_buff *next;
	void (*destructor)(struct sk_buff *skb);
	size_t len;
	u8 data[ETH_FRAME_LEN];
};

struct socket;

struct proto_ops {
	int (*sendmsg)(struct socket *sock, const void *data, size_t len);
	int (*recvmsg)(struct socket *sock, void *data, size_t len);
};

struct socket {
	const struct proto_ops *ops;
	void *sk;
};

struct sk_buff *alloc_skb(const void *data, size_t len);
void kfree_skb(struct sk_buff *skb);

/* The sender no longer waits for this frame. */
static inline void skb_orphan(struct sk_buff *skb)
{
	if (skb->destructor)
		skb->destructor(skb);
	skb->destructor = NULL;
}

#endif
