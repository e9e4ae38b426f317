#include "cli/entropy_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/file.h"
#include "crypto/base64.h"
#include "crypto/der.h"
#include "keyread/keyread.h"

/* Lists and bundles are read whole; a list of 16 million nonces has about 1 GiB. */
#define INPUT_MAX ((size_t)1 << 30)
#define DEVICES_AT_ONCE 1000

/* ---- certificates ---- */

/* RFC 5280 §4.1: Certificate { tbsCertificate { [0] version OPTIONAL, serialNumber, ... */
static struct bytes serial_of(struct bytes der, struct bytes *spki)
{
	struct reader all = reader_of(der);
	struct reader certificate = der_enter(&all, DER_SEQUENCE);
	struct reader tbs = der_enter(&certificate, DER_SEQUENCE);
	struct bytes serial;

	if (der_peek(&tbs) == DER_CONTEXT(0))
		(void)der_read(&tbs, DER_CONTEXT(0));
	serial = der_read_integer(&tbs); /* empty when it is no certificate */
	for (unsigned i = 0; i < 4; i++) /* signature, issuer, validity, subject */
		(void)der_read(&tbs, DER_SEQUENCE);
	*spki = der_read_whole(&tbs, DER_SEQUENCE);
	return serial;
}

/* The modulus of an RSA key in a certificate is a number that should be random too. */
static enum err_code add_key(struct watch_input *in, const char *product, const struct pubkey *k,
	uint64_t place, struct err *e)
{
	if (k->kind != PUBKEY_RSA || k->modulus.len == 0 || k->modulus.len > WATCH_VALUE_MAX)
		return ERR_OK;
	return watch_add(in->w, product, "modulus", k->modulus, place, e);
}

static enum err_code add_pem_serials(
	struct watch_input *in, const char *product, struct bytes text, struct err *e)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----",
			  end[] = "-----END CERTIFICATE-----";
	struct buf der = buf_new(BUF_MAX_DEFAULT);
	const uint8_t *at = text.p, *stop = text.p + text.len;
	uint64_t place = 0;
	enum err_code rc = ERR_OK;

	while (rc == ERR_OK && (at = memmem(at, (size_t)(stop - at), begin, strlen(begin)))) {
		const uint8_t *from = at + strlen(begin);
		const uint8_t *to = memmem(from, (size_t)(stop - from), end, strlen(end));
		if (to == NULL)
			break;
		at = to;
		place++;
		buf_reset(&der);
		if (base64_decode(bytes_of(from, (size_t)(to - from)), true, &der, NULL) != ERR_OK)
			continue; /* keyread names it */
		struct bytes spki, serial = serial_of(buf_view(&der), &spki);
		if (serial.len > 0)
			rc = watch_add(in->w, product, "serial", serial, place, e);
	}
	buf_free(&der);
	return rc;
}

/* ---- keys of any form ---- */

struct keys {
	struct watch_input *in;
	const char *product;
	const char *path;
};

static enum err_code on_key(void *arg, const struct pubkey *k, const struct key_place *at,
	struct bytes name_der, struct bytes subject_key_id, struct err *e)
{
	struct keys *keys = arg;
	(void)name_der;
	(void)subject_key_id;
	return add_key(keys->in, keys->product, k, at->record, e);
}

static void on_flaw(void *arg, const struct key_place *at, const struct err *why)
{
	struct keys *keys = arg;
	(void)at;
	keys->in->flaws++;
	keys->in->flaw(keys->path, why);
}

static enum err_code add_keys(struct watch_input *in, const char *product, const char *path,
	struct bytes whole, struct err *e)
{
	struct keys keys = {in, product, path};
	struct key_sink sink = {.arg = &keys, .key = on_key, .flaw = on_flaw};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum err_code rc;

	if (fd < 0)
		return err_sys(
			e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, path, errno, "cannot open");
	rc = keyread_fd(fd, path, KEYREAD_AUTO, 0, &sink, e);
	close(fd);
	return rc == ERR_OK ? add_pem_serials(in, product, whole, e) : rc;
}

/* ---- files ---- */

/* The first line that says something: a list has an object with a value, or a comma and hex. */
static bool is_list(struct bytes whole)
{
	struct watch *probe = watch_new();
	bool list = false;

	while (probe != NULL && whole.len > 0) {
		const uint8_t *end = memchr(whole.p, '\n', whole.len);
		size_t len = end != NULL ? (size_t)(end - whole.p) : whole.len;
		bool empty = len == 0 || whole.p[0] == '#' || whole.p[0] == '\r';
		if (!empty) {
			list = watch_add_text(probe, bytes_of(whole.p, len), 1, NULL) == ERR_OK;
			break;
		}
		len += end != NULL;
		whole = bytes_of(whole.p + len, whole.len - len);
	}
	watch_free(probe);
	return list;
}

static enum err_code add_list(
	struct watch_input *in, const char *path, struct bytes whole, struct err *e)
{
	uint64_t place = 0;

