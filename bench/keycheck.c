/*
 * What each check of one key costs (docs/design/keycheck-checks.md): CPU time a key, as JSON.
 *
 *     tools/in-root build-rel/bench/keycheck [LISTS]
 *
 * RSA keys of 2048 bits, honest ones, which is what nearly all keys are; LISTS is a folder of key
 * lists, data/keys for those that come with the program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "keycheck/check_impl.h"
#include "keycheck/nonce.h"

#define KEYS 64
#define PRIME_BITS 1024
/* The best of so many: what disturbs only ever adds. */
#define ROUNDS 15

static struct checker *checker;
static struct buf spki[KEYS];
static struct pubkey key[KEYS];
static struct look look[KEYS];
static unsigned findings;

static double cpu(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "keycheck: %s\n", what);
		exit(3);
	}
}

static void count(void *arg, const struct finding *f)
{
	(void)arg;
	findings++;
	fprintf(stderr, "keycheck: %s: %s\n", check_name(f->check), f->why);
}

static void draw_prime(mpz_t p, unsigned bits, gmp_randstate_t random)
{
	mpz_urandomb(p, random, bits);
	mpz_setbit(p, bits - 1);
	mpz_setbit(p, bits - 2);
	mpz_nextprime(p, p);
}

static void make_rsa(void)
{
	static const uint8_t e[] = {1, 0, 1};
	gmp_randstate_t random;
	mpz_t p, q;
	uint8_t octets[2 * PRIME_BITS / 8];

	gmp_randinit_mt(random);
	gmp_randseed_ui(random, 1);
	mpz_inits(p, q, NULL);
	draw_prime(q, PRIME_BITS, random);
	for (int i = 0; i < KEYS; i++) {
		struct look *l = &look[i];
		*l = (struct look){.c = checker, .k = &key[i], .rsa_bits_min = 2048, .each = count};
		mpz_inits(l->n, l->e, NULL);
		draw_prime(p, PRIME_BITS, random);
		mpz_mul(l->n, p, q); /* a prime for two keys each: drawing them takes the longest */
		mpz_swap(p, q);
		mpz_set_ui(l->e, 65537);
		l->bits = mpz_sizeinbase(l->n, 2);
		mpz_export(octets, NULL, 1, 1, 1, 0, l->n);
		spki[i] = buf_new(4096);
		must(pubkey_from_rsa(bytes_of(octets, sizeof(octets)), bytes_of(e, sizeof(e)),
			     &spki[i], &key[i], NULL) == ERR_OK,
			"no key");
	}
	mpz_clears(p, q, NULL);
	gmp_randclear(random);
}

static void form(struct look *l)
{
	must(check_rsa_form(l), "an honest key has no form");
	check_rsa_size(l);
	check_rsa_exponent(l);
}

static void common(struct look *l)
{
	must(check_rsa_common(l, NULL) == ERR_OK, "no reduction");
	check_rsa_small_factor(l);
	check_known_prime(l);
}

static void pattern(struct look *l)
{
	check_pattern(l, CHECK_RSA_PATTERN, l->k->modulus, "modulus");
}

/* With an exponent of the modulus's length: with 65537 nothing is done. */
static void small_d(struct look *l)
{
	mpz_tdiv_q_2exp(l->e, look[(l - look + 1) % KEYS].n, 1);
	mpz_setbit(l->e, 0);
	check_rsa_small_d(l);
}

static void whole(struct look *l)
{
	must(checker_key(checker, l->k, 0, count, NULL, NULL) == ERR_OK, "no check");
}

/* The prime test of one size: the whole of it by GMP, as it would be, and as it is. */
static void prime_of_size(unsigned bits)
{
	struct look l = {.c = checker, .k = &key[0], .each = count, .bits = bits};
	gmp_randstate_t random;
	double gmp = 1e9, ours = 1e9;
	mpz_t p;

	gmp_randinit_mt(random);
	gmp_randseed_ui(random, bits);
	mpz_inits(l.n, p, NULL);
	draw_prime(p, bits / 2, random);
	draw_prime(l.n, bits / 2, random);
	mpz_mul(l.n, l.n, p);
	for (int i = 0; i < ROUNDS; i++) {
		double begin = cpu();
		must(mpz_probab_prime_p(l.n, 25) == 0, "a product is prime");
		double between = cpu();
		check_rsa_prime(&l);
		double end = cpu();
		gmp = between - begin < gmp ? between - begin : gmp;
		ours = end - between < ours ? end - between : ours;
	}
	printf("%s\n  \"%u\":{\"mpz_probab_prime_p_us\":%.0f,\"prime_us\":%.0f}",
		bits > 2048 ? "," : "", bits, gmp * 1e6, ours * 1e6);
	mpz_clears(l.n, p, NULL);
	gmp_randclear(random);
}

static double time_of(void (*check)(struct look *), double seconds)
{
	unsigned n = 0;
	double begin = cpu(), end;

	check(&look[0]);
	begin = cpu();
	do {
		check(&look[n++ % KEYS]);
		end = cpu();
	} while (end - begin < seconds);
	return (end - begin) * 1e6 / n;
}

/* One key of a kind, from the first time (which makes tables) and then on. */
static void other(const char *name, const char *type, const char *curve)
{
	EVP_PKEY *k = curve != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, type, curve)
				    : EVP_PKEY_Q_keygen(NULL, NULL, type);
	unsigned char *der = NULL;
	int len = k != NULL ? i2d_PUBKEY(k, &der) : 0;

	must(len > 0 && pubkey_parse(bytes_of(der, (size_t)len), &key[0], NULL) == ERR_OK, name);
	look[0].k = &key[0];
	double begin = cpu();
	whole(&look[0]);
	double first = cpu() - begin;
	unsigned n = 0;
	begin = cpu();
	do {
		whole(&look[0]);
		n++;
	} while (cpu() - begin < 0.2);
	printf(",\n \"%s\":{\"tables_ms\":%.1f,\"key_us\":%.1f}", name, first * 1e3,
		(cpu() - begin) * 1e6 / n);
	OPENSSL_free(der);
	EVP_PKEY_free(k);
}

