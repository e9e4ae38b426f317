/*
 * Invariants (tests/unit/authority/test_enrol.c shows each):
 *  1. a certificate goes to a registered device that is not revoked, and to no other;
 *  2. by exactly one of: a ticket of that serial, unused and in time; an IDevID of the manufacturer
 *     registered for that serial; a current certificate of this realm for that serial;
 *  3. a key serves one device;
 *  4. what was revoked or replaced while the signer worked is refused at the commit;
 *  5. a key that is weak or shares a prime is not certified, nor one that such an IDevID asks for,
 *     unless the policy says alarm (test_keydoor.c).
 *
 *   certificate:  ISSUED --first use--> USED --first use of a later one--> REPLACED
 *                    \_______________________\______ device revoked ______> REVOKED
 */
#include "authority/enrol.h"

#include <stdlib.h>
#include <string.h>

#include "authority/certs.h"
#include "authority/device.h"
#include "authority/keydoor.h"
#include "crypto/random.h"
#include "x509/name.h"
#include "x509/profile.h"

static bool by_ticket(const struct enrol_request *r)
{
	return r->op == ENROL_SIMPLE && r->ticket[0] != '\0';
}

/* The device that a request names: by serialNumber, else by common name; "" for none. */
static const char *csr_names(const struct enrol_request *r)
{
	return r->csr_serial[0] != '\0' ? r->csr_serial : r->csr_common_name;
}

/* No store: a realm's certificate names its device, whatever the CSR leaves out. */
const char *enrol_device_serial(struct authority *a, const struct enrol_request *r)
{
	(void)a;
	if (by_ticket(r))
		return r->ticket_serial;
	return r->peer != PEER_NONE && r->peer_serial[0] != '\0' ? r->peer_serial : csr_names(r);
}

/* A client says which device it is: the form is looked at first. */
static enum err_code device_named(struct authority *a, const char *serial, struct device *d,
	struct err *e)
{
	enum err_code rc = device_serial_check(serial, e);
	return rc == ERR_OK ? device_open(a, serial, d, e) : rc;
}

static enum err_code ticket_decide(struct authority *a, const struct enrol_request *r,
	struct enrol_grant *g, struct err *e)
{
	struct ticket t;
	enum err_code rc = device_named(a, r->ticket_serial, &g->device, e);
	if (rc == ERR_OK)
		rc = ticket_hash(r->ticket, g->ticket_hash, e);
	if (rc == ERR_OK)
		rc = store_ticket_get(a->store, g->ticket_hash, &t, e);
	if (rc == ERR_NOT_FOUND)
		return err_set(e, ERR_TICKET_UNKNOWN, r->ticket_serial, "ask for a new one");
	if (rc != ERR_OK)
		return rc;
	if (strcmp(t.serial, r->ticket_serial) != 0)
		return err_set(e, ERR_TICKET_SERIAL, r->ticket_serial, "it is of another device");
	if (t.used_at != 0)
		return err_set(e, ERR_TICKET_USED, r->ticket_serial, "ask for a new one");
	if (g->at > t.expires_at)
		return err_set(e, ERR_TICKET_EXPIRED, r->ticket_serial, "ask for a new one");
	g->by_ticket = true;
	return ERR_OK;
}

static enum err_code idevid_decide(struct authority *a, const struct enrol_request *r,
	struct enrol_grant *g, struct err *e)
{
	enum err_code rc = device_named(a, r->peer_serial, &g->device, e);
	if (rc != ERR_OK)
		return rc;
	if (g->device.manufacturer[0] == '\0' ||
		strcmp(g->device.manufacturer, r->peer_manufacturer) != 0)
		return err_set(e, ERR_DEVICE_MANUFACTURER, r->peer_serial, "it came with one of %s",
			r->peer_manufacturer);
	memcpy(g->renewed, r->peer_fingerprint, sizeof(g->renewed));
	g->by_idevid = true;
	g->idevid_spki = r->peer_spki;
	return ERR_OK;
}

/* A certificate of ours and its device, when both may still speak. */
static enum err_code current_cert(struct authority *a, const uint8_t fingerprint[SHA256_SIZE],
	int64_t at, struct cert_row *row, struct device *d, struct err *e)
{
	enum err_code rc = store_cert_get(a->store, fingerprint, row, e);
	if (rc == ERR_NOT_FOUND || (rc == ERR_OK && row->profile != PROFILE_DEVICE))
		return err_set(e, ERR_CERT_UNKNOWN, "certificate",
			"it is not a device certificate of this realm");
	if (rc == ERR_OK)
		rc = device_named(a, row->device, d, e);
	if (rc != ERR_OK)
		return rc;
	if (row->state == CERT_IS_REVOKED)
		return err_set(e, ERR_CERT_REVOKED, row->device, "serial number %s", row->serial);
	if (row->state == CERT_REPLACED)
		return err_set(e, ERR_CERT_SUPERSEDED, row->device, "serial number %s",
			row->serial);
	if (at < row->not_before || at > row->not_after)
		return err_set(e, ERR_PEER_EXPIRED, row->device, "serial number %s", row->serial);
	return ERR_OK;
}

