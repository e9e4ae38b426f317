#include "tests/unit/cmocka_tap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "tests/unit/keycheck/keys.h"
#include "tools/debian-weak/fermat.h"
#include "tools/debian-weak/list.h"

static struct keygen *keygen;

static struct weak_set set_of(enum weak_arch arch, enum weak_program program, unsigned bits)
{
	return (struct weak_set){arch, program, bits};
}

static void make(struct weak_set s, uint32_t pid, uint8_t *modulus)
{
	assert_int_equal(
		keygen_modulus(keygen, s.arch, s.program, s.bits, pid, modulus, NULL), ERR_OK);
}

static void sha1_hex(const void *data, size_t n, char out[41])
{
	uint8_t digest[20];

	assert_int_equal(EVP_Digest(data, n, digest, NULL, EVP_sha1(), NULL), 1);
	hex_encode(digest, sizeof(digest), out);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

/*
 * All that openssl made in process 32767, for three machines and three states of ~/.rnd: the digest
 * over the digests of what `openssl rsa -modulus` prints, as the project that built the weak
 * OpenSSL again (github.com/CVE-2008-0166/key_generator) has published it for its own test.
 */
static void nine_openssl_keys_are_those_published(void **state)
{
	(void)state;
	enum { KEYS = 9, LINE = 41, BITS = 2048 };
	char line[KEYS][LINE], all[KEYS * LINE], digest[41];
	uint8_t modulus[BITS / 8];
	unsigned n = 0;

	for (int arch = 0; arch < WEAK_ARCHES; arch++) {
		for (int program = 0; program < WEAK_SSH_KEYGEN; program++) {
			char text[BITS / 4 + 16] = "Modulus=";
			make(set_of((enum weak_arch)arch, (enum weak_program)program, BITS), 32767,
				modulus);
			for (unsigned i = 0; i < sizeof(modulus); i++)
				snprintf(text + 8 + 2 * i, 3, "%02X", modulus[i]);
			text[8 + BITS / 4] = '\n';
			sha1_hex(text, 8 + BITS / 4 + 1, line[n++]);
		}
	}
	assert_int_equal(n, KEYS);
	qsort(line, KEYS, LINE, compare_lines);
	for (unsigned i = 0; i < KEYS; i++) {
		memcpy(all + i * LINE, line[i], LINE - 1);
		all[i * LINE + LINE - 1] = '\n';
	}
	sha1_hex(all, sizeof(all), digest);
	assert_string_equal(digest, "2a910e906624766546114d300ca6b671c7acc08c");
}

/* The first octets of keys of the badkeys project's collection, made with Debian's own programs. */
static void keys_begin_as_published(void **state)
{
	(void)state;
	static const struct {
		struct weak_set set;
		uint32_t pid;
		const char *begin;
	} known[] = {
		{{WEAK_LE64, WEAK_SSH_KEYGEN, 1024}, 1000, "c9ca2ee3a4bbca7014ac"},
		{{WEAK_LE64, WEAK_SSH_KEYGEN, 2048}, 1, "c92977da6c15cd35e9f1"},
		{{WEAK_LE64, WEAK_SSH_KEYGEN, 2048}, 20000, "d3d86e0a2b85d9a6bfe8"},
		{{WEAK_LE32, WEAK_SSH_KEYGEN, 1024}, 0, "e5c5288a507e5c90e74f"},
		{{WEAK_LE32, WEAK_SSH_KEYGEN, 2048}, 0, "bd447c9e8e43b6bbda2b"},
		{{WEAK_BE32, WEAK_SSH_KEYGEN, 1024}, 1000, "d1dad6437a2939d46527"},
		{{WEAK_BE32, WEAK_SSH_KEYGEN, 2048}, 20000, "b3d1386846f37cb7974f"},
		{{WEAK_LE64, WEAK_OPENSSL_RND, 1024}, 1000, "c7791c390ee1572acfda"},
		{{WEAK_LE64, WEAK_OPENSSL_NO_RND, 1024}, 1000, "cab2622f26d9cae3f149"},
		{{WEAK_LE64, WEAK_OPENSSL_OLD, 1024}, 1000, "ceb745ddeabd6c0141d8"},
		{{WEAK_LE32, WEAK_OPENSSL_RND, 1024}, 1000, "c434dd7578ec7d3478e6"},
		{{WEAK_BE32, WEAK_OPENSSL_OLD, 2048}, 10020, "a8c5c811358ac7e84299"},
		/* the key that badkeys tests itself with */
		{{WEAK_LE32, WEAK_OPENSSL_NO_RND, 2048}, 7624, "c096530c4c4a343fc388"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint8_t modulus[256], begin[10];
		make(known[i].set, known[i].pid, modulus);
		assert_true(hex_decode(known[i].begin, begin, sizeof(begin)));
		assert_memory_equal(modulus, begin, sizeof(begin));
	}
}

static void sizes_that_are_none(void **state)
{
	(void)state;
	static const unsigned sizes[] = {0, 8, 504, 1023, 2049, KEYGEN_BITS_MAX + 8};
	uint8_t modulus[KEYGEN_BITS_MAX / 8 + 8];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(keygen_modulus(keygen, WEAK_LE64, WEAK_SSH_KEYGEN, sizes[i], 1,
					 modulus, NULL),
			ERR_USAGE);
	make(set_of(WEAK_LE64, WEAK_SSH_KEYGEN, KEYGEN_BITS_MIN), 1, modulus);
	assert_true(modulus[0] & 0x80);
}

/* Both ways give one answer, wherever the primes stand, and in sizes of one limb more or less. */
static void fermat_with_lanes_is_fermat(void **state)
{
	(void)state;
	static const unsigned sizes[] = {256, 463, 464, 465, 512, 768, 1024};
	mpz_t n[FERMAT_LANES];
	unsigned found = 0;

	if (!fermat_has_ifma())
		skip();
	for (unsigned i = 0; i < FERMAT_LANES; i++)
		mpz_init(n[i]);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (unsigned at = 0; at <= FERMAT_LANES; at++) {
			for (unsigned i = 0; i < FERMAT_LANES; i++)
				next_number(n[i], sizes[s]);
			if (at < FERMAT_LANES)
				next_prime(n[at], sizes[s]);
			unsigned first = fermat_first_portable(n, sizes[s]);
			assert_int_equal(fermat_first_ifma(n, sizes[s]), first);
			assert_true(first <= at);
			found += first < FERMAT_LANES;
		}
	}
	assert_true(found >= FERMAT_LANES);
	for (unsigned i = 0; i < FERMAT_LANES; i++)
		mpz_clear(n[i]);
}

/* The lists in data/keys, each of which must be there: all programs of a machine and size. */
static const struct {
	enum weak_arch arch;
	unsigned bits;
} shipped[] = {
	{WEAK_LE64, 2048},
	{WEAK_LE32, 2048},
	{WEAK_BE32, 2048},
	{WEAK_LE64, 1024},
	{WEAK_LE32, 1024},
	{WEAK_BE32, 1024},
};

/* The first, the last and one between. */
static void one_list_finds_its_keys(struct checker *c, struct weak_set set, mpz_t n, mpz_t e)
{
	static const uint32_t pids[] = {PID_MIN, 4711, PID_MAX};
	uint8_t modulus[256];

	for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
		make(set, pids[i], modulus);
		mpz_import(n, set.bits / 8, 1, 1, 1, 0, modulus);
		/* the key is weak whatever its exponent is */
		mpz_set_ui(e, i == 0 ? 35 : 65537);
		struct said said = said_of_rsa(c, n, e, 0);
		const char *why = why_of(&said, CHECK_DEBIAN_WEAK);
		assert_non_null(strstr(why, weak_arch_name(set.arch)));
		assert_non_null(strstr(why, weak_program_name(set.program)));
	}
}

