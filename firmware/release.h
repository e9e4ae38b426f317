/*
 * The release statement: what people approve and the signer signs (docs/spec/release.md).  One
 * line of JSON with a fixed order of members and no space, so that the fields decide the bytes:
 *
 *   {"v":1,"product":"pump","version":"1.2.3+4","security_counter":7,"format":"mcuboot",
 *    "image":{"sha256":"<hex>","size":81920}}
 *
 * For "plain" the image is any file.  For "mcuboot" it is the prepared image (firmware/mcuboot.h):
 * header, body and protected TLVs, so that its SHA-256 is the very digest that a bootloader checks
 * the signature of.
 */
#ifndef FIRMWARE_RELEASE_H
#define FIRMWARE_RELEASE_H

#include "base/bytes.h"
#include "crypto/hash.h"
#include "verify/verify.h"

#define RELEASE_STATEMENT_VERSION 1
#define RELEASE_STATEMENT_MAX 512 /* bytes of the longest statement, rounded up */
#define RELEASE_PRODUCT_MAX 64
#define RELEASE_ID_SIZE 33 /* 32 hex digits and a terminator */
#define RELEASE_IMAGE_MAX ((uint64_t)1 << 40) /* no file is larger; a realm sets less */

enum release_format { RELEASE_PLAIN, RELEASE_MCUBOOT };

struct release {
	char product[RELEASE_PRODUCT_MAX + 1]; /* [A-Za-z0-9._-], not starting with '.' or '-' */
	struct verify_version version;
	uint32_t security_counter;
	enum release_format format;
	uint8_t image_digest[SHA256_SIZE];
	uint64_t image_size;
};

/* Strict: encoding what was read must give the same bytes; ERR_RELEASE_STATEMENT. */
MUST_USE enum err_code release_parse(struct bytes statement, struct release *out, struct err *e);
/* Are the fields in range?  (release_parse and release_encode ask this too.) */
MUST_USE enum err_code release_check(const struct release *r, struct err *e);
/*
 * Is the file `fd` the image of `r`?  Size and digest (ERR_RELEASE_IMAGE), and for "mcuboot" that
 * it is a prepared image whose header and SEC_CNT say version and counter of the statement
 * (ERR_IMAGE_FORMAT, ERR_IMG_*, ERR_RELEASE_IMAGE).  The position of `fd` is not moved.
 */
MUST_USE enum err_code release_check_image(const struct release *r, int fd, struct err *e);
/* Append the statement to `out`. */
MUST_USE enum err_code release_encode(const struct release *r, struct buf *out, struct err *e);
/* Lines "name: value" for people. */
void release_print(const struct release *r, struct buf *out);

bool release_product_ok(const char *product);
const char *release_format_name(enum release_format f); /* "plain", "mcuboot" */
MUST_USE bool release_format_parse(const char *name, enum release_format *out);
/* A release's name everywhere: the first 32 hex digits of the statement's SHA-256. */
void release_id(struct bytes statement, char out[RELEASE_ID_SIZE]);
/* Negative, 0 or positive as `a` is older than, equal to or newer than `b`: counter, then version. */
int release_compare(const struct release *a, const struct release *b);

#endif
