/*
 * Asynchronous reads: a request is kept until its bytes are there, then a kernel thread copies them
 * into the memory of the process that asked.
 */
#include <linux/mmu_context.h>
#include <linux/module.h>
#include <linux/percpu.h>

struct kiocb {
	struct kiocb *next;
	struct mm_struct *mm;
	u64 buffer;
	size_t length;
};

static struct kiocb *waiting;

int aio_submit(struct mm_struct *mm, u64 buffer, size_t length)
{
	struct kiocb *iocb = kmalloc(sizeof(*iocb));

	if (!iocb)
		return -ENOMEM;
	iocb->mm = mm;
	iocb->buffer = buffer;
	iocb->length = length;
	iocb->next = waiting;
	waiting = iocb;
	return 0;
}

/* Finish every request with these bytes; return how many there were. */
int aio_finish(const void *data, size_t length)
{
	struct kiocb *iocb;
	int done = 0;

	while ((iocb = waiting)) {
		waiting = iocb->next;
		use_mm(iocb->mm);
		if (!copy_to_user(iocb->buffer, data, min(length, iocb->length)))
			done++;
		unuse_mm(iocb->mm);
		kfree(iocb);
	}
	return done;
}

static int aio_setup(void)
{
	u8 memory[16] = { 0 };
	struct mm_struct mm = { memory, sizeof(memory) };

	if (aio_submit(&mm, 4, 4) || aio_finish("aio", 4) != 1)
		return -EIO;
	printk("aio: ready\n");
	return 0;
}
module_init(aio_setup);
