/*
 * How fast keys are read: megabytes and keys for each second of processor time, by format, on one
 * core and from memory.
 *
 *     keyread-speed [MEGABYTES]
 *
 * A peer for the same work: the same PEM bundle through OpenSSL (PEM_read_bio_X509 and i2d_PUBKEY).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/base64.h"
#include "keyread/keyread.h"

#define MEGABYTE 1e6

static void die(const char *what)
{
	(void)fprintf(stderr, "keyread-speed: %s\n", what);
	exit(1);
}

static double now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static enum err_code on_key(void *arg, const struct pubkey *k, const struct key_place *at,
	struct bytes name_der, struct bytes subject_key_id, struct err *e)
{
	uint64_t *keys = arg;
	(void)k;
	(void)at;
	(void)name_der;
	(void)subject_key_id;
	(void)e;
	++*keys;
	return ERR_OK;
}

static void on_flaw(void *arg, const struct key_place *at, const struct err *why)
{
	(void)arg;
	(void)at;
	die(why->reason);
}

/* `record` as often as it takes, in a file of memory. */
static int fill(struct bytes record, size_t size)
{
	int fd = memfd_create("keys", MFD_CLOEXEC);
	struct buf piece = buf_new((size_t)1 << 26);
	while (piece.len < ((size_t)1 << 20))
		buf_bytes(&piece, record);
	for (size_t n = 0; n < size; n += piece.len) {
		if (fd < 0 || write(fd, piece.p, piece.len) != (ssize_t)piece.len)
			die("no memory for the input");
	}
	buf_free(&piece);
	return fd;
}

static void say(const char *what, double size, uint64_t keys, double seconds)
{
	printf("%-24s %8.0f MB/s %10.0f keys/s\n", what, size / MEGABYTE / seconds,
		(double)keys / seconds);
}

static void measure(const char *what, struct bytes record, size_t size)
{
	struct err e;
	uint64_t keys = 0;
	struct key_sink sink = {.arg = &keys, .key = on_key, .flaw = on_flaw};
	int fd = fill(record, size);
	double bytes = (double)lseek(fd, 0, SEEK_END);
	(void)lseek(fd, 0, SEEK_SET);
	double start = now();
	if (keyread_fd(fd, "bench", KEYREAD_AUTO, 0, &sink, &e) != ERR_OK || keys == 0)
		die(e.reason);
	say(what, bytes, keys, now() - start);
	(void)close(fd);
}

static void measure_openssl(struct bytes record, size_t size)
{
	int fd = fill(record, size);
	double bytes = (double)lseek(fd, 0, SEEK_END);
	(void)lseek(fd, 0, SEEK_SET);
	FILE *f = fdopen(fd, "r");
	uint64_t keys = 0;
	double start = now();
	for (X509 *x; f != NULL && (x = PEM_read_X509(f, NULL, NULL, NULL)) != NULL; keys++) {
		unsigned char *der = NULL;
		if (i2d_PUBKEY(X509_get0_pubkey(x), &der) <= 0)
			die("OpenSSL");
		OPENSSL_free(der);
		X509_free(x);
	}
	say("PEM through OpenSSL", bytes, keys, now() - start);
	if (f != NULL)
		(void)fclose(f);
}

