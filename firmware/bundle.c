#include "firmware/bundle.h"

#include <string.h>

#include "firmware/bundle_section.h"
#include "firmware/file.h"
#include "firmware/mcuboot.h"

static const struct section_row {
	const char *name;
	uint64_t max;
} sections[] = {
	[SECTION_STATEMENT] = {"statement", RELEASE_STATEMENT_MAX},
	[SECTION_PROPOSAL] = {"proposal", APPROVAL_ENVELOPE_MAX},
	[SECTION_APPROVAL] = {"approval", APPROVAL_ENVELOPE_MAX},
	[SECTION_CODE_SIGNING] = {"code-signing certificate", CERT_DER_MAX},
	[SECTION_SIGNATURE] = {"signature", BUNDLE_SIGNATURE_MAX},
	[SECTION_ENTRY] = {"log entry", BUNDLE_ENTRY_MAX},
	[SECTION_PROOF] = {"log proof", BUNDLE_PROOF_MAX},
	[SECTION_IMAGE] = {"image", RELEASE_IMAGE_MAX},
};

static enum err_code refuse(struct err *e, enum section s, const char *why)
{
	return err_set(e, ERR_BUNDLE_FORM, sections[s].name, "%s", why);
}

/* Type and length of the next section, which must be `want`; bounded, and never empty. */
static enum err_code section_start(struct reader *r, enum section want, uint64_t *len,
	struct err *e)
{
	uint16_t type = read_u16be(r);
	*len = read_u64be(r);
	if (r->bad)
		return refuse(e, want, "the bundle ends before it");
	if (type != want)
		return refuse(e, want, "another section stands in its place");
	if (*len == 0 || *len > sections[want].max)
		return refuse(e, want, "it is empty or too long");
	return ERR_OK;
}

static enum err_code section_read(struct reader *r, enum section want, struct bytes *out,
	struct err *e)
{
	uint64_t len;
	enum err_code rc = section_start(r, want, &len, e);
	if (rc != ERR_OK)
		return rc;
	*out = read_bytes(r, (size_t)len);
	return r->bad ? refuse(e, want, "the bundle ends in it") : ERR_OK;
}

static bool next_is(const struct reader *r, enum section s)
{
	struct reader ahead = *r;
	return read_u16be(&ahead) == s && !ahead.bad;
}

static enum err_code parts_read(struct reader *r, struct bundle_parts *p, struct err *e)
{
	enum err_code rc = section_read(r, SECTION_STATEMENT, &p->statement, e);
	if (rc == ERR_OK)
		rc = section_read(r, SECTION_PROPOSAL, &p->proposal, e);
	while (rc == ERR_OK && p->approvals_n < APPROVALS_MAX && next_is(r, SECTION_APPROVAL)) {
		rc = section_read(r, SECTION_APPROVAL, &p->approvals[p->approvals_n], e);
		p->approvals_n++;
	}
	if (rc == ERR_OK)
		rc = section_read(r, SECTION_CODE_SIGNING, &p->code_signing, e);
	if (rc == ERR_OK)
		rc = section_read(r, SECTION_SIGNATURE, &p->signature, e);
	if (rc == ERR_OK)
		rc = section_read(r, SECTION_ENTRY, &p->entry, e);
	if (rc == ERR_OK)
		rc = section_read(r, SECTION_PROOF, &p->proof, e);
	return rc;
}

static enum err_code start_read(struct reader *r, struct err *e)
{
	struct bytes magic = read_bytes(r, strlen(BUNDLE_MAGIC));
	uint16_t version = read_u16be(r);
	if (r->bad || !bytes_equal(magic, bytes_str(BUNDLE_MAGIC)))
		return err_set(e, ERR_BUNDLE_FORM, "bundle", "it does not start as a bundle does");
	if (version != BUNDLE_VERSION)
		return err_set(e, ERR_BUNDLE_FORM, "bundle", "version %u is not known", version);
	return ERR_OK;
}

/* The image is all that is left of `total` bytes, and as large as the statement makes it. */
static enum err_code image_place(struct reader *r, uint64_t total, struct bundle *b, struct err *e)
{
	enum err_code rc = section_start(r, SECTION_IMAGE, &b->image_size, e);
	if (rc != ERR_OK)
		return rc;
	b->image_at = r->pos;
	if (total < b->image_at || total - b->image_at < b->image_size)
		return refuse(e, SECTION_IMAGE, "the bundle ends in it");
	if (total - b->image_at > b->image_size)
		return refuse(e, SECTION_IMAGE, "bytes follow after it");
	return ERR_OK;
}

enum err_code bundle_parse(struct bytes head, uint64_t total, struct bundle *out, struct err *e)
{
	struct bundle b = {.fd = -1, .head = buf_new(BUNDLE_HEAD_MAX)};
	buf_bytes(&b.head, bytes_of(head.p, head.len < BUNDLE_HEAD_MAX ? head.len : BUNDLE_HEAD_MAX));
	enum err_code rc = buf_end(&b.head, e, "bundle");
	struct reader r = reader_of(buf_view(&b.head));
	if (rc == ERR_OK)
		rc = start_read(&r, e);
	if (rc == ERR_OK)
		rc = parts_read(&r, &b.parts, e);
	if (rc == ERR_OK)
		rc = release_parse(b.parts.statement, &b.release, e);
	if (rc == ERR_OK)
		rc = image_place(&r, total, &b, e);
	if (rc != ERR_OK) {
		bundle_free(&b);
		return rc;
	}
	*out = b;
	return ERR_OK;
}

