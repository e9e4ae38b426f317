/* C2SP tlog-proof: https://c2sp.org/tlog-proof */
#include "merkle/note.h"

#include <inttypes.h>
#include <string.h>

#include "crypto/base64.h"
#include "merkle/lines.h"

static const char header[] = "c2sp.org/tlog-proof@v1";

enum err_code tlog_proof_encode(const struct tlog_proof *p, struct buf *out, struct err *e)
{
	if (p->path.n > MERKLE_PROOF_MAX || p->index > INT64_MAX || p->checkpoint.len == 0 ||
		p->checkpoint.len > NOTE_MAX)
		return err_set(e, ERR_MALFORMED, "log proof", "a part of it is out of range");
	buf_printf(out, "%s\nindex %" PRIu64 "\n", header, p->index);
	for (unsigned i = 0; i < p->path.n; i++)
		line_put_hash(p->path.path[i], out);
	buf_u8(out, '\n');
	buf_bytes(out, p->checkpoint);
	return buf_end(out, e, "log proof");
}

/* "extra": data nobody has signed.  It may stand there; it is not handed on. */
static bool skip_extra(struct reader *r, struct bytes *line)
{
	if (!line_prefix(line, "extra "))
		return true;
	struct buf ignored = buf_new(NOTE_MAX);
	bool ok = base64_decode(*line, false, &ignored, NULL) == ERR_OK && line_next(r, line);
	buf_free(&ignored);
	return ok;
}

enum err_code tlog_proof_parse(struct bytes text, struct tlog_proof *out, struct err *e)
{
	struct reader r = reader_of(text);
	struct bytes line;
	struct tlog_proof p = {0};
	if (!line_next(&r, &line) || !bytes_equal(line, bytes_str(header)))
		return err_set(e, ERR_LOG_PROOF, "log proof", "it does not begin with %s", header);
	if (!line_next(&r, &line) || !skip_extra(&r, &line) || !line_prefix(&line, "index ") ||
		!line_number(line, &p.index))
		return err_set(e, ERR_LOG_PROOF, "log proof", "it names no index");
	for (;;) {
		if (!line_next(&r, &line))
			return err_set(e, ERR_LOG_PROOF, "log proof", "it ends within the path");
		if (line.len == 0)
			break;
		if (p.path.n == MERKLE_PROOF_MAX ||
			!line_base64(line, p.path.path[p.path.n].b, MERKLE_HASH_SIZE))
			return err_set(e, ERR_LOG_PROOF, "log proof",
				"line %u of the path is no hash", p.path.n + 1);
		p.path.n++;
	}
	p.checkpoint = read_bytes(&r, reader_left(&r));
	if (p.checkpoint.len == 0 || p.checkpoint.len > NOTE_MAX)
		return err_set(e, ERR_LOG_PROOF, "log proof", "its checkpoint has %zu bytes",
			p.checkpoint.len);
	*out = p;
	return ERR_OK;
}
