/* medseal release verify: a bundle, offline, link by link. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/file.h"
#include "cli/out.h"
#include "cli/release.h"
#include "cli/trust.h"
#include "firmware/bundle.h"
#include "firmware/mcuboot.h"

#define APPROVALS_DEFAULT 2
#define TEXT_MAX 512

static struct {
	const char *root, *log_key, *product, *floor_version, *crl, *extract, *parts;
	struct arg_number floor_counter, approvals;
} opt;

static const struct arg args[] = {
	{"root", 0, ARG_TEXT, true, &opt.root, "FILE", "the root's certificate"},
	{"log-key", 0, ARG_TEXT, true, &opt.log_key, "FILE", "the log's key (log.vkey)"},
	{"product", 'p', ARG_TEXT, false, &opt.product, "NAME", "refuse a bundle for another product"},
	{"floor-counter", 0, ARG_NUMBER, false, &opt.floor_counter, "N",
		"refuse a lower security counter"},
	{"floor-version", 0, ARG_TEXT, false, &opt.floor_version, "A.B.C[+D]",
		"refuse an older version"},
	{"approvals", 0, ARG_NUMBER, false, &opt.approvals, "N",
		"how many must have approved beside the proposer; else 2"},
	{"crl", 0, ARG_TEXT, false, &opt.crl, "FILE", "the root's CRL (root.crl)"},
	{"extract", 0, ARG_TEXT, false, &opt.extract, "DIR",
		"when it holds, put image and parts into this new folder"},
	{.name = NULL},
};

/* ---- the links of the chain, in the order in which bundle_verify looks at them ---- */

enum link { LINK_FORM, LINK_FLOOR, LINK_LOG, LINK_PEOPLE, LINK_CHAIN, LINK_SIGNATURE, LINK_IMAGE,
	LINK_COUNT };

static const char *const link_names[LINK_COUNT] = {
	[LINK_FORM] = "bundle",
	[LINK_FLOOR] = "product and floor",
	[LINK_LOG] = "log proof",
	[LINK_PEOPLE] = "people",
	[LINK_CHAIN] = "certificate",
	[LINK_SIGNATURE] = "signature",
	[LINK_IMAGE] = "image",
};

/* Which link a refusal belongs to; LINK_COUNT: none, nothing was judged. */
static enum link link_of(enum err_code code)
{
	switch (code) {
	case ERR_BUNDLE_FORM:
	case ERR_RELEASE_STATEMENT:
	case ERR_TRUNCATED:
	case ERR_TRAILING:
		return LINK_FORM;
	case ERR_BUNDLE_PRODUCT:
	case ERR_BUNDLE_ROLLBACK:
		return LINK_FLOOR;
	case ERR_BUNDLE_PROOF:
	case ERR_LOG_CHECKPOINT:
	case ERR_LOG_PROOF:
	case ERR_LOG_ENTRY:
		return LINK_LOG;
	case ERR_APPROVAL_SELF:
	case ERR_APPROVAL_TWICE:
	case ERR_APPROVAL_SIGNATURE:
	case ERR_APPROVAL_MISMATCH:
	case ERR_APPROVALS_MISSING:
	case ERR_OPERATOR_UNKNOWN:
	case ERR_OPERATOR_REVOKED:
	case ERR_PEER_EXPIRED:
	case ERR_PEER_PURPOSE:
		return LINK_PEOPLE;
	case ERR_BUNDLE_CHAIN:
		return LINK_CHAIN;
	case ERR_BUNDLE_SIGNATURE:
		return LINK_SIGNATURE;
	case ERR_BUNDLE_IMAGE:
	case ERR_RELEASE_IMAGE:
	case ERR_IMAGE_FORMAT:
	case ERR_IMG_HEADER:
	case ERR_IMG_LENGTH:
	case ERR_IMG_TLV:
	case ERR_IMG_TLV_MISSING:
	case ERR_IMG_TLV_UNPROTECTED:
	case ERR_IMG_HASH:
	case ERR_IMG_KEY:
	case ERR_IMG_SIGNATURE:
	case ERR_IMG_PRODUCT:
	case ERR_IMG_ROLLBACK:
		return LINK_IMAGE;
	default:
		return LINK_COUNT;
	}
}

