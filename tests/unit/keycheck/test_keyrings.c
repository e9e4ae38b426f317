/*
 * Thousands of real keys: no check may say of a good one that it is broken.  A few of them have the
 * form of CVE-2017-15361, and that is true.  And the lists that come with the program: whole, and
 * known to the checks.
 */
#include "tests/unit/cmocka_tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyread/keyread.h"
#include "tests/unit/keycheck/keys.h"

/* Fewer would mean that the readers miss them, and not that the keys are good. */
#define KEYS_MIN 1000

static struct lists *lists;

struct tally {
	struct checker *quick, *slow; /* slow: tries whether the modulus is a prime */
	const struct pubkey *key;
	unsigned keys, rsa, errors, roca, missed, other;
};

/*
 * Is n a power of 65537 modulo the product of the primes to 167?  Asked another way than the check
 * does: in the group itself, by the logarithm modulo each prime power of the order (Pohlig,
 * Hellman).
 */
static bool is_roca(struct bytes modulus)
{
	mpz_t n, m, order, g, h, x, t;
	bool yes = true;

	mpz_inits(n, m, order, g, h, x, t, NULL);
	mpz_import(n, modulus.len, 1, 1, 1, 0, modulus.p);
	mpz_primorial_ui(m, 167);
	mpz_set_ui(order, 1);
	for (unsigned long p = 3; p <= 167; p += 2)
		mpz_lcm_ui(order, order, p - 1); /* a multiple of the order will do */
	for (unsigned long l = 2; l <= 167 && yes; l++) {
		unsigned long power = 1;
		while (mpz_divisible_ui_p(order, power * l))
			power *= l;
		mpz_set_ui(t, l);
		if (power == 1 || mpz_probab_prime_p(t, 25) == 0)
			continue;
		mpz_divexact_ui(t, order, power);
		mpz_set_ui(g, 65537);
		mpz_powm(g, g, t, m);
		mpz_powm(h, n, t, m);
		mpz_set_ui(x, 1);
		yes = false;
		for (unsigned long i = 0; i < power && !yes; i++) {
			yes = mpz_cmp(x, h) == 0;
			mpz_mul(x, x, g);
			mpz_mod(x, x, m);
		}
	}
	mpz_clears(n, m, order, g, h, x, t, NULL);
	return yes;
}

static void count(void *arg, const struct finding *f)
{
	struct tally *t = arg;

	if (f->check == CHECK_RSA_ROCA && is_roca(t->key->modulus)) {
		t->roca++; /* keys of smart cards of that time are still in the keyrings */
	} else if (check_severity(f->check) == SEVERITY_ERROR) {
		print_message("# %s: %s\n", check_name(f->check), f->why);
		t->errors++;
	} else {
		t->other++;
	}
}

static enum err_code take_key(void *arg, const struct pubkey *k, const struct key_place *at,
	struct bytes name_der, struct bytes subject_key_id, struct err *e)
{
	struct tally *t = arg;

	(void)at;
	(void)name_der;
	(void)subject_key_id;
	t->key = k;
	t->keys++;
	/* and the other way round: what has the form is found */
	if (k->kind == PUBKEY_RSA && t->keys % 16 == 0 && is_roca(k->modulus))
		t->missed++;
	t->rsa += k->kind == PUBKEY_RSA;
	unsigned before = t->roca;
	enum err_code rc = checker_key(t->keys % 16 == 0 ? t->slow : t->quick, k, 0, count, t, e);
	t->missed -= t->keys % 16 == 0 && t->roca > before;
	return rc;
}

static void flaw(void *arg, const struct key_place *at, const struct err *why)
{
	(void)arg;
	(void)at;
	(void)why;
}

