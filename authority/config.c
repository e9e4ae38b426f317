/* medseal.conf: one table says name, form, bounds and comment of every setting. */
#include <stddef.h>
#include <string.h>

#include "authority/realm.h"

#define DAY ((int64_t)86400)
#define MIB ((uint64_t)1 << 20)

enum kind { K_TEXT, K_NAMES, K_COUNT, K_DURATION, K_SECONDS, K_SIZE, K_LOG_FORMAT, K_LOG_LEVEL,
	K_KEY_POLICY, K_LARGE_COUNT };

struct setting {
	const char *key;
	enum kind kind;
	size_t at;   /* offset in struct config */
	size_t size; /* of a text */
	uint64_t min; /* of a text: shortest length */
	uint64_t max;
	const char *comment;
};

#define TEXT(key, field, min, comment)                                                             \
	{key, K_TEXT, offsetof(struct config, field), sizeof(((struct config *)0)->field), min,    \
		sizeof(((struct config *)0)->field) - 1, comment}
#define NUMBER(key, kind, field, min, max, comment)                                                \
	{key, kind, offsetof(struct config, field), 0, (uint64_t)(min), (uint64_t)(max), comment}

static const struct setting settings[] = {
	TEXT("name", name, 1, "The realm's name: O= in every certificate. Fixed when the realm is made."),
	TEXT("listen.est", listen_est, 3,
		"HOST:PORT of the listener for devices, TLS 1.3. Port 0: any free one."),
	TEXT("listen.est_compat", listen_est_compat, 0,
		"HOST:PORT for devices with old clients, which know TLS 1.2 only. Empty: off."),
	TEXT("listen.admin", listen_admin, 3, "HOST:PORT of the listener for operators, TLS 1.3."),
	{"server.names", K_NAMES, offsetof(struct config, server_names), 0, 1, CONFIG_NAMES_MAX,
		"DNS names and IP addresses in the server's certificate, separated by commas."},
	NUMBER("server.workers", K_COUNT, workers, 0, CONFIG_WORKERS_MAX,
		"Worker processes. 0: one a processor."),
	TEXT("server.user", user, 0,
		"Whom to become when started as root. Empty: starting as root is refused."),
	{"log.format", K_LOG_FORMAT, offsetof(struct config, log_format), 0, 0, 0,
		"Operating log on standard error: logfmt or json."},
	{"log.level", K_LOG_LEVEL, offsetof(struct config, log_level), 0, 0, 0,
		"Least level that is written: debug, info, warn or error."},
	TEXT("crl.url", crl_url, 0,
		"Where devices' certificates say that the CRL is. Empty: they do not say."),
	NUMBER("crl.lifetime", K_DURATION, crl_lifetime, 3600, 90 * DAY,
		"How long a CRL is valid. A new one is made when half of it is over: 1h to 90d."),
	NUMBER("ticket.lifetime", K_DURATION, ticket_lifetime, 60, 90 * DAY,
		"How long a one-time ticket is valid when nothing else is asked for: 1m to 90d."),
	NUMBER("ticket.lifetime_max", K_DURATION, ticket_lifetime_max, 60, 90 * DAY,
		"The longest that may be asked for."),
	NUMBER("release.approvals", K_COUNT, approvals, 2, 8,
		"How many people beside the proposer must approve a release: 2 to 8."),
	NUMBER("release.image_max", K_SIZE, image_max, 1024, 4096 * MIB,
		"The largest firmware image: 1KiB to 4096MiB."),
	{"keys.policy", K_KEY_POLICY, offsetof(struct config, key_policy), 0, 0, 0,
		"What follows when a device's key is weak or shares a prime: refuse, quarantine or alarm.\n"
		"# refuse: no certificate; quarantine: nor for another key of that device, until\n"
		"# 'medseal device release'; alarm: a certificate all the same, and an entry in the logs."},
	NUMBER("keys.inline_max", K_LARGE_COUNT, keys_inline_max, 1, 100000000,
		"Up to so many RSA keys a new one is compared with all while its device waits; with more\n"
		"# the device is told to come back (202) and all such keys are compared together."),
	TEXT("keys.lists", key_lists, 0,
		"Folder of the lists of keys known to be bad. Empty: the one that came with the program."),
	NUMBER("connections.max", K_COUNT, connections_max, 16, 1000000,
		"Connections of one worker. When there are more, the oldest idle or unfinished one is closed."),
	NUMBER("connections.idle_timeout", K_SECONDS, idle_timeout, 1, 86400,
		"How long a connection may wait between requests: 1s to 1d."),
	NUMBER("connections.request_timeout", K_SECONDS, request_timeout, 1, 3600,
		"How long a handshake or a request may take: 1s to 1h."),
};

