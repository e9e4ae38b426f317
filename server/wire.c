#include "server/wire.h"

#include <string.h>

_Static_assert(MESSAGE_SPKI_MAX >= KEY_SPKI_MAX, "a key must fit its field");
_Static_assert(MESSAGE_CERT_MAX >= CERT_DER_MAX, "a certificate must fit its field");
_Static_assert(MESSAGE_BODY_MAX >= API_BODY_MAX, "an API body must fit its field");
_Static_assert(MESSAGE_TEXT_MAX >= API_TEXT_MAX, "an API text must fit its field");
_Static_assert(MESSAGE_TEXT_MAX >= ERR_OBJECT_MAX, "an error's object must fit its field");
_Static_assert(MESSAGE_REASON_MAX >= ERR_REASON_MAX, "an error's reason must fit its field");
_Static_assert(MESSAGE_HASH_SIZE == SHA256_SIZE, "fingerprints are SHA-256");
_Static_assert(MESSAGE_SERIAL_SIZE == CERT_SERIAL_SIZE, "serial numbers are of one size");

struct message wire_message(enum message_type type, uint32_t id)
{
	return (struct message){.type = type, .id = id, .fd = -1};
}

static void put_num(struct message *m, uint64_t v)
{
	m->f[m->n++].num = v;
}

static void put_bytes(struct message *m, struct bytes v)
{
	m->f[m->n++].bytes = v;
}

static void put_text(struct message *m, const char *s)
{
	put_bytes(m, bytes_str(s));
}

/* Copy a text field with its terminator; the table allows more than some structs hold. */
static enum err_code get_text(const struct message *m, size_t i, char *out, size_t size,
	struct err *e)
{
	struct bytes v = m->f[i].bytes;
	if (v.len >= size)
		return err_set(e, ERR_PROTOCOL, message_name(m->type),
			"text field %zu has %zu bytes, limit %zu", i, v.len, size - 1);
	if (v.len > 0)
		memcpy(out, v.p, v.len);
	out[v.len] = '\0';
	return ERR_OK;
}

#define GET_TEXT(m, i, array, e) get_text((m), (i), (array), sizeof(array), (e))

void wire_enrol_put(const struct enrol_request *r, struct message *out)
{
	out->n = 0;
	put_num(out, (uint64_t)r->op);
	put_num(out, (uint64_t)r->peer);
	put_bytes(out, bytes_of(r->peer_fingerprint, SHA256_SIZE));
	put_text(out, r->peer_manufacturer);
	put_text(out, r->peer_serial);
	put_bytes(out, r->peer_subject);
	put_bytes(out, r->peer_san);
	put_text(out, r->ticket_serial);
	put_text(out, r->ticket);
	put_bytes(out, r->spki);
	put_bytes(out, r->csr_subject);
	put_bytes(out, r->csr_san);
	put_text(out, r->csr_common_name);
	put_text(out, r->csr_serial);
	put_bytes(out, r->peer_spki);
}

enum err_code wire_enrol_get(const struct message *m, struct enrol_request *out, struct err *e)
{
	struct enrol_request r = {0};
	if (m->f[0].num > ENROL_RE || m->f[1].num > PEER_MANUFACTURER)
		return err_set(e, ERR_PROTOCOL, message_name(m->type), "no such operation or peer");
	r.op = (enum enrol_op)m->f[0].num;
	r.peer = (enum peer_kind)m->f[1].num;
	memcpy(r.peer_fingerprint, m->f[2].bytes.p, SHA256_SIZE);
	r.peer_subject = m->f[5].bytes;
	r.peer_san = m->f[6].bytes;
	r.spki = m->f[9].bytes;
	r.csr_subject = m->f[10].bytes;
	r.csr_san = m->f[11].bytes;
	r.peer_spki = m->f[14].bytes;
	if (GET_TEXT(m, 3, r.peer_manufacturer, e) != ERR_OK ||
		GET_TEXT(m, 4, r.peer_serial, e) != ERR_OK ||
		GET_TEXT(m, 7, r.ticket_serial, e) != ERR_OK ||
		GET_TEXT(m, 8, r.ticket, e) != ERR_OK ||
		GET_TEXT(m, 12, r.csr_common_name, e) != ERR_OK ||
		GET_TEXT(m, 13, r.csr_serial, e) != ERR_OK)
		return ERR_PROTOCOL;
	if (r.peer == PEER_MANUFACTURER && r.peer_spki.len == 0)
		return err_set(e, ERR_PROTOCOL, message_name(m->type), "an IDevID without its key");
	*out = r;
	return ERR_OK;
}

void wire_call_put(const struct api_call *c, struct message *out)
{
	out->n = 0;
	put_num(out, (uint64_t)c->op);
	put_bytes(out, bytes_of(c->operator_fingerprint, SHA256_SIZE));
	put_text(out, c->a);
	put_text(out, c->b);
	put_text(out, c->c);
	put_num(out, c->n);
	put_num(out, c->m);
	put_bytes(out, c->body);
}

