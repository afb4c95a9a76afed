#ifndef QEMU_KVM_H
#define QEMU_KVM_H

#include "qemu-common.h"

#ifdef CONFIG_KVM
extern int kvm_allowed;
#define kvm_enabled() (kvm_allowed)
#else
#define kvm_enabled() (0)
#endif

/* for everybody */

int kvm_init(int smp_cpus);

int kvm_has_sync_mmu(void);
int kvm_has_vcpu_events(void);

/* for those who talk to the kernel */

int kvm_vm_ioctl(int type, long arg);
int kvm_vcpu_ioctl(int cpu, int type, long arg);

#endif
