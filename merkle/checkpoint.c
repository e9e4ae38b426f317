/* C2SP tlog-checkpoint: https://c2sp.org/tlog-checkpoint */
#include "merkle/note.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "merkle/lines.h"

static bool is_origin(struct bytes b)
{
	return b.len > 0 && b.len <= NOTE_ORIGIN_MAX && utf8_is_text(b);
}

enum err_code checkpoint_encode(const struct checkpoint *c, struct buf *out, struct err *e)
{
	if (!is_origin(bytes_str(c->origin)) || c->size > INT64_MAX)
		return err_set(e, ERR_MALFORMED, "checkpoint",
			"an origin of 1 to %d printable bytes and a size below 2^63 are needed",
			NOTE_ORIGIN_MAX);
	buf_printf(out, "%s\n%" PRIu64 "\n", c->origin, c->size);
	line_put_hash(c->root, out);
	return buf_end(out, e, "checkpoint");
}

enum err_code checkpoint_parse(struct bytes text, struct checkpoint *out, struct err *e)
{
	struct reader r = reader_of(text);
	struct bytes origin;
	struct bytes size;
	struct bytes root;
	struct checkpoint c = {0};
	if (!line_next(&r, &origin) || !line_next(&r, &size) || !line_next(&r, &root))
		return err_set(e, ERR_TRUNCATED, "checkpoint", "it has three lines");
	if (!is_origin(origin) || !line_number(size, &c.size) ||
		!line_base64(root, c.root.b, sizeof(c.root.b)))
		return err_set(e, ERR_MALFORMED, "checkpoint", "its lines are origin, size, root");
	/* Extension lines: no auditor can check what they say, so no log of ours has any. */
	if (reader_left(&r) != 0)
		return err_set(e, ERR_TRAILING, "checkpoint", "it has more than three lines");
	memcpy(c.origin, origin.p, origin.len);
	*out = c;
	return ERR_OK;
}

enum err_code checkpoint_check(struct bytes note, const struct note_key *k, struct checkpoint *out,
	struct err *e)
{
	struct bytes text;
	struct checkpoint c;
	enum err_code rc = note_check(note, k, &text, e);
	if (rc != ERR_OK)
		return rc;
	if (checkpoint_parse(text, &c, e) != ERR_OK)
		return err_set(e, ERR_LOG_CHECKPOINT, k->name,
			"its key has signed something that is no checkpoint");
	if (strcmp(c.origin, k->name) != 0)
		return err_set(e, ERR_LOG_CHECKPOINT, k->name, "it is of another log");
	*out = c;
	return ERR_OK;
}