static void shipped_lists_find_their_keys(void **state)
{
	(void)state;
	uint8_t modulus[256];
	struct lists *lists = NULL;
	struct checker *c = NULL;
	mpz_t n, e, p;

	mpz_inits(n, e, p, NULL);
	assert_int_equal(lists_open(getenv("KEY_LISTS"), &lists, NULL), ERR_OK);
	assert_int_equal(checker_new(lists, &c, NULL), ERR_OK);
	for (size_t l = 0; l < sizeof(shipped) / sizeof(shipped[0]); l++) {
		for (int program = 0; program < WEAK_PROGRAMS; program++)
			one_list_finds_its_keys(c,
				set_of(shipped[l].arch, (enum weak_program)program,
					shipped[l].bits),
				n, e);
	}
	/* no process had that id; and keys of another make */
	make(set_of(WEAK_LE64, WEAK_OPENSSL_RND, 2048), PID_MAX + 1, modulus);
	mpz_import(n, sizeof(modulus), 1, 1, 1, 0, modulus);
	assert_int_equal(said_of_rsa(c, n, e, 0).n, 0);
	for (int i = 0; i < 8; i++) {
		next_prime(n, 1024);
		next_prime(p, 1024);
		mpz_mul(n, n, p);
		assert_int_equal(said_of_rsa(c, n, e, 0).n, 0);
	}
	mpz_clears(n, e, p, NULL);
	checker_free(c);
	lists_free(lists);
}

