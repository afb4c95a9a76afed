#ifndef _LINUX_MMU_CONTEXT_H
#define _LINUX_MMU_CONTEXT_H

#include <linux/kernel.h>

/* The memory of a process (or of the guest that a process runs). */
struct mm_struct {
	u8 *start;
	size_t size;
};

/* Put the calling kernel thread into a process's memory, and take it out again. */
void use_mm(struct mm_struct *mm);
void unuse_mm(struct mm_struct *mm);

/* Return how many bytes could not be copied: 0 is success. */
size_t copy_from_user(void *to, u64 from, size_t length);
size_t copy_to_user(u64 to, const void *from, size_t length);

#endif
