#include "authority/server_cert.h"

#include <string.h>

#include "crypto/random.h"

struct newest {
	bool found;
	struct cert_row row;
};

/* They come in order of issue. */
static enum err_code keep_last(void *arg, const struct cert_row *c)
{
	struct newest *n = arg;
	*n = (struct newest){.found = true, .row = *c};
	return ERR_OK;
}

static enum err_code newest_read(struct authority *a, struct cert_row *row, struct cert *out,
	struct err *e)
{
	struct newest n = {0};
	struct buf der = buf_new(CERT_DER_MAX);
	enum err_code rc = store_cert_of_device(a->store, "", keep_last, &n, e);
	if (rc == ERR_OK && !n.found)
		rc = err_set(e, ERR_NOT_FOUND, "server", "no certificate was issued to it");
	if (rc == ERR_OK)
		rc = store_cert_der(a->store, n.row.fingerprint, &der, e);
	if (rc == ERR_OK)
		rc = cert_parse(buf_view(&der), out, e);
	buf_free(&der);
	if (rc == ERR_OK)
		*row = n.row;
	return rc;
}

enum err_code server_cert_newest(struct authority *a, struct cert *out, struct err *e)
{
	struct cert_row row;
	return newest_read(a, &row, out, e);
}

/* One that ends with the issuing CA is not replaced for its age: the next would end with it too. */
static bool is_old(const struct cert *c, int64_t now, int64_t issuing_ends)
{
	int64_t third = (c->not_after - c->not_before) / 3;
	return now < c->not_before || (now >= c->not_after - third && c->not_after < issuing_ends);
}

static enum err_code is_due(struct authority *a, const struct cert *c, bool *due, struct err *e)
{
	uint8_t key[SHA256_SIZE];
	int64_t ends = 0;
	struct buf want = buf_new(CERT_DER_MAX), has = buf_new(CERT_DER_MAX);
	enum err_code rc = authority_issuing_ends(a, &ends, e);
	if (rc == ERR_OK)
		rc = cert_names_encode(a->server_names, &want, e);
	if (rc == ERR_OK)
		rc = cert_san(c, &has, e);
	sha256_of(a->tls_spki, key);
	if (rc == ERR_OK)
		*due = is_old(c, clock_now(a->clock), ends) ||
			memcmp(key, c->spki_id, sizeof(key)) != 0 ||
			!bytes_equal(buf_view(&want), buf_view(&has));
	buf_free(&want);
	buf_free(&has);
	return rc;
}

static enum err_code sign(struct authority *a, int64_t now, struct buf *der, struct err *e)
{
	struct cert_fields f = {
		.profile = PROFILE_SERVER,
		.organization = a->realm,
		.common_name = a->server_names[0],
		.not_before = now,
		.spki = a->tls_spki,
		.names = a->server_names,
		.crl_url = a->crl_url[0] != '\0' ? a->crl_url : NULL,
	};
	enum err_code rc = random_bytes(f.serial, sizeof(f.serial), e);
	return rc == ERR_OK ? a->signer.cert(a->signer.arg, &f, der, e) : rc;
}

static enum err_code add(struct authority *a, int64_t now, struct bytes der, struct entry *en,
	struct err *e)
{
	struct cert c;
	struct cert_row row = {.profile = PROFILE_SERVER, .state = CERT_ISSUED, .issued_at = now};
	enum err_code rc = cert_parse(der, &c, e);
	if (rc != ERR_OK)
		return rc;
	memcpy(row.serial, c.serial, sizeof(row.serial));
	memcpy(row.fingerprint, c.fingerprint, sizeof(row.fingerprint));
	memcpy(row.spki_id, c.spki_id, sizeof(row.spki_id));
	row.not_before = c.not_before;
	row.not_after = c.not_after;
	cert_free(&c);
	entry_detail_hex(en, "cert", bytes_of(row.fingerprint, SHA256_SIZE));
	entry_detail(en, "serial", row.serial);
	entry_detail_hex(en, "key", bytes_of(row.spki_id, SHA256_SIZE));
	return store_cert_add(a->store, &row, der, e);
}

/* `old` is empty when there is none. */
static enum err_code replace(struct authority *a, struct cert_row *old, struct err *e)
{
	struct entry en;
	struct buf der = buf_new(CERT_DER_MAX);
	int64_t now = clock_now(a->clock);
	enum err_code rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	entry_start(&en, now, "server.certified", "medseald", a->realm);
	rc = sign(a, now, &der, e);
	if (rc == ERR_OK)
		rc = add(a, now, buf_view(&der), &en, e);
	if (rc == ERR_OK && old->not_after != 0) {
		entry_detail_hex(&en, "previous", bytes_of(old->fingerprint, SHA256_SIZE));
		old->state = CERT_REPLACED;
		rc = store_cert_set_state(a->store, old, e);
	}
	buf_free(&der);
	if (rc != ERR_OK) {
		act_undo(a);
		return rc;
	}
	return act_end(a, &en, e);
}

enum err_code server_cert_refresh(struct authority *a, bool *made, struct err *e)
{
	struct cert_row old = {0};
	struct cert c = {0};
	bool due = true;
	enum err_code rc = newest_read(a, &old, &c, e);
	if (rc == ERR_OK)
		rc = is_due(a, &c, &due, e);
	else if (rc == ERR_NOT_FOUND)
		rc = ERR_OK;
	cert_free(&c);
	if (rc == ERR_OK && due)
		rc = replace(a, &old, e);
	if (rc == ERR_OK)
		*made = due;
	return rc;
}
