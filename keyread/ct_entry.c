#include "keyread/ct.h"

#include <stdlib.h>
#include <string.h>

#include "keyread/object.h"

/* More issuers than all logs accept together; 2 MiB. */
#define SEEN_MAX ((size_t)1 << 16)
#define SEEN_MIN ((size_t)1 << 6)

struct ct_seen {
	size_t n;
	size_t cap;                      /* a power of two, at least twice n */
	uint8_t (*digests)[SHA256_SIZE]; /* all zero: free */
};

static bool table_new(struct ct_seen *seen, size_t cap)
{
	seen->digests = calloc(cap, SHA256_SIZE);
	seen->cap = cap;
	seen->n = 0;
	return seen->digests != NULL;
}

enum err_code ct_seen_new(struct ct_seen **out, struct err *e)
{
	struct ct_seen *seen = calloc(1, sizeof(*seen));
	if (seen == NULL || !table_new(seen, SEEN_MIN)) {
		free(seen);
		return err_set(e, ERR_NO_MEMORY, NULL, "a table of issuers");
	}
	*out = seen;
	return ERR_OK;
}

static bool is_free(const uint8_t digest[SHA256_SIZE])
{
	static const uint8_t none[SHA256_SIZE];
	return memcmp(digest, none, SHA256_SIZE) == 0;
}

/* Is it there?  It is put in. */
static bool put(struct ct_seen *seen, const uint8_t digest[SHA256_SIZE])
{
	size_t at = ((size_t)digest[0] << 8 | digest[1]) % seen->cap;
	while (!is_free(seen->digests[at])) {
		if (memcmp(seen->digests[at], digest, SHA256_SIZE) == 0)
			return true;
		at = (at + 1) % seen->cap;
	}
	memcpy(seen->digests[at], digest, SHA256_SIZE);
	seen->n++;
	return false;
}

/* Twice as large; at the largest, or without memory, empty again. */
static void grow(struct ct_seen *seen)
{
	struct ct_seen old = *seen;
	if (old.cap == SEEN_MAX || !table_new(seen, 2 * old.cap)) {
		*seen = old;
		memset(seen->digests, 0, seen->cap * SHA256_SIZE);
		seen->n = 0;
		return;
	}
	for (size_t i = 0; i < old.cap; i++) {
		if (!is_free(old.digests[i]))
			(void)put(seen, old.digests[i]);
	}
	free(old.digests);
}

bool ct_seen_before(struct ct_seen *seen, struct bytes der)
{
	uint8_t digest[SHA256_SIZE];
	sha256_of(der, digest);
	if (seen->n >= seen->cap / 2)
		grow(seen);
	return put(seen, digest);
}

void ct_seen_free(struct ct_seen *seen)
{
	if (seen == NULL)
		return;
	free(seen->digests);
	free(seen);
}

static size_t read_u24be(struct reader *r)
{
	size_t high = read_u8(r);
	return high << 16 | read_u16be(r);
}

struct bytes ct_read_cert(struct reader *r)
{
	return read_bytes(r, read_u24be(r));
}

/* certificate_chain or precertificate_chain (RFC 6962 §4.6). */
static enum err_code read_chain(
	struct found *f, struct reader *extra, struct ct_seen *seen, struct err *e)
{
	struct reader chain = reader_of(ct_read_cert(extra));
	enum err_code rc = ERR_OK;
	chain.bad = extra->bad;
	while (!chain.bad && reader_left(&chain) > 0) {
		struct bytes der = ct_read_cert(&chain);
		struct err why;
		if (chain.bad || ct_seen_before(seen, der))
			continue;
		enum err_code one = certificate_read(f, der, "certificate in a CT chain", &why);
		if (one != ERR_OK && rc == ERR_OK)
			rc = err_set(e, one, "CT chain", "%s", why.reason);
	}
	if (chain.bad)
		return err_set(e, ERR_TRUNCATED, "CT chain", "in extra_data");
	return rc == ERR_OK ? reader_end(extra, e, "CT chain") : rc;
}

/* The submitted precertificate if it can be read, since it is signed; else what the log signed. */
static enum err_code read_precertificate(
	struct found *f, struct bytes tbs, struct reader *extra, struct err *e)
{
	struct bytes whole = ct_read_cert(extra);
	enum err_code rc =
		extra->bad ? ERR_TRUNCATED : certificate_read(f, whole, "precertificate", e);
	if (f->keys > 0)
		return rc;
	rc = tbs_read(f, tbs, "precertificate", e);
	if (rc == ERR_OK && extra->bad)
		rc = err_set(e, ERR_TRUNCATED, "CT entry", "no precertificate in extra_data");
	return rc;
}

enum err_code ct_entry_read(struct found *f, struct bytes leaf, struct bytes extra_data,
	struct ct_seen *seen, struct err *e)
{
	struct reader r = reader_of(leaf);
	struct reader extra = reader_of(extra_data);
	unsigned version = read_u8(&r);
	unsigned leaf_type = read_u8(&r);
	(void)read_u64be(&r); /* timestamp */
	unsigned type = read_u16be(&r);
	if (r.bad || version != 0 || leaf_type != 0 || type > CT_PRECERT_ENTRY)
		return err_set(e, r.bad ? ERR_TRUNCATED : ERR_MALFORMED, "CT entry",
			"leaf_input is no MerkleTreeLeaf of version 1 (RFC 6962 3.4)");
	if (type == CT_PRECERT_ENTRY)
		(void)read_bytes(&r, SHA256_SIZE); /* issuer_key_hash */
	struct bytes der = ct_read_cert(&r);
	struct bytes extensions = read_bytes(&r, read_u16be(&r));
	(void)extensions;
	enum err_code end = reader_end(&r, e, "CT entry");
	if (end != ERR_OK)
		return end;
	struct err why;
	enum err_code rc = type == CT_X509_ENTRY
				   ? certificate_read(f, der, "certificate in a CT log", &why)
				   : read_precertificate(f, der, &extra, &why);
	enum err_code chain = read_chain(f, &extra, seen, e);
	if (rc != ERR_OK)
		return err_set(e, rc, "CT entry", "%s", why.reason);
	return chain;
}
