#include "entropy/noise.h"

#include "base/mem.h"

/* Samples are read in pieces of this many bytes. */
#define PIECE 256

static enum err_code health_err(const struct noise *n, struct err *e)
{
	const struct health *h = &n->health;
	if (h->verdict == HEALTH_REPETITION)
		return err_set(e, ERR_ENTROPY_HEALTH, n->source.name,
			"%s: sample %llu was the value 0x%02x for the %u. time in a row",
			health_test_name(h->verdict), (unsigned long long)h->samples, h->last,
			h->run);
	return err_set(e, ERR_ENTROPY_HEALTH, n->source.name,
		"%s: with sample %llu the value 0x%02x had come %u times in a window of %u",
		health_test_name(h->verdict), (unsigned long long)h->samples, h->base,
		h->base_count, h->window);
}

enum err_code noise_read(struct noise *n, uint8_t *out, size_t len, struct err *e)
{
	enum err_code rc = ERR_OK;
	if (n->health.verdict != HEALTH_OK)
		rc = health_err(n, e);
	else
		rc = n->source.read(n->source.arg, out, len, e);
	for (size_t i = 0; rc == ERR_OK && i < len; i++) {
		if (health_feed(&n->health, out[i]) != HEALTH_OK)
			rc = health_err(n, e);
	}
	if (rc != ERR_OK)
		mem_wipe(out, len);
	return rc;
}

enum err_code noise_start(struct noise *n, const struct noise_source *source, struct err *e)
{
	uint8_t piece[PIECE];
	n->source = *source;
	enum err_code rc = health_init(&n->health, source->bits, source->min_entropy,
		HEALTH_ALPHA_LOG2, e);
	for (size_t done = 0; rc == ERR_OK && done < NOISE_STARTUP_SAMPLES; done += PIECE)
		rc = noise_read(n, piece, PIECE, e);
	mem_wipe(piece, sizeof(piece));
	return rc;
}

enum err_code noise_startup_check(const struct noise_source *source, struct err *e)
{
	struct noise n;
	return noise_start(&n, source, e);
}
