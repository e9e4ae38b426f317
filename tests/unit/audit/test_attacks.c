/*
 * What an attacker does to an export, and how it is named.  The log has 20 entries; checkpoints of
 * 5, 11, 16 and 20.
 */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/audit/log_maker.h"

#define LINES_MAX 200
#define ENTRIES 20

/* An export as lines, which are moved, changed and dropped. */
struct lines {
	size_t n;
	char *line[LINES_MAX];
};

static struct log_maker maker;
static char *export_text;

static int make_log(void **state)
{
	(void)state;
	log_maker_start(&maker);
	static const unsigned parts[] = {5, 6, 5, 4};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		log_maker_append(&maker, parts[i]);
		log_maker_sign(&maker);
	}
	export_text = log_maker_export(&maker);
	return 0;
}

static int drop_log(void **state)
{
	(void)state;
	free(export_text);
	log_maker_end(&maker);
	return 0;
}

static char *dup_line(const char *p, size_t n)
{
	char *s = strndup(p, n);
	assert_non_null(s);
	return s;
}

static struct lines split(const char *text)
{
	struct lines l = {0};
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		assert_true(l.n < LINES_MAX);
		l.line[l.n++] = dup_line(text, n);
		text += n + (text[n] == '\n');
	}
	return l;
}

static void cut(struct lines *l, size_t at, size_t n)
{
	for (size_t i = at; i < at + n; i++)
		free(l->line[i]);
	memmove(&l->line[at], &l->line[at + n], (l->n - at - n) * sizeof(l->line[0]));
	l->n -= n;
}

static void put(struct lines *l, size_t at, char *line)
{
	memmove(&l->line[at + 1], &l->line[at], (l->n - at) * sizeof(l->line[0]));
	l->line[at] = line;
	l->n++;
}

static void move(struct lines *l, size_t from, size_t to)
{
	char *line = dup_line(l->line[from], strlen(l->line[from]));
	cut(l, from, 1);
	put(l, to, line);
}

/* Where entry `seq` stands: the line that begins with its number. */
static size_t at(const struct lines *l, unsigned seq)
{
	char head[40];
	(void)snprintf(head, sizeof(head), "{\"v\":1,\"seq\":%u,", seq);
	for (size_t i = 0; i < l->n; i++)
		if (strncmp(l->line[i], head, strlen(head)) == 0)
			return i;
	fail_msg("entry %u is not there", seq);
	return 0;
}

static struct entry entry_at(const struct lines *l, size_t i)
{
	struct entry en;
	assert_int_equal(entry_parse(bytes_str(l->line[i]), &en, NULL), ERR_OK);
	return en;
}

static void set_entry(struct lines *l, size_t i, const struct entry *en)
{
	struct buf b = buf_new(ENTRY_MAX);
	assert_int_equal(entry_encode(en, &b, NULL), ERR_OK);
	free(l->line[i]);
	l->line[i] = dup_line((const char *)b.p, b.len);
	buf_free(&b);
}

static void edit(struct lines *l, size_t i)
{
	struct entry en = entry_at(l, i);
	(void)snprintf(en.actor, sizeof(en.actor), "operator:mallory");
	set_entry(l, i, &en);
}

/* Give all entries new numbers; with `links` new links too, and a new last line: what an attacker
 * does who knows the format and has not got the key. */
static void renumber(struct lines *l, bool links)
{
	struct merkle_hash last = {{0}};
	unsigned seq = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (l->line[i][0] != '{')
			continue;
		struct entry en = entry_at(l, i);
		en.seq = seq++;
		if (links)
			en.prev = last;
		set_entry(l, i, &en);
		last = merkle_leaf(bytes_str(l->line[i]));
	}
	char hex[65];
	char end[100];
	hex_encode(last.b, sizeof(last.b), hex);
	(void)snprintf(end, sizeof(end), "end %u %s", seq, hex);
	cut(l, l->n - 1, 1);
	put(l, l->n, dup_line(end, strlen(end)));
}

static enum err_code verify(struct lines *l, struct audit_verdict *v, struct err *e)
{
	struct buf b = buf_new(1 << 20);
	for (size_t i = 0; i < l->n; i++)
		buf_printf(&b, "%s\n", l->line[i]);
	enum err_code rc = log_maker_verify(&maker, buf_cstr(&b), b.len, v, e);
	buf_free(&b);
	cut(l, 0, l->n);
	return rc;
}

static void expect_line(struct lines *l, enum err_code want, uint64_t seq, int line)
{
	struct audit_verdict v;
	struct err e = {0};
	enum err_code rc = verify(l, &v, &e);
	if (rc != want || v.bad_seq != seq)
		print_message("# line %d: %s at %d: %s: %s\n", line, err_name(rc), (int)v.bad_seq,
			e.object, e.reason);
	assert_int_equal(rc, want);
	assert_int_equal(v.bad_seq, seq);
	assert_true(e.reason[0] != '\0' && e.object[0] != '\0');
}

