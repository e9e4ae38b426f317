#include "tests/unit/audit/log_maker.h"

#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void log_maker_start(struct log_maker *m)
{
	*m = (struct log_maker){.folder = "/tmp/medseal-log-XXXXXX"};
	assert_non_null(mkdtemp(m->folder));
	(void)snprintf(m->path, sizeof(m->path), "%s/db", m->folder);
	assert_int_equal(store_create(m->path, &m->store, NULL), ERR_OK);
	assert_int_equal(key_generate(KEY_ED25519, &m->key, NULL), ERR_OK);
	assert_int_equal(note_key_make("realm.example/log", m->key, &m->note, NULL), ERR_OK);
	assert_int_equal(audit_open(m->store, &m->note, &m->state, NULL), ERR_OK);
}

void log_maker_append(struct log_maker *m, unsigned n)
{
	assert_int_equal(store_begin(m->store, NULL), ERR_OK);
	for (unsigned i = 0; i < n; i++) {
		struct entry en;
		char object[32];
		(void)snprintf(object, sizeof(object), "OBJ-%llu",
			(unsigned long long)m->state.edge.size);
		entry_start(&en, 1767225600 + i, "test.act", "operator:alice", object);
		entry_detail(&en, "note", "a \"quoted\" one \\ \xc3\xa4");
		assert_int_equal(audit_append(m->store, &m->state, &en, NULL), ERR_OK);
	}
	assert_int_equal(store_commit(m->store, NULL), ERR_OK);
}

void log_maker_sign_into(struct log_maker *m, const struct checkpoint *c, struct buf *note)
{
	struct buf text = buf_new(NOTE_MAX);
	struct buf sig = buf_new(64);
	assert_int_equal(checkpoint_encode(c, &text, NULL), ERR_OK);
	assert_int_equal(key_sign(m->key, buf_view(&text), &sig, NULL), ERR_OK);
	assert_int_equal(note_encode(buf_view(&text), &m->note, sig.p, note, NULL), ERR_OK);
	buf_free(&text);
	buf_free(&sig);
}

void log_maker_sign(struct log_maker *m)
{
	struct checkpoint c;
	struct buf note = buf_new(NOTE_MAX);
	audit_checkpoint(&m->state, &c);
	log_maker_sign_into(m, &c, &note);
	assert_int_equal(store_begin(m->store, NULL), ERR_OK);
	assert_int_equal(store_checkpoint_add(m->store, c.size, buf_view(&note), NULL), ERR_OK);
	assert_int_equal(store_commit(m->store, NULL), ERR_OK);
	buf_free(&note);
}

char *log_maker_export(struct log_maker *m)
{
	int fd = memfd_create("export", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(audit_export(m->store, &m->state, fd, NULL), ERR_OK);
	size_t len = (size_t)lseek(fd, 0, SEEK_CUR);
	char *text = calloc(1, len + 1);
	assert_non_null(text);
	assert_int_equal(pread(fd, text, len, 0), len);
	assert_int_equal(close(fd), 0);
	return text;
}

enum err_code log_maker_verify(struct log_maker *m, const char *text, size_t len,
	struct audit_verdict *v, struct err *e)
{
	int fd = memfd_create("export", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	enum err_code rc = audit_verify_export(fd, &m->note, v, e);
	assert_int_equal(close(fd), 0);
	return rc;
}

void log_maker_end(struct log_maker *m)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	store_close(m->store);
	key_free(m->key);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char name[100];
		(void)snprintf(name, sizeof(name), "%s%s", m->path, ends[i]);
		(void)unlink(name);
	}
	assert_int_equal(rmdir(m->folder), 0);
}
