/* Append and prove. */
#include "audit/log.h"

#include <string.h>

#include "audit/tree.h"

enum err_code audit_append(struct store *s, struct audit_state *l, struct entry *en,
	struct err *e)
{
	struct buf line = buf_new(ENTRY_MAX);
	en->seq = l->edge.size;
	en->prev = l->last; /* zeros before the first */
	enum err_code rc = entry_encode(en, &line, e);
	if (rc == ERR_OK) {
		struct merkle_hash leaf = merkle_leaf(buf_view(&line));
		rc = store_log_add(s, en->seq, buf_view(&line), &leaf, en->act, en->object, e);
		if (rc == ERR_OK)
			rc = tree_grow(s, en->seq + 1, e);
		if (rc == ERR_OK) {
			merkle_edge_add(&l->edge, leaf);
			l->last = leaf;
		}
	}
	buf_free(&line);
	return rc;
}

void audit_checkpoint(const struct audit_state *l, struct checkpoint *out)
{
	memcpy(out->origin, l->origin, sizeof(out->origin));
	out->size = l->edge.size;
	out->root = merkle_edge_root(&l->edge);
}

enum err_code audit_prove(struct store *s, uint64_t index, uint64_t size,
	struct merkle_proof *out, struct err *e)
{
	uint64_t there;
	enum err_code rc = store_log_size(s, &there, e);
	if (rc == ERR_OK && size > there)
		rc = err_set(e, ERR_NOT_FOUND, "log", "it has %llu entries",
			(unsigned long long)there);
	return rc != ERR_OK ? rc : merkle_prove_inclusion(tree_source(s), index, size, out, e);
}

/* ---- open */

static enum err_code edge_read(struct store *s, uint64_t size, struct merkle_edge *out,
	struct err *e)
{
	struct merkle_source src = tree_source(s);
	struct merkle_edge edge = {.size = size};
	uint64_t from = 0;
	for (unsigned level = MERKLE_LEVELS; level > 0; level--) {
		uint64_t width = UINT64_C(1) << (level - 1);
		if ((size & width) == 0)
			continue;
		enum err_code rc = src.node(src.arg, level - 1, from / width, &edge.roots[edge.n++],
			e);
		if (rc != ERR_OK)
			return rc;
		from += width;
	}
	*out = edge;
	return ERR_OK;
}

/* What stands behind the newest checkpoint is not signed yet: its hashes and links are checked. */
struct tail {
	bool first;
	struct merkle_hash last;
};

static enum err_code tail_entry(void *arg, uint64_t seq, struct bytes line,
	const struct merkle_hash *leaf)
{
	struct tail *t = arg;
	struct entry en;
	struct merkle_hash h = merkle_leaf(line);
	if (memcmp(h.b, leaf->b, sizeof(h.b)) != 0 || entry_parse(line, &en, NULL) != ERR_OK ||
		en.seq != seq ||
		(!t->first && memcmp(en.prev.b, t->last.b, sizeof(h.b)) != 0))
		return ERR_LOG_EDITED;
	t->first = false;
	t->last = h;
	return ERR_OK;
}

static enum err_code tail_check(struct store *s, uint64_t signed_size, uint64_t size,
	struct merkle_hash *last, struct err *e)
{
	/* From the last signed entry, so that the first one after it is linked too. */
	uint64_t from = signed_size > 0 ? signed_size - 1 : 0;
	struct tail t = {.first = signed_size > 0};
	enum err_code rc = store_log_list(s, from, size, tail_entry, &t, e);
	if (rc == ERR_LOG_EDITED)
		return err_set(e, rc, "log", "at entry %llu or later; run medseal log verify",
			(unsigned long long)from);
	if (rc == ERR_OK)
		*last = t.last;
	return rc;
}

static enum err_code newest_check(struct store *s, const struct note_key *k, uint64_t size,
	uint64_t *signed_size, struct err *e)
{
	struct buf note = buf_new(NOTE_MAX);
	struct checkpoint c = {0};
	struct merkle_hash root;
	uint64_t row;
	enum err_code rc = store_checkpoint_newest(s, &row, &note, e);
	if (rc == ERR_NOT_FOUND) {
		*signed_size = 0;
		rc = ERR_OK;
		goto out;
	}
	if (rc == ERR_OK)
		rc = checkpoint_check(buf_view(&note), k, &c, e);
	if (rc == ERR_OK && c.size != row)
		rc = err_set(e, ERR_LOG_CHECKPOINT, k->name, "it is stored under another size");
	if (rc == ERR_OK && c.size > size)
		rc = err_set(e, ERR_LOG_CUT, k->name, "%llu entries were signed, %llu are here",
			(unsigned long long)c.size, (unsigned long long)size);
	if (rc == ERR_OK)
		rc = merkle_root(tree_source(s), c.size, &root, e);
	if (rc == ERR_OK && memcmp(root.b, c.root.b, sizeof(root.b)) != 0)
		rc = err_set(e, ERR_LOG_EDITED, k->name,
			"the entries do not lead to the signed root of size %llu; "
			"run medseal log verify",
			(unsigned long long)c.size);
	if (rc == ERR_OK)
		*signed_size = c.size;
out:
	buf_free(&note);
	return rc;
}

enum err_code audit_open(struct store *s, const struct note_key *k, struct audit_state *out,
	struct err *e)
{
	struct audit_state l = {0};
	uint64_t size;
	uint64_t signed_size;
	memcpy(l.origin, k->name, sizeof(l.origin));
	enum err_code rc = store_log_size(s, &size, e);
	if (rc == ERR_OK)
		rc = newest_check(s, k, size, &signed_size, e);
	if (rc == ERR_OK)
		rc = tail_check(s, signed_size, size, &l.last, e);
	if (rc == ERR_OK)
		rc = edge_read(s, size, &l.edge, e);
	if (rc == ERR_OK)
		*out = l;
	return rc;
}
