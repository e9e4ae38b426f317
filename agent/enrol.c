#include "agent/enrol.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/gate.h"
#include "agent/http.h"
#include "base/mem.h"
#include "crypto/base64.h"
#include "crypto/passphrase.h"
#include "crypto/random.h"
#include "x509/cms.h"
#include "x509/csr.h"

#define CA_CERTS_MAX 8
#define BACK_OFF_FIRST 60
#define BACK_OFF_MAX 86400
#define REPLY_MAX ((size_t)65536)

int64_t enrol_due(const struct cert *c)
{
	int64_t life = c->not_after - c->not_before;
	int64_t twentieth = life / 20;
	unsigned dice = (unsigned)c->fingerprint[0] << 8 | c->fingerprint[1];
	int64_t jitter = twentieth * 2 * (int64_t)dice / 65535 - twentieth;
	return c->not_before + life / 3 * 2 + jitter;
}

int64_t enrol_back_off(unsigned attempts, uint16_t random)
{
	int64_t wait = BACK_OFF_FIRST;
	for (unsigned i = 1; i < attempts && wait < BACK_OFF_MAX; i++)
		wait *= 2;
	if (wait > BACK_OFF_MAX)
		wait = BACK_OFF_MAX;
	return wait - wait / 4 + wait / 2 * random / 65535;
}

int64_t enrol_now(const struct state *s, struct clock c)
{
	int64_t now = clock_now(c);
	int64_t floor = state_clock_floor(s);
	return now > floor ? now : floor;
}

/* No key without a tested noise source; its samples are stirred into the DRBG as well. */
static enum err_code make_key(struct state *s, const struct enrol_options *o, struct key **out,
	struct err *e)
{
	enum err_code rc = state_pending_load(s, out, e);
	if (rc != ERR_NOT_FOUND)
		return rc;
	err_clear(e);
	rc = gate_open(o->noise_path, e);
	if (rc == ERR_OK)
		rc = key_generate(KEY_P256, out, e);
	if (rc == ERR_OK)
		rc = state_pending_save(s, *out, e);
	return rc;
}

static enum err_code get_url(const struct state *s, const char *path, char out[512], struct err *e)
{
	size_t n = strlen(s->server);
	while (n > 0 && s->server[n - 1] == '/')
		n--;
	if (snprintf(out, 512, "%.*s%s", (int)n, s->server, path) >= 512)
		return err_set(e, ERR_USAGE, s->server, "the address is too long");
	return ERR_OK;
}

/* The certificates of an EST answer: base64 of a certs-only CMS (RFC 8951 §3.2). */
static enum err_code parse_certs(const struct http_answer *a, struct cert *certs, size_t max,
	size_t *n, struct err *e)
{
	struct buf der = buf_new(HTTP_ANSWER_MAX);
	enum err_code rc = base64_decode(buf_view(&a->body), true, &der, e);
	if (rc == ERR_OK)
		rc = cms_certs_parse(buf_view(&der), certs, max, n, e);
	buf_free(&der);
	return rc;
}

/* /cacerts over a connection that our own anchor vouches for (RFC 7030 §4.1). */
static enum err_code fetch_ca_certs(const struct state *s, const struct http_identity *id,
	struct cert *certs, size_t *n, struct err *e)
{
	char url[512];
	struct http_answer a = {0};
	struct http_identity anonymous = {.ca_path = id->ca_path, .not_before = id->not_before};
	enum err_code rc = get_url(s, "/.well-known/est/cacerts", url, e);
	if (rc == ERR_OK)
		rc = http_request(&anonymous, url, NULL, BYTES_NONE, &a, e);
	if (rc != ERR_OK)
		return rc;
	rc = a.status == 200 ? parse_certs(&a, certs, CA_CERTS_MAX, n, e)
			     : http_refusal(&a, s->serial, e);
	http_answer_free(&a);
	return rc;
}

