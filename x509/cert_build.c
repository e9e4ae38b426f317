/* Certificates made: what a profile says, and nothing else (RFC 5280 §4.1, §4.2). */
#include <string.h>

#include <openssl/x509v3.h>

#include "crypto/alg.h"
#include "crypto/sign.h"
#include "x509/name.h"
#include "x509/view.h"

/* Names in one server certificate: a host has a few; a thousand is a mistake. */
#define NAMES_MAX 64
#define DNS_NAME_MAX 253 /* RFC 1035 §2.3.4 */
#define DNS_LABEL_MAX 63
#define URL_MAX 1024

#define SAN_DNS 2 /* GeneralName choices, RFC 5280 §4.2.1.6 */
#define SAN_URI 6
#define SAN_IP 7

/* The issuer as far as the new certificate needs it; for a root, the root itself. */
struct issuer {
	struct bytes name;
	struct bytes spki;
	int64_t not_after;
	bool self;
	struct buf key_identifier;
};

static enum err_code refuse(struct err *e, const char *what)
{
	return err_set(e, ERR_SIGNER_REFUSED, "certificate", "%s", what);
}

static enum err_code check_fields(const struct cert_fields *f, const struct profile_row *row,
	struct err *e)
{
	if (f->organization == NULL || f->common_name == NULL)
		return refuse(e, "it needs O and CN");
	if (f->device_serial != NULL &&
		(!text_is_printable_string(bytes_str(f->device_serial)) ||
			strlen(f->device_serial) > DEVICE_SERIAL_MAX))
		return err_set(e, ERR_SERIAL_FORM, "certificate",
			"1 to %d characters of A-Z a-z 0-9 space ' ( ) + , - . / : = ?",
			DEVICE_SERIAL_MAX);
	if ((f->device_serial != NULL) != (f->profile == PROFILE_DEVICE))
		return refuse(e, "a device, and nothing else, has a serialNumber");
	if ((f->names != NULL && f->names[0] != NULL) != (f->profile == PROFILE_SERVER))
		return refuse(e, "a server, and nothing else, has names");
	if (f->crl_url != NULL && f->profile == PROFILE_ROOT)
		return refuse(e, "no list revokes a root");
	if (f->not_after != 0 &&
		(f->not_after <= f->not_before || f->not_after > f->not_before + row->lifetime))
		return refuse(e, "not_after lies outside the profile's lifetime");
	return ERR_OK;
}

/* Is `v` the kind of CA that the profile names as its issuer? */
static bool fits_issuer(const struct cert_view *v, enum profile issuer)
{
	int path_len = -1;
	bool ca = ext_is_ca(v->extensions, &path_len) &&
		(ext_key_usage(v->extensions) & KU_KEY_CERT_SIGN) != 0;
	bool self = bytes_equal(v->issuer, v->subject);
	return ca && (issuer == PROFILE_ROOT ? self : !self && path_len == 0);
}

static enum err_code read_issuer(const struct cert_fields *f, const struct profile_row *row,
	const struct key *key, struct bytes cert_der, struct issuer *out, struct err *e)
{
	struct cert_view v;
	struct buf spki = buf_new(KEY_SPKI_MAX);
	enum err_code rc = key_spki(key, &spki, e);
	out->self = row->issuer == f->profile;
	if (rc != ERR_OK) {
		goto out;
	} else if (out->self) {
		if (cert_der.len != 0 || !bytes_equal(buf_view(&spki), f->spki))
			rc = refuse(e, "a root is signed by its own key");
		goto out;
	}
	rc = cert_view_parse(cert_der, &v, e);
	if (rc != ERR_OK)
		goto out;
	if (!fits_issuer(&v, row->issuer))
		rc = refuse(e, "this CA does not issue certificates of this profile");
	else if (!bytes_equal(buf_view(&spki), v.spki))
		rc = refuse(e, "the key is not that of the issuing certificate");
	else if (!issuer_key_identifier(&v, &out->key_identifier))
		rc = err_set(e, ERR_MALFORMED, "certificate", "the issuer has no key identifier");
	out->name = v.subject;
	out->not_after = v.not_after;
out:
	buf_free(&spki);
	return rc;
}

