#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void mem_wipe(void *p, size_t len)
{
	if (p != NULL)
		explicit_bzero(p, len);
}

bool mem_equal_ct(const void *a, const void *b, size_t len)
{
	const volatile unsigned char *x = a;
	const volatile unsigned char *y = b;
	unsigned char differ = 0;
	for (size_t i = 0; i < len; i++)
		differ = (unsigned char)(differ | (x[i] ^ y[i]));
	return differ == 0;
}

enum err_code mem_protect_process(struct err *e)
{
	struct rlimit none = {0, 0};
	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return err_sys(e, ERR_SANDBOX, NULL, errno, "core dumps could not be turned off");
	return ERR_OK;
}

char *mem_strdup(const char *s)
{
	return strdup(s);
}
