/*
 * A person's envelope: whatever is taken must have a canonical payload around a canonical
 * statement, and judging it must not go wrong, however false it is.
 */
#include <stdlib.h>

#include "firmware/approval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct approval *a)
{
	struct buf again = buf_new(RELEASE_STATEMENT_MAX), text = buf_new(4096);
	const uint8_t *p = a->payload.p;
	if (a->statement.p < p || a->statement.p + a->statement.len != p + a->payload.len - 1)
		abort();
	if (release_encode(&a->release, &again, NULL) != ERR_OK ||
		!bytes_equal(buf_view(&again), a->statement))
		abort();
	approval_print(a, &text);
	if (text.bad)
		abort();
	buf_free(&again);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct approval a;
	struct err e;
	if (approval_parse(bytes_of(data, size), &a, &e) != ERR_OK)
		return 0;
	check(&a);
	/* nobody is trusted: only the way there is of interest */
	const struct approval_trust nobody = {.at = 1767225600};
	if (approval_check(&a, &nobody, &e) == ERR_OK)
		abort();
	approval_free(&a);
	return 0;
}
