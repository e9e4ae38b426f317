#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/file.h"
#include "cli/out.h"

#define CONNECT_SECONDS 15L /* TCP and TLS, to a server in the same house or country */
#define STALL_SECONDS 60L	/* without a byte: publishing waits for the signer and the disk */
#define ERROR_BODY_MAX 8192
#define KEY_DER_MAX 4096

struct client {
	const struct cli *cli;
	CURL *curl;
	char url_base[IDENTITY_SERVER_MAX + 16];
	struct buf key_der; /* PKCS#8, in clear while the client lives */
	char curl_error[CURL_ERROR_SIZE];
};

/* One exchange: where the body goes. */
struct exchange {
	struct client *cl;
	struct buf *body; /* or */
	int fd;
	struct buf refusal; /* a body that comes with an error status */
	long status;
	int write_errno;
	bool too_long;
	const char *what; /* progress */
	uint64_t size;    /* of what is sent */
	bool sends;
};

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct exchange *x = arg;
	size_t len = size * n;

	if (x->status == 0)
		curl_easy_getinfo(x->cl->curl, CURLINFO_RESPONSE_CODE, &x->status);
	if (x->status >= 300 || x->body != NULL) {
		struct buf *b = x->status >= 300 ? &x->refusal : x->body;
		buf_bytes(b, bytes_of(p, len));
		x->too_long = b->bad;
		return b->bad ? 0 : len;
	}
	for (size_t done = 0; done < len;) {
		ssize_t w = write(x->fd, p + done, len - done);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			x->write_errno = errno;
			return 0;
		}
		done += (size_t)w;
	}
	return len;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
	const struct exchange *x = arg;
	ssize_t r;

	do
		r = read(x->fd, p, size * n);
	while (r < 0 && errno == EINTR);
	return r < 0 ? CURL_READFUNC_ABORT : (size_t)r;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
	curl_off_t up)
{
	const struct exchange *x = arg;

	(void)up_total;
	if (x->what != NULL)
		out_progress(x->cl->cli, x->what, (uint64_t)(x->sends ? up : down),
			x->sends ? x->size : (uint64_t)down_total);
	return 0;
}

static enum err_code curl_code(CURLcode code, const char *text)
{
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return ERR_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
		return ERR_TLS;
	case CURLE_OUT_OF_MEMORY:
		return ERR_NO_MEMORY;
	case CURLE_URL_MALFORMAT:
		return ERR_USAGE;
	case CURLE_WEIRD_SERVER_REPLY:
		return ERR_PROTOCOL;
	default:
		/* In TLS 1.3 a refused client certificate shows only at the first read (RFC 8446 §2). */
		return strstr(text, "alert") != NULL ? ERR_TLS : ERR_NETWORK;
	}
}

static const char *str_or(yyjson_val *o, const char *key, const char *other)
{
	const char *s = yyjson_get_str(yyjson_obj_get(o, key));

	return s != NULL ? s : other;
}

/* {"error":NAME,...} back to the code it was. */
static enum err_code refusal(struct exchange *x, const char *path, struct err *e)
{
	yyjson_doc *doc = yyjson_read((const char *)x->refusal.p, x->refusal.len, 0);
	yyjson_val *o = yyjson_doc_get_root(doc);
	const char *name = str_or(o, "error", NULL);
	enum err_code rc;

	if (name == NULL)
		rc = err_set(e, ERR_PROTOCOL, path,
			"HTTP status %ld without a reason; is this the listener for operators?",
			x->status);
	else if (err_from_name(name) == ERR_OK)
		rc = err_set(e, ERR_PROTOCOL, path, "HTTP status %ld says \"ok\"", x->status);
	else
		rc = err_set(e, err_from_name(name), str_or(o, "object", ""), "%s",
			str_or(o, "reason", ""));
	yyjson_doc_free(doc);
	return rc;
}

static enum err_code exchange_run(struct exchange *x, const char *path, struct err *e)
{
	struct client *cl = x->cl;
	struct buf url = buf_new(4096);
	enum err_code rc = ERR_OK;
	CURLcode code;

