#include "crypto/alg.h"

#include <openssl/core_names.h>

#include "base/clock.h"
#include "crypto/key_impl.h"

#define USE(u) (1u << (u))
#define EVERY_USE (USE(ALG_USE_DEVICE) | USE(ALG_USE_IDEVID) | USE(ALG_USE_OPERATOR))

/* NIST IR 8547 (initial public draft) §4.1: 112-bit keys end with 2030, the others with 2035. */
#define UNTIL_2030 ((int64_t)1924991999) /* 2030-12-31T23:59:59Z */
#define UNTIL_2035 ((int64_t)2082758399) /* 2035-12-31T23:59:59Z */
/* FIPS 186-5 A.1.1: the exponent is odd and above 2^16. */
#define RSA_EXPONENT_MIN 65537

struct alg_row {
	enum key_kind kind;
	const char *name;
	int bits_min;
	int bits_max;
	unsigned uses;
	int64_t until; /* last second at which such a key is admitted */
};

/*
 * An RSA modulus under 3072 bits is no 128-bit security (SP 800-57 part 1 table 2).  2048 stays
 * for manufacturers' keys alone: they sit in devices that were sold, and we only verify them.
 */
static const struct alg_row table[] = {
	{KIND_P256, "ecdsa-p256", 256, 256, EVERY_USE, UNTIL_2035},
	{KIND_P384, "ecdsa-p384", 384, 384, EVERY_USE, UNTIL_2035},
	{KIND_P521, "ecdsa-p521", 521, 521, EVERY_USE, UNTIL_2035},
	{KIND_ED25519, "ed25519", 253, 256, EVERY_USE, UNTIL_2035},
	{KIND_RSA, "rsa", 2048, 3071, USE(ALG_USE_IDEVID), UNTIL_2030},
	{KIND_RSA, "rsa", 3072, 8192, EVERY_USE, UNTIL_2035},
};
#define ROWS (sizeof(table) / sizeof(table[0]))

static const char *const use_names[] = {"device", "idevid", "operator"};

static enum err_code check_rsa_numbers(const struct key *k, struct err *e)
{
	BIGNUM *n = NULL;
	BIGNUM *exponent = NULL;
	bool ok = EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
		EVP_PKEY_get_bn_param(k->pkey, OSSL_PKEY_PARAM_RSA_E, &exponent) == 1 &&
		BN_is_odd(n) && BN_is_odd(exponent) && BN_num_bits(exponent) > 16;
	BN_free(n);
	BN_free(exponent);
	if (ok)
		return ERR_OK;
	return err_set(e, ERR_KEY_INVALID, key_type_name(k),
		"modulus and exponent must be odd, the exponent at least %d", RSA_EXPONENT_MIN);
}

enum err_code alg_admit_key(const struct key *k, enum alg_use use, int64_t now, struct err *e)
{
	const struct alg_row *row = NULL;
	for (size_t i = 0; i < ROWS && row == NULL; i++)
		if (table[i].kind == k->kind && k->bits >= table[i].bits_min &&
			k->bits <= table[i].bits_max && (table[i].uses & USE(use)) != 0)
			row = &table[i];
	if (row == NULL)
		return err_set(e, ERR_KEY_SIZE, key_type_name(k), "%d bits are not admitted for %s",
			k->bits, use_names[use]);
	if (now > row->until) {
		char text[CLOCK_TEXT_SIZE];
		clock_print(row->until, text);
		return err_set(e, ERR_KEY_ALGORITHM, key_type_name(k), "admitted until %s", text);
	}
	return k->kind == KIND_RSA ? check_rsa_numbers(k, e) : ERR_OK;
}

void alg_print_policy(struct buf *out)
{
	for (size_t i = 0; i < ROWS; i++) {
		const struct alg_row *r = &table[i];
		char until[CLOCK_TEXT_SIZE];
		clock_print(r->until, until);
		buf_printf(out, "%s %d..%d until %s for", r->name, r->bits_min, r->bits_max, until);
		for (size_t u = 0; u < sizeof(use_names) / sizeof(use_names[0]); u++)
			if ((r->uses & USE(u)) != 0)
				buf_printf(out, " %s", use_names[u]);
		buf_str(out, "\n");
	}
}
