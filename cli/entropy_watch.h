/* Where medseal entropy watch gets what it looks at; entropy/watch.h looks. */
#ifndef CLI_ENTROPY_WATCH_H
#define CLI_ENTROPY_WATCH_H

#include "cli/cli.h"
#include "entropy/watch.h"
#include "store/store.h"

/* A place from here on is a realm's device, by its index in `device`; below, a line or record. */
#define WATCH_REALM_PLACE ((uint64_t)1 << 63)

struct watch_input {
	struct watch *w;
	const char *product;                   /* of certificates and keys; NULL: the file's name */
	uint64_t flaws;                        /* records that could not be read */
	char (*device)[DEVICE_SERIAL_MAX + 1]; /* of a realm: see WATCH_REALM_PLACE */
	size_t devices, devices_cap;
	void (*flaw)(const char *path, const struct err *why);
};

/* A list of values, or certificates and keys in any form keyread knows. */
MUST_USE enum err_code watch_file(struct watch_input *in, const char *path, struct err *e);
/*
 * The certificates of a realm's database, each under its device's product; read only.  A device
 * that has several for one key has renewed: its modulus counts once.  Findings name the device.
 */
MUST_USE enum err_code watch_realm(struct watch_input *in, const char *path, struct err *e);

void watch_input_free(struct watch_input *in); /* not NULL; with its watch */

/*
 * Each modulus that shares a prime with another, of whatever product line; by way of a file in
 * $TMPDIR, which is removed.
 */
MUST_USE enum err_code watch_shared_primes(const struct watch *w,
	void (*each)(void *arg, const struct watch_finding *f), void *arg, struct err *e);

#endif
