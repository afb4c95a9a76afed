#ifndef __IF_TUN_H
#define __IF_TUN_H

/* Requests to /dev/net/tun. */
#define TUNSETIFF 0x54ca
#define TUNSETNOCSUM 0x54c8
#define TUNSETOFFLOAD 0x54d0
#define TUNSETSNDBUF 0x54d4

/* Features for TUNSETIFF. */
#define IFF_TUN 0x0001
#define IFF_TAP 0x0002
#define IFF_NO_PI 0x1000
#define IFF_VNET_HDR 0x4000

/* What the other side may leave to us. */
#define TUN_F_CSUM 0x01
#define TUN_F_TSO4 0x02
#define TUN_F_TSO6 0x04

#endif /* __IF_TUN_H */
