/*
 * The fork's own way to KVM; kvm-all.c includes this file.
 */
struct kvm_context {
    int fd;
    int vm_fd;
    int vcpu_events;
};

static struct kvm_context *kvm_context;
int kvm_allowed = 1;

int kvm_init(int smp_cpus)
{
    kvm_context = calloc(1, sizeof(*kvm_context));
    if (!kvm_context) {
        return -ENOMEM;
    }
    if (smp_cpus > 64) {
        qemu_error("kvm: no more than 64 processors, please");
        return -EINVAL;
    }
    kvm_context->vm_fd = 3;
    return 0;
}

int kvm_vm_ioctl(int type, long arg)
{
    return kvm_context->vm_fd < 0 ? -EBADF : 0;
}

int kvm_has_vcpu_events(void)
{
    return kvm_context->vcpu_events;
}
