/*
 * Network: options, and who is connected to whom.
 */
#include "net.h"
#include "net/tap.h"

static const struct {
    const char *name;
    const char *help;
} tap_options[] = {
    { "id", "what to call it" },
    { "fd", "a tap that is open already, by its number" },
    { "ifname", "the tap to open, by its name" },
    { "script", "program to run when it is up" },
    { "downscript", "program to run when it goes" },
    { "sndbuf", "how much may wait to be sent" },
    { "vnet_hdr", "leave checksums and splitting to the host" },
    { NULL, NULL },
};

/* Find "name=value" among comma-separated options; NULL if it is not there. */
const char *qemu_opt_get(const char *opts, const char *name, char *value, size_t size)
{
    size_t length = strlen(name);

    while (opts && *opts) {
        const char *end = strchr(opts, ',');
        size_t all = end ? (size_t)(end - opts) : strlen(opts);

        if (all > length && !strncmp(opts, name, length) && opts[length] == '=') {
            snprintf(value, size, "%.*s", (int)(all - length - 1), opts + length + 1);
            return value;
        }
        opts = end ? end + 1 : NULL;
    }
    return NULL;
}

int qemu_opt_get_bool(const char *opts, const char *name, int otherwise)
{
    char value[16];

    if (!qemu_opt_get(opts, name, value, sizeof(value))) {
        return otherwise;
    }
    return !strcmp(value, "on");
}

/* 0 if every option is one that a tap has. */
int net_check_options(const char *opts)
{
    while (opts && *opts) {
        const char *end = strchr(opts, ',');
        size_t name = strcspn(opts, "=,");
        int i, known = 0;

        for (i = 0; tap_options[i].name; i++) {
            if (strlen(tap_options[i].name) == name &&
                !strncmp(tap_options[i].name, opts, name)) {
                known = 1;
            }
        }
        if (!known) {
            qemu_error("invalid option '%.*s'", (int)name, opts);
            return -1;
        }
        opts = end ? end + 1 : NULL;
    }
    return 0;
}

VLANClientState *net_client_init(const char *opts)
{
    if (strncmp(opts, "tap,", 4)) {
        qemu_error("only tap can be connected, not '%s'", opts);
        return NULL;
    }
    if (net_check_options(opts + 4) < 0) {
        return NULL;
    }
    return net_init_tap(opts + 4);
}

void net_connect(VLANClientState *one, VLANClientState *other)
{
    one->peer = other;
    other->peer = one;
}

int qemu_send_packet(VLANClientState *vc, const uint8_t *buf, size_t size)
{
    if (!vc->peer) {
        return -ENOTCONN;
    }
    return vc->peer->receive(vc->peer, buf, size);
}
