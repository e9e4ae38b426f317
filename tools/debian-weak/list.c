#include "tools/debian-weak/list.h"

#include <stdio.h>

#include "tools/debian-weak/numbered.h"

_Static_assert(KEYGEN_BITS_MAX <= NUMBERED_BITS_MAX, "a key of a list fits");

struct making {
	struct keygen *k;
	const struct weak_set *set;
};

static enum err_code make(void *arg, uint32_t pid, uint8_t *modulus, struct err *e)
{
	struct making *m = arg;

	return keygen_modulus(m->k, m->set->arch, m->set->program, m->set->bits, pid, modulus, e);
}

static struct numbered keys_of(struct making *m)
{
	return (struct numbered){CHECK_DEBIAN_WEAK, m->set->bits, PID_MIN, PID_MAX, make, m};
}

enum err_code weak_moduli(
	struct keygen *k, const struct weak_set *set, const char *path, struct err *e)
{
	struct making m = {k, set};
	struct numbered n = keys_of(&m);

	return numbered_moduli(&n, path, e);
}

enum err_code weak_list(struct keygen *k, const struct weak_set *set, const char *path,
	const char *date, struct buf *out, struct err *e)
{
	struct making m = {k, set};
	struct numbered n = keys_of(&m);
	char source[LIST_TEXT_MAX];

	snprintf(source, sizeof(source),
		"CVE-2008-0166: made again by tools/debian-weak %s %s %u, process ids %d to %d",
		weak_arch_name(set->arch), weak_program_name(set->program), set->bits, PID_MIN,
		PID_MAX);
	return numbered_list(&n, path, source, date, out, e);
}
