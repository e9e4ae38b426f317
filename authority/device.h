/* The register of devices and manufacturers, and one-time tickets. */
#ifndef AUTHORITY_DEVICE_H
#define AUTHORITY_DEVICE_H

#include "authority/enrol.h"

/* A ticket is 160 random bits as 8 groups of 4 base32 digits (RFC 4648 §6): "ABCD-EFGH-...". */
#define TICKET_BYTES 20
#define TICKET_TEXT_SIZE 40

/* 1 to 64 of [A-Za-z0-9._:-], the first a letter or digit; ERR_SERIAL_FORM. */
MUST_USE enum err_code device_serial_check(const char *serial, struct err *e);

/* The device, when it is registered and not revoked: ERR_DEVICE_UNKNOWN, ERR_DEVICE_REVOKED. */
MUST_USE enum err_code device_open(struct authority *a, const char *serial, struct device *d,
	struct err *e);
/* Each is one act with one log entry, by `actor` ("operator:alice"), in the caller's transaction. */
MUST_USE enum err_code device_add(struct authority *a, const char *actor, const char *serial,
	const char *product, const char *manufacturer, struct device *out, struct err *e);
/* `lifetime` in seconds; 0: the policy's.  `text` is a secret: shown once, then wiped. */
MUST_USE enum err_code device_ticket(struct authority *a, const char *actor, const char *serial,
	int64_t lifetime, char text[TICKET_TEXT_SIZE], int64_t *expires_at, struct err *e);
MUST_USE enum err_code manufacturer_add(struct authority *a, const char *actor, const char *name,
	struct bytes cert_der, struct err *e);

/* What is kept of a ticket: SHA-256 of its 20 bytes.  Case and '-' do not matter; ERR_TICKET_UNKNOWN
 * for what is no ticket at all. */
MUST_USE enum err_code ticket_hash(const char *text, uint8_t out[SHA256_SIZE], struct err *e);

#endif
