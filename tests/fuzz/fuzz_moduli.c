/* A moduli file as it is mapped: what is taken are moduli, and the writer writes them the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bigint/disk.h"
#include "bigint/moduli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where the head has its numbers: docs/spec/moduli.md. */
#define AT_WORDS 24
#define AT_SUM 32
#define AT_HEAD_SUM 56

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* A mutated file has neither checksums nor length right: nothing behind them would be read. */
static void mend(uint8_t *file, size_t size)
{
	uint64_t words = (size - MODULI_HEAD) / 8;
	uint64_t *copy = malloc(size);

	if (copy == NULL)
		abort();
	memcpy(copy, file + MODULI_HEAD, words * 8);
	put64(file + AT_WORDS, words);
	put64(file + AT_SUM, sum_words(0, copy, words));
	memcpy(copy, file, AT_HEAD_SUM);
	put64(file + AT_HEAD_SUM, sum_words(0, copy, AT_HEAD_SUM / 8));
	free(copy);
}

static void map_path(char path[32], int fd)
{
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

/* Odd, above 1, no zero above it, and the same by limbs and by octets. */
static void check_modulus(const struct moduli *m, uint64_t i)
{
	struct bytes v = moduli_get(m, i);
	size_t limbs;
	const uint64_t *p = moduli_limbs(m, i, &limbs);

	if (v.len == 0 || v.len > MODULI_BYTES_MAX || v.p[v.len - 1] == 0 || (v.p[0] & 1) == 0 ||
		(v.len == 1 && v.p[0] == 1))
		abort();
	if (limbs != (v.len + 7) / 8 || p[limbs - 1] == 0 || memcmp(p, v.p, v.len) != 0)
		abort();
}

/* What the writer makes of its moduli is the file, to the octet. */
static void write_again(const struct moduli *m, struct bytes file)
{
	static uint8_t big_endian[MODULI_BYTES_MAX];
	char path[] = "/tmp/medseal-fuzz-moduli-XXXXXX";
	int fd = mkstemp(path);
	struct moduli_writer *w;
	struct disk_map again;

	if (fd < 0)
		abort();
	close(fd);
	if (moduli_create(path, &w, NULL) != ERR_OK)
		abort();
	for (uint64_t i = 0; i < moduli_count(m); i++) {
		struct bytes v = moduli_get(m, i);
		for (size_t j = 0; j < v.len; j++)
			big_endian[j] = v.p[v.len - 1 - j];
		if (moduli_add(w, bytes_of(big_endian, v.len), NULL) != ERR_OK)
			abort();
	}
	if (moduli_end(w, NULL) != ERR_OK || disk_map(path, &again, NULL) != ERR_OK)
		abort();
	if (again.len != file.len || memcmp(again.p, file.p, file.len) != 0)
		abort();
	disk_unmap(&again);
	unlink(path);
}

static void open_one(struct bytes file, bool again)
{
	int fd = memfd_create("moduli", MFD_CLOEXEC);
	struct moduli *m = NULL;
	char path[32];
	struct err e;

	if (fd < 0 || write(fd, file.p, file.len) != (ssize_t)file.len)
		abort();
	map_path(path, fd);
	enum err_code rc = moduli_open(path, &m, &e);
	if (rc != ERR_OK && rc != ERR_MALFORMED && rc != ERR_TRUNCATED && rc != ERR_TRAILING)
		abort();
	if (rc == ERR_OK) {
		for (uint64_t i = 0; i < moduli_count(m); i++)
			check_modulus(m, i);
		if (again)
			write_again(m, file);
		moduli_close(m);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size == 0)
		return 0;
	open_one(bytes_of(data, size), false);
	if (size < MODULI_HEAD)
		return 0;
	copy = malloc(size);
	if (copy == NULL)
		abort();
	memcpy(copy, data, size);
	mend(copy, size);
	open_one(bytes_of(copy, size), true);
	free(copy);
	return 0;
}
