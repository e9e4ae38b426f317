/*
 * Runs a fuzz target without libFuzzer: every file of the corpus first, then mutations of it for a
 * given time, from a fixed seed so that a failure can be had again.
 *
 *     fuzz_NAME [--seconds N] [--seed N] FILE|FOLDER...
 *
 * When a sanitizer or an assertion ends the program, the input at hand is left in ./crash-fuzz_NAME.
 * With clang, -fsanitize=fuzzer takes the place of this file (tests/fuzz/meson.build).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)1 << 16) /* of one input; larger corpus files are an error */
#define INPUTS_MAX 4096
#define MUTATIONS_MAX 8             /* stacked on one input */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

struct input {
	uint8_t *p;
	size_t len;
};

static struct input corpus[INPUTS_MAX];
static size_t n_corpus;
static uint8_t work[INPUT_MAX]; /* the mutated input */
static uint64_t random_state;

static struct input running;
static char crash_path[256];

static void die(const char *what, const char *path)
{
	printf("Bail out! %s: %s (%s)\n", path, what, strerror(errno));
	exit(1);
}

/* Async-signal-safe: it runs when the program is already lost. */
static void save_running(void)
{
	if (running.p == NULL)
		return;
	int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return;
	ssize_t n = write(fd, running.p, running.len);
	(void)n;
	(void)close(fd);
	running.p = NULL;
}

static void on_signal(int sig)
{
	save_running();
	(void)signal(sig, SIG_DFL);
	(void)raise(sig);
}

/* The target sees memory that ends where the input ends. */
static void run(const uint8_t *p, size_t len)
{
	uint8_t *exact = malloc(len == 0 ? 1 : len);
	if (exact == NULL)
		die("no memory", "input");
	if (len != 0)
		memcpy(exact, p, len);
	running = (struct input){exact, len};
	(void)LLVMFuzzerTestOneInput(exact, len);
	running.p = NULL;
	free(exact);
}

static void load_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		die("cannot be read", path);
	if (n_corpus == INPUTS_MAX)
		die("too many inputs", path);
	size_t len = fread(work, 1, sizeof(work), f);
	if (ferror(f) || fgetc(f) != EOF)
		die("cannot be read, or is too large", path);
	(void)fclose(f);
	uint8_t *p = malloc(len == 0 ? 1 : len);
	if (p == NULL)
		die("no memory", path);
	memcpy(p, work, len);
	corpus[n_corpus++] = (struct input){p, len};
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Files in the order of their names: the order of readdir is not the same everywhere. */
static void load_folder(const char *path)
{
	char *names[INPUTS_MAX];
	size_t n = 0;
	DIR *d = opendir(path);
	if (d == NULL)
		die("cannot be read", path);
	for (struct dirent *ent = readdir(d); ent != NULL; ent = readdir(d)) {
		if (ent->d_name[0] == '.')
			continue;
		if (n == INPUTS_MAX || asprintf(&names[n], "%s/%s", path, ent->d_name) < 0)
			die("too many inputs", path);
		n++;
	}
	(void)closedir(d);
	qsort(names, n, sizeof(names[0]), by_name);
	for (size_t i = 0; i < n; i++) {
		load_file(names[i]);
		free(names[i]);
	}
}

static void load(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0)
		die("cannot be read", path);
	if (S_ISDIR(st.st_mode))
		load_folder(path);
	else
		load_file(path);
}

/* xorshift64* (Vigna, 2016): quick, and the same on every machine. */
static uint64_t random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545f4914f6cdd1dU;
}

static size_t random_below(size_t n)
{
	return n == 0 ? 0 : (size_t)((random_next() >> 11) % n);
}

/* Numbers at which lengths and counters go wrong. */
static uint64_t random_edge(void)
{
	static const uint64_t edges[] = {0, 1, 2, 3, 4, 7, 8, 31, 32, 33, 63, 64, 127, 128, 255, 256,
		1023, 1024, 4095, 4096, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000,
		0xfffffffc, 0xffffffe0, 0xffffffff, 0x7fffffffffffffff, 0xffffffffffffffff};
	return edges[random_below(sizeof(edges) / sizeof(edges[0]))];
}

