#include "keycheck/patterns.h"

#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"

/* Each family has a count for keys of a size, and writes its i-th member into zeroed octets. */
struct family {
	unsigned (*count)(size_t size);
	void (*get)(unsigned i, size_t size, uint8_t *out, char *what);
};

/* What sample code, test vectors and blog posts use. */
static const char *const words[] = {"a", "abc", "abcdefgh", "admin", "alice", "bob", "bitcoin",
	"changeme", "correct horse battery staple", "default", "device", "example", "hello",
	"hello world", "key", "letmein", "master", "medseal", "password", "password1", "private",
	"privatekey", "qwerty", "root", "sample", "satoshi", "secret", "seed", "test", "test key",
	"testkey", "user", "x", "0", "1", "12345", "123456", "1234567890", "0123456789abcdef",
	"Hello", "Hello, world!", "Password", "SECRET", "TEST", "AAAA", ""};

#define WORDS (sizeof(words) / sizeof(words[0]))

static const uint32_t marks[] = {0x00000001, 0x00010203, 0x01020304, 0x01234567, 0x0badcafe,
	0x0badf00d, 0x10203040, 0x12345678, 0x5a5aa5a5, 0x76543210, 0x87654321, 0x8badf00d,
	0x90abcdef, 0xa5a55a5a, 0xaa55aa55, 0x55aa55aa, 0xabadcafe, 0xabcdef01, 0xbaadf00d,
	0xcafebabe, 0xcafed00d, 0xdeadbeef, 0xdeadc0de, 0xefbeadde, 0xfeedface, 0xffff0000,
	0x0000ffff, 0xff00ff00, 0x00ff00ff};

#define MARKS (sizeof(marks) / sizeof(marks[0]))

static unsigned octet_count(size_t size)
{
	(void)size;
	return 256;
}

static void octet_get(unsigned i, size_t size, uint8_t *out, char *what)
{
	memset(out, (int)i, size);
	snprintf(what, SMALL_KEY_TEXT, "the octet %02x repeated", i);
}

static unsigned swapped_count(size_t size)
{
	(void)size;
	return 255;
}

/* A small number whose octets stand in the other order. */
static void swapped_get(unsigned i, size_t size, uint8_t *out, char *what)
{
	(void)size;
	out[0] = (uint8_t)(i + 1);
	snprintf(what, SMALL_KEY_TEXT, "the octet %02x and zeros", i + 1);
}

static unsigned power_count(size_t size)
{
	return (unsigned)size * 8 * 3;
}

/* 2^k - 1, 2^k, 2^k + 1. */
static void power_get(unsigned i, size_t size, uint8_t *out, char *what)
{
	static const char *const shift[] = {" - 1", "", " + 1"};
	unsigned k = i / 3;

	if (i % 3 == 0) {
		for (unsigned b = 0; b < k; b++)
			out[size - 1 - b / 8] |= (uint8_t)(1u << b % 8);
	} else {
		out[size - 1 - k / 8] = (uint8_t)(1u << k % 8);
		if (i % 3 == 2 && k == 0)
			out[size - 1] = 2;
		else if (i % 3 == 2)
			out[size - 1] |= 1;
	}
	snprintf(what, SMALL_KEY_TEXT, "2^%u%s", k, shift[i % 3]);
}

static unsigned count_count(size_t size)
{
	(void)size;
	return 256 * 2;
}

/* Octets that count up or down from any first one. */
static void count_get(unsigned i, size_t size, uint8_t *out, char *what)
{
	for (size_t at = 0; at < size; at++)
		out[at] = (uint8_t)(i % 2 == 0 ? i / 2 + at : i / 2 - at);
	snprintf(what, SMALL_KEY_TEXT, "octets that count %s from %02x", i % 2 == 0 ? "up" : "down",
		i / 2);
}

static unsigned mark_count(size_t size)
{
	(void)size;
	return MARKS;
}

static void mark_get(unsigned i, size_t size, uint8_t *out, char *what)
{
	for (size_t at = 0; at < size; at++)
		out[at] = (uint8_t)(marks[i] >> (24 - 8 * (at % 4)));
	snprintf(what, SMALL_KEY_TEXT, "%08x repeated", marks[i]);
}

static unsigned word_count(size_t size)
{
	(void)size;
	return WORDS * 4;
}

static void word_get(unsigned i, size_t size, uint8_t *out, char *what)
{
	static const char *const how[] = {
		"at the front", "at the end", "repeated", "hashed with SHA-256"};
	const char *word = words[i / 4];
	size_t len = strlen(word) < size ? strlen(word) : size;
	uint8_t digest[SHA256_SIZE];

	switch (i % 4) {
	case 0:
		memcpy(out, word, len);
		break;
	case 1:
		memcpy(out + size - len, word, len);
		break;
	case 2:
		for (size_t at = 0; at < size && len > 0; at++)
			out[at] = (uint8_t)word[at % len];
		break;
	default:
		sha256_of(bytes_str(word), digest);
		len = sizeof(digest) < size ? sizeof(digest) : size;
		memcpy(out + size - len, digest, len);
		break;
	}
	snprintf(what, SMALL_KEY_TEXT, "the text \"%s\" %s", word, how[i % 4]);
}

static const struct family families[] = {
	{octet_count, octet_get},
	{swapped_count, swapped_get},
	{power_count, power_get},
	{count_count, count_get},
	{mark_count, mark_get},
	{word_count, word_get},
};

#define FAMILIES (sizeof(families) / sizeof(families[0]))

unsigned patterns_count(size_t size)
{
	unsigned n = 0;

	for (size_t f = 0; f < FAMILIES; f++)
		n += families[f].count(size);
	return n;
}

void patterns_get(unsigned i, size_t size, uint8_t *out, char what[SMALL_KEY_TEXT])
{
	char unwanted[SMALL_KEY_TEXT];

	memset(out, 0, size);
	for (size_t f = 0; f < FAMILIES; f++) {
		unsigned n = families[f].count(size);
		if (i < n) {
			families[f].get(i, size, out, what != NULL ? what : unwanted);
			return;
		}
		i -= n;
	}
}
