/*
 * The first process of a guest, and its only one unless it is told to run a program.
 *
 * Loads the modules named in /modules/order, then answers requests on the virtio-serial port "fedvhost.agent",
 * one a line, words separated by tabs. An answer is a line "<status> <length>" and that many bytes.
 *
 *     read PATH                  the file's content
 *     write PATH TEXT
 *     module PATH [PARAMETERS]   load a module
 *     remove NAME                unload one
 *     run PROGRAM [WORD...]      status and both streams of a program, run to its end
 *     card LINK MTU ADDRESS      the Ethernet card with this link address gets an IPv4 address (/24) and comes up
 *     spawn PROGRAM [WORD...]    start a program and do not wait; answers its process id
 *
 * Meanwhile it is an echo server for UDP, TCP and SCTP, port 7, on every address. All of it is one process around
 * one poll(): under emulation a fork costs more than the test. Only system calls of Linux 2.6.33 are used.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_NAME "fedvhost.agent"
#define ECHO 7
#define CLIENTS 16
/* Before the clients in what is polled: the port, and what listens for UDP, TCP and SCTP. */
#define FIXED 4
#define LARGEST (1 << 20)
#define WORDS 64
/* Cards that were taken away and came back have new numbers. */
#define INTERFACES 256

static char answer[LARGEST], request[LARGEST];
static int port = -1;

/* stdio would ask fstat for the console, in a form that old kernels do not know. */
static void say(const char *format, ...)
{
	char line[256];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (write(2, line, length < (int)sizeof(line) ? length : (int)sizeof(line)) < 0)
		return;
}

static ssize_t slurp(const char *path, char *into, size_t room)
{
	int fd = open(path, O_RDONLY);
	ssize_t got, size = 0;

	if (fd < 0)
		return -1;
	while ((got = read(fd, into + size, room - size)) > 0)
		size += got;
	close(fd);
	return got < 0 ? -1 : size;
}

static int load(const char *path, const char *parameters)
{
	static char module[8 << 20];
	ssize_t size = slurp(path, module, sizeof(module));

	if (size < 0)
		return -1;
	return syscall(SYS_init_module, module, size, parameters);
}

static void load_all(void)
{
	static char order[1 << 16];
	ssize_t size = slurp("/modules/order", order, sizeof(order) - 1);
	char *line, *rest = order;

	if (size < 0)
		return;
	order[size] = 0;
	while ((line = strsep(&rest, "\n")))
		if (*line && load(line, "") && errno != EEXIST)
			say("agent: %s: %s\n", line, strerror(errno));
}

/* The device node of our port: /sys/class/virtio-ports/vportNpM/name says which it is. */
static int open_port(void)
{
	char path[300], name[64];
	struct dirent *entry;
	DIR *folder = opendir("/sys/class/virtio-ports");
	int fd = -1;

	while (folder && fd < 0 && (entry = readdir(folder))) {
		ssize_t size;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		size = slurp(path, name, sizeof(name) - 1);
		name[size < 0 ? 0 : size] = 0;
		if (strncmp(name, PORT_NAME, strlen(PORT_NAME)))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR);
	}
	if (folder)
		closedir(folder);
	return fd;
}

static int put(int fd, const char *from, size_t size)
{
	while (size) {
		ssize_t sent = write(fd, from, size);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -1;
		from += sent;
		size -= sent;
	}
	return 0;
}

static void reply(int status, const char *content, size_t size)
{
	char head[40];
	int length = snprintf(head, sizeof(head), "%d %zu\n", status, size);

	put(port, head, length);
	put(port, content, size);
}

static void reply_errno(int failed)
{
	const char *why = failed ? strerror(errno) : "";

	reply(failed ? 1 : 0, why, strlen(why));
}

static pid_t begin(char **words, int out)
{
	pid_t pid = vfork();

	if (!pid) {
		dup2(out, 1);
		dup2(out, 2);
		setsid();
		execvp(words[0], words);
		_exit(127);
	}
	return pid;
}

