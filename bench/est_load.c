/*
 * est-load: an EST load generator.  Each thread is one device with its own key: it enrols over
 * simpleenroll with a manufacturer certificate that est-load makes on the spot (--mfg-cert,
 * --mfg-key), and then repeats simplereenroll with the certificate it was given, over full mutual
 * TLS handshakes or one kept connection.  Server CPU is read from the kernel's own clocks of all
 * the server's processes, so that the client's work does not count.
 *
 *   est-load --port P --ca root.pem --mfg-cert m.pem --mfg-key m.key --server-pid PID \
 *            --mode handshake|keepalive|get --threads N --seconds S --serial-prefix LOAD-
 *
 * Prints one JSON object.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#define THREADS_MAX 256
#define SAMPLES_MAX 400000 /* latencies kept per thread */
#define REPLY_MAX 32768
#define PIDS_MAX 128

enum mode { MODE_HANDSHAKE, MODE_KEEPALIVE, MODE_GET };

static struct {
	const char *host;
	int port;
	const char *ca;
	const char *mfg_cert;
	const char *mfg_key;
	const char *prefix;
	const char *path;
	const char *save;
	int server_pid;
	enum mode mode;
	int threads;
	double seconds;
	bool tls12;
	bool simple; /* simpleenroll each time, with the manufacturer's certificate */
} opt = {.host = "127.0.0.1", .prefix = "LOAD-", .path = "/.well-known/est", .threads = 8,
	.seconds = 5};

static X509 *mfg_cert;
static EVP_PKEY *mfg_key;
static volatile bool go;
static volatile bool stop;

struct device {
	pthread_t thread;
	int number;
	EVP_PKEY *key;
	X509 *cert;   /* presented now */
	char serial[65];
	char *csr;    /* base64, of the key, for `cert`'s subject */
	SSL_CTX *ctx;
	uint64_t done;
	uint64_t failed;
	char why[160];
	uint32_t *us; /* latencies */
	size_t us_n;
};

static void die(const char *what)
{
	fprintf(stderr, "est-load: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(3);
}

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static EVP_PKEY *new_key(void)
{
	EVP_PKEY *k = EVP_EC_gen("P-256");
	if (k == NULL)
		die("no key");
	return k;
}

static X509 *make_idevid(const struct device *d)
{
	X509 *x = X509_new();
	X509_NAME *name = X509_NAME_new();
	if (x == NULL || name == NULL)
		die("no memory");
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), d->number + 1000);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const unsigned char *)"Load", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "serialNumber", V_ASN1_PRINTABLESTRING,
		(const unsigned char *)d->serial, -1, -1, 0);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, X509_get_subject_name(mfg_cert));
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400L * 365);
	X509_set_pubkey(x, d->key);
	if (X509_sign(x, mfg_key, EVP_sha256()) <= 0)
		die("the manufacturer's key does not sign");
	X509_NAME_free(name);
	return x;
}

/* A request for the subject of `like`, or for {CN=serial} when NULL. */
static char *make_csr(EVP_PKEY *key, const char *serial, X509 *like)
{
	X509_REQ *r = X509_REQ_new();
	unsigned char *der = NULL;
	X509_NAME *name = X509_NAME_new();
	if (like == NULL) {
		X509_NAME_add_entry_by_txt(name, "serialNumber", V_ASN1_PRINTABLESTRING,
			(const unsigned char *)serial, -1, -1, 0);
		X509_REQ_set_subject_name(r, name);
	} else {
		X509_REQ_set_subject_name(r, X509_get_subject_name(like));
	}
	X509_REQ_set_pubkey(r, key);
	if (X509_REQ_sign(r, key, EVP_sha256()) <= 0)
		die("the request is not signed");
	int len = i2d_X509_REQ(r, &der);
	/* Wrapped: libest's server takes nothing else, ours takes any white space (RFC 8951). */
	BIO *mem = BIO_new(BIO_s_mem());
	BIO *b64 = BIO_push(BIO_new(BIO_f_base64()), mem);
	char *data = NULL;
	BIO_write(b64, der, len);
	(void)BIO_flush(b64);
	long size = BIO_get_mem_data(mem, &data);
	char *text = strndup(data, (size_t)size);
	BIO_free_all(b64);
	OPENSSL_free(der);
	X509_NAME_free(name);
	X509_REQ_free(r);
	return text;
}

static void use_cert(struct device *d, X509 *cert)
{
	X509_free(d->cert);
	d->cert = cert;
	if (SSL_CTX_use_certificate(d->ctx, cert) != 1 || SSL_CTX_use_PrivateKey(d->ctx, d->key) != 1)
		die("the credential does not fit");
}

