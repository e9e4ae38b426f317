#include "entropy/iid.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "entropy/estimate.h"
#include "entropy/iid_tests.h"

#define DECIDED 5 /* above this many on either side a statistic passes (section 5.1, step 3) */
#define REPEAT_P_MIN 0.001 /* section 5.2.5 */

static const struct {
	const char *name, *meaning;
} words[IID_STATISTICS] = {
	{"excursion", "how far the running sum strays from its mean: drift"},
	{"directional runs", "how often rises turn into falls"},
	{"longest directional run", "the longest rise or fall"},
	{"increases and decreases", "rises against falls"},
	{"runs about the median", "how often the median is crossed"},
	{"longest run about the median", "the longest stay on one side of the median"},
	{"average collision", "how soon a value comes again"},
	{"maximum collision", "the longest stretch without a value again"},
	{"periodicity(1)", "equal to the sample before"},
	{"periodicity(2)", "equal to the sample two before"},
	{"periodicity(8)", "equal to the sample 8 before"},
	{"periodicity(16)", "equal to the sample 16 before"},
	{"periodicity(32)", "equal to the sample 32 before"},
	{"covariance(1)", "moves with the sample before"},
	{"covariance(2)", "moves with the sample two before"},
	{"covariance(8)", "moves with the sample 8 before"},
	{"covariance(16)", "moves with the sample 16 before"},
	{"covariance(32)", "moves with the sample 32 before"},
	{"compression", "how well bzip2 packs them: any structure"},
};

const char *iid_statistic_name(enum iid_statistic x)
{
	return words[x].name;
}

const char *iid_statistic_meaning(enum iid_statistic x)
{
	return words[x].meaning;
}

/* ---- the longest repeated substring (section 5.2.5) ---- */

static enum err_code test_repeat(const struct samples *s, struct iid_result *out, struct err *e)
{
	long double count[256] = {0}, equal = 0, pairs, log_none;
	struct repeats r;
	enum err_code rc = repeats_count(s->symbols, s->n, s->alphabet, &r, e);

	if (rc != ERR_OK)
		return rc;
	out->longest_repeat = r.longest;
	repeats_free(&r);
	for (size_t i = 0; i < s->n; i++)
		count[s->symbols[i]]++;
	for (unsigned v = 0; v < s->alphabet; v++)
		equal += (count[v] / (long double)s->n) * (count[v] / (long double)s->n);
	pairs = (long double)(s->n - out->longest_repeat + 1) *
		(long double)(s->n - out->longest_repeat) / 2;
	log_none = pairs * log1pl(-powl(equal, (long double)out->longest_repeat));
	out->repeat_p = (double)-expm1l(log_none);
	out->repeat_pass = log_none <= logl(1.0L - REPEAT_P_MIN);
	return ERR_OK;
}

/* ---- permutations ---- */

/*
 * Threads take rounds in turn and work them out, all at once; their results are counted in the
 * order of the rounds.  What a round has worked out for a statistic that an earlier one has decided
 * is not counted, so the counts are those of one thread.
 */
struct permuter {
	const struct samples *s;
	const struct iid_options *o;
	struct permuted_facts facts;
	unsigned rounds;
	int64_t original[IID_STATISTICS];

	pthread_mutex_t lock;
	pthread_cond_t counted_more;
	unsigned next;             /* the round that the next thread takes */
	unsigned counted;          /* rounds that are */
	bool open[IID_STATISTICS]; /* not decided */
	unsigned decided;
	struct iid_permuted *result;
};

static void count_round(struct permuter *p, const int64_t value[IID_STATISTICS])
{
	for (unsigned i = 0; i < IID_STATISTICS; i++) {
		struct iid_permuted *r = &p->result[i];
		if (!p->open[i])
			continue;
		r->above += value[i] > p->original[i];
		r->equal += value[i] == p->original[i];
		r->below += value[i] < p->original[i];
		r->pass = r->above + r->equal > DECIDED && r->equal + r->below > DECIDED;
		if (r->pass) {
			p->open[i] = false;
			p->decided++;
		}
	}
	p->counted++;
}

