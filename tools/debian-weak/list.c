#include "tools/debian-weak/list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keycheck/lists.h"

/* Of SHA-256: a key that is not weak hits one of a million such hashes once in 2^44 times. */
#define HASH_SIZE 8
/* A line: process id, space, hex, newline. */
#define LINE_MAX_SIZE (KEYGEN_BITS_MAX / 4 + 16)
/* So often a file is brought to disk, and so often a list's maker makes a key again. */
#define FLUSH_EVERY 256
#define AGAIN_EVERY 4096

/* The next line; false at the end, at a line that was cut off, and at one that is none. */
static bool read_line(FILE *f, unsigned bits, uint32_t pid, uint8_t *modulus)
{
	char line[LINE_MAX_SIZE], *end;

	if (fgets(line, sizeof(line), f) == NULL || strchr(line, '\n') == NULL)
		return false;
	*strchr(line, '\n') = '\0';
	unsigned long v = strtoul(line, &end, 10);
	return line[0] >= '0' && line[0] <= '9' && *end == ' ' && v == pid &&
	       hex_decode(end + 1, modulus, bits / 8);
}

static enum err_code write_moduli(
	struct keygen *k, const struct weak_set *set, FILE *f, const char *path, struct err *e)
{
	uint8_t modulus[KEYGEN_BITS_MAX / 8];
	char hex[2 * sizeof(modulus) + 1];
	uint32_t pid = PID_MIN;
	long end = 0;

	while (read_line(f, set->bits, pid, modulus)) {
		pid++;
		end = ftell(f);
	}
	if (ferror(f) || end < 0 || fseek(f, end, SEEK_SET) != 0)
		return err_sys(e, ERR_IO, path, errno, "cannot read");
	for (; pid <= PID_MAX; pid++) {
		enum err_code rc =
			keygen_modulus(k, set->arch, set->program, set->bits, pid, modulus, e);
		if (rc != ERR_OK)
			return rc;
		hex_encode(modulus, set->bits / 8, hex);
		if (fprintf(f, "%" PRIu32 " %s\n", pid, hex) < 0 ||
			(pid % FLUSH_EVERY == 0 && fflush(f) != 0))
			return err_sys(e, ERR_IO, path, errno, "cannot write");
	}
	return ERR_OK;
}

enum err_code weak_moduli(
	struct keygen *k, const struct weak_set *set, const char *path, struct err *e)
{
	FILE *f = fopen(path, "a"); /* make it, and empty nothing */
	if (f == NULL || fclose(f) != 0 || (f = fopen(path, "r+")) == NULL)
		return err_sys(e, ERR_IO, path, errno, "cannot open");
	enum err_code rc = write_moduli(k, set, f, path, e);
	if (fclose(f) != 0 && rc == ERR_OK)
		rc = err_sys(e, ERR_IO, path, errno, "cannot write");
	return rc;
}

/* Is it the key that the set's process makes? */
static enum err_code check_again(struct keygen *k, const struct weak_set *set, uint32_t pid,
	const uint8_t *modulus, const char *path, struct err *e)
{
	uint8_t again[KEYGEN_BITS_MAX / 8];
	enum err_code rc = keygen_modulus(k, set->arch, set->program, set->bits, pid, again, e);

	if (rc == ERR_OK && memcmp(again, modulus, set->bits / 8) != 0)
		rc = err_set(e, ERR_MALFORMED, path, "the key of process %u is another one", pid);
	return rc;
}

static enum err_code add_all(struct list_maker *m, struct keygen *k, const struct weak_set *set,
	FILE *f, const char *path, const char *source, struct err *e)
{
	uint8_t modulus[KEYGEN_BITS_MAX / 8], hash[SHA256_SIZE];
	unsigned number;
	size_t size;

	enum err_code rc = list_maker_source(m, source, &number, e);
	for (uint32_t pid = PID_MIN; pid <= PID_MAX && rc == ERR_OK; pid++) {
		if (!read_line(f, set->bits, pid, modulus))
			return err_set(e, ERR_MALFORMED, path,
				"no modulus of %u bits in its line %u", set->bits, pid);
		if (pid % AGAIN_EVERY == PID_MIN)
			rc = check_again(k, set, pid, modulus, path, e);
		const struct pubkey key = {
			.kind = PUBKEY_RSA, .modulus = bytes_of(modulus, set->bits / 8)};
		if (rc == ERR_OK && !list_hash(LIST_NUMBER_SHA256, &key, hash, &size))
			rc = err_set(e, ERR_INTERNAL, path, "a modulus has no hash");
		if (rc == ERR_OK)
			rc = list_maker_hash(m, bytes_of(hash, HASH_SIZE), number, e);
	}
	return rc;
}

enum err_code weak_list(struct keygen *k, const struct weak_set *set, const char *path,
	const char *date, struct buf *out, struct err *e)
{
	char source[LIST_TEXT_MAX];
	struct list_maker *m = NULL;
	uint64_t count;

	snprintf(source, sizeof(source),
		"CVE-2008-0166: made again by tools/debian-weak %s %s %u, process ids %d to %d",
		weak_arch_name(set->arch), weak_program_name(set->program), set->bits, PID_MIN,
		PID_MAX);
	const struct list_about about = {.kind = LIST_NUMBER_SHA256,
		.check = CHECK_DEBIAN_WEAK,
		.source = source,
		.date = date,
		.licence = "Apache-2.0"};
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return err_sys(e, ERR_IO, path, errno, "cannot open");
	enum err_code rc = list_maker_new(&about, HASH_SIZE, &m, e);
	if (rc == ERR_OK)
		rc = add_all(m, k, set, f, path, source, e);
	if (rc == ERR_OK)
		rc = list_maker_end(m, out, &count, e);
	list_maker_free(m);
	fclose(f);
	return rc;
}
