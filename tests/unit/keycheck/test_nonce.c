#include "tests/unit/cmocka_tap.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>

#include "crypto/der.h"
#include "keycheck/nonce.h"
#include "tests/unit/keycheck/keys.h"

#define OID_P256 "\x2a\x86\x48\xce\x3d\x03\x01\x07"
#define OID_P384 "\x2b\x81\x04\x00\x22"
#define ECDSA_SHA256 "\x2a\x86\x48\xce\x3d\x04\x03\x02"
#define ECDSA_SHA384 "\x2a\x86\x48\xce\x3d\x04\x03\x03"

/* A signer whose nonces we choose. */
struct signer {
	EC_GROUP *group;
	mpz_t n, d;
	struct buf spki;
	struct pubkey key;
	struct bytes alg;
	unsigned bits;
};

static void from_bn(mpz_t out, const BIGNUM *bn)
{
	char *hex = BN_bn2hex(bn);
	assert_int_equal(mpz_set_str(out, hex, 16), 0);
	OPENSSL_free(hex);
}

static void to_bn(BIGNUM **out, const mpz_t n)
{
	char *hex = mpz_get_str(NULL, 16, n);
	assert_true(BN_hex2bn(out, hex) > 0);
	free(hex);
}

static void signer_start(struct signer *s, bool p384)
{
	uint8_t octets[200];
	BIGNUM *d = NULL;
	s->group = EC_GROUP_new_by_curve_name(p384 ? NID_secp384r1 : NID_X9_62_prime256v1);
	s->bits = p384 ? 384 : 256;
	s->alg = p384 ? DER_LITERAL(ECDSA_SHA384) : DER_LITERAL(ECDSA_SHA256);
	mpz_inits(s->n, s->d, NULL);
	from_bn(s->n, EC_GROUP_get0_order(s->group));
	next_number(s->d, s->bits - 1);
	to_bn(&d, s->d);
	EC_POINT *q = EC_POINT_new(s->group);
	assert_int_equal(EC_POINT_mul(s->group, q, d, NULL, NULL, NULL), 1);
	size_t len = EC_POINT_point2oct(
		s->group, q, POINT_CONVERSION_UNCOMPRESSED, octets, sizeof(octets), NULL);
	s->spki = buf_new(1024);
	assert_int_equal(pubkey_from_ec(p384 ? DER_LITERAL(OID_P384) : DER_LITERAL(OID_P256),
				 bytes_of(octets, len), &s->spki, &s->key, NULL),
		ERR_OK);
	EC_POINT_free(q);
	BN_free(d);
}

static void signer_end(struct signer *s)
{
	EC_GROUP_free(s->group);
	mpz_clears(s->n, s->d, NULL);
	buf_free(&s->spki);
}

/* r of a nonce. */
static void r_of(const struct signer *s, const mpz_t k, mpz_t r)
{
	BIGNUM *bn = NULL;
	to_bn(&bn, k);
	EC_POINT *p = EC_POINT_new(s->group);
	assert_int_equal(EC_POINT_mul(s->group, p, bn, NULL, NULL, NULL), 1);
	assert_int_equal(EC_POINT_get_affine_coordinates(s->group, p, bn, NULL, NULL), 1);
	from_bn(r, bn);
	mpz_mod(r, r, s->n);
	EC_POINT_free(p);
	BN_free(bn);
}

