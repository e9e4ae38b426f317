#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "tests/unit/audit/log_maker.h"

static enum err_code reopen(struct log_maker *m, struct err *e)
{
	struct audit_state l;
	store_close(m->store);
	m->store = NULL;
	assert_int_equal(store_open(m->path, &m->store, NULL), ERR_OK);
	enum err_code rc = audit_open(m->store, &m->note, &l, e);
	if (rc == ERR_OK) {
		assert_int_equal(l.edge.size, m->state.edge.size);
		assert_int_equal(l.edge.n, m->state.edge.n);
		assert_memory_equal(l.edge.roots, m->state.edge.roots,
			l.edge.n * sizeof(l.edge.roots[0]));
		assert_memory_equal(&l.last, &m->state.last, sizeof(l.last));
		assert_string_equal(l.origin, m->state.origin);
	}
	return rc;
}

static void what_was_appended_is_there_after_a_restart(void **state)
{
	(void)state;
	struct log_maker m;
	struct audit_verdict v;
	log_maker_start(&m);
	assert_int_equal(reopen(&m, NULL), ERR_OK);
	for (unsigned i = 1; i <= 5; i++) {
		log_maker_append(&m, i);
		assert_int_equal(reopen(&m, NULL), ERR_OK);
		log_maker_sign(&m);
		assert_int_equal(reopen(&m, NULL), ERR_OK);
	}
	log_maker_append(&m, 2);
	assert_int_equal(reopen(&m, NULL), ERR_OK);
	assert_int_equal(audit_verify_store(m.store, &m.note, &v, NULL), ERR_OK);
	assert_int_equal(v.entries, 17);
	assert_int_equal(v.checkpoints, 5);
	assert_int_equal(v.signed_entries, 15);
	log_maker_end(&m);
}

static void after_a_rollback_the_copy_goes_on(void **state)
{
	(void)state;
	struct log_maker m;
	struct entry en;
	struct audit_verdict v;
	log_maker_start(&m);
	log_maker_append(&m, 3);
	struct audit_state copy = m.state;
	assert_int_equal(store_begin(m.store, NULL), ERR_OK);
	entry_start(&en, 0, "lost", "medseald", "");
	assert_int_equal(audit_append(m.store, &m.state, &en, NULL), ERR_OK);
	assert_int_equal(en.seq, 3);
	store_rollback(m.store);
	m.state = copy;
	log_maker_append(&m, 1);
	log_maker_sign(&m);
	assert_int_equal(audit_verify_store(m.store, &m.note, &v, NULL), ERR_OK);
	assert_int_equal(v.entries, 4);
	log_maker_end(&m);
}

static void an_entry_that_cannot_be_encoded_changes_nothing(void **state)
{
	(void)state;
	struct log_maker m;
	struct entry en;
	uint64_t size;
	log_maker_start(&m);
	log_maker_append(&m, 1);
	struct audit_state copy = m.state;
	assert_int_equal(store_begin(m.store, NULL), ERR_OK);
	entry_start(&en, 0, "bad act", "medseald", "");
	assert_int_equal(audit_append(m.store, &m.state, &en, NULL), ERR_LOG_ENTRY);
	assert_memory_equal(&copy, &m.state, sizeof(copy));
	assert_int_equal(store_commit(m.store, NULL), ERR_OK);
	assert_int_equal(store_log_size(m.store, &size, NULL), ERR_OK);
	assert_int_equal(size, 1);
	log_maker_end(&m);
}

