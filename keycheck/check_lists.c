#include "keycheck/check_impl.h"

void check_lists(struct look *l)
{
	enum check check = CHECK_KNOWN_KEY;
	const char *source = NULL;

	if (l->c->lists != NULL && lists_find(l->c->lists, l->k, &check, &source))
		look_report(l, check, "listed by %s", source);
}
