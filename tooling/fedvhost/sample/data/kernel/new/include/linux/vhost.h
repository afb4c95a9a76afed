#ifndef _LINUX_VHOST_H
#define _LINUX_VHOST_H
/*
 * Requests to /dev/vhost-net: user space owns the device and tells it where the guest's memory and
 * rings are; frames then go between guest and tap without it.
 */
#include <linux/kernel.h>

struct vhost_vring_state {
	u32 index;
	u32 num;
};

struct vhost_vring_addr {
	u32 index;
	u64 desc_user_addr;
	u64 log_guest_addr;
};

struct vhost_vring_file {
	u32 index;
	void *file;		/* NULL: take the backend away */
};

struct vhost_memory {
	void *memory;
	u64 size;
};

/* What the guest may be offered, and what it took. */
#define VHOST_GET_FEATURES 0xaf00
#define VHOST_SET_FEATURES 0xaf01

/* The caller becomes the owner; only the owner may do anything else. */
#define VHOST_SET_OWNER 0xaf02
#define VHOST_RESET_OWNER 0xaf03

#define VHOST_SET_MEM_TABLE 0xaf04

#define VHOST_SET_VRING_NUM 0xaf10
#define VHOST_SET_VRING_ADDR 0xaf11
#define VHOST_SET_VRING_BASE 0xaf12

#define VHOST_NET_SET_BACKEND 0xaf30

/* The guest put frames into the transmit ring. */
#define VHOST_NET_KICK 0xaf40

/* Log writes to guest memory, for migration. */
#define VHOST_F_LOG_ALL 26

#endif
