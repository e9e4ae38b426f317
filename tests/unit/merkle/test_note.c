#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merkle/note.h"

/* The example of the specification (c2sp.org/signed-note). */
static const char spec_vkey[] =
	"example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
static const char spec_text[] = "This is an example message.\n";
static const char spec_note[] =
	"This is an example message.\n\n\xe2\x80\x94 example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv"
	"1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

static struct note_key key_of(const char *vkey)
{
	struct note_key k;
	assert_int_equal(note_key_parse(vkey, &k, NULL), ERR_OK);
	return k;
}

static enum err_code check_text(const char *note, size_t len, const struct note_key *k)
{
	struct bytes text;
	return note_check(bytes_of(note, len), k, &text, NULL);
}

static void the_note_of_the_specification_holds(void **state)
{
	(void)state;
	struct note_key k = key_of(spec_vkey);
	struct bytes text;
	assert_string_equal(k.name, "example.com/foo");
	assert_memory_equal(k.id, "\x53\x0d\x90\x3a", 4);
	assert_int_equal(note_check(bytes_str(spec_note), &k, &text, NULL), ERR_OK);
	assert_true(bytes_equal(text, bytes_str(spec_text)));
	struct buf out = buf_new(200);
	assert_int_equal(note_key_print(&k, &out, NULL), ERR_OK);
	assert_string_equal(buf_cstr(&out), spec_vkey);
	buf_free(&out);
}

static void every_flipped_bit_of_a_note_is_refused(void **state)
{
	(void)state;
	struct note_key k = key_of(spec_vkey);
	char note[sizeof(spec_note)];
	size_t len = sizeof(spec_note) - 1;
	for (size_t bit = 0; bit < len * 8; bit++) {
		memcpy(note, spec_note, sizeof(note));
		note[bit / 8] = (char)(note[bit / 8] ^ 1 << bit % 8);
		assert_int_equal(check_text(note, len, &k), ERR_LOG_CHECKPOINT);
	}
	for (size_t n = 0; n < len; n++)
		assert_int_equal(check_text(spec_note, n, &k), ERR_LOG_CHECKPOINT);
}

static void every_flipped_bit_of_a_key_text_is_refused(void **state)
{
	(void)state;
	char vkey[sizeof(spec_vkey)];
	struct note_key k;
	for (size_t bit = 0; bit < (sizeof(vkey) - 1) * 8; bit++) {
		memcpy(vkey, spec_vkey, sizeof(vkey));
		vkey[bit / 8] = (char)(vkey[bit / 8] ^ 1 << bit % 8);
		assert_int_not_equal(note_key_parse(vkey, &k, NULL), ERR_OK);
	}
	assert_int_not_equal(note_key_parse("", &k, NULL), ERR_OK);
	assert_int_not_equal(note_key_parse("a+b", &k, NULL), ERR_OK);
	assert_int_not_equal(note_key_parse("a+530d903a+", &k, NULL), ERR_OK);
}

/* A note by a fresh key; the log key of the other tests. */
struct signer {
	struct key *key;
	struct note_key note;
};

static struct signer signer_new(const char *name)
{
	struct signer s;
	assert_int_equal(key_generate(KEY_ED25519, &s.key, NULL), ERR_OK);
	assert_int_equal(note_key_make(name, s.key, &s.note, NULL), ERR_OK);
	return s;
}

static void sign(const struct signer *s, const char *text, struct buf *note)
{
	struct buf sig = buf_new(64);
	assert_int_equal(key_sign(s->key, bytes_str(text), &sig, NULL), ERR_OK);
	assert_int_equal(sig.len, 64);
	assert_int_equal(note_encode(bytes_str(text), &s->note, sig.p, note, NULL), ERR_OK);
	buf_free(&sig);
}

static void what_we_sign_we_verify_and_others_are_ignored(void **state)
{
	(void)state;
	struct signer log = signer_new("realm.example/log");
	struct signer other = signer_new("realm.example/log"); /* same name, another key */
	struct buf note = buf_new(NOTE_MAX);
	struct buf more = buf_new(NOTE_MAX);
	struct bytes text;
	sign(&log, "a\n\nb\n", &note); /* an empty line within the text */
	assert_int_equal(note_check(buf_view(&note), &log.note, &text, NULL), ERR_OK);
	assert_true(bytes_equal(text, bytes_str("a\n\nb\n")));
	assert_int_equal(note_check(buf_view(&note), &other.note, &text, NULL),
		ERR_LOG_CHECKPOINT);

	/* Sixteen signatures of witnesses that nobody here knows. */
	for (int i = 0; i < 16; i++)
		buf_printf(&note, "\xe2\x80\x94 witness%d.example NnugSzTjtVA=\n", i);
	assert_int_equal(note_check(buf_view(&note), &log.note, &text, NULL), ERR_OK);

	/* Our name and id with a signature that does not hold spoils the note, wherever it stands. */
	sign(&log, "c\n", &more);
	const char *line = strstr(buf_cstr(&more), "\xe2\x80\x94");
	buf_str(&note, line);
	assert_int_equal(note_check(buf_view(&note), &log.note, &text, NULL),
		ERR_LOG_CHECKPOINT);
	buf_free(&note);
	buf_free(&more);
	key_free(log.key);
	key_free(other.key);
}

