/*
 * medseal-keys-mpi: the batch of `medseal keys audit` on several machines, over MPI.
 *
 * Each rank works on the subsets whose number is its own modulo the number of ranks
 * (bigint/subset.h).  Products go from rank to rank by broadcast; everything else is files.  What
 * is finished is on disk: when a rank is lost, MPI ends the others, and the same call goes on.
 */
#include <getopt.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bigint/fft.h"
#include "bigint/subset.h"
#include "cluster/ranks.h"

#define MODULI_FILE "moduli"
#define BATCH_DIR "batch"
#define PATH_SIZE 4096

struct call {
	const char *work;
	char moduli[PATH_SIZE], dir[PATH_SIZE];
	uint64_t memory; /* of each rank; 0: its part of half of what its machine has free */
	unsigned threads;
	uint32_t subsets;
	bool json, quiet;
};

struct work {
	const struct call *call;
	struct moduli *moduli;
	struct pool *pool;
	struct mul *m;
	uint64_t *order;
	struct subset_job *job;
	uint32_t subsets;
	uint32_t answered; /* before this run */
	struct hits hits;  /* of all, at rank 0 */
};

static void say(const struct work *w, const char *what, uint32_t done, uint32_t of)
{
	if (rank_mine() == 0 && !w->call->quiet)
		(void)fprintf(stderr, "medseal-keys-mpi: %s: %u of %u\n", what, done, of);
}

/* ---- what all agree on
 * ----------------------------------------------------------------------------- */

static enum err_code same_moduli(const struct work *w, struct err *e)
{
	uint64_t mine[2] = {moduli_sum(w->moduli), moduli_count(w->moduli)}, of_first[2];
	memcpy(of_first, mine, sizeof(mine));
	ranks_tell(of_first, 2);
	if (memcmp(mine, of_first, sizeof(mine)) == 0)
		return ERR_OK;
	return err_set(e, ERR_USAGE, w->call->moduli, "rank %d has other moduli than rank 0",
		rank_mine());
}

/* A multiple of the ranks, so that none waits. */
static uint32_t subsets_wanted(const struct work *w)
{
	uint64_t count = moduli_count(w->moduli), ranks = (uint64_t)rank_count();
	uint64_t k = w->call->subsets;
	if (k == 0) {
		k = ranks_max(subset_count_for(w->moduli, w->call->memory));
		k = (k + ranks - 1) / ranks * ranks;
	}
	if (k > count / 2)
		k = count / 2;
	return k > SUBSETS_MAX ? SUBSETS_MAX : k > 0 ? (uint32_t)k : 1;
}

/* What rank 0 began is gone on with. */
static enum err_code plan(struct work *w, struct err *e)
{
	struct checkpoint_id id = {moduli_sum(w->moduli), CHECKPOINT_PLAN, 0, 0};
	bool begun = false;
	enum err_code err = ERR_OK;
	uint64_t subsets = subsets_wanted(w);
	if (rank_mine() == 0)
		err = checkpoint_have(w->call->dir, &id, &begun, e);
	if (begun)
		subsets = id.subsets;
	ranks_tell(&subsets, 1);
	w->subsets = id.subsets = (uint32_t)subsets;
	if (err == ERR_OK && rank_mine() == 0 && !begun)
		err = checkpoint_write(w->call->dir, &id, NULL, 0, e);
	return err;
}

static enum err_code begin(struct work *w, struct err *e)
{
	enum err_code err = moduli_open(w->call->moduli, &w->moduli, e);
	if (!ranks_agree(err, e))
		return ERR_INTERRUPTED;
	err = same_moduli(w, e);
	if (err == ERR_OK && moduli_count(w->moduli) < 2)
		err = err_set(e, ERR_USAGE, w->call->moduli, "one modulus shares with nobody");
	if (!ranks_agree(err, e))
		return ERR_INTERRUPTED;
	err = plan(w, e);
	if (err == ERR_OK)
		err = moduli_by_size(w->moduli, &w->order, e);
	if (err == ERR_OK)
		err = pool_new(w->call->threads, &w->pool, e);
	if (err == ERR_OK)
		err = mul_new(w->pool, fft_load(), &w->m, e);
	if (err == ERR_OK)
		err = subset_job_new(w->m, w->moduli, w->order, w->subsets, w->call->dir, NULL,
			NULL, &w->job, e);
	return ranks_agree(err, e) ? ERR_OK : ERR_INTERRUPTED;
}