static void run(char **words)
{
	int pipes[2], status = 0;
	size_t size = 0;
	ssize_t got;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC)) {
		reply_errno(1);
		return;
	}
	pid = begin(words, pipes[1]);
	close(pipes[1]);
	while ((got = read(pipes[0], answer + size, sizeof(answer) - size)) > 0)
		size += got;
	close(pipes[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		reply_errno(1);
		return;
	}
	reply(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), answer, size);
}

static void spawn(char **words)
{
	int null = open("/dev/null", O_RDWR);
	pid_t pid = begin(words, null);
	int length = snprintf(answer, sizeof(answer), "%d", pid);

	close(null);
	reply(pid < 0, answer, length);
}

static int set_up(int fd, struct ifreq *card, int mtu, const char *address)
{
	struct sockaddr_in *to = (struct sockaddr_in *)&card->ifr_addr;

	card->ifr_mtu = mtu;
	if (ioctl(fd, SIOCSIFMTU, card))
		return -1;
	memset(to, 0, sizeof(*to));
	to->sin_family = AF_INET;
	if (inet_pton(AF_INET, address, &to->sin_addr) != 1) {
		errno = EINVAL;
		return -1;
	}
	if (ioctl(fd, SIOCSIFADDR, card))
		return -1;
	to->sin_addr.s_addr = htonl(0xffffff00);
	if (ioctl(fd, SIOCSIFNETMASK, card) || ioctl(fd, SIOCGIFFLAGS, card))
		return -1;
	card->ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, card);
}

static void card(char **words)
{
	int failed = -1, index, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned char *link;
	struct ifreq card;
	char said[18];

	for (index = 1; index < INTERFACES; index++) {
		memset(&card, 0, sizeof(card));
		card.ifr_ifindex = index;
		/* What stands upon a card (a VLAN, a bond) has its address, and another name. */
		if (ioctl(fd, SIOCGIFNAME, &card) || strncmp(card.ifr_name, "eth", 3) ||
		    ioctl(fd, SIOCGIFHWADDR, &card))
			continue;
		link = (unsigned char *)card.ifr_hwaddr.sa_data;
		snprintf(said, sizeof(said), "%02x:%02x:%02x:%02x:%02x:%02x", link[0], link[1], link[2], link[3],
			 link[4], link[5]);
		if (!strcmp(said, words[0]))
			break;
	}
	if (index < INTERFACES)
		failed = set_up(fd, &card, atoi(words[1]), words[2]);
	else
		errno = ENODEV;
	reply_errno(failed);
	close(fd);
}

static void obey(char *line)
{
	char *words[WORDS + 1] = { 0 }, *rest = line, *word;
	int count = 0;

	while (count < WORDS && (word = strsep(&rest, "\t")))
		words[count++] = word;
	if (!strcmp(words[0], "read") && count == 2) {
		ssize_t size = slurp(words[1], answer, sizeof(answer));

		if (size < 0)
			reply_errno(1);
		else
			reply(0, answer, size);
	} else if (!strcmp(words[0], "write") && count == 3) {
		int fd = open(words[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
		int failed = fd < 0 || put(fd, words[2], strlen(words[2]));

		reply_errno(failed);
		if (fd >= 0)
			close(fd);
	} else if (!strcmp(words[0], "module") && count >= 2) {
		reply_errno(load(words[1], count > 2 ? words[2] : ""));
	} else if (!strcmp(words[0], "remove") && count == 2) {
		reply_errno(syscall(SYS_delete_module, words[1], O_NONBLOCK));
	} else if (!strcmp(words[0], "card") && count == 4) {
		card(words + 1);
	} else if (!strcmp(words[0], "run") && count >= 2) {
		run(words + 1);
	} else if (!strcmp(words[0], "spawn") && count >= 2) {
		spawn(words + 1);
	} else {
		const char *what = "no such request";

		reply(2, what, strlen(what));
	}
}

static void requests(void)
{
	static size_t size;
	ssize_t got = read(port, request + size, sizeof(request) - 1 - size);
	char *end;

	if (got <= 0) {
		/* Nobody has the other end open: poll() would return at once, for ever. */
		usleep(20000);
		return;
	}
	size += got;
	while ((end = memchr(request, '\n', size))) {
		size_t used = end + 1 - request;

		*end = 0;
		obey(request);
		memmove(request, request + used, size - used);
		size -= used;
	}
	if (size == sizeof(request) - 1)
		size = 0;
}

/* Protocol 0 is the type's own. -1 if this kernel does not have it. */
static int serve(int type, int protocol)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(ECHO), .sin6_addr = in6addr_any };
	struct sockaddr_in old = { .sin_family = AF_INET, .sin_port = htons(ECHO) };
	int one = 1, fd = socket(AF_INET6, type | SOCK_CLOEXEC, protocol);

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (!bind(fd, (struct sockaddr *)&any, sizeof(any)))
			goto bound;
		close(fd);
	}
	fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&old, sizeof(old)))
		return -1;
