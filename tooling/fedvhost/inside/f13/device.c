/*
 * /dev/vhost-net without a guest: what driver_rows.py asks, where no Python runs.
 *
 *     device begin    open, own, features, memory table: lines "what<TAB>value"
 *     device wrong    bad arguments: lines "what<TAB>wanted<TAB>got", names of errors
 *     device address  memory that cannot be read: a line of the same form
 *     device index    the index of a ring that is not there: a line of the same form
 *     device hold     open it and stay
 *
 * Exit status: 0 if everything was as it must be, 1 if not, 2 if it could not be asked.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEVICE "/dev/vhost-net"
#define MEMORY (1 << 20)
#define GUEST 0x10000
/* Feature bits: virtio's notify-on-empty; vhost's own log and header. */
#define NEEDED ((1ULL << 24) | (1ULL << 26) | (1ULL << 27))
/* A request of vhost's own type that no kernel has. */
#define UNKNOWN _IOW(VHOST_VIRTIO, 0x7f, struct vhost_vring_state)

static int wrong_answers;

struct table {
	uint32_t regions, padding;
	struct vhost_memory_region region;
};

static struct table table(void)
{
	char *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		exit(2);
	return (struct table){ 1, 0, { GUEST, MEMORY, (uintptr_t)memory, 0 } };
}

static const char *answer(int fd, unsigned long request, const void *argument)
{
	return ioctl(fd, request, argument) < 0 ? strerrorname_np(errno) : "taken";
}

static void must(const char *what, int fd, unsigned long request, const void *argument)
{
	const char *got = answer(fd, request, argument);

	printf("%s\t%s\n", what, got);
	wrong_answers += strcmp(got, "taken") != 0;
}

/* `wanted`: one error, or several with bars between. */
static void refused(const char *what, const char *wanted, int fd, unsigned long request, const void *argument)
{
	const char *got = answer(fd, request, argument), *found = strstr(wanted, got);
	size_t length = strlen(got);

	printf("%s\t%s\t%s\n", what, wanted, got);
	if (!found || (found[length] && found[length] != '|'))
		wrong_answers++;
}

static int begin(int fd)
{
	struct table whole = table();
	uint64_t offered = 0, unknown;

	must("get features", fd, VHOST_GET_FEATURES, &offered);
	printf("offered\t0x%llx\n", (unsigned long long)offered);
	wrong_answers += (offered & NEEDED) != NEEDED;
	must("set owner", fd, VHOST_SET_OWNER, NULL);
	must("set features", fd, VHOST_SET_FEATURES, &offered);
	for (unknown = 1ULL << 63; unknown & offered;)
		unknown >>= 1;
	printf("a feature that is not offered\t%s\n", answer(fd, VHOST_SET_FEATURES, &unknown));
	wrong_answers += ioctl(fd, VHOST_SET_FEATURES, &unknown) >= 0 || errno != EOPNOTSUPP;
	must("set memory table", fd, VHOST_SET_MEM_TABLE, &whole);
	return wrong_answers != 0;
}

static int wrong(int fd)
{
	struct table whole = table(), padded = whole, many = whole;
	int null = open("/dev/null", O_RDWR);
	struct vhost_vring_state state = { 0, 8 };
	struct vhost_vring_file file = { 0, null };
	struct vhost_vring_addr odd = { .index = 0 };

	padded.padding = 1;
	many.regions = 1 << 20;
	refused("memory table before an owner", "EPERM", fd, VHOST_SET_MEM_TABLE, &whole);
	refused("ring size before an owner", "EPERM", fd, VHOST_SET_VRING_NUM, &state);
	if (ioctl(fd, VHOST_SET_OWNER, NULL))
		return 2;
	refused("second owner", "EBUSY", fd, VHOST_SET_OWNER, NULL);
	refused("unknown request", "ENOTTY|EINVAL", fd, UNKNOWN, &state);
	refused("memory table with padding", "EOPNOTSUPP", fd, VHOST_SET_MEM_TABLE, &padded);
	refused("too many regions", "E2BIG", fd, VHOST_SET_MEM_TABLE, &many);
	if (ioctl(fd, VHOST_SET_MEM_TABLE, &whole))
		return 2;
	state.num = 0;
	refused("ring size 0", "EINVAL", fd, VHOST_SET_VRING_NUM, &state);
	state.num = 3;
	refused("ring size 3, no power of two", "EINVAL", fd, VHOST_SET_VRING_NUM, &state);
	state.num = 1 << 16;
	refused("ring size 65536", "EINVAL", fd, VHOST_SET_VRING_NUM, &state);
	refused("ring index over 65535", "EINVAL", fd, VHOST_SET_VRING_BASE, &state);
	odd.flags = 1 << 7;
	refused("unknown ring flag", "EOPNOTSUPP", fd, VHOST_SET_VRING_ADDR, &odd);
	refused("kick on no event descriptor", "EINVAL", fd, VHOST_SET_VRING_KICK, &file);
	refused("call on no event descriptor", "EINVAL", fd, VHOST_SET_VRING_CALL, &file);
	file.fd = 9999;
	refused("kick on no descriptor", "EBADF", fd, VHOST_SET_VRING_KICK, &file);
	file = (struct vhost_vring_file){ 2, null };
	refused("backend for ring 2 of 2", "ENOBUFS", fd, VHOST_NET_SET_BACKEND, &file);
	file.index = 0;
	refused("backend that is no tap", "ENOTSOCK", fd, VHOST_NET_SET_BACKEND, &file);
	return wrong_answers != 0;
}

/* Neither an error nor done: until 7ad9c9d27048 the answer was how many bytes could not be read. */
static int unreadable(int fd)
{
	int got, failed;

	if (ioctl(fd, VHOST_SET_OWNER, NULL))
		return 2;
	got = ioctl(fd, VHOST_SET_MEM_TABLE, (void *)8);
	/* Kept: to print may change it. */
	failed = got < 0 ? errno : 0;
	if (failed)
		printf("memory table at a bad address\tEFAULT\t%s\n", strerrorname_np(failed));
	else
		printf("memory table at a bad address\tEFAULT\t%d\n", got);
	return failed != EFAULT;
}

/* The first index that is too high. */
static int beyond(int fd)
{
	struct vhost_vring_state state = { 2, 8 };

	if (ioctl(fd, VHOST_SET_OWNER, NULL))
		return 2;
	refused("ring 2 of 2", "ENOBUFS", fd, VHOST_SET_VRING_NUM, &state);
	return wrong_answers != 0;
}

int main(int count, char **words)
{
	int fd = open(DEVICE, O_RDWR);

	if (fd < 0) {
		printf("open\t%s\n", strerrorname_np(errno));
		return 2;
	}
	if (count == 2 && !strcmp(words[1], "begin"))
		return begin(fd);
	if (count == 2 && !strcmp(words[1], "wrong"))
		return wrong(fd);
	if (count == 2 && !strcmp(words[1], "address"))
		return unreadable(fd);
	if (count == 2 && !strcmp(words[1], "index"))
		return beyond(fd);
	if (count == 2 && !strcmp(words[1], "hold"))
		for (;;)
			pause();
	return 2;
}
