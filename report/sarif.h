/*
 * A report as SARIF 2.1.0 (OASIS, 2020), written as it comes: rules first, then results, then what
 * hindered the run.  All text is made fit by report/text.h.
 */
#ifndef REPORT_SARIF_H
#define REPORT_SARIF_H

#include <stdio.h>

#include "base/bytes.h"

#define SARIF_VERSION "2.1.0"

struct sarif_rule {
	const char *id;
	const char *sentence; /* what is wrong */
	const char *advice;   /* what to do */
	const char *level;    /* "note", "warning", "error" */
};

struct sarif_place {
	const char *file;
	uint64_t line; /* 0: a binary file */
	uint64_t offset;
	bool whole;        /* of the file as such */
	struct bytes name; /* what stands there; may be empty */
};

struct sarif {
	FILE *f;
	const struct sarif_rule *rule;
	bool later; /* not the first of its list */
	bool bad;
	int errnum; /* of the first write that failed; 0: none did, or there was no memory */
};

void sarif_begin(struct sarif *s, FILE *f, const struct sarif_rule *rule, size_t rules);
/*
 * A result of `rule`: sarif_result, a sarif_location each, sarif_result_end.  `fingerprint` is text
 * of ours, like the id of a key.
 */
void sarif_result(struct sarif *s, size_t rule, const char *message, const char *fingerprint);
void sarif_location(struct sarif *s, const struct sarif_place *at);
void sarif_result_end(struct sarif *s);
/* After the results: what could not be read, a call each. */
void sarif_invocation(struct sarif *s, bool successful);
void sarif_notification(
	struct sarif *s, const struct sarif_place *at, const char *id, const char *message);
/* ERR_DISK_FULL, ERR_IO or ERR_NO_MEMORY, of the file `name`, when it could not be written whole.
 */
MUST_USE enum err_code sarif_end(struct sarif *s, const char *name, struct err *e);

#endif
