#include "ipc/message.h"

#include <string.h>

enum field_kind { F_NUM, F_BYTES, F_TEXT };

struct field {
	const char *name;
	enum field_kind kind;
	uint32_t min; /* bytes; of F_BYTES and F_TEXT */
	uint32_t max;
};

enum fd_rule { FD_NONE, FD_MUST, FD_MAY };

/* Who may send to whom, as one bit a pair. */
#define WAY(from, to) (1u << ((unsigned)(from) * ROLE_COUNT + (unsigned)(to)))
#define TO_PARENT                                                                                  \
	(WAY(ROLE_WORKER, ROLE_PARENT) | WAY(ROLE_KEEPER, ROLE_PARENT) |                           \
		WAY(ROLE_SIGNER, ROLE_PARENT))
#define FROM_PARENT                                                                                \
	(WAY(ROLE_PARENT, ROLE_WORKER) | WAY(ROLE_PARENT, ROLE_KEEPER) |                           \
		WAY(ROLE_PARENT, ROLE_SIGNER))
#define TO_KEEPER WAY(ROLE_WORKER, ROLE_KEEPER)
#define FROM_KEEPER WAY(ROLE_KEEPER, ROLE_WORKER)
#define KEEPER_ASKS WAY(ROLE_KEEPER, ROLE_SIGNER)

#define NUM(n) {(n), F_NUM, 0, 0}
#define BYTES(n, max) {(n), F_BYTES, 0, (max)}
#define SOME(n, max) {(n), F_BYTES, 1, (max)}
#define FIXED(n, size) {(n), F_BYTES, (size), (size)}
#define TEXT(n) {(n), F_TEXT, 0, MESSAGE_TEXT_MAX}
#define REASON(n) {(n), F_TEXT, 0, MESSAGE_REASON_MAX}

struct row {
	const char *name;
	unsigned ways;
	enum fd_rule fd;
	struct field f[MESSAGE_FIELDS_MAX];
};