/* An RSA-2048 certificate with the extensions that most have. */
static struct buf make_certificate(struct buf *modulus)
{
	static const struct {
		int nid;
		const char *value;
	} extensions[] = {{NID_basic_constraints, "critical,CA:FALSE"},
		{NID_key_usage, "critical,digitalSignature,keyEncipherment"},
		{NID_ext_key_usage, "serverAuth,clientAuth"}, {NID_subject_key_identifier, "hash"},
		{NID_subject_alt_name, "DNS:device.example,DNS:www.device.example"}};
	EVP_PKEY *key = EVP_RSA_gen(2048);
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	X509V3_CTX ctx;
	(void)X509_set_version(x, 2);
	(void)ASN1_INTEGER_set(X509_get_serialNumber(x), 4711);
	(void)X509_NAME_add_entry_by_txt(
		name, "O", MBSTRING_ASC, (const unsigned char *)"Maker", -1, -1, 0);
	(void)X509_NAME_add_entry_by_txt(
		name, "CN", MBSTRING_ASC, (const unsigned char *)"device.example", -1, -1, 0);
	(void)X509_set_issuer_name(x, name);
	(void)X509_gmtime_adj(X509_getm_notBefore(x), 0);
	(void)X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	(void)X509_set_pubkey(x, key);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
		X509_EXTENSION *ext =
			X509V3_EXT_conf_nid(NULL, &ctx, extensions[i].nid, extensions[i].value);
		if (ext == NULL || X509_add_ext(x, ext, -1) != 1)
			die("OpenSSL: an extension");
		X509_EXTENSION_free(ext);
	}
	if (X509_sign(x, key, EVP_sha256()) <= 0)
		die("OpenSSL: a signature");
	unsigned char *der = NULL;
	int len = i2d_X509(x, &der);
	struct buf out = buf_new(1 << 16);
	buf_bytes(&out, bytes_of(der, (size_t)len));
	BIGNUM *n = NULL;
	(void)EVP_PKEY_get_bn_param(key, "n", &n);
	char *hex = BN_bn2hex(n);
	buf_str(modulus, hex);
	buf_str(modulus, "\n");
	OPENSSL_free(hex);
	BN_free(n);
	OPENSSL_free(der);
	X509_free(x);
	EVP_PKEY_free(key);
	return out;
}

static struct buf pem_of(struct bytes der)
{
	struct buf b = buf_new(1 << 16);
	buf_str(&b, "-----BEGIN CERTIFICATE-----\n");
	base64_encode(der, 64, &b);
	buf_str(&b, "-----END CERTIFICATE-----\n");
	return b;
}

/* An answer of get-entries with this one entry, the certificate its own issuer. */
static struct buf entry_of(struct bytes der)
{
	struct buf leaf = buf_new(1 << 16);
	struct buf extra = buf_new(1 << 16);
	struct buf b = buf_new(1 << 16);
	buf_u16be(&leaf, 0);
	buf_u64be(&leaf, 1735689600000);
	buf_u16be(&leaf, 0);
	buf_u8(&leaf, 0);
	buf_u16be(&leaf, (uint16_t)der.len);
	buf_bytes(&leaf, der);
	buf_u16be(&leaf, 0);
	buf_u8(&extra, 0);
	buf_u16be(&extra, (uint16_t)(der.len + 3));
	buf_u8(&extra, 0);
	buf_u16be(&extra, (uint16_t)der.len);
	buf_bytes(&extra, der);
	buf_str(&b, "{\"entries\":[{\"leaf_input\":\"");
	base64_encode(buf_view(&leaf), 0, &b);
	buf_str(&b, "\",\"extra_data\":\"");
	base64_encode(buf_view(&extra), 0, &b);
	buf_str(&b, "\"}]}\n");
	buf_free(&leaf);
	buf_free(&extra);
	return b;
}

static struct buf file_of(const char *path)
{
	struct buf b = buf_new((size_t)1 << 26);
	static uint8_t piece[1 << 16];
	FILE *f = fopen(path, "rb");
	for (size_t n; f != NULL && (n = fread(piece, 1, sizeof(piece), f)) > 0;)
		buf_bytes(&b, bytes_of(piece, n));
	if (f != NULL)
		(void)fclose(f);
	return b;
}

int main(int argc, char **argv)
{
	size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 256) * 1000000;
	struct buf modulus = buf_new(4096);
	struct buf der = make_certificate(&modulus);
	struct buf pem = pem_of(buf_view(&der));
	struct buf entry = entry_of(buf_view(&der));
	struct buf ring = file_of("/usr/share/keyrings/debian-keyring.gpg");
	measure("PEM", buf_view(&pem), size);
	measure_openssl(buf_view(&pem), size);
	measure("DER", buf_view(&der), size);
	measure("hexadecimal moduli", buf_view(&modulus), size);
	measure("get-entries JSON", buf_view(&entry), size);
	if (ring.len > 0)
		measure("OpenPGP, debian-keyring", buf_view(&ring), size);
	buf_free(&modulus);
	buf_free(&der);
	buf_free(&pem);
	buf_free(&entry);
	buf_free(&ring);
	return 0;
}
