/*
 * The host's tap device as the other end of a network card.
 */
#include "net/tap.h"

typedef struct TAPState {
    VLANClientState nc;
    int fd;
    unsigned int has_vnet_hdr : 1;
    unsigned int received;
} TAPState;

static int tap_receive(VLANClientState *nc, const uint8_t *buf, size_t size)
{
    TAPState *s = (TAPState *)nc;

    s->received++;
    return size;
}

static void tap_cleanup(VLANClientState *nc)
{
    TAPState *s = (TAPState *)nc;

    s->fd = -1;
    free(s);
}

int tap_has_vnet_hdr(VLANClientState *nc)
{
    TAPState *s = (TAPState *)nc;

    return s->has_vnet_hdr;
}

int tap_get_fd(VLANClientState *nc)
{
    TAPState *s = (TAPState *)nc;

    return s->fd;
}

static TAPState *net_tap_fd_init(int fd, int vnet_hdr)
{
    TAPState *s = calloc(1, sizeof(*s));

    s->nc.model = "tap";
    s->nc.receive = tap_receive;
    s->nc.cleanup = tap_cleanup;
    s->fd = fd;
    s->has_vnet_hdr = vnet_hdr;
    return s;
}

/* Return the descriptor that an option names, or -1. */
static int net_handle_fd_param(const char *param)
{
    char *end;
    long fd = strtol(param, &end, 10);

    if (fd < 0 || fd > 65535) {
        qemu_error("'%s' is not a file descriptor", param);
        return -1;
    }
    return fd;
}

VLANClientState *net_init_tap(const char *opts)
{
    char value[256];
    TAPState *s;
    int fd = 0, vnet_hdr;

    if (qemu_opt_get(opts, "fd", value, sizeof(value))) {
        fd = net_handle_fd_param(value);
        if (fd < 0) {
            return NULL;
        }
    } else if (!qemu_opt_get(opts, "ifname", value, sizeof(value))) {
        qemu_error("tap needs fd= or ifname=");
        return NULL;
    }

    vnet_hdr = qemu_opt_get_bool(opts, "vnet_hdr", 1);

    s = net_tap_fd_init(fd, vnet_hdr);
    if (!s) {
        return NULL;
    }

    return &s->nc;
}