/* What came back must be for our key and our serial and lead to our anchor, or it is not kept. */
static enum err_code check_issued(const struct state *s, const struct cert *got,
	const struct key *k, const struct cert *cas, size_t cas_n, int64_t now, struct err *e)
{
	uint8_t id[SHA256_SIZE];
	char ca_path[PATH_MAX];
	struct cert anchor = {0};
	enum err_code rc = key_id(k, id, e);
	if (rc == ERR_OK && memcmp(id, got->spki_id, SHA256_SIZE) != 0)
		rc = err_set(e, ERR_PROTOCOL, s->serial, "the certificate is for another key");
	if (rc == ERR_OK && strcmp(got->device_serial, s->serial) != 0)
		rc = err_set(e, ERR_PROTOCOL, s->serial, "the certificate is for serial %s",
			got->device_serial);
	if (rc == ERR_OK)
		rc = state_path(s, "ca.pem", ca_path, e);
	if (rc == ERR_OK)
		rc = cert_load(ca_path, &anchor, e);
	if (rc != ERR_OK)
		return rc;
	/* A clock behind the server's must not make a fresh certificate look "not yet valid". */
	int64_t at = now > got->not_before ? now : got->not_before;
	rc = cert_check_chain(got, cas, cas_n, &anchor, 1, at, PROFILE_DEVICE, false,
		ERR_PEER_UNTRUSTED, e);
	cert_free(&anchor);
	return rc;
}

static enum err_code post_csr(const struct state *s, const struct http_identity *id,
	const char *path, struct bytes csr_der, struct cert *got, struct err *e)
{
	char url[512];
	struct http_answer a = {0};
	struct buf text = buf_new(REPLY_MAX);
	size_t n = 0;
	base64_encode(csr_der, 64, &text);
	enum err_code rc = get_url(s, path, url, e);
	if (rc == ERR_OK)
		rc = http_request(id, url, "application/pkcs10", buf_view(&text), &a, e);
	buf_free(&text);
	if (rc != ERR_OK)
		return rc;
	rc = a.status == 200 ? parse_certs(&a, got, 1, &n, e) : http_refusal(&a, s->serial, e);
	if (rc == ERR_OK && n != 1)
		rc = err_set(e, ERR_PROTOCOL, s->serial, "the answer holds %zu certificates", n);
	http_answer_free(&a);
	return rc;
}

static void free_certs(struct cert *certs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cert_free(&certs[i]);
}

/* Request a certificate for the pending key with identity `id` and install it behind `link`. */
static enum err_code request(struct state *s, const struct enrol_options *o,
	const struct http_identity *id, const struct cert *like, const char *link, struct err *e)
{
	struct cert cas[CA_CERTS_MAX] = {0};
	size_t cas_n = 0;
	struct cert got = {0};
	struct key *k = NULL;
	struct buf csr = buf_new(CSR_DER_MAX);
	enum err_code rc = fetch_ca_certs(s, id, cas, &cas_n, e);
	if (rc == ERR_OK)
		rc = make_key(s, o, &k, e);
	if (rc == ERR_OK)
		rc = like != NULL ? csr_encode_like(k, like, &csr, e)
				  : csr_encode(k, NULL, s->serial, &csr, e);
	if (rc == ERR_OK)
		rc = post_csr(s, id,
			like != NULL ? "/.well-known/est/simplereenroll"
				     : "/.well-known/est/simpleenroll",
			buf_view(&csr), &got, e);
	if (rc == ERR_OK)
		rc = check_issued(s, &got, k, cas, cas_n, enrol_now(s, o->clock), e);
	if (rc == ERR_OK)
		rc = state_install(s, link, got.der, e);
	if (rc == ERR_OK)
		rc = state_clock_proven(s, got.not_before, e);
	cert_free(&got);
	free_certs(cas, cas_n);
	key_free(k);
	buf_free(&csr);
	return rc;
}