/* Sign the message number `m` with the nonce k. `negate`: n - s for s. */
static void sign(const struct signer *s, struct nonce_set *set, unsigned m, const mpz_t k,
	bool negate, const char *issuer)
{
	uint8_t tbs[4] = {(uint8_t)(m >> 24), (uint8_t)(m >> 16), (uint8_t)(m >> 8), (uint8_t)m};
	uint8_t digest[EVP_MAX_MD_SIZE], octets[66];
	unsigned size = 0;
	size_t len;
	mpz_t r, sv, z;
	struct buf der = buf_new(256);

	mpz_inits(r, sv, z, NULL);
	EVP_Digest(tbs, 4, digest, &size, s->bits == 384 ? EVP_sha384() : EVP_sha256(), NULL);
	mpz_import(z, size, 1, 1, 1, 0, digest);
	r_of(s, k, r);
	mpz_addmul(z, r, s->d);
	assert_true(mpz_invert(sv, k, s->n) != 0);
	mpz_mul(sv, sv, z);
	mpz_mod(sv, sv, s->n);
	if (negate)
		mpz_sub(sv, s->n, sv);
	size_t seq = der_open(&der, DER_SEQUENCE);
	mpz_export(octets, &len, 1, 1, 1, 0, r);
	der_write_unsigned(&der, bytes_of(octets, len));
	mpz_export(octets, &len, 1, 1, 1, 0, sv);
	der_write_unsigned(&der, bytes_of(octets, len));
	der_close(&der, seq);
	struct nonce_signature sig = {.signer = issuer == NULL ? &s->key : NULL,
		.issuer = bytes_str(issuer),
		.sig_alg = s->alg,
		.tbs = bytes_of(tbs, 4),
		.sig = buf_view(&der),
		.source = m};
	assert_int_equal(nonce_add(set, &sig, NULL), ERR_OK);
	mpz_clears(r, sv, z, NULL);
	buf_free(&der);
}

struct verdict {
	unsigned n, reused, biased, private, shared;
	const struct signer *signers[4]; /* whose private keys may be named */
	uint64_t last_source;
	char why[FINDING_WHY_MAX];
};

static enum err_code take(
	void *arg, const struct nonce_finding *f, struct bytes private_key, struct err *e)
{
	(void)e;
	struct verdict *v = arg;
	v->n++;
	v->reused += f->finding.check == CHECK_NONCE_REUSED;
	v->biased += f->finding.check == CHECK_NONCE_BIASED;
	v->shared += f->finding.shared_n > 0;
	memcpy(v->why, f->finding.why, sizeof(v->why));
	assert_true(f->sources_n > 0);
	v->last_source = f->sources[f->sources_n - 1];
	if (private_key.len > 0) {
		v->private ++;
		bool right = false;
		mpz_t d;
		mpz_init(d);
		mpz_import(d, private_key.len, 1, 1, 1, 0, private_key.p);
		for (int i = 0; i < 4 && v->signers[i] != NULL; i++)
			right |= memcmp(v->signers[i]->key.id, f->key, SHA256_SIZE) == 0 &&
				 mpz_cmp(v->signers[i]->d, d) == 0;
		mpz_clear(d);
		assert_true(right);
	}
	return ERR_OK;
}

static struct nonce_set *new_set(void)
{
	struct nonce_set *s;
	assert_int_equal(nonce_set_new(0, &s, NULL), ERR_OK);
	return s;
}

static void announce(struct nonce_set *set, const struct signer *s, const char *name)
{
	assert_int_equal(nonce_key(set, &s->key, bytes_str(name), BYTES_NONE, NULL), ERR_OK);
}

static struct verdict judge(struct nonce_set *set, const struct signer *a, const struct signer *b)
{
	struct verdict v = {.signers = {a, b}};
	assert_int_equal(nonce_judge(set, take, &v, NULL), ERR_OK);
	return v;
}

static void a_nonce_used_twice_gives_the_key(void **state)
{
	(void)state;
	for (int variant = 0; variant < 4; variant++) {
		struct signer s;
		struct nonce_set *set = new_set();
		mpz_t k;
		mpz_init(k);
		signer_start(&s, variant & 1);
		announce(set, &s, "CA");
		next_number(k, s.bits - 3);
		sign(&s, set, 1, k, false, NULL);
		/* once as itself, once as the issuer of something; once with n - s */
		sign(&s, set, 2, k, variant & 2, "CA");
		struct verdict v = judge(set, &s, NULL);
		assert_int_equal(v.n, 1);
		assert_int_equal(v.reused, 1);
		assert_int_equal(v.private, 1);
		nonce_set_free(set);
		signer_end(&s);
		mpz_clear(k);
	}
}

