/* Findings as rows for people, worst first: what the terminal and the page both show. */
#ifndef CLI_KEYS_ROWS_H
#define CLI_KEYS_ROWS_H

#include "cli/keys.h"
#include "report/histogram.h"

/* Text; views during the call. */
struct key_row {
	enum check check;
	char id[2 * SHA256_SIZE + 1];
	const char *kind; /* "RSA 2048" */
	const char *why;
	const char *places;                /* a line each */
	const char *shared;                /* ids, a line each; "" for none */
	uint64_t places_left, shared_left; /* how many there are beyond */
};

/*
 * At most `rows` findings, each with at most `lines` places and `lines` ids; `left` is how many
 * findings there are beyond.
 */
MUST_USE enum err_code key_rows(struct audit *a, size_t rows, size_t lines,
	void (*each)(void *arg, const struct key_row *r), void *arg, uint64_t *left, struct err *e);

/* The sizes as bars; the caller frees with bars_free.  At most BARS_MAX, the rest in the last. */
#define BARS_MAX 24
struct bars {
	struct histogram_bar bar[BARS_MAX];
	size_t n;
	char label[BARS_MAX][32];
};
void bars_make(const struct tally *t, struct bars *out);
/* "12 files (3.4 MiB): 100 keys in 120 places, ..." */
void tally_sentence(const struct tally *t, struct buf *out);

#endif
