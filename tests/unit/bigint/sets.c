#include "tests/unit/bigint/sets.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/cmocka_tap.h"

gmp_randstate_t rnd;

/* ---- sets of moduli
 * -------------------------------------------------------------------------------- */

struct set set_new(size_t count)
{
	struct set s = {calloc(count, sizeof(mpz_t)), count};
	for (size_t i = 0; i < count; i++)
		mpz_init(s.n[i]);
	return s;
}

void set_free(struct set *s)
{
	for (size_t i = 0; i < s->count; i++)
		mpz_clear(s->n[i]);
	free(s->n);
}

void random_prime(mpz_t p, unsigned bits)
{
	mpz_urandomb(p, rnd, bits);
	mpz_setbit(p, bits - 1);
	mpz_nextprime(p, p);
}

/* Odd and of that many bits. */
void random_odd(mpz_t n, unsigned bits)
{
	mpz_urandomb(n, rnd, bits);
	mpz_setbit(n, bits - 1);
	mpz_setbit(n, 0);
}

struct moduli *written(const struct set *s, char path[64])
{
	struct err e;
	(void)snprintf(path, 64, "/tmp/medseal-batch-%d", (int)getpid());
	struct moduli_writer *w = NULL;
	assert_int_equal(moduli_create(path, &w, &e), ERR_OK);
	for (size_t i = 0; i < s->count; i++) {
		size_t len = (mpz_sizeinbase(s->n[i], 2) + 7) / 8;
		uint8_t *b = malloc(len);
		mpz_export(b, NULL, 1, 1, 1, 0, s->n[i]);
		assert_int_equal(moduli_add(w, bytes_of(b, len), &e), ERR_OK);
		free(b);
	}
	assert_int_equal(moduli_end(w, &e), ERR_OK);
	struct moduli *m = NULL;
	assert_int_equal(moduli_open(path, &m, &e), ERR_OK);
	assert_int_equal(moduli_count(m), s->count);
	return m;
}

/* ---- the definition
 * -------------------------------------------------------------------------------- */

/* Prefix and suffix products, each reduced: for every i the product of the others modulo N_i. */
void expected_new(struct expected *x, const struct set *s)
{
	x->s = s;
	x->next = x->said = 0;
	x->g = calloc(s->count, sizeof(mpz_t));
	mpz_t product, r;
	mpz_init_set_ui(product, 1);
	mpz_init(r);
	for (size_t i = 0; i < s->count; i++)
		mpz_mul(product, product, s->n[i]);
	for (size_t i = 0; i < s->count; i++) {
		mpz_init(x->g[i]);
		mpz_divexact(r, product, s->n[i]);
		mpz_gcd(x->g[i], r, s->n[i]);
	}
	mpz_clear(product);
	mpz_clear(r);
}

enum err_code expected_compare(void *arg, uint64_t i, struct bytes factor, struct err *e)
{
	struct expected *x = arg;
	(void)e;
	assert_true(i < x->s->count);
	assert_true(i >= x->next);
	for (; x->next < i; x->next++)
		assert_int_equal(mpz_cmp_ui(x->g[x->next], 1), 0);
	assert_true(factor.len > 0 && factor.p[0] != 0);
	mpz_t f;
	mpz_init(f);
	mpz_import(f, factor.len, 1, 1, 1, 0, factor.p);
	assert_int_equal(mpz_cmp(f, x->g[i]), 0);
	mpz_clear(f);
	x->next = i + 1;
	x->said++;
	return ERR_OK;
}

void expected_done(struct expected *x)
{
	for (; x->next < x->s->count; x->next++)
		assert_int_equal(mpz_cmp_ui(x->g[x->next], 1), 0);
}

void expected_free(struct expected *x)
{
	for (size_t i = 0; i < x->s->count; i++)
		mpz_clear(x->g[i]);
	free(x->g);
}

size_t check_with(const struct set *s, const struct batch_options *o)
{
	char path[64];
	struct err e;
	struct moduli *m = written(s, path);
	struct expected x;
	expected_new(&x, s);
	enum err_code err = batch_gcd(m, o, expected_compare, &x, &e);
	if (err != ERR_OK)
		print_error("%s\n", e.reason);
	assert_int_equal(err, ERR_OK);
	expected_done(&x);
	expected_free(&x);
	moduli_close(m);
	assert_int_equal(unlink(path), 0);
	return x.said;
}

/* ---- folders
 * --------------------------------------------------------------------------------------- */

void work_new(char dir[64])
{
	(void)snprintf(dir, 64, "/tmp/medseal-batch-work-XXXXXX");
	assert_non_null(mkdtemp(dir));
}

void work_free(const char *dir)
{
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (struct dirent *f; (f = readdir(d)) != NULL;) {
		char path[PATH_MAX];
		(void)snprintf(path, sizeof(path), "%s/%s", dir, f->d_name);
		if (f->d_name[0] != '.')
			assert_int_equal(remove(path), 0);
	}
	(void)closedir(d);
	assert_int_equal(rmdir(dir), 0);
}