static bool mine(uint32_t i)
{
	return i % (uint32_t)rank_count() == (uint32_t)rank_mine();
}

/* ---- step 1: products
 * ------------------------------------------------------------------------------ */

static enum err_code products(struct work *w, struct err *e)
{
	enum err_code err = ERR_OK;
	for (uint32_t i = 0; err == ERR_OK && i < w->subsets; i++) {
		if (!mine(i))
			continue;
		err = subset_product(w->job, i, e);
		say(w, "products", i + 1, w->subsets);
	}
	return ranks_agree(err, e) ? ERR_OK : ERR_INTERRUPTED;
}

/* ---- step 2: the products of others, and answers
 * ---------------------------------------------------- */

/*
 * The product of `i` from whoever has it to all.  An owner that cannot read it says so by a length
 * of 0, so that all stop together.
 */
static enum err_code pass_around(
	struct work *w, uint32_t i, bool take, uint64_t **buffer, size_t *room, struct err *e)
{
	struct checkpoint c = {{NULL, 0}, NULL, 0};
	int owner = (int)(i % (uint32_t)rank_count());
	enum err_code err = ERR_OK;
	if (rank_mine() == owner)
		err = subset_product_open(w->job, i, &c, e);
	uint64_t n = rank_mine() == owner && err == ERR_OK ? c.n : 0;
	ranks_tell_from(owner, &n, 1);
	if (n > *room && rank_mine() != owner) {
		free(*buffer);
		*buffer = malloc(n * sizeof(**buffer));
		*room = *buffer != NULL ? n : 0;
		if (*buffer == NULL)
			err = err_set(e, ERR_NO_MEMORY, "product", "%llu limbs of subset %u",
				(unsigned long long)n, i);
	}
	if (ranks_agree(err, e) && n > 0) {
		/* The owner's is mapped for reading; a broadcast does not write at its root. */
		uint64_t *p = rank_mine() == owner ? (uint64_t *)(uintptr_t)c.words : *buffer;
		ranks_tell_from(owner, p, n);
		if (take)
			err = subset_foreign(w->job, p, n, e);
	} else if (err == ERR_OK) {
		err = ERR_INTERRUPTED;
	}
	checkpoint_close(&c);
	return err;
}

static enum err_code one_round(struct work *w, uint32_t first, struct err *e)
{
	uint32_t own = first + (uint32_t)rank_mine();
	bool answered = true;
	uint64_t *buffer = NULL;
	size_t room = 0;
	enum err_code err = own < w->subsets ? subset_answered(w->job, own, &answered, e) : ERR_OK;
	if (err == ERR_OK && !answered)
		err = subset_begin(w->job, own, e);
	if (!ranks_agree(err, e))
		return ERR_INTERRUPTED;
	if (ranks_max(!answered) == 0)
		return ERR_OK;
	for (uint32_t i = 0; err == ERR_OK && i < w->subsets; i++) {
		err = pass_around(w, i, !answered && i != own, &buffer, &room, e);
		if (!ranks_agree(err, e))
			err = ERR_INTERRUPTED;
	}
	free(buffer);
	if (err == ERR_OK && !answered)
		err = subset_answer(w->job, e);
	return ranks_agree(err, e) ? ERR_OK : ERR_INTERRUPTED;
}

static enum err_code answers(struct work *w, struct err *e)
{
	uint32_t ranks = (uint32_t)rank_count();
	enum err_code err = ERR_OK;
	for (uint32_t first = 0; err == ERR_OK && first < w->subsets; first += ranks) {
		err = one_round(w, first, e);
		uint32_t done = first + ranks < w->subsets ? first + ranks : w->subsets;
		if (err == ERR_OK)
			say(w, "answers", done, w->subsets);
	}
	return err;
}

/* ---- step 3: all answers where rank 0 is
 * ----------------------------------------------------------- */

