/* What every subcommand gets: the common options, and how a subcommand is described. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/bytes.h"
#include "cli/args.h"

struct cli {
	bool json;  /* results as one JSON object on standard output */
	bool quiet; /* results and errors only */
	bool help;
	bool version;
	int status; /* exit status of a command that was done and has bad news; else 0 */
	const char *operator_dir; /* whose identity: --operator, else $MEDSEAL_OPERATOR */
	const char *passphrase_file;
	const char *server; /* instead of the one in the operator's client.conf */
};

struct command {
	const char *words;    /* "device add" */
	const char *operands; /* as help shows them; "" for none */
	size_t min, max;      /* how many operands */
	const char *summary;
	const struct arg *args; /* its own options; NULL: none */
	bool online;            /* talks to the server: takes --operator and its like */
	enum err_code (*run)(struct cli *c, const struct arg_operands *operands, struct err *e);
};

/* In the order of --help; a NULL row ends it. */
extern const struct command *const commands[];

extern const struct command command_init, command_status;
extern const struct command command_device_add, command_device_list, command_device_show,
	command_device_ticket, command_device_release, command_device_revoke;
extern const struct command command_manufacturer_add, command_manufacturer_list;
extern const struct command command_operator_list, command_operator_add, command_operator_revoke,
	command_operator_crl;
extern const struct command command_release_propose, command_release_list, command_release_show,
	command_release_approve, command_release_publish, command_release_fetch,
	command_release_verify;
extern const struct command command_log_show, command_log_prove, command_log_export,
	command_log_verify;
extern const struct command command_entropy_assess, command_entropy_watch;
extern const struct command command_keys_lists, command_keys_import;
extern const struct command command_keys_audit;

/* The whole program; returns its exit status. */
int cli_run(int argc, char **argv);

#endif
