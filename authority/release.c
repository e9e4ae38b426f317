/*
 *   proposed --approve (others, once each)--> proposed --publish (signer)--> published
 *
 * Invariants: an envelope is recorded only when it is valid and of the person who is connected; a
 * product's published releases only go up; publication, its log entry and the checkpoint that
 * covers it are one transaction.
 */
#include "authority/release.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authority/image.h"
#include "authority/release_parts.h"
#include "firmware/mcuboot.h"

_Static_assert(RELEASE_ID_MAX + 1 == RELEASE_ID_SIZE, "one form of id");
_Static_assert(PRODUCT_MAX == RELEASE_PRODUCT_MAX, "one form of product");
_Static_assert(VERSION_MAX + 1 == MCUBOOT_VERSION_TEXT, "one form of version");
_Static_assert(OPERATOR_MAX == CERT_NAME_MAX, "an operator is named by a certificate");

static bool is_revoked(void *arg, const struct cert *c)
{
	struct authority *a = arg;
	struct operator_row o;
	/* whom the store does not know, or cannot say, does not count */
	return store_operator_get(a->store, c->fingerprint, &o, NULL) != ERR_OK || o.revoked;
}

enum err_code trust_open(struct authority *a, struct trust *t, struct err *e)
{
	int64_t now = clock_now(a->clock);
	if (!clock_believable(now))
		return err_set(e, ERR_CLOCK, "clock", "no signature is judged at such a time");
	enum err_code rc = cert_parse(a->root_der, &t->root, e);
	if (rc != ERR_OK)
		return rc;
	t->trust = (struct approval_trust){
		.roots = &t->root,
		.roots_n = 1,
		.at = now,
		.root_crl = a->root_crl,
		.crl_at = now,
		.revoked = is_revoked,
		.revoked_arg = a,
	};
	return ERR_OK;
}

void trust_close(struct trust *t)
{
	cert_free(&t->root);
}

/* The envelope must be of the person who hands it in: nobody files another's signature. */
static enum err_code own_envelope(const struct operator_row *who, const struct approval *p,
	struct err *e)
{
	if (memcmp(p->cert.fingerprint, who->fingerprint, SHA256_SIZE) != 0)
		return err_set(e, ERR_APPROVAL_SIGNATURE, p->name,
			"%s may hand in only what %s has signed", who->name, who->name);
	return ERR_OK;
}

static void actor_of(const struct operator_row *who, char out[ENTRY_ACTOR_MAX + 1])
{
	static const char kind[] = "operator:";
	memcpy(out, kind, sizeof(kind));
	memcpy(out + sizeof(kind) - 1, who->name, sizeof(who->name));
}

static enum err_code row_release(const struct release_row *row, struct release *r, struct err *e)
{
	*r = (struct release){.security_counter = row->security_counter};
	memcpy(r->product, row->product, sizeof(r->product));
	return mcuboot_version_parse(row->version, &r->version, e);
}

/* Neither counter nor version may go down, and not both may stay. */
static enum err_code floor_check(struct authority *a, const struct release *r, struct err *e)
{
	struct release_row row;
	struct release newest;
	enum err_code rc = store_release_newest(a->store, r->product, &row, e);
	if (rc == ERR_NOT_FOUND) {
		err_clear(e);
		return ERR_OK;
	}
	if (rc == ERR_OK)
		rc = row_release(&row, &newest, e);
	if (rc != ERR_OK)
		return rc;
	if (r->security_counter < newest.security_counter ||
		verify_version_compare(&r->version, &newest.version) < 0 ||
		release_compare(r, &newest) == 0)
		return err_set(e, ERR_RELEASE_VERSION, r->product,
			"version %s with security counter %u is published", row.version,
			row.security_counter);
	return ERR_OK;
}

