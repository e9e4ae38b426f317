/*
 * The head of a bundle: every section within its bounds and inside the input, the image exactly
 * what is left.  Then all of it is judged by a verifier that trusts nobody.
 */
#include <stdlib.h>

#include "firmware/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read every byte of a view, so that one out of bounds is found. */
static unsigned touch(struct bytes b, size_t max)
{
	unsigned sum = 0;
	if (b.len == 0 || b.len > max)
		abort();
	for (size_t i = 0; i < b.len; i++)
		sum += b.p[i];
	return sum;
}

static void check(const struct bundle *b, size_t size)
{
	unsigned sum = touch(b->parts.statement, RELEASE_STATEMENT_MAX) +
		touch(b->parts.proposal, APPROVAL_ENVELOPE_MAX) +
		touch(b->parts.code_signing, CERT_DER_MAX) +
		touch(b->parts.signature, BUNDLE_SIGNATURE_MAX) + touch(b->parts.entry, 4096) +
		touch(b->parts.proof, BUNDLE_PROOF_MAX);
	if (b->parts.approvals_n > APPROVALS_MAX)
		abort();
	for (size_t i = 0; i < b->parts.approvals_n; i++)
		sum += touch(b->parts.approvals[i], APPROVAL_ENVELOPE_MAX);
	if (b->image_at + b->image_size != size)
		abort();
	(void)sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle b;
	struct err e;
	if (bundle_parse(bytes_of(data, size), size, &b, &e) != ERR_OK)
		return 0;
	check(&b, size);
	struct bundle_trust t = {.log_key = {.name = "test.example/log"}, .approvals = 2};
	if (bundle_verify(&b, &t, NULL, &e) == ERR_OK)
		abort();
	bundle_free(&b);
	return 0;
}
