/*
 * crypto-cost: CPU microseconds of each operation that an enrolment cannot avoid, P-256, through the
 * same library calls (EVP) with keys and contexts ready: what `openssl speed` times, and the key
 * generation that it leaves out.  Prints one JSON object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/evp.h>

#define ROUNDS 4000

static EVP_PKEY *key;
static EVP_PKEY *peer;
static unsigned char sig[80];
static size_t sig_len;
static const unsigned char digest[32] = {1};

static double cpu(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int op_keygen(EVP_PKEY_CTX *c)
{
	EVP_PKEY *k = NULL;
	int ok = EVP_PKEY_generate(c, &k);
	EVP_PKEY_free(k);
	return ok;
}

static int op_derive(EVP_PKEY_CTX *c)
{
	unsigned char out[32];
	size_t n = sizeof(out);
	return EVP_PKEY_derive(c, out, &n);
}

static int op_sign(EVP_PKEY_CTX *c)
{
	sig_len = sizeof(sig);
	return EVP_PKEY_sign(c, sig, &sig_len, digest, sizeof(digest));
}

static int op_verify(EVP_PKEY_CTX *c)
{
	return EVP_PKEY_verify(c, sig, sig_len, digest, sizeof(digest));
}

static double time_of(int (*op)(EVP_PKEY_CTX *), EVP_PKEY_CTX *c)
{
	for (int i = 0; i < 100; i++)
		if (op(c) != 1)
			exit(3);
	double t = cpu();
	for (int i = 0; i < ROUNDS; i++)
		if (op(c) != 1)
			exit(3);
	return (cpu() - t) * 1e6 / ROUNDS;
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		puts("usage: crypto-cost: CPU time of each operation of an enrolment, as JSON");
		return strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	key = EVP_EC_gen("P-256");
	peer = EVP_EC_gen("P-256");
	EVP_PKEY_CTX *gen = EVP_PKEY_CTX_new(key, NULL);
	EVP_PKEY_CTX *derive = EVP_PKEY_CTX_new(key, NULL);
	EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new(key, NULL);
	EVP_PKEY_CTX *verify = EVP_PKEY_CTX_new(key, NULL);
	if (EVP_PKEY_keygen_init(gen) != 1 || EVP_PKEY_derive_init(derive) != 1 ||
		EVP_PKEY_derive_set_peer(derive, peer) != 1 || EVP_PKEY_sign_init(sign) != 1 ||
		EVP_PKEY_verify_init(verify) != 1)
		return 3;
	double g = time_of(op_keygen, gen);
	double d = time_of(op_derive, derive);
	double s = time_of(op_sign, sign);
	double v = time_of(op_verify, verify);
	printf("{\"keygen_us\":%.1f,\"derive_us\":%.1f,\"sign_us\":%.1f,\"verify_us\":%.1f,"
	       "\"handshake_enrolment_us\":%.1f,\"kept_enrolment_us\":%.1f}\n",
		g, d, s, v, g + d + s + 2 * v + v + s, v + s);
	return 0;
}
