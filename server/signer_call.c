/* The entries of a CRL and a list of approvals on their way to the signer. */
#include "server/signer_call.h"

#include <stdlib.h>
#include <string.h>

#include "server/wire.h"

/* An entry of MSG_SIGN_CRL: u32 length and serialNumber in hex, u64 seconds, u8 reason. */
#define CRL_ENTRY_MIN (4 + 1 + 8 + 1)

enum err_code call_crl_encode(const struct crl_fields *f, struct message *m, struct err *e)
{
	struct buf b = buf_new(CALL_CRL_MAX);
	for (size_t i = 0; i < f->entries_n; i++) {
		const struct crl_entry *c = &f->entries[i];
		buf_field(&b, bytes_str(c->serial));
		buf_u64be(&b, (uint64_t)c->revoked_at);
		buf_u8(&b, (uint8_t)c->reason);
	}
	*m = wire_message(MSG_SIGN_CRL, 0);
	m->n = 3;
	m->f[0].num = f->number;
	m->f[1].num = (uint64_t)f->this_update;
	m->f[2].num = (uint64_t)f->next_update;
	enum err_code rc = buf_end(&b, e, "crl");
	if (rc == ERR_OK)
		rc = memfd_make("crl", buf_view(&b), &m->fd, e);
	buf_free(&b);
	return rc;
}

static enum err_code take_entry(struct reader *r, struct crl_entry *out, struct err *e)
{
	struct bytes serial = read_field(r, CERT_SERIAL_HEX - 1);
	out->revoked_at = (int64_t)read_u64be(r);
	out->reason = read_u8(r);
	if (r->bad || serial.len == 0)
		return err_set(e, ERR_PROTOCOL, "sign-crl", "an entry of another form");
	memcpy(out->serial, serial.p, serial.len);
	out->serial[serial.len] = '\0';
	return ERR_OK;
}

static enum err_code take_entries(struct bytes data, struct crl_entry *out, size_t max, size_t *n,
	struct err *e)
{
	struct reader r = reader_of(data);
	*n = 0;
	while (reader_left(&r) > 0) {
		if (*n == max || take_entry(&r, &out[*n], e) != ERR_OK)
			return err_set(e, ERR_PROTOCOL, "sign-crl", "entry %zu", *n);
		(*n)++;
	}
	return ERR_OK;
}

enum err_code call_crl_parse(const struct message *m, struct crl_fields *out, struct err *e)
{
	struct bytes data;
	size_t n = 0;

	enum err_code rc = memfd_map(m->fd, CALL_CRL_MAX, &data, e);
	if (rc != ERR_OK)
		return rc;
	size_t max = data.len / CRL_ENTRY_MIN;
	struct crl_entry *entries = calloc(max + 1, sizeof(*entries));
	if (entries == NULL)
		rc = err_set(e, ERR_NO_MEMORY, "sign-crl", "%zu bytes of entries", data.len);
	else
		rc = take_entries(data, entries, max, &n, e);
	memfd_unmap(data);
	if (rc != ERR_OK) {
		free(entries);
		return rc;
	}
	*out = (struct crl_fields){
		.number = m->f[0].num,
		.this_update = (int64_t)m->f[1].num,
		.next_update = (int64_t)m->f[2].num,
		.entries = entries,
		.entries_n = n,
	};
	return ERR_OK;
}

enum err_code call_approvals_encode(const struct bytes *approvals, size_t n, struct buf *out,
	struct err *e)
{
	for (size_t i = 0; i < n; i++)
		buf_field(out, approvals[i]);
	return buf_end(out, e, "approvals");
}

enum err_code call_approvals_parse(struct bytes field, struct bytes *out, size_t max, size_t *n,
	struct err *e)
{
	struct reader r = reader_of(field);
	size_t found = 0;

	while (!r.bad && reader_left(&r) > 0) {
		if (found == max)
			return err_set(e, ERR_PROTOCOL, "approvals", "more than %zu", max);
		out[found++] = read_field(&r, MESSAGE_MAX);
	}
	if (r.bad)
		return err_set(e, ERR_PROTOCOL, "approvals", "cut off");
	*n = found;
	return ERR_OK;
}