	x->refusal = buf_new(ERROR_BODY_MAX);
	buf_printf(&url, "%s%s", cl->url_base, path);
	cl->curl_error[0] = '\0';
	curl_easy_setopt(cl->curl, CURLOPT_URL, buf_cstr(&url));
	curl_easy_setopt(cl->curl, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(cl->curl, CURLOPT_READDATA, x);
	curl_easy_setopt(cl->curl, CURLOPT_XFERINFODATA, x);
	code = curl_easy_perform(cl->curl);
	if (x->what != NULL)
		out_progress_end(cl->cli);
	if (x->status == 0)
		curl_easy_getinfo(cl->curl, CURLINFO_RESPONSE_CODE, &x->status);
	if (x->write_errno != 0)
		rc = err_sys(e, x->write_errno == ENOSPC ? ERR_DISK_FULL : ERR_IO, path,
			x->write_errno, "cannot write what was received");
	else if (x->too_long)
		rc = err_set(e, ERR_LIMIT, path, "the answer is too long");
	else if (x->status >= 300)
		rc = refusal(x, path, e); /* even when the sending was cut short by it */
	else if (code != CURLE_OK)
		rc = err_set(e, curl_code(code, cl->curl_error), cl->url_base + strlen("https://"),
			"%s", cl->curl_error[0] != '\0' ? cl->curl_error : curl_easy_strerror(code));
	else if (x->status < 200)
		rc = err_set(e, ERR_PROTOCOL, path, "HTTP status %ld", x->status);
	buf_free(&x->refusal);
	buf_free(&url);
	return rc;
}

static enum err_code reply_json(struct buf *body, const char *path, yyjson_doc **out, struct err *e)
{
	*out = yyjson_read((const char *)body->p, body->len, 0);
	if (*out == NULL)
		return err_set(e, ERR_PROTOCOL, path, "the answer is not JSON");
	return ERR_OK;
}

enum err_code client_get(struct client *cl, const char *path, struct buf *body, struct err *e)
{
	struct exchange x = {.cl = cl, .body = body, .fd = -1};

	curl_easy_setopt(cl->curl, CURLOPT_HTTPGET, 1L);
	return exchange_run(&x, path, e);
}

enum err_code client_download(struct client *cl, const char *path, int fd, const char *what,
	struct err *e)
{
	struct exchange x = {.cl = cl, .fd = fd, .what = what};

	curl_easy_setopt(cl->curl, CURLOPT_HTTPGET, 1L);
	return exchange_run(&x, path, e);
}

enum err_code client_json(struct client *cl, const char *path, struct bytes body, yyjson_doc **out,
	struct err *e)
{
	struct buf reply = buf_new(CLIENT_BODY_MAX);
	struct exchange x = {.cl = cl, .body = &reply, .fd = -1};
	struct curl_slist *type = NULL;
	enum err_code rc;