	while (whole.len > 0) {
		const uint8_t *end = memchr(whole.p, '\n', whole.len);
		size_t len = end != NULL ? (size_t)(end - whole.p) : whole.len;
		struct err here = {0};
		enum err_code rc = watch_add_text(in->w, bytes_of(whole.p, len), ++place, &here);
		if (rc == ERR_MALFORMED) {
			in->flaws++;
			in->flaw(path, &here);
		} else if (rc != ERR_OK) {
			*e = here;
			return rc;
		}
		len += end != NULL;
		whole = bytes_of(whole.p + len, whole.len - len);
	}
	return ERR_OK;
}

enum err_code watch_file(struct watch_input *in, const char *path, struct err *e)
{
	struct buf whole = buf_new(INPUT_MAX);
	enum err_code rc = disk_read(path, INPUT_MAX, &whole, e);

	if (rc == ERR_OK && is_list(buf_view(&whole))) {
		rc = add_list(in, path, buf_view(&whole), e);
	} else if (rc == ERR_OK) {
		const char *base = strrchr(path, '/');
		char product[WATCH_PRODUCT_MAX + 1];
		base = base != NULL ? base + 1 : path;
		snprintf(product, sizeof(product), "%s", in->product != NULL ? in->product : base);
		rc = add_keys(in, product, path, buf_view(&whole), e);
	}
	buf_free(&whole);
	return rc;
}

/* ---- a realm's database ---- */

struct realm_walk {
	struct watch_input *in;
	struct store *store;
	struct device device; /* the one being looked at */
	char last[DEVICE_SERIAL_MAX + 1];
	size_t n;
	uint64_t place;  /* the device's */
	struct buf keys; /* spki_id of each of its keys so far */
	struct buf der;
	struct err *e;
};

/* Adds it; false when the device has had a certificate for that key before. */
static bool new_key(struct realm_walk *walk, const uint8_t id[SHA256_SIZE])
{
	for (size_t at = 0; at < walk->keys.len; at += SHA256_SIZE)
		if (memcmp(walk->keys.p + at, id, SHA256_SIZE) == 0)
			return false;
	buf_bytes(&walk->keys, bytes_of(id, SHA256_SIZE));
	return true;
}

static enum err_code on_certificate(void *arg, const struct cert_row *c)
{
	struct realm_walk *walk = arg;
	struct bytes serial, spki;
	struct pubkey k;
	enum err_code rc;

	buf_reset(&walk->der);
	rc = store_cert_der(walk->store, c->fingerprint, &walk->der, walk->e);
	if (rc != ERR_OK)
		return rc;
	serial = serial_of(buf_view(&walk->der), &spki);
	if (serial.len > 0)
		rc = watch_add(
			walk->in->w, walk->device.product, "serial", serial, walk->place, walk->e);
	if (rc == ERR_OK && new_key(walk, c->spki_id) && pubkey_parse(spki, &k, NULL) == ERR_OK)
		rc = add_key(walk->in, walk->device.product, &k, walk->place, walk->e);
	return rc;
}

static bool remember_device(struct watch_input *in, const char *serial)
{
	if (in->devices == in->devices_cap) {
		size_t cap = in->devices_cap > 0 ? 2 * in->devices_cap : 1024;
		void *device = realloc(in->device, cap * sizeof(*in->device));
		if (device == NULL)
			return false;
		in->device = device;
		in->devices_cap = cap;
	}
	snprintf(in->device[in->devices++], sizeof(in->device[0]), "%s", serial);
	return true;
}

static void name_place(void *arg, uint64_t place, char out[WATCH_PLACE_MAX])
{
	const struct watch_input *in = arg;

	if (place >= WATCH_REALM_PLACE)
		snprintf(out, WATCH_PLACE_MAX, "%s", in->device[place - WATCH_REALM_PLACE]);
	else
		snprintf(out, WATCH_PLACE_MAX, "%" PRIu64, place);
}

static enum err_code on_device(void *arg, const struct device *d)
{
	struct realm_walk *walk = arg;

	walk->device = *d;
	snprintf(walk->last, sizeof(walk->last), "%s", d->serial);
	walk->n++;
	buf_reset(&walk->keys);
	walk->place = WATCH_REALM_PLACE + walk->in->devices;
	if (!remember_device(walk->in, d->serial))
		return err_set(walk->e, ERR_NO_MEMORY, "devices", "for the names of %zu of them",
			walk->in->devices);
	return store_cert_of_device(walk->store, d->serial, on_certificate, walk, walk->e);
}

enum err_code watch_realm(struct watch_input *in, const char *path, struct err *e)
{
	struct realm_walk walk = {.in = in,
		.keys = buf_new(BUF_MAX_DEFAULT),
		.der = buf_new(BUF_MAX_DEFAULT),
		.e = e};
	enum err_code rc = store_open_read_only(path, &walk.store, e);

	if (rc != ERR_OK)
		return rc;
	watch_name_places(in->w, name_place, in);
	do {
		walk.n = 0;
		rc = store_device_list(walk.store, walk.last[0] != '\0' ? walk.last : NULL,
			DEVICES_AT_ONCE, on_device, &walk, e);
	} while (rc == ERR_OK && walk.n == DEVICES_AT_ONCE);
	if (rc == ERR_OK)
		rc = buf_end(&walk.keys, e, path);
	store_close(walk.store);
	buf_free(&walk.keys);
	buf_free(&walk.der);
	return rc;
}

void watch_input_free(struct watch_input *in)
{
	watch_free(in->w);
	free(in->device);
}
