#include "authority/journal.h"

#include "merkle/note.h"

static enum err_code note_make(struct authority *a, const struct checkpoint *c, struct buf *note,
	struct err *e)
{
	uint8_t sig[64];
	struct bytes text;
	struct buf tbs = buf_new(NOTE_MAX);
	enum err_code rc = checkpoint_encode(c, &tbs, e);
	if (rc == ERR_OK)
		rc = a->signer.checkpoint(a->signer.arg, c, sig, e);
	if (rc == ERR_OK)
		rc = note_encode(buf_view(&tbs), &a->log_key, sig, note, e);
	/* what does not verify is never stored */
	if (rc == ERR_OK)
		rc = note_check(buf_view(note), &a->log_key, &text, e);
	buf_free(&tbs);
	return rc;
}

enum err_code journal_checkpoint(struct authority *a, bool *made, struct err *e)
{
	struct checkpoint c;
	uint64_t size = 0;
	struct buf note = buf_new(NOTE_MAX);
	audit_checkpoint(&a->audit, &c);
	enum err_code rc = store_checkpoint_newest(a->store, &size, &note, e);
	buf_reset(&note);
	if (rc == ERR_OK && size == c.size) {
		buf_free(&note);
		*made = false;
		return ERR_OK;
	}
	if (rc == ERR_OK || rc == ERR_NOT_FOUND)
		rc = note_make(a, &c, &note, e);
	if (rc == ERR_OK)
		rc = store_checkpoint_add(a->store, c.size, buf_view(&note), e);
	if (rc == ERR_OK)
		*made = true;
	buf_free(&note);
	return rc;
}

enum err_code journal_proof(struct authority *a, uint64_t seq, struct buf *out, struct err *e)
{
	struct checkpoint c;
	uint64_t size = 0;
	struct tlog_proof p = {.index = seq};
	struct buf note = buf_new(NOTE_MAX);
	enum err_code rc = store_checkpoint_newest(a->store, &size, &note, e);
	if (rc == ERR_OK)
		rc = checkpoint_check(buf_view(&note), &a->log_key, &c, e);
	if (rc == ERR_OK && seq >= c.size)
		rc = err_set(e, ERR_NOT_FOUND, "log entry",
			"the newest checkpoint ends before entry %llu", (unsigned long long)seq);
	if (rc == ERR_OK)
		rc = audit_prove(a->store, seq, c.size, &p.path, e);
	p.checkpoint = buf_view(&note);
	if (rc == ERR_OK)
		rc = tlog_proof_encode(&p, out, e);
	buf_free(&note);
	return rc;
}

enum err_code journal_note(struct authority *a, const char *act, const char *object, struct err *e)
{
	struct entry en;
	enum err_code rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	entry_start(&en, clock_now(a->clock), act, "medseald", object);
	return act_end(a, &en, e);
}
