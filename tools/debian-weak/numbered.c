#include "tools/debian-weak/numbered.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of SHA-256: a key that is not weak hits one of a million such hashes once in 2^44 times. */
#define HASH_SIZE 8
/* A line: number, space, hex, newline. */
#define LINE_MAX_SIZE (NUMBERED_BITS_MAX / 4 + 16)
/* So often a file is brought to disk, and so often a list's maker makes a key again. */
#define FLUSH_EVERY 256
#define AGAIN_EVERY 4096

/* The next line; false at the end, at a line that was cut off, and at one that is none. */
static bool read_line(FILE *f, unsigned bits, uint32_t number, uint8_t *modulus)
{
	char line[LINE_MAX_SIZE], *end;

	if (fgets(line, sizeof(line), f) == NULL || strchr(line, '\n') == NULL)
		return false;
	*strchr(line, '\n') = '\0';
	unsigned long v = strtoul(line, &end, 10);
	return line[0] >= '0' && line[0] <= '9' && *end == ' ' && v == number &&
	       hex_decode(end + 1, modulus, bits / 8);
}

static enum err_code write_moduli(
	const struct numbered *n, FILE *f, const char *path, struct err *e)
{
	uint8_t modulus[NUMBERED_BITS_MAX / 8];
	char hex[2 * sizeof(modulus) + 1];
	uint32_t number = n->first;
	long end = 0;

	while (number <= n->last && read_line(f, n->bits, number, modulus)) {
		number++;
		end = ftell(f);
	}
	if (ferror(f) || end < 0 || fseek(f, end, SEEK_SET) != 0)
		return err_sys(e, ERR_IO, path, errno, "cannot read");
	for (; number <= n->last; number++) {
		enum err_code rc = n->make(n->arg, number, modulus, e);
		if (rc != ERR_OK)
			return rc;
		hex_encode(modulus, n->bits / 8, hex);
		if (fprintf(f, "%" PRIu32 " %s\n", number, hex) < 0 ||
			(number % FLUSH_EVERY == 0 && fflush(f) != 0))
			return err_sys(e, ERR_IO, path, errno, "cannot write");
	}
	return ERR_OK;
}

enum err_code numbered_moduli(const struct numbered *n, const char *path, struct err *e)
{
	FILE *f = fopen(path, "a"); /* make it, and empty nothing */
	if (f == NULL || fclose(f) != 0 || (f = fopen(path, "r+")) == NULL)
		return err_sys(e, ERR_IO, path, errno, "cannot open");
	enum err_code rc = write_moduli(n, f, path, e);
	if (fclose(f) != 0 && rc == ERR_OK)
		rc = err_sys(e, ERR_IO, path, errno, "cannot write");
	return rc;
}

static enum err_code check_again(const struct numbered *n, uint32_t number, const uint8_t *modulus,
	const char *path, struct err *e)
{
	uint8_t again[NUMBERED_BITS_MAX / 8];
	enum err_code rc = n->make(n->arg, number, again, e);

	if (rc == ERR_OK && memcmp(again, modulus, n->bits / 8) != 0)
		rc = err_set(e, ERR_MALFORMED, path, "key %u is another one", number);
	return rc;
}

static enum err_code add_all(const struct numbered *n, struct list_maker *m, unsigned source, FILE *f,
	const char *path, struct err *e)
{
	uint8_t modulus[NUMBERED_BITS_MAX / 8], hash[SHA256_SIZE];
	enum err_code rc = ERR_OK;
	size_t size;

	for (uint32_t i = n->first; i <= n->last && rc == ERR_OK; i++) {
		if (!read_line(f, n->bits, i, modulus))
			return err_set(e, ERR_MALFORMED, path,
				"no modulus of %u bits and number %u in its line %u", n->bits, i,
				i - n->first + 1);
		if ((i - n->first) % AGAIN_EVERY == 0)
			rc = check_again(n, i, modulus, path, e);
		const struct pubkey key = {
			.kind = PUBKEY_RSA, .modulus = bytes_of(modulus, n->bits / 8)};
		if (rc == ERR_OK && !list_hash(LIST_NUMBER_SHA256, &key, hash, &size))
			rc = err_set(e, ERR_INTERNAL, path, "a modulus has no hash");
		if (rc == ERR_OK)
			rc = list_maker_hash(m, bytes_of(hash, HASH_SIZE), source, e);
	}
	return rc;
}

enum err_code numbered_list(const struct numbered *n, const char *path, const char *source,
	const char *date, struct buf *out, struct err *e)
{
	struct list_maker *m = NULL;
	unsigned number;
	uint64_t entries;
	const struct list_about about = {.kind = LIST_NUMBER_SHA256,
		.check = n->check,
		.source = source,
		.date = date,
		.licence = "Apache-2.0"};
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return err_sys(e, ERR_IO, path, errno, "cannot open");
	enum err_code rc = list_maker_new(&about, HASH_SIZE, &m, e);
	if (rc == ERR_OK)
		rc = list_maker_source(m, source, &number, e);
	if (rc == ERR_OK)
		rc = add_all(n, m, number, f, path, e);
	if (rc == ERR_OK)
		rc = list_maker_end(m, out, &entries, e);
	list_maker_free(m);
	fclose(f);
	return rc;
}