static const struct row rows[MSG_COUNT] = {
	[MSG_READY] = {"ready", TO_PARENT, FD_NONE, {{0}}},
	[MSG_PEER] = {"peer", FROM_PARENT, FD_MUST, {NUM("role"), NUM("slot")}},
	[MSG_STOP] = {"stop", FROM_PARENT, FD_NONE, {NUM("grace")}},
	[MSG_POLICY] = {"policy", WAY(ROLE_PARENT, ROLE_KEEPER), FD_NONE,
		{NUM("ticket_lifetime"), NUM("ticket_lifetime_max"), NUM("crl_lifetime"),
			NUM("image_max")}},
	[MSG_TLS_SIGN] = {"tls-sign", WAY(ROLE_WORKER, ROLE_SIGNER), FD_NONE,
		{NUM("scheme"), SOME("tbs", MESSAGE_TBS_MAX)}},
	[MSG_TLS_SIGNED] = {"tls-signed", WAY(ROLE_SIGNER, ROLE_WORKER), FD_NONE,
		{SOME("signature", MESSAGE_SIG_MAX)}},
	[MSG_TRUST] = {"trust", FROM_KEEPER, FD_MUST, {NUM("generation")}},
	[MSG_ENROL] = {"enrol", TO_KEEPER, FD_NONE,
		{NUM("op"), NUM("peer"), FIXED("peer_fingerprint", MESSAGE_HASH_SIZE),
			TEXT("peer_manufacturer"), TEXT("peer_serial"),
			BYTES("peer_subject", MESSAGE_NAME_MAX), BYTES("peer_san", MESSAGE_NAME_MAX),
			TEXT("ticket_serial"), TEXT("ticket"), SOME("spki", MESSAGE_SPKI_MAX),
			BYTES("csr_subject", MESSAGE_NAME_MAX), BYTES("csr_san", MESSAGE_NAME_MAX),
			TEXT("csr_common_name"), TEXT("csr_serial"),
			BYTES("peer_spki", MESSAGE_SPKI_MAX)}},
	[MSG_ENROLLED] = {"enrolled", FROM_KEEPER, FD_NONE,
		{SOME("certificate", MESSAGE_CERT_MAX)}},
	[MSG_SELF] = {"self", TO_KEEPER, FD_NONE, {FIXED("fingerprint", MESSAGE_HASH_SIZE)}},
	[MSG_CRL] = {"crl", TO_KEEPER, FD_NONE, {{0}}},
	[MSG_CALL] = {"call", TO_KEEPER, FD_MAY,
		{NUM("op"), FIXED("operator_fingerprint", MESSAGE_HASH_SIZE), TEXT("a"), TEXT("b"),
			TEXT("c"), NUM("n"), NUM("m"), BYTES("body", MESSAGE_BODY_MAX)}},
	[MSG_RESULT] = {"result", FROM_KEEPER, FD_MAY,
		{NUM("status"), TEXT("content_type"), BYTES("body", MESSAGE_BODY_MAX)}},
	[MSG_REFUSED] = {"refused",
		FROM_KEEPER | WAY(ROLE_SIGNER, ROLE_KEEPER) | WAY(ROLE_SIGNER, ROLE_WORKER),
		FD_NONE, {TEXT("code"), TEXT("object"), REASON("reason"), NUM("retry_after")}},
	[MSG_SIGN_CERT] = {"sign-cert", KEEPER_ASKS, FD_NONE,
		{NUM("profile"), FIXED("serial", MESSAGE_SERIAL_SIZE), TEXT("organization"),
			TEXT("common_name"), TEXT("device_serial"), NUM("not_before"),
			NUM("not_after"), SOME("spki", MESSAGE_SPKI_MAX),
			BYTES("names", MESSAGE_NAME_MAX), TEXT("crl_url")}},
	[MSG_SIGN_CRL] = {"sign-crl", KEEPER_ASKS, FD_MUST,
		{NUM("number"), NUM("this_update"), NUM("next_update")}},
	[MSG_SIGN_RELEASE] = {"sign-release", KEEPER_ASKS, FD_MUST,
		{SOME("proposal", MESSAGE_ENVELOPE_MAX), BYTES("approvals", MESSAGE_APPROVALS_MAX),
			NUM("at")}},
	[MSG_SIGN_CHECKPOINT] = {"sign-checkpoint", KEEPER_ASKS, FD_NONE,
		{TEXT("origin"), NUM("size"), FIXED("root", MESSAGE_HASH_SIZE)}},
	[MSG_SIGNED] = {"signed", WAY(ROLE_SIGNER, ROLE_KEEPER), FD_MAY,
		{BYTES("made", MESSAGE_BODY_MAX)}},
	[MSG_RENEWED] = {"renewed", WAY(ROLE_KEEPER, ROLE_PARENT), FD_NONE, {{0}}},
};

static const struct row *row_of(enum message_type t)
{
	return t > MSG_NONE && t < MSG_COUNT ? &rows[t] : NULL;
}

static size_t fields_of(const struct row *r)
{
	size_t n = 0;
	while (n < MESSAGE_FIELDS_MAX && r->f[n].name != NULL)
		n++;
	return n;
}

const char *message_name(enum message_type t)
{
	const struct row *r = row_of(t);
	return r != NULL ? r->name : "?";
}

static enum err_code check_fd(const struct row *r, int fd, struct err *e)
{
	if (fd < 0 && r->fd == FD_MUST)
		return err_set(e, ERR_PROTOCOL, r->name, "its descriptor is missing");
	if (fd >= 0 && r->fd == FD_NONE)
		return err_set(e, ERR_PROTOCOL, r->name, "it takes no descriptor");
	return ERR_OK;
}

static enum err_code check_field(const struct row *r, const struct field *f, struct bytes v,
	struct err *e)
{
	if (v.len < f->min || v.len > f->max)
		return err_set(e, ERR_PROTOCOL, r->name, "field %s has %zu bytes, not %u to %u",
			f->name, v.len, f->min, f->max);
	if (f->kind == F_TEXT && v.len > 0 && memchr(v.p, 0, v.len) != NULL)
		return err_set(e, ERR_PROTOCOL, r->name, "field %s has a NUL inside", f->name);
	return ERR_OK;
}

