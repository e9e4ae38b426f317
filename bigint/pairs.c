#include <gmp.h>

#include <stdlib.h>
#include <string.h>

#include "bigint/hits.h"
#include "bigint/moduli.h"

/* gcd(a, b) of odd numbers into g (room for the shorter); its length. */
static size_t gcd(
	uint64_t *g, uint64_t *scratch, const uint64_t *a, size_t an, const uint64_t *b, size_t bn)
{
	if (an < bn || (an == bn && mpn_cmp((mp_srcptr)a, (mp_srcptr)b, (mp_size_t)an) < 0))
		return gcd(g, scratch, b, bn, a, an);
	uint64_t *x = scratch, *y = scratch + an;
	memcpy(x, a, an * sizeof(*x));
	memcpy(y, b, bn * sizeof(*y));
	return (size_t)mpn_gcd((mp_ptr)g, (mp_ptr)x, (mp_size_t)an, (mp_ptr)y, (mp_size_t)bn);
}

enum err_code batch_pairs(const struct moduli *m, const uint64_t *hits, size_t hits_n,
	enum err_code (*each)(
		void *arg, uint64_t i, uint64_t j, struct bytes common, struct err *e),
	void *arg, struct err *e)
{
	size_t most = 1;
	for (size_t i = 0; i < hits_n; i++) {
		if (hits[i] >= moduli_count(m))
			return err_set(e, ERR_USAGE, moduli_path(m), "it has no modulus %llu",
				(unsigned long long)hits[i]);
		size_t n;
		(void)moduli_limbs(m, hits[i], &n);
		most = n > most ? n : most;
	}
	uint64_t *g = malloc(4 * most * sizeof(*g));
	uint64_t *order = malloc((hits_n + 1) * sizeof(*order));
	enum err_code err = ERR_OK;
	if (g == NULL || order == NULL)
		err = err_set(e, ERR_NO_MEMORY, moduli_path(m), "pairs of %zu moduli", hits_n);
	for (size_t i = 0; err == ERR_OK && i < hits_n; i++) {
		for (size_t j = i + 1; err == ERR_OK && j < hits_n; j++) {
			size_t an, bn;
			const uint64_t *a = moduli_limbs(m, hits[i], &an);
			const uint64_t *b = moduli_limbs(m, hits[j], &bn);
			size_t n = gcd(g, g + most, a, an, b, bn);
			if (n == 1 && g[0] == 1)
				continue;
			uint64_t lower = hits[i] < hits[j] ? hits[i] : hits[j];
			struct bytes common = limbs_to_bytes(g, n, (uint8_t *)(g + most));
			err = each(arg, lower, hits[i] ^ hits[j] ^ lower, common, e);
		}
	}
	free(order);
	free(g);
	return err;
}
