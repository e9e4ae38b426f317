/*
 * debian-weak: makes again the RSA keys that Debian's OpenSSL could make between 2006 and 2008, and
 * the lists of them that the key checks read (docs/design/debian-weak.md).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/debian-weak/list.h"

static const char usage_text[] =
	"usage: debian-weak modulus ARCH PROGRAM BITS PID\n"
	"       debian-weak moduli ARCH PROGRAM BITS FILE\n"
	"       debian-weak list ARCH PROGRAM BITS FILE DATE > LIST\n"
	"\n"
	"modulus   print the modulus of the key that process PID made, in hex\n"
	"moduli    write those of all processes to FILE, or go on with it where it ends\n"
	"list      make the key list of a FILE of moduli, of which DATE is the day\n"
	"\n"
	"ARCH is le64, le32 or be32; PROGRAM openssl-rnd, openssl-no-rnd, openssl-old or\n"
	"ssh-keygen.\n";

static int usage(void)
{
	fputs(usage_text, stderr);
	return 2;
}

static int fail(const struct err *e)
{
	char line[ERR_OBJECT_MAX + ERR_REASON_MAX + 128];

	err_print(e, line, sizeof(line));
	fprintf(stderr, "debian-weak: %s\n", line);
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

static bool parse_set(char **argv, struct weak_set *set)
{
	int arch = 0, program = 0;

	while (arch < WEAK_ARCHES && strcmp(argv[0], weak_arch_name((enum weak_arch)arch)) != 0)
		arch++;
	while (program < WEAK_PROGRAMS &&
		strcmp(argv[1], weak_program_name((enum weak_program)program)) != 0)
		program++;
	if (arch == WEAK_ARCHES || program == WEAK_PROGRAMS)
		return false;
	set->arch = (enum weak_arch)arch;
	set->program = (enum weak_program)program;
	return parse_number(argv[2], KEYGEN_BITS_MAX, &set->bits);
}

static enum err_code print_modulus(
	struct keygen *k, const struct weak_set *set, uint32_t pid, struct err *e)
{
	uint8_t modulus[KEYGEN_BITS_MAX / 8];
	char hex[2 * sizeof(modulus) + 1];

	enum err_code rc = keygen_modulus(k, set->arch, set->program, set->bits, pid, modulus, e);
	if (rc != ERR_OK)
		return rc;
	hex_encode(modulus, set->bits / 8, hex);
	puts(hex);
	return ERR_OK;
}

static enum err_code print_list(struct keygen *k, const struct weak_set *set, const char *path,
	const char *date, struct err *e)
{
	struct buf list = buf_new(BUF_MAX_DEFAULT);

	enum err_code rc = weak_list(k, set, path, date, &list, e);
	if (rc == ERR_OK &&
		(fwrite(list.p, 1, list.len, stdout) != list.len || fflush(stdout) != 0))
		rc = err_sys(e, ERR_IO, "standard output", errno, "cannot write");
	buf_free(&list);
	return rc;
}

int main(int argc, char **argv)
{
	struct weak_set set;
	struct keygen *k = NULL;
	struct err e;
	unsigned pid = 0;
	enum err_code rc;

	if (argc < 6 || !parse_set(argv + 2, &set))
		return usage();
	bool one = argc == 6 && strcmp(argv[1], "modulus") == 0;
	bool all = argc == 6 && strcmp(argv[1], "moduli") == 0;
	bool list = argc == 7 && strcmp(argv[1], "list") == 0;
	if ((!one && !all && !list) || (one && !parse_number(argv[5], PID_MAX, &pid)))
		return usage();
	rc = keygen_new(&k, &e);
	if (rc == ERR_OK && one)
		rc = print_modulus(k, &set, pid, &e);
	else if (rc == ERR_OK && all)
		rc = weak_moduli(k, &set, argv[5], &e);
	else if (rc == ERR_OK)
		rc = print_list(k, &set, argv[5], argv[6], &e);
	keygen_free(k);
	return rc == ERR_OK ? 0 : fail(&e);
}
