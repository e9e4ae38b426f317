/* An export of the log from any bytes, verified with the key of the one in the corpus. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char vkey[] =
	"realm.example/log+7b8b12f2+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct note_key k;
	struct audit_verdict v;
	struct err e;
	if (fd < 0)
		fd = memfd_create("export", MFD_CLOEXEC);
	if (fd < 0 || note_key_parse(vkey, &k, NULL) != ERR_OK || ftruncate(fd, 0) != 0 ||
		pwrite(fd, data, size, 0) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	enum err_code rc = audit_verify_export(fd, &k, &v, &e);
	/* The key has signed no other sizes than these. */
	if (rc == ERR_OK && v.signed_entries != 0 && v.signed_entries != 3 &&
		v.signed_entries != 5 && v.signed_entries != 7)
		abort();
	if (rc == ERR_OK && v.signed_entries != v.entries)
		abort();
	if (v.signed_entries > v.entries || v.bad_seq > v.entries + 1)
		abort();
	return 0;
}
