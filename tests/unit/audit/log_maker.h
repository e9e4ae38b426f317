/* A store in a folder of its own, with a log in it that a fresh key signs. */
#ifndef TESTS_UNIT_AUDIT_LOG_MAKER_H
#define TESTS_UNIT_AUDIT_LOG_MAKER_H

#include "audit/log.h"

struct log_maker {
	char folder[64];
	char path[80];
	struct store *store;
	struct key *key;
	struct note_key note;
	struct audit_state state;
};

void log_maker_start(struct log_maker *m);
/* `n` entries in one transaction: act "test.act", object "OBJ-<seq>". */
void log_maker_append(struct log_maker *m, unsigned n);
/* Sign what is there and store the checkpoint. */
void log_maker_sign(struct log_maker *m);
void log_maker_sign_into(struct log_maker *m, const struct checkpoint *c, struct buf *note);
/* The export as text; free() it. */
char *log_maker_export(struct log_maker *m);
enum err_code log_maker_verify(struct log_maker *m, const char *text, size_t len,
	struct audit_verdict *v, struct err *e);
void log_maker_end(struct log_maker *m);

#endif
