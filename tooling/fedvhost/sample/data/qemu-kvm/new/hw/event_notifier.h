#ifndef QEMU_EVENT_NOTIFIER_H
#define QEMU_EVENT_NOTIFIER_H

#include "qemu-common.h"

typedef struct EventNotifier {
    int fd;
} EventNotifier;

int event_notifier_init(EventNotifier *e, int active);
void event_notifier_cleanup(EventNotifier *e);
int event_notifier_get_fd(EventNotifier *e);
int event_notifier_test_and_clear(EventNotifier *e);

#endif