static void the_same_signature_twice_is_no_reuse(void **state)
{
	(void)state;
	struct signer s;
	struct nonce_set *set = new_set();
	mpz_t k;
	mpz_init(k);
	signer_start(&s, false);
	announce(set, &s, "CA");
	next_number(k, 255);
	sign(&s, set, 1, k, false, NULL);
	sign(&s, set, 1, k, false, "CA");
	sign(&s, set, 1, k, true, NULL); /* nor is its other form, which anybody can make */
	assert_int_equal(judge(set, &s, NULL).n, 0);
	nonce_set_free(set);
	signer_end(&s);
	mpz_clear(k);
}

static void one_nonce_under_two_keys(void **state)
{
	(void)state;
	struct signer a, b;
	struct nonce_set *set = new_set();
	mpz_t k, k2;
	mpz_inits(k, k2, NULL);
	signer_start(&a, false);
	signer_start(&b, false);
	announce(set, &a, "A");
	announce(set, &b, "B");
	next_number(k, 255);
	sign(&a, set, 1, k, false, "A");
	sign(&b, set, 2, k, false, "B");
	struct verdict v = judge(set, &a, &b);
	assert_int_equal(v.reused, 2);
	assert_int_equal(v.shared, 2);
	assert_int_equal(v.private, 0);
	/* A uses another nonce twice: now both are known */
	next_number(k2, 254);
	sign(&a, set, 3, k2, false, "A");
	sign(&a, set, 4, k2, false, "A");
	v = judge(set, &a, &b);
	assert_int_equal(v.reused, 3); /* A by two nonces, B by one */
	assert_int_equal(v.private, 3);
	nonce_set_free(set);
	signer_end(&a);
	signer_end(&b);
	mpz_clears(k, k2, NULL);
}

enum bias { SHORT, FIRST_BITS, LAST_BITS, NONE };

static struct verdict biased(bool p384, enum bias how, unsigned bits, unsigned signatures)
{
	struct signer s;
	struct nonce_set *set = new_set();
	mpz_t k, fixed;
	mpz_inits(k, fixed, NULL);
	signer_start(&s, p384);
	announce(set, &s, "CA");
	next_number(fixed, bits > 2 ? bits - 1 : 1);
	for (unsigned i = 0; i < signatures; i++) {
		unsigned free_bits = s.bits - bits;
		next_number(k, free_bits + 8);
		mpz_tdiv_q_2exp(k, k, 4); /* the highest bit too is any */
		mpz_tdiv_r_2exp(k, k, free_bits);
		if (how == FIRST_BITS) {
			mpz_t high;
			mpz_init(high);
			mpz_mul_2exp(high, fixed, free_bits);
			mpz_add(k, k, high);
			mpz_clear(high);
		} else if (how == LAST_BITS) {
			mpz_mul_2exp(k, k, bits);
			mpz_add(k, k, fixed);
		}
		mpz_mod(k, k, s.n);
		sign(&s, set, i, k, false, i % 2 == 0 ? "CA" : NULL);
	}
	struct verdict v = judge(set, &s, NULL);
	nonce_set_free(set);
	signer_end(&s);
	mpz_clears(k, fixed, NULL);
	return v;
}

static void short_nonces(void **state)
{
	(void)state;
	static const struct {
		bool p384;
		unsigned bits, signatures;
	} t[] = {{false, 160, 2}, {false, 128, 3}, {false, 64, 6}, {false, 32, 12}, {false, 16, 24},
		{false, 8, 56}, {true, 160, 4}, {true, 32, 18}};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct verdict v = biased(t[i].p384, SHORT, t[i].bits, t[i].signatures);
		assert_int_equal(v.biased, 1);
		assert_int_equal(v.private, 1);
		assert_non_null(strstr(v.why, "shorter"));
	}
}

static void nonces_with_the_same_first_or_last_bits(void **state)
{
	(void)state;
	for (int how = FIRST_BITS; how <= LAST_BITS; how++) {
		assert_int_equal(biased(false, (enum bias)how, 128, 4).biased, 1);
		assert_int_equal(biased(false, (enum bias)how, 32, 14).biased, 1);
		assert_int_equal(biased(false, (enum bias)how, 16, 30).biased, 1);
	}
}

