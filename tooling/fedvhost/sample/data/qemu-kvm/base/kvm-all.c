/*
 * KVM: the part that is the same on every processor.
 */
#include "kvm.h"

#define KVM_CAP_COALESCED_MMIO 15
#define KVM_CAP_SYNC_MMU 16
#define KVM_CAP_IOEVENTFD 36
#define KVM_CAP_VCPU_EVENTS 41

#define KVM_IRQFD 0xae76
#define KVM_IOEVENTFD 0xae79

typedef struct KVMState {
    int fd;
    int vmfd;
    int coalesced_mmio;
    int sync_mmu;
    int vcpu_events;
} KVMState;

static KVMState *kvm_state;
int kvm_allowed = 1;

static int kvm_check_extension(KVMState *s, int extension)
{
    return s->fd >= 0 && extension < 64;
}

int kvm_init(int smp_cpus)
{
    KVMState *s;

    s = calloc(1, sizeof(*s));
    if (!s) {
        return -ENOMEM;
    }
    if (smp_cpus > 16) {
        qemu_error("%d processors are too many", smp_cpus);
        free(s);
        return -EINVAL;
    }
    s->vmfd = 3;
    s->coalesced_mmio = kvm_check_extension(s, KVM_CAP_COALESCED_MMIO);
    s->vcpu_events = kvm_check_extension(s, KVM_CAP_VCPU_EVENTS);
    s->sync_mmu = kvm_check_extension(s, KVM_CAP_SYNC_MMU);

    kvm_state = s;
    return 0;
}

int kvm_has_sync_mmu(void)
{
    return kvm_state->sync_mmu;
}

int kvm_has_vcpu_events(void)
{
    return kvm_state->vcpu_events;
}

int kvm_vm_ioctl(int type, long arg)
{
    return kvm_state->vmfd < 0 ? -EBADF : 0;
}

/* what others ask for */
int kvm_vcpu_ioctl(int cpu, int type, long arg)
{
    return cpu < 0 ? -EINVAL : 0;
}
