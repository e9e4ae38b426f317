/*
 * keys_door: what the key check at the door costs, RSA-2048.
 *
 *   keys_door [--keys N] [--lists FOLDER] [--kernel portable|avx2|ifma] [--dir FOLDER]
 *
 * N is 1,000,000 unless given (--keys 30000 is done in seconds, a million in minutes: 600 bytes of
 * disk each, in --dir, /var/tmp unless given).  LISTS: data/keys for those that come with the
 * program.  Prints one JSON object, and each row of its `doors` as a table on standard error:
 *
 *  - nanoseconds per issued key for each kernel, beside mpz_tdiv_r on the same numbers in one run;
 *  - milliseconds of a whole keycheck_admit(), p50 and p99, in processor time and by the clock, for
 *    doors of 30,000, 100,000 and N keys, of which each is compared at once (at 30,000 that is what
 *    tiers 1 and 2 do); then for N keys of which only the newest and the product line are, and the
 *    rest later; memory (anonymous, and mapped from buckets), disk, and how long it takes to open;
 *  - the cost of a key in micro-batches of several sizes over N keys.
 *
 * The issued moduli are random odd numbers: what is measured does not depend on their factors.  The
 * keys that come to the door are products of two primes, so that tier 1 goes its whole way.
 */
#include <gmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keycheck/door.h"

#define BUCKET 4096
#define BITS 2048
#define BUCKETS 8
#define ROUNDS 15

static gmp_randstate_t dice;

