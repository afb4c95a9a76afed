/*
 * A kernel thread has no memory of its own; use_mm lends it a process's.
 */
#include <linux/mmu_context.h>
#include <linux/module.h>

static struct mm_struct *current_mm;

/*
 * use_mm
 *	From here on this thread's copies go to and from that memory.
 *	Asynchronous I/O does this to finish a read in the process
 *	that asked for it.
 */
void use_mm(struct mm_struct *mm)
{
	current_mm = mm;
}

/*
 * unuse_mm
 *	The end of what use_mm began.
 */
void unuse_mm(struct mm_struct *mm)
{
	if (current_mm == mm)
		current_mm = NULL;
}

static u8 *user_memory(u64 address, size_t length)
{
	if (!current_mm || length > current_mm->size)
		return NULL;
	if (address > current_mm->size - length)
		return NULL;
	return current_mm->start + address;
}

size_t copy_from_user(void *to, u64 from, size_t length)
{
	u8 *memory = user_memory(from, length);

	if (!memory)
		return length;
	memcpy(to, memory, length);
	return 0;
}
EXPORT_SYMBOL(copy_from_user);

size_t copy_to_user(u64 to, const void *from, size_t length)
{
	u8 *memory = user_memory(to, length);

	if (!memory)
		return length;
	memcpy(memory, from, length);
	return 0;
}
EXPORT_SYMBOL(copy_to_user);