/* ---- extensions (RFC 5280 §4.2.1) ---- */

static void write_basic_constraints(struct buf *b, const struct profile_row *row)
{
	struct buf value = buf_new(32);
	size_t seq = der_open(&value, DER_SEQUENCE);
	der_write_bool(&value, true);
	if (row->path_len >= 0)
		der_write_u64(&value, (uint64_t)row->path_len);
	der_close(&value, seq);
	ext_write(b, OID_BASIC_CONSTRAINTS, true, buf_view(&value));
	buf_free(&value);
}

static void write_key_usage(struct buf *b, unsigned usage)
{
	/* A named bit list leaves trailing zero bits out (X.690 §11.2.2). */
	uint8_t unused = 0;
	while (unused < 7 && (usage >> unused & 1) == 0)
		unused++;
	uint8_t value[] = {DER_BIT_STRING, 2, unused, (uint8_t)usage};
	ext_write(b, OID_KEY_USAGE, true, bytes_of(value, sizeof(value)));
}

static void write_purposes(struct buf *b, const char *purposes)
{
	struct buf value = buf_new(512);
	size_t seq = der_open(&value, DER_SEQUENCE);
	for (const char *at = purposes; *at != '\0';) {
		size_t len = strcspn(at, ",");
		uint8_t oid[OID_MAX];
		size_t n;
		if (oid_parse(at, len, oid, &n))
			der_write_oid(&value, bytes_of(oid, n));
		else
			b->bad = true;
		at += len + (at[len] == ',' ? 1 : 0);
	}
	der_close(&value, seq);
	ext_write(b, OID_EXT_KEY_USAGE, false, buf_view(&value));
	buf_free(&value);
}

/* RFC 1034 §3.5 with digits first (RFC 1123 §2.1); no wildcard: a server names itself. */
static bool is_dns_name(const char *s)
{
	size_t label = 0;
	if (strlen(s) > DNS_NAME_MAX)
		return false;
	for (; *s != '\0'; s++) {
		bool alnum = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
			     (*s >= '0' && *s <= '9');
		if (*s == '.' && (label == 0 || s[-1] == '-'))
			return false;
		if (*s != '.' && !alnum && (*s != '-' || label == 0))
			return false;
		label = *s == '.' ? 0 : label + 1;
		if (label > DNS_LABEL_MAX)
			return false;
	}
	return label > 0 && s[-1] != '-';
}

enum err_code cert_names_encode(const char *const *names, struct buf *out, struct err *e)
{
	size_t seq = der_open(out, DER_SEQUENCE);
	enum err_code rc = ERR_OK;
	for (size_t i = 0; rc == ERR_OK && names[i] != NULL; i++) {
		ASN1_OCTET_STRING *ip = a2i_IPADDRESS(names[i]);
		if (ip != NULL)
			der_write(out, DER_CONTEXT_PRIMITIVE(SAN_IP),
				bytes_of(
					ASN1_STRING_get0_data(ip), (size_t)ASN1_STRING_length(ip)));
		else if (i < NAMES_MAX && is_dns_name(names[i]))
			der_write(out, DER_CONTEXT_PRIMITIVE(SAN_DNS), bytes_str(names[i]));
		else
			rc = err_set(e, ERR_SIGNER_REFUSED, names[i],
				"neither a host name nor an IP address");
		ASN1_OCTET_STRING_free(ip);
	}
	der_close(out, seq);
	return rc;
}

static enum err_code write_names(struct buf *b, const char *const *names, struct err *e)
{
	struct buf value = buf_new(CERT_DER_MAX);
	enum err_code rc = cert_names_encode(names, &value, e);
	if (value.bad)
		b->bad = true;
	ext_write(b, OID_SUBJECT_ALT_NAME, false, buf_view(&value));
	buf_free(&value);
	return rc;
}