enum err_code message_encode(const struct message *m, struct buf *out, struct err *e)
{
	const struct row *r = row_of(m->type);
	if (r == NULL)
		return err_set(e, ERR_PROTOCOL, "message", "there is no type %u", (unsigned)m->type);
	size_t n = fields_of(r);
	if (m->n != n)
		return err_set(e, ERR_PROTOCOL, r->name, "%zu fields, not %zu", m->n, n);
	if (check_fd(r, m->fd, e) != ERR_OK)
		return ERR_PROTOCOL;
	buf_reset(out);
	buf_u16be(out, (uint16_t)m->type);
	buf_u16be(out, (uint16_t)n);
	buf_u32be(out, m->id);
	for (size_t i = 0; i < n; i++) {
		if (r->f[i].kind == F_NUM) {
			buf_u64be(out, m->f[i].num);
			continue;
		}
		if (check_field(r, &r->f[i], m->f[i].bytes, e) != ERR_OK)
			return ERR_PROTOCOL;
		buf_field(out, m->f[i].bytes);
	}
	return buf_end(out, e, r->name);
}

enum err_code message_parse(struct bytes datagram, int fd, enum role from, enum role to,
	struct message *out, struct err *e)
{
	struct reader in = reader_of(datagram);
	unsigned type = read_u16be(&in);
	size_t n = read_u16be(&in);
	uint32_t id = read_u32be(&in);
	const struct row *r = row_of((enum message_type)type);
	if (in.bad || r == NULL || from >= ROLE_COUNT || to >= ROLE_COUNT)
		return err_set(e, ERR_PROTOCOL, "message", "there is no type %u", type);
	if ((r->ways & WAY(from, to)) == 0)
		return err_set(e, ERR_PROTOCOL, r->name, "role %d may not send it to role %d",
			(int)from, (int)to);
	if (n != fields_of(r))
		return err_set(e, ERR_PROTOCOL, r->name, "%zu fields, not %zu", n, fields_of(r));
	if (check_fd(r, fd, e) != ERR_OK)
		return ERR_PROTOCOL;
	struct message m = {.type = (enum message_type)type, .id = id, .fd = fd, .n = n};
	for (size_t i = 0; i < n; i++) {
		if (r->f[i].kind == F_NUM) {
			m.f[i].num = read_u64be(&in);
			continue;
		}
		m.f[i].bytes = read_field(&in, r->f[i].max);
		if (!in.bad && check_field(r, &r->f[i], m.f[i].bytes, e) != ERR_OK)
			return ERR_PROTOCOL;
	}
	if (in.bad || reader_left(&in) != 0)
		return err_set(e, ERR_PROTOCOL, r->name, "%s", in.bad ?
			"it ends too early or a field is too long" : "bytes follow after its end");
	*out = m;
	return ERR_OK;
}

static void print_ways(unsigned ways, struct buf *out)
{
	static const char *const names[ROLE_COUNT] = {"parent", "worker", "keeper", "signer"};
	const char *between = "";
	for (unsigned from = 0; from < ROLE_COUNT; from++)
		for (unsigned to = 0; to < ROLE_COUNT; to++)
			if ((ways & WAY(from, to)) != 0) {
				buf_printf(out, "%s%s to %s", between, names[from], names[to]);
				between = ", ";
			}
}

static void print_field(const struct field *f, struct buf *out)
{
	if (f->kind == F_NUM)
		buf_printf(out, "`%s` number", f->name);
	else if (f->min == f->max)
		buf_printf(out, "`%s` %u bytes", f->name, f->max);
	else
		buf_printf(out, "`%s` %s %u..%u", f->name, f->kind == F_TEXT ? "text" : "bytes",
			f->min, f->max);
}

void message_print_table(struct buf *out)
{
	static const char *const fd_names[] = {"", "always", "perhaps"};
	buf_str(out, "| type | name | ways | descriptor | fields |\n|---|---|---|---|---|\n");
	for (unsigned t = MSG_NONE + 1; t < MSG_COUNT; t++) {
		const struct row *r = &rows[t];
		buf_printf(out, "| %u | %s | ", t, r->name);
		print_ways(r->ways, out);
		buf_printf(out, " | %s | ", fd_names[r->fd]);
		for (size_t i = 0; i < fields_of(r); i++) {
			buf_str(out, i > 0 ? ", " : "");
			print_field(&r->f[i], out);
		}
		buf_str(out, " |\n");
	}
}