#define EXPECT(l, want, seq) expect_line((l), (want), (seq), __LINE__)

static void the_untouched_export_verifies(void **state)
{
	(void)state;
	struct audit_verdict v;
	struct lines l = split(export_text);
	assert_int_equal(verify(&l, &v, NULL), ERR_OK);
	assert_int_equal(v.entries, ENTRIES);
	assert_int_equal(v.signed_entries, ENTRIES);
	assert_int_equal(v.checkpoints, 4);
}

static void every_edited_entry_is_named(void **state)
{
	(void)state;
	for (unsigned seq = 0; seq < ENTRIES; seq++) {
		struct lines l = split(export_text);
		edit(&l, at(&l, seq));
		EXPECT(&l, ERR_LOG_EDITED, seq);
	}
}

static void every_broken_entry_is_named(void **state)
{
	(void)state;
	for (unsigned seq = 0; seq < ENTRIES; seq++) {
		struct lines l = split(export_text);
		l.line[at(&l, seq)][seq % 5] = '#';
		EXPECT(&l, ERR_LOG_EDITED, seq);
		l = split(export_text);
		size_t i = at(&l, seq);
		free(l.line[i]);
		l.line[i] = dup_line("", 0);
		EXPECT(&l, ERR_LOG_EDITED, seq);
	}
}

static void every_changed_number_and_link_is_named(void **state)
{
	(void)state;
	for (unsigned seq = 0; seq < ENTRIES; seq++) {
		for (int field = 0; field < 3; field++) {
			struct lines l = split(export_text);
			size_t i = at(&l, seq);
			struct entry en = entry_at(&l, i);
			if (field == 0)
				en.seq += 3;
			else if (field == 1)
				en.seq = en.seq > 0 ? en.seq - 1 : 5;
			else
				en.prev.b[5] ^= 4;
			set_entry(&l, i, &en);
			EXPECT(&l, ERR_LOG_EDITED, seq);
		}
	}
}

static void every_removed_entry_is_named(void **state)
{
	(void)state;
	for (unsigned seq = 0; seq < ENTRIES - 1; seq++) {
		struct lines l = split(export_text);
		cut(&l, at(&l, seq), 1);
		EXPECT(&l, ERR_LOG_REMOVED, seq);
		/* The rest renumbered, the links as they were. */
		if (seq >= ENTRIES - 2)
			continue; /* then only one is left, and its own text is all that speaks */
		l = split(export_text);
		cut(&l, at(&l, seq), 1);
		renumber(&l, false);
		EXPECT(&l, ERR_LOG_REMOVED, seq);
	}
}

static void a_removed_run_is_named(void **state)
{
	(void)state;
	struct lines l = split(export_text);
	cut(&l, at(&l, 6), 3);
	EXPECT(&l, ERR_LOG_REMOVED, 6);
	l = split(export_text);
	cut(&l, at(&l, 0), 3);
	EXPECT(&l, ERR_LOG_REMOVED, 0);
	l = split(export_text);
	cut(&l, at(&l, 6), 3);
	renumber(&l, false);
	EXPECT(&l, ERR_LOG_REMOVED, 6);
}

static void swapped_and_moved_entries_are_named(void **state)
{
	(void)state;
	for (unsigned seq = 0; seq + 1 < ENTRIES; seq++) {
		struct lines l = split(export_text);
		size_t a = at(&l, seq);
		size_t b = at(&l, seq + 1);
		char *line = l.line[a];
		l.line[a] = l.line[b];
		l.line[b] = line;
		EXPECT(&l, ERR_LOG_REORDERED, seq);
	}
	struct lines l = split(export_text);
	move(&l, at(&l, 2), at(&l, 15));
	EXPECT(&l, ERR_LOG_REORDERED, 2);
	l = split(export_text);
	move(&l, at(&l, 15), at(&l, 2));
	EXPECT(&l, ERR_LOG_REORDERED, 2);
	l = split(export_text);
	put(&l, at(&l, 9) + 1, dup_line(l.line[at(&l, 9)], strlen(l.line[at(&l, 9)])));
	EXPECT(&l, ERR_LOG_REORDERED, 10);
	/* Swapped and renumbered. */
	l = split(export_text);
	move(&l, at(&l, 7), at(&l, 8));
	renumber(&l, false);
	EXPECT(&l, ERR_LOG_REORDERED, 7);
}

static void an_entry_put_in_is_named(void **state)
{
	(void)state;
	struct lines l = split(export_text);
	size_t i = at(&l, 8);
	struct entry en = entry_at(&l, i);
	(void)snprintf(en.act, sizeof(en.act), "forged");
	put(&l, i, dup_line("", 0));
	set_entry(&l, i, &en);
	EXPECT(&l, ERR_LOG_EDITED, 8);
}

