#include "x509/profile.h"

#include <openssl/x509v3.h>

#define HOUR ((int64_t)3600)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY + DAY / 4)

/*
 * Lifetimes.  A root outlives the fifteen years that a device is in the field by ten, so that no
 * device needs a new anchor.  A server certificate with its backdating stays under the 397 days
 * that the CA/Browser Forum recommends (baseline requirements §6.3.2; clients refuse over 398).
 */
static const struct profile_row rows[PROFILE_COUNT] = {
	[PROFILE_ROOT] = {.name = "root",
		.issuer = PROFILE_ROOT,
		.lifetime = 25 * YEAR,
		.backdate = HOUR,
		.ca = true,
		.path_len = 1,
		.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN},
	[PROFILE_ISSUING] = {.name = "issuing",
		.issuer = PROFILE_ROOT,
		.lifetime = 10 * YEAR,
		.backdate = HOUR,
		.ca = true,
		.path_len = 0,
		.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN},
	[PROFILE_CODE_SIGNING] = {.name = "code-signing",
		.issuer = PROFILE_ROOT,
		.lifetime = 10 * YEAR,
		.backdate = HOUR,
		.path_len = -1,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.eku = PROFILE_OID_CODE_SIGNING},
	[PROFILE_OPERATOR] = {.name = "operator",
		.issuer = PROFILE_ROOT,
		.lifetime = 2 * YEAR,
		.backdate = HOUR,
		.path_len = -1,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.eku = PROFILE_OID_OPERATOR "," PROFILE_OID_CLIENT_AUTH},
	[PROFILE_SERVER] = {.name = "server",
		.issuer = PROFILE_ISSUING,
		.lifetime = 396 * DAY,
		.backdate = HOUR,
		.path_len = -1,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.eku = PROFILE_OID_SERVER_AUTH,
		.online = true},
	[PROFILE_DEVICE] = {.name = "device",
		.issuer = PROFILE_ISSUING,
		.lifetime = 2 * YEAR,
		.backdate = HOUR,
		.path_len = -1,
		.key_usage = KU_DIGITAL_SIGNATURE,
		.eku = PROFILE_OID_CLIENT_AUTH,
		.online = true},
};

const struct profile_row *profile_row(enum profile p)
{
	return &rows[p];
}

void profile_print(struct buf *out)
{
	static const struct {
		unsigned bit;
		const char *name;
	} usages[] = {{KU_DIGITAL_SIGNATURE, "digitalSignature"}, {KU_KEY_CERT_SIGN, "keyCertSign"},
		{KU_CRL_SIGN, "cRLSign"}};
	for (size_t i = 0; i < PROFILE_COUNT; i++) {
		const struct profile_row *r = &rows[i];
		buf_printf(out, "%s by %s for %lld d, backdated %lld s, %s", r->name,
			rows[r->issuer].name, (long long)(r->lifetime / DAY),
			(long long)r->backdate, r->ca ? "CA" : "no CA");
		if (r->path_len >= 0)
			buf_printf(out, " pathLen %d", r->path_len);
		buf_str(out, ", usage");
		for (size_t u = 0; u < sizeof(usages) / sizeof(usages[0]); u++)
			if ((r->key_usage & usages[u].bit) != 0)
				buf_printf(out, " %s", usages[u].name);
		buf_printf(out, ", for %s, %s\n", r->eku != NULL ? r->eku : "any purpose",
			r->online ? "online" : "offline");
	}
}
