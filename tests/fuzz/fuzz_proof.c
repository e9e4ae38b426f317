/* A log proof from any bytes, and the check of its path.  But for "extra" it has one spelling. */
#include <stdlib.h>
#include <string.h>

#include "merkle/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tlog_proof *p)
{
	struct merkle_hash zero = {{0}};
	/* The leaf is not the one, so no path can lead anywhere: only the walk is of interest. */
	for (uint64_t size = p->index; size <= p->index + 3; size++)
		if (merkle_check_inclusion(zero, p->index, size, &p->path, zero, NULL) == ERR_OK ||
			(p->path.n > 1 && size > 4 &&
				merkle_check_consistency(size - 3, zero, size, zero, &p->path,
					NULL) == ERR_OK))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	struct tlog_proof p;
	if (tlog_proof_parse(in, &p, NULL) != ERR_OK)
		return 0;
	struct buf again = buf_new(NOTE_MAX * 2);
	static const char extra[] = "c2sp.org/tlog-proof@v1\nextra ";
	bool has_extra = size > sizeof(extra) && memcmp(data, extra, sizeof(extra) - 1) == 0;
	if (tlog_proof_encode(&p, &again, NULL) != ERR_OK ||
		(!has_extra && !bytes_equal(buf_view(&again), in)))
		abort();
	if (p.path.n > 0)
		check(&p);
	buf_free(&again);
	return 0;
}
