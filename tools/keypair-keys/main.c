/*
 * keypair-keys: makes again the RSA keys that the JavaScript library keypair made most often until
 * version 1.0.3, and the list of them that the key checks read (docs/design/keycheck-checks.md).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/keypair-keys/list.h"

static const char usage_text[] =
	"usage: keypair-keys modulus BITS NUMBER\n"
	"       keypair-keys moduli BITS COUNT FILE\n"
	"       keypair-keys list BITS COUNT FILE DATE > LIST\n"
	"\n"
	"modulus   print the modulus of the key of seed NUMBER, 0 to 71679, in hex\n"
	"moduli    write those of the first COUNT seeds to FILE, or go on with it where it ends\n"
	"list      make the key list of a FILE of moduli, of which DATE is the day\n"
	"\n"
	"NUMBER is the lowest octet of the time in milliseconds for a seed without a digit (0 to\n"
	"255), and that plus 256 * (1 + 9 * PLACE + DIGIT - 1) for DIGIT at PLACE, 0 to 30.\n";

static int usage(void)
{
	fputs(usage_text, stderr);
	return 2;
}

static int fail(const struct err *e)
{
	char line[ERR_OBJECT_MAX + ERR_REASON_MAX + 128];

	err_print(e, line, sizeof(line));
	fprintf(stderr, "keypair-keys: %s\n", line);
	return err_exit(e->code);
}

static bool parse_number(const char *s, unsigned max, unsigned *out)
{
	char *end;

	errno = 0;
	unsigned long v = strtoul(s, &end, 10);
	*out = (unsigned)v;
	return s[0] >= '0' && s[0] <= '9' && *end == '\0' && errno == 0 && v <= max;
}

static enum err_code print_modulus(struct keypair *k, unsigned bits, unsigned number, struct err *e)
{
	uint8_t modulus[KEYPAIR_BITS_MAX / 8], seed[KEYPAIR_SEED];
	char hex[2 * sizeof(modulus) + 1];

	keypair_seed(number, seed);
	enum err_code rc = keypair_modulus(k, seed, bits, modulus, e);
	if (rc != ERR_OK)
		return rc;
	hex_encode(modulus, bits / 8, hex);
	puts(hex);
	return ERR_OK;
}

static enum err_code print_list(
	struct keypair *k, unsigned bits, unsigned count, char **file_and_date, struct err *e)
{
	struct buf list = buf_new(BUF_MAX_DEFAULT);

	enum err_code rc =
		keypair_list(k, bits, count, file_and_date[0], file_and_date[1], &list, e);
	if (rc == ERR_OK &&
		(fwrite(list.p, 1, list.len, stdout) != list.len || fflush(stdout) != 0))
		rc = err_sys(e, ERR_IO, "standard output", errno, "cannot write");
	buf_free(&list);
	return rc;
}

int main(int argc, char **argv)
{
	struct keypair *k = NULL;
	unsigned bits, number = 0;
	enum err_code rc;
	struct err e;

	if (argc < 4 || !parse_number(argv[2], KEYPAIR_BITS_MAX, &bits))
		return usage();
	bool one = argc == 4 && strcmp(argv[1], "modulus") == 0;
	bool all = argc == 5 && strcmp(argv[1], "moduli") == 0;
	bool list = argc == 6 && strcmp(argv[1], "list") == 0;
	if ((!one && !all && !list) || !parse_number(argv[3], KEYPAIR_KEYS - one, &number) ||
		(!one && number == 0))
		return usage();
	rc = keypair_new(&k, &e);
	if (rc == ERR_OK && one)
		rc = print_modulus(k, bits, number, &e);
	else if (rc == ERR_OK && all)
		rc = keypair_moduli(k, bits, number, argv[4], &e);
	else if (rc == ERR_OK)
		rc = print_list(k, bits, number, argv + 4, &e);
	keypair_free(k);
	return rc == ERR_OK ? 0 : fail(&e);
}
