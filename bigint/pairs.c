#include <gmp.h>

#include <stdlib.h>

#include "bigint/hits.h"
#include "bigint/moduli.h"

/*
 * Two sets of moduli share nothing when their products do not: so the products of halves, quarters
 * and so on are compared, and only where they share is looked closer.  The sets are those few
 * moduli that share with somebody, which GMP's mpz can hold.
 */
struct search {
	const struct moduli *m;
	const uint64_t *hits;
	mpz_t *tree; /* node i has the children 2 i + 1 and 2 i + 2; leaves from `leaves` - 1 on */
	size_t leaves;
	enum err_code (*each)(
		void *arg, uint64_t i, uint64_t j, struct bytes common, struct err *e);
	void *arg;
};

static enum err_code say(
	const struct search *s, size_t i, size_t j, const mpz_t common, struct err *e)
{
	uint64_t a = s->hits[i - (s->leaves - 1)], b = s->hits[j - (s->leaves - 1)];
	size_t n = (mpz_sizeinbase(common, 2) + 7) / 8;
	uint8_t *p = malloc(n);
	if (p == NULL)
		return err_set(e, ERR_NO_MEMORY, moduli_path(s->m), "a common factor");
	(void)mpz_export(p, NULL, 1, 1, 1, 0, common);
	enum err_code err = s->each(s->arg, a < b ? a : b, a < b ? b : a, bytes_of(p, n), e);
	free(p);
	return err;
}

/* Pairs of a modulus below node i with one below node j of the same height. */
static enum err_code across(const struct search *s, size_t i, size_t j, struct err *e)
{
	enum err_code err = ERR_OK;
	mpz_t g;
	mpz_init(g);
	mpz_gcd(g, s->tree[i], s->tree[j]);
	if (mpz_cmp_ui(g, 1) != 0) {
		if (i >= s->leaves - 1)
			err = say(s, i, j, g, e);
		for (size_t k = 0; err == ERR_OK && i < s->leaves - 1 && k < 4; k++)
			err = across(s, 2 * i + 1 + k / 2, 2 * j + 1 + k % 2, e);
	}
	mpz_clear(g);
	return err;
}

static enum err_code within(const struct search *s, size_t i, struct err *e)
{
	if (i >= s->leaves - 1)
		return ERR_OK;
	enum err_code err = across(s, 2 * i + 1, 2 * i + 2, e);
	if (err == ERR_OK)
		err = within(s, 2 * i + 1, e);
	if (err == ERR_OK)
		err = within(s, 2 * i + 2, e);
	return err;
}

enum err_code batch_pairs(const struct moduli *m, const uint64_t *hits, size_t hits_n,
	enum err_code (*each)(
		void *arg, uint64_t i, uint64_t j, struct bytes common, struct err *e),
	void *arg, struct err *e)
{
	for (size_t i = 0; i < hits_n; i++)
		if (hits[i] >= moduli_count(m))
			return err_set(e, ERR_USAGE, moduli_path(m), "it has no modulus %llu",
				(unsigned long long)hits[i]);
	struct search s = {.m = m, .hits = hits, .leaves = 1, .each = each, .arg = arg};
	while (s.leaves < hits_n)
		s.leaves *= 2;
	size_t nodes = 2 * s.leaves - 1;
	s.tree = calloc(nodes, sizeof(*s.tree));
	if (s.tree == NULL)
		return err_set(e, ERR_NO_MEMORY, moduli_path(m), "pairs of %zu moduli", hits_n);
	for (size_t i = nodes; i-- > 0;) {
		mpz_init_set_ui(s.tree[i], 1);
		if (i >= s.leaves - 1 && i - (s.leaves - 1) < hits_n) {
			size_t n;
			const uint64_t *p = moduli_limbs(m, hits[i - (s.leaves - 1)], &n);
			mpz_import(s.tree[i], n, -1, sizeof(*p), 0, 0, p);
		} else if (i < s.leaves - 1) {
			mpz_mul(s.tree[i], s.tree[2 * i + 1], s.tree[2 * i + 2]);
		}
	}
	enum err_code err = within(&s, 0, e);
	for (size_t i = 0; i < nodes; i++)
		mpz_clear(s.tree[i]);
	free(s.tree);
	return err;
}

bool batch_is_prime(struct bytes factor)
{
	mpz_t n;
	mpz_init(n);
	mpz_import(n, factor.len, 1, 1, 1, 0, factor.p);
	bool prime = mpz_probab_prime_p(n, 25) > 0;
	mpz_clear(n);
	return prime;
}
