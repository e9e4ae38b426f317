#include "tools/keypair-keys/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keycheck/lists.h"

/* Of SHA-256: a good key hits one of 71,680 such hashes once in 2^47 times. */
#define HASH_SIZE 8
/* A line: number, space, hex, newline. */
#define LINE_MAX_SIZE (KEYPAIR_BITS_MAX / 4 + 16)
/* So often a file is brought to disk, and so often a list's maker makes a key again. */
#define FLUSH_EVERY 256
#define AGAIN_EVERY 4096

/* The next line; false at the end, at a line that was cut off, and at one that is none. */
static bool read_line(FILE *f, unsigned bits, unsigned index, uint8_t *modulus)
{
	char line[LINE_MAX_SIZE], *end;

	if (fgets(line, sizeof(line), f) == NULL || strchr(line, '\n') == NULL)
		return false;
	*strchr(line, '\n') = '\0';
	unsigned long v = strtoul(line, &end, 10);
	return line[0] >= '0' && line[0] <= '9' && *end == ' ' && v == index &&
	       hex_decode(end + 1, modulus, bits / 8);
}

static enum err_code make(
	struct keypair *k, unsigned bits, unsigned index, uint8_t *modulus, struct err *e)
{
	uint8_t seed[KEYPAIR_SEED];

	keypair_seed(index, seed);
	return keypair_modulus(k, seed, bits, modulus, e);
}

static enum err_code write_moduli(
	struct keypair *k, unsigned bits, unsigned count, FILE *f, const char *path, struct err *e)
{
	uint8_t modulus[KEYPAIR_BITS_MAX / 8];
	char hex[2 * sizeof(modulus) + 1];
	unsigned index = 0;
	long end = 0;

	while (index < count && read_line(f, bits, index, modulus)) {
		index++;
		end = ftell(f);
	}
	if (ferror(f) || end < 0 || fseek(f, end, SEEK_SET) != 0)
		return err_sys(e, ERR_IO, path, errno, "cannot read");
	for (; index < count; index++) {
		enum err_code rc = make(k, bits, index, modulus, e);
		if (rc != ERR_OK)
			return rc;
		hex_encode(modulus, bits / 8, hex);
		if (fprintf(f, "%u %s\n", index, hex) < 0 ||
			(index % FLUSH_EVERY == 0 && fflush(f) != 0))
			return err_sys(e, ERR_IO, path, errno, "cannot write");
	}
	return ERR_OK;
}

enum err_code keypair_moduli(
	struct keypair *k, unsigned bits, unsigned count, const char *path, struct err *e)
{
	FILE *f = fopen(path, "a"); /* make it, and empty nothing */
	if (f == NULL || fclose(f) != 0 || (f = fopen(path, "r+")) == NULL)
		return err_sys(e, ERR_IO, path, errno, "cannot open");
	enum err_code rc = write_moduli(k, bits, count, f, path, e);
	if (fclose(f) != 0 && rc == ERR_OK)
		rc = err_sys(e, ERR_IO, path, errno, "cannot write");
	return rc;
}

static enum err_code add_all(struct list_maker *m, struct keypair *k, unsigned bits, unsigned count,
	FILE *f, const char *path, unsigned source, struct err *e)
{
	uint8_t modulus[KEYPAIR_BITS_MAX / 8], again[KEYPAIR_BITS_MAX / 8], hash[SHA256_SIZE];
	enum err_code rc = ERR_OK;
	size_t size;

	for (unsigned i = 0; i < count && rc == ERR_OK; i++) {
		const struct pubkey key = {
			.kind = PUBKEY_RSA, .modulus = bytes_of(modulus, bits / 8)};
		if (!read_line(f, bits, i, modulus))
			return err_set(e, ERR_MALFORMED, path,
				"no modulus of %u bits and number %u in its line %u", bits, i,
				i + 1);
		if (i % AGAIN_EVERY == 0)
			rc = make(k, bits, i, again, e);
		if (rc == ERR_OK && i % AGAIN_EVERY == 0 && memcmp(again, modulus, bits / 8) != 0)
			rc = err_set(e, ERR_MALFORMED, path, "key number %u is another one", i);
		if (rc == ERR_OK && !list_hash(LIST_NUMBER_SHA256, &key, hash, &size))
			rc = err_set(e, ERR_INTERNAL, path, "a modulus has no hash");
		if (rc == ERR_OK)
			rc = list_maker_hash(m, bytes_of(hash, HASH_SIZE), source, e);
	}
	return rc;
}

enum err_code keypair_list(struct keypair *k, unsigned bits, unsigned count, const char *path,
	const char *date, struct buf *out, struct err *e)
{
	char source[LIST_TEXT_MAX];
	struct list_maker *m = NULL;
	unsigned number;
	uint64_t entries;

	snprintf(source, sizeof(source),
		"CVE-2021-41117: made again by tools/keypair-keys %u, seeds 0 to %u of %d", bits,
		count - 1, KEYPAIR_KEYS);
	const struct list_about about = {.kind = LIST_NUMBER_SHA256,
		.check = CHECK_RSA_KEYPAIR,
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
		rc = add_all(m, k, bits, count, f, path, number, e);
	if (rc == ERR_OK)
		rc = list_maker_end(m, out, &entries, e);
	list_maker_free(m);
	fclose(f);
	return rc;
}
