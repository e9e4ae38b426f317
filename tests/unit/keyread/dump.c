/*
 * What the readers find in a file, as a JSON object a line, for the tests in Python:
 *
 *     keyread-dump FORMAT FILE|- [FROM]
 *
 * FORMAT is a name of keyread_format_name.  With FORMAT "count", only the sums are printed.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keyread/keyread.h"

struct sums {
	bool quiet;
	uint64_t keys;
	uint64_t signatures;
	uint64_t flaws;
	uint64_t told; /* progress: the last offset */
};

static void print_hex(const char *name, struct bytes b)
{
	printf(",\"%s\":\"", name);
	for (size_t i = 0; i < b.len; i++)
		printf("%02x", b.p[i]);
	printf("\"");
}

static void print_place(const struct key_place *at)
{
	printf(",\"file\":\"%s\",\"offset\":%" PRIu64 ",\"line\":%" PRIu64 ",\"record\":%" PRIu64
	       ",\"form\":\"%s\"",
		at->file, at->offset, at->line, at->record, at->form);
	print_hex("name", at->name);
}

static enum err_code on_key(void *arg, const struct pubkey *k, const struct key_place *at,
	struct bytes name_der, struct bytes subject_key_id, struct err *e)
{
	struct sums *s = arg;
	(void)e;
	s->keys++;
	if (s->quiet)
		return ERR_OK;
	printf("{\"is\":\"key\",\"kind\":\"%s\",\"bits\":%u", pubkey_kind_name(k->kind),
		pubkey_bits(k));
	print_hex("id", bytes_of(k->id, SHA256_SIZE));
	print_hex("spki", k->spki);
	print_hex("modulus", k->modulus);
	print_hex("exponent", k->exponent);
	print_hex("point", k->point);
	print_hex("subject", name_der);
	print_hex("subject_key_id", subject_key_id);
	print_place(at);
	printf(",\"negative\":%s}\n", k->modulus_negative ? "true" : "false");
	return ERR_OK;
}

static enum err_code on_signature(
	void *arg, const struct signature_seen *seen, const struct key_place *at, struct err *e)
{
	struct sums *s = arg;
	(void)e;
	s->signatures++;
	if (s->quiet)
		return ERR_OK;
	printf("{\"is\":\"signature\",\"self\":%s", seen->self ? "true" : "false");
	print_hex("issuer", seen->issuer);
	print_hex("authority_key_id", seen->authority_key_id);
	print_hex("alg", seen->sig_alg);
	print_hex("tbs", seen->tbs);
	print_hex("sig", seen->sig);
	print_place(at);
	printf("}\n");
	return ERR_OK;
}

static void on_flaw(void *arg, const struct key_place *at, const struct err *why)
{
	struct sums *s = arg;
	s->flaws++;
	if (s->quiet)
		return;
	printf("{\"is\":\"flaw\",\"code\":\"%s\"", err_name(why->code));
	print_hex("reason", bytes_str(why->reason));
	print_place(at);
	printf("}\n");
}

static void on_progress(void *arg, uint64_t offset)
{
	struct sums *s = arg;
	s->told = offset;
}

int main(int argc, char **argv)
{
	struct err e = {0};
	struct sums s = {0};
	if (argc < 3)
		return 2;
	s.quiet = strcmp(argv[1], "count") == 0;
	struct key_sink sink = {&s, on_key, on_signature, on_flaw, on_progress};
	enum keyread_format format = s.quiet ? KEYREAD_AUTO : keyread_format_from_name(argv[1]);
	int fd = strcmp(argv[2], "-") == 0 ? 0 : open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || format == KEYREAD_FORMATS)
		return 2;
	uint64_t from = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
	enum err_code rc = keyread_fd(fd, argv[2], format, from, &sink, &e);
	(void)close(fd);
	printf("{\"is\":\"end\",\"code\":\"%s\"", err_name(rc));
	print_hex("reason", bytes_str(e.reason));
	printf(",\"keys\":%" PRIu64 ",\"signatures\":%" PRIu64 ",\"flaws\":%" PRIu64
	       ",\"told\":%" PRIu64 "}\n",
		s.keys, s.signatures, s.flaws, s.told);
	return 0;
}