/* One DistributionPoint whose fullName is the URL (RFC 5280 §4.2.1.13). */
static enum err_code write_crl_url(struct buf *b, const char *url, struct err *e)
{
	size_t len = strlen(url);
	for (size_t i = 0; i < len; i++)
		if (url[i] <= 0x20 || url[i] == 0x7f)
			len = 0;
	if (len == 0 || len > URL_MAX)
		return refuse(e, "the address of the revocation list is no URL");
	struct buf value = buf_new(URL_MAX + 64);
	size_t points = der_open(&value, DER_SEQUENCE);
	size_t point = der_open(&value, DER_SEQUENCE);
	size_t name = der_open(&value, DER_CONTEXT(0));
	size_t full = der_open(&value, DER_CONTEXT(0));
	der_write(&value, DER_CONTEXT_PRIMITIVE(SAN_URI), bytes_of(url, len));
	der_close(&value, full);
	der_close(&value, name);
	der_close(&value, point);
	der_close(&value, points);
	ext_write(b, OID_CRL_POINTS, false, buf_view(&value));
	buf_free(&value);
	return ERR_OK;
}

static enum err_code write_extensions(struct buf *b, const struct cert_fields *f,
	const struct profile_row *row, const struct issuer *issuer, struct err *e)
{
	uint8_t own[KEY_IDENTIFIER_SIZE];
	enum err_code rc = ERR_OK;
	size_t explicit = der_open(b, DER_CONTEXT(3));
	size_t seq = der_open(b, DER_SEQUENCE);
	if (row->ca)
		write_basic_constraints(b, row);
	write_key_usage(b, row->key_usage);
	if (row->eku != NULL)
		write_purposes(b, row->eku);
	if (!spki_key_identifier(f->spki, own))
		return err_set(e, ERR_KEY_INVALID, "certificate", "the public key is malformed");
	uint8_t value[2 + KEY_IDENTIFIER_SIZE] = {DER_OCTET_STRING, KEY_IDENTIFIER_SIZE};
	memcpy(value + 2, own, sizeof(own));
	ext_write(b, OID_SUBJECT_KEY_ID, false, bytes_of(value, sizeof(value)));
	if (!issuer->self)
		ext_write_authority(b, buf_view(&issuer->key_identifier));
	if (f->names != NULL)
		rc = write_names(b, f->names, e);
	if (rc == ERR_OK && f->crl_url != NULL)
		rc = write_crl_url(b, f->crl_url, e);
	der_close(b, seq);
	der_close(b, explicit);
	return rc;
}

/* ---- the certificate ---- */

static void settle_serial(const uint8_t in[CERT_SERIAL_SIZE], uint8_t out[CERT_SERIAL_SIZE])
{
	memcpy(out, in, CERT_SERIAL_SIZE);
	out[0] = (uint8_t)((out[0] & 0x3f) | 0x40);
}

void cert_serial_hex(const uint8_t serial[CERT_SERIAL_SIZE], char out[CERT_SERIAL_HEX])
{
	uint8_t settled[CERT_SERIAL_SIZE];
	settle_serial(serial, settled);
	hex_encode(settled, sizeof(settled), out);
}

static enum err_code write_tbs(struct buf *b, const struct cert_fields *f,
	const struct profile_row *row, const struct issuer *issuer, const struct sign_alg *alg,
	struct err *e)
{
	uint8_t serial[CERT_SERIAL_SIZE];
	settle_serial(f->serial, serial);
	struct buf subject = buf_new(1024);
	name_write(&subject, f->organization, f->device_serial, f->common_name);
	int64_t not_after = f->not_after != 0 ? f->not_after : f->not_before + row->lifetime;
	if (!issuer->self && not_after > issuer->not_after)
		not_after = issuer->not_after;

