/* A peer's certificate, in DER or PEM. */
#include <stdlib.h>
#include <string.h>

#include "x509/cert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(struct cert *c)
{
	struct err e;
	struct key *k = NULL;
	struct buf out = buf_new(CERT_DER_MAX);
	if (strlen(c->serial) % 2 != 0 || strlen(c->serial) >= CERT_SERIAL_HEX)
		abort();
	if (cert_subject(c, &out, &e) != ERR_OK || cert_san(c, &out, &e) != ERR_OK)
		abort();
	(void)cert_has_eku(c, PROFILE_OID_CLIENT_AUTH);
	(void)cert_is_ca(c);
	if (cert_key(c, &k, &e) == ERR_OK)
		key_free(k);
	/* A certificate is no proof of itself, whatever it says. */
	if (cert_check_chain(c, NULL, 0, c, 1, 1795000000, PROFILE_COUNT, true, ERR_PEER_UNTRUSTED,
		    &e) == ERR_OK)
		abort();
	buf_free(&out);
	cert_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cert c;
	struct err e;
	if (cert_parse(bytes_of(data, size), &c, &e) == ERR_OK)
		use(&c);
	if (cert_parse_pem(bytes_of(data, size), &c, &e) == ERR_OK)
		use(&c);
	return 0;
}
