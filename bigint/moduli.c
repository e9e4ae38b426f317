#include "bigint/moduli.h"

#include <stdlib.h>
#include <string.h>

#include "bigint/disk.h"

/* A limb of the file is a limb of this machine: docs/spec/moduli.md. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the moduli file is mapped as it lies");

struct head {
	char magic[8];
	uint32_t version;
	uint32_t zero;
	uint64_t count;
	uint64_t words; /* after the head */
	uint64_t sum;   /* over these words */
	uint64_t rest[2];
	uint64_t head_sum; /* over the words before it */
};
_Static_assert(sizeof(struct head) == MODULI_HEAD, "the head has no gaps");

struct moduli_writer {
	struct disk_file file;
	struct head head;
	uint64_t *record;
};

enum err_code moduli_create(const char *path, struct moduli_writer **out, struct err *e)
{
	struct moduli_writer *w = calloc(1, sizeof(*w));
	uint64_t *record = malloc(8 + MODULI_BYTES_MAX);
	if (w == NULL || record == NULL) {
		free(w);
		free(record);
		return err_set(e, ERR_NO_MEMORY, path, "a writer of moduli");
	}
	w->record = record;
	enum err_code err = disk_create(&w->file, path, e);
	if (err == ERR_OK)
		err = disk_write(&w->file, &w->head, sizeof(w->head), e);
	if (err != ERR_OK)
		moduli_abandon(w);
	else
		*out = w;
	return err;
}

enum err_code moduli_add(struct moduli_writer *w, struct bytes modulus, struct err *e)
{
	while (modulus.len > 0 && modulus.p[0] == 0)
		modulus = bytes_of(modulus.p + 1, modulus.len - 1);
	if (modulus.len > MODULI_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "modulus", "%zu bytes; at most %d", modulus.len,
			MODULI_BYTES_MAX);
	if (modulus.len == 0 || (modulus.p[modulus.len - 1] & 1) == 0 ||
		(modulus.len == 1 && modulus.p[0] == 1))
		return err_set(e, ERR_MALFORMED, "modulus", "it must be odd and above 1");
	size_t limbs = (modulus.len + 7) / 8;
	w->record[0] = modulus.len;
	w->record[limbs] = 0; /* the padding of the last limb */
	uint8_t *to = (uint8_t *)(w->record + 1);
	for (size_t i = 0; i < modulus.len; i++)
		to[i] = modulus.p[modulus.len - 1 - i];
	w->head.sum = sum_words(w->head.sum, w->record, 1 + limbs);
	w->head.words += 1 + limbs;
	w->head.count++;
	return disk_write(&w->file, w->record, 8 + 8 * limbs, e);
}

enum err_code moduli_end(struct moduli_writer *w, struct err *e)
{
	memcpy(w->head.magic, MODULI_MAGIC, sizeof(w->head.magic));
	w->head.version = MODULI_VERSION;
	w->head.head_sum = sum_head(&w->head, sizeof(w->head));
	enum err_code err = disk_head(&w->file, &w->head, sizeof(w->head), e);
	if (err == ERR_OK)
		err = disk_end(&w->file, e);
	moduli_abandon(w);
	return err;
}

void moduli_abandon(struct moduli_writer *w)
{
	if (w == NULL)
		return;
	disk_abandon(&w->file);
	free(w->record);
	free(w);
}

struct moduli {
	struct disk_map map;
	char *path;
	const uint64_t *words; /* after the head */
	uint64_t words_n;
	uint64_t count;
	uint64_t sum;
	size_t stride;    /* words of a record, when all have the same; else 0 */
	uint64_t *starts; /* else where each begins */
};

static enum err_code check_head(struct moduli *m, struct err *e)
{
	struct head h;
	if (m->map.len < sizeof(h))
		return err_set(e, ERR_TRUNCATED, m->path, "it ends within its head");
	memcpy(&h, m->map.p, sizeof(h));
	if (memcmp(h.magic, MODULI_MAGIC, sizeof(h.magic)) != 0)
		return err_set(e, ERR_MALFORMED, m->path, "it is no moduli file");
	if (h.version != MODULI_VERSION)
		return err_set(e, ERR_MALFORMED, m->path, "version %u is not known", h.version);
	if (h.head_sum != sum_head(&h, sizeof(h)) || h.zero != 0 || h.rest[0] != 0 || h.rest[1] != 0)
		return err_set(e, ERR_MALFORMED, m->path, "its head is damaged");
	uint64_t have = (m->map.len - sizeof(h)) / 8;
	if (have < h.words)
		return err_set(e, ERR_TRUNCATED, m->path, "%llu words are missing",
			(unsigned long long)(h.words - have));
	if (m->map.len - sizeof(h) != h.words * 8)
		return err_set(e, ERR_TRAILING, m->path, "it is longer than its head says");
	if (h.count > h.words / 2) /* a record has two words or more */
		return err_set(e, ERR_MALFORMED, m->path, "its head counts more moduli than fit");
	m->words = (const uint64_t *)(const void *)(m->map.p + sizeof(h));
	m->words_n = h.words;
	m->count = h.count;
	m->sum = h.sum;
	return ERR_OK;
}