static enum err_code image_check(struct authority *a, const struct release *r, struct err *e)
{
	int fd = -1;
	enum err_code rc = image_open(a, r->image_digest, &fd, e);
	if (rc == ERR_NOT_FOUND)
		return err_set(e, ERR_RELEASE_IMAGE, r->product, "hand in the image first");
	if (rc != ERR_OK)
		return rc;
	rc = release_check_image(r, fd, e);
	(void)close(fd);
	return rc;
}

static void row_fill(const struct approval *p, int64_t now, struct release_row *row)
{
	const struct release *r = &p->release;
	*row = (struct release_row){
		.security_counter = r->security_counter,
		.image_size = r->image_size,
		.state = RELEASE_PROPOSED,
		.proposed_at = now,
	};
	release_id(p->statement, row->id);
	memcpy(row->product, r->product, sizeof(row->product));
	mcuboot_version_print(&r->version, row->version);
	(void)snprintf(row->format, sizeof(row->format), "%s", release_format_name(r->format));
	memcpy(row->image_digest, r->image_digest, SHA256_SIZE);
	memcpy(row->proposer, p->name, sizeof(row->proposer));
}

static void detail_digest(struct entry *en, const char *key, struct bytes data)
{
	uint8_t digest[SHA256_SIZE];
	sha256_of(data, digest);
	entry_detail_hex(en, key, bytes_of(digest, sizeof(digest)));
}

static enum err_code proposal_write(struct authority *a, const struct operator_row *who,
	const struct approval *p, struct bytes envelope, const struct release_row *row,
	struct err *e)
{
	struct entry en;
	char actor[ENTRY_ACTOR_MAX + 1];
	enum err_code rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	actor_of(who, actor);
	entry_start(&en, row->proposed_at, "release.proposed", actor, row->id);
	entry_detail(&en, "product", row->product);
	entry_detail(&en, "version", row->version);
	entry_detail_num(&en, "security_counter", row->security_counter);
	entry_detail_hex(&en, "image", bytes_of(row->image_digest, SHA256_SIZE));
	detail_digest(&en, "statement", p->statement);
	entry_detail_hex(&en, "proposal", bytes_of(p->digest, SHA256_SIZE));
	rc = store_release_add(a->store, row, p->statement, envelope, e);
	if (rc != ERR_OK) {
		act_undo(a);
		return rc;
	}
	return act_end(a, &en, e);
}

/* A valid envelope of the person connected. */
static enum err_code envelope_open(struct authority *a, const struct operator_row *who,
	struct bytes envelope, struct approval *out, struct err *e)
{
	struct trust t;
	enum err_code rc = trust_open(a, &t, e);
	if (rc != ERR_OK)
		return rc;
	rc = approval_parse(envelope, out, e);
	if (rc == ERR_OK) {
		rc = approval_check(out, &t.trust, e);
		if (rc == ERR_OK)
			rc = own_envelope(who, out, e);
		if (rc != ERR_OK)
			approval_free(out);
	}
	trust_close(&t);
	return rc;
}

enum err_code release_propose(struct authority *a, const struct operator_row *who,
	struct bytes envelope, struct release_row *out, struct err *e)
{
	struct approval p;
	struct release_row row;
	enum err_code rc = envelope_open(a, who, envelope, &p, e);
	if (rc != ERR_OK)
		return rc;
	if (p.meaning != APPROVAL_PROPOSE)
		rc = err_set(e, ERR_APPROVAL_MISMATCH, p.name, "it does not propose");
	if (rc == ERR_OK)
		rc = floor_check(a, &p.release, e);
	if (rc == ERR_OK)
		rc = image_check(a, &p.release, e);
	if (rc == ERR_OK) {
		row_fill(&p, clock_now(a->clock), &row);
		rc = proposal_write(a, who, &p, envelope, &row, e);
	}
	if (rc == ERR_OK)
		*out = row;
	approval_free(&p);
	return rc;
}