static void honest_nonces_have_no_finding(void **state)
{
	(void)state;
	assert_int_equal(biased(false, NONE, 0, 2).n, 0);
	assert_int_equal(biased(false, NONE, 0, 60).n, 0);
	assert_int_equal(biased(true, NONE, 0, 12).n, 0);
}

/* Another key of the same name must not be blamed for what it did not sign. */
static void a_name_alone_proves_nothing(void **state)
{
	(void)state;
	struct signer a, b;
	struct nonce_set *set = new_set();
	mpz_t k;
	mpz_init(k);
	signer_start(&a, false);
	signer_start(&b, false);
	next_number(k, 255);
	announce(set, &b, "CA"); /* only the wrong one is in the input */
	sign(&a, set, 1, k, false, "CA");
	sign(&a, set, 2, k, false, "CA");
	assert_int_equal(judge(set, &b, NULL).n, 0);
	/* and with both there, the right one is found */
	announce(set, &a, "CA");
	struct verdict v = judge(set, &a, NULL);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.private, 1);
	sign(&a, set, 3, k, false, "somebody else");
	v = judge(set, &a, NULL);
	assert_int_equal(nonce_counts(set).unknown, 1);
	assert_int_equal(nonce_counts(set).signatures, 3);
	nonce_set_free(set);
	signer_end(&a);
	signer_end(&b);
	mpz_clear(k);
}

static void memory_is_bounded_and_said(void **state)
{
	(void)state;
	struct signer s;
	struct nonce_set *set;
	mpz_t k;
	mpz_init(k);
	signer_start(&s, false);
	assert_int_equal(nonce_set_new(2000, &set, NULL), ERR_OK);
	for (unsigned i = 0; i < 40; i++) {
		next_number(k, 255);
		sign(&s, set, i, k, false, NULL);
	}
	struct nonce_counts c = nonce_counts(set);
	assert_int_equal(c.signatures + c.dropped, 40);
	assert_true(c.signatures >= 10 && c.dropped > 0);
	nonce_set_free(set);
	signer_end(&s);
	mpz_clear(k);
}

static void what_is_no_ecdsa_signature_is_passed_over(void **state)
{
	(void)state;
	struct nonce_set *set = new_set();
	struct nonce_signature sig = {.sig_alg = DER_LITERAL(ECDSA_SHA256), .tbs = bytes_str("x")};
	static const char *const bad[] = {"", "\x30\x00", "\x30\x03\x02\x01\x01",
		"\x30\x06\x02\x01\xff\x02\x01\x01", "\x30\x06\x02\x01\x01\x02\x01\x01\x01"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sig.sig = bytes_of(bad[i], i == 1 ? 2 : strlen(bad[i]));
		assert_int_equal(nonce_add(set, &sig, NULL), ERR_OK);
	}
	sig.sig = bytes_str("\x30\x06\x02\x01\x01\x02\x01\x01");
	sig.sig_alg = DER_LITERAL("\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"); /* RSA */
	assert_int_equal(nonce_add(set, &sig, NULL), ERR_OK);
	assert_int_equal(nonce_counts(set).signatures, 0);
	sig.sig_alg = DER_LITERAL(ECDSA_SHA256);
	assert_int_equal(nonce_add(set, &sig, NULL), ERR_OK);
	assert_int_equal(nonce_counts(set).signatures, 1);
	nonce_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nonce_used_twice_gives_the_key),
		cmocka_unit_test(the_same_signature_twice_is_no_reuse),
		cmocka_unit_test(one_nonce_under_two_keys),
		cmocka_unit_test(short_nonces),
		cmocka_unit_test(nonces_with_the_same_first_or_last_bits),
		cmocka_unit_test(honest_nonces_have_no_finding),
		cmocka_unit_test(a_name_alone_proves_nothing),
		cmocka_unit_test(memory_is_bounded_and_said),
		cmocka_unit_test(what_is_no_ecdsa_signature_is_passed_over),
	};
	return RUN_TAP(tests);
}
