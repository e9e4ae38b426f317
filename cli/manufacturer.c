/* medseal manufacturer: whose factory certificates (IDevIDs, IEEE 802.1AR) are believed. */
#include "cli/call.h"
#include "cli/file.h"
#include "x509/cert.h"

static struct {
	const char *cert;
} opt;

static const struct arg add_args[] = {
	{"cert", 0, ARG_TEXT, true, &opt.cert, "FILE", "certificate of the CA that signs its IDevIDs"},
	{.name = NULL},
};

static enum err_code run_add(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct buf pem = buf_new(2 * CERT_DER_MAX), body = buf_new(4 * CERT_DER_MAX);
	struct cert cert = {0};
	enum err_code rc = cert_load(opt.cert, &cert, e); /* PEM or DER */

	if (rc == ERR_OK)
		rc = cert_to_pem(cert.der, &pem, e);
	if (rc == ERR_OK)
		rc = call_body(&body, e, "name", o->v[0], "cert", buf_cstr(&pem), NULL);
	if (rc == ERR_OK)
		rc = call_print(c, "/v1/manufacturers", buf_view(&body), e);
	cert_free(&cert);
	buf_free(&pem);
	buf_free(&body);
	return rc;
}

const struct command command_manufacturer_add = {
	.words = "manufacturer add",
	.operands = "NAME",
	.min = 1,
	.max = 1,
	.summary = "Believe a manufacturer's certificates for devices registered with its name",
	.args = add_args,
	.online = true,
	.run = run_add,
};

static enum err_code run_list(struct cli *c, const struct arg_operands *o, struct err *e)
{
	(void)o;
	return call_print(c, "/v1/manufacturers", BYTES_NONE, e);
}

const struct command command_manufacturer_list = {
	.words = "manufacturer list",
	.operands = "",
	.summary = "List the manufacturers",
	.online = true,
	.run = run_list,
};