static enum err_code proposed_get(struct authority *a, const char *id, struct release_row *row,
	struct buf *proposal, struct err *e)
{
	enum err_code rc = store_release_get(a->store, id, row, NULL, proposal, e);
	if (rc == ERR_OK && row->state != RELEASE_PROPOSED)
		rc = err_set(e, ERR_RELEASE_STATE, id, "it is published");
	return rc;
}

static enum err_code approval_write(struct authority *a, const struct operator_row *who,
	const struct release_row *row, struct bytes proposal, const struct approval *p,
	struct bytes envelope, struct err *e)
{
	struct entry en;
	char actor[ENTRY_ACTOR_MAX + 1];
	int64_t now = clock_now(a->clock);
	enum err_code rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	actor_of(who, actor);
	entry_start(&en, now, "release.approved", actor, row->id);
	detail_digest(&en, "statement", p->statement);
	detail_digest(&en, "proposal", proposal);
	entry_detail_hex(&en, "approval", bytes_of(p->digest, SHA256_SIZE));
	rc = store_approval_add(a->store, row->id, p->name, now, envelope, e);
	if (rc != ERR_OK) {
		act_undo(a);
		return rc;
	}
	return act_end(a, &en, e);
}

/* The same rule that the signer will apply, for this one approval. */
static enum err_code pair_check(struct authority *a, struct bytes proposal, struct bytes envelope,
	struct err *e)
{
	struct trust t;
	enum err_code rc = trust_open(a, &t, e);
	if (rc != ERR_OK)
		return rc;
	rc = approvals_check(proposal, &envelope, 1, 0, &t.trust, NULL, e);
	trust_close(&t);
	return rc;
}

static enum err_code room_check(struct authority *a, const char *id, struct err *e)
{
	struct envelopes all;
	enum err_code rc = envelopes_read(a, id, &all, e);
	if (rc != ERR_OK)
		return rc;
	if (all.n == APPROVALS_MAX)
		rc = err_set(e, ERR_LIMIT, id, "%d people have approved already", APPROVALS_MAX);
	envelopes_free(&all);
	return rc;
}

enum err_code release_approve(struct authority *a, const struct operator_row *who, const char *id,
	struct bytes envelope, struct release_row *out, struct err *e)
{
	struct approval p = {0};
	struct release_row row;
	struct buf proposal = buf_new(APPROVAL_ENVELOPE_MAX);
	enum err_code rc = proposed_get(a, id, &row, &proposal, e);
	if (rc == ERR_OK)
		rc = envelope_open(a, who, envelope, &p, e);
	if (rc == ERR_OK)
		rc = pair_check(a, buf_view(&proposal), envelope, e);
	if (rc == ERR_OK)
		rc = room_check(a, id, e);
	if (rc == ERR_OK)
		rc = approval_write(a, who, &row, buf_view(&proposal), &p, envelope, e);
	if (rc == ERR_OK)
		*out = row;
	approval_free(&p);
	buf_free(&proposal);
	return rc;
}

/* What the log says of a publication; bundle_verify compares each digest (firmware/bundle.h). */
static void published_entry(const struct operator_row *who, const struct release_row *row,
	const struct parts *p, struct bytes code_signing, struct bytes signature, struct entry *en)
{
	char actor[ENTRY_ACTOR_MAX + 1];
	uint8_t approvals[SHA256_SIZE];
	bundle_approvals_digest(p->approvals.view, p->approvals.n, approvals);
	actor_of(who, actor);
	entry_start(en, row->published_at, BUNDLE_ACT, actor, row->id);
	entry_detail(en, "product", row->product);
	entry_detail(en, "version", row->version);
	entry_detail_num(en, "security_counter", row->security_counter);
	entry_detail_hex(en, "image", bytes_of(row->image_digest, SHA256_SIZE));
	detail_digest(en, "statement", buf_view(&p->statement));
	detail_digest(en, "proposal", buf_view(&p->proposal));
	entry_detail_hex(en, "approvals", bytes_of(approvals, sizeof(approvals)));
	detail_digest(en, "cert", code_signing);
	detail_digest(en, "signature", signature);
}

