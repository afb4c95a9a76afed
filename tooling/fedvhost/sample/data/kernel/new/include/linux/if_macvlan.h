#ifndef _LINUX_IF_MACVLAN_H
#define _LINUX_IF_MACVLAN_H

#include <linux/fs.h>
#include <linux/net.h>

struct macvtap_queue {
	struct socket sock;
	unsigned int sent;
};

#endif /* _LINUX_IF_MACVLAN_H */