static enum err_code renewal_decide(struct authority *a, const struct enrol_request *r,
	struct enrol_grant *g, struct err *e)
{
	struct cert_row row;
	enum err_code rc = current_cert(a, r->peer_fingerprint, g->at, &row, &g->device, e);
	if (rc != ERR_OK)
		return rc;
	/*
	 * RFC 7030 §4.2.2: subject and subjectAltName identical to the current certificate's.  Names
	 * are compared by value (RFC 5280 §7.1): clients choose string types of their own.
	 */
	if (r->op == ENROL_RE && (!name_equal(r->peer_subject, r->csr_subject) ||
				!bytes_equal(r->peer_san, r->csr_san)))
		return err_set(e, ERR_CSR_SUBJECT, row.device, "a renewal asks for subject and "
			"subjectAltName of the current certificate, unchanged");
	g->renewal = true;
	memcpy(g->renewed, r->peer_fingerprint, sizeof(g->renewed));
	return ERR_OK;
}

static enum err_code path_decide(struct authority *a, const struct enrol_request *r,
	struct enrol_grant *g, struct err *e)
{
	if (by_ticket(r))
		return ticket_decide(a, r, g, e);
	if (r->peer == PEER_REALM)
		return renewal_decide(a, r, g, e);
	if (r->peer == PEER_MANUFACTURER && r->op == ENROL_SIMPLE)
		return idevid_decide(a, r, g, e);
	if (r->peer == PEER_MANUFACTURER)
		return err_set(e, ERR_CERT_UNKNOWN, r->peer_serial,
			"a renewal is asked for with the certificate that this realm has issued");
	return err_set(e, ERR_AUTH_REQUIRED, NULL, r->op == ENROL_RE ?
		"a renewal is asked for with the current certificate" :
		"neither was shown");
}

/*
 * A first request may leave the subject out: the realm decides it (RFC 7030 §4.2.1).  One that
 * names a device must name this one: by serialNumber, else by common name.
 */
static enum err_code subject_decide(const struct enrol_request *r, const struct enrol_grant *g,
	struct err *e)
{
	const char *named = csr_names(r);
	if (r->op == ENROL_RE)
		return ERR_OK; /* compared with the certificate already */
	if (named[0] != '\0' && strcmp(named, g->device.serial) != 0)
		return err_set(e, ERR_CSR_SUBJECT, g->device.serial, "the request names %s", named);
	if (r->csr_san.len > 0)
		return err_set(e, ERR_CSR_EXTENSION, g->device.serial,
			"a device's certificate has no subjectAltName");
	return ERR_OK;
}

static enum err_code key_decide(struct authority *a, const struct enrol_grant *g, struct err *e)
{
	char owner[DEVICE_SERIAL_MAX + 1];
	enum err_code rc = store_cert_key_owner(a->store, g->spki_id, g->device.serial, owner, e);
	if (rc == ERR_NOT_FOUND) {
		err_clear(e);
		return ERR_OK;
	}
	return rc != ERR_OK ? rc : err_set(e, ERR_KEY_REUSED, g->device.serial,
		"every device makes a key of its own");
}

/* No certificate outlives the CA that issued it. */
static enum err_code end_decide(struct authority *a, struct enrol_grant *g, struct err *e)
{
	int64_t ends;
	enum err_code rc = authority_issuing_ends(a, &ends, e);
	if (rc != ERR_OK)
		return rc;
	g->not_after = g->at + profile_row(PROFILE_DEVICE)->lifetime;
	if (g->not_after > ends)
		g->not_after = ends;
	if (g->not_after <= g->at)
		return err_set(e, ERR_UNAVAILABLE, a->realm, "its issuing CA has come to its end");
	return ERR_OK;
}

enum err_code enrol_decide(struct authority *a, const struct enrol_request *r,
	struct enrol_grant *out, struct err *e)
{
	struct enrol_grant g = {.spki = r->spki, .at = clock_now(a->clock)};
	if (!clock_believable(g.at))
		return err_set(e, ERR_CLOCK, "clock", "no certificate is issued at such a time");
	enum err_code rc = path_decide(a, r, &g, e);
	if (rc == ERR_OK)
		rc = subject_decide(r, &g, e);
	if (rc != ERR_OK)
		return rc;
	sha256_of(r->spki, g.spki_id);
	rc = key_decide(a, &g, e);
	if (rc == ERR_OK)
		rc = end_decide(a, &g, e);
	if (rc == ERR_OK)
		rc = random_bytes(g.serial, sizeof(g.serial), e);
	/* Last: it is dear, and it writes about keys of those who may enrol. */
	if (rc == ERR_OK)
		rc = keydoor_judge(a, &g, e);
	if (rc == ERR_OK)
		*out = g;
	return rc;
}

void enrol_fields(const struct authority *a, const struct enrol_grant *g, struct cert_fields *out)
{
	*out = (struct cert_fields){
		.profile = PROFILE_DEVICE,
		.organization = a->realm,
		.common_name = g->device.serial,
		.device_serial = g->device.serial,
		.not_before = g->at,
		.not_after = g->not_after,
		.spki = g->spki,
		.crl_url = a->crl_url[0] != '\0' ? a->crl_url : NULL,
	};
	memcpy(out->serial, g->serial, sizeof(out->serial));
}