static void no_real_key_is_called_broken(void **state)
{
	(void)state;
	static const char *const rings[] = {"/usr/share/keyrings/debian-keyring.gpg",
		"/usr/share/keyrings/debian-maintainers.gpg",
		"/usr/share/keyrings/debian-nonupload.gpg",
		"/usr/share/keyrings/ubuntu-archive-keyring.gpg"};
	struct tally t = {0};
	const struct key_sink sink = {.arg = &t, .key = take_key, .flaw = flaw};
	unsigned opened = 0;

	assert_int_equal(checker_new(lists, &t.quick, NULL), ERR_OK);
	assert_int_equal(checker_new(lists, &t.slow, NULL), ERR_OK);
	checker_leave_out(t.quick, CHECK_RSA_PRIME);
	for (size_t i = 0; i < sizeof(rings) / sizeof(rings[0]); i++) {
		int fd = open(rings[i], O_RDONLY | O_CLOEXEC);
		struct err e = {0};
		if (fd < 0)
			continue;
		opened++;
		assert_int_equal(keyread_fd(fd, rings[i], KEYREAD_AUTO, 0, &sink, &e), ERR_OK);
		close(fd);
	}
	print_message("# %u keys of %u keyrings, %u RSA: %u of CVE-2017-15361, %u other errors, "
		      "%u warnings and notes\n",
		t.keys, opened, t.rsa, t.roca, t.errors, t.other);
	checker_free(t.quick);
	checker_free(t.slow);
	if (opened == 0)
		skip(); /* the keyring packages are not there */
	assert_int_equal(t.errors, 0);
	assert_int_equal(t.missed, 0);
	assert_true(t.roca < t.rsa / 50);
	assert_true(t.rsa >= KEYS_MIN);
}

static void the_shipped_lists_are_whole(void **state)
{
	(void)state;
	struct list_about about;
	unsigned keys = 0, primes = 0;
	const char *path;

	for (size_t i = 0; lists_about(lists, i, &about, &path); i++) {
		assert_true(about.count > 100);
		assert_true(strlen(about.source) > 10 && strlen(about.date) == 10);
		keys += about.check == CHECK_KNOWN_KEY;
		primes += about.check == CHECK_KNOWN_PRIME;
	}
	assert_int_equal(keys, 1);
	assert_int_equal(primes, 1);
}

/* RSA-768, factored in 2009, and keys with a prime of a published key. */
static void known_numbers_are_found(void **state)
{
	(void)state;
	static const char rsa_768[] =
		"12301866845301177551304949583849627207728535695953347921973224521517264005"
		"07263657518745202199786469389956474942774063845925192557326303453731548268"
		"50791702612214291346167042921431160222124047927473779408066535141959745985"
		"6902143413";
	struct checker *c;
	size_t n;
	const struct bytes *primes = lists_primes(lists, &n);
	mpz_t modulus, e, q;

	assert_int_equal(checker_new(lists, &c, NULL), ERR_OK);
	mpz_inits(modulus, e, q, NULL);
	mpz_set_ui(e, 65537);
	assert_int_equal(mpz_set_str(modulus, rsa_768, 10), 0);
	struct said s = said_of_rsa(c, modulus, e, 512);
	assert_int_equal(s.checks, SAID(KNOWN_PRIME));
	assert_non_null(strstr(why_of(&s, CHECK_KNOWN_PRIME), "RSA-768"));
	for (size_t i = 0; i < n; i += 37) {
		mpz_import(modulus, primes[i].len, 1, 1, 1, 0, primes[i].p);
		next_prime(q, 700);
		mpz_mul(modulus, modulus, q);
		assert_int_equal(said_of_rsa(c, modulus, e, 512).checks, SAID(KNOWN_PRIME));
	}
	mpz_clears(modulus, e, q, NULL);
	checker_free(c);
}

static int open_lists(void **state)
{
	(void)state;
	return lists_open(getenv("SHIPPED_LISTS"), &lists, NULL) == ERR_OK ? 0 : -1;
}

static int free_lists(void **state)
{
	(void)state;
	lists_free(lists);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_lists_are_whole),
		cmocka_unit_test(known_numbers_are_found),
		cmocka_unit_test(no_real_key_is_called_broken),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, open_lists, free_lists);
}
