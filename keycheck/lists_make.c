#include <stdlib.h>
#include <string.h>

#include <gmp.h>

#include "base/mem.h"
#include "keycheck/lists_impl.h"

struct entry {
	uint8_t *p; /* owned */
	uint32_t len;
	uint32_t source;
	uint64_t order; /* of two that are equal the first stays */
};

struct list_maker {
	enum list_kind kind;
	enum check check;
	char *source, *date, *licence;
	unsigned hash_size;
	char **sources;
	unsigned sources_n;
	struct entry *entries;
	size_t n, cap;
};

enum err_code list_maker_new(
	const struct list_about *about, unsigned hash_size, struct list_maker **out, struct err *e)
{
	if (strlen(about->source) > LIST_TEXT_MAX || strlen(about->date) > LIST_TEXT_MAX ||
		strlen(about->licence) > LIST_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "key list", "a text above %d octets", LIST_TEXT_MAX);
	if (about->kind == LIST_PRIMES)
		hash_size = 0;
	if (!list_fits(about->kind, about->check, hash_size))
		return err_set(e, ERR_USAGE, "key list",
			"hashes of %u octets do not fit such a list", hash_size);
	struct list_maker *m = calloc(1, sizeof(*m));
	if (m == NULL)
		return err_set(e, ERR_NO_MEMORY, "key list", NULL);
	m->kind = about->kind;
	m->check = about->check;
	m->hash_size = hash_size;
	m->source = mem_strdup(about->source);
	m->date = mem_strdup(about->date);
	m->licence = mem_strdup(about->licence);
	if (m->source == NULL || m->date == NULL || m->licence == NULL) {
		list_maker_free(m);
		return err_set(e, ERR_NO_MEMORY, "key list", NULL);
	}
	*out = m;
	return ERR_OK;
}

enum err_code list_maker_source(
	struct list_maker *m, const char *source, unsigned *number, struct err *e)
{
	/* from the end: entries come source by source */
	for (unsigned i = m->sources_n; i > 0; i--) {
		if (strcmp(m->sources[i - 1], source) == 0) {
			*number = i - 1;
			return ERR_OK;
		}
	}
	if (m->sources_n == LIST_SOURCES_MAX || strlen(source) > LIST_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "key list", "more than %d sources, or one too long",
			LIST_SOURCES_MAX);
	char **more = realloc(m->sources, (m->sources_n + 1) * sizeof(*more));
	char *copy = mem_strdup(source);
	if (more != NULL)
		m->sources = more;
	if (more == NULL || copy == NULL) {
		free(copy);
		return err_set(e, ERR_NO_MEMORY, "key list", NULL);
	}
	m->sources[m->sources_n] = copy;
	*number = m->sources_n++;
	return ERR_OK;
}

static enum err_code add(struct list_maker *m, struct bytes v, unsigned source, struct err *e)
{
	if (m->n == m->cap) {
		size_t cap = m->cap * 2 + 1024;
		struct entry *more = realloc(m->entries, cap * sizeof(*more));
		if (more == NULL)
			return err_set(e, ERR_NO_MEMORY, "key list", NULL);
		m->entries = more;
		m->cap = cap;
	}
	uint8_t *p = malloc(v.len);
	if (p == NULL)
		return err_set(e, ERR_NO_MEMORY, "key list", NULL);
	memcpy(p, v.p, v.len);
	m->entries[m->n] = (struct entry){p, (uint32_t)v.len, source, m->n};
	m->n++;
	return ERR_OK;
}

enum err_code list_maker_hash(
	struct list_maker *m, struct bytes hash, unsigned source, struct err *e)
{
	if (m->hash_size == 0 || hash.len != m->hash_size || source >= m->sources_n)
		return err_set(e, ERR_MALFORMED, "key list",
			"a hash of %zu octets among those of %u", hash.len, m->hash_size);
	return add(m, hash, source, e);
}

enum err_code list_maker_prime(
	struct list_maker *m, struct bytes prime, unsigned source, struct err *e)
{
	mpz_t p;

	while (prime.len > 0 && prime.p[0] == 0) {
		prime.p++;
		prime.len--;
	}
	if (m->kind != LIST_PRIMES || prime.len < LIST_HASH_MIN || prime.len > LIST_PRIME_MAX ||
		source >= m->sources_n)
		return err_set(e, ERR_MALFORMED, "key list",
			"a number of %zu octets is no prime for it", prime.len);
	mpz_init(p);
	mpz_import(p, prime.len, 1, 1, 1, 0, prime.p);
	bool is_prime = mpz_probab_prime_p(p, 25) > 0;
	mpz_clear(p);
	if (!is_prime)
		return err_set(e, ERR_MALFORMED, "key list", "a number of %zu octets is not prime",
			prime.len);
	return add(m, prime, source, e);
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	int cmp = memcmp(x->p, y->p, x->len);
	return cmp != 0 ? cmp : (x->order < y->order ? -1 : x->order > y->order);
}

static void write_entry(const struct list_maker *m, const struct entry *x, struct buf *out)
{
	if (m->hash_size == 0) {
		buf_u16be(out, (uint16_t)x->source);
		buf_u16be(out, (uint16_t)x->len);
		buf_bytes(out, bytes_of(x->p, x->len));
	} else {
		buf_bytes(out, bytes_of(x->p, x->len));
		if (m->sources_n > 1)
			buf_u16be(out, (uint16_t)x->source);
	}
}

enum err_code list_maker_end(struct list_maker *m, struct buf *out, uint64_t *count, struct err *e)
{
	uint8_t digest[SHA256_SIZE];
	size_t kept = 0;

	if (m->n > 0)
		qsort(m->entries, m->n, sizeof(*m->entries), compare_entries);
	for (size_t i = 0; i < m->n; i++) {
		if (kept > 0 && m->entries[kept - 1].len == m->entries[i].len &&
			memcmp(m->entries[kept - 1].p, m->entries[i].p, m->entries[i].len) == 0)
			free(m->entries[i].p);
		else
			m->entries[kept++] = m->entries[i];
	}
	m->n = kept;
	buf_str(out, LIST_MAGIC);
	buf_u32be(out, LIST_VERSION);
	buf_u32be(out, m->kind);
	buf_u32be(out, m->hash_size);
	buf_u64be(out, kept);
	buf_field(out, bytes_str(check_name(m->check)));
	buf_field(out, bytes_str(m->source));
	buf_field(out, bytes_str(m->date));
	buf_field(out, bytes_str(m->licence));
	buf_u32be(out, m->sources_n);
	for (unsigned i = 0; i < m->sources_n; i++)
		buf_field(out, bytes_str(m->sources[i]));
	for (size_t i = 0; i < kept; i++)
		write_entry(m, &m->entries[i], out);
	sha256_of(buf_view(out), digest);
	buf_bytes(out, bytes_of(digest, sizeof(digest)));
	*count = kept;
	return buf_end(out, e, "key list");
}

void list_maker_free(struct list_maker *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n; i++)
		free(m->entries[i].p);
	free(m->entries);
	for (unsigned i = 0; i < m->sources_n; i++)
		free(m->sources[i]);
	free(m->sources);
	free(m->source);
	free(m->date);
	free(m->licence);
	free(m);
}
