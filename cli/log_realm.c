#include "cli/log_realm.h"

#include <stdlib.h>

#include "authority/realm.h"
#include "cli/file.h"
#include "cli/trust.h"

enum err_code log_realm_open(const char *dir, struct log_realm *out, struct err *e)
{
	struct realm *realm = malloc(sizeof(*realm));
	struct log_realm r = {.store = NULL};
	char path[PATH_MAX];
	enum err_code rc;

	if (realm == NULL)
		return err_set(e, ERR_NO_MEMORY, dir, "to open it");
	rc = realm_open(dir, realm, e); /* owner and modes */
	free(realm);
	if (rc == ERR_OK)
		rc = path_join(path, dir, "certs/log.vkey", e);
	if (rc == ERR_OK)
		rc = trust_log_key(path, &r.key, e);
	if (rc == ERR_OK)
		rc = path_join(path, dir, "medseal.db", e);
	if (rc == ERR_OK)
		rc = store_open_read_only(path, &r.store, e);
	if (rc == ERR_OK)
		*out = r;
	return rc;
}

void log_realm_close(struct log_realm *r)
{
	store_close(r->store);
	r->store = NULL;
}

enum err_code log_check_proof(struct bytes proof, struct bytes entry, const struct note_key *k,
	uint64_t *seq, struct err *e)
{
	struct tlog_proof p;
	struct checkpoint c;
	struct entry *en;
	enum err_code rc = tlog_proof_parse(proof, &p, e);

	if (rc == ERR_OK)
		rc = checkpoint_check(p.checkpoint, k, &c, e);
	if (rc == ERR_OK)
		rc = merkle_check_inclusion(merkle_leaf(entry), p.index, c.size, &p.path, c.root, e);
	if (rc != ERR_OK)
		return rc;
	en = malloc(sizeof(*en));
	if (en == NULL)
		return err_set(e, ERR_NO_MEMORY, "entry", "to read it");
	rc = entry_parse(entry, en, e);
	if (rc == ERR_OK && en->seq != p.index)
		rc = err_set(e, ERR_LOG_PROOF, "entry", "it says another number than the proof");
	free(en);
	if (rc == ERR_OK && seq != NULL)
		*seq = p.index;
	return rc;
}
