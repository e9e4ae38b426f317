/* A list file as it is mapped, and whatever somebody wants to make a list from. */
#include <stdlib.h>
#include <string.h>

#include "keycheck/lists_impl.h"
#include "keycheck/lists_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What an import writes is a list, with as many entries as it said. */
static void import(struct bytes file, enum list_kind kind, enum check check)
{
	struct buf out = buf_new(1 << 22);
	struct import_options o = {.about = {.kind = kind,
					   .check = check,
					   .source = "fuzz",
					   .date = "d",
					   .licence = "l"}};
	struct import_counts counts;
	struct list l;

	if (lists_import(file, &o, &out, &counts, NULL) == ERR_OK) {
		if (list_parse(buf_view(&out), "out", &l, NULL) != ERR_OK ||
			l.about.count != counts.taken)
			abort();
		list_clear(&l);
	} else if (out.len != 0 && !out.bad) {
		abort();
	}
	buf_free(&out);
}

/* The checksum of a mutated list is never right: put it right, so that what is behind it is read.
 */
static void parse(struct bytes file)
{
	uint8_t *copy = malloc(file.len);
	struct list l;

	if (copy == NULL)
		return;
	memcpy(copy, file.p, file.len);
	if (file.len >= SHA256_SIZE)
		sha256_of(bytes_of(copy, file.len - SHA256_SIZE), copy + file.len - SHA256_SIZE);
	if (list_parse(bytes_of(copy, file.len), "in", &l, NULL) == ERR_OK)
		list_clear(&l);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes file = bytes_of(data, size);

	if (size == 0)
		return 0;
	parse(file);
	import(file, LIST_KIND_ANY, CHECK_KNOWN_KEY);
	import(file, LIST_SSH_MD5, CHECK_DEBIAN_WEAK);
	import(file, LIST_KIND_ANY, CHECK_KNOWN_PRIME);
	return 0;
}