/* Across the edges of tiles: 256 leaves make one hash of level 1, 65,536 one tile of it. */
static void every_entry_is_proved_across_tiles(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {255, 256, 257, 511, 512, 700, 66000};
	struct log_maker m;
	log_maker_start(&m);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct checkpoint c;
		uint64_t size = sizes[i];
		log_maker_append(&m, (unsigned)(size - m.state.edge.size));
		audit_checkpoint(&m.state, &c);
		assert_int_equal(c.size, size);
		for (uint64_t index = 0; index < size; index += size < 1000 ? 1 : 997) {
			struct merkle_proof p;
			struct merkle_hash leaf;
			assert_int_equal(audit_prove(m.store, index, size, &p, NULL), ERR_OK);
			assert_int_equal(store_log_get(m.store, index, NULL, &leaf, NULL), ERR_OK);
			assert_int_equal(
				merkle_check_inclusion(leaf, index, size, &p, c.root, NULL),
				ERR_OK);
		}
	}
	log_maker_sign(&m);
	assert_int_equal(reopen(&m, NULL), ERR_OK);
	log_maker_end(&m);
}

static void what_is_not_there_is_not_proved(void **state)
{
	(void)state;
	struct log_maker m;
	struct merkle_proof p;
	log_maker_start(&m);
	assert_int_equal(audit_prove(m.store, 0, 0, &p, NULL), ERR_NOT_FOUND);
	log_maker_append(&m, 2);
	assert_int_equal(audit_prove(m.store, 2, 2, &p, NULL), ERR_NOT_FOUND);
	assert_int_equal(audit_prove(m.store, 1, 3, &p, NULL), ERR_NOT_FOUND);
	log_maker_end(&m);
}

static void a_log_of_another_key_is_not_opened(void **state)
{
	(void)state;
	struct log_maker m;
	struct log_maker other;
	struct audit_state l;
	log_maker_start(&m);
	log_maker_start(&other);
	log_maker_append(&m, 2);
	log_maker_sign(&m);
	assert_int_equal(audit_open(m.store, &other.note, &l, NULL), ERR_LOG_CHECKPOINT);
	log_maker_end(&m);
	log_maker_end(&other);
}

/* A signed checkpoint that this database does not live up to. */
static void open_refuses_what_was_not_signed(void **state)
{
	(void)state;
	struct log_maker m;
	struct log_maker longer;
	struct checkpoint c;
	struct buf note = buf_new(NOTE_MAX);
	log_maker_start(&m);
	log_maker_start(&longer);
	log_maker_append(&m, 3);
	audit_checkpoint(&m.state, &c);
	c.root.b[0] ^= 1;
	log_maker_sign_into(&m, &c, &note);
	assert_int_equal(store_begin(m.store, NULL), ERR_OK);
	assert_int_equal(store_checkpoint_add(m.store, 3, buf_view(&note), NULL), ERR_OK);
	assert_int_equal(store_commit(m.store, NULL), ERR_OK);
	assert_int_equal(reopen(&m, NULL), ERR_LOG_EDITED);
	buf_free(&note);
	log_maker_end(&m);
	log_maker_end(&longer);
}

static void nothing_is_exported_before_something_is_signed(void **state)
{
	(void)state;
	struct log_maker m;
	struct audit_verdict v;
	log_maker_start(&m);
	assert_int_equal(audit_verify_store(m.store, &m.note, &v, NULL), ERR_OK);
	log_maker_append(&m, 1);
	assert_int_equal(audit_export(m.store, &m.state, -1, NULL), ERR_LOG_CHECKPOINT);
	assert_int_equal(audit_verify_store(m.store, &m.note, &v, NULL), ERR_LOG_CHECKPOINT);
	log_maker_sign(&m);
	assert_int_equal(audit_export(m.store, &m.state, -1, NULL), ERR_IO);
	log_maker_end(&m);
}

static void an_export_verifies(void **state)
{
	(void)state;
	struct log_maker m;
	struct audit_verdict v;
	struct err e = {0};
	uint64_t signed_size = 0;
	log_maker_start(&m);
	log_maker_sign(&m); /* of nothing */
	for (unsigned i = 0; i < 40; i++) {
		log_maker_append(&m, 1 + i % 3);
		if (i % 2 == 0) {
			log_maker_sign(&m);
			signed_size = m.state.edge.size;
		}
		char *text = log_maker_export(&m);
		enum err_code rc = log_maker_verify(&m, text, strlen(text), &v, &e);
		if (rc != ERR_OK)
			print_message("%s %s\n%s", e.object, e.reason, text);
		assert_int_equal(rc, ERR_OK);
		assert_int_equal(v.entries, signed_size);
		assert_int_equal(v.signed_entries, signed_size);
		assert_int_equal(v.checkpoints, 2 + i / 2);
		free(text);
	}
	log_maker_end(&m);
}