static void people_text(const struct approval_set *p, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "proposed by %s, approved by ", p->proposer);

	for (size_t i = 0; i < p->approvers_n && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? ", " : "",
			p->approvers[i]);
}

/* What is true of a link that holds. */
static void good_text(const struct bundle *b, const struct bundle_verdict *v, enum link link,
	char *out, size_t size)
{
	char version[MCUBOOT_VERSION_TEXT], at[CLOCK_TEXT_SIZE], hex[2 * SHA256_SIZE + 1];
	const struct release *r = &b->release;

	mcuboot_version_print(&r->version, version);
	clock_print(v->published_at, at);
	hex_encode(r->image_digest, SHA256_SIZE, hex);
	switch (link) {
	case LINK_FORM:
		snprintf(out, size, "whole, nothing left over");
		break;
	case LINK_FLOOR:
		snprintf(out, size, "%s %s, security counter %u%s", r->product, version,
			r->security_counter,
			opt.product == NULL && !opt.floor_counter.set && opt.floor_version == NULL ?
				" (nothing was demanded)" :
				"");
		break;
	case LINK_LOG:
		snprintf(out, size,
			"entry %" PRIu64 " of %" PRIu64 ", dated %s, names every part below; the "
			"checkpoint is signed by the log's key",
			v->log_index, v->log_size, at);
		break;
	case LINK_PEOPLE:
		people_text(&v->people, out, size);
		break;
	case LINK_CHAIN:
		snprintf(out, size, "%s was issued by the root for code signing", v->signer);
		break;
	case LINK_SIGNATURE:
		snprintf(out, size, "made with that certificate over SHA-256 %s", hex);
		break;
	default:
		snprintf(out, size, "%" PRIu64 " bytes, exactly the approved ones (%s)",
			b->image_size, release_format_name(r->format));
		break;
	}
}

/* A line for people, or a member of the chain. */
static void add_link(const struct cli *c, yyjson_mut_doc *doc, yyjson_mut_val *list, enum link link,
	const char *state, const char *text)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, list);

	if (!c->json) {
		printf("%6s  %-17s  ", state, link_names[link]);
		out_clean(stdout, text);
		putchar('\n');
	}
	yyjson_mut_obj_add_str(doc, o, "link", link_names[link]);
	yyjson_mut_obj_add_str(doc, o, "state", state);
	yyjson_mut_obj_add_strcpy(doc, o, "why", text);
}

/* `b` and `v` are NULL when they did not come to be. */
static enum err_code print_chain(const struct cli *c, const char *path, const struct bundle *b,
	const struct bundle_verdict *v, const struct err *why, struct err *e)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *o = yyjson_mut_obj(doc), *list;
	enum link bad = why != NULL ? link_of(why->code) : LINK_COUNT;
	char text[TEXT_MAX], id[RELEASE_ID_SIZE];

	yyjson_mut_doc_set_root(doc, o);
	yyjson_mut_obj_add_str(doc, o, "bundle", path);
	yyjson_mut_obj_add_bool(doc, o, "verified", why == NULL);
	if (why != NULL)
		yyjson_mut_obj_add_str(doc, o, "error", err_name(why->code));
	if (b != NULL) {
		release_id(b->parts.statement, id);
		yyjson_mut_obj_add_strcpy(doc, o, "release", id);
	}
	list = yyjson_mut_obj_add_arr(doc, o, "chain");
	if (!c->json && b != NULL)
		printf("release %s\n", id);
	for (int i = 0; i < LINK_COUNT; i++) {
		enum link link = (enum link)i;
		if (why == NULL) {
			good_text(b, v, link, text, sizeof(text));
			add_link(c, doc, list, link, "ok", text);
		} else if (link == bad) {
			snprintf(text, sizeof(text), "%s%s%s", err_sentence(why->code),
				why->reason[0] != '\0' ? ": " : "", why->reason);
			add_link(c, doc, list, link, "NOT OK", text);
		} else {
			add_link(c, doc, list, link, link < bad && bad != LINK_COUNT ? "ok" : "-",
				link < bad && bad != LINK_COUNT ? "" : "not looked at");
		}
	}
	if (c->json)
		return out_doc(c, doc, e);
	yyjson_mut_doc_free(doc);
	printf("%s\n", why == NULL ? "verified" : "NOT verified");
	return ERR_OK;
}