static SSL_CTX *new_ctx(void)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method());
	int version = opt.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
	SSL_CTX_set_min_proto_version(c, version);
	SSL_CTX_set_max_proto_version(c, version);
	SSL_CTX_set1_groups_list(c, "P-256");
	SSL_CTX_set_options(c, SSL_OP_NO_TX_CERTIFICATE_COMPRESSION | SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
	SSL_CTX_set_mode(c, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
	if (SSL_CTX_load_verify_file(c, opt.ca) != 1)
		die("the root certificate cannot be read");
	return c;
}

static SSL *connect_tls(struct device *d)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
	inet_pton(AF_INET, opt.host, &a.sin_addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;
	struct linger lg = {1, 0}; /* many short connections must not run out of ports */
	struct timeval tv = {20, 0};
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &lg, sizeof(lg));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		snprintf(d->why, sizeof(d->why), "connect: %s", strerror(errno));
		close(fd);
		return NULL;
	}
	SSL *s = SSL_new(d->ctx);
	SSL_set_fd(s, fd);
	if (SSL_connect(s) != 1) {
		snprintf(d->why, sizeof(d->why), "handshake: %s",
			ERR_reason_error_string(ERR_peek_last_error()));
		ERR_clear_error();
		SSL_free(s);
		close(fd);
		return NULL;
	}
	return s;
}

static void disconnect(SSL *s)
{
	int fd = SSL_get_fd(s);
	SSL_free(s);
	close(fd);
}

/* Read one answer with a Content-Length; its status, or -1. The body stands in buf from *body. */
static int read_answer(SSL *s, char *buf, size_t size, size_t *body, size_t *body_len)
{
	size_t n = 0;
	for (;;) {
		int r = SSL_read(s, buf + n, (int)(size - 1 - n));
		if (r <= 0)
			return -1;
		n += (size_t)r;
		buf[n] = '\0';
		char *end = strstr(buf, "\r\n\r\n");
		if (end == NULL)
			continue;
		char *cl = strcasestr(buf, "\r\nContent-Length:");
		if (cl == NULL || cl > end)
			return -1;
		*body = (size_t)(end + 4 - buf);
		*body_len = strtoul(cl + 17, NULL, 10);
		if (*body + *body_len >= size)
			return -1;
		if (n >= *body + *body_len)
			return (int)strtol(buf + 9, NULL, 10);
	}
}

static int ask(struct device *d, SSL *s, const char *op, const char *body_text, bool keep, char *buf,
	size_t *body, size_t *body_len)
{
	char req[8192];
	int len;
	if (body_text != NULL)
		len = snprintf(req, sizeof(req),
			"POST %s/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/pkcs10\r\n"
			"Content-Transfer-Encoding: base64\r\nContent-Length: %zu\r\n%s\r\n%s",
			opt.path, op, strlen(body_text), keep ? "" : "Connection: close\r\n",
			body_text);
	else
		len = snprintf(req, sizeof(req), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", op,
			keep ? "" : "Connection: close\r\n");
	if (SSL_write(s, req, len) != len) {
		snprintf(d->why, sizeof(d->why), "write failed");
		return -1;
	}
	int status = read_answer(s, buf, REPLY_MAX, body, body_len);
	if (status != 200)
		snprintf(d->why, sizeof(d->why), "status %d: %.100s", status,
			status > 0 ? buf + *body : "");
	return status;
}

/* The one certificate of a certs-only answer. */
static X509 *cert_of(const char *text, size_t len)
{
	BIO *mem = BIO_new_mem_buf(text, (int)len);
	BIO *b64 = BIO_new(BIO_f_base64());
	BIO *in = BIO_push(b64, mem);
	CMS_ContentInfo *cms = d2i_CMS_bio(in, NULL);
	STACK_OF(X509) *certs = cms != NULL ? CMS_get1_certs(cms) : NULL;
	X509 *x = certs != NULL && sk_X509_num(certs) >= 1 ? sk_X509_shift(certs) : NULL;
	sk_X509_pop_free(certs, X509_free);
	CMS_ContentInfo_free(cms);
	BIO_free_all(in);
	return x;
}

static void save_cert(const struct device *d, X509 *x)
{
	if (opt.save == NULL)
		return;
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	unsigned char md[32];
	unsigned n = 0;
	X509_digest(x, EVP_sha256(), md, &n);
	pthread_mutex_lock(&lock);
	FILE *f = fopen(opt.save, "ae");
	if (f != NULL) {
		for (unsigned i = 0; i < n; i++)
			fprintf(f, "%02x", md[i]);
		fprintf(f, " %s\n", d->serial);
		fclose(f);
	}
	pthread_mutex_unlock(&lock);
}