static enum err_code fetch_answer(struct work *w, uint32_t i, struct err *e)
{
	int owner = (int)(i % (uint32_t)rank_count());
	uint64_t there[2] = {1, 0}; /* rank 0 has it; its words */
	struct checkpoint_id id = {
		moduli_sum(w->moduli), CHECKPOINT_ANSWER, i, w->subsets};
	struct checkpoint c = {{NULL, 0}, NULL, 0};
	bool have = true;
	enum err_code err = ERR_OK;
	if (rank_mine() == 0)
		err = subset_answered(w->job, i, &have, e);
	there[0] = have;
	ranks_tell(there, 1);
	if (there[0] != 0)
		return err;
	if (rank_mine() == owner) {
		err = checkpoint_open(w->call->dir, &id, &c, e);
		rank_send(0, c.words, err == ERR_OK ? c.n : 0);
	} else if (rank_mine() == 0) {
		size_t n = 0;
		uint64_t *words = rank_receive(owner, &n);
		err = words == NULL ? err_set(e, ERR_NO_MEMORY, "answer", "of subset %u", i)
				    : checkpoint_write(w->call->dir, &id, words, n, e);
		free(words);
	}
	checkpoint_close(&c);
	return err;
}

static enum err_code gather(struct work *w, struct err *e)
{
	enum err_code err = ERR_OK;
	for (uint32_t i = 0; i < w->subsets; i++) {
		err = fetch_answer(w, i, e);
		if (!ranks_agree(err, e))
			return ERR_INTERRUPTED;
	}
	for (uint32_t i = 0; rank_mine() == 0 && err == ERR_OK && i < w->subsets; i++)
		err = subset_hits(w->job, i, &w->hits, e);
	if (err == ERR_OK && rank_mine() == 0)
		err = hits_say(&w->hits, NULL, NULL, e);
	if (!ranks_agree(err, e))
		return ERR_INTERRUPTED;
	subset_drop_products(w->job);
	return ERR_OK;
}

/* ---- the call
 * -------------------------------------------------------------------------------------- */

static void report(const struct work *w, double seconds)
{
	if (rank_mine() != 0)
		return;
	if (w->call->json)
		(void)printf("{\"moduli\": %llu, \"subsets\": %u, \"ranks\": %d, \"answered_before\": "
			     "%u, \"shared\": %zu, \"seconds\": %.3f}\n",
			(unsigned long long)moduli_count(w->moduli), w->subsets, rank_count(),
			w->answered, w->hits.n, seconds);
	else
		(void)printf("%zu of %llu moduli share a factor (%u subsets, %d ranks, %.1f s); "
			     "`medseal keys audit --resume --work %s` reports them\n",
			w->hits.n, (unsigned long long)moduli_count(w->moduli), w->subsets,
			rank_count(), seconds, w->call->work);
}

static enum err_code count_answered(struct work *w, struct err *e)
{
	enum err_code err = ERR_OK;
	uint64_t n = 0;
	for (uint32_t i = 0; err == ERR_OK && i < w->subsets; i++) {
		bool answered = false;
		if (mine(i))
			err = subset_answered(w->job, i, &answered, e);
		n += answered;
	}
	w->answered = (uint32_t)ranks_sum(n);
	return ranks_agree(err, e) ? ERR_OK : ERR_INTERRUPTED;
}

static enum err_code run(const struct call *call, struct err *e)
{
	struct work w = {.call = call};
	double start = MPI_Wtime();
	enum err_code err = begin(&w, e);
	if (err == ERR_OK)
		err = count_answered(&w, e);
	if (err == ERR_OK && w.answered < w.subsets)
		err = products(&w, e);
	if (err == ERR_OK && w.answered < w.subsets)
		err = answers(&w, e);
	if (err == ERR_OK)
		err = gather(&w, e);
	if (err == ERR_OK)
		report(&w, MPI_Wtime() - start);
	hits_free(&w.hits);
	subset_job_free(w.job);
	mul_free(w.m);
	pool_free(w.pool);
	free(w.order);
	moduli_close(w.moduli);
	return err;
}

