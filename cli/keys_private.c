/* The private halves of broken keys, into a file that only its owner reads. */
#include "cli/keys.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "keycheck/recover.h"

/* A PKCS#8 of RECOVER_BITS_MAX in base64, and its line. */
#define PEM_MAX ((size_t)1 << 20)

struct keys_private {
	struct pending file;
	struct buf pem;
	uint64_t written;
};

enum err_code private_begin(const char *path, struct keys_private **out, struct err *e)
{
	struct keys_private *p = calloc(1, sizeof(*p));
	enum err_code rc;

	if (p == NULL)
		return err_set(e, ERR_NO_MEMORY, path, "private keys");
	p->pem = buf_new_secret(PEM_MAX);
	rc = pending_start(&p->file, path, 0600, false, e);
	if (rc != ERR_OK) {
		free(p);
		return rc;
	}
	*out = p;
	return ERR_OK;
}

/* The text in p->pem, with the key's id before it. */
static enum err_code put(struct keys_private *p, const uint8_t id[SHA256_SIZE], struct err *e)
{
	char line[2 * SHA256_SIZE + 1];
	struct bytes b = buf_view(&p->pem);

	hex_encode(id, SHA256_SIZE, line);
	if (dprintf(p->file.fd, "# key %s\n", line) < 0)
		return err_sys(e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, p->file.path, errno,
			"cannot write");
	while (b.len > 0) {
		ssize_t n = write(p->file.fd, b.p, b.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, p->file.path,
				errno, "cannot write");
		b = bytes_of(b.p + n, b.len - (size_t)n);
	}
	p->written++;
	return ERR_OK;
}

struct trying {
	struct keys_private *p;
	const struct pubkey *k;
	enum err_code rc;
	struct err *e;
};

/* Any of the shared factors will do: the first that leads to a key. */
static void try_factor(void *arg, const struct group *g)
{
	struct trying *t = arg;

	if (t->rc != ERR_NOT_FOUND)
		return;
	buf_reset(&t->p->pem);
	t->rc = recover_rsa(t->k, buf_view(&g->factor), &t->p->pem, t->e);
	if (t->rc == ERR_OK)
		t->rc = put(t->p, t->k->id, t->e);
}

enum err_code private_rsa(struct audit *a, struct err *e)
{
	for (size_t i = 0; i < a->shared.hit_n; i++) {
		uint32_t m = a->shared.hit[i];
		for (uint32_t n = keyset_modulus_first(a->set, m); n != KEYSET_NONE;
			n = keyset_modulus_next(a->set, n)) {
			struct pubkey k;
			struct trying t = {a->private_out, &k, ERR_NOT_FOUND, e};
			enum err_code rc = keyset_key(a->set, n, &k, e);
			if (rc != ERR_OK)
				return rc;
			shared_groups(&a->shared, m, try_factor, &t);
			if (t.rc != ERR_OK && t.rc != ERR_NOT_FOUND)
				return t.rc;
		}
	}
	return ERR_OK;
}

enum err_code private_ec(
	struct keys_private *p, struct bytes spki, struct bytes number, struct err *e)
{
	uint8_t id[SHA256_SIZE];
	enum err_code rc;

	buf_reset(&p->pem);
	rc = recover_ec(spki, number, &p->pem, e);
	if (rc == ERR_NOT_FOUND)
		return ERR_OK;
	sha256_of(spki, id);
	return rc != ERR_OK ? rc : put(p, id, e);
}

enum err_code private_keep(struct keys_private *p, uint64_t *written, struct err *e)
{
	enum err_code rc = pending_keep(&p->file, e);

	*written = p->written;
	buf_free(&p->pem);
	free(p);
	return rc;
}

void private_drop(struct keys_private *p)
{
	if (p == NULL)
		return;
	pending_drop(&p->file);
	buf_free(&p->pem);
	free(p);
}
