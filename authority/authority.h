/*
 * What every decision of the authority needs, handed in: store, audit log, clock, policy, and a
 * way to ask the signer.  No sockets, no keys: it is tested without processes.
 */
#ifndef AUTHORITY_AUTHORITY_H
#define AUTHORITY_AUTHORITY_H

#include "audit/log.h"
#include "base/clock.h"
#include "store/store.h"
#include "x509/crl.h"

/* The signer as the authority sees it; each call waits for the answer. */
struct signer_port {
	void *arg;
	enum err_code (*cert)(void *arg, const struct cert_fields *f, struct buf *der,
		struct err *e);
	enum err_code (*crl)(void *arg, const struct crl_fields *f, struct buf *der,
		struct err *e);
	/* Re-checks everything itself; `signature` is CMS DER (plain) or ECDSA DER (mcuboot). */
	enum err_code (*release)(void *arg, struct bytes proposal, const struct bytes *approvals,
		size_t approvals_n, int64_t at, int image_fd, struct buf *signature,
		struct err *e);
	enum err_code (*checkpoint)(void *arg, const struct checkpoint *c, uint8_t sig[64],
		struct err *e);
};

struct authority_policy {
	int64_t ticket_lifetime;     /* seconds; default of `device ticket` */
	int64_t ticket_lifetime_max;
	int64_t crl_lifetime;
	unsigned approvals;          /* how many people beside the proposer; the signer has its own copy */
	uint64_t image_max;          /* bytes */
};

struct keydoor;

struct authority {
	struct store *store;
	struct audit_state audit;
	struct note_key log_key;
	struct clock clock;
	struct signer_port signer;
	struct authority_policy policy;
	char realm[CERT_NAME_MAX + 1]; /* O= of what it issues */
	char crl_url[256];             /* "": none */
	const char *const *server_names; /* NULL-terminated; a view: what the server's certificate names */
	struct bytes tls_spki;           /* a view: the key it is for */
	int images_dir;                /* folder of proposed images, as a descriptor */
	struct bytes root_der;         /* views that outlive the struct */
	struct bytes issuing_der;
	struct bytes code_signing_der;
	struct bytes root_crl;    /* BYTES_NONE: the root has revoked nobody yet */
	struct keydoor *keys;     /* compares keys (authority/keydoor.h); NULL: nobody does */
	struct audit_state undo;  /* as act_begin found it */
	int64_t issuing_ends;     /* notAfter of the issuing CA; 0 until authority_issuing_ends */
};

/*
 * A state change and its log entry are one: act_begin opens a step, act_end appends `en` and closes
 * it (or undoes both when it fails), act_undo drops both.  Nothing is recorded while the clock is
 * not believable: act_begin refuses with ERR_CLOCK.  They run inside the caller's transaction (store_begin), which may hold
 * many acts (group commit); authority_mark/authority_reset put the audit state back when the whole
 * transaction fails.
 */
MUST_USE enum err_code act_begin(struct authority *a, struct err *e);
MUST_USE enum err_code act_end(struct authority *a, struct entry *en, struct err *e);
void act_undo(struct authority *a);
void authority_mark(const struct authority *a, struct audit_state *mark);
void authority_reset(struct authority *a, const struct audit_state *mark);

/* notAfter of the issuing CA: no certificate outlives the CA that issued it. */
MUST_USE enum err_code authority_issuing_ends(struct authority *a, int64_t *ends, struct err *e);

#endif
