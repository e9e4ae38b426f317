/*
 * Noise sources and the gate before a key is made: nothing is believed of a source before its
 * start-up tests have passed (SP 800-90B, section 4.3), and each later sample is tested as it
 * comes.  What comes out is raw noise for stirring into a DRBG (crypto/random.h), never a key.
 */
#ifndef ENTROPY_NOISE_H
#define ENTROPY_NOISE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "entropy/health.h"

/*
 * Samples of the start-up test, which are thrown away: section 4.3 wants 1,024 at least; this is
 * eight windows of the adaptive proportion test.
 */
#define NOISE_STARTUP_SAMPLES 4096

/*
 * `read` fills `n` samples, one a byte, or fails with ERR_ENTROPY_SOURCE.  `name` is for errors;
 * `bits` and `min_entropy` are what the source claims of one sample (health_init).
 */
struct noise_source {
	const char *name;
	unsigned bits;
	double min_entropy;
	enum err_code (*read)(void *arg, uint8_t *out, size_t n, struct err *e);
	void *arg;
};

struct noise {
	struct noise_source source;
	struct health health;
};

/*
 * Run the start-up test; afterwards `n` gives noise.  ERR_ENTROPY_HEALTH names the test and the
 * sample at which it failed, ERR_ENTROPY_SOURCE says why the source could not be read.
 */
MUST_USE enum err_code noise_start(struct noise *n, const struct noise_source *source,
	struct err *e);
/*
 * `len` samples of a started source, each tested.  When one fails the test, `out` is wiped, and
 * every later call fails the same way.
 */
MUST_USE enum err_code noise_read(struct noise *n, uint8_t *out, size_t len, struct err *e);

/* The start-up test alone: may a key be made on this machine now? */
MUST_USE enum err_code noise_startup_check(const struct noise_source *source, struct err *e);

/*
 * Jitter of the processor: how long a fixed piece of memory work takes, by the nanosecond clock;
 * the low byte of each difference, after the clock's own step is divided out.  The caller owns
 * the struct and keeps it as long as the source.  ERR_ENTROPY_SOURCE when the clock is too coarse.
 */
#define NOISE_TIMER_MEMORY 32768 /* as much as a usual level-1 cache: some accesses miss it */
/* Bits claimed of a sample: far below what was measured (docs/design/entropy.md). */
#define NOISE_TIMER_MIN_ENTROPY 0.5

struct noise_timer {
	uint8_t memory[NOISE_TIMER_MEMORY];
	uint32_t place;
	uint64_t step; /* of the clock, in ns */
	uint64_t last;
};

MUST_USE enum err_code noise_timer_open(struct noise_timer *t, struct noise_source *out,
	struct err *e);

/*
 * A device such as /dev/hwrng, or a file of recorded samples, one a byte, with `min_entropy` bits
 * claimed of each.  noise_file_close when done; `path` is kept by reference.
 */
struct noise_file {
	int fd;
	const char *path;
};

MUST_USE enum err_code noise_file_open(struct noise_file *f, const char *path, double min_entropy,
	struct noise_source *out, struct err *e);
void noise_file_close(struct noise_file *f);

#endif
