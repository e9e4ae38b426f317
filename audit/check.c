#include "audit/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* How many entries may be missing and the rest renumbered, and it is still named. */
#define RENUMBERED_MAX 64

static bool same(const struct merkle_hash *a, const struct merkle_hash *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

void check_start(struct check *c, const struct note_key *k)
{
	memset(c, 0, sizeof(*c));
	c->key = k;
}

enum err_code check_fault(struct check *c, enum err_code code, uint64_t seq, const char *why,
	struct err *e)
{
	char name[40];
	(void)snprintf(name, sizeof(name), "entry %" PRIu64, seq);
	c->bad_seq = seq;
	return err_set(e, code, name, "%s", why);
}

/* Somewhere between the last signed root that was reached and the first that was not. */
static enum err_code fault_range(struct check *c, enum err_code code, uint64_t size,
	const char *why, struct err *e)
{
	char name[64];
	uint64_t last = size > c->good ? size - 1 : c->good;
	(void)snprintf(name, sizeof(name), "entries %" PRIu64 " to %" PRIu64, c->good, last);
	c->bad_seq = c->good;
	return err_set(e, code, name, "%s the checkpoint of size %" PRIu64
		"; up to size %" PRIu64 " all is as it was signed", why, size, c->good);
}

/* ---- an entry that does not fit */

/* Would the odd entry with this number and link be the one that `next` names? */
static bool was(struct check *c, uint64_t seq, const struct merkle_hash *prev,
	const struct merkle_hash *next)
{
	struct buf line = buf_new(ENTRY_MAX);
	struct merkle_hash odd_prev = c->odd.prev;
	uint64_t odd_seq = c->odd.seq;
	c->odd.seq = seq;
	c->odd.prev = *prev;
	bool yes = false;
	if (entry_encode(&c->odd, &line, NULL) == ERR_OK) {
		struct merkle_hash leaf = merkle_leaf(buf_view(&line));
		yes = same(&leaf, next);
	}
	c->odd.seq = odd_seq;
	c->odd.prev = odd_prev;
	buf_free(&line);
	return yes;
}

/* Its number is right, its link is not; `next` is the link of the entry after it. */
static enum err_code decide_link(struct check *c, const struct merkle_hash *next, struct err *e)
{
	uint64_t n = c->edge.size;
	struct merkle_hash odd_prev = c->odd.prev;
	bool before_is_sure = n == 0 || c->good >= n;
	if (next != NULL && same(next, &c->last) && n > 0)
		return check_fault(c, ERR_LOG_REORDERED, n, "it stands after the one it follows",
			e);
	if (next != NULL && same(next, &c->odd_leaf) && !before_is_sure)
		return check_fault(c, ERR_LOG_EDITED, n - 1,
			"the next entry names another text by its hash", e);
	for (uint64_t k = 1; next != NULL && k <= RENUMBERED_MAX; k++)
		if (was(c, n + k, &odd_prev, next))
			return check_fault(c, ERR_LOG_REMOVED, n, "those after it were renumbered",
				e);
	if (next != NULL && n > 0 && was(c, n - 1, &odd_prev, next))
		return check_fault(c, ERR_LOG_EDITED, n - 1,
			"it was put in; those after it were renumbered", e);
	return check_fault(c, ERR_LOG_EDITED, before_is_sure ? n : n - 1,
		before_is_sure ? "it does not name the entry before it by its hash"
			       : "the next entry names another text by its hash",
		e);
}

/* Its number was there before. */
static enum err_code decide_again(struct check *c, const struct merkle_hash *next, struct err *e)
{
	uint64_t n = c->edge.size;
	if (c->odd.seq == n - 1 && !same(&c->odd_leaf, &c->last) && next != NULL &&
		same(&c->odd_leaf, next))
		return check_fault(c, ERR_LOG_EDITED, n - 1, "it was put in: two have this number",
			e);
	return check_fault(c, ERR_LOG_REORDERED, n,
		"an entry with an earlier number stands in its place", e);
}

static enum err_code gap_look(struct check *c, const struct entry *next, struct err *e)
{
	if (next->seq != c->edge.size)
		return ERR_OK;
	return check_fault(c, ERR_LOG_REORDERED, c->edge.size, "it stands further down", e);
}

static enum err_code gap_end(struct check *c, struct err *e)
{
	char why[80];
	if (c->odd.seq > c->edge.size + 1)
		(void)snprintf(why, sizeof(why), "it and all up to %" PRIu64 " are missing",
			c->odd.seq - 1);
	else
		(void)snprintf(why, sizeof(why), "it is missing");
	return check_fault(c, ERR_LOG_REMOVED, c->edge.size, why, e);
}

/* `next` is the link that the following entry holds, NULL when nothing is known. */
static enum err_code decide_odd(struct check *c, const struct merkle_hash *next, struct err *e)
{
	uint64_t n = c->edge.size;
	if (next != NULL && was(c, n, &c->last, next))
		return check_fault(c, ERR_LOG_EDITED, n, "its number or its link was changed", e);
	if (c->odd.seq == n)
		return decide_link(c, next, e);
	if (c->odd.seq < n)
		return decide_again(c, next, e);
	c->doubt = CHECK_GAP;
	return ERR_OK;
}

/* ---- checkpoints */

static enum err_code root_doubt(struct check *c, const struct checkpoint *cp)
{
	struct merkle_hash root = merkle_edge_root(&c->edge);
	if (same(&root, &cp->root)) {
		if (cp->size > c->good)
			c->good = cp->size;
	} else {
		c->doubt = CHECK_ROOT;
		c->doubt_size = cp->size;
	}
	return ERR_OK;
}

/* Each link holds and the signed root is not reached.  `next`: what follows says of the last entry. */
static enum err_code decide_root(struct check *c, const struct merkle_hash *next, struct err *e)
{
	if (next != NULL && !same(next, &c->last) && c->edge.size > 0)
		return check_fault(c, ERR_LOG_EDITED, c->edge.size - 1,
			"what follows names another text by its hash", e);
	if (c->doubt_size == c->good + 1)
		return check_fault(c, ERR_LOG_EDITED, c->good, "it is not the one that was signed",
			e);
	return fault_range(c, ERR_LOG_EDITED, c->doubt_size,
		"one was changed and those after it were made to fit; they do not lead to", e);
}

enum err_code check_newest(struct check *c, struct bytes note, struct err *e)
{
	enum err_code rc = checkpoint_check(note, c->key, &c->newest, e);
	if (rc != ERR_OK)
		return rc;
	c->has_newest = true;
	return c->newest.size == 0 ? root_doubt(c, &c->newest) : ERR_OK;
}

enum err_code check_checkpoint(struct check *c, struct bytes note, struct err *e)
{
	struct checkpoint cp;
	uint64_t n = c->edge.size;
	if (c->doubt != CHECK_SURE)
		return ERR_OK; /* the first fault is the one that is named */
	c->bad_seq = n;
	enum err_code rc = checkpoint_check(note, c->key, &cp, e);
	if (rc != ERR_OK)
		return rc;
	if (cp.size < n && cp.size > c->good)
		return fault_range(c, ERR_LOG_EDITED, cp.size, "there are more entries than", e);
	if (cp.size < n)
		return check_fault(c, ERR_LOG_EDITED, cp.size,
			"it was put in before a checkpoint that does not cover it", e);
	if (c->has_newest && cp.size > c->newest.size)
		return check_fault(c, ERR_LOG_CHECKPOINT, n,
			"a checkpoint is larger than the one that is called the newest", e);
	c->checkpoints++;
	if (cp.size > n) {
		c->doubt = CHECK_SHORT;
		c->doubt_size = cp.size;
		return ERR_OK;
	}
	return root_doubt(c, &cp);
}

/* ---- entries */

static enum err_code accept(struct check *c, const struct merkle_hash *leaf)
{
	merkle_edge_add(&c->edge, *leaf);
	c->last = *leaf;
	if (c->has_newest && c->edge.size == c->newest.size)
		return root_doubt(c, &c->newest);
	return ERR_OK;
}

/* A line that is no entry: an earlier doubt is the first fault, else this is. */
static enum err_code unreadable(struct check *c, struct err *e)
{
	enum err_code rc = ERR_OK;
	switch (c->doubt) {
	case CHECK_ROOT:
		return decide_root(c, NULL, e);
	case CHECK_ODD:
		rc = decide_odd(c, NULL, e);
		return rc;
	case CHECK_GAP:
		return ERR_OK;
	case CHECK_SHORT:
	case CHECK_SURE:
		break;
	}
	return check_fault(c, ERR_LOG_EDITED, c->edge.size, "it is not well formed", e);
}

enum err_code check_entry(struct check *c, struct bytes line, struct err *e)
{
	struct entry en;
	uint64_t n = c->edge.size;
	enum err_code parsed = entry_parse(line, &en, e);
	if (parsed == ERR_NO_MEMORY)
		return parsed;
	if (parsed != ERR_OK)
		return unreadable(c, e);
	if (c->doubt == CHECK_SHORT) {
		if (en.seq == n && same(&en.prev, &c->last))
			return fault_range(c, ERR_LOG_REMOVED, c->doubt_size,
				"there are fewer entries than", e);
		c->doubt = CHECK_SURE; /* and the entry itself says what is missing */
	}
	if (c->doubt == CHECK_ROOT)
		return decide_root(c, en.seq == n ? &en.prev : NULL, e);
	if (c->doubt == CHECK_ODD) {
		enum err_code rc = decide_odd(c, &en.prev, e);
		if (rc != ERR_OK)
			return rc;
	}
	if (c->doubt == CHECK_GAP)
		return gap_look(c, &en, e);
	struct merkle_hash leaf = merkle_leaf(line);
	if (en.seq == n && same(&en.prev, &c->last))
		return accept(c, &leaf);
	c->doubt = CHECK_ODD;
	c->odd = en;
	c->odd_leaf = leaf;
	return ERR_OK;
}

/* ---- the end */

static enum err_code end_short(struct check *c, uint64_t size, struct err *e)
{
	char why[100];
	(void)snprintf(why, sizeof(why),
		"it and all up to %" PRIu64 " were signed and are not here", size - 1);
	return check_fault(c, ERR_LOG_CUT, c->edge.size, why, e);
}

static enum err_code end_sure(struct check *c, const struct merkle_hash *last, struct err *e)
{
	uint64_t n = c->edge.size;
	if (c->has_newest && c->newest.size > n)
		return end_short(c, c->newest.size, e);
	if (last != NULL && n > 0 && !same(last, &c->last))
		return check_fault(c, ERR_LOG_EDITED, n - 1,
			"what follows names another text by its hash", e);
	if (!c->has_newest && n > 0)
		return check_fault(c, ERR_LOG_CHECKPOINT, 0, "no checkpoint says what was signed",
			e);
	c->bad_seq = 0;
	return ERR_OK;
}

enum err_code check_end(struct check *c, uint64_t size, const struct merkle_hash *last,
	struct err *e)
{
	/* It speaks of the odd entry when that is the last, else of the newest that fits. */
	uint64_t n = c->edge.size + (c->doubt == CHECK_ODD ? 1 : 0);
	if (size != n)
		last = NULL;
	enum err_code rc = c->doubt == CHECK_ODD ? decide_odd(c, last, e) : ERR_OK;
	if (rc != ERR_OK)
		return rc;
	switch (c->doubt) {
	case CHECK_GAP:
		return gap_end(c, e);
	case CHECK_ROOT:
		return decide_root(c, last, e);
	case CHECK_SHORT:
		return end_short(c, c->doubt_size, e);
	case CHECK_SURE:
	case CHECK_ODD:
		break;
	}
	return end_sure(c, last, e);
}

void check_verdict(const struct check *c, enum err_code rc, struct audit_verdict *out)
{
	out->entries = c->edge.size;
	out->checkpoints = c->checkpoints;
	out->signed_entries = c->good;
	out->bad_seq = rc == ERR_OK ? 0 : c->bad_seq;
}
