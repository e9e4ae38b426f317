#include "cli/identity.h"

#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "crypto/passphrase.h"

#define CLIENT_CONF_MAX 4096
#define PROMPT_MAX 128

/* Without one HTTPS would take port 443, which is nobody's default here. */
static bool has_port(const char *server)
{
	const char *colon = strrchr(server, ':');

	return colon != NULL && colon != server && colon[1] != '\0' &&
		strspn(colon + 1, "0123456789") == strlen(colon + 1);
}

/* "server = HOST:PORT" among comments; anything else is an error. */
static enum err_code parse_conf(const char *path, char *text, char *server, size_t size,
	struct err *e)
{
	char *rest = text, *line;
	unsigned number = 0;

	server[0] = '\0';
	while ((line = strsep(&rest, "\n")) != NULL) {
		char key[16], value[IDENTITY_SERVER_MAX];
		int end = 0;
		number++;
		line += strspn(line, " \t\r");
		if (*line == '\0' || *line == '#')
			continue;
		if (sscanf(line, "%15[a-z_] = %255[^ \t\r]%n", key, value, &end) != 2 ||
			line[end + (int)strspn(line + end, " \t\r")] != '\0')
			return err_set(e, ERR_CONFIG_SYNTAX, path, "line %u", number);
		if (strcmp(key, "server") != 0)
			return err_set(e, ERR_CONFIG_KEY, path, "line %u: %s", number, key);
		if (server[0] != '\0')
			return err_set(e, ERR_CONFIG_VALUE, path, "line %u: server again", number);
		snprintf(server, size, "%s", value);
	}
	if (server[0] == '\0' || !has_port(server))
		return err_set(e, ERR_CONFIG_VALUE, path, "no line \"server = HOST:PORT\"");
	return ERR_OK;
}

static enum err_code read_conf(const char *dir, char *server, size_t size, struct err *e)
{
	struct buf text = buf_new(CLIENT_CONF_MAX);
	char path[PATH_MAX];
	char *copy = NULL;
	enum err_code rc = path_join(path, dir, "client.conf", e);

	if (rc == ERR_OK)
		rc = disk_read(path, CLIENT_CONF_MAX, &text, e);
	if (rc == ERR_OK && memchr(text.p, '\0', text.len) != NULL)
		rc = err_set(e, ERR_CONFIG_SYNTAX, path, "a NUL byte");
	if (rc == ERR_OK) {
		copy = strdup(buf_cstr(&text));
		rc = copy != NULL ? parse_conf(path, copy, server, size, e) :
				    err_set(e, ERR_NO_MEMORY, path, "to read it");
	}
	free(copy);
	buf_free(&text);
	return rc;
}

static enum err_code read_key(const struct cli *c, struct identity *id, struct err *e)
{
	struct buf passphrase = buf_new_secret(PASSPHRASE_MAX);
	char path[PATH_MAX], prompt[PROMPT_MAX];
	uint8_t key[SHA256_SIZE];
	enum err_code rc = path_join(path, id->dir, "key.pem", e);

	snprintf(prompt, sizeof(prompt), "Passphrase of operator %s", id->cert.common_name);
	if (rc == ERR_OK)
		rc = passphrase_read(c->passphrase_file, "medseal-operator", prompt, false,
			&passphrase, e);
	if (rc == ERR_OK)
		rc = key_load(path, buf_view(&passphrase), &id->key, e);
	if (rc == ERR_OK)
		rc = key_id(id->key, key, e);
	if (rc == ERR_OK && memcmp(key, id->cert.spki_id, sizeof(key)) != 0)
		rc = err_set(e, ERR_KEY_FORMAT, path, "it is not the key of cert.pem");
	buf_free(&passphrase);
	return rc;
}

enum err_code identity_open(const struct cli *c, struct identity *out, struct err *e)
{
	struct identity id = {.key = NULL};
	char path[PATH_MAX];
	enum err_code rc;

	if (c->operator_dir == NULL)
		return err_set(e, ERR_USAGE, "--operator",
			"name the folder with your identity, here or in $MEDSEAL_OPERATOR");
	if (strlen(c->operator_dir) >= sizeof(id.dir))
		return err_set(e, ERR_USAGE, "--operator", "the path is too long");
	snprintf(id.dir, sizeof(id.dir), "%s", c->operator_dir);
	rc = path_join(path, id.dir, "cert.pem", e);
	if (rc == ERR_OK)
		rc = cert_load(path, &id.cert, e);
	if (rc == ERR_NOT_FOUND)
		return err_set(e, rc, id.dir,
			"no cert.pem in it; --operator takes one operator's own folder, such as "
			"acme-operators/alice");
	if (rc != ERR_OK)
		return rc;
	if (c->server != NULL && strlen(c->server) >= sizeof(id.server))
		rc = err_set(e, ERR_USAGE, "--server", "too long");
	else if (c->server != NULL && !has_port(c->server))
		rc = err_set(e, ERR_USAGE, "--server", "it takes HOST:PORT, not \"%s\"", c->server);
	else if (c->server != NULL)
		snprintf(id.server, sizeof(id.server), "%s", c->server);
	else
		rc = read_conf(id.dir, id.server, sizeof(id.server), e);
	if (rc == ERR_OK)
		rc = read_key(c, &id, e);
	if (rc != ERR_OK) {
		identity_free(&id);
		return rc;
	}
	*out = id;
	return ERR_OK;
}

void identity_free(struct identity *id)
{
	cert_free(&id->cert);
	key_free(id->key);
	id->key = NULL;
}
