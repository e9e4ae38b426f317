/*
 * Certificate profiles as a table (RFC 5280, IEEE 802.1AR): what each kind of certificate looks
 * like stands here and nowhere else; the signer makes nothing that is not in the table.
 * tests/unit/x509 holds a text snapshot.
 */
#ifndef X509_PROFILE_H
#define X509_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum profile {
	PROFILE_ROOT,         /* offline; self-signed */
	PROFILE_ISSUING,      /* by root; pathLen 0; devices and servers only */
	PROFILE_CODE_SIGNING, /* by root: the issuing CA cannot make one */
	PROFILE_OPERATOR,     /* by root: the issuing CA cannot make one */
	PROFILE_SERVER,       /* by issuing */
	PROFILE_DEVICE,       /* by issuing: LDevID */
	PROFILE_COUNT
};

/*
 * Extended key usage of an operator: 2.25 and a UUID made for Medseal (X.667), so that no other
 * certificate passes for one by accident.
 */
#define PROFILE_OID_OPERATOR "2.25.310206194926841906358214713389184375081"
/* RFC 5280 §4.2.1.12 */
#define PROFILE_OID_SERVER_AUTH "1.3.6.1.5.5.7.3.1"
#define PROFILE_OID_CLIENT_AUTH "1.3.6.1.5.5.7.3.2"
#define PROFILE_OID_CODE_SIGNING "1.3.6.1.5.5.7.3.3"

struct profile_row {
	const char *name;    /* "device" */
	enum profile issuer; /* which CA makes it; itself: self-signed */
	int64_t lifetime;    /* seconds */
	int64_t backdate;    /* seconds that notBefore lies before issuance, for slow clocks */
	bool ca;
	int path_len;        /* for a CA; -1: none */
	unsigned key_usage;  /* OpenSSL's KU_* bits */
	const char *eku;     /* object identifiers, comma-separated; NULL: none */
	bool online;         /* the running signer may make it */
};

const struct profile_row *profile_row(enum profile p);
void profile_print(struct buf *out); /* the table as text */

#endif
