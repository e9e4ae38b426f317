/* Any SubjectPublicKeyInfo through every check; any signature into the nonces. */
#include <stdlib.h>
#include <string.h>

#include "keycheck/check.h"
#include "keycheck/nonce.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ecdsa-with-SHA256 */
static const uint8_t alg[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02};

static void take(void *arg, const struct finding *f)
{
	(void)arg;
	if (f->check >= CHECK_COUNT || f->why[0] == '\0' ||
		memchr(f->why, '\0', sizeof(f->why)) == NULL)
		abort();
}

static enum err_code no_finding(
	void *arg, const struct nonce_finding *f, struct bytes private_key, struct err *e)
{
	(void)arg;
	(void)f;
	(void)private_key;
	(void)e;
	return ERR_OK;
}

static void add_signature(const struct pubkey *k, struct bytes sig)
{
	struct nonce_set *s;
	struct nonce_signature seen = {
		.signer = k, .sig_alg = bytes_of(alg, sizeof(alg)), .tbs = sig, .sig = sig};

	if (nonce_set_new(1 << 20, &s, NULL) != ERR_OK)
		return;
	if (nonce_key(s, k, BYTES_NONE, BYTES_NONE, NULL) != ERR_OK ||
		nonce_add(s, &seen, NULL) != ERR_OK || nonce_add(s, &seen, NULL) != ERR_OK ||
		nonce_judge(s, no_finding, NULL, NULL) != ERR_OK)
		abort();
	nonce_set_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct checker *checker;
	struct pubkey k;
	/* the first octet: how much of the input is the key, the rest a signature */
	size_t key_size = size > 0 && data[0] != 0x30 ? size - size * data[0] / 255 : size;
	struct bytes key =
		bytes_of(data + (key_size < size), key_size - (key_size < size && key_size > 0));

	if (checker == NULL && checker_new(NULL, &checker, NULL) != ERR_OK)
		return 0;
	if (pubkey_parse(key, &k, NULL) != ERR_OK)
		return 0;
	if (checker_key(checker, &k, 0, take, NULL, NULL) != ERR_OK)
		abort();
	add_signature(&k, bytes_of(data + key_size, size - key_size));
	return 0;
}
