#include "authority/release_parts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authority/image.h"
#include "authority/journal.h"
#include "firmware/file.h"
#include "ipc/message.h"

static enum err_code take(void *arg, const char *operator_name, int64_t at, struct bytes envelope)
{
	struct envelopes *all = arg;
	if (all->n == APPROVALS_MAX)
		return ERR_LIMIT;
	struct buf *mem = &all->mem[all->n];
	*mem = buf_new(APPROVAL_ENVELOPE_MAX);
	buf_bytes(mem, envelope);
	all->view[all->n] = buf_view(mem);
	all->at[all->n] = at;
	(void)snprintf(all->name[all->n], sizeof(all->name[0]), "%s", operator_name);
	all->n++;
	return mem->bad ? ERR_NO_MEMORY : ERR_OK;
}

enum err_code envelopes_read(struct authority *a, const char *id, struct envelopes *out,
	struct err *e)
{
	*out = (struct envelopes){0};
	enum err_code rc = store_approval_list(a->store, id, take, out, e);
	if (rc == ERR_LIMIT || rc == ERR_NO_MEMORY)
		rc = err_set(e, rc, id, "its approvals cannot be read");
	if (rc != ERR_OK)
		envelopes_free(out);
	return rc;
}

void envelopes_free(struct envelopes *all)
{
	for (size_t i = 0; i < all->n; i++)
		buf_free(&all->mem[i]);
	all->n = 0;
}

enum err_code parts_open(struct authority *a, const char *id, struct parts *out, struct err *e)
{
	*out = (struct parts){
		.statement = buf_new(RELEASE_STATEMENT_MAX),
		.proposal = buf_new(APPROVAL_ENVELOPE_MAX),
	};
	enum err_code rc = store_release_get(a->store, id, &out->row, &out->statement,
		&out->proposal, e);
	if (rc == ERR_OK)
		rc = envelopes_read(a, id, &out->approvals, e);
	if (rc != ERR_OK)
		parts_close(out);
	return rc;
}

void parts_close(struct parts *p)
{
	buf_free(&p->statement);
	buf_free(&p->proposal);
	envelopes_free(&p->approvals);
}

/* What else a bundle is made of. */
struct evidence {
	struct buf signature;
	struct buf entry; /* the log's line about the publication */
	struct buf proof;
	struct buf cert; /* the code-signing certificate that the line names */
};

static enum err_code cert_read(struct authority *a, struct bytes line, struct buf *der,
	struct err *e)
{
	struct entry en;
	uint8_t fingerprint[SHA256_SIZE];
	enum err_code rc = entry_parse(line, &en, e);
	if (rc != ERR_OK)
		return rc;
	const char *hex = entry_detail_get(&en, "cert");
	if (hex == NULL || !hex_decode(hex, fingerprint, sizeof(fingerprint)))
		return err_set(e, ERR_LOG_ENTRY, en.object, "it names no certificate");
	return store_cert_der(a->store, fingerprint, der, e);
}

static enum err_code evidence_open(struct authority *a, const char *id, struct evidence *v,
	struct err *e)
{
	uint64_t seq;
	struct merkle_hash leaf;
	*v = (struct evidence){buf_new(BUNDLE_SIGNATURE_MAX), buf_new(ENTRY_MAX),
		buf_new(BUNDLE_PROOF_MAX), buf_new(CERT_DER_MAX)};
	enum err_code rc = store_release_signature(a->store, id, &v->signature, e);
	if (rc == ERR_OK)
		rc = store_log_find(a->store, BUNDLE_ACT, id, &seq, e);
	if (rc == ERR_OK)
		rc = store_log_get(a->store, seq, &v->entry, &leaf, e);
	if (rc == ERR_OK)
		rc = cert_read(a, buf_view(&v->entry), &v->cert, e);
	return rc == ERR_OK ? journal_proof(a, seq, &v->proof, e) : rc;
}

static void evidence_close(struct evidence *v)
{
	buf_free(&v->signature);
	buf_free(&v->entry);
	buf_free(&v->proof);
	buf_free(&v->cert);
}

static enum err_code bundle_write(const struct bundle_parts *b, int image, int *fd, struct err *e)
{
	int mem = -1;
	enum err_code rc = memfd_start("bundle", &mem, e);
	if (rc != ERR_OK)
		return rc;
	rc = bundle_encode(b, image, mem, e);
	if (rc == ERR_OK)
		rc = memfd_seal(mem, e);
	if (rc == ERR_OK)
		*fd = mem;
	else
		(void)close(mem);
	return rc;
}

static enum err_code bundle_make(struct authority *a, const struct parts *p,
	const struct evidence *v, int *fd, struct err *e)
{
	int image = -1;
	struct bundle_parts b = {
		.statement = buf_view(&p->statement),
		.proposal = buf_view(&p->proposal),
		.approvals_n = p->approvals.n,
		.code_signing = buf_view(&v->cert),
		.signature = buf_view(&v->signature),
		.entry = buf_view(&v->entry),
		.proof = buf_view(&v->proof),
	};
	memcpy(b.approvals, p->approvals.view, p->approvals.n * sizeof(b.approvals[0]));
	enum err_code rc = image_open(a, p->row.image_digest, &image, e);
	if (rc != ERR_OK)
		return rc;
	rc = bundle_write(&b, image, fd, e);
	(void)close(image);
	return rc;
}

enum err_code release_bundle(struct authority *a, const char *id, int *fd, struct err *e)
{
	struct parts p;
	struct evidence v = {0};
	enum err_code rc = parts_open(a, id, &p, e);
	if (rc != ERR_OK)
		return rc;
	if (p.row.state != RELEASE_PUBLISHED)
		rc = err_set(e, ERR_RELEASE_STATE, id, "it is not published");
	if (rc == ERR_OK)
		rc = evidence_open(a, id, &v, e);
	if (rc == ERR_OK)
		rc = bundle_make(a, &p, &v, fd, e);
	evidence_close(&v);
	parts_close(&p);
	return rc;
}

enum err_code release_image(struct authority *a, const char *id, int *fd, struct err *e)
{
	struct release_row row;
	int image = -1, mem = -1;
	enum err_code rc = store_release_get(a->store, id, &row, NULL, NULL, e);
	if (rc == ERR_OK)
		rc = image_open(a, row.image_digest, &image, e);
	if (rc != ERR_OK)
		return rc;
	rc = memfd_start("image", &mem, e);
	if (rc == ERR_OK)
		rc = file_copy(image, 0, row.image_size, mem, NULL, e);
	if (rc == ERR_OK)
		rc = memfd_seal(mem, e);
	(void)close(image);
	if (rc == ERR_OK)
		*fd = mem;
	else if (mem >= 0)
		(void)close(mem);
	return rc;
}