	size_t tbs = der_open(b, DER_SEQUENCE);
	size_t version = der_open(b, DER_CONTEXT(0));
	der_write_u64(b, 2);
	der_close(b, version);
	der_write_unsigned(b, bytes_of(serial, sizeof(serial)));
	buf_bytes(b, sign_alg_der(alg));
	buf_bytes(b, issuer->self ? buf_view(&subject) : issuer->name);
	size_t validity = der_open(b, DER_SEQUENCE);
	der_write_time(b, f->not_before - row->backdate);
	der_write_time(b, not_after);
	der_close(b, validity);
	buf_bytes(b, buf_view(&subject));
	buf_bytes(b, f->spki);
	enum err_code rc;
	if (subject.bad)
		rc = refuse(e, "O and CN are clean text of 1 to 64 bytes");
	else if (!issuer->self && bytes_equal(buf_view(&subject), issuer->name))
		rc = refuse(
			e, "subject and issuer have the same name"); /* it would pass for a root */
	else
		rc = write_extensions(b, f, row, issuer, e);
	der_close(b, tbs);
	buf_free(&subject);
	return rc;
}

/* The subject's key is checked here too: the signer believes nobody. */
static enum err_code check_subject_key(const struct cert_fields *f, struct err *e)
{
	struct key *k = NULL;
	enum err_code rc = key_from_spki(f->spki, &k, e);
	if (rc == ERR_OK)
		rc = alg_admit_key(k,
			f->profile == PROFILE_DEVICE ? ALG_USE_DEVICE : ALG_USE_OPERATOR,
			f->not_before, e);
	key_free(k);
	return rc;
}

static enum err_code check_dates(const struct cert_fields *f, const struct issuer *issuer,
	struct err *e)
{
	if (issuer->self)
		return ERR_OK;
	if (f->not_before >= issuer->not_after)
		return refuse(e, "the issuer has expired");
	if (f->not_after > issuer->not_after)
		return refuse(e, "it would outlive its issuer");
	return ERR_OK;
}

enum err_code cert_build(const struct cert_fields *f, const struct key *issuer_key,
	struct bytes issuer_cert_der, struct buf *der, struct err *e)
{
	if ((unsigned)f->profile >= PROFILE_COUNT)
		return refuse(e, "there is no such profile");
	const struct profile_row *row = profile_row(f->profile);
	const struct sign_alg *alg = sign_alg_of(issuer_key);
	struct issuer issuer = {.key_identifier = buf_new(64)};
	struct buf out = buf_new(CERT_DER_MAX);
	struct buf sig = buf_new(1024);
	size_t tbs = 0;
	enum err_code rc = check_fields(f, row, e);
	if (rc == ERR_OK && alg == NULL)
		rc = err_set(e, ERR_KEY_ALGORITHM, "certificate", "Medseal does not sign with RSA");
	if (rc == ERR_OK)
		rc = read_issuer(f, row, issuer_key, issuer_cert_der, &issuer, e);
	if (rc == ERR_OK)
		rc = check_dates(f, &issuer, e);
	if (rc == ERR_OK)
		rc = check_subject_key(f, e);
	if (rc != ERR_OK)
		goto out;

	size_t cert = der_open(&out, DER_SEQUENCE);
	tbs = out.len;
	rc = write_tbs(&out, f, row, &issuer, alg, e);
	if (rc == ERR_OK)
		rc = buf_end(&out, e, "certificate");
	if (rc == ERR_OK)
		rc = key_sign(issuer_key, bytes_of(out.p + tbs, out.len - tbs), &sig, e);
	if (rc != ERR_OK)
		goto out;
	buf_bytes(&out, sign_alg_der(alg));
	der_write_bits(&out, buf_view(&sig));
	der_close(&out, cert);
	rc = buf_end(&out, e, "certificate");
	if (rc == ERR_OK) {
		buf_bytes(der, buf_view(&out));
		rc = buf_end(der, e, "certificate");
	}
out:
	buf_free(&issuer.key_identifier);
	buf_free(&out);
	buf_free(&sig);
	return rc;
}
