/* medseal init, between its files: what was asked for (init.c) and what is made of it (init_fill.c). */
#ifndef CLI_INIT_H
#define CLI_INIT_H

#include "authority/realm.h"
#include "cli/ceremony.h"
#include "cli/cli.h"
#include "cli/file.h"

struct init {
	const struct arg_list *people; /* the operators' names */
	const char *user;              /* who is to own the realm; NULL: the caller */
	int64_t now;
	struct config config;
	char origin[NOTE_ORIGIN_MAX + 1];
	char admin_address[CONFIG_ADDRESS_MAX];
	struct folder realm, root_folder, operators;
	struct buf passphrase, root_passphrase;
	struct buf operator_passphrase[ARG_LIST_MAX];
	struct root root;
	struct key *issuing, *code_signing, *log, *tls;
	struct buf issuing_der, code_signing_der, tls_der;
	struct buf operator_der[ARG_LIST_MAX];
	struct note_key log_key;
	struct buf vkey;
};

/* Everything into the three folders, under their temporary names. */
MUST_USE enum err_code init_fill(struct init *in, struct err *e);

#endif
