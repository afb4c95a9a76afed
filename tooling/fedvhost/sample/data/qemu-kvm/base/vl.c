/*
 * The command line.
 */
#include "hw/virtio.h"
#include "kvm.h"
#include "net.h"

static void help(void)
{
    printf("A sample of QEMU, version %s\n", QEMU_VERSION);
    printf("usage: qemu-kvm [options]\n\n"
#define DEF(option, text) text
#include "qemu-options.hx"
#undef DEF
           );
}

int main(int argc, char **argv)
{
    VLANClientState *tap = NULL;
    VirtIODevice *card;
    int i;

    for (i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-h")) {
            help();
            return 0;
        }
        if (!strcmp(argv[i], "-netdev") && i + 1 < argc) {
            tap = net_client_init(argv[++i]);
            if (!tap) {
                return 1;
            }
            continue;
        }
        qemu_error("unknown option '%s'", argv[i]);
        return 1;
    }
    if (kvm_enabled() && kvm_init(1) < 0) {
        return 1;
    }
    card = virtio_net_init(tap);
    virtio_set_status(card, VIRTIO_CONFIG_S_DRIVER_OK);
    virtio_set_status(card, 0);
    return 0;
}