/* ---- an export that Medseal did not make (golden/make.py) */

static const char golden_vkey[] =
	"realm.example/log+7b8b12f2+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

static char *golden_export(void)
{
	char path[500];
	char *text = calloc(1, 10000);
	(void)snprintf(path, sizeof(path), "%s/golden/export", getenv("TEST_DATA"));
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	assert_true(fread(text, 1, 9999, f) > 0);
	assert_int_equal(fclose(f), 0);
	return text;
}

/* Put its checkpoints of `size` into the store: each begins with "checkpoint". */
static void add_golden_note(struct log_maker *m, const char *text, unsigned size)
{
	char head[80];
	(void)snprintf(head, sizeof(head), "checkpoint\nrealm.example/log\n%u\n", size);
	const char *p = strstr(text, head);
	assert_non_null(p);
	p += strlen("checkpoint\n");
	const char *end = strstr(strstr(p, "\n\n") + 2, "\n\n") + 1;
	assert_int_equal(store_begin(m->store, NULL), ERR_OK);
	assert_int_equal(
		store_checkpoint_add(m->store, size, bytes_of(p, (size_t)(end - p)), NULL), ERR_OK);
	assert_int_equal(store_commit(m->store, NULL), ERR_OK);
}

static void the_golden_export_is_made_byte_for_byte(void **state)
{
	(void)state;
	struct log_maker m;
	struct audit_verdict v;
	char *golden = golden_export();
	log_maker_start(&m);
	assert_int_equal(note_key_parse(golden_vkey, &m.note, NULL), ERR_OK);
	add_golden_note(&m, golden, 0);
	for (unsigned i = 0; i < 7; i++) {
		struct entry en;
		char object[32];
		(void)snprintf(object, sizeof(object), "OBJ-%u", i);
		/* Noon of 1 January 2026 and the days after it. */
		entry_start(&en, 1767268800 + i * 86400, "test.act", "operator:alice", object);
		entry_detail(&en, "note", "a \"quoted\" one \\ \xc3\xa4");
		assert_int_equal(store_begin(m.store, NULL), ERR_OK);
		assert_int_equal(audit_append(m.store, &m.state, &en, NULL), ERR_OK);
		assert_int_equal(store_commit(m.store, NULL), ERR_OK);
		if (i == 2 || i == 4 || i == 6)
			add_golden_note(&m, golden, i + 1);
	}
	char *ours = log_maker_export(&m);
	assert_string_equal(ours, golden);
	assert_int_equal(log_maker_verify(&m, golden, strlen(golden), &v, NULL), ERR_OK);
	assert_int_equal(v.entries, 7);
	assert_int_equal(v.checkpoints, 4);
	assert_int_equal(audit_verify_store(m.store, &m.note, &v, NULL), ERR_OK);
	free(ours);
	free(golden);
	log_maker_end(&m);
}

/* ---- someone writes to the database itself, past the triggers */

