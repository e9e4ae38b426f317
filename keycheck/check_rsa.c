/* Form, size and exponent of an RSA key: what is plain from the numbers themselves. */
#include "keycheck/check_impl.h"

/* FIPS 186-5 §A.1.1 (b): 2^16 < e < 2^256. */
#define EXPONENT_MIN 65537u
#define EXPONENT_BITS_MAX 256u

/*
 * An exponent of 0 is how formats without one come here, and no finding.  An even one has no
 * private exponent at all, and 1 leaves every message as it is.
 */
static void exponent_form(struct look *l)
{
	if (mpz_sgn(l->e) == 0)
		return;
	if (mpz_cmp_ui(l->e, 1) == 0)
		look_report(l, CHECK_RSA_FORM,
			"the exponent is 1: whatever is encrypted stays as it was");
	else if (mpz_even_p(l->e))
		look_report(l, CHECK_RSA_FORM,
			"the exponent is even: no private exponent belongs to it");
}

bool check_rsa_form(struct look *l)
{
	bool good = false;

	if (mpz_sgn(l->n) == 0)
		look_report(l, CHECK_RSA_FORM, "the modulus is 0");
	else if (mpz_cmp_ui(l->n, 1) == 0)
		look_report(l, CHECK_RSA_FORM, "the modulus is 1");
	else if (mpz_even_p(l->n))
		look_report(l, CHECK_RSA_FORM, "the modulus is even");
	else
		good = true;
	exponent_form(l);
	return good;
}

void check_rsa_size(struct look *l)
{
	if (l->bits < l->rsa_bits_min)
		look_report(l, CHECK_RSA_SIZE, "%zu bits; at least %u are wanted%s", l->bits,
			l->rsa_bits_min,
			l->bits < 830 ? "; numbers of this size have been factored in public" : "");
	else if (l->bits > RSA_BITS_USUAL_MAX)
		look_report(l, CHECK_RSA_SIZE,
			"%zu bits; most software takes no more than %u, and above that it was not "
			"tried "
			"whether the modulus is a prime or the private exponent is small",
			l->bits, RSA_BITS_USUAL_MAX);
}

void check_rsa_exponent(struct look *l)
{
	if (mpz_cmp_ui(l->e, 1) <= 0 || mpz_even_p(l->e))
		return; /* said above, or unknown */
	if (mpz_cmp(l->e, l->n) >= 0)
		look_report(l, CHECK_RSA_EXPONENT, "the exponent is not below the modulus");
	else if (mpz_cmp_ui(l->e, EXPONENT_MIN) < 0)
		look_report(l, CHECK_RSA_EXPONENT, "the exponent is %lu, below %u",
			mpz_get_ui(l->e), EXPONENT_MIN);
	else if (mpz_sizeinbase(l->e, 2) > EXPONENT_BITS_MAX)
		look_report(l, CHECK_RSA_EXPONENT, "the exponent has %zu bits, more than %u",
			mpz_sizeinbase(l->e, 2), EXPONENT_BITS_MAX);
}
