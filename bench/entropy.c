/*
 * How long an assessment takes beside NIST's program, in one run, each on one thread, by processor
 * time; ours and NIST's in turn, so that what else the machine does meets both.
 *
 *	tools/in-root BUILD/bench/entropy-cost [--peers DIR] [--repeats N] [FILE]
 *
 * FILE holds 8-bit samples; without it 1,000,000 are made.  DIR has NIST's ea_non_iid and ea_iid
 * as its Makefile builds them; without it only ours is measured.
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
#define REPEATS_MAX 99
/* Times as fast as NIST's, that we want to be. */
#define GOAL_NON_IID 8
#define GOAL_IID 4

struct options {
	const char *peers; /* or NULL */
	const char *file;  /* or NULL */
	unsigned repeats;
};

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

/* Processor time of NIST's program, or 0 when there is none. */
static double peer(const struct options *o, const char *name, const char *path)
{
	double before = cpu_of(RUSAGE_CHILDREN);
	char program[4096];
	int status;
	pid_t child;

	if (o->peers == NULL)
		return 0;
	snprintf(program, sizeof(program), "%s/%s", o->peers, name);
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
	if (waitpid(child, &status, 0) < 0)
		die(program);
	/* one that ended early was fast for nothing */
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "entropy: %s: it failed (status %d)\n", program, status);
		exit(1);
	}
	return cpu_of(RUSAGE_CHILDREN) - before;
}

static void report(const char *what, double ours, double theirs)
{
	printf("%-12s ours %7.2f s", what, ours);
	if (theirs > 0)
		printf("   NIST's %7.2f s   %.1f x", theirs, theirs / ours);
	putchar('\n');
	fflush(stdout);
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static void conclude(const char *what, double *ratio, unsigned n, unsigned goal)
{
	double median;

	qsort(ratio, n, sizeof(*ratio), by_size);
	median = (ratio[(n - 1) / 2] + ratio[n / 2]) / 2;
	if (median > 0)
		printf("%-12s %.1f x (median of %u, %.1f to %.1f); wanted: %u x\n", what, median, n,
			ratio[0], ratio[n - 1], goal);
	else
		printf("%-12s no --peers: nothing to compare with\n", what);
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

static void non_iid(const struct options *o, const struct samples *s, const char *path)
{
	double ratio[REPEATS_MAX];

	for (unsigned i = 0; i < o->repeats; i++) {
		double ours = assess_once(s), theirs = peer(o, "ea_non_iid", path);
		report("non-IID", ours, theirs);
		ratio[i] = theirs / ours;
	}
	conclude("non-IID", ratio, o->repeats, GOAL_NON_IID);
}

/* How many rounds it takes is chance, and NIST's is seeded anew each time: so repeats differ. */
static void iid(const struct options *o, const struct samples *s, const char *path)
{
	double ratio[REPEATS_MAX];

	for (unsigned i = 0; i < o->repeats; i++) {
		struct iid_result r;
		double ours = iid_once(s, &r), theirs = peer(o, "ea_iid", path);
		report("IID", ours, theirs);
		ratio[i] = theirs / ours;
		printf("             %s after %u rounds\n", r.pass ? "passed" : "failed", r.rounds);
	}
	conclude("IID", ratio, o->repeats, GOAL_IID);
}

static struct options parse(int argc, char **argv)
{
	struct options o = {.repeats = REPEATS};

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--peers") == 0 && i + 1 < argc)
			o.peers = argv[++i];
		else if (strcmp(argv[i], "--repeats") == 0 && i + 1 < argc)
			o.repeats = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (argv[i][0] != '-' && o.file == NULL)
			o.file = argv[i];
		else
			o.repeats = 0;
	}
	if (o.repeats < 1 || o.repeats > REPEATS_MAX) {
		fprintf(stderr, "usage: entropy-cost [--peers DIR] [--repeats N] [FILE]\n");
		exit(2);
	}
	return o;
}

int main(int argc, char **argv)
{
	static uint8_t data[SAMPLES_MAX];
	struct options o = parse(argc, argv);
	char made[] = "/tmp/medseal-bench-XXXXXX";
	const char *path = o.file != NULL ? o.file : made;
	size_t n = MADE;
	struct samples s;
	struct err e;
	int fd = o.file != NULL ? open(path, O_RDONLY) : mkstemp(made);

	if (fd < 0)
		die(path);
	if (o.file != NULL) {
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
	non_iid(&o, &s, path);
	iid(&o, &s, path);
	samples_free(&s);
	if (o.file == NULL)
		unlink(made);
	return 0;
}
