/*
 * The signature over a release.  The signer believes nobody: it checks every person's signature
 * against the root it was started with, reads the image itself, and signs the digest that those
 * people signed and that it found in the image.  A keeper that was taken over can make it refuse,
 * and nothing more.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware/approval.h"
#include "server/signer.h"
#include "server/signer_call.h"
#include "x509/cms.h"

static enum err_code check_people(const struct signer *s, const struct message *in, int64_t now,
	struct approval_set *set, struct err *e)
{
	struct bytes approvals[APPROVALS_MAX];
	size_t n;

	enum err_code rc = call_approvals_parse(in->f[1].bytes, approvals, APPROVALS_MAX, &n, e);
	if (rc != ERR_OK)
		return rc;
	const struct approval_trust trust = {
		.roots = &s->root,
		.roots_n = 1,
		.at = now,
		.root_crl = buf_view(&s->root_crl),
		.crl_at = 0, /* the root is offline: its newest CRL counts, however old */
	};
	return approvals_check(in->f[0].bytes, approvals, n, s->approvals, &trust, set, e);
}

/* The signer's memory of a product; NULL for one that it has not signed since it started. */
static struct release *find_released(const struct signer *s, const char *product)
{
	for (size_t i = 0; i < s->released_n; i++) {
		if (strcmp(s->released[i].product, product) == 0)
			return &s->released[i];
	}
	return NULL;
}

/* Never below what was signed before; never another image under the same number. */
static enum err_code check_rollback(const struct signer *s, const struct release *r,
	struct err *e)
{
	const struct release *last = find_released(s, r->product);
	if (last == NULL) {
		if (s->released_n == SIGNER_PRODUCTS_MAX)
			return err_set(e, ERR_SIGNER_REFUSED, r->product,
				"more than %d products since the start; restart the server",
				SIGNER_PRODUCTS_MAX);
		return ERR_OK;
	}
	int order = release_compare(r, last);
	if (order < 0 || r->security_counter < last->security_counter)
		return err_set(e, ERR_RELEASE_VERSION, r->product,
			"the signer has signed a newer release");
	if (order == 0 && memcmp(r->image_digest, last->image_digest, SHA256_SIZE) != 0)
		return err_set(e, ERR_RELEASE_VERSION, r->product,
			"the signer has signed another image with this version");
	return ERR_OK;
}

static void remember(struct signer *s, const struct release *r)
{
	struct release *last = find_released(s, r->product);
	if (last == NULL)
		last = &s->released[s->released_n++];
	*last = *r;
}

/*
 * The image as it was approved.  It comes as a sealed memfd: what is read twice is the same twice.
 */
static enum err_code check_image(const struct release *r, int fd, struct err *e)
{
	struct bytes image;
	uint8_t digest[SHA256_SIZE];

	enum err_code rc = memfd_map(fd, SIGNER_IMAGE_MAX, &image, e);
	if (rc != ERR_OK)
		return rc;
	sha256_of(image, digest);
	bool same = image.len == r->image_size &&
		memcmp(digest, r->image_digest, SHA256_SIZE) == 0;
	memfd_unmap(image);
	if (!same)
		return err_set(e, ERR_RELEASE_IMAGE, r->product, "the signer was shown another image");
	return release_check_image(r, fd, e); /* for mcuboot: header and SEC_CNT say the same */
}

enum err_code signer_sign_release(struct signer *s, const struct message *in, struct buf *made,
	struct err *e)
{
	struct approval_set set;
	int64_t now = clock_now(s->clock);
	int64_t at = (int64_t)in->f[2].num;

	if (!clock_believable(now))
		return err_set(e, ERR_CLOCK, "signer", "the system clock says %lld", (long long)now);
	if (at > now + SIGNER_CLOCK_SLACK || at < now - SIGNER_CLOCK_SLACK)
		return err_set(e, ERR_SIGNER_REFUSED, "time", "%lld is not now (%lld)",
			(long long)at, (long long)now);
	enum err_code rc = check_people(s, in, now, &set, e);
	if (rc == ERR_OK)
		rc = check_rollback(s, &set.release, e);
	if (rc == ERR_OK)
		rc = check_image(&set.release, in->fd, e);
	if (rc != ERR_OK)
		return rc;
	if (set.release.format == RELEASE_MCUBOOT)
		rc = key_sign_digest(s->code_signing, set.release.image_digest, made, e);
	else
		rc = cms_sign_digest(set.release.image_digest, s->code_signing,
			s->code_signing_cert.der, at, made, e);
	if (rc == ERR_OK)
		remember(s, &set.release);
	return rc;
}
