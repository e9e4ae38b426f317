/* A revocation list, said to be of an authority that has signed none of these: none may pass. */
#include <stdlib.h>

#include "x509/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_issuer(struct cert *issuer)
{
	struct err e;
	struct key *k = NULL;
	struct buf spki = buf_new(KEY_SPKI_MAX);
	struct buf der = buf_new(CERT_DER_MAX);
	struct cert_fields f = {.profile = PROFILE_ROOT,
		.organization = "Example Medical",
		.common_name = "Root",
		.not_before = 1795000000};
	if (key_generate(KEY_P256, &k, &e) != ERR_OK || key_spki(k, &spki, &e) != ERR_OK)
		abort();
	f.spki = buf_view(&spki);
	if (cert_build(&f, k, BYTES_NONE, &der, &e) != ERR_OK ||
		cert_parse(buf_view(&der), issuer, &e) != ERR_OK)
		abort();
	buf_free(&der);
	buf_free(&spki);
	key_free(k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cert issuer;
	struct err e;
	bool revoked = false;
	if (issuer.der.p == NULL)
		make_issuer(&issuer);
	if (crl_check(bytes_of(data, size), &issuer, "01", 1795000000, &revoked, &e) == ERR_OK)
		abort();
	return 0;
}