/* The certificate that signed is kept with the others: bundles are made of it for ever after. */
static enum err_code signing_cert_keep(struct authority *a, int64_t now, struct err *e)
{
	struct cert c;
	struct cert_row row;
	enum err_code rc = cert_parse(a->code_signing_der, &c, e);
	if (rc != ERR_OK)
		return rc;
	rc = store_cert_get(a->store, c.fingerprint, &row, e);
	if (rc == ERR_NOT_FOUND) {
		row = (struct cert_row){
			.profile = PROFILE_CODE_SIGNING,
			.state = CERT_USED,
			.not_before = c.not_before,
			.not_after = c.not_after,
			.issued_at = now,
		};
		memcpy(row.serial, c.serial, sizeof(row.serial));
		memcpy(row.fingerprint, c.fingerprint, sizeof(row.fingerprint));
		memcpy(row.spki_id, c.spki_id, sizeof(row.spki_id));
		rc = store_cert_add(a->store, &row, a->code_signing_der, e);
	}
	cert_free(&c);
	return rc;
}

static enum err_code published_write(struct authority *a, const struct release_row *row,
	struct bytes signature, struct entry *en, struct err *e)
{
	enum err_code rc = act_begin(a, e);
	if (rc != ERR_OK)
		return rc;
	rc = store_release_set_published(a->store, row->id, row->published_at, signature, e);
	if (rc == ERR_OK)
		rc = signing_cert_keep(a, row->published_at, e);
	if (rc != ERR_OK) {
		act_undo(a);
		return rc;
	}
	return act_end(a, en, e);
}

/* Here too, so that the refusal comes with its own code; the signer decides for itself. */
static enum err_code people_check(struct authority *a, const struct parts *p, struct release *r,
	struct err *e)
{
	struct trust t;
	struct approval_set people;
	enum err_code rc = trust_open(a, &t, e);
	if (rc != ERR_OK)
		return rc;
	rc = approvals_check(buf_view(&p->proposal), p->approvals.view, p->approvals.n,
		a->policy.approvals, &t.trust, &people, e);
	trust_close(&t);
	if (rc == ERR_OK)
		*r = people.release;
	return rc;
}

enum err_code release_publish(struct authority *a, const struct operator_row *who, const char *id,
	struct release_row *out, struct err *e)
{
	struct parts p;
	struct release r;
	struct entry en;
	int fd = -1;
	struct buf signature = buf_new(BUNDLE_SIGNATURE_MAX);
	enum err_code rc = parts_open(a, id, &p, e);
	if (rc != ERR_OK)
		return rc;
	if (p.row.state != RELEASE_PROPOSED)
		rc = err_set(e, ERR_RELEASE_STATE, id, "it is published");
	if (rc == ERR_OK)
		rc = people_check(a, &p, &r, e);
	if (rc == ERR_OK)
		rc = floor_check(a, &r, e);
	if (rc == ERR_OK)
		rc = image_open(a, p.row.image_digest, &fd, e);
	p.row.published_at = clock_now(a->clock);
	if (rc == ERR_OK)
		rc = a->signer.release(a->signer.arg, buf_view(&p.proposal), p.approvals.view,
			p.approvals.n, p.row.published_at, fd, &signature, e);
	if (rc == ERR_OK) {
		published_entry(who, &p.row, &p, a->code_signing_der, buf_view(&signature), &en);
		rc = published_write(a, &p.row, buf_view(&signature), &en, e);
	}
	if (rc == ERR_OK) {
		*out = p.row;
		out->state = RELEASE_PUBLISHED;
	}
	if (fd >= 0)
		(void)close(fd);
	parts_close(&p);
	buf_free(&signature);
	return rc;
}
