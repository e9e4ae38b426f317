/*
 * A process that commits is killed at any moment.  What it had acknowledged through a pipe is there
 * afterwards, with its log entry.
 */
#include "tests/unit/cmocka_tap.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/store/temp_store.h"

#define TRIALS 60

/* Devices and log entries in step, in groups of 1 to 7; each commit is told through the pipe. */
static void commit_for_ever(const char *path, int out)
{
	struct store *s = NULL;
	uint64_t n;
	if (store_open(path, &s, NULL) != ERR_OK || store_log_size(s, &n, NULL) != ERR_OK)
		_exit(2);
	for (;;) {
		uint64_t end = n + 1 + n % 7;
		if (store_begin(s, NULL) != ERR_OK)
			_exit(3);
		for (; n < end; n++) {
			struct device d = device_of((unsigned)n);
			if (store_device_add(s, &d, NULL) != ERR_OK ||
				log_add(s, n, "act", d.serial, NULL) != ERR_OK)
				_exit(4);
		}
		if (store_commit(s, NULL) != ERR_OK || write(out, &n, sizeof(n)) != sizeof(n))
			_exit(5);
	}
}

static uint64_t run_and_kill(const char *path, long microseconds)
{
	int p[2];
	uint64_t told = 0;
	uint64_t n;
	int status;
	assert_int_equal(pipe(p), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(p[0]);
		commit_for_ever(path, p[1]);
	}
	assert_int_equal(close(p[1]), 0);
	struct timespec t = {microseconds / 1000000, microseconds % 1000000 * 1000};
	(void)nanosleep(&t, NULL);
	assert_int_equal(kill(child, SIGKILL), 0);
	while (read(p[0], &n, sizeof(n)) == (ssize_t)sizeof(n))
		told = n;
	assert_int_equal(close(p[0]), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return told;
}

static void what_was_acknowledged_survives_kill(void **state)
{
	(void)state;
	struct temp_store t;
	uint64_t before = 0;
	unsigned useful = 0;
	temp_store_start(&t);
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		store_close(t.store);
		t.store = NULL;
		uint64_t told = run_and_kill(t.path, 3000 + trial * 7919 % 60000);
		uint64_t entries;
		uint64_t devices;
		OK(store_open(t.path, &t.store, NULL)); /* the lock went with its owner */
		OK(store_log_size(t.store, &entries, NULL));
		OK(store_device_count(t.store, DEVICE_REGISTERED, &devices, NULL));
		assert_int_equal(entries, devices);
		assert_true(entries >= told && entries >= before);
		for (uint64_t i = before; i < entries; i++) {
			struct device d = device_of((unsigned)i);
			OK(store_device_get(t.store, d.serial, &d, NULL));
			OK(store_log_get(t.store, i, NULL, NULL, NULL));
		}
		if (entries > before)
			useful++;
		before = entries;
	}
	print_message("# %llu entries in %u of %d runs\n", (unsigned long long)before, useful,
		TRIALS);
	assert_true(useful > TRIALS / 2);
	temp_store_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_acknowledged_survives_kill),
	};
	return RUN_TAP(tests);
}
