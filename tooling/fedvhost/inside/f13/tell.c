/*
 * The way out of a test host that runs no Python: one JSON object a line, on the second serial line.
 *
 *     tell ready KERNEL UPTIME
 *     tell start ROW
 *     tell row ROW VERDICT SECONDS WHY-FILE SEEN-FILE    what was seen: lines "key<TAB>value"
 *     tell file ROW NAME PATH                            the file's end, in pieces
 *     tell end SECONDS
 *
 * The records are those of channel.py. No stdio: it would ask fstat, in a form that 2.6.33 does not know.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define PORT "/dev/ttyS1"
#define LARGEST 65536
#define PIECE 3072

static char line[8 * LARGEST];
static size_t used;

static void raw(const char *text)
{
	size_t size = strlen(text);

	if (used + size < sizeof(line)) {
		memcpy(line + used, text, size);
		used += size;
	}
}

static void quoted(const char *text, size_t size)
{
	size_t i;

	raw("\"");
	for (i = 0; i < size; i++) {
		unsigned char c = text[i];
		char word[8] = { c };

		if (c < ' ' || c == '"' || c == '\\' || c > '~')
			snprintf(word, sizeof(word), "\\u%04x", c);
		raw(word);
	}
	raw("\"");
}

static void pair(const char *key, const char *value)
{
	raw(",\"");
	raw(key);
	raw("\":");
	quoted(value, strlen(value));
}

/* The file's last LARGEST bytes at most. */
static size_t slurp(const char *path, char *into)
{
	int fd = open(path, O_RDONLY);
	ssize_t got;
	size_t size = 0;
	off_t end;

	if (fd < 0)
		return 0;
	end = lseek(fd, 0, SEEK_END);
	lseek(fd, end > LARGEST ? end - LARGEST : 0, SEEK_SET);
	while (size < LARGEST && (got = read(fd, into + size, LARGEST - size)) > 0)
		size += got;
	close(fd);
	return size;
}

static int flush(void)
{
	struct termios modes;
	int fd = open(PORT, O_WRONLY | O_NOCTTY);
	size_t sent = 0;

	if (fd < 0)
		return 1;
	raw("}\n");
	if (!tcgetattr(fd, &modes)) {
		modes.c_oflag = 0;
		modes.c_lflag = 0;
		tcsetattr(fd, TCSANOW, &modes);
	}
	while (sent < used) {
		ssize_t got = write(fd, line + sent, used - sent);

		if (got <= 0)
			return 1;
		sent += got;
	}
	tcdrain(fd);
	used = 0;
	return 0;
}

static void seen(char *text, size_t size)
{
	char *rest = text, *entry;
	int first = 1;

	text[size] = 0;
	raw(",\"observed\":{");
	while ((entry = strsep(&rest, "\n"))) {
		char *tab = strchr(entry, '\t');

		if (!tab)
			continue;
		if (!first)
			raw(",");
		first = 0;
		quoted(entry, tab - entry);
		raw(":");
		quoted(tab + 1, strlen(tab + 1));
	}
	raw("}");
}

static int attach(const char *row, const char *name, const char *path)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static unsigned char content[LARGEST + 3];
	size_t size = slurp(path, (char *)content), at, i;
	int failed = 0;

	for (at = 0; at < size; at += PIECE) {
		size_t end = at + PIECE < size ? at + PIECE : size;

		raw("{\"kind\":\"file\"");
		pair("row", row);
		pair("name", name);
		raw(",\"base64\":\"");
		for (i = at; i < end; i += 3) {
			unsigned long three = content[i] << 16;
			char four[5] = "====";

			if (i + 1 < end)
				three |= content[i + 1] << 8;
			if (i + 2 < end)
				three |= content[i + 2];
			four[0] = digits[three >> 18];
			four[1] = digits[three >> 12 & 63];
			if (i + 1 < end)
				four[2] = digits[three >> 6 & 63];
			if (i + 2 < end)
				four[3] = digits[three & 63];
			raw(four);
		}
		raw("\"");
		failed |= flush();
	}
	return failed;
}

int main(int count, char **words)
{
	static char text[LARGEST + 1];
	const char *kind = count > 1 ? words[1] : "";
	size_t size;

	if (!strcmp(kind, "file") && count == 5)
		return attach(words[2], words[3], words[4]);
	raw("{\"kind\":");
	quoted(kind, strlen(kind));
	if (!strcmp(kind, "ready") && count == 4) {
		pair("kernel", words[2]);
		raw(",\"uptime\":");
		raw(words[3]);
	} else if (!strcmp(kind, "start") && count == 3) {
		pair("row", words[2]);
	} else if (!strcmp(kind, "row") && count == 7) {
		pair("row", words[2]);
		pair("verdict", words[3]);
		raw(",\"seconds\":");
		raw(words[4]);
		size = slurp(words[5], text);
		while (size && text[size - 1] == '\n')
			size--;
		raw(",\"why\":");
		quoted(text, size);
		size = slurp(words[6], text);
		seen(text, size);
	} else if (!strcmp(kind, "end") && count == 3) {
		raw(",\"seconds\":");
		raw(words[2]);
	} else {
		return 2;
	}
	return flush();
}