static void overwrite_number(uint8_t *p, size_t len)
{
	size_t width = (size_t)1 << random_below(4);
	if (len < width)
		return;
	size_t at = random_below(len - width + 1);
	uint64_t v = random_below(4) == 0 ? random_next() : random_edge();
	bool big_endian = random_below(2) == 0;
	for (size_t i = 0; i < width; i++)
		p[at + (big_endian ? width - 1 - i : i)] = (uint8_t)(v >> 8 * i);
}

static size_t insert(uint8_t *p, size_t len, const uint8_t *from, size_t n)
{
	if (n > INPUT_MAX - len)
		n = INPUT_MAX - len;
	size_t at = random_below(len + 1);
	memmove(p + at + n, p + at, len - at);
	memmove(p + at, from, n);
	return len + n;
}

static size_t mutate_once(uint8_t *p, size_t len)
{
	uint8_t noise[16];
	const struct input *other = &corpus[random_below(n_corpus)];
	size_t at = random_below(len);
	size_t n;
	switch (random_below(7)) {
	case 0:
		if (len != 0)
			p[at] ^= (uint8_t)(1U << random_below(8));
		return len;
	case 1:
		if (len != 0)
			p[at] = (uint8_t)random_next();
		return len;
	case 2:
		overwrite_number(p, len);
		return len;
	case 3: /* cut a piece out */
		n = random_below(len - at + 1);
		if (random_below(4) != 0)
			n %= 9;
		memmove(p + at, p + at + n, len - at - n);
		return len - n;
	case 4:
		for (size_t i = 0; i < sizeof(noise); i++)
			noise[i] = (uint8_t)random_next();
		return insert(p, len, noise, 1 + random_below(sizeof(noise)));
	case 5: { /* a piece of another input, put in */
		size_t from = random_below(other->len);
		return insert(p, len, other->p + from, random_below(other->len - from + 1));
	}
	default: { /* a piece of another input at its own place */
		size_t from = random_below(other->len);
		n = random_below(other->len - from + 1);
		if (from > len)
			return len;
		memcpy(p + from, other->p + from, n);
		return from + n > len ? from + n : len;
	}
	}
}

static void run_mutated(void)
{
	size_t len = 0;
	if (n_corpus != 0) {
		const struct input *seed = &corpus[random_below(n_corpus)];
		memcpy(work, seed->p, seed->len);
		len = seed->len;
		size_t times = 1 + random_below(MUTATIONS_MAX);
		for (size_t i = 0; i < times; i++)
			len = mutate_once(work, len);
	} else {
		len = random_below(256);
		for (size_t i = 0; i < len; i++)
			work[i] = (uint8_t)random_next();
	}
	run(work, len);
}

static double seconds_now(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned long number_arg(const char *s)
{
	char *end;
	errno = 0;
	unsigned long v = strtoul(s, &end, 10);
	if (errno != 0 || *end != '\0' || end == s)
		die("is not a number", s);
	return v;
}

int main(int argc, char **argv)
{
	unsigned long seconds = 0;
	unsigned long seed = 1;
	int i = 1;
	for (; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--seconds") == 0)
			seconds = number_arg(argv[i + 1]);
		else if (strcmp(argv[i], "--seed") == 0)
			seed = number_arg(argv[i + 1]);
		else
			die("unknown option", argv[i]);
	}
	for (; i < argc; i++)
		load(argv[i]);

	const char *name = strrchr(argv[0], '/');
	(void)snprintf(crash_path, sizeof(crash_path), "crash-%s", name != NULL ? name + 1 : argv[0]);
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(save_running);
	(void)signal(SIGABRT, on_signal);
	random_state = (seed + 1) * 0x9e3779b97f4a7c15U;

	printf("1..2\n");
	for (size_t n = 0; n < n_corpus; n++)
		run(corpus[n].p, corpus[n].len);
	printf("ok 1 - %zu corpus files replayed\n", n_corpus);
	(void)fflush(stdout);

	uint64_t executions = 0;
	double start = seconds_now();
	if (seconds == 0) {
		printf("ok 2 - mutations # SKIP fuzz_seconds is 0\n");
	} else {
		while (seconds_now() - start < (double)seconds) {
			for (unsigned k = 0; k < 64; k++, executions++)
				run_mutated();
		}
		printf("ok 2 - %llu mutated inputs in %.1f s, seed %lu\n",
			(unsigned long long)executions, seconds_now() - start, seed);
	}
	for (size_t n = 0; n < n_corpus; n++)
		free(corpus[n].p);
	return 0;
}
