/* Judging a bundle with nothing but a root certificate and a log's key (firmware/bundle.h). */
#include <string.h>
#include <yyjson.h>

#include "base/clock.h"
#include "firmware/bundle.h"
#include "firmware/bundle_section.h"
#include "firmware/file.h"
#include "firmware/verify_host.h"
#include "merkle/note.h"
#include "x509/cms.h"
#include "x509/crl.h"

static enum err_code floor_check(const struct bundle *b, const struct bundle_trust *t,
	struct err *e)
{
	const struct release *r = &b->release;
	if (t->product != NULL && strcmp(t->product, r->product) != 0)
		return err_set(e, ERR_BUNDLE_PRODUCT, r->product, "%s is wanted", t->product);
	if (!t->has_floor)
		return ERR_OK;
	if (r->security_counter < t->min_security_counter)
		return err_set(e, ERR_BUNDLE_ROLLBACK, r->product,
			"security counter %u, at least %u is wanted", r->security_counter,
			t->min_security_counter);
	if (verify_version_compare(&r->version, &t->min_version) < 0) {
		char has[MCUBOOT_VERSION_TEXT], wants[MCUBOOT_VERSION_TEXT];
		mcuboot_version_print(&r->version, has);
		mcuboot_version_print(&t->min_version, wants);
		return err_set(e, ERR_BUNDLE_ROLLBACK, r->product,
			"version %s, at least %s is wanted", has, wants);
	}
	return ERR_OK;
}

/* The entry is in a tree whose root the log's key has signed. */
static enum err_code proof_check(const struct bundle *b, const struct bundle_trust *t,
	struct bundle_verdict *v, struct err *e)
{
	struct tlog_proof p;
	struct checkpoint c;
	if (tlog_proof_parse(b->parts.proof, &p, NULL) != ERR_OK)
		return err_set(e, ERR_BUNDLE_PROOF, "log proof", "it is not well formed");
	enum err_code rc = checkpoint_check(p.checkpoint, &t->log_key, &c, e);
	if (rc != ERR_OK)
		return rc;
	if (merkle_check_inclusion(merkle_leaf(b->parts.entry), p.index, c.size, &p.path, c.root,
		    NULL) != ERR_OK)
		return err_set(e, ERR_BUNDLE_PROOF, "log proof",
			"the entry is not in the tree of the signed checkpoint");
	v->log_index = p.index;
	v->log_size = c.size;
	return ERR_OK;
}

static bool member_is(yyjson_val *obj, const char *key, const char *want)
{
	return yyjson_equals_str(yyjson_obj_get(obj, key), want);
}

static bool member_is_hex(yyjson_val *obj, const char *key, const uint8_t digest[SHA256_SIZE])
{
	char hex[2 * SHA256_SIZE + 1];
	hex_encode(digest, SHA256_SIZE, hex);
	return member_is(obj, key, hex);
}

static bool member_is_digest(yyjson_val *obj, const char *key, struct bytes part)
{
	uint8_t digest[SHA256_SIZE];
	sha256_of(part, digest);
	return member_is_hex(obj, key, digest);
}

/* The name of the part that the entry does not speak of; NULL: it names them all. */
static const char *part_not_named(const struct bundle *b, yyjson_val *root)
{
	const struct bundle_parts *p = &b->parts;
	yyjson_val *detail = yyjson_obj_get(root, "detail");
	char id[RELEASE_ID_SIZE];
	uint8_t approvals[SHA256_SIZE];
	release_id(p->statement, id);
	bundle_approvals_digest(p->approvals, p->approvals_n, approvals);
	if (!member_is(root, "act", BUNDLE_ACT) || !member_is(root, "object", id))
		return "release";
	if (!member_is_digest(detail, "statement", p->statement))
		return "statement";
	if (!member_is_digest(detail, "proposal", p->proposal))
		return "proposal";
	if (!member_is_hex(detail, "approvals", approvals))
		return "approvals";
	if (!member_is_digest(detail, "cert", p->code_signing))
		return "code-signing certificate";
	if (!member_is_digest(detail, "signature", p->signature))
		return "signature";
	return NULL;
}