/* First enrolment with the manufacturer's certificate; afterwards the issued one is used. */
static bool set_up(struct device *d)
{
	char buf[REPLY_MAX];
	size_t body;
	size_t len;
	d->key = new_key();
	d->ctx = new_ctx();
	snprintf(d->serial, sizeof(d->serial), "%s%04d", opt.prefix, d->number);
	use_cert(d, make_idevid(d));
	d->csr = make_csr(d->key, d->serial, NULL);
	if (opt.simple || opt.mode == MODE_GET)
		return true;
	SSL *s = connect_tls(d);
	if (s == NULL)
		return false;
	int status = ask(d, s, "simpleenroll", d->csr, false, buf, &body, &len);
	disconnect(s);
	X509 *x = status == 200 ? cert_of(buf + body, len) : NULL;
	if (x == NULL)
		return false;
	save_cert(d, x);
	free(d->csr);
	d->csr = make_csr(d->key, d->serial, x);
	use_cert(d, x);
	return true;
}

static bool one(struct device *d, SSL **kept)
{
	char buf[REPLY_MAX];
	size_t body;
	size_t len;
	bool keep = opt.mode == MODE_KEEPALIVE;
	SSL *s = *kept != NULL ? *kept : connect_tls(d);
	if (s == NULL)
		return false;
	const char *op = opt.mode == MODE_GET ? opt.path : opt.simple ? "simpleenroll" : "simplereenroll";
	int status = ask(d, s, op, opt.mode == MODE_GET ? NULL : d->csr, keep, buf, &body, &len);
	*kept = keep && status > 0 ? s : NULL;
	if (*kept == NULL)
		disconnect(s);
	if (status == 200 && opt.save != NULL) {
		X509 *x = cert_of(buf + body, len);
		if (x != NULL)
			save_cert(d, x);
		X509_free(x);
	}
	return status == 200;
}

static void *run(void *arg)
{
	struct device *d = arg;
	SSL *kept = NULL;
	while (!go)
		usleep(1000);
	while (!stop) {
		double t = now();
		if (one(d, &kept)) {
			d->done++;
			if (d->us_n < SAMPLES_MAX)
				d->us[d->us_n++] = (uint32_t)((now() - t) * 1e6);
		} else {
			d->failed++;
			usleep(20000); /* a server that is down must not be asked in a tight loop */
		}
	}
	if (kept != NULL)
		disconnect(kept);
	return NULL;
}