static double wall(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void random_modulus(mpz_t n)
{
	mpz_urandomb(n, dice, BITS);
	mpz_setbit(n, BITS - 1);
	mpz_setbit(n, 0);
}

/* The product of `n` moduli: halves first. */
static void product(mpz_t out, size_t n)
{
	mpz_t half;
	if (n == 1) {
		random_modulus(out);
		return;
	}
	mpz_init(half);
	product(half, n / 2);
	product(out, n - n / 2);
	mpz_mul(out, out, half);
	mpz_clear(half);
}

struct work {
	struct residue *r;
	const mpz_t *buckets;
	const struct limbs *views;
	mpz_t n;
	mpz_t rest;
};

static void divide(struct work *w)
{
	for (int b = 0; b < BUCKETS; b++)
		mpz_tdiv_r(w->rest, w->buckets[b], w->n);
}

static void take_all(struct work *w)
{
	residue_take(w->r, w->views, BUCKETS);
}

static void take_each(struct work *w)
{
	for (int b = 0; b < BUCKETS; b++)
		residue_take(w->r, w->views + b, 1);
}

/* Nanoseconds a key, the best of ROUNDS: what disturbs only ever adds. */
static double best_of(void (*f)(struct work *), struct work *w)
{
	double best = 1e9;
	for (int i = 0; i < ROUNDS; i++) {
		double t = cpu();
		f(w);
		t = (cpu() - t) / (BUCKETS * (double)BUCKET) * 1e9;
		best = t < best ? t : best;
	}
	return best;
}

static void kernels(struct work *w)
{
	uint8_t bytes[BITS / 8];
	size_t len;
	mpz_inits(w->n, w->rest, NULL);
	random_modulus(w->n);
	mpz_export(bytes, &len, 1, 1, 0, 0, w->n);
	double peer = best_of(divide, w);
	printf("\"mpz_tdiv_r_ns_per_key\": %.1f", peer);
	for (enum residue_kernel k = RESIDUE_PORTABLE; k < RESIDUE_KERNELS; k++) {
		if (!residue_has(k) || residue_new(bytes_of(bytes, len), k, &w->r, NULL) != ERR_OK)
			continue;
		double ns = best_of(take_all, w);
		printf(",\n \"%s_ns_per_key\": %.1f, \"%s_one_bucket_ns_per_key\": %.1f, "
			"\"%s_times_faster_than_mpz\": %.2f", residue_name(k), ns, residue_name(k),
			best_of(take_each, w), residue_name(k), peer / ns);
		residue_free(w->r);
	}
	mpz_clears(w->n, w->rest, NULL);
}

#define PRIMES 100 /* their products of two are the keys that come: 4,950 */
#define PROBES 500
#define FEW_PROBES 25

static mpz_t primes[PRIMES];
static char folder[512];
static const struct checker *checker;
static enum residue_kernel kernel;

static void check(enum err_code rc, const struct err *e)
{
	char line[600];
	if (rc == ERR_OK)
		return;
	err_print(e, line, sizeof(line));
	(void)fprintf(stderr, "keys_door: %s\n", line);
	exit(err_exit(rc));
}

static void key_of(const mpz_t n, struct buf *spki, struct pubkey *out)
{
	static const uint8_t exponent[] = {1, 0, 1};
	uint8_t bytes[BITS / 8];
	size_t len;
	struct err e;
	mpz_export(bytes, &len, 1, 1, 0, 0, n);
	check(pubkey_from_rsa(bytes_of(bytes, len), bytes_of(exponent, 3), spki, out, &e), &e);
}

/* The i-th key that comes. */
static void visitor(size_t i, struct buf *spki, struct pubkey *out)
{
	size_t a = 0;
	size_t row = PRIMES - 1;
	mpz_t n;
	while (i >= row) {
		i -= row--;
		a++;
	}
	mpz_init(n);
	mpz_mul(n, primes[a], primes[a + 1 + i]);
	key_of(n, spki, out);
	mpz_clear(n);
}

static struct door *opened(uint64_t inline_max)
{
	struct door *d;
	struct err e;
	struct door_options o = {.checker = checker, .inline_max = inline_max, .kernel = kernel};
	check(door_open(folder, &o, &d, &e), &e);
	return d;
}

static void fill(struct door *d, uint64_t n)
{
	mpz_t m;
	struct err e;
	struct pubkey k;
	struct buf spki = buf_new(1024);
	mpz_init(m);
	while (door_keys(d) < n) {
		random_modulus(m);
		key_of(m, &spki, &k);
		struct door_request r = {&k, "PUMP-1", "pump", 1800000000};
		check(door_add(d, &r, door_keys(d) + 1, &e), &e);
	}
	buf_free(&spki);
	mpz_clear(m);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return x < y ? -1 : x > y;
}

/* Of /proc/self/status, in MiB. */
static double memory(const char *what)
{
	char line[256];
	double kib = 0;
	FILE *f = fopen("/proc/self/status", "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, what, strlen(what)) == 0)
			kib = strtod(line + strlen(what) + 1, NULL);
	if (f != NULL)
		(void)fclose(f);
	return kib / 1024;
}

static double disk(void)
{
	double bytes = 0;
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(folder);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			bytes += (double)st.st_blocks * 512;
	if (d != NULL)
		(void)closedir(d);
	return bytes / 1048576;
}

/* Asks for `n` keys; what one takes in processor time and by the clock, sorted. */
static void ask(struct door *d, size_t n, double *ms, double *clock_ms)
{
	struct pubkey k;
	struct door_verdict v;
	struct err e;
	struct buf spki = buf_new(1024);
	for (size_t i = 0; i < n; i++) {
		visitor(i, &spki, &k);
		struct door_request r = {&k, "PUMP-2", "pump", 1800000000};
		double c = cpu();
		double w = wall();
		check(keycheck_admit(d, &r, &v, &e), &e);
		clock_ms[i] = (wall() - w) * 1000;
		ms[i] = (cpu() - c) * 1000;
		door_settle(d);
		if (v.code != ERR_OK && v.code != ERR_KEY_PENDING)
			(void)fprintf(stderr, "keys_door: %s\n", v.why);
	}
	qsort(ms, n, sizeof(ms[0]), by_size);
	qsort(clock_ms, n, sizeof(clock_ms[0]), by_size);
	buf_free(&spki);
}

/* One row: the door is opened anew, as a start of the server does. */
static void row(const char *what, uint64_t inline_max, size_t n)
{
	static double ms[PROBES];
	static double clock_ms[PROBES];
	static bool later;
	double anonymous = memory("RssAnon");
	double c = cpu();
	double w = wall();
	struct door *d = opened(inline_max);
	c = cpu() - c;
	w = wall() - w;
	ask(d, n, ms, clock_ms);
	unsigned long long keys = door_keys(d);
	anonymous = memory("RssAnon") - anonymous;
	printf("%s\n  {\"compared\": \"%s\", \"keys\": %llu, \"asked\": %zu,"
		" \"p50_cpu_ms\": %.3f, \"p99_cpu_ms\": %.3f, \"p50_wall_ms\": %.3f,"
		" \"p99_wall_ms\": %.3f, \"open_cpu_ms\": %.1f, \"open_wall_ms\": %.1f,"
		" \"memory_mib\": %.1f, \"mapped_mib\": %.1f, \"disk_mib\": %.1f}", later ? "," : "",
		what, keys, n, ms[n / 2], ms[n * 99 / 100], clock_ms[n / 2], clock_ms[n * 99 / 100],
		c * 1000, w * 1000, anonymous, memory("RssFile"), disk());
	if (!later)
		(void)fprintf(stderr, "| keys | compared | p50 / p99 ms, processor | p50 / p99 ms, "
			"clock | open s | memory + mapped MiB | disk MiB |\n"
			"|---|---|---|---|---|---|---|\n");
	(void)fprintf(stderr, "| %llu | %s | %.2f / %.2f | %.2f / %.2f | %.2f | %.0f + %.0f | %.0f |\n",
		keys, what, ms[n / 2], ms[n * 99 / 100], clock_ms[n / 2], clock_ms[n * 99 / 100], w,
		anonymous, memory("RssFile"), disk());
	later = true;
	(void)fflush(stdout);
	door_close(d);
}

/* `n` keys wait and are swept together: milliseconds a key. */
static void micro_batch(size_t n)
{
	struct door *d = opened(1);
	struct pubkey k;
	struct door_verdict v;
	struct err e;
	struct buf spki = buf_new(1024);
	for (size_t i = 0; i < n; i++) {
		visitor(i, &spki, &k);
		struct door_request r = {&k, "PUMP-2", "pump", 1800000000};
		check(keycheck_admit(d, &r, &v, &e), &e);
	}
	double t = cpu();
	while (door_busy(d))
		check(door_sweep(d, 1000000, &e), &e);
	printf(",\n \"micro_batch_%zu_ms_per_key\": %.3f", n, (cpu() - t) * 1000 / (double)n);
	(void)fflush(stdout);
	buf_free(&spki);
	door_close(d);
}

static void make_primes(void)
{
	for (size_t i = 0; i < PRIMES; i++) {
		mpz_init(primes[i]);
		mpz_urandomb(primes[i], dice, BITS / 2);
		mpz_setbit(primes[i], BITS / 2 - 1);
		mpz_setbit(primes[i], BITS / 2 - 2);
		mpz_nextprime(primes[i], primes[i]);
	}
}

static void make_checker(const char *lists_folder)
{
	struct lists *lists = NULL;
	struct checker *made;
	struct err e;
	if (lists_folder != NULL)
		check(lists_open(lists_folder, &lists, &e), &e);
	check(checker_new(lists, &made, &e), &e);
	checker = made; /* both live as long as the program */
}

static double filled(uint64_t n)
{
	struct door *d = opened(UINT64_MAX);
	uint64_t before = door_keys(d);
	double t = cpu();
	fill(d, n);
	t = cpu() - t;
	door_close(d);
	return n > before ? t / (double)(n - before) * 1e6 : 0;
}

static void door(uint64_t keys)
{
	static const uint64_t steps[] = {30000, 100000};
	static const size_t sizes[] = {1, 16, 32, 64, 128, 512, 4096};
	double add = 0;
	if (mkdtemp(folder) == NULL) {
		(void)fprintf(stderr, "keys_door: no folder %s\n", folder);
		exit(3);
	}
	make_primes();
	printf(",\n \"doors\": [");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && steps[i] < keys; i++) {
		(void)filled(steps[i]);
		row("all", UINT64_MAX, i == 0 ? PROBES : FEW_PROBES);
	}
	add = filled(keys);
	row("all", UINT64_MAX, keys <= 30000 ? PROBES : FEW_PROBES);
	row("newest and line", 1, PROBES);
	printf("],\n \"add_us_per_key\": %.1f", add);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		micro_batch(sizes[i]);
}

/* The folder holds files alone. */
static void clean(void)
{
	struct dirent *e;
	DIR *d = opendir(folder);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' || strlen(e->d_name) > 2)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		(void)closedir(d);
	(void)rmdir(folder);
}

static enum residue_kernel kernel_named(const char *name)
{
	for (enum residue_kernel k = RESIDUE_PORTABLE; k < RESIDUE_KERNELS; k++)
		if (strcmp(residue_name(k), name) == 0 && residue_has(k))
			return k;
	(void)fprintf(stderr, "keys_door: no kernel %s here\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	mpz_t buckets[BUCKETS];
	struct limbs views[BUCKETS];
	struct work w = {.buckets = buckets, .views = views};
	uint64_t keys = 1000000;
	const char *lists = NULL;
	const char *dir = "/var/tmp";
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 == argc || argv[i][0] != '-') {
			puts("usage: keys_door [--keys N] [--lists FOLDER] [--kernel portable|avx2|ifma] "
				"[--dir FOLDER]\nWhat the key check at the door costs, as JSON; N is "
				"1000000 unless given, LISTS data/keys for those that come along");
			return strcmp(argv[i], "--help") == 0 ? 0 : 2;
		}
		if (strcmp(argv[i], "--keys") == 0)
			keys = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--lists") == 0)
			lists = argv[i + 1];
		else if (strcmp(argv[i], "--dir") == 0)
			dir = argv[i + 1];
		else if (strcmp(argv[i], "--kernel") == 0)
			kernel = kernel_named(argv[i + 1]);
		else
			return 2;
	}
	(void)snprintf(folder, sizeof(folder), "%s/keys-door-XXXXXX", dir);
	gmp_randinit_default(dice);
	make_checker(lists);
	for (int b = 0; b < BUCKETS; b++) {
		mpz_init(buckets[b]);
		product(buckets[b], BUCKET);
		views[b] = (struct limbs){mpz_limbs_read(buckets[b]), mpz_size(buckets[b])};
	}
	printf("{\"door_kernel\": \"%s\",\n ", residue_name(kernel));
	kernels(&w);
	door(keys);
	printf("}\n");
	for (int b = 0; b < BUCKETS; b++)
		mpz_clear(buckets[b]);
	gmp_randclear(dice);
	clean();
	return 0;
}
