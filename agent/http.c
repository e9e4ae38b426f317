#include "agent/http.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>
#include <openssl/ssl.h>

#include "base/mem.h"

#define CONNECT_SECONDS 10L
#define REQUEST_SECONDS 60L /* a hospital's slow link; the caller retries with back-off */

static size_t take_body(char *p, size_t size, size_t n, void *arg)
{
	struct buf *b = arg;
	buf_bytes(b, bytes_of(p, size * n));
	return b->bad ? 0 : size * n;
}

static bool header_value(const char *line, size_t len, const char *name, char *out, size_t size)
{
	size_t n = strlen(name);
	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return false;
	const char *p = line + n + 1;
	const char *end = line + len;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (unsigned char)end[-1] <= ' ')
		end--;
	if ((size_t)(end - p) >= size)
		return false;
	memcpy(out, p, (size_t)(end - p));
	out[end - p] = '\0';
	return true;
}

static size_t take_header(char *p, size_t size, size_t n, void *arg)
{
	struct http_answer *a = arg;
	char number[16];
	if (!header_value(p, size * n, "Medseal-Code", a->code, sizeof(a->code)) &&
		header_value(p, size * n, "Retry-After", number, sizeof(number)) &&
		strspn(number, "0123456789") == strlen(number) && strlen(number) < 8)
		a->retry_after = strtol(number, NULL, 10);
	return size * n;
}

/* A device whose clock was reset to 1970 still verifies the server, as of the latest time that it
 * has seen proven. */
static CURLcode set_time(CURL *curl, void *ctx, void *arg)
{
	(void)curl;
	const struct http_identity *id = arg;
	if ((int64_t)time(NULL) < id->not_before)
		X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(ctx), (time_t)id->not_before);
	return CURLE_OK;
}

static enum err_code curl_error(CURLcode rc, const char *url, const char *detail, struct err *e)
{
	const char *why = detail[0] != '\0' ? detail : curl_easy_strerror(rc);
	switch (rc) {
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(e, ERR_TIMEOUT, url, "%s", why);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_ISSUER_ERROR:
		return err_set(e, ERR_TLS, url, "%s", why);
	case CURLE_WRITE_ERROR:
		return err_set(e, ERR_LIMIT, url, "the answer is over %zu bytes", HTTP_ANSWER_MAX);
	case CURLE_OUT_OF_MEMORY:
		return err_set(e, ERR_NO_MEMORY, url, "%s", why);
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return err_set(e, ERR_USAGE, url, "%s; the server's address reads https://HOST:PORT",
			why);
	default:
		return err_set(e, ERR_NETWORK, url, "%s", why);
	}
}

/* All options that make the connection what the header promises; a refused one is fatal. */
static CURLcode set_transport(CURL *c, const struct http_identity *id)
{
	CURLcode rc = CURLE_OK;
	rc |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	rc |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	rc |= curl_easy_setopt(c, CURLOPT_PROXY, "");
	rc |= curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	rc |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	rc |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	rc |= curl_easy_setopt(c, CURLOPT_TIMEOUT, REQUEST_SECONDS);
	rc |= curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
	rc |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
	rc |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
	rc |= curl_easy_setopt(c, CURLOPT_CAINFO, id->ca_path);
	rc |= curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	rc |= curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, set_time);
	rc |= curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, (void *)(uintptr_t)id);
	if (id->cert_path != NULL) {
		rc |= curl_easy_setopt(c, CURLOPT_SSLCERT, id->cert_path);
		rc |= curl_easy_setopt(c, CURLOPT_SSLKEY, id->key_path);
	}
	return rc;
}

static CURLcode set_basic(CURL *c, const struct http_identity *id)
{
	if (id->user == NULL)
		return CURLE_OK;
	struct buf pw = buf_new_secret(1024);
	buf_bytes(&pw, id->password);
	CURLcode rc = CURLE_OK;
	rc |= curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	rc |= curl_easy_setopt(c, CURLOPT_USERNAME, id->user);
	rc |= curl_easy_setopt(c, CURLOPT_PASSWORD, buf_cstr(&pw));
	buf_free(&pw);
	return rc;
}

enum err_code http_request(const struct http_identity *id, const char *url,
	const char *content_type, struct bytes body, struct http_answer *out, struct err *e)
{
	char detail[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = NULL;
	*out = (struct http_answer){.body = buf_new(HTTP_ANSWER_MAX)};
	CURL *c = curl_easy_init();
	if (c == NULL)
		return err_set(e, ERR_NO_MEMORY, url, "no HTTP client");
	CURLcode rc = set_transport(c, id);
	rc |= set_basic(c, id);
	rc |= curl_easy_setopt(c, CURLOPT_URL, url);
	rc |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, detail);
	rc |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
	rc |= curl_easy_setopt(c, CURLOPT_WRITEDATA, &out->body);
	rc |= curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
	rc |= curl_easy_setopt(c, CURLOPT_HEADERDATA, out);
	if (content_type != NULL) {
		struct buf line = buf_new(256);
		buf_printf(&line, "Content-Type: %s", content_type);
		headers = curl_slist_append(headers, buf_cstr(&line));
		headers = curl_slist_append(headers, "Expect:");
		buf_free(&line);
		rc |= curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
		rc |= curl_easy_setopt(c, CURLOPT_POST, 1L);
		rc |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
		rc |= curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.p);
	}
	enum err_code code = ERR_OK;
	if (rc != CURLE_OK)
		code = err_set(e, ERR_INTERNAL, url, "the HTTP client refused an option");
	else if ((rc = curl_easy_perform(c)) != CURLE_OK)
		code = curl_error(rc, url, detail, e);
	else
		(void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &out->status);
	curl_easy_cleanup(c);
	curl_slist_free_all(headers);
	if (code != ERR_OK)
		http_answer_free(out);
	return code;
}

enum err_code http_refusal(const struct http_answer *a, const char *object, struct err *e)
{
	enum err_code code = a->code[0] != '\0' ? err_from_name(a->code) : ERR_PROTOCOL;
	if (code == ERR_OK)
		code = ERR_PROTOCOL;
	if (a->status == 202)
		return err_set(e, ERR_UNAVAILABLE, object, "the server has not decided yet; again in %lld s",
			(long long)a->retry_after);
	return err_set(e, code, object, "the server answered %ld%s%s", a->status,
		a->code[0] != '\0' ? " " : "", a->code);
}

void http_answer_free(struct http_answer *a)
{
	if (a != NULL)
		buf_free(&a->body);
}
