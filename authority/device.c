#include "authority/device.h"

#include <string.h>

#include "base/mem.h"
#include "crypto/random.h"
#include "firmware/release.h"

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; /* RFC 4648 §6 */

_Static_assert(PRODUCT_MAX == RELEASE_PRODUCT_MAX, "a device's product is a release's");
_Static_assert(TICKET_TEXT_SIZE <= TICKET_TEXT_MAX, "what we give out, we take back");

/* No '_': a certificate's serialNumber is a PrintableString, which has none (X.520 6.2.9). */
enum err_code device_serial_check(const char *serial, struct err *e)
{
	static const char digits_letters[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.:-";
	size_t n = strlen(serial);
	if (n == 0 || n > DEVICE_SERIAL_MAX || strspn(serial, digits_letters) != n ||
		strchr(".:-", serial[0]) != NULL)
		return err_set(e, ERR_SERIAL_FORM, serial, "it must be 1 to %d of letters, digits, "
			"'.', ':' and '-', the first a letter or digit", DEVICE_SERIAL_MAX);
	return ERR_OK;
}

struct name_search {
	const char *name;
	bool found;
};

static enum err_code name_compare(void *arg, const struct manufacturer *m)
{
	struct name_search *s = arg;
	if (strcmp(s->name, m->name) == 0)
		s->found = true;
	return ERR_OK;
}

static enum err_code manufacturer_known(struct authority *a, const char *name, struct err *e)
{
	struct name_search s = {name, false};
	enum err_code rc = store_manufacturer_list(a->store, name_compare, &s, e);
	if (rc == ERR_OK && !s.found)
		rc = err_set(e, ERR_NOT_FOUND, name, "no manufacturer of this name is registered");
	return rc;
}

static enum err_code device_check(struct authority *a, const struct device *d, struct err *e)
{
	enum err_code rc = device_serial_check(d->serial, e);
	if (rc == ERR_OK && !release_product_ok(d->product))
		rc = err_set(e, ERR_USAGE, "product", "it must be 1 to 64 of letters, digits, '.', "
			"'_' and '-', the first a letter or digit");
	if (rc == ERR_OK && d->manufacturer[0] != '\0')
		rc = manufacturer_known(a, d->manufacturer, e);
	return rc;
}

/* Copy `s` into `out` of `size` bytes; longer is ERR_LIMIT on `what`. */
static enum err_code text_set(char *out, size_t size, const char *s, const char *what,
	struct err *e)
{
	size_t n = strlen(s);
	if (n >= size)
		return err_set(e, ERR_LIMIT, what, "at most %zu bytes", size - 1);
	memcpy(out, s, n + 1);
	return ERR_OK;
}

enum err_code device_add(struct authority *a, const char *actor, const char *serial,
	const char *product, const char *manufacturer, struct device *out, struct err *e)
{
	struct entry en;
	struct device d = {.state = DEVICE_REGISTERED, .added_at = clock_now(a->clock)};
	enum err_code rc = text_set(d.serial, sizeof(d.serial), serial, "serial", e);
	if (rc == ERR_OK)
		rc = text_set(d.product, sizeof(d.product), product, "product", e);
	if (rc == ERR_OK)
		rc = text_set(d.manufacturer, sizeof(d.manufacturer), manufacturer, "manufacturer",
			e);
	if (rc == ERR_OK)
		rc = device_check(a, &d, e);
	if (rc == ERR_OK)
		rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	entry_start(&en, d.added_at, "device.added", actor, d.serial);
	entry_detail(&en, "product", d.product);
	if (d.manufacturer[0] != '\0')
		entry_detail(&en, "manufacturer", d.manufacturer);
	rc = store_device_add(a->store, &d, e);
	if (rc != ERR_OK) {
		act_undo(a);
		return rc;
	}
	rc = act_end(a, &en, e);
	if (rc == ERR_OK)
		*out = d;
	return rc;
}

static void ticket_encode(const uint8_t secret[TICKET_BYTES], char text[TICKET_TEXT_SIZE])
{
	size_t at = 0;
	for (size_t digit = 0; digit < TICKET_BYTES * 8 / 5; digit++) {
		size_t bit = digit * 5, shift = 11 - bit % 8;
		unsigned two = (unsigned)secret[bit / 8] << 8;
		if (bit / 8 + 1 < TICKET_BYTES)
			two |= secret[bit / 8 + 1];
		if (digit > 0 && digit % 4 == 0)
			text[at++] = '-';
		text[at++] = base32[(two >> shift) & 31];
	}
	text[at] = '\0';
}

static bool ticket_decode(const char *text, uint8_t secret[TICKET_BYTES])
{
	unsigned left = 0;
	int bits = 0;
	size_t n = 0;
	for (; *text != '\0'; text++) {
		if (*text == '-')
			continue;
		char c = *text >= 'a' && *text <= 'z' ? (char)(*text - 32) : *text;
		const char *digit = strchr(base32, c);
		if (digit == NULL || (n == TICKET_BYTES))
			return false;
		left = (left << 5 | (unsigned)(digit - base32)) & 0xfff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			secret[n++] = (uint8_t)(left >> bits);
		}
	}
	return n == TICKET_BYTES && bits == 0;
}