static void tamper(struct log_maker *m, const char *sql)
{
	sqlite3 *db;
	store_close(m->store);
	m->store = NULL;
	assert_int_equal(sqlite3_open(m->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
		"DROP TRIGGER log_is_fixed; DROP TRIGGER log_kept; DROP TRIGGER log_has_no_gap;"
		"DROP TRIGGER checkpoint_kept", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	assert_int_equal(store_open(m->path, &m->store, NULL), ERR_OK);
}

static void what_was_done_to_the_database_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *sql;
		enum err_code code;
		uint64_t seq;
		bool opens; /* audit_open looks at the newest checkpoint and what is after it */
	} rows[] = {
		{"UPDATE log SET entry = CAST(replace(entry, 'alice', 'mallo') AS BLOB) WHERE seq = 4",
			ERR_LOG_EDITED, 4, true},
		{"UPDATE log SET entry = CAST(replace(entry, 'alice', 'mallo') AS BLOB) WHERE seq = 9",
			ERR_LOG_EDITED, 9, false},
		{"UPDATE log SET leaf = x'00000000000000000000000000000000"
		 "00000000000000000000000000000000' WHERE seq = 4", ERR_LOG_EDITED, 4, false},
		{"DELETE FROM log WHERE seq = 4", ERR_LOG_REMOVED, 4, false},
		{"DELETE FROM log WHERE seq >= 7", ERR_LOG_CUT, 7, false},
		{"DELETE FROM log", ERR_LOG_CUT, 0, false},
		{"UPDATE log SET seq = 100 WHERE seq = 4; UPDATE log SET seq = 4 WHERE seq = 5;"
		 "UPDATE log SET seq = 5 WHERE seq = 100", ERR_LOG_REORDERED, 4, false},
		{"DELETE FROM checkpoint", ERR_LOG_CHECKPOINT, 0, true},
		{"UPDATE log SET leaf = (SELECT leaf FROM log WHERE seq = 11) WHERE seq = 11",
			ERR_OK, 0, true},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct log_maker m;
		struct audit_verdict v;
		struct audit_state l;
		struct err e = {0};
		log_maker_start(&m);
		log_maker_append(&m, 4);
		log_maker_sign(&m);
		log_maker_append(&m, 4);
		log_maker_sign(&m);
		log_maker_append(&m, 4); /* not signed yet */
		tamper(&m, rows[i].sql);
		enum err_code rc = audit_verify_store(m.store, &m.note, &v, &e);
		if (rc != rows[i].code || v.bad_seq != rows[i].seq)
			print_message("# %s: %s %s %s\n", rows[i].sql, err_name(rc), e.object,
				e.reason);
		assert_int_equal(rc, rows[i].code);
		assert_int_equal(v.bad_seq, rows[i].seq);
		rc = audit_open(m.store, &m.note, &l, &e);
		assert_int_equal(rc == ERR_OK, rows[i].opens);
		log_maker_end(&m);
	}
}

static void tiles_of_another_log_are_told(void **state)
{
	(void)state;
	struct log_maker m;
	struct audit_verdict v;
	struct audit_state l;
	log_maker_start(&m);
	log_maker_append(&m, 600);
	log_maker_sign(&m);
	assert_int_equal(audit_verify_store(m.store, &m.note, &v, NULL), ERR_OK);
	tamper(&m, "DROP TRIGGER tile_only_grows;"
		   "UPDATE tile SET hashes = zeroblob(length(hashes))");
	assert_int_equal(audit_open(m.store, &m.note, &l, NULL), ERR_LOG_EDITED);
	assert_int_equal(audit_verify_store(m.store, &m.note, &v, NULL), ERR_STORE_DAMAGED);
	assert_int_equal(v.signed_entries, 600);
	log_maker_end(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_appended_is_there_after_a_restart),
		cmocka_unit_test(after_a_rollback_the_copy_goes_on),
		cmocka_unit_test(an_entry_that_cannot_be_encoded_changes_nothing),
		cmocka_unit_test(every_entry_is_proved_across_tiles),
		cmocka_unit_test(what_is_not_there_is_not_proved),
		cmocka_unit_test(a_log_of_another_key_is_not_opened),
		cmocka_unit_test(open_refuses_what_was_not_signed),
		cmocka_unit_test(nothing_is_exported_before_something_is_signed),
		cmocka_unit_test(an_export_verifies),
		cmocka_unit_test(the_golden_export_is_made_byte_for_byte),
		cmocka_unit_test(what_was_done_to_the_database_is_named),
		cmocka_unit_test(tiles_of_another_log_are_told),
	};
	return RUN_TAP(tests);
}