enum err_code bundle_open(int fd, struct bundle *out, struct err *e)
{
	uint64_t total = 0;
	struct buf head = buf_new(BUNDLE_HEAD_MAX);
	enum err_code rc = file_size(fd, &total, e);
	if (rc == ERR_OK)
		rc = file_read(fd, 0, total < BUNDLE_HEAD_MAX ? (size_t)total : BUNDLE_HEAD_MAX,
			&head, e);
	if (rc == ERR_OK)
		rc = bundle_parse(buf_view(&head), total, out, e);
	if (rc == ERR_OK)
		out->fd = fd;
	buf_free(&head);
	return rc;
}

void bundle_free(struct bundle *b)
{
	if (b == NULL)
		return;
	buf_free(&b->head);
	*b = (struct bundle){.fd = -1};
}

static void section_write(enum section s, struct bytes data, struct buf *out)
{
	buf_u16be(out, (uint16_t)s);
	buf_u64be(out, data.len);
	buf_bytes(out, data);
}

static void head_encode(const struct bundle_parts *p, uint64_t image_size, struct buf *out)
{
	buf_str(out, BUNDLE_MAGIC);
	buf_u16be(out, BUNDLE_VERSION);
	section_write(SECTION_STATEMENT, p->statement, out);
	section_write(SECTION_PROPOSAL, p->proposal, out);
	for (size_t i = 0; i < p->approvals_n; i++)
		section_write(SECTION_APPROVAL, p->approvals[i], out);
	section_write(SECTION_CODE_SIGNING, p->code_signing, out);
	section_write(SECTION_SIGNATURE, p->signature, out);
	section_write(SECTION_ENTRY, p->entry, out);
	section_write(SECTION_PROOF, p->proof, out);
	buf_u16be(out, SECTION_IMAGE);
	buf_u64be(out, image_size);
}

/* The head must be what bundle_parse would take: a part that is empty or too long stops here. */
static enum err_code head_write(const struct bundle_parts *p, uint64_t image_size, int fd,
	struct err *e)
{
	struct bundle check;
	struct buf head = buf_new(BUNDLE_HEAD_MAX);
	head_encode(p, image_size, &head);
	enum err_code rc = buf_end(&head, e, "bundle");
	if (rc == ERR_OK)
		rc = bundle_parse(buf_view(&head), head.len + image_size, &check, e);
	if (rc == ERR_OK) {
		bundle_free(&check);
		rc = file_write(fd, buf_view(&head), e);
	}
	buf_free(&head);
	return rc;
}

enum err_code bundle_finish(struct bytes prepared, const struct bundle_parts *p, struct buf *out,
	struct err *e)
{
	struct cert cert;
	struct key *k = NULL;
	struct buf spki = buf_new(KEY_SPKI_MAX);
	enum err_code rc = cert_parse(p->code_signing, &cert, e);
	if (rc != ERR_OK)
		return rc;
	rc = cert_key(&cert, &k, e);
	if (rc == ERR_OK)
		rc = key_spki(k, &spki, e);
	if (rc == ERR_OK)
		rc = mcuboot_finish(prepared, buf_view(&spki), p->signature, out, e);
	key_free(k);
	buf_free(&spki);
	cert_free(&cert);
	return rc;
}

static enum err_code encode_mcuboot(const struct bundle_parts *p, int image_fd, uint64_t size,
	int fd, struct err *e)
{
	struct buf prepared = buf_new(MCUBOOT_IMAGE_MAX);
	struct buf finished = buf_new(BUNDLE_MCUBOOT_MAX);
	enum err_code rc = size > MCUBOOT_IMAGE_MAX ?
		err_set(e, ERR_LIMIT, "image", "a MCUboot image has at most 16 MiB") : ERR_OK;
	if (rc == ERR_OK)
		rc = file_read(image_fd, 0, (size_t)size, &prepared, e);
	if (rc == ERR_OK)
		rc = bundle_finish(buf_view(&prepared), p, &finished, e);
	if (rc == ERR_OK)
		rc = head_write(p, finished.len, fd, e);
	if (rc == ERR_OK)
		rc = file_write(fd, buf_view(&finished), e);
	buf_free(&prepared);
	buf_free(&finished);
	return rc;
}

enum err_code bundle_encode(const struct bundle_parts *p, int image_fd, int fd, struct err *e)
{
	struct release r;
	uint64_t size = 0;
	enum err_code rc = release_parse(p->statement, &r, e);
	if (rc == ERR_OK)
		rc = file_size(image_fd, &size, e);
	if (rc == ERR_OK && size != r.image_size)
		rc = err_set(e, ERR_RELEASE_IMAGE, "image", "its size is not the statement's");
	if (rc != ERR_OK)
		return rc;
	if (r.format == RELEASE_MCUBOOT)
		return encode_mcuboot(p, image_fd, size, fd, e);
	rc = head_write(p, size, fd, e);
	return rc == ERR_OK ? file_copy(image_fd, 0, size, fd, NULL, e) : rc;
}

enum err_code bundle_extract(const struct bundle *b, int fd, struct err *e)
{
	return file_copy(b->fd, b->image_at, b->image_size, fd, NULL, e);
}