	if (body.p == NULL) {
		curl_easy_setopt(cl->curl, CURLOPT_HTTPGET, 1L);
	} else {
		type = curl_slist_append(NULL, "Content-Type: application/json");
		curl_easy_setopt(cl->curl, CURLOPT_POST, 1L);
		curl_easy_setopt(cl->curl, CURLOPT_POSTFIELDS, body.p);
		curl_easy_setopt(cl->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
		curl_easy_setopt(cl->curl, CURLOPT_HTTPHEADER, type);
	}
	rc = exchange_run(&x, path, e);
	curl_easy_setopt(cl->curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(cl->curl, CURLOPT_POSTFIELDS, NULL);
	curl_slist_free_all(type);
	if (rc == ERR_OK)
		rc = reply_json(&reply, path, out, e);
	buf_free(&reply);
	return rc;
}

enum err_code client_upload(struct client *cl, const char *path, int fd, uint64_t size,
	const char *what, yyjson_doc **out, struct err *e)
{
	struct buf reply = buf_new(CLIENT_BODY_MAX);
	struct exchange x = {.cl = cl, .body = &reply, .fd = fd, .what = what, .size = size,
		.sends = true};
	struct curl_slist *headers =
		curl_slist_append(NULL, "Content-Type: application/octet-stream");
	enum err_code rc;

	/* The server may refuse on the header alone; do not wait for its leave, either. */
	headers = curl_slist_append(headers, "Expect:");
	curl_easy_setopt(cl->curl, CURLOPT_POST, 1L);
	curl_easy_setopt(cl->curl, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(cl->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
	curl_easy_setopt(cl->curl, CURLOPT_HTTPHEADER, headers);
	rc = exchange_run(&x, path, e);
	curl_easy_setopt(cl->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	if (rc == ERR_OK)
		rc = reply_json(&reply, path, out, e);
	buf_free(&reply);
	return rc;
}

enum err_code client_path(const char *prefix, const char *segment, const char *suffix,
	struct buf *out, struct err *e)
{
	buf_str(out, prefix);
	for (const unsigned char *p = (const unsigned char *)segment; *p != '\0'; p++) {
		bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
			     (*p >= '0' && *p <= '9') || strchr("-._~", *p) != NULL;
		if (plain)
			buf_u8(out, *p);
		else
			buf_printf(out, "%%%02X", *p);
	}
	buf_str(out, suffix);
	return buf_end(out, e, segment);
}

/* ---- opening ---- */

static bool set_tls(struct client *cl, const char *cert, const char *ca)
{
	struct curl_blob key = {.data = cl->key_der.p, .len = cl->key_der.len,
		.flags = CURL_BLOB_NOCOPY};
	CURL *c = cl->curl;

	return curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLCERTTYPE, "PEM") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLCERT, cert) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLKEYTYPE, "DER") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLKEY_BLOB, &key) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_CAINFO, ca) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
}

static bool set_transfer(struct client *cl)
{
	CURL *c = cl->curl;

	return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NOPROXY, "*") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_USERAGENT, "medseal/" MEDSEAL_VERSION) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_ERRORBUFFER, cl->curl_error) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
}

enum err_code client_open(const struct cli *c, const struct identity *id, struct client **out,
	struct err *e)
{
	struct client *cl = calloc(1, sizeof(*cl));
	char cert[PATH_MAX], ca[PATH_MAX];
	enum err_code rc;

	if (cl == NULL)
		return err_set(e, ERR_NO_MEMORY, NULL, "for a connection");
	cl->cli = c;
	cl->key_der = buf_new_secret(KEY_DER_MAX);
	snprintf(cl->url_base, sizeof(cl->url_base), "https://%s", id->server);
	rc = path_join(cert, id->dir, "cert.pem", e);
	if (rc == ERR_OK)
		rc = path_join(ca, id->dir, "ca.pem", e);
	if (rc == ERR_OK)
		rc = key_private_der(id->key, &cl->key_der, e);
	if (rc == ERR_OK && (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
				    (cl->curl = curl_easy_init()) == NULL))
		rc = err_set(e, ERR_INTERNAL, "libcurl", "it cannot be started");
	if (rc == ERR_OK && (!set_tls(cl, cert, ca) || !set_transfer(cl)))
		rc = err_set(e, ERR_INTERNAL, "libcurl", "it lacks an option");
	if (rc != ERR_OK) {
		client_close(cl);
		return rc;
	}
	*out = cl;
	return ERR_OK;
}

void client_close(struct client *cl)
{
	if (cl == NULL)
		return;
	curl_easy_cleanup(cl->curl);
	buf_free(&cl->key_der);
	free(cl);
}

enum err_code session_open(const struct cli *c, struct session *out, struct err *e)
{
	struct session s = {.client = NULL};
	enum err_code rc = identity_open(c, &s.id, e);

	if (rc != ERR_OK)
		return rc;
	rc = client_open(c, &s.id, &s.client, e);
	if (rc != ERR_OK) {
		identity_free(&s.id);
		return rc;
	}
	*out = s;
	return ERR_OK;
}

void session_close(struct session *s)
{
	client_close(s->client);
	s->client = NULL;
	identity_free(&s->id);
}