/* ---- trust ---- */

struct trust {
	struct cert root;
	struct buf crl;
	struct bundle_trust t;
};

static void trust_free(struct trust *t)
{
	cert_free(&t->root);
	buf_free(&t->crl);
}

static enum err_code trust_open(struct trust *t, struct err *e)
{
	enum err_code rc;

	*t = (struct trust){.crl = buf_new(BUF_MAX_DEFAULT)};
	t->t.root = &t->root;
	t->t.approvals = opt.approvals.set ? (unsigned)opt.approvals.v : APPROVALS_DEFAULT;
	t->t.product = opt.product;
	t->t.now = clock_now(clock_system());
	t->t.has_floor = opt.floor_counter.set || opt.floor_version != NULL;
	t->t.min_security_counter = (uint32_t)opt.floor_counter.v;
	if (opt.approvals.set && (opt.approvals.v == 0 || opt.approvals.v > APPROVALS_MAX))
		return err_set(e, ERR_USAGE, "--approvals", "1 to %d", APPROVALS_MAX);
	if (opt.floor_counter.v > UINT32_MAX)
		return err_set(e, ERR_USAGE, "--floor-counter", "at most %u", UINT32_MAX);
	rc = cert_load(opt.root, &t->root, e);
	if (rc == ERR_OK)
		rc = trust_log_key(opt.log_key, &t->t.log_key, e);
	if (rc == ERR_OK && opt.floor_version != NULL)
		rc = mcuboot_version_parse(opt.floor_version, &t->t.min_version, e);
	if (rc == ERR_OK && opt.crl != NULL) {
		rc = trust_crl(opt.crl, &t->crl, e);
		t->t.root_crl = buf_view(&t->crl);
	}
	if (rc != ERR_OK)
		trust_free(t);
	return rc;
}

/* ---- extract ---- */

static enum err_code write_part(const struct folder *f, const char *name, struct bytes data,
	struct err *e)
{
	char path[PATH_MAX];
	enum err_code rc = path_join(path, f->temp, name, e);

	return rc == ERR_OK ? disk_write_new(path, 0644, data, e) : rc;
}

static enum err_code write_image(const struct folder *f, const struct bundle *b, struct err *e)
{
	struct pending file = {.fd = -1};
	char path[PATH_MAX];
	enum err_code rc = path_join(path, f->temp, "image", e);

	if (rc == ERR_OK)
		rc = pending_start(&file, path, 0644, false, e);
	if (rc == ERR_OK)
		rc = bundle_extract(b, file.fd, e);
	if (rc == ERR_OK)
		return pending_keep(&file, e);
	pending_drop(&file);
	return rc;
}

/* Image, and each part in a form that other programs check: openssl cms, openssl verify. */
static enum err_code extract(const struct bundle *b, struct err *e)
{
	const struct bundle_parts *p = &b->parts;
	struct folder f = {0};
	struct buf pem = buf_new(2 * CERT_DER_MAX);
	bool plain = b->release.format == RELEASE_PLAIN;
	enum err_code rc = folder_start(&f, opt.extract, e);

