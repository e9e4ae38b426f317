#include "agent/gate.h"

#include <stdlib.h>

#include "base/mem.h"
#include "crypto/random.h"
#include "entropy/noise.h"

/* Samples stirred in: at the least entropy claimed below they carry 512 bits. */
#define GATE_SAMPLES 1024
/* Bits claimed of a sample of an unknown device: as little as of the timer. */
#define GATE_FILE_MIN_ENTROPY 0.5

static enum err_code test_and_stir(const struct noise_source *source, struct err *e)
{
	struct noise noise;
	uint8_t samples[GATE_SAMPLES];
	enum err_code rc = noise_start(&noise, source, e);
	if (rc == ERR_OK)
		rc = noise_read(&noise, samples, sizeof(samples), e);
	if (rc == ERR_OK)
		random_stir(bytes_of(samples, sizeof(samples)));
	mem_wipe(samples, sizeof(samples));
	return rc;
}

enum err_code gate_open(const char *path, struct err *e)
{
	struct noise_source source;
	if (path != NULL) {
		struct noise_file file;
		enum err_code rc = noise_file_open(&file, path, GATE_FILE_MIN_ENTROPY, &source, e);
		if (rc != ERR_OK)
			return rc;
		rc = test_and_stir(&source, e);
		noise_file_close(&file);
		return rc;
	}
	struct noise_timer *timer = malloc(sizeof(*timer)); /* 32 KiB: too large for a stack */
	if (timer == NULL)
		return err_set(e, ERR_NO_MEMORY, "noise", "no memory for the timer source");
	enum err_code rc = noise_timer_open(timer, &source, e);
	if (rc == ERR_OK)
		rc = test_and_stir(&source, e);
	mem_wipe(timer, sizeof(*timer));
	free(timer);
	return rc;
}
