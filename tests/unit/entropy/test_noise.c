/* The gate: a source gives nothing before it has passed, and nothing after it has failed. */
#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "entropy/noise.h"

/* A source that plays a script: good noise, and from sample `stuck_from` on a constant. */
struct script {
	uint64_t state;
	uint64_t given;
	uint64_t stuck_from;
	uint64_t fails_from;
};

static enum err_code script_read(void *arg, uint8_t *out, size_t n, struct err *e)
{
	struct script *s = arg;
	for (size_t i = 0; i < n; i++, s->given++) {
		if (s->given >= s->fails_from)
			return err_set(e, ERR_ENTROPY_SOURCE, "script", "unplugged");
		s->state = s->state * 6364136223846793005U + 1442695040888963407U;
		out[i] = s->given >= s->stuck_from ? 0xaa : (uint8_t)(s->state >> 56);
	}
	return ERR_OK;
}

static struct noise_source source_of(struct script *s)
{
	return (struct noise_source){"script", 8, 6, script_read, s};
}

static void a_good_source_starts_and_its_first_samples_are_thrown_away(void **state)
{
	(void)state;
	struct script s = {1, 0, UINT64_MAX, UINT64_MAX};
	struct noise_source source = source_of(&s);
	struct noise n;
	assert_int_equal(noise_start(&n, &source, NULL), ERR_OK);
	assert_int_equal(s.given, NOISE_STARTUP_SAMPLES);
	assert_true(NOISE_STARTUP_SAMPLES >= 1024); /* SP 800-90B, section 4.3 */
	uint8_t out[64] = {0};
	assert_int_equal(noise_read(&n, out, sizeof(out), NULL), ERR_OK);
	assert_int_equal(s.given, NOISE_STARTUP_SAMPLES + sizeof(out));
	struct script again = {1, 0, UINT64_MAX, UINT64_MAX};
	uint8_t start[64];
	assert_int_equal(script_read(&again, start, sizeof(start), NULL), ERR_OK);
	assert_memory_not_equal(out, start, sizeof(out));
}

static void a_source_stuck_from_the_start_is_named(void **state)
{
	(void)state;
	struct script s = {1, 0, 100, UINT64_MAX};
	struct noise_source source = source_of(&s);
	struct err e;
	assert_int_equal(noise_startup_check(&source, &e), ERR_ENTROPY_HEALTH);
	assert_string_equal(e.object, "script");
	/* 1 + ceil(40 / 6) = 8 in a row, the first of them sample 101 */
	assert_string_equal(e.reason,
		"repetition count test: sample 108 was the value 0xaa for the 8. time in a row");
}

static void a_source_that_fails_later_is_noticed_and_stays_failed(void **state)
{
	(void)state;
	struct script s = {1, 0, NOISE_STARTUP_SAMPLES + 10, UINT64_MAX};
	struct noise_source source = source_of(&s);
	struct noise n;
	struct err e;
	assert_int_equal(noise_start(&n, &source, NULL), ERR_OK);
	uint8_t out[32];
	memset(out, 0x55, sizeof(out));
	assert_int_equal(noise_read(&n, out, sizeof(out), &e), ERR_ENTROPY_HEALTH);
	uint8_t none[32] = {0};
	assert_memory_equal(out, none, sizeof(out));
	s.stuck_from = UINT64_MAX; /* it recovers; nobody believes it */
	uint64_t given = s.given;
	assert_int_equal(noise_read(&n, out, sizeof(out), &e), ERR_ENTROPY_HEALTH);
	assert_int_equal(s.given, given);
	/* until it is started again */
	assert_int_equal(noise_start(&n, &source, NULL), ERR_OK);
}

static void a_source_that_cannot_be_read_is_an_error_of_its_own(void **state)
{
	(void)state;
	struct script s = {1, 0, UINT64_MAX, 500};
	struct noise_source source = source_of(&s);
	struct err e;
	assert_int_equal(noise_startup_check(&source, &e), ERR_ENTROPY_SOURCE);
	assert_string_equal(e.reason, "unplugged");
	source.min_entropy = 9;
	assert_int_equal(noise_startup_check(&source, &e), ERR_USAGE);
}

static char path[] = "/tmp/medseal-noise-XXXXXX";

static void write_file(const struct script *from, size_t n)
{
	struct script s = *from;
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	for (size_t i = 0; i < n; i++) {
		uint8_t v;
		assert_int_equal(script_read(&s, &v, 1, NULL), ERR_OK);
		assert_int_equal(fputc(v, f), v);
	}
	assert_int_equal(fclose(f), 0);
}

static void check_file(size_t samples, uint64_t stuck_from, enum err_code want)
{
	struct script s = {3, 0, stuck_from, UINT64_MAX};
	write_file(&s, samples);
	struct noise_file f;
	struct noise_source source;
	assert_int_equal(noise_file_open(&f, path, 6, &source, NULL), ERR_OK);
	assert_int_equal(noise_startup_check(&source, NULL), want);
	noise_file_close(&f);
	noise_file_close(&f);
}

static void a_file_of_samples_is_a_source(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	(void)close(fd);
	check_file(NOISE_STARTUP_SAMPLES, UINT64_MAX, ERR_OK);
	check_file(NOISE_STARTUP_SAMPLES, NOISE_STARTUP_SAMPLES - 8, ERR_ENTROPY_HEALTH);
	check_file(NOISE_STARTUP_SAMPLES - 1, UINT64_MAX, ERR_ENTROPY_SOURCE);
	check_file(0, 0, ERR_ENTROPY_SOURCE);
	assert_int_equal(unlink(path), 0);

	struct noise_file f;
	struct noise_source source;
	struct err e;
	assert_int_equal(noise_file_open(&f, path, 6, &source, &e), ERR_ENTROPY_SOURCE);
	assert_string_equal(e.object, path);
	noise_file_close(NULL);
}

static void zeros_for_ever_are_refused(void **state)
{
	(void)state;
	struct noise_file f;
	struct noise_source source;
	assert_int_equal(noise_file_open(&f, "/dev/zero", 0.5, &source, NULL), ERR_OK);
	assert_int_equal(noise_startup_check(&source, NULL), ERR_ENTROPY_HEALTH);
	noise_file_close(&f);
}

static void the_timer_of_this_machine_passes_and_differs_each_time(void **state)
{
	(void)state;
	static struct noise_timer a;
	static struct noise_timer b;
	struct noise_source source;
	struct noise n;
	uint8_t first[256];
	uint8_t second[256];
	assert_int_equal(noise_timer_open(&a, &source, NULL), ERR_OK);
	assert_int_equal(noise_start(&n, &source, NULL), ERR_OK);
	assert_int_equal(noise_read(&n, first, sizeof(first), NULL), ERR_OK);
	assert_int_equal(noise_timer_open(&b, &source, NULL), ERR_OK);
	assert_int_equal(noise_start(&n, &source, NULL), ERR_OK);
	assert_int_equal(noise_read(&n, second, sizeof(second), NULL), ERR_OK);
	assert_memory_not_equal(first, second, sizeof(first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_source_starts_and_its_first_samples_are_thrown_away),
		cmocka_unit_test(a_source_stuck_from_the_start_is_named),
		cmocka_unit_test(a_source_that_fails_later_is_noticed_and_stays_failed),
		cmocka_unit_test(a_source_that_cannot_be_read_is_an_error_of_its_own),
		cmocka_unit_test(a_file_of_samples_is_a_source),
		cmocka_unit_test(zeros_for_ever_are_refused),
		cmocka_unit_test(the_timer_of_this_machine_passes_and_differs_each_time),
	};
	return RUN_TAP(tests);
}
