/*
 * A realm for tests: real keys, a real database in a folder of its own, a fixed clock, and a signer
 * in this process that does what the signer of medseald does: it checks, builds and signs itself.
 */
#ifndef TESTS_UNIT_AUTHORITY_REALM_MAKER_H
#define TESTS_UNIT_AUTHORITY_REALM_MAKER_H

#include "authority/authority.h"
#include "authority/enrol.h"
#include "firmware/approval.h"
#include "tests/unit/firmware/people.h"

struct test_realm {
	char dir[64];
	int64_t now;
	struct people people;
	struct person issuing, code_signing;
	struct key *log_key;
	struct authority a;
	struct operator_row alice, bob, carol, dave;
	bool signer_fails; /* the next signatures are refused with ERR_UNAVAILABLE */
};

/* Everything must succeed; the clock stands at PEOPLE_NOW. */
void realm_make(struct test_realm *r);
void realm_free(struct test_realm *r);

/* store_begin and store_commit around a call, rolled back when it fails, as the keeper does. */
void realm_begin(struct test_realm *r, struct audit_state *mark);
enum err_code realm_end(struct test_realm *r, const struct audit_state *mark, enum err_code rc);
#define REALM_DO(r, call)                                                                          \
	__extension__({                                                                            \
		struct audit_state mark_;                                                          \
		realm_begin((r), &mark_);                                                          \
		realm_end((r), &mark_, (call));                                                    \
	})

uint64_t realm_log_size(struct test_realm *r);
/* The newest entry; "" as act when there is none. */
void realm_last_entry(struct test_realm *r, struct entry *en);
/* The whole log verifies, leaf by leaf. */
void realm_check_log(struct test_realm *r);

/* An envelope by `p` over the statement of this image, made now. */
struct buf realm_envelope(struct test_realm *r, const struct person *p, enum approval_meaning m,
	const struct release *release);
/* Hand in an image and describe it. */
struct release realm_image(struct test_realm *r, const char *product, struct bytes image,
	enum release_format format, uint8_t minor, uint32_t counter);

/* A request by a device with key `k`, as a worker would pass it on.  `mem` keeps what it views. */
struct request_mem {
	struct buf spki, subject, san;
};
struct enrol_request realm_request(struct test_realm *r, struct request_mem *mem,
	const struct key *k, const char *serial);
/* With the device's present certificate: subject and SAN as in it. */
void realm_request_renew(struct enrol_request *q, struct request_mem *mem, struct bytes cert_der);
void request_free(struct request_mem *mem);

/* decide, sign, commit; `der` may be NULL. */
enum err_code realm_enrol(struct test_realm *r, const struct enrol_request *q, struct buf *der);

#endif