enum err_code wire_call_get(const struct message *m, struct api_call *out, struct err *e)
{
	struct api_call c = {.n = m->f[5].num, .m = m->f[6].num, .body = m->f[7].bytes};
	if (m->f[0].num >= API_OP_COUNT)
		return err_set(e, ERR_PROTOCOL, message_name(m->type), "no such operation");
	c.op = (enum api_op)m->f[0].num;
	memcpy(c.operator_fingerprint, m->f[1].bytes.p, SHA256_SIZE);
	if (GET_TEXT(m, 2, c.a, e) != ERR_OK || GET_TEXT(m, 3, c.b, e) != ERR_OK ||
		GET_TEXT(m, 4, c.c, e) != ERR_OK)
		return ERR_PROTOCOL;
	*out = c;
	return ERR_OK;
}

void wire_cert_put(const struct cert_fields *f, struct buf *names, struct message *out)
{
	buf_reset(names);
	for (size_t i = 0; f->names != NULL && f->names[i] != NULL; i++)
		buf_field(names, bytes_str(f->names[i]));
	out->n = 0;
	put_num(out, (uint64_t)f->profile);
	put_bytes(out, bytes_of(f->serial, CERT_SERIAL_SIZE));
	put_text(out, f->organization);
	put_text(out, f->common_name);
	put_text(out, f->device_serial);
	put_num(out, (uint64_t)f->not_before);
	put_num(out, (uint64_t)f->not_after);
	put_bytes(out, f->spki);
	put_bytes(out, buf_view(names));
	put_text(out, f->crl_url);
}

static enum err_code get_names(const struct message *m, struct wire_cert *c, struct err *e)
{
	struct reader in = reader_of(m->f[8].bytes);
	size_t n = 0;
	while (reader_left(&in) > 0 && n < WIRE_NAMES_MAX) {
		struct bytes name = read_field(&in, MESSAGE_TEXT_MAX);
		if (name.len > 0 && memchr(name.p, 0, name.len) == NULL) {
			memcpy(c->names[n], name.p, name.len);
			c->names[n][name.len] = '\0';
			c->names_list[n] = c->names[n];
			n++;
		} else {
			in.bad = true;
		}
	}
	if (in.bad || reader_left(&in) > 0)
		return err_set(e, ERR_PROTOCOL, message_name(m->type), "its names are not a list");
	c->names_list[n] = NULL;
	c->fields.names = n > 0 ? c->names_list : NULL;
	return ERR_OK;
}

static const char *or_null(const char *s)
{
	return s[0] != '\0' ? s : NULL;
}

enum err_code wire_cert_get(const struct message *m, struct wire_cert *out, struct err *e)
{
	if (m->f[0].num >= PROFILE_COUNT)
		return err_set(e, ERR_PROTOCOL, message_name(m->type), "no such profile");
	if (GET_TEXT(m, 2, out->organization, e) != ERR_OK ||
		GET_TEXT(m, 3, out->common_name, e) != ERR_OK ||
		GET_TEXT(m, 4, out->device_serial, e) != ERR_OK ||
		GET_TEXT(m, 9, out->crl_url, e) != ERR_OK || get_names(m, out, e) != ERR_OK)
		return ERR_PROTOCOL;
	struct cert_fields *f = &out->fields;
	f->profile = (enum profile)m->f[0].num;
	memcpy(f->serial, m->f[1].bytes.p, CERT_SERIAL_SIZE);
	f->organization = or_null(out->organization);
	f->common_name = or_null(out->common_name);
	f->device_serial = or_null(out->device_serial);
	f->not_before = (int64_t)m->f[5].num;
	f->not_after = (int64_t)m->f[6].num;
	f->spki = m->f[7].bytes;
	f->crl_url = or_null(out->crl_url);
	return ERR_OK;
}

void wire_refusal_put(const struct err *why, unsigned retry_after, struct message *out)
{
	out->n = 0;
	put_text(out, err_name(why->code));
	put_text(out, why->object);
	put_text(out, why->reason);
	put_num(out, retry_after);
}

enum err_code wire_refusal_get(const struct message *m, struct err *why, unsigned *retry_after)
{
	char name[MESSAGE_TEXT_MAX + 1];
	struct err e = {.code = ERR_INTERNAL};
	if (GET_TEXT(m, 0, name, NULL) == ERR_OK)
		e.code = err_from_name(name);
	if (e.code == ERR_OK) /* a refusal is never a success */
		e.code = ERR_INTERNAL;
	if (GET_TEXT(m, 1, e.object, NULL) != ERR_OK)
		e.object[0] = '\0';
	if (GET_TEXT(m, 2, e.reason, NULL) != ERR_OK)
		e.reason[0] = '\0';
	*retry_after = m->f[3].num <= 3600 ? (unsigned)m->f[3].num : 3600;
	*why = e;
	return e.code;
}
