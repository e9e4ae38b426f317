#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "cli/out.h"

#define WORD_MAX 64 /* "manufacturer list" and an end */

static struct cli cli;

static const struct arg common_args[] = {
	{"json", 0, ARG_FLAG, false, &cli.json, NULL, "print the result as one JSON object"},
	{"quiet", 'q', ARG_FLAG, false, &cli.quiet, NULL, "print results and errors only"},
	{"help", 'h', ARG_FLAG, false, &cli.help, NULL, "print this text"},
	{.name = NULL},
};

static const struct arg start_args[] = {
	{"version", 'V', ARG_FLAG, false, &cli.version, NULL, "print the version"},
	{.name = NULL},
};

static const struct arg online_args[] = {
	{"json", 0, ARG_FLAG, false, &cli.json, NULL, "print the result as one JSON object"},
	{"quiet", 'q', ARG_FLAG, false, &cli.quiet, NULL, "print results and errors only"},
	{"help", 'h', ARG_FLAG, false, &cli.help, NULL, "print this text"},
	{"operator", 0, ARG_TEXT, false, &cli.operator_dir, "DIR",
		"the operator's folder; else $MEDSEAL_OPERATOR"},
	{"passphrase-file", 0, ARG_TEXT, false, &cli.passphrase_file, "FILE",
		"passphrase of the operator's key; else asked"},
	{"server", 0, ARG_TEXT, false, &cli.server, "HOST:PORT",
		"another server than client.conf names"},
	{.name = NULL},
};

const struct command *const commands[] = {
	&command_init,
	&command_status,
	&command_device_add,
	&command_device_list,
	&command_device_show,
	&command_device_ticket,
	&command_device_release,
	&command_device_revoke,
	&command_manufacturer_add,
	&command_manufacturer_list,
	&command_operator_list,
	&command_operator_add,
	&command_operator_revoke,
	&command_operator_crl,
	&command_release_propose,
	&command_release_list,
	&command_release_show,
	&command_release_approve,
	&command_release_publish,
	&command_release_fetch,
	&command_release_verify,
	&command_log_show,
	&command_log_prove,
	&command_log_export,
	&command_log_verify,
	&command_keys_lists,
	&command_keys_import,
	&command_keys_audit,
	&command_entropy_assess,
	&command_entropy_watch,
	NULL,
};

static void help_all(FILE *f, const char *group)
{
	size_t len = group != NULL ? strlen(group) : 0;

	fprintf(f, "usage: medseal %s%sCOMMAND [OPTIONS]\n\n", group != NULL ? group : "",
		group != NULL ? " " : "");
	for (size_t i = 0; commands[i] != NULL; i++) {
		const char *words = commands[i]->words;
		if (len > 0 && (strncmp(words, group, len) != 0 || words[len] != ' '))
			continue;
		fprintf(f, "  medseal %-20s %s\n", words, commands[i]->summary);
	}
	fprintf(f, "\n`medseal COMMAND --help` tells the options of one.\n");
	if (group == NULL) {
		args_help(f, common_args);
		args_help(f, start_args);
	}
}

static void help_one(FILE *f, const struct command *cmd)
{
	fprintf(f, "usage: medseal %s%s%s [OPTIONS]\n\n%s\n\n", cmd->words,
		cmd->operands[0] != '\0' ? " " : "", cmd->operands, cmd->summary);
	args_help(f, cmd->args);
	args_help(f, cmd->online ? online_args : common_args);
}

static bool is_group(const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strncmp(commands[i]->words, word, len) == 0 && commands[i]->words[len] == ' ')
			return true;
	}
	return false;
}

/* The command that argv[0] (and argv[1]) name; `used` is how many words that took. */
static const struct command *find(int argc, char **argv, int *used)
{
	char two[WORD_MAX];

	snprintf(two, sizeof(two), "%s %s", argv[0], argc > 1 ? argv[1] : "");
	for (size_t i = 0; commands[i] != NULL; i++) {
		if (strcmp(commands[i]->words, argv[0]) == 0) {
			*used = 1;
			return commands[i];
		}
		if (strcmp(commands[i]->words, two) == 0) {
			*used = 2;
			return commands[i];
		}
	}
	return NULL;
}

static enum err_code run_command(const struct command *cmd, int argc, char **argv, struct err *e)
{
	struct arg_operands operands = {NULL, 0};
	enum err_code rc;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			help_one(stdout, cmd);
			return ERR_OK;
		}
		if (strcmp(argv[i], "--json") == 0)
			cli.json = true; /* known before an error has to be said */
	}
	rc = args_parse(cmd->args, cmd->online ? online_args : common_args, false, argc, argv, &operands,
		e);
	if (rc != ERR_OK)
		return rc;
	if (operands.n < cmd->min)
		return err_set(e, ERR_USAGE, cmd->words, "it needs %s; see --help", cmd->operands);
	if (operands.n > cmd->max)
		return err_set(e, ERR_USAGE, operands.v[cmd->max], "one word too many; see --help");
	if (cli.operator_dir == NULL)
		cli.operator_dir = getenv("MEDSEAL_OPERATOR");
	return cmd->run(&cli, &operands, e);
}

static enum err_code dispatch(int argc, char **argv, struct err *e)
{
	struct arg_operands words;
	const struct command *cmd;
	int used = 0;
	enum err_code rc = args_parse(common_args, start_args, true, argc, argv, &words, e);

	if (rc != ERR_OK)
		return rc;
	if (cli.version) {
		puts("medseal " MEDSEAL_VERSION);
		return ERR_OK;
	}
	if (words.n == 0) {
		if (!cli.help)
			return err_set(e, ERR_USAGE, NULL, "a command is needed; see medseal --help");
		help_all(stdout, NULL);
		return ERR_OK;
	}
	argv += argc - (int)words.n;
	argc = (int)words.n;
	cmd = find(argc, argv, &used);
	if (cmd != NULL && cli.help) {
		help_one(stdout, cmd);
		return ERR_OK;
	}
	if (cmd != NULL)
		return run_command(cmd, argc - used + 1, argv + used - 1, e);
	if (!is_group(argv[0]))
		return err_set(e, ERR_USAGE, argv[0], "there is no such command; see medseal --help");
	if (cli.help || (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))) {
		help_all(stdout, argv[0]);
		return ERR_OK;
	}
	if (argc == 1)
		return err_set(e, ERR_USAGE, argv[0], "what of it? see medseal %s --help", argv[0]);
	return err_set(e, ERR_USAGE, argv[1], "there is no such command; see medseal %s --help",
		argv[0]);
}

int cli_run(int argc, char **argv)
{
	struct err e = {0};
	enum err_code rc;

	umask(077); /* whatever is written is the caller's alone unless a file says otherwise */
	rc = mem_protect_process(&e);
	if (rc == ERR_OK)
		rc = dispatch(argc, argv, &e);
	if (rc == ERR_OK && fflush(stdout) != 0)
		rc = err_set(&e, ERR_IO, "standard output", "cannot write");
	if (rc != ERR_OK)
		out_err(&cli, &e);
	return rc == ERR_OK ? cli.status : err_exit(rc);
}
