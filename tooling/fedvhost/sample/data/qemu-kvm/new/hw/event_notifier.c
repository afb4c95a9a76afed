/*
 * A notification that the kernel can give as well as we.
 */
#include <sys/eventfd.h>
#include <unistd.h>

#include "hw/event_notifier.h"

int event_notifier_init(EventNotifier *e, int active)
{
    int fd = eventfd(!!active, EFD_NONBLOCK | EFD_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    e->fd = fd;
    return 0;
}

void event_notifier_cleanup(EventNotifier *e)
{
    close(e->fd);
}

int event_notifier_get_fd(EventNotifier *e)
{
    return e->fd;
}

int event_notifier_test_and_clear(EventNotifier *e)
{
    uint64_t value;

    return read(e->fd, &value, sizeof(value)) == sizeof(value);
}