static const char usage[] =
	"usage: mpirun [-n RANKS] medseal-keys-mpi [OPTION...] DIR\n"
	"\n"
	"Compares the moduli that `medseal keys audit --prepare --work DIR` left in DIR, on all ranks.\n"
	"Afterwards `medseal keys audit --resume --work DIR` with the same input reports.\n"
	"A run that was ended goes on where it was.\n"
	"\n"
	"  --memory SIZE   bytes for each rank (512M, 4G); else its part of half of what is free\n"
	"  --threads N     for each rank; else one for each processor that the rank may use\n"
	"  --subsets N     else as few as memory allows, a multiple of the ranks\n"
	"  --json          the last line as JSON\n"
	"  --quiet         no progress\n"
	"  --version       the version\n"
	"  --help          this text\n";

static enum err_code number(const char *name, const char *text, uint64_t most, bool units,
	uint64_t *out, struct err *e)
{
	char *end = NULL;
	static const char letters[] = "KMGT";
	uint64_t v = text[0] >= '0' && text[0] <= '9' ? strtoull(text, &end, 10) : 0;
	unsigned shift = 0;
	const char *unit = end != NULL && *end != '\0' && units ? strchr(letters, *end) : NULL;
	if (unit != NULL) {
		shift = 10 * (unsigned)(unit - letters + 1);
		end++;
	}
	if (v == 0 || *end != '\0' || v > most >> shift)
		return err_set(e, ERR_USAGE, name, "not \"%s\"", text);
	*out = v << shift;
	return ERR_OK;
}

static enum err_code parse(int argc, char **argv, struct call *call, bool *done, struct err *e)
{
	static const struct option options[] = {{"memory", required_argument, NULL, 'm'},
		{"threads", required_argument, NULL, 't'}, {"subsets", required_argument, NULL, 's'},
		{"json", no_argument, NULL, 'j'}, {"quiet", no_argument, NULL, 'q'},
		{"version", no_argument, NULL, 'v'}, {"help", no_argument, NULL, 'h'}, {0}};
	enum err_code err = ERR_OK;
	uint64_t v = 0;
	opterr = 0;
	for (int o; err == ERR_OK && (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (o == 'm') {
			err = number("--memory", optarg, UINT64_MAX, true, &call->memory, e);
		} else if (o == 't') {
			err = number("--threads", optarg, 256, false, &v, e);
			call->threads = (unsigned)v;
		} else if (o == 's') {
			err = number("--subsets", optarg, SUBSETS_MAX, false, &v, e);
			call->subsets = (uint32_t)v;
		} else if (o == 'j') {
			call->json = true;
		} else if (o == 'q') {
			call->quiet = true;
		} else if (o == 'v' || o == 'h') {
			*done = true;
			if (rank_mine() == 0)
				(void)fputs(o == 'h' ? usage : "medseal-keys-mpi " MEDSEAL_VERSION "\n",
					stdout);
			return ERR_OK;
		} else {
			err = err_set(e, ERR_USAGE, argv[optind - 1], "see --help");
		}
	}
	if (err == ERR_OK && optind + 1 != argc)
		err = err_set(e, ERR_USAGE, "medseal-keys-mpi", "it takes one folder; see --help");
	if (err != ERR_OK)
		return err;
	call->work = argv[optind];
	int a = snprintf(call->moduli, PATH_SIZE, "%s/" MODULI_FILE, call->work);
	int b = snprintf(call->dir, PATH_SIZE, "%s/" BATCH_DIR, call->work);
	if (a >= PATH_SIZE || b >= PATH_SIZE)
		return err_set(e, ERR_USAGE, call->work, "the path is too long");
	(void)mkdir(call->dir, 0700); /* a rank elsewhere may lack it; writing there will tell */
	return ERR_OK;
}

int main(int argc, char **argv)
{
	struct call call = {0};
	struct err e;
	bool done = false;
	ranks_begin(&argc, &argv);
	enum err_code err = parse(argc, argv, &call, &done, &e);
	if (err == ERR_OK && !done && call.memory == 0)
		call.memory = rank_memory();
	if (!ranks_agree(err, &e))
		err = err == ERR_OK ? ERR_INTERRUPTED : err;
	else if (!done)
		err = run(&call, &e);
	return ranks_end(err);
}
