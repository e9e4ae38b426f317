/* One function a call; api.c holds the table. */
#ifndef PROTOCOL_API_OPS_H
#define PROTOCOL_API_OPS_H

#include "protocol/json.h"

struct op {
	struct authority *a;
	const struct api_call *c;
	int fd;
	struct operator_row who;
	char actor[ENTRY_ACTOR_MAX + 1];
};

/* api_release.c */
MUST_USE enum err_code op_release_list(struct op *o, struct api_result *out, struct err *e);
MUST_USE enum err_code op_release_propose(struct op *o, struct api_result *out, struct err *e);
MUST_USE enum err_code op_release_show(struct op *o, struct api_result *out, struct err *e);
MUST_USE enum err_code op_release_approve(struct op *o, struct api_result *out, struct err *e);
MUST_USE enum err_code op_release_publish(struct op *o, struct api_result *out, struct err *e);
MUST_USE enum err_code op_release_image(struct op *o, struct api_result *out, struct err *e);
MUST_USE enum err_code op_release_bundle(struct op *o, struct api_result *out, struct err *e);

/* api_log.c */
MUST_USE enum err_code op_status(struct op *o, struct api_result *out, struct err *e);
MUST_USE enum err_code op_log_checkpoint(struct op *o, struct api_result *out, struct err *e);
MUST_USE enum err_code op_log_entries(struct op *o, struct api_result *out, struct err *e);
MUST_USE enum err_code op_log_proof(struct op *o, struct api_result *out, struct err *e);
MUST_USE enum err_code op_log_export(struct op *o, struct api_result *out, struct err *e);

#endif