	if (rc == ERR_OK)
		rc = write_image(&f, b, e);
	if (rc == ERR_OK)
		rc = write_part(&f, "statement.json", p->statement, e);
	if (rc == ERR_OK)
		rc = write_part(&f, "proposal.json", p->proposal, e);
	for (size_t i = 0; i < p->approvals_n && rc == ERR_OK; i++) {
		char name[40];
		snprintf(name, sizeof(name), "approval-%zu.json", i + 1);
		rc = write_part(&f, name, p->approvals[i], e);
	}
	if (rc == ERR_OK)
		rc = write_part(&f, plain ? "signature.p7s" : "signature.der", p->signature, e);
	if (rc == ERR_OK)
		rc = cert_to_pem(p->code_signing, &pem, e);
	if (rc == ERR_OK)
		rc = write_part(&f, "code-signing.pem", buf_view(&pem), e);
	if (rc == ERR_OK)
		rc = write_part(&f, "entry.json", p->entry, e);
	if (rc == ERR_OK)
		rc = write_part(&f, "proof.txt", p->proof, e);
	if (rc == ERR_OK)
		rc = folder_keep(&f, e);
	if (rc != ERR_OK)
		folder_drop(&f);
	buf_free(&pem);
	return rc;
}

/* ---- the command ---- */

static enum err_code judge(const struct cli *c, const char *path, int fd, const struct trust *t,
	struct err *e)
{
	struct bundle b;
	struct bundle_verdict *v = calloc(1, sizeof(*v));
	struct err why = {0};
	enum err_code rc, printed;

	if (v == NULL)
		return err_set(e, ERR_NO_MEMORY, path, "to judge it");
	rc = bundle_open(fd, &b, &why);
	if (rc != ERR_OK) {
		printed = c->json ? ERR_OK : print_chain(c, path, NULL, NULL, &why, e);
		free(v);
		*e = why;
		return printed == ERR_OK ? rc : printed;
	}
	rc = bundle_verify(&b, &t->t, v, &why);
	if (rc == ERR_OK)
		rc = print_chain(c, path, &b, v, NULL, &why);
	else if (!c->json) /* with --json the error is the one object that is printed */
		printed = print_chain(c, path, &b, v, &why, e);
	if (rc == ERR_OK && opt.extract != NULL)
		rc = extract(&b, &why);
	bundle_free(&b);
	free(v);
	if (rc != ERR_OK)
		*e = why;
	return rc;
}

static enum err_code run(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct trust t;
	int fd;
	enum err_code rc = trust_open(&t, e);

	if (rc != ERR_OK)
		return rc;
	fd = open(o->v[0], O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		rc = err_sys(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, o->v[0], errno,
			"cannot open");
	} else {
		rc = judge(c, o->v[0], fd, &t, e);
		close(fd);
	}
	trust_free(&t);
	return rc;
}

const struct command command_release_verify = {
	.words = "release verify",
	.operands = "BUNDLE",
	.min = 1,
	.max = 1,
	.summary = "Verify a bundle offline, link by link",
	.args = args,
	.run = run,
};

enum err_code release_verify_fetched(const char *operator_dir, const char *id, int fd,
	struct err *e)
{
	struct cert root = {0};
	struct bundle_trust t = {.root = &root, .approvals = APPROVALS_DEFAULT,
		.now = clock_now(clock_system())};
	struct bundle b;
	char path[PATH_MAX], is[RELEASE_ID_SIZE];
	enum err_code rc = path_join(path, operator_dir, "ca.pem", e);

	if (rc == ERR_OK)
		rc = cert_load(path, &root, e);
	if (rc == ERR_OK)
		rc = path_join(path, operator_dir, "log.vkey", e);
	if (rc == ERR_OK)
		rc = trust_log_key(path, &t.log_key, e);
	if (rc == ERR_OK)
		rc = bundle_open(fd, &b, e);
	if (rc != ERR_OK)
		goto out;
	rc = bundle_verify(&b, &t, NULL, e);
	release_id(b.parts.statement, is);
	if (rc == ERR_OK && strcmp(is, id) != 0)
		rc = err_set(e, ERR_BUNDLE_FORM, id, "the server sent the bundle of %s", is);
	bundle_free(&b);
out:
	cert_free(&root);
	return rc;
}
