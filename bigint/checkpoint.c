#include "bigint/checkpoint.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct head {
	char magic[8];
	uint32_t version;
	uint32_t kind;
	uint64_t input;
	uint32_t subset;
	uint32_t subsets;
	uint64_t words; /* after the head */
	uint64_t sum;   /* over these words */
	uint64_t zero;
	uint64_t head_sum; /* over the words before it */
};
_Static_assert(sizeof(struct head) == CHECKPOINT_HEAD, "the head has no gaps");

static enum err_code path_of(
	char path[PATH_MAX], const char *dir, const struct checkpoint_id *id, struct err *e)
{
	int n = id->kind == CHECKPOINT_PLAN
			? snprintf(path, PATH_MAX, "%s/plan", dir)
			: snprintf(path, PATH_MAX, "%s/%s-%u", dir,
				  id->kind == CHECKPOINT_PRODUCT ? "product" : "answer",
				  id->subset);
	return n > 0 && n < PATH_MAX ? ERR_OK
				     : err_set(e, ERR_LIMIT, dir, "the name is too long");
}

enum err_code checkpoint_write(const char *dir, const struct checkpoint_id *id,
	const uint64_t *words, size_t n, struct err *e)
{
	char path[PATH_MAX];
	struct disk_file f;
	enum err_code err = path_of(path, dir, id, e);
	if (err != ERR_OK)
		return err;
	struct head h = {.version = CHECKPOINT_VERSION,
		.kind = id->kind,
		.input = id->input,
		.subset = id->subset,
		.subsets = id->subsets,
		.words = n,
		.sum = sum_words(0, words, n)};
	memcpy(h.magic, CHECKPOINT_MAGIC, sizeof(h.magic));
	h.head_sum = sum_head(&h, sizeof(h));
	err = disk_create(&f, path, e);
	if (err != ERR_OK)
		return err;
	err = disk_write(&f, &h, sizeof(h), e);
	if (err == ERR_OK)
		err = disk_write(&f, words, n * sizeof(*words), e);
	if (err == ERR_OK)
		return disk_end(&f, e);
	disk_abandon(&f);
	return err;
}

static enum err_code check(
	const char *path, struct checkpoint_id *id, struct checkpoint *c, struct err *e)
{
	struct head h;
	if (c->map.len < sizeof(h))
		return err_set(e, ERR_TRUNCATED, path, "it ends within its head");
	memcpy(&h, c->map.p, sizeof(h));
	if (memcmp(h.magic, CHECKPOINT_MAGIC, sizeof(h.magic)) != 0)
		return err_set(e, ERR_MALFORMED, path, "it is no file of a batch");
	if (h.version != CHECKPOINT_VERSION)
		return err_set(e, ERR_MALFORMED, path, "version %u is not known", h.version);
	if (h.head_sum != sum_head(&h, sizeof(h)) || h.zero != 0)
		return err_set(e, ERR_MALFORMED, path, "its head is damaged");
	bool plan = id->kind == CHECKPOINT_PLAN;
	if (h.kind != (uint32_t)id->kind || h.input != id->input || h.subset != id->subset ||
		(!plan && h.subsets != id->subsets) || h.subset >= h.subsets)
		return err_set(e, ERR_MALFORMED, path, "it belongs to another batch");
	uint64_t have = (c->map.len - sizeof(h)) / 8;
	if (have < h.words)
		return err_set(e, ERR_TRUNCATED, path, "%llu words are missing",
			(unsigned long long)(h.words - have));
	if (c->map.len - sizeof(h) != h.words * 8)
		return err_set(e, ERR_TRAILING, path, "it is longer than its head says");
	c->words = (const uint64_t *)(const void *)(c->map.p + sizeof(h));
	c->n = (size_t)h.words;
	if (sum_words(0, c->words, c->n) != h.sum)
		return err_set(e, ERR_MALFORMED, path, "it is damaged (checksum)");
	id->subsets = h.subsets;
	return ERR_OK;
}

enum err_code checkpoint_open(
	const char *dir, struct checkpoint_id *id, struct checkpoint *out, struct err *e)
{
	char path[PATH_MAX];
	*out = (struct checkpoint){{NULL, 0}, NULL, 0};
	enum err_code err = path_of(path, dir, id, e);
	if (err == ERR_OK)
		err = disk_map(path, &out->map, e);
	if (err == ERR_OK)
		err = check(path, id, out, e);
	if (err != ERR_OK)
		checkpoint_close(out);
	return err;
}

void checkpoint_close(struct checkpoint *c)
{
	disk_unmap(&c->map);
	*c = (struct checkpoint){{NULL, 0}, NULL, 0};
}

/* Now rather than when its work is done again and cannot be put in its place. */
static enum err_code discard(
	const char *dir, const struct checkpoint_id *id, const struct err *why, struct err *e)
{
	char path[PATH_MAX];
	enum err_code err = path_of(path, dir, id, e);
	if (err == ERR_OK && unlink(path) != 0 && errno != ENOENT)
		err = err_sys(e, ERR_IO, path, errno, "%s, and cannot be removed", why->reason);
	return err;
}

enum err_code checkpoint_have(
	const char *dir, struct checkpoint_id *id, bool *have, struct err *e)
{
	struct checkpoint c;
	struct err why;
	enum err_code err = checkpoint_open(dir, id, &c, &why);
	checkpoint_close(&c);
	*have = err == ERR_OK;
	if (err == ERR_MALFORMED || err == ERR_TRUNCATED || err == ERR_TRAILING)
		return discard(dir, id, &why, e);
	if (err != ERR_OK && err != ERR_NOT_FOUND) {
		*e = why;
		return err;
	}
	return ERR_OK;
}

void checkpoint_remove(const char *dir, const struct checkpoint_id *id)
{
	char path[PATH_MAX];
	struct err e;
	if (path_of(path, dir, id, &e) == ERR_OK)
		(void)unlink(path);
}
