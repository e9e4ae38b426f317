#include "crypto/random.h"

#include <limits.h>

#include <openssl/rand.h>

#include "base/mem.h"
#include "crypto/ossl.h"

enum err_code random_bytes(void *out, size_t len, struct err *e)
{
	/* The private generator: what comes out may become a secret (SP 800-90A). */
	if (len <= INT_MAX && RAND_priv_bytes(out, (int)len) == 1)
		return ERR_OK;
	mem_wipe(out, len);
	return ossl_err(e, ERR_CRYPTO, NULL, "the random generator refused");
}

void random_stir(struct bytes noise)
{
	/* Credited with no entropy: it can only add to what the kernel gave. */
	if (noise.len <= INT_MAX)
		RAND_add(noise.p, (int)noise.len, 0.0);
}
