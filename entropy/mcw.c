/*
 * The MultiMCW prediction estimate: SP 800-90B, section 6.3.7.  Four predictors guess the most
 * common value of the last 63, 255, 1023 and 4095 symbols; the one that has been right most often
 * is believed.
 */
#include <string.h>

#include "entropy/estimate.h"

#define WINDOWS 4

static const uint32_t window_size[WINDOWS] = {63, 255, 1023, 4095};
#define LONGEST_WINDOW 4095

struct window {
	uint32_t count[256];
	size_t last[256]; /* where the value was last seen */
	uint32_t most;    /* count of the common one */
	uint8_t common;   /* of those with the most, the one seen last */
	uint64_t points;
};

static void enter(struct window *w, uint8_t v, size_t place)
{
	w->count[v]++;
	w->last[v] = place;
	if (w->count[v] >= w->most) {
		w->most = w->count[v];
		w->common = v;
	}
}

/* `old` leaves and `v` enters; the whole alphabet is searched only if the common one left. */
static void slide(struct window *w, uint8_t old, uint8_t v, size_t place, unsigned k)
{
	w->count[old]--;
	if (old != w->common || old == v) {
		enter(w, v, place);
		return;
	}
	w->count[v]++;
	w->last[v] = place;
	w->most = 0;
	for (unsigned c = 0; c < k; c++) {
		if (w->count[c] > w->most ||
			(w->count[c] == w->most && w->last[c] > w->last[w->common])) {
			w->most = w->count[c];
			w->common = (uint8_t)c;
		}
	}
}

static void any_alphabet(const uint8_t *s, size_t n, unsigned k, struct prediction *out)
{
	struct window w[WINDOWS];
	unsigned leader = 0;

	memset(w, 0, sizeof(w));
	for (size_t i = 0; i < n; i++) {
		unsigned before = leader;
		bool guessed = i >= window_size[0];
		if (guessed && w[before].common == s[i])
			prediction_right(out);
		else
			out->run = 0;
		for (unsigned j = 0; j < WINDOWS; j++) {
			if (i < window_size[j]) {
				enter(&w[j], s[i], i);
				continue;
			}
			if (w[j].common == s[i] && ++w[j].points >= w[leader].points)
				leader = j;
			slide(&w[j], s[i - window_size[j]], s[i], i, k);
		}
	}
}

/*
 * Bits: windows have odd sizes, so the majority decides and there are no ties.  No branch depends
 * on the data but the leader's.
 */
static void bits(const uint8_t *s, size_t n, struct prediction *out)
{
	int64_t points[WINDOWS] = {0};
	uint32_t ones[WINDOWS] = {0};
	unsigned leader = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned right[WINDOWS];
		for (unsigned j = 0; j < WINDOWS; j++) {
			bool full = i >= window_size[j];
			right[j] = full & ((ones[j] > window_size[j] / 2) == s[i]);
			ones[j] += s[i];
			ones[j] -= full ? s[i - window_size[j]] : 0;
		}
		out->correct += right[leader];
		out->run = right[leader] ? out->run + 1 : 0;
		out->longest = out->run > out->longest ? out->run : out->longest;
		for (unsigned j = 0; j < WINDOWS; j++) {
			points[j] += right[j];
			leader = right[j] && points[j] >= points[leader] ? j : leader;
		}
	}
}

struct estimate estimate_multi_mcw(const uint8_t *s, size_t n, unsigned k)
{
	struct prediction p = {.tried = n - window_size[0]};

	if (n < LONGEST_WINDOW + 1)
		return (struct estimate){.ran = false};
	if (k == 2)
		bits(s, n, &p);
	else
		any_alphabet(s, n, k, &p);
	return prediction_estimate(&p, k);
}
