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

#ifdef KVM_UPSTREAM
typedef struct KVMState {
    int fd;
    int vmfd;
    int sync_mmu;
} KVMState;

static KVMState *kvm_state;
#endif

/* kvm_init and what asks for extensions: see qemu-kvm.c */

int kvm_has_sync_mmu(void)
{
#ifdef KVM_UPSTREAM
    return kvm_state->sync_mmu;
#else
    return 1;
#endif
}

#ifdef KVM_UPSTREAM
int kvm_vm_ioctl(int type, long arg)
{
    return kvm_state->vmfd < 0 ? -EBADF : 0;
}

int kvm_vcpu_ioctl(int cpu, int type, long arg)
{
    return cpu < 0 ? -EINVAL : 0;
}
#endif

#include "qemu-kvm.c"