static void row_fill(const struct enrol_grant *g, struct bytes der, struct cert_row *c)
{
	*c = (struct cert_row){
		.profile = PROFILE_DEVICE,
		.state = CERT_ISSUED,
		.not_before = g->at - profile_row(PROFILE_DEVICE)->backdate,
		.not_after = g->not_after,
		.issued_at = g->at,
	};
	cert_serial_hex(g->serial, c->serial);
	sha256_of(der, c->fingerprint);
	memcpy(c->spki_id, g->spki_id, sizeof(c->spki_id));
	memcpy(c->device, g->device.serial, sizeof(c->device));
}

static void entry_fill(const struct enrol_grant *g, const struct cert_row *c, struct entry *en)
{
	char actor[ENTRY_ACTOR_MAX + 1] = "device:";
	memcpy(actor + strlen(actor), g->device.serial, sizeof(g->device.serial));
	entry_start(en, g->at, g->renewal ? "device.renewed" : "device.enrolled", actor,
		g->device.serial);
	entry_detail_hex(en, "cert", bytes_of(c->fingerprint, SHA256_SIZE));
	entry_detail(en, "serial", c->serial);
	entry_detail_hex(en, "key", bytes_of(c->spki_id, SHA256_SIZE));
	if (g->by_ticket)
		entry_detail_hex(en, "ticket", bytes_of(g->ticket_hash, SHA256_SIZE));
	else
		entry_detail_hex(en, g->renewal ? "previous" : "idevid",
			bytes_of(g->renewed, SHA256_SIZE));
}

/* The signer took its time: is everything still as it was decided? */
static enum err_code grant_holds(struct authority *a, const struct enrol_grant *g,
	struct cert_row *renewed, struct err *e)
{
	struct device d;
	enum err_code rc = g->renewal ? current_cert(a, g->renewed, g->at, renewed, &d, e) :
		device_named(a, g->device.serial, &d, e);
	return rc == ERR_OK ? key_decide(a, g, e) : rc;
}

static enum err_code grant_write(struct authority *a, const struct enrol_grant *g,
	const struct cert_row *row, struct bytes der, struct cert_row *renewed, struct entry *en,
	struct err *e)
{
	enum err_code rc = ERR_OK;
	if (g->by_ticket)
		rc = store_ticket_use(a->store, g->ticket_hash, g->at, e);
	if (rc == ERR_OK && g->renewal && renewed->state == CERT_ISSUED)
		rc = certs_use(a, renewed, en, e); /* to renew with it is to use it */
	if (rc == ERR_OK)
		rc = store_cert_add(a->store, row, der, e);
	if (rc == ERR_OK && g->device.state == DEVICE_REGISTERED) {
		struct device d = g->device;
		d.state = DEVICE_ENROLLED;
		rc = store_device_set_state(a->store, &d, e);
	}
	return rc;
}

enum err_code enrol_commit(struct authority *a, const struct enrol_grant *g, struct bytes der,
	struct err *e)
{
	struct entry en;
	struct cert_row row, renewed = {0};
	enum err_code rc = grant_holds(a, g, &renewed, e);
	if (rc == ERR_OK)
		rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	row_fill(g, der, &row);
	entry_fill(g, &row, &en);
	rc = grant_write(a, g, &row, der, &renewed, &en, e);
	if (rc != ERR_OK) {
		act_undo(a);
		return rc;
	}
	return act_end(a, &en, e);
}

static enum err_code first_use(struct authority *a, struct cert_row *row, struct err *e)
{
	struct entry en;
	char actor[ENTRY_ACTOR_MAX + 1] = "device:";
	memcpy(actor + strlen(actor), row->device, sizeof(row->device));
	enum err_code rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	entry_start(&en, clock_now(a->clock), "certificate.used", actor, row->device);
	entry_detail_hex(&en, "cert", bytes_of(row->fingerprint, SHA256_SIZE));
	rc = certs_use(a, row, &en, e);
	if (rc != ERR_OK) {
		act_undo(a);
		return rc;
	}
	return act_end(a, &en, e);
}

enum err_code enrol_self(struct authority *a, const uint8_t fingerprint[SHA256_SIZE],
	struct buf *json, struct err *e)
{
	struct cert_row row;
	struct device d;
	char until[CLOCK_TEXT_SIZE];
	enum err_code rc = current_cert(a, fingerprint, clock_now(a->clock), &row, &d, e);
	if (rc == ERR_OK && row.state == CERT_ISSUED)
		rc = first_use(a, &row, e);
	if (rc != ERR_OK)
		return rc;
	clock_print(row.not_after, until);
	/* serial and product are of letters that need no escape: device.c lets in no others */
	buf_printf(json, "{\"serial\":\"%s\",\"product\":\"%s\",\"state\":\"enrolled\","
		"\"not_after\":\"%s\"}\n", d.serial, d.product, until);
	return buf_end(json, e, d.serial);
}
