/*
 * The structs of the other rooms as messages and back: what a worker, the keeper and the signer
 * write and read.  Views in what is read point into the message.
 */
#ifndef SERVER_WIRE_H
#define SERVER_WIRE_H

#include "authority/enrol.h"
#include "ipc/message.h"
#include "protocol/api.h"

/* An empty message of a type. */
struct message wire_message(enum message_type type, uint32_t id);

void wire_enrol_put(const struct enrol_request *r, struct message *out);
MUST_USE enum err_code wire_enrol_get(const struct message *m, struct enrol_request *out,
	struct err *e);

/* The descriptor is the caller's to add. */
void wire_call_put(const struct api_call *c, struct message *out);
MUST_USE enum err_code wire_call_get(const struct message *m, struct api_call *out, struct err *e);

/* `names` is scratch that lives as long as the message. */
void wire_cert_put(const struct cert_fields *f, struct buf *names, struct message *out);

/* cert_fields with room for its texts. */
#define WIRE_NAMES_MAX 16
struct wire_cert {
	struct cert_fields fields; /* points into this struct and into the message */
	char organization[MESSAGE_TEXT_MAX + 1];
	char common_name[MESSAGE_TEXT_MAX + 1];
	char device_serial[MESSAGE_TEXT_MAX + 1];
	char crl_url[MESSAGE_TEXT_MAX + 1];
	char names[WIRE_NAMES_MAX][MESSAGE_TEXT_MAX + 1];
	const char *names_list[WIRE_NAMES_MAX + 1];
};
MUST_USE enum err_code wire_cert_get(const struct message *m, struct wire_cert *out,
	struct err *e);

/* A refusal; reading one gives the code it names (ERR_INTERNAL for a name we do not know). */
void wire_refusal_put(const struct err *why, unsigned retry_after, struct message *out);
enum err_code wire_refusal_get(const struct message *m, struct err *why, unsigned *retry_after);

#endif
