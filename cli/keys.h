/*
 * medseal keys audit, between its files.
 *
 *   keys_audit.c    what was asked for, and the steps in order
 *   keys_inputs.c   which files there are
 *   keys_collect.c  step 1: every key once, with its places       (keycheck/keyset.h)
 *   keys_check.c    step 2: each key alone                        (keycheck/check.h)
 *   keys_sign.c     step 3: signatures of one key together        (keycheck/nonce.h)
 *   keys_shared.c   step 4: factors that moduli share             (bigint/batch.h)
 *   keys_private.c  the private halves, when they are asked for
 *   keys_tally.c    what the reports count; keys_json.c, keys_text.c, keys_sarif.c, keys_html.c
 *   keys_progress.c how far it is and how long it will take
 *
 * A step that was finished is not done again by --resume; steps 3 and 4 end in memory, so they are,
 * but for what the batch left in its folder (docs/spec/batch.md).
 */
#ifndef CLI_KEYS_H
#define CLI_KEYS_H

#include <limits.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/file.h"
#include "keycheck/check.h"
#include "keycheck/keyset.h"
#include "keyread/keyread.h"

enum audit_step { STEP_COLLECT, STEP_CHECK, STEP_TOGETHER };

/* A file to read, or why it is not read. */
struct input {
	char *path;
	uint64_t size; /* 0: not known */
	int64_t mtime_s, mtime_ns;
	bool stream; /* standard input or a pipe: read once, from its start */
	bool walked; /* found in a folder, not named */
	char *open;  /* another file to read in its place; NULL: `path` */
	const char *refused;
	int errnum; /* with `refused`; 0: none */
};

struct inputs {
	struct input *v;
	size_t n, room;
	uint64_t bytes; /* of all whose size is known */
	uint64_t links; /* symbolic links met in folders, which are not followed */
};

/* Numbers of one modulus size or kind. */
struct tally_size {
	enum pubkey_kind kind;
	unsigned bits;
	uint64_t n;
};

/* Sizes told apart; the rest is counted together.  Far more than honest keys have. */
#define TALLY_SIZES_MAX 512

struct tally {
	uint64_t files, bytes, without_keys, links;
	uint64_t keys, sources, moduli, flaws;
	uint64_t keys_found;         /* keys with a finding */
	uint64_t keys_worst[3];      /* by the worst severity of each */
	uint64_t check[CHECK_COUNT]; /* keys by check */
	uint64_t signatures, signatures_dropped;
	struct tally_size size[TALLY_SIZES_MAX];
	size_t size_n;
	uint64_t size_other;
	double seconds[5]; /* read, check, signatures, gcd, all */
};

/* A factor and the moduli that have it; indices of moduli in the key set. */
struct group {
	struct buf factor; /* big-endian; secret: it gives the private keys away */
	uint32_t *member;
	uint32_t n, room;
	uint32_t cluster;
};

struct shared {
	uint32_t *hit; /* moduli that share something, ascending */
	size_t hit_n, hit_room;
	struct group *group;
	size_t group_n, group_room;
	uint32_t *of_first; /* for each hit, where its groups begin in `of`; hit_n + 1 of them */
	uint32_t *of;
	uint32_t cluster_n; /* groups that hang together, numbered by their first modulus */
};

struct audit {
	const struct cli *c;
	/* what was asked for */
	enum keyread_format format;
	uint64_t memory;
	unsigned threads, bits_min;
	int fail_on; /* enum severity; above all of them: never */
	const char *private_keys, *sarif, *html;
	bool resume, prepare;
	/* what it works with */
	char work[PATH_MAX];
	bool work_temp;
	struct inputs in;
	struct lists *lists;
	struct keyset *set;
	struct keyset_position at;
	struct shared shared;
	struct tally tally;
	struct keys_private *private_out; /* NULL: not asked for */
};

/* Set by SIGINT and SIGTERM: stop at the next place from which --resume goes on. */
bool audit_stopped(void);
MUST_USE enum err_code audit_stop(const struct audit *a, struct err *e);
/* A folder that was made for this run alone. */
void audit_remove_work(struct audit *a);

/* keys_inputs.c.  An operand that is not there or is no kind of input is ERR_USAGE. */
MUST_USE enum err_code inputs_add(struct inputs *in, const char *operand, struct err *e);
/* The issued certificates of a realm, copied to the work folder so that they stand still. */
MUST_USE enum err_code inputs_add_realm(
	struct inputs *in, const char *db, const char *copy, struct err *e);
/* Into the name of the call: what there is to read. */
void inputs_digest(const struct inputs *in, struct sha256 *h);
void inputs_free(struct inputs *in);

/* The steps. */
MUST_USE enum err_code audit_collect(struct audit *a, struct err *e);
MUST_USE enum err_code audit_check(struct audit *a, struct err *e);
MUST_USE enum err_code audit_sign(struct audit *a, struct err *e);
MUST_USE enum err_code audit_shared(struct audit *a, struct err *e);
void shared_free(struct shared *s);
/* The groups in which this modulus is: calls `each` in order of groups. */
void shared_groups(const struct shared *s, uint32_t modulus,
	void (*each)(void *arg, const struct group *g), void *arg);

/* keys_private.c: a new file of mode 0600 with PEM PKCS#8 keys, whole or not at all. */
struct keys_private;
MUST_USE enum err_code private_begin(const char *path, struct keys_private **out, struct err *e);
MUST_USE enum err_code private_rsa(struct audit *a, struct err *e);
MUST_USE enum err_code private_ec(
	struct keys_private *p, struct bytes spki, struct bytes number, struct err *e);
MUST_USE enum err_code private_keep(struct keys_private *p, uint64_t *written, struct err *e);
void private_drop(struct keys_private *p);

/* Reports. */
MUST_USE enum err_code tally_make(struct audit *a, struct err *e);
/* Is it time for a failing exit status?  What for: findings, or parts that could not be read. */
bool tally_fails(const struct audit *a);
MUST_USE enum err_code report_json(struct audit *a, FILE *f, struct err *e);
MUST_USE enum err_code report_text(struct audit *a, FILE *f, struct err *e);
MUST_USE enum err_code report_sarif(struct audit *a, struct err *e);
MUST_USE enum err_code report_html(struct audit *a, struct err *e);
const char *place_file(const struct audit *a, const struct keyset_place *at);
/* "FILE, line 3 (certificate: CN=x)"; cleaned. */
void place_print(const struct audit *a, const struct keyset_place *at, struct buf *out);

/* keys_progress.c: one line on a terminal's standard error. */
struct keys_progress {
	const struct cli *c;
	const char *what;
	const char *unit; /* NULL: bytes; "": only a share */
	uint64_t start_ms, last_ms;
	double first; /* where this run began */
	bool begun;
};
void progress_begin(struct keys_progress *p, const struct cli *c, const char *what,
	const char *unit, double first);
/* `total` 0: not known. */
void progress_show(struct keys_progress *p, double done, double total);
void progress_end(struct keys_progress *p);

#endif
