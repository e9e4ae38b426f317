/*
 * How long an assessment takes beside NIST's program, in one run, each on one thread, by processor
 * time.
 *
 *	tools/in-root BUILD/bench/entropy-cost [FILE]
 *
 * FILE holds 8-bit samples; without it 1,000,000 are made.  MEDSEAL_EA_NON_IID and MEDSEAL_EA_IID
 * name NIST's ea_non_iid and ea_iid; without them only ours is measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "entropy/assess.h"
#include "entropy/iid.h"

#define MADE 1000000
#define REPEATS 3

static double cpu_of(int who)
{
	struct rusage r;
	getrusage(who, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
}

static void die(const char *what)
{
	fprintf(stderr, "entropy: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* splitmix64 (Steele, Lea, Flood) */
static void make(uint8_t *out, size_t n)
{
	uint64_t state = 1;
	for (size_t i = 0; i < n; i++) {
		uint64_t z = state += 0x9e3779b97f4a7c15U;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
		z = (z ^ z >> 27) * 0x94d049bb133111ebU;
		out[i] = (uint8_t)(z >> 56);
	}
}

static void report(const char *what, double ours, double theirs)
{
	printf("%-12s ours %7.2f s", what, ours);
	if (theirs > 0)
		printf("   NIST's %7.2f s   %.1f x", theirs, theirs / ours);
	putchar('\n');
	fflush(stdout);
}

/* Processor time of the peer, or 0. */
static double peer(const char *variable, const char *path)
{
	const char *program = getenv(variable);
	double before = cpu_of(RUSAGE_CHILDREN);
	int status;
	pid_t child;

	if (program == NULL)
		return 0;
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, STDOUT_FILENO);
		setenv("OMP_NUM_THREADS", "1", 1);
		execl(program, program, "-i", "-a", path, "8", (char *)NULL);
		_exit(127);
	}
	if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 127)
		die(program);
	return cpu_of(RUSAGE_CHILDREN) - before;
}

static double assess_once(const struct samples *s)
{
	struct assess_options o = {.depth = ASSESS_FULL};
	struct assessment a;
	struct err e;
	double before = cpu_of(RUSAGE_SELF);

	if (assess(s, &o, &a, &e) != ERR_OK)
		die(e.reason);
	return cpu_of(RUSAGE_SELF) - before;
}

static double iid_once(const struct samples *s, struct iid_result *r)
{
	struct iid_options o = {.seed = IID_SEED_DEFAULT, .threads = 1};
	struct err e;
	double before = cpu_of(RUSAGE_SELF);

	if (iid_test(s, &o, r, &e) != ERR_OK)
		die(e.reason);
	return cpu_of(RUSAGE_SELF) - before;
}

int main(int argc, char **argv)
{
	static uint8_t data[SAMPLES_MAX];
	char made[] = "/tmp/medseal-bench-XXXXXX";
	const char *path = argc > 1 ? argv[1] : made;
	size_t n = MADE;
	struct samples s;
	struct iid_result r;
	struct err e;
	int fd = argc > 1 ? open(path, O_RDONLY) : mkstemp(made);

	if (fd < 0)
		die(path);
	if (argc > 1) {
		ssize_t got = read(fd, data, sizeof(data));
		n = got < 0 ? 0 : (size_t)got;
	} else {
		make(data, n);
		if (write(fd, data, n) != (ssize_t)n)
			die(path);
	}
	close(fd);
	if (samples_take(bytes_of(data, n), 8, path, &s, &e) != ERR_OK)
		die(e.reason);
	printf("%zu samples of 8 bits, %u values\n", s.n, s.alphabet);
	for (unsigned i = 0; i < REPEATS; i++)
		report("non-IID", assess_once(&s), peer("MEDSEAL_EA_NON_IID", path));
	for (unsigned i = 0; i < REPEATS; i++) {
		double ours = iid_once(&s, &r);
		report("IID", ours, peer("MEDSEAL_EA_IID", path));
		printf("             %s after %u rounds\n", r.pass ? "passed" : "failed", r.rounds);
	}
	samples_free(&s);
	if (argc == 1)
		unlink(made);
	return 0;
}