/* The entry is in the log; does it speak of these very parts?  Its time is the publication's. */
static enum err_code entry_check(const struct bundle *b, const struct bundle_trust *t,
	struct bundle_verdict *v, struct err *e)
{
	enum err_code rc = ERR_OK;
	yyjson_doc *doc = yyjson_read((const char *)b->parts.entry.p, b->parts.entry.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	const char *time = yyjson_get_str(yyjson_obj_get(root, "time"));
	const char *missing = part_not_named(b, root);
	if (missing != NULL)
		rc = err_set(e, ERR_BUNDLE_PROOF, "log entry", "it is not about this %s", missing);
	else if (time == NULL || clock_parse(time, &v->published_at, NULL) != ERR_OK)
		rc = err_set(e, ERR_BUNDLE_PROOF, "log entry", "it has no time");
	else if (clock_believable(t->now) && v->published_at > t->now + APPROVAL_SKEW)
		rc = err_set(e, ERR_BUNDLE_PROOF, "log entry", "it is dated in the future");
	yyjson_doc_free(doc);
	return rc;
}

static enum err_code people_check(const struct bundle *b, const struct bundle_trust *t,
	struct bundle_verdict *v, struct err *e)
{
	const struct approval_trust people = {
		.roots = t->root,
		.roots_n = 1,
		.at = v->published_at,
		.root_crl = t->root_crl,
		.crl_at = clock_believable(t->now) ? t->now : 0,
	};
	enum err_code rc = approvals_check(b->parts.proposal, b->parts.approvals,
		b->parts.approvals_n, t->approvals, &people, &v->people, e);
	if (rc != ERR_OK)
		return rc;
	if (!bytes_equal(bytes_of(v->people.statement, v->people.statement_len),
		    b->parts.statement))
		return err_set(e, ERR_APPROVAL_MISMATCH, v->people.proposer,
			"what was approved is not the bundle's statement");
	return ERR_OK;
}

static enum err_code chain_check(const struct cert *signer, const struct bundle_trust *t,
	struct bundle_verdict *v, struct err *e)
{
	struct err why = {0};
	bool revoked = false;
	if (cert_check_chain(signer, NULL, 0, t->root, 1, v->published_at, PROFILE_CODE_SIGNING,
		    true, ERR_BUNDLE_CHAIN, &why) != ERR_OK)
		return err_set(e, ERR_BUNDLE_CHAIN, signer->common_name, "%s", why.reason);
	if (t->root_crl.len > 0) {
		int64_t at = clock_believable(t->now) ? t->now : 0;
		enum err_code rc = crl_check(t->root_crl, t->root, signer->serial, at, &revoked, e);
		if (rc != ERR_OK)
			return rc;
	}
	if (revoked)
		return err_set(e, ERR_BUNDLE_CHAIN, signer->common_name, "it is revoked");
	memcpy(v->signer, signer->common_name, sizeof(v->signer));
	return ERR_OK;
}

static enum err_code cms_check(const struct bundle *b, const struct cert *signer, struct err *e)
{
	struct cert stated;
	enum err_code rc = cms_check_digest(b->parts.signature, b->release.image_digest, &stated,
		ERR_BUNDLE_SIGNATURE, e);
	if (rc != ERR_OK)
		return rc;
	if (memcmp(stated.fingerprint, signer->fingerprint, SHA256_SIZE) != 0)
		rc = err_set(e, ERR_BUNDLE_SIGNATURE, "signature",
			"it was made with another certificate");
	cert_free(&stated);
	return rc;
}

static enum err_code signature_check(const struct bundle *b, const struct cert *signer,
	const struct key *k, struct err *e)
{
	if (b->release.format == RELEASE_PLAIN)
		return cms_check(b, signer, e);
	return key_verify_digest(k, b->release.image_digest, b->parts.signature,
		ERR_BUNDLE_SIGNATURE, e);
}

static enum err_code plain_check(const struct bundle *b, struct err *e)
{
	uint8_t digest[SHA256_SIZE];
	if (b->image_size != b->release.image_size)
		return err_set(e, ERR_BUNDLE_IMAGE, "image", "its size is another");
	enum err_code rc = file_digest(b->fd, b->image_at, b->image_size, digest, e);
	if (rc == ERR_OK && memcmp(digest, b->release.image_digest, SHA256_SIZE) != 0)
		rc = err_set(e, ERR_BUNDLE_IMAGE, "image", "its SHA-256 is another");
	return rc;
}

/* What a bootloader with this key would say, in its own words. */
static enum err_code boot_check(const struct bundle *b, struct bytes image, const struct key *k,
	struct err *e)
{
	uint8_t key[1][VERIFY_POINT_SIZE];
	struct verify_result result;
	struct buf spki = buf_new(KEY_SPKI_MAX);
	enum err_code rc = key_spki(k, &spki, e);
	if (rc == ERR_OK)
		rc = verify_host_point(buf_view(&spki), key[0], e);
	buf_free(&spki);
	if (rc != ERR_OK)
		return rc;
	const struct verify_policy policy = {
		.keys = (const uint8_t(*)[VERIFY_POINT_SIZE])key,
		.n_keys = 1,
		.min_version = b->release.version,
		.min_security_counter = b->release.security_counter,
	};
	rc = verify_host_image(image, &policy, "image", &result, e);
	/* the device knows what else is installed; the bundle does not */
	return rc == ERR_IMG_DEPENDENCY ? ERR_OK : rc;
}

static enum err_code mcuboot_check(const struct bundle *b, const struct key *k, struct err *e)
{
	struct buf image = buf_new(BUNDLE_MCUBOOT_MAX), again = buf_new(BUNDLE_MCUBOOT_MAX);
	enum err_code rc = ERR_OK;
	if (b->image_size > BUNDLE_MCUBOOT_MAX || b->image_size < b->release.image_size)
		rc = err_set(e, ERR_BUNDLE_IMAGE, "image", "its size is another");
	if (rc == ERR_OK)
		rc = file_read(b->fd, b->image_at, (size_t)b->image_size, &image, e);
	if (rc == ERR_OK)
		rc = boot_check(b, buf_view(&image), k, e);
	if (rc != ERR_OK)
		goto out;
	/* authentic; but is it this release, with this signature? */
	rc = bundle_finish(bytes_of(image.p, (size_t)b->release.image_size), &b->parts, &again, e);
	if (rc != ERR_OK || !bytes_equal(buf_view(&again), buf_view(&image)))
		rc = err_set(e, ERR_BUNDLE_IMAGE, "image", "it is genuine, but not this release");
out:
	buf_free(&image);
	buf_free(&again);
	return rc;
}

static enum err_code firmware_check(const struct bundle *b, const struct bundle_trust *t,
	struct bundle_verdict *v, struct err *e)
{
	struct cert signer;
	struct key *k = NULL;
	if (cert_parse(b->parts.code_signing, &signer, NULL) != ERR_OK)
		return err_set(e, ERR_BUNDLE_FORM, "code-signing certificate",
			"it is not a certificate");
	enum err_code rc = chain_check(&signer, t, v, e);
	if (rc == ERR_OK)
		rc = cert_key(&signer, &k, e);
	if (rc == ERR_OK)
		rc = signature_check(b, &signer, k, e);
	if (rc == ERR_OK)
		rc = b->release.format == RELEASE_PLAIN ? plain_check(b, e) : mcuboot_check(b, k, e);
	key_free(k);
	cert_free(&signer);
	return rc;
}

void bundle_approvals_digest(const struct bytes *approvals, size_t n, uint8_t out[SHA256_SIZE])
{
	uint8_t all[APPROVALS_MAX * SHA256_SIZE];
	size_t used = n < APPROVALS_MAX ? n : APPROVALS_MAX;
	for (size_t i = 0; i < used; i++)
		sha256_of(approvals[i], all + i * SHA256_SIZE);
	sha256_of(bytes_of(all, used * SHA256_SIZE), out);
}

enum err_code bundle_verify(const struct bundle *b, const struct bundle_trust *trust,
	struct bundle_verdict *out, struct err *e)
{
	struct bundle_verdict v = {0};
	enum err_code rc = floor_check(b, trust, e);
	if (rc == ERR_OK)
		rc = proof_check(b, trust, &v, e);
	if (rc == ERR_OK)
		rc = entry_check(b, trust, &v, e);
	if (rc == ERR_OK)
		rc = people_check(b, trust, &v, e);
	if (rc == ERR_OK)
		rc = firmware_check(b, trust, &v, e);
	if (rc == ERR_OK && out != NULL)
		*out = v;
	return rc;
}
