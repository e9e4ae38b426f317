#include "tools/debian-weak/fermat.h"

unsigned fermat_first(const mpz_t n[FERMAT_LANES], unsigned bits)
{
	return fermat_has_ifma() ? fermat_first_ifma(n, bits) : fermat_first_portable(n, bits);
}

unsigned fermat_first_portable(const mpz_t n[FERMAT_LANES], unsigned bits)
{
	unsigned i = 0;
	mpz_t two, power, less_1;

	(void)bits;
	mpz_init_set_ui(two, 2);
	mpz_init(power);
	mpz_init(less_1);
	for (; i < FERMAT_LANES; i++) {
		mpz_sub_ui(less_1, n[i], 1);
		mpz_powm(power, two, less_1, n[i]);
		if (mpz_cmp_ui(power, 1) == 0)
			break;
	}
	mpz_clear(two);
	mpz_clear(power);
	mpz_clear(less_1);
	return i;
}