static enum err_code count_nonce(
	void *arg, const struct nonce_finding *f, struct bytes private_key, struct err *e)
{
	(void)private_key;
	(void)e;
	count(arg, &f->finding);
	return ERR_OK;
}

/* `n` honest signatures of one key: to take them in, and what is found of all of them. */
static void nonces(const char *curve, unsigned n, const char *alg, size_t alg_len, const EVP_MD *md)
{
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
	struct nonce_set *set;
	struct pubkey p;
	unsigned char *der = NULL;
	double taking = 0;
	int len = k != NULL ? i2d_PUBKEY(k, &der) : 0;

	must(len > 0 && pubkey_parse(bytes_of(der, (size_t)len), &p, NULL) == ERR_OK, curve);
	must(nonce_set_new(0, &set, NULL) == ERR_OK, "no signatures");
	must(nonce_key(set, &p, BYTES_NONE, BYTES_NONE, NULL) == ERR_OK, "no signer");
	for (unsigned i = 0; i < n; i++) {
		uint8_t sig[256];
		size_t sig_len = sizeof(sig);
		EVP_MD_CTX *c = EVP_MD_CTX_new();
		must(c != NULL && EVP_DigestSignInit(c, NULL, md, NULL, k) == 1 &&
				EVP_DigestSign(c, sig, &sig_len, (uint8_t *)&i, sizeof(i)) == 1,
			"no signature");
		EVP_MD_CTX_free(c);
		struct nonce_signature s = {.signer = &p,
			.sig_alg = bytes_of(alg, alg_len),
			.tbs = bytes_of(&i, sizeof(i)),
			.sig = bytes_of(sig, sig_len),
			.source = i};
		double begin = cpu();
		must(nonce_add(set, &s, NULL) == ERR_OK, "a signature is refused");
		taking += cpu() - begin;
	}
	must(nonce_counts(set).signatures == n, "a signature is passed over");
	double begin = cpu();
	must(nonce_judge(set, count_nonce, NULL, NULL) == ERR_OK, "no judgement");
	printf(",\n \"%u signatures of %s\":{\"take_us_each\":%.1f,\"judge_ms\":%.1f}", n, curve,
		taking * 1e6 / n, (cpu() - begin) * 1e3);
	nonce_set_free(set);
	OPENSSL_free(der);
	EVP_PKEY_free(k);
}

static void rsa(double seconds)
{
	static const struct {
		const char *name;
		void (*check)(struct look *);
	} t[] = {{"form, size, exponent", form}, {"small factors and published primes", common},
		{"prime", check_rsa_prime}, {"perfect power", check_rsa_power},
		{"close primes and ratios", check_rsa_close_primes}, {"ROCA", check_rsa_roca},
		{"patterns", pattern}, {"lists", check_lists}, {"all of it", whole},
		{"small private exponent, long exponent", small_d}};

	printf("{\"rsa_2048_us\":{");
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		printf("%s\n  \"%s\":%.2f", i > 0 ? "," : "", t[i].name,
			time_of(t[i].check, seconds));
	printf("}");
	printf(",\n \"prime_by_bits\":{");
	for (unsigned bits = 2048; bits <= 4096; bits += 1024)
		prime_of_size(bits);
	printf("}");
	checker_leave_out(checker, CHECK_RSA_PRIME);
	printf(",\n \"all_but_prime_us\":%.2f", time_of(whole, seconds));
}

int main(int argc, char **argv)
{
	struct lists *lists = NULL;
	size_t primes = 0;
	struct err e;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		puts("usage: keycheck [LISTS]: CPU time of each check of one key, as JSON");
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	if (argc == 2 && lists_open(argv[1], &lists, &e) != ERR_OK) {
		fprintf(stderr, "keycheck: %s: %s\n", e.object, e.reason);
		return 3;
	}
	double begin = cpu();
	must(checker_new(lists, &checker, NULL) == ERR_OK, "no checker");
	double made = cpu() - begin;
	make_rsa();
	rsa(0.3);
	if (lists != NULL)
		(void)lists_primes(lists, &primes);
	printf(",\n \"checker_new_ms\":%.2f,\"published_primes\":%zu,\"kernel\":\"%s\"", made * 1e3,
		primes, residue_name(RESIDUE_BEST));
	other("P-256", "EC", "P-256");
	other("P-384", "EC", "P-384");
	other("P-521", "EC", "P-521");
	other("Ed25519", "ED25519", NULL);
	other("Ed448", "ED448", NULL);
	other("X25519", "X25519", NULL);
	other("ML-DSA-44", "ML-DSA-44", NULL);
	other("ML-DSA-65", "ML-DSA-65", NULL);
	/* ecdsa-with-SHA256 and -SHA384 (RFC 5758 section 3.2) */
	nonces("P-256", 2, "\x2a\x86\x48\xce\x3d\x04\x03\x02", 8, EVP_sha256());
	nonces("P-256", 64, "\x2a\x86\x48\xce\x3d\x04\x03\x02", 8, EVP_sha256());
	nonces("P-384", 64, "\x2a\x86\x48\xce\x3d\x04\x03\x03", 8, EVP_sha384());
	printf(",\n \"findings\":%u}\n", findings);
	return findings == 0 ? 0 : 3;
}