#define SETTINGS_N (sizeof(settings) / sizeof(settings[0]))

static const char *const log_formats[] = {[LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json"};
static const char *const log_levels[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};
static const char *const key_policies[] = {
	[DOOR_REFUSE] = "refuse", [DOOR_QUARANTINE] = "quarantine", [DOOR_ALARM] = "alarm"};

void config_default(struct config *c)
{
	*c = (struct config){
		.listen_est = "0.0.0.0:8443",
		.listen_est_compat = "",
		.listen_admin = "127.0.0.1:8444",
		.server_names = {"localhost"},
		.server_names_n = 1,
		.log_format = LOG_LOGFMT,
		.log_level = LOG_INFO,
		.crl_lifetime = 7 * DAY,
		.ticket_lifetime = 7 * DAY,
		.ticket_lifetime_max = 30 * DAY,
		.approvals = 2,
		.image_max = 256 * MIB,
		.key_policy = DOOR_REFUSE,
		.keys_inline_max = DOOR_INLINE_MAX,
		.connections_max = 4096,
		.idle_timeout = 60,
		.request_timeout = 30,
	};
}

/* Where a line is: for the error. */
struct place {
	const char *path;
	unsigned line;
	const char *key;
	struct err *e;
};

static enum err_code refuse(const struct place *p, enum err_code code, const char *why)
{
	char object[ERR_OBJECT_MAX];
	struct buf b = buf_new(sizeof(object));
	buf_printf(&b, "%s:%u", p->path, p->line);
	enum err_code rc = err_set(p->e, code, b.bad ? p->path : buf_cstr(&b), "%s%s%s",
		p->key != NULL ? p->key : "", p->key != NULL ? ": " : "", why);
	buf_free(&b);
	return rc;
}

/* Decimal digits and then one of the units (or nothing); false when it is anything else. */
struct unit {
	const char *name;
	uint64_t times;
};

static const struct unit duration_units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
static const struct unit size_units[] = {{"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}};
static const struct unit no_units[] = {{"", 1}};

static bool number_parse(const char *s, const struct unit *units, size_t n, uint64_t *out)
{
	uint64_t v = 0;
	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		if (v > UINT64_MAX / 100)
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
	}
	for (size_t i = 0; i < n; i++) {
		if (strcmp(s, units[i].name) == 0 && v <= UINT64_MAX / units[i].times) {
			*out = v * units[i].times;
			return true;
		}
	}
	return false;
}

static void number_print(uint64_t v, const struct unit *units, size_t n, struct buf *out)
{
	size_t i = 0;
	while (i + 1 < n && (v == 0 || v % units[i].times != 0))
		i++;
	buf_printf(out, "%llu%s", (unsigned long long)(v / units[i].times), units[i].name);
}

static void units_of(enum kind k, const struct unit **units, size_t *n)
{
	bool count = k == K_COUNT || k == K_LARGE_COUNT;
	*units = count ? no_units : k == K_SIZE ? size_units : duration_units;
	*n = count ? 1 : k == K_SIZE ? 3 : 4;
}

static enum err_code number_set(const struct setting *s, const char *value, void *field,
	const struct place *p)
{
	uint64_t v;
	size_t n;
	const struct unit *units;
	units_of(s->kind, &units, &n);
	if (!number_parse(value, units, n, &v))
		return refuse(p, ERR_CONFIG_VALUE, n == 1 ? "it must be a number" :
			s->kind == K_SIZE ? "it must be a number with B, KiB or MiB" :
			"it must be a number with d, h, m or s");
	if (v < s->min || v > s->max)
		return refuse(p, ERR_CONFIG_VALUE, "it is out of range; see the comment above it");
	switch (s->kind) {
	case K_SIZE:
	case K_LARGE_COUNT:
		*(uint64_t *)field = v;
		break;
	case K_DURATION:
		*(int64_t *)field = (int64_t)v;
		break;
	default:
		*(unsigned *)field = (unsigned)v;
	}
	return ERR_OK;
}

static bool printable(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

/* "HOST:PORT" or "[IPv6]:PORT", the port at most 65535. */
static bool address_ok(const char *s)
{
	uint64_t port;
	const char *colon = strrchr(s, ':');
	if (colon == NULL || colon == s || !number_parse(colon + 1, no_units, 1, &port) ||
		port > UINT16_MAX || strpbrk(s, " \t") != NULL)
		return false;
	if (s[0] == '[')
		return colon[-1] == ']' && colon - s > 2;
	return strchr(s, ':') == colon;
}

static enum err_code text_set(const struct setting *s, const char *value, char *field,
	const struct place *p)
{
	size_t n = strlen(value);
	if (n < s->min || n >= s->size || !printable(value))
		return refuse(p, ERR_CONFIG_VALUE, "it is empty, too long or not printable");
	if (strncmp(s->key, "listen.", 7) == 0 && n > 0 && !address_ok(value))
		return refuse(p, ERR_CONFIG_VALUE, "it must be HOST:PORT or [IPv6]:PORT");
	memcpy(field, value, n + 1);
	return ERR_OK;
}

/* One name of the list, without the white space around it. */
static enum err_code name_add(struct config *c, const char *from, size_t n, const struct place *p)
{
	while (n > 0 && *from == ' ') {
		from++;
		n--;
	}
	while (n > 0 && from[n - 1] == ' ')
		n--;
	if (n == 0 || n >= CONFIG_ADDRESS_MAX || c->server_names_n == CONFIG_NAMES_MAX)
		return refuse(p, ERR_CONFIG_VALUE, "a name is empty or too long, or there are too "
			"many");
	char *to = c->server_names[c->server_names_n++];
	memcpy(to, from, n);
	to[n] = '\0';
	return strchr(to, ' ') == NULL && printable(to) ? ERR_OK :
		refuse(p, ERR_CONFIG_VALUE, "a name has no space in it");
}

static enum err_code names_set(struct config *c, const char *value, const struct place *p)
{
	c->server_names_n = 0;
	for (;;) {
		size_t n = strcspn(value, ",");
		enum err_code rc = name_add(c, value, n, p);
		if (rc != ERR_OK)
			return rc;
		if (value[n] == '\0')
			return ERR_OK;
		value += n + 1;
	}
}

static bool choice_parse(const char *value, const char *const *names, int n, int *out)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(value, names[i]) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

static enum err_code setting_set(const struct setting *s, const char *value, struct config *c,
	const struct place *p)
{
	int choice = 0;
	switch (s->kind) {
	case K_TEXT:
		return text_set(s, value, (char *)c + s->at, p);
	case K_NAMES:
		return names_set(c, value, p);
	case K_LOG_FORMAT:
		if (!choice_parse(value, log_formats, LOG_JSON + 1, &choice))
			return refuse(p, ERR_CONFIG_VALUE, "it must be logfmt or json");
		c->log_format = (enum log_format)choice;
		return ERR_OK;
	case K_LOG_LEVEL:
		if (!choice_parse(value, log_levels, LOG_ERROR + 1, &choice))
			return refuse(p, ERR_CONFIG_VALUE, "it must be debug, info, warn or error");
		c->log_level = (enum log_level)choice;
		return ERR_OK;
	case K_KEY_POLICY:
		if (!choice_parse(value, key_policies, DOOR_ALARM + 1, &choice))
			return refuse(p, ERR_CONFIG_VALUE, "it must be refuse, quarantine or alarm");
		c->key_policy = (enum door_policy)choice;
		return ERR_OK;
	default:
		return number_set(s, value, (char *)c + s->at, p);
	}
}

/* "key = value" in `line`, which is cut up; which setting it is, in `which`. */
static enum err_code line_split(char *line, char **value, size_t *which, struct place *p)
{
	char *eq = strchr(line, '=');
	if (eq == NULL)
		return refuse(p, ERR_CONFIG_SYNTAX, "a line is 'key = value' or begins with '#'");
	char *end = eq;
	while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	*value = eq + 1 + strspn(eq + 1, " \t");
	for (size_t i = 0; i < SETTINGS_N; i++) {
		if (strcmp(line, settings[i].key) == 0) {
			*which = i;
			p->key = settings[i].key;
			return ERR_OK;
		}
	}
	p->key = line;
	return refuse(p, ERR_CONFIG_KEY, "there is no such setting");
}

static enum err_code line_parse(char *line, struct config *c, bool seen[SETTINGS_N],
	struct place *p)
{
	char *value = NULL;
	size_t which = 0, n = strlen(line);
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r'))
		line[--n] = '\0';
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#')
		return ERR_OK;
	enum err_code rc = line_split(line, &value, &which, p);
	if (rc != ERR_OK)
		return rc;
	if (seen[which])
		return refuse(p, ERR_CONFIG_VALUE, "it stands here twice");
	seen[which] = true;
	return setting_set(&settings[which], value, c, p);
}

static enum err_code whole_check(const struct config *c, const bool seen[SETTINGS_N],
	struct place *p)
{
	p->key = "name";
	if (!seen[0])
		return refuse(p, ERR_CONFIG_VALUE, "it is missing");
	p->key = "ticket.lifetime";
	if (c->ticket_lifetime > c->ticket_lifetime_max)
		return refuse(p, ERR_CONFIG_VALUE, "it is longer than ticket.lifetime_max");
	return ERR_OK;
}

enum err_code config_parse(const char *path, struct bytes text, struct config *out, struct err *e)
{
	struct config c;
	bool seen[SETTINGS_N] = {false};
	struct place p = {path, 0, NULL, e};
	struct buf copy = buf_new(CONFIG_FILE_MAX);
	config_default(&c);
	buf_bytes(&copy, text);
	enum err_code rc = buf_end(&copy, e, path);
	if (rc == ERR_OK && memchr(copy.p != NULL ? (const char *)copy.p : "", 0, copy.len) != NULL)
		rc = refuse(&p, ERR_CONFIG_SYNTAX, "it holds a zero byte");
	if (rc != ERR_OK)
		goto out;
	buf_u8(&copy, 0);
	if (copy.bad) {
		rc = buf_end(&copy, e, path);
		goto out;
	}
	for (char *line = (char *)copy.p; rc == ERR_OK && line != NULL;) {
		char *end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		p.line++;
		p.key = NULL;
		rc = line_parse(line, &c, seen, &p);
		line = end;
	}
	if (rc == ERR_OK)
		rc = whole_check(&c, seen, &p);
	if (rc == ERR_OK)
		*out = c;
out:
	buf_free(&copy);
	return rc;
}

static void value_print(const struct setting *s, const struct config *c, struct buf *out)
{
	size_t n;
	const struct unit *units;
	const void *field = (const char *)c + s->at;
	switch (s->kind) {
	case K_TEXT:
		buf_str(out, field);
		return;
	case K_NAMES:
		for (size_t i = 0; i < c->server_names_n; i++)
			buf_printf(out, "%s%s", i > 0 ? ", " : "", c->server_names[i]);
		return;
	case K_LOG_FORMAT:
		buf_str(out, log_formats[c->log_format]);
		return;
	case K_LOG_LEVEL:
		buf_str(out, log_levels[c->log_level]);
		return;
	case K_KEY_POLICY:
		buf_str(out, key_policies[c->key_policy]);
		return;
	default:
		units_of(s->kind, &units, &n);
		number_print(s->kind == K_SIZE || s->kind == K_LARGE_COUNT ? *(const uint64_t *)field :
			s->kind == K_DURATION ? (uint64_t)*(const int64_t *)field :
			*(const unsigned *)field, units, n, out);
	}
}

enum err_code config_print(const struct config *c, struct buf *out, struct err *e)
{
	buf_str(out, "# Settings of this realm (docs/spec/config.md). A line is 'key = value'; what\n"
		"# is not named here has its default. medseald reads it when it starts and at SIGHUP.\n");
	for (size_t i = 0; i < SETTINGS_N; i++) {
		buf_printf(out, "\n# %s\n%s =", settings[i].comment, settings[i].key);
		size_t before = out->len;
		buf_u8(out, ' ');
		value_print(&settings[i], c, out);
		if (!out->bad && out->len == before + 1)
			out->len = before; /* no space at the end of an empty value */
		buf_u8(out, '\n');
	}
	return buf_end(out, e, CONFIG_FILE);
}