/* Everything after the change was made to fit: then the signed roots tell, and only a range. */
static void a_rewritten_rest_is_caught_by_the_next_checkpoint(void **state)
{
	(void)state;
	static const struct {
		unsigned seq;
		unsigned from;
	} rows[] = {{0, 0}, {4, 0}, {5, 5}, {8, 5}, {10, 5}, {11, 11}, {15, 11}, {16, 16},
		{19, 16}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lines l = split(export_text);
		edit(&l, at(&l, rows[i].seq));
		renumber(&l, true);
		EXPECT(&l, ERR_LOG_EDITED, rows[i].from);

		/* Removed instead: the checkpoint counts more entries than there are. */
		l = split(export_text);
		cut(&l, at(&l, rows[i].seq), 1);
		renumber(&l, true);
		if (rows[i].from < 16)
			EXPECT(&l, ERR_LOG_REMOVED, rows[i].from);
		else
			EXPECT(&l, ERR_LOG_CUT, ENTRIES - 1); /* one too few */

		/* Put in instead. */
		l = split(export_text);
		size_t where = at(&l, rows[i].seq);
		put(&l, where, dup_line(l.line[where], strlen(l.line[where])));
		renumber(&l, true);
		/* Behind the last one that was signed, what is signed stays as it was. */
		EXPECT(&l, ERR_LOG_EDITED, rows[i].seq == ENTRIES - 1 ? ENTRIES : rows[i].from);
	}
}

static void the_range_is_named_in_words(void **state)
{
	(void)state;
	struct audit_verdict v;
	struct err e;
	struct lines l = split(export_text);
	edit(&l, at(&l, 8));
	renumber(&l, true);
	assert_int_equal(verify(&l, &v, &e), ERR_LOG_EDITED);
	assert_string_equal(e.object, "entries 5 to 10");
	assert_non_null(strstr(e.reason, "size 11"));
}

/* The checkpoints in between are dropped: the newest, on top, is still to be lived up to. */
static void without_the_checkpoints_between_the_newest_tells(void **state)
{
	(void)state;
	struct lines l = split(export_text);
	for (size_t i = 10; i < l.n;)
		if (strcmp(l.line[i], "checkpoint") == 0)
			cut(&l, i, 7);
		else
			i++;
	struct lines again = {.n = l.n};
	for (size_t i = 0; i < l.n; i++)
		again.line[i] = dup_line(l.line[i], strlen(l.line[i]));
	struct audit_verdict v;
	assert_int_equal(verify(&again, &v, NULL), ERR_OK);
	assert_int_equal(v.checkpoints, 0);
	edit(&l, at(&l, 8));
	renumber(&l, true);
	EXPECT(&l, ERR_LOG_EDITED, 0);
}

static void a_cut_end_is_named(void **state)
{
	(void)state;
	for (unsigned seq = 0; seq < ENTRIES; seq++) {
		struct lines l = split(export_text);
		size_t i = at(&l, seq);
		cut(&l, i, l.n - i);
		EXPECT(&l, ERR_LOG_CUT, seq);
		/* With a new last line that fits. */
		l = split(export_text);
		i = at(&l, seq);
		cut(&l, i, l.n - 1 - i);
		renumber(&l, true);
		EXPECT(&l, ERR_LOG_CUT, seq);
	}
	/* Only the last line is missing. */
	struct lines l = split(export_text);
	cut(&l, l.n - 1, 1);
	EXPECT(&l, ERR_LOG_CUT, ENTRIES);
}

static void a_file_cut_at_any_byte_is_never_whole(void **state)
{
	(void)state;
	size_t len = strlen(export_text);
	for (size_t n = 0; n < len; n += n < 1000 ? 1 : 5) {
		struct audit_verdict v;
		enum err_code rc = log_maker_verify(&maker, export_text, n, &v, NULL);
		assert_true(rc == ERR_LOG_CUT || rc == ERR_MALFORMED || rc == ERR_LOG_CHECKPOINT);
	}
}

/* Each byte of the export is held by something. */
static void no_flipped_bit_passes(void **state)
{
	(void)state;
	size_t len = strlen(export_text);
	char *copy = dup_line(export_text, len);
	for (size_t bit = 0; bit < len * 8; bit += 19) {
		struct audit_verdict v;
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		if (log_maker_verify(&maker, copy, len, &v, NULL) == ERR_OK)
			fail_msg("bit %zu: %s", bit, copy + bit / 8);
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
	}
	free(copy);
}

