#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "keycheck/lists_impl.h"

static char *text_field(struct reader *r)
{
	struct bytes b = read_field(r, LIST_TEXT_MAX);
	char *s = malloc(b.len + 1);

	if (s == NULL)
		return NULL;
	for (size_t i = 0; i < b.len; i++) {
		/* it is shown to people */
		s[i] = (char)(b.p[i] >= 0x20 && b.p[i] != 0x7f ? b.p[i] : '?');
	}
	s[b.len] = '\0';
	return s;
}

static bool check_from_name(const char *name, enum check *out)
{
	for (int c = 0; c < CHECK_COUNT; c++) {
		if (strcmp(check_name((enum check)c), name) == 0) {
			*out = (enum check)c;
			return true;
		}
	}
	return false;
}

bool list_fits(enum list_kind kind, enum check check, unsigned hash_size)
{
	if (kind == LIST_PRIMES)
		return check == CHECK_KNOWN_PRIME && hash_size == 0;
	unsigned max = kind == LIST_OPENSSL_SHA1 ? 20 : kind == LIST_SSH_MD5 ? 16 : SHA256_SIZE;
	return kind >= LIST_SPKI_SHA256 && kind < LIST_PRIMES && hash_size >= LIST_HASH_MIN &&
	       hash_size <= max &&
	       (check == CHECK_KNOWN_KEY || check == CHECK_DEBIAN_WEAK ||
		       check == CHECK_RSA_KEYPAIR);
}

static enum err_code read_sources(struct reader *r, const char *path, struct list *l, struct err *e)
{
	uint32_t n = read_u32be(r);

	/* each has four octets of length at least: no memory for what cannot be there */
	if (r->bad || n == 0 || n > LIST_SOURCES_MAX || n > reader_left(r) / 4)
		return err_set(e, ERR_MALFORMED, path, "%u sources", n);
	l->sources = calloc(n, sizeof(*l->sources));
	if (l->sources == NULL)
		return err_set(e, ERR_NO_MEMORY, path, NULL);
	for (l->sources_n = 0; l->sources_n < n; l->sources_n++) {
		l->sources[l->sources_n] = text_field(r);
		if (l->sources[l->sources_n] == NULL)
			return err_set(e, ERR_NO_MEMORY, path, NULL);
	}
	return ERR_OK;
}

static enum err_code read_head(struct reader *r, const char *path, struct list *l, struct err *e)
{
	struct bytes magic = read_bytes(r, LIST_MAGIC_SIZE);
	uint32_t version = read_u32be(r);

	if (!bytes_equal(magic, bytes_str(LIST_MAGIC)))
		return err_set(e, ERR_MALFORMED, path, "it is no key list");
	if (version != LIST_VERSION)
		return err_set(e, ERR_MALFORMED, path, "version %u; this program knows %d", version,
			LIST_VERSION);
	uint32_t kind = read_u32be(r);
	l->hash_size = read_u32be(r);
	l->about.count = read_u64be(r);
	char *check = text_field(r);
	l->about.source = text_field(r);
	l->about.date = text_field(r);
	l->about.licence = text_field(r);
	bool known = check != NULL && check_from_name(check, &l->about.check);
	free(check);
	if (l->about.source == NULL || l->about.date == NULL || l->about.licence == NULL)
		return err_set(e, ERR_NO_MEMORY, path, NULL);
	l->about.kind = (enum list_kind)kind;
	if (r->bad || kind > LIST_PRIMES || !known ||
		!list_fits(l->about.kind, l->about.check, l->hash_size))
		return err_set(e, ERR_MALFORMED, path, "kind %u with hashes of %u octets", kind,
			l->hash_size);
	return read_sources(r, path, l, e);
}

size_t list_step(const struct list *l)
{
	return l->hash_size + (l->sources_n > 1 ? LIST_SOURCE_SIZE : 0);
}

static enum err_code check_hashes(const struct list *l, const char *path, struct err *e)
{
	size_t step = list_step(l);
	struct reader r = reader_of(l->entries);
	const uint8_t *last = NULL;

	if (l->entries.len / step != l->about.count || l->entries.len % step != 0)
		return err_set(e, ERR_MALFORMED, path,
			"%zu octets are not the %llu entries it names", l->entries.len,
			(unsigned long long)l->about.count);
	while (reader_left(&r) > 0) {
		const uint8_t *hash = read_bytes(&r, l->hash_size).p;
		if ((l->sources_n > 1 && read_u16be(&r) >= l->sources_n) ||
			(last != NULL && memcmp(last, hash, l->hash_size) >= 0))
			return err_set(e, ERR_MALFORMED, path,
				"the entry before octet %zu of the entries", r.pos);
		last = hash;
	}
	return reader_end(&r, e, path);
}

struct bytes list_next_prime(struct reader *r, unsigned *source)
{
	*source = read_u16be(r);
	return read_bytes(r, read_u16be(r));
}

/* Shorter numbers are smaller; of one length, as octets. */
static int compare_numbers(struct bytes a, struct bytes b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return memcmp(a.p, b.p, a.len);
}

static enum err_code check_primes(const struct list *l, const char *path, struct err *e)
{
	struct reader r = reader_of(l->entries);
	struct bytes last = BYTES_NONE;
	uint64_t n = 0;

	while (reader_left(&r) > 0) {
		unsigned source;
		struct bytes p = list_next_prime(&r, &source);
		if (p.len < LIST_HASH_MIN || p.len > LIST_PRIME_MAX || p.p[0] == 0 ||
			p.p[p.len - 1] % 2 == 0 || source >= l->sources_n ||
			(n > 0 && compare_numbers(last, p) >= 0))
			return err_set(e, ERR_MALFORMED, path,
				"the entry before octet %zu of the entries", r.pos);
		last = p;
		n++;
	}
	if (n != l->about.count)
		return err_set(e, ERR_MALFORMED, path, "%llu entries are not the %llu it names",
			(unsigned long long)n, (unsigned long long)l->about.count);
	return reader_end(&r, e, path);
}

enum err_code list_parse(struct bytes file, const char *path, struct list *out, struct err *e)
{
	uint8_t digest[SHA256_SIZE];
	struct list l = {0};

	if (file.len < SHA256_SIZE)
		return err_set(e, ERR_TRUNCATED, path, "%zu octets", file.len);
	struct reader r = reader_of(bytes_of(file.p, file.len - SHA256_SIZE));
	enum err_code rc = read_head(&r, path, &l, e);
	if (rc == ERR_OK) {
		l.entries = read_bytes(&r, reader_left(&r));
		rc = reader_end(&r, e, path);
	}
	if (rc == ERR_OK) {
		sha256_of(bytes_of(file.p, r.len), digest);
		if (memcmp(digest, file.p + r.len, SHA256_SIZE) != 0)
			rc = err_set(e, ERR_MALFORMED, path,
				"the checksum at its end is not that of its octets");
	}
	if (rc == ERR_OK)
		rc = l.hash_size != 0 ? check_hashes(&l, path, e) : check_primes(&l, path, e);
	if (rc == ERR_OK && (l.path = mem_strdup(path)) == NULL)
		rc = err_set(e, ERR_NO_MEMORY, path, NULL);
	if (rc != ERR_OK) {
		list_clear(&l);
		return rc;
	}
	*out = l;
	return ERR_OK;
}

void list_clear(struct list *l)
{
	for (unsigned i = 0; i < l->sources_n; i++)
		free(l->sources[i]);
	free(l->sources);
	free((char *)l->about.source);
	free((char *)l->about.date);
	free((char *)l->about.licence);
	free(l->path);
	*l = (struct list){0};
}