bound:
	if (type == SOCK_STREAM)
		listen(fd, CLIENTS);
	return fd;
}

static void echo_datagram(int fd)
{
	static char packet[65536];
	struct sockaddr_in6 from;
	socklen_t length = sizeof(from);
	ssize_t got = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &length);

	if (got >= 0)
		sendto(fd, packet, got, 0, (struct sockaddr *)&from, length);
}

/* Whether the client is still there. */
static int echo_stream(int fd)
{
	static char piece[65536];
	ssize_t got = read(fd, piece, sizeof(piece));

	return got > 0 && !put(fd, piece, got);
}

/* Take in a client where there is a free place among CLIENTS. */
static void admit(int listening, struct pollfd *clients)
{
	int i, client = accept(listening, NULL, NULL);

	for (i = 0; client >= 0 && i < CLIENTS; i++)
		if (clients[i].fd < 0) {
			fcntl(client, F_SETFD, FD_CLOEXEC);
			clients[i] = (struct pollfd){ .fd = client, .events = POLLIN };
			return;
		}
	if (client >= 0)
		close(client);
}

int main(void)
{
	struct pollfd fds[FIXED + CLIENTS] = { 0 };
	int i, null;

	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, "");
	mount("sysfs", "/sys", "sysfs", 0, "");
	mount("devtmpfs", "/dev", "devtmpfs", 0, "");
	null = open("/dev/null", O_RDWR);
	dup2(null, 0);
	setenv("PATH", "/usr/bin:/bin", 1);
	signal(SIGPIPE, SIG_IGN);
	load_all();
	while ((port = open_port()) < 0)
		usleep(10000);
	fcntl(port, F_SETFD, FD_CLOEXEC);
	fds[0].fd = port;
	fds[1].fd = serve(SOCK_DGRAM, 0);
	fds[2].fd = serve(SOCK_STREAM, 0);
	fds[3].fd = serve(SOCK_STREAM, IPPROTO_SCTP);
	for (i = 0; i < FIXED + CLIENTS; i++) {
		fds[i].events = POLLIN;
		if (i >= FIXED)
			fds[i].fd = -1;
	}
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (poll(fds, FIXED + CLIENTS, 1000) < 0)
			continue;
		if (fds[0].revents)
			requests();
		if (fds[1].revents)
			echo_datagram(fds[1].fd);
		if (fds[2].revents)
			admit(fds[2].fd, fds + FIXED);
		if (fds[3].revents)
			admit(fds[3].fd, fds + FIXED);
		for (i = FIXED; i < FIXED + CLIENTS; i++)
			if (fds[i].fd >= 0 && fds[i].revents && !echo_stream(fds[i].fd)) {
				close(fds[i].fd);
				fds[i].fd = -1;
			}
	}
}
