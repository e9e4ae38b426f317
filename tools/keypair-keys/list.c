#include "tools/keypair-keys/list.h"

#include <stdio.h>

#include "tools/debian-weak/numbered.h"

_Static_assert(KEYPAIR_BITS_MAX <= NUMBERED_BITS_MAX, "a key of a list fits");

struct making {
	struct keypair *k;
	unsigned bits;
};

static enum err_code make(void *arg, uint32_t index, uint8_t *modulus, struct err *e)
{
	struct making *m = arg;
	uint8_t seed[KEYPAIR_SEED];

	keypair_seed(index, seed);
	return keypair_modulus(m->k, seed, m->bits, modulus, e);
}

static struct numbered keys_of(struct making *m, unsigned count)
{
	return (struct numbered){CHECK_RSA_KEYPAIR, m->bits, 0, count - 1, make, m};
}

enum err_code keypair_moduli(
	struct keypair *k, unsigned bits, unsigned count, const char *path, struct err *e)
{
	struct making m = {k, bits};
	struct numbered n = keys_of(&m, count);

	return numbered_moduli(&n, path, e);
}

enum err_code keypair_list(struct keypair *k, unsigned bits, unsigned count, const char *path,
	const char *date, struct buf *out, struct err *e)
{
	struct making m = {k, bits};
	struct numbered n = keys_of(&m, count);
	char source[LIST_TEXT_MAX];

	snprintf(source, sizeof(source),
		"CVE-2021-41117: made again by tools/keypair-keys %u, seeds 0 to %u of %d", bits,
		count - 1, KEYPAIR_KEYS);
	return numbered_list(&n, path, source, date, out, e);
}
