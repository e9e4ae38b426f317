#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/mem.h"
#include "keycheck/import_impl.h"

struct block {
	char *name, *header;
	unsigned char *data;
	long len;
};

static void block_free(struct block *b)
{
	OPENSSL_free(b->name);
	OPENSSL_free(b->header);
	if (b->data != NULL)
		mem_wipe(b->data, (size_t)b->len);
	OPENSSL_free(b->data);
}

/* The key of a block, or NULL: no key, one behind a passphrase, one that the library refuses. */
static EVP_PKEY *key_of(const struct block *b)
{
	const unsigned char *p = b->data;

	if (b->header[0] != '\0' || strstr(b->name, "ENCRYPTED") != NULL)
		return NULL;
	if (strstr(b->name, "PRIVATE KEY") != NULL)
		return d2i_AutoPrivateKey(NULL, &p, b->len);
	if (strcmp(b->name, PEM_STRING_PUBLIC) == 0)
		return d2i_PUBKEY(NULL, &p, b->len);
	if (strcmp(b->name, PEM_STRING_RSA_PUBLIC) == 0)
		return d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, b->len);
	if (strcmp(b->name, PEM_STRING_X509) != 0)
		return NULL;
	X509 *cert = d2i_X509(NULL, &p, b->len);
	EVP_PKEY *key = cert != NULL ? X509_get_pubkey(cert) : NULL;
	X509_free(cert);
	return key;
}

static enum err_code take_number(struct import *im, EVP_PKEY *key, struct err *e)
{
	unsigned char *der = NULL;
	int len = i2d_PUBKEY(key, &der);
	uint8_t hash[SHA256_SIZE];
	size_t size;
	struct pubkey k;
	enum err_code rc = ERR_OK;

	if (len <= 0 || pubkey_parse(bytes_of(der, (size_t)len), &k, NULL) != ERR_OK ||
		!list_hash(LIST_NUMBER_SHA256, &k, hash, &size))
		im->counts->skipped++;
	else
		rc = list_maker_hash(
			im->maker, bytes_of(hash, LIST_IMPORT_HASH_SIZE), im->source, e);
	OPENSSL_free(der);
	return rc;
}

static enum err_code take_primes(struct import *im, EVP_PKEY *key, struct err *e)
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2};
	uint8_t octets[LIST_PRIME_MAX];
	enum err_code rc = ERR_OK;

	for (int i = 0; i < 2 && rc == ERR_OK; i++) {
		BIGNUM *p = NULL;
		int n = EVP_PKEY_get_bn_param(key, names[i], &p) == 1 ? BN_num_bytes(p) : 0;
		if (n < LIST_HASH_MIN || n > LIST_PRIME_MAX || BN_bn2bin(p, octets) != n)
			im->counts->skipped++;
		else
			rc = list_maker_prime(
				im->maker, bytes_of(octets, (size_t)n), im->source, e);
		BN_clear_free(p);
	}
	mem_wipe(octets, sizeof(octets));
	return rc;
}

static enum err_code take_block(struct import *im, const struct block *b, struct err *e)
{
	EVP_PKEY *key = key_of(b);
	enum err_code rc = ERR_OK;

	if (key == NULL)
		im->counts->skipped++;
	else if (im->o->about.check != CHECK_KNOWN_PRIME)
		rc = take_number(im, key, e);
	else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
		rc = take_primes(im, key, e);
	else
		im->counts->skipped++;
	EVP_PKEY_free(key);
	ERR_clear_error();
	return rc;
}

enum err_code import_pem(struct import *im, struct bytes file, struct err *e)
{
	bool primes = im->o->about.check == CHECK_KNOWN_PRIME;
	struct block b = {0};

	im->counts->form = "keys in PEM";
	if (im->o->about.kind != LIST_KIND_ANY && im->o->about.kind != LIST_NUMBER_SHA256)
		return err_set(
			e, ERR_USAGE, "key list", "keys are hashed by their numbers, no other way");
	if (file.len > INT32_MAX)
		return err_set(e, ERR_LIMIT, "key list", "more than 2 GiB of PEM");
	BIO *bio = BIO_new_mem_buf(file.p, (int)file.len);
	if (bio == NULL)
		return err_set(e, ERR_NO_MEMORY, "key list", NULL);
	enum err_code rc = import_start(
		im, primes ? LIST_PRIMES : LIST_NUMBER_SHA256, LIST_IMPORT_HASH_SIZE, e);
	while (rc == ERR_OK && PEM_read_bio(bio, &b.name, &b.header, &b.data, &b.len) == 1) {
		rc = take_block(im, &b, e);
		block_free(&b);
		b = (struct block){0};
	}
	ERR_clear_error(); /* the end of the blocks is one */
	BIO_free(bio);
	return rc;
}
