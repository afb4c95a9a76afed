#ifndef _LINUX_VHOST_H
#define _LINUX_VHOST_H
/* The kernel's side of vhost, for programs. */

#include <stdint.h>

#define VHOST_GET_FEATURES 0xaf00
#define VHOST_SET_FEATURES 0xaf01
#define VHOST_SET_OWNER 0xaf02
#define VHOST_RESET_OWNER 0xaf03
#define VHOST_SET_MEM_TABLE 0xaf04
#define VHOST_NET_SET_BACKEND 0xaf30

#define VHOST_F_LOG_ALL 26

struct vhost_vring_file {
    uint32_t index;
    int fd;
};

#endif
