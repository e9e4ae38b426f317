/* What an EST server answers, and the signature in a bundle. */
#include <stdlib.h>

#include "x509/cms.h"

#define CERTS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t digest[SHA256_SIZE] = {1};
	struct cert certs[CERTS];
	struct cert signer;
	struct err e;
	size_t n = 0;
	if (cms_certs_parse(bytes_of(data, size), certs, CERTS, &n, &e) == ERR_OK) {
		if (n == 0 || n > CERTS)
			abort();
		while (n > 0)
			cert_free(&certs[--n]);
	}
	/* Nobody made a signature over this digest. */
	if (cms_check_digest(bytes_of(data, size), digest, &signer, ERR_BUNDLE_SIGNATURE, &e) ==
		ERR_OK)
		abort();
	return 0;
}