/* CPU seconds so far of the server's process and all below it, by the kernel's own clocks. */
static double server_cpu(void)
{
	int pids[PIDS_MAX];
	size_t n = 0;
	double sum = 0;
	if (opt.server_pid <= 0)
		return 0;
	pids[n++] = opt.server_pid;
	for (size_t i = 0; i < n; i++) {
		char path[64];
		int child;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pids[i], pids[i]);
		FILE *f = fopen(path, "re");
		while (f != NULL && n < PIDS_MAX && fscanf(f, "%d", &child) == 1)
			pids[n++] = child;
		if (f != NULL)
			fclose(f);
		clockid_t id;
		struct timespec ts;
		if (clock_getcpuclockid(pids[i], &id) == 0 && clock_gettime(id, &ts) == 0)
			sum += (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
	}
	return sum;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static void report(struct device *ds, double wall, double cpu)
{
	uint64_t done = 0;
	uint64_t failed = 0;
	size_t n = 0;
	uint32_t *all = malloc((size_t)opt.threads * SAMPLES_MAX * sizeof(*all));
	const char *why = "";
	for (int i = 0; i < opt.threads; i++) {
		done += ds[i].done;
		failed += ds[i].failed;
		if (ds[i].why[0] != '\0')
			why = ds[i].why;
		memcpy(all + n, ds[i].us, ds[i].us_n * sizeof(*all));
		n += ds[i].us_n;
	}
	qsort(all, n, sizeof(*all), by_value);
	printf("{\"mode\":\"%s\",\"threads\":%d,\"seconds\":%.3f,\"done\":%llu,\"failed\":%llu,"
	       "\"per_second\":%.1f,\"p50_us\":%u,\"p99_us\":%u,\"server_cpu_us\":%.1f,\"why\":\"",
		opt.mode == MODE_GET ? "get" : opt.mode == MODE_KEEPALIVE ? "keepalive" : "handshake",
		opt.threads, wall, (unsigned long long)done, (unsigned long long)failed,
		(double)done / wall, n > 0 ? all[n / 2] : 0, n > 0 ? all[n - 1 - n / 100] : 0,
		done > 0 ? cpu * 1e6 / (double)done : 0.0);
	for (const char *p = why; *p != '\0'; p++)
		putchar(*p >= ' ' && *p < 127 && *p != '"' && *p != '\\' ? *p : ' ');
	puts("\"}");
	free(all);
}

static const struct option options[] = {
	{"host", required_argument, NULL, 'h'}, {"port", required_argument, NULL, 'p'},
	{"ca", required_argument, NULL, 'c'}, {"mfg-cert", required_argument, NULL, 'm'},
	{"mfg-key", required_argument, NULL, 'k'}, {"serial-prefix", required_argument, NULL, 'x'},
	{"path", required_argument, NULL, 'P'}, {"server-pid", required_argument, NULL, 'i'},
	{"mode", required_argument, NULL, 'M'}, {"threads", required_argument, NULL, 't'},
	{"seconds", required_argument, NULL, 's'}, {"tls12", no_argument, NULL, '2'},
	{"simple", no_argument, NULL, 'S'}, {"save", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, 'H'},
	{NULL, 0, NULL, 0},
};

static const char help[] =
	"usage: est-load --port P --ca FILE --mfg-cert FILE --mfg-key FILE [OPTION]...\n"
	"\n"
	"  --mode handshake|keepalive|get  a connection each, kept connections, or GET --path\n"
	"  --threads N          devices at once, 1 to 256; each is registered as PREFIX0000...\n"
	"  --serial-prefix S    LOAD-\n"
	"  --seconds S          how long\n"
	"  --server-pid PID     whose CPU time is counted, with all processes below it\n"
	"  --save FILE          fingerprint and serial of each certificate that came\n"
	"  --simple             simpleenroll each time, by the manufacturer's certificate\n"
	"  --tls12, --host ADDRESS, --path PATH\n"
	"\n"
	"Prints one JSON object. bench/run sets all of it up.\n";

static void parse_options(int argc, char **argv)
{
	int c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'h': opt.host = optarg; break;
		case 'p': opt.port = (int)strtol(optarg, NULL, 10); break;
		case 'c': opt.ca = optarg; break;
		case 'm': opt.mfg_cert = optarg; break;
		case 'k': opt.mfg_key = optarg; break;
		case 'x': opt.prefix = optarg; break;
		case 'P': opt.path = optarg; break;
		case 'i': opt.server_pid = (int)strtol(optarg, NULL, 10); break;
		case 't': opt.threads = (int)strtol(optarg, NULL, 10); break;
		case 's': opt.seconds = strtod(optarg, NULL); break;
		case '2': opt.tls12 = true; break;
		case 'S': opt.simple = true; break;
		case 'o': opt.save = optarg; break;
		case 'M':
			opt.mode = strcmp(optarg, "keepalive") == 0 ? MODE_KEEPALIVE
				: strcmp(optarg, "get") == 0	    ? MODE_GET
								    : MODE_HANDSHAKE;
			break;
		case 'H': fputs(help, stdout); exit(0);
		default: exit(2);
		}
	}
	if (opt.port <= 0 || opt.ca == NULL || opt.mfg_cert == NULL || opt.mfg_key == NULL ||
		opt.threads < 1 || opt.threads > THREADS_MAX)
		die("it needs --port, --ca, --mfg-cert, --mfg-key, and 1 to 256 --threads");
}

static void load_manufacturer(void)
{
	FILE *f = fopen(opt.mfg_cert, "re");
	mfg_cert = f != NULL ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
	if (f != NULL)
		fclose(f);
	f = fopen(opt.mfg_key, "re");
	mfg_key = f != NULL ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
	if (f != NULL)
		fclose(f);
	if (mfg_cert == NULL || mfg_key == NULL)
		die("the manufacturer's certificate or key cannot be read");
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	load_manufacturer();
	struct device *ds = calloc((size_t)opt.threads, sizeof(*ds));
	for (int i = 0; i < opt.threads; i++) {
		ds[i].number = i;
		ds[i].us = malloc(SAMPLES_MAX * sizeof(uint32_t));
		if (!set_up(&ds[i]))
			die(ds[i].why);
		if (pthread_create(&ds[i].thread, NULL, run, &ds[i]) != 0)
			die("no thread");
	}
	double cpu = server_cpu();
	double t = now();
	go = true;
	while (now() - t < opt.seconds)
		usleep(10000);
	stop = true;
	for (int i = 0; i < opt.threads; i++)
		pthread_join(ds[i].thread, NULL);
	double wall = now() - t;
	report(ds, wall, server_cpu() - cpu);
	return 0;
}