enum err_code ticket_hash(const char *text, uint8_t out[SHA256_SIZE], struct err *e)
{
	uint8_t secret[TICKET_BYTES];
	bool ok = ticket_decode(text, secret);
	if (ok)
		sha256_of(bytes_of(secret, sizeof(secret)), out);
	mem_wipe(secret, sizeof(secret));
	return ok ? ERR_OK : err_set(e, ERR_TICKET_UNKNOWN, NULL, "it does not look like a ticket");
}

static enum err_code lifetime_choose(const struct authority *a, int64_t *lifetime, struct err *e)
{
	if (*lifetime == 0)
		*lifetime = a->policy.ticket_lifetime;
	if (*lifetime < 0 || *lifetime > a->policy.ticket_lifetime_max)
		return err_set(e, ERR_LIMIT, "lifetime", "a ticket lives at most %lld seconds",
			(long long)a->policy.ticket_lifetime_max);
	return ERR_OK;
}

enum err_code device_open(struct authority *a, const char *serial, struct device *d,
	struct err *e)
{
	enum err_code rc = store_device_get(a->store, serial, d, e);
	if (rc == ERR_NOT_FOUND)
		return err_set(e, ERR_DEVICE_UNKNOWN, serial, "an operator registers it first");
	if (rc == ERR_OK && d->state == DEVICE_IS_REVOKED)
		rc = err_set(e, ERR_DEVICE_REVOKED, serial, "%s", d->revoked_reason);
	return rc;
}

static enum err_code ticket_write(struct authority *a, const char *actor, const struct ticket *t,
	struct err *e)
{
	struct entry en;
	enum err_code rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	entry_start(&en, t->made_at, "ticket.issued", actor, t->serial);
	entry_detail_hex(&en, "ticket", bytes_of(t->hash, sizeof(t->hash)));
	char until[CLOCK_TEXT_SIZE];
	clock_print(t->expires_at, until);
	entry_detail(&en, "expires", until);
	rc = store_ticket_add(a->store, t, e);
	if (rc != ERR_OK) {
		act_undo(a);
		return rc;
	}
	return act_end(a, &en, e);
}

enum err_code device_ticket(struct authority *a, const char *actor, const char *serial,
	int64_t lifetime, char text[TICKET_TEXT_SIZE], int64_t *expires_at, struct err *e)
{
	struct device d;
	uint8_t secret[TICKET_BYTES];
	enum err_code rc = lifetime_choose(a, &lifetime, e);
	if (rc == ERR_OK)
		rc = device_open(a, serial, &d, e);
	if (rc == ERR_OK)
		rc = random_bytes(secret, sizeof(secret), e);
	if (rc != ERR_OK)
		return rc;
	struct ticket t = {.made_at = clock_now(a->clock)};
	t.expires_at = t.made_at + lifetime;
	memcpy(t.serial, d.serial, sizeof(t.serial));
	sha256_of(bytes_of(secret, sizeof(secret)), t.hash);
	rc = ticket_write(a, actor, &t, e);
	if (rc == ERR_OK) {
		ticket_encode(secret, text);
		*expires_at = t.expires_at;
	}
	mem_wipe(secret, sizeof(secret));
	return rc;
}

/* An IDevID must not be something that we ourselves have issued. */
static enum err_code anchor_check(struct authority *a, const struct cert *c, struct err *e)
{
	uint8_t own[SHA256_SIZE];
	const struct bytes ours[] = {a->root_der, a->issuing_der, a->code_signing_der};
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		sha256_of(ours[i], own);
		if (memcmp(own, c->fingerprint, sizeof(own)) == 0)
			return err_set(e, ERR_EXISTS, c->common_name,
				"this is the realm's own certificate");
	}
	if (!cert_is_ca(c))
		return err_set(e, ERR_PEER_PURPOSE, c->common_name, "it is not a CA's");
	if (c->not_after < clock_now(a->clock))
		return err_set(e, ERR_PEER_EXPIRED, c->common_name, "it has expired");
	return ERR_OK;
}

enum err_code manufacturer_add(struct authority *a, const char *actor, const char *name,
	struct bytes cert_der, struct err *e)
{
	struct entry en;
	struct cert c;
	struct manufacturer m = {.cert_der = cert_der, .added_at = clock_now(a->clock)};
	enum err_code rc = text_set(m.name, sizeof(m.name), name, "name", e);
	if (rc == ERR_OK && !release_product_ok(name))
		rc = err_set(e, ERR_USAGE, "name", "it must be 1 to 64 of letters, digits, '.', "
			"'_' and '-', the first a letter or digit");
	if (rc == ERR_OK)
		rc = cert_parse(cert_der, &c, e);
	if (rc != ERR_OK)
		return rc;
	rc = anchor_check(a, &c, e);
	if (rc == ERR_OK)
		rc = act_begin(a, e);
	if (rc != ERR_OK)
		goto out;
	entry_start(&en, m.added_at, "manufacturer.added", actor, m.name);
	entry_detail_hex(&en, "cert", bytes_of(c.fingerprint, sizeof(c.fingerprint)));
	rc = store_manufacturer_add(a->store, &m, e);
	if (rc == ERR_OK)
		rc = act_end(a, &en, e);
	else
		act_undo(a);
out:
	cert_free(&c);
	return rc;
}