static void a_file_of_moduli_is_gone_on_with(void **state)
{
	(void)state;
	enum { BITS = 512 };
	char path[] = "/tmp/debian-weak-XXXXXX", line[BITS / 4 + 16], want[BITS / 4 + 16];
	const struct weak_set s = set_of(WEAK_LE32, WEAK_OPENSSL_RND, BITS);
	uint8_t modulus[BITS / 8];
	struct buf list = buf_new(BUF_MAX_DEFAULT);
	unsigned lines = 0;
	struct err e;

	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "r+");
	assert_non_null(f);
	/* all but the last three, of which one was cut off; they are somebody else's */
	memset(modulus, 0xc1, sizeof(modulus));
	hex_encode(modulus, sizeof(modulus), want);
	for (unsigned pid = PID_MIN; pid <= PID_MAX - 3; pid++)
		fprintf(f, "%u %s\n", pid, want);
	fprintf(f, "%u %.20s", PID_MAX - 2, want);
	assert_int_equal(fflush(f), 0);
	assert_int_equal(weak_list(keygen, &s, path, "2026-11-24", &list, &e), ERR_MALFORMED);

	assert_int_equal(weak_moduli(keygen, &s, path, NULL), ERR_OK);
	rewind(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (++lines < PID_MAX - 2)
			continue;
		make(s, lines, modulus);
		int at = snprintf(want, sizeof(want), "%u ", lines);
		hex_encode(modulus, sizeof(modulus), want + at);
		assert_memory_equal(line, want, strlen(want));
		assert_string_equal(line + strlen(want), "\n");
	}
	assert_int_equal(lines, PID_MAX);

	/* whole, but the keys are not the ones that the list would claim */
	assert_int_equal(weak_list(keygen, &s, path, "2026-11-24", &list, &e), ERR_MALFORMED);
	assert_non_null(strstr(e.reason, "another"));
	buf_free(&list);
	fclose(f);
	unlink(path);
}

static int make_keygen(void **state)
{
	(void)state;
	return keygen_new(&keygen, NULL) == ERR_OK ? 0 : -1;
}

static int free_keygen(void **state)
{
	(void)state;
	keygen_free(keygen);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nine_openssl_keys_are_those_published),
		cmocka_unit_test(keys_begin_as_published),
		cmocka_unit_test(sizes_that_are_none),
		cmocka_unit_test(fermat_with_lanes_is_fermat),
		cmocka_unit_test(a_file_of_moduli_is_gone_on_with),
		cmocka_unit_test(shipped_lists_find_their_keys),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_keygen, free_keygen);
}