static bool permuter_done(const struct permuter *p)
{
	return p->decided == IID_STATISTICS || p->counted == p->rounds;
}

/* Rounds until there are no more; `first` reports how far they are. */
static void permute(struct permuter *p, struct permuted *room, bool first)
{
	pthread_mutex_lock(&p->lock);
	while (p->next < p->rounds && !permuter_done(p)) {
		int64_t value[IID_STATISTICS] = {0};
		bool wanted[IID_STATISTICS];
		unsigned round = p->next++;
		memcpy(wanted, p->open, sizeof(wanted));
		pthread_mutex_unlock(&p->lock);
		permuted_shuffle(room, p->s->raw, p->s->n, p->o->seed, round);
		permuted_statistics(room, &p->facts, wanted, value);
		pthread_mutex_lock(&p->lock);
		while (p->counted < round && !permuter_done(p))
			pthread_cond_wait(&p->counted_more, &p->lock);
		if (!permuter_done(p))
			count_round(p, value);
		pthread_cond_broadcast(&p->counted_more);
		if (first && p->o->progress != NULL)
			p->o->progress(p->o->arg, p->counted, p->rounds, p->decided);
	}
	pthread_mutex_unlock(&p->lock);
}

struct worker {
	struct permuter *p;
	struct permuted room;
	pthread_t thread;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	permute(w->p, &w->room, false);
	return NULL;
}

static unsigned threads_for(const struct iid_options *o)
{
	long n = o->threads != 0 ? (long)o->threads : sysconf(_SC_NPROCESSORS_ONLN);
	return n < 1 ? 1 : n > IID_THREADS_MAX ? IID_THREADS_MAX : (unsigned)n;
}

static enum err_code test_permutations(struct permuter *p, struct err *e)
{
	unsigned n = threads_for(p->o), started = 0, ready = 0;
	struct worker *w = calloc(n, sizeof(*w));

	permuted_facts(p->s, &p->facts);
	while (w != NULL && ready < n && permuted_init(&w[ready].room, &p->facts))
		w[ready++].p = p;
	if (ready == 0) {
		free(w);
		return err_set(e, ERR_NO_MEMORY, "permutation tests", "for a permutation");
	}
	memset(p->open, true, sizeof(p->open));
	memcpy(w[0].room.data, p->s->raw, p->s->n);
	permuted_statistics(&w[0].room, &p->facts, p->open, p->original);
	/* with fewer threads than wished for it takes longer, and comes to the same */
	while (started + 1 < ready &&
		pthread_create(&w[started + 1].thread, NULL, work, &w[started + 1]) == 0)
		started++;
	permute(p, &w[0].room, true);
	for (unsigned i = 1; i <= started; i++)
		pthread_join(w[i].thread, NULL);
	for (unsigned i = 0; i < ready; i++)
		permuted_free(&w[i].room);
	free(w);
	return ERR_OK;
}

enum err_code iid_test(
	const struct samples *s, const struct iid_options *o, struct iid_result *out, struct err *e)
{
	struct iid_result r = {.pass = false};
	struct permuter p = {.s = s,
		.o = o,
		.rounds = o->rounds != 0 ? o->rounds : IID_ROUNDS,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.counted_more = PTHREAD_COND_INITIALIZER,
		.result = r.statistic};
	enum err_code rc;

	if (s->alphabet < 2)
		return err_set(e, ERR_USAGE, "IID tests", "all samples have the same value");
	rc = chi_square_tests(s, &r.independence, &r.fit, e);
	if (rc == ERR_OK)
		rc = test_repeat(s, &r, e);
	if (rc == ERR_OK)
		rc = test_permutations(&p, e);
	if (rc != ERR_OK)
		return rc;
	r.rounds = p.counted;
	r.pass = r.independence.pass && r.fit.pass && r.repeat_pass && p.decided == IID_STATISTICS;
	*out = r;
	return ERR_OK;
}