enum err_code enrol_first(struct state *s, const struct enrol_options *o, struct err *e)
{
	char ca_path[PATH_MAX];
	struct buf ticket = buf_new_secret(PASSPHRASE_MAX);
	if (state_has(s, "current"))
		return err_set(e, ERR_EXISTS, s->dir, "the device is enrolled; use `renew`");
	enum err_code rc = state_path(s, "ca.pem", ca_path, e);
	struct http_identity id = {.ca_path = ca_path,
		.cert_path = o->idevid_cert,
		.key_path = o->idevid_key,
		.not_before = state_clock_floor(s)};
	if (rc == ERR_OK && o->ticket_path != NULL) {
		rc = passphrase_read(o->ticket_path, NULL, NULL, false, &ticket, e);
		id.user = s->serial;
		id.password = buf_view(&ticket);
	}
	if (rc == ERR_OK)
		rc = request(s, o, &id, NULL, "current", e);
	buf_free(&ticket);
	return rc;
}

/* Present `next` to the server once; only then does it become `current` (invariant 4). */
static enum err_code use_next(struct state *s, struct err *e)
{
	struct credential c = {0};
	struct http_answer a = {0};
	char ca_path[PATH_MAX];
	char url[512];
	enum err_code rc = state_credential(s, "next", &c, e);
	if (rc == ERR_OK)
		rc = state_path(s, "ca.pem", ca_path, e);
	if (rc == ERR_OK)
		rc = get_url(s, "/v1/self", url, e);
	if (rc == ERR_OK) {
		struct http_identity id = {.ca_path = ca_path,
			.cert_path = c.cert_path,
			.key_path = c.key_path,
			.not_before = state_clock_floor(s)};
		rc = http_request(&id, url, NULL, BYTES_NONE, &a, e);
	}
	if (rc == ERR_OK && a.status != 200)
		rc = http_refusal(&a, s->serial, e);
	if (rc == ERR_OK)
		rc = state_promote(s, e);
	http_answer_free(&a);
	credential_free(&c);
	return rc;
}

static enum err_code fetch_next(struct state *s, const struct enrol_options *o, struct err *e)
{
	struct credential c = {0};
	char ca_path[PATH_MAX];
	enum err_code rc = state_credential(s, "current", &c, e);
	if (rc == ERR_OK)
		rc = state_path(s, "ca.pem", ca_path, e);
	if (rc == ERR_OK && !o->force && enrol_now(s, o->clock) < enrol_due(&c.cert)) {
		char due[CLOCK_TEXT_SIZE];
		clock_print(enrol_due(&c.cert), due);
		rc = err_set(e, ERR_NOT_DUE, s->serial, "renewal is due at %s", due);
	}
	if (rc == ERR_OK) {
		struct http_identity id = {.ca_path = ca_path,
			.cert_path = c.cert_path,
			.key_path = c.key_path,
			.not_before = state_clock_floor(s)};
		rc = request(s, o, &id, &c.cert, "next", e);
	}
	credential_free(&c);
	return rc;
}

/* The failure stands; that its time could not be noted as well must not hide it. */
static void note_failure(struct state *s, const struct enrol_options *o, struct retry *r)
{
	uint16_t dice = 0;
	if (random_bytes(&dice, sizeof(dice), NULL) != ERR_OK)
		dice = 0;
	r->attempts++;
	r->next_try = enrol_now(s, o->clock) + enrol_back_off(r->attempts, dice);
	if (state_retry_set(s, r, NULL) != ERR_OK)
		return;
}

enum err_code enrol_renew(struct state *s, const struct enrol_options *o, struct err *e)
{
	struct retry r;
	enum err_code rc = state_retry_get(s, &r, e);
	if (rc != ERR_OK)
		return rc;
	if (!o->force && r.attempts > 0 && enrol_now(s, o->clock) < r.next_try) {
		char at[CLOCK_TEXT_SIZE];
		clock_print(r.next_try, at);
		return err_set(e, ERR_NOT_DUE, s->serial, "after %u failures the next try is at %s",
			r.attempts, at);
	}
	if (!state_has(s, "next"))
		rc = fetch_next(s, o, e);
	if (rc == ERR_OK)
		rc = use_next(s, e);
	if (rc == ERR_OK && r.attempts > 0)
		rc = state_retry_set(s, &(struct retry){0}, e);
	else if (rc != ERR_OK && rc != ERR_NOT_DUE)
		note_failure(s, o, &r);
	return rc;
}