static void a_note_holds_no_control_characters(void **state)
{
	(void)state;
	struct signer s = signer_new("n");
	struct buf out = buf_new(NOTE_MAX);
	static const char *const bad[] = {"", "no end", "tab\t\n", "cr\r\n", "\xff\n", "\xc2\x85\n",
		"\xc0\xaf\n", "\xed\xa0\x80\n", "\xf4\x90\x80\x80\n", "\xe2\x80\n"};
	uint8_t sig[64] = {0};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(note_encode(bytes_str(bad[i]), &s.note, sig, &out, NULL),
			ERR_MALFORMED);
	key_free(s.key);
	buf_free(&out);
}

static void names_that_would_confuse_are_refused(void **state)
{
	(void)state;
	struct signer s = signer_new("n");
	struct note_key k;
	char longest[NOTE_ORIGIN_MAX + 2];
	memset(longest, 'a', sizeof(longest));
	longest[NOTE_ORIGIN_MAX + 1] = '\0';
	static const char *const bad[] = {"", "a b", "a+b", "a\nb", "\xc3\xa4", "a\x7f"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(note_key_make(bad[i], s.key, &k, NULL), ERR_MALFORMED);
	assert_int_equal(note_key_make(longest, s.key, &k, NULL), ERR_MALFORMED);
	longest[NOTE_ORIGIN_MAX] = '\0';
	assert_int_equal(note_key_make(longest, s.key, &k, NULL), ERR_OK);
	struct key *p256;
	assert_int_equal(key_generate(KEY_P256, &p256, NULL), ERR_OK);
	assert_int_equal(note_key_make("n", p256, &k, NULL), ERR_KEY_ALGORITHM);
	key_free(p256);
	key_free(s.key);
}

static void a_checkpoint_has_one_spelling(void **state)
{
	(void)state;
	static const char good[] = "o\n12\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
	struct checkpoint c;
	struct buf out = buf_new(NOTE_MAX);
	assert_int_equal(checkpoint_parse(bytes_str(good), &c, NULL), ERR_OK);
	assert_int_equal(c.size, 12);
	assert_int_equal(checkpoint_encode(&c, &out, NULL), ERR_OK);
	assert_string_equal(buf_cstr(&out), good);
	buf_free(&out);
	static const char *const bad[] = {
		"", "o\n12\n",
		"\n12\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"o\n012\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"o\n+12\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"o\n-1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"o\n\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"o\n9223372036854775808\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"o\n99999999999999999999\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
		"o\n12\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I\n",
		"o\n12\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n",
		"o\n12\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jx\n",
		"o\n12\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
		"o\n12\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\nextension\n",
		"o\r\n12\r\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\r\n",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_not_equal(checkpoint_parse(bytes_str(bad[i]), &c, NULL), ERR_OK);
	memset(c.origin, 0, sizeof(c.origin));
	assert_int_equal(checkpoint_encode(&c, &out, NULL), ERR_MALFORMED);
	buf_free(&out);
}

static void a_checkpoint_of_another_log_is_refused(void **state)
{
	(void)state;
	struct signer s = signer_new("mine");
	struct buf note = buf_new(NOTE_MAX);
	struct checkpoint c = {.origin = "untouched"};
	sign(&s, "theirs\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", &note);
	assert_int_equal(checkpoint_check(buf_view(&note), &s.note, &c, NULL), ERR_LOG_CHECKPOINT);
	buf_reset(&note);
	sign(&s, "mine\nnot a checkpoint\n", &note);
	assert_int_equal(checkpoint_check(buf_view(&note), &s.note, &c, NULL), ERR_LOG_CHECKPOINT);
	assert_string_equal(c.origin, "untouched");
	buf_reset(&note);
	sign(&s, "mine\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n", &note);
	assert_int_equal(checkpoint_check(buf_view(&note), &s.note, &c, NULL), ERR_OK);
	assert_int_equal(c.size, 1);
	buf_free(&note);
	key_free(s.key);
}

/* tests/unit/merkle/NAME, whole. */
static struct buf golden(const char *name)
{
	char path[500];
	uint8_t data[NOTE_MAX];
	(void)snprintf(path, sizeof(path), "%s/%s", getenv("TEST_DATA"), name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	struct buf b = buf_new(NOTE_MAX);
	size_t n = fread(data, 1, sizeof(data), f);
	buf_bytes(&b, bytes_of(data, n));
	assert_int_equal(fclose(f), 0);
	return b;
}

/* Key of RFC 8032 §7.1 test 1, as SubjectPublicKeyInfo; its signatures were made by OpenSSL's
 * command line (golden/make.py). */
static void the_golden_checkpoint_and_proof_hold(void **state)
{
	(void)state;
	struct buf vkey = golden("golden/vkey");
	struct buf note = golden("golden/checkpoint");
	struct buf text = golden("golden/proof.tlog-proof");
	struct buf again = buf_new(NOTE_MAX * 2);
	struct tlog_proof p;
	struct checkpoint c;
	struct note_key k = key_of(buf_cstr(&vkey));
	assert_int_equal(tlog_proof_parse(buf_view(&text), &p, NULL), ERR_OK);
	assert_int_equal(p.index, 3);
	assert_true(bytes_equal(p.checkpoint, buf_view(&note)));
	assert_int_equal(checkpoint_check(p.checkpoint, &k, &c, NULL), ERR_OK);
	assert_int_equal(c.size, 7);
	struct merkle_hash leaf = merkle_leaf(bytes_str("entry 3"));
	assert_int_equal(merkle_check_inclusion(leaf, p.index, c.size, &p.path, c.root, NULL),
		ERR_OK);
	assert_int_equal(tlog_proof_encode(&p, &again, NULL), ERR_OK);
	assert_true(bytes_equal(buf_view(&again), buf_view(&text)));
	buf_free(&vkey);
	buf_free(&note);
	buf_free(&text);
	buf_free(&again);
}

static void every_flipped_bit_of_a_proof_is_refused(void **state)
{
	(void)state;
	struct buf vkey = golden("golden/vkey");
	struct buf text = golden("golden/proof.tlog-proof");
	struct note_key k = key_of(buf_cstr(&vkey));
	struct merkle_hash leaf = merkle_leaf(bytes_str("entry 3"));
	for (size_t bit = 0; bit < text.len * 8; bit++) {
		struct tlog_proof p;
		struct checkpoint c;
		text.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		enum err_code rc = tlog_proof_parse(buf_view(&text), &p, NULL);
		if (rc == ERR_OK)
			rc = checkpoint_check(p.checkpoint, &k, &c, NULL);
		if (rc == ERR_OK)
			rc = merkle_check_inclusion(leaf, p.index, c.size, &p.path, c.root, NULL);
		assert_int_not_equal(rc, ERR_OK);
		text.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	buf_free(&vkey);
	buf_free(&text);
}

static void extra_data_of_a_proof_is_passed_over(void **state)
{
	(void)state;
	struct tlog_proof p;
	assert_int_equal(tlog_proof_parse(
		bytes_str("c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n\nx\n"), &p, NULL), ERR_OK);
	assert_int_equal(p.path.n, 0);
	assert_true(bytes_equal(p.checkpoint, bytes_str("x\n")));
	static const char *const bad[] = {
		"c2sp.org/tlog-proof@v1\nextra A\nindex 0\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA\n\nx\n",
		"c2sp.org/tlog-proof@v1\nextra AAAA\nextra AAAA\nindex 0\n\nx\n",
		"c2sp.org/tlog-proof@v1\nextra AAAA",
		"c2sp.org/tlog-proof@v1\nindex 00\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex 0\n\n",
		"c2sp.org/tlog-proof@v2\nindex 0\n\nx\n",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(tlog_proof_parse(bytes_str(bad[i]), &p, NULL), ERR_LOG_PROOF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_note_of_the_specification_holds),
		cmocka_unit_test(every_flipped_bit_of_a_note_is_refused),
		cmocka_unit_test(every_flipped_bit_of_a_key_text_is_refused),
		cmocka_unit_test(what_we_sign_we_verify_and_others_are_ignored),
		cmocka_unit_test(a_note_holds_no_control_characters),
		cmocka_unit_test(names_that_would_confuse_are_refused),
		cmocka_unit_test(a_checkpoint_has_one_spelling),
		cmocka_unit_test(a_checkpoint_of_another_log_is_refused),
		cmocka_unit_test(the_golden_checkpoint_and_proof_hold),
		cmocka_unit_test(every_flipped_bit_of_a_proof_is_refused),
		cmocka_unit_test(extra_data_of_a_proof_is_passed_over),
	};
	return RUN_TAP(tests);
}
