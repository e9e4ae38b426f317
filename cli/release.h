/* What the release commands share. */
#ifndef CLI_RELEASE_H
#define CLI_RELEASE_H

#include "base/err.h"

/* Does the bundle in `fd` hold, by root and log key of the operator's folder, and is it of `id`? */
MUST_USE enum err_code release_verify_fetched(const char *operator_dir, const char *id, int fd,
	struct err *e);

#endif