static bool record_good(const uint64_t *p, uint64_t left, uint64_t *size)
{
	uint64_t len = p[0];
	if (len == 0 || len > MODULI_BYTES_MAX || 1 + (len + 7) / 8 > left)
		return false;
	*size = 1 + (len + 7) / 8;
	uint64_t top = p[*size - 1];
	unsigned unused = (unsigned)(*size - 1) * 8 - (unsigned)len; /* bytes above the number */
	bool full = (top >> (8 * (7 - unused))) != 0 && (top >> (8 * (7 - unused))) < 256;
	return full && (p[1] & 1) == 1 && !(len == 1 && p[1] == 1);
}

/* Every record is looked at once: lengths, form, and the checksum over all. */
static enum err_code check_records(struct moduli *m, struct err *e)
{
	if (sum_words(0, m->words, m->words_n) != m->sum)
		return err_set(e, ERR_MALFORMED, m->path, "the moduli are damaged (checksum)");
	uint64_t at = 0, i = 0;
	for (; i < m->count && at < m->words_n; i++) {
		uint64_t size = 0;
		if (!record_good(m->words + at, m->words_n - at, &size))
			return err_set(e, ERR_MALFORMED, m->path, "modulus %llu has no valid form",
				(unsigned long long)i);
		if (i == 0)
			m->stride = size;
		if (m->stride != 0 && size != m->stride) {
			/* Sizes differ: from here on the beginnings are written down. */
			m->starts = malloc(m->count * sizeof(*m->starts));
			if (m->starts == NULL)
				return err_set(e, ERR_NO_MEMORY, m->path, "an index of %llu moduli",
					(unsigned long long)m->count);
			for (uint64_t j = 0; j < i; j++)
				m->starts[j] = j * m->stride;
			m->stride = 0;
		}
		if (m->starts != NULL)
			m->starts[i] = at;
		at += size;
	}
	if (i != m->count || at != m->words_n)
		return err_set(e, ERR_MALFORMED, m->path,
			"its head counts %llu moduli, it has others", (unsigned long long)m->count);
	return ERR_OK;
}

enum err_code moduli_open(const char *path, struct moduli **out, struct err *e)
{
	struct moduli *m = calloc(1, sizeof(*m));
	if (m == NULL || (m->path = strdup(path)) == NULL) {
		free(m);
		return err_set(e, ERR_NO_MEMORY, path, "a reader of moduli");
	}
	enum err_code err = disk_map(path, &m->map, e);
	if (err == ERR_OK)
		err = check_head(m, e);
	if (err == ERR_OK)
		err = check_records(m, e);
	if (err != ERR_OK)
		moduli_close(m);
	else
		*out = m;
	return err;
}

uint64_t moduli_count(const struct moduli *m)
{
	return m->count;
}

static const uint64_t *record(const struct moduli *m, uint64_t i)
{
	return m->words + (m->starts != NULL ? m->starts[i] : i * m->stride);
}

struct bytes moduli_get(const struct moduli *m, uint64_t i)
{
	const uint64_t *r = record(m, i);
	return bytes_of(r + 1, (size_t)r[0]);
}

const uint64_t *moduli_limbs(const struct moduli *m, uint64_t i, size_t *n)
{
	const uint64_t *r = record(m, i);
	*n = (size_t)(r[0] + 7) / 8;
	return r + 1;
}

uint64_t moduli_sum(const struct moduli *m)
{
	return m->sum ^ m->count;
}

const char *moduli_path(const struct moduli *m)
{
	return m->path;
}

static int by_size(const void *a, const void *b, void *moduli)
{
	size_t x, y;
	(void)moduli_limbs(moduli, *(const uint64_t *)a, &x);
	(void)moduli_limbs(moduli, *(const uint64_t *)b, &y);
	if (x != y)
		return x < y ? -1 : 1;
	return *(const uint64_t *)a < *(const uint64_t *)b ? -1 : 1;
}

enum err_code moduli_by_size(const struct moduli *m, uint64_t **out, struct err *e)
{
	*out = NULL;
	if (m->starts == NULL) /* all have one */
		return ERR_OK;
	uint64_t *order = malloc(m->count * sizeof(*order));
	if (order == NULL)
		return err_set(e, ERR_NO_MEMORY, m->path, "an order of %llu moduli",
			(unsigned long long)m->count);
	for (uint64_t i = 0; i < m->count; i++)
		order[i] = i;
	qsort_r(order, m->count, sizeof(*order), by_size, (void *)(uintptr_t)m);
	*out = order;
	return ERR_OK;
}

void moduli_close(struct moduli *m)
{
	if (m == NULL)
		return;
	disk_unmap(&m->map);
	free(m->starts);
	free(m->path);
	free(m);
}