static void a_forged_checkpoint_is_named(void **state)
{
	(void)state;
	struct log_maker other;
	struct checkpoint c;
	struct buf note = buf_new(NOTE_MAX);
	log_maker_start(&other); /* the same name, the attacker's key */
	audit_checkpoint(&maker.state, &c);
	log_maker_sign_into(&other, &c, &note);
	struct lines l = split(export_text);
	struct lines n = split(buf_cstr(&note));
	for (size_t i = 0; i < l.n; i++)
		if (strcmp(l.line[i], "newest") == 0)
			for (size_t k = 0; k < n.n; k++) {
				free(l.line[i + 1 + k]);
				l.line[i + 1 + k] = n.line[k];
			}
	EXPECT(&l, ERR_LOG_CHECKPOINT, 0);
	buf_free(&note);
	log_maker_end(&other);
}

static void an_old_end_does_not_hide_behind_an_old_checkpoint(void **state)
{
	(void)state;
	/* Cut after 11 entries, the signed checkpoint of 11 put on top: all of it is genuine, and it
	 * verifies.  The verdict says how many entries were signed; who has seen a larger size knows. */
	struct lines l = split(export_text);
	size_t end = at(&l, 11);
	cut(&l, end, l.n - 1 - end);
	for (size_t k = 0; k < 6; k++) {
		free(l.line[3 + k]);
		l.line[3 + k] = dup_line(l.line[end - 6 + k], strlen(l.line[end - 6 + k]));
	}
	struct audit_verdict v;
	renumber(&l, true);
	enum err_code rc = verify(&l, &v, NULL);
	assert_int_equal(rc, ERR_OK);
	assert_int_equal(v.signed_entries, 11);
}

static void an_entry_behind_the_newest_checkpoint_is_refused(void **state)
{
	(void)state;
	/* Linked well, counted by the last line, and written without the key. */
	struct lines l = split(export_text);
	struct entry en = entry_at(&l, at(&l, ENTRIES - 1));
	en.prev = merkle_leaf(bytes_str(l.line[at(&l, ENTRIES - 1)]));
	en.seq = ENTRIES;
	put(&l, l.n - 1, dup_line("", 0));
	set_entry(&l, l.n - 2, &en);
	renumber(&l, true);
	EXPECT(&l, ERR_LOG_EDITED, ENTRIES);
}

static void what_is_not_signed_yet_is_not_exported(void **state)
{
	(void)state;
	struct log_maker m;
	struct audit_verdict v;
	log_maker_start(&m);
	log_maker_append(&m, 3);
	log_maker_sign(&m);
	log_maker_append(&m, 2);
	char *text = log_maker_export(&m);
	assert_int_equal(log_maker_verify(&m, text, strlen(text), &v, NULL), ERR_OK);
	assert_int_equal(v.entries, 3);
	assert_int_equal(v.signed_entries, 3);
	free(text);
	log_maker_end(&m);
}

static void what_is_no_export_is_told(void **state)
{
	(void)state;
	struct audit_verdict v;
	struct lines l = split(export_text);
	free(l.line[0]);
	l.line[0] = dup_line("medseal-log-export/2", 20);
	EXPECT(&l, ERR_MALFORMED, 0);
	l = split(export_text);
	cut(&l, 1, 1);
	EXPECT(&l, ERR_MALFORMED, 0);
	l = split(export_text);
	put(&l, l.n, dup_line("more", 4));
	EXPECT(&l, ERR_TRAILING, 0);
	assert_int_equal(log_maker_verify(&maker, "", 0, &v, NULL), ERR_MALFORMED);
	assert_int_equal(audit_verify_export(-1, &maker.note, &v, NULL), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_untouched_export_verifies),
		cmocka_unit_test(every_edited_entry_is_named),
		cmocka_unit_test(every_broken_entry_is_named),
		cmocka_unit_test(every_changed_number_and_link_is_named),
		cmocka_unit_test(every_removed_entry_is_named),
		cmocka_unit_test(a_removed_run_is_named),
		cmocka_unit_test(swapped_and_moved_entries_are_named),
		cmocka_unit_test(an_entry_put_in_is_named),
		cmocka_unit_test(a_rewritten_rest_is_caught_by_the_next_checkpoint),
		cmocka_unit_test(the_range_is_named_in_words),
		cmocka_unit_test(without_the_checkpoints_between_the_newest_tells),
		cmocka_unit_test(a_cut_end_is_named),
		cmocka_unit_test(a_file_cut_at_any_byte_is_never_whole),
		cmocka_unit_test(no_flipped_bit_passes),
		cmocka_unit_test(a_forged_checkpoint_is_named),
		cmocka_unit_test(an_old_end_does_not_hide_behind_an_old_checkpoint),
		cmocka_unit_test(an_entry_behind_the_newest_checkpoint_is_refused),
		cmocka_unit_test(what_is_not_signed_yet_is_not_exported),
		cmocka_unit_test(what_is_no_export_is_told),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_log, drop_log);
}
