/* --html FILE: one page for people. */
#include "cli/keys_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "report/graph.h"
#include "report/page.h"

#define PAGE_MAX ((size_t)64 << 20)
#define ROWS 500 /* findings with their places; a page with more is slow to look at */
#define LINES 10
#define FLAWS 200
#define CLUSTERS 24 /* drawn */
#define LABEL_BYTES 4
#define ID_SHOWN 16 /* hex digits of another key's id */

struct html {
	struct audit *a;
	struct buf *out;
	uint64_t flaws;
};

static void put_summary(struct html *h)
{
	const struct tally *t = &h->a->tally;
	static const char *const heads[] = {
		"Check", "Severity", "Keys", "What it says", "What to do"};
	struct buf text = buf_new(8192);

	page_section(h->out, "Summary");
	tally_sentence(t, &text);
	page_text(h->out, buf_cstr(&text));
	buf_reset(&text);
	buf_printf(&text,
		"%llu with an error, %llu with a warning at most, %llu with a note at most.",
		(unsigned long long)t->keys_worst[SEVERITY_ERROR],
		(unsigned long long)t->keys_worst[SEVERITY_WARNING],
		(unsigned long long)t->keys_worst[SEVERITY_NOTE]);
	if (t->keys_found == 0)
		page_text(h->out, "No key has a finding.");
	else
		page_text(h->out, buf_cstr(&text));
	buf_free(&text);
	if (t->keys_found == 0)
		return;
	page_table_begin(h->out, heads, 5);
	for (int s = SEVERITY_ERROR; s >= SEVERITY_NOTE; s--) {
		for (unsigned i = 0; i < CHECK_COUNT; i++) {
			char n[24];
			if (t->check[i] == 0 || (int)check_severity(i) != s)
				continue;
			snprintf(n, sizeof(n), "%llu", (unsigned long long)t->check[i]);
			const char *cells[] = {check_name(i), severity_name(check_severity(i)), n,
				check_sentence(i), check_advice(i)};
			page_table_row(h->out, cells, 5);
		}
	}
	page_table_end(h->out);
}

static void put_sizes(struct html *h)
{
	struct buf svg = buf_new(1 << 20);
	struct bars bars;

	bars_make(&h->a->tally, &bars);
	if (bars.n == 0)
		return;
	page_section(h->out, "Sizes");
	histogram_svg(&svg, bars.bar, bars.n);
	page_figure(h->out, buf_view(&svg), "Keys by kind and bits, each key once.");
	buf_free(&svg);
}

/* The groups of one cluster lie anywhere: a picture of its moduli and factors. */
struct picture {
	struct graph_node node[GRAPH_NODES_MAX];
	char text[GRAPH_NODES_MAX][2 * SHA256_SIZE + 32];
	char label[GRAPH_NODES_MAX][2 * LABEL_BYTES + 1];
	uint32_t modulus[GRAPH_NODES_MAX]; /* KEYSET_NONE: a factor */
	size_t nodes;
	struct graph_edge *edge;
	size_t edges, room;
	uint64_t left; /* moduli without a dot */
};

static size_t node_of(struct picture *p, const struct audit *a, uint32_t modulus)
{
	struct pubkey k;

	for (size_t i = 0; i < p->nodes; i++) {
		if (p->modulus[i] == modulus)
			return i;
	}
	if (p->nodes == GRAPH_NODES_MAX ||
		keyset_key(a->set, keyset_modulus_first(a->set, modulus), &k, NULL) != ERR_OK)
		return SIZE_MAX;
	size_t i = p->nodes++;
	hex_encode(k.id, SHA256_SIZE, p->text[i]);
	hex_encode(k.id, LABEL_BYTES, p->label[i]);
	p->modulus[i] = modulus;
	p->node[i] = (struct graph_node){GRAPH_CIRCLE, p->label[i], p->text[i]};
	return i;
}

static void put_group(struct picture *p, const struct audit *a, const struct group *g)
{
	if (p->nodes == GRAPH_NODES_MAX) {
		p->left += g->n;
		return;
	}
	size_t f = p->nodes++;
	snprintf(p->text[f], sizeof(p->text[f]), "a factor of %zu bits in %u moduli",
		8 * g->factor.len, g->n);
	p->modulus[f] = KEYSET_NONE;
	p->node[f] = (struct graph_node){GRAPH_DIAMOND, NULL, p->text[f]};
	for (uint32_t m = 0; m < g->n; m++) {
		size_t i = node_of(p, a, g->member[m]);
		if (i == SIZE_MAX) {
			p->left++;
			continue;
		}
		if (p->edges == p->room) {
			size_t room = p->room == 0 ? 64 : 2 * p->room;
			struct graph_edge *v = reallocarray(p->edge, room, sizeof(*v));
			if (v == NULL)
				continue;
			p->edge = v;
			p->room = room;
		}
		p->edge[p->edges++] = (struct graph_edge){(uint32_t)f, (uint32_t)i};
	}
}

static enum err_code put_cluster(struct html *h, uint32_t cluster, struct picture *p, struct err *e)
{
	const struct shared *s = &h->a->shared;
	struct buf svg = buf_new(4 << 20), caption = buf_new(1024);
	size_t factors = 0;
	enum err_code rc;

	p->nodes = p->edges = 0;
	p->left = 0;
	for (size_t g = 0; g < s->group_n; g++) {
		if (s->group[g].cluster != cluster)
			continue;
		factors++;
		put_group(p, h->a, &s->group[g]);
	}
	rc = graph_svg(&svg, p->node, p->nodes, p->edge, p->edges, e);
	buf_printf(&caption, "Cluster %u: %zu shared factor%s.", cluster + 1, factors,
		factors == 1 ? "" : "s");
	if (p->left > 0)
		buf_printf(&caption,
			" %llu more ends of lines were left out: it is too large to draw.",
			(unsigned long long)p->left);
	page_figure(h->out, buf_view(&svg), buf_cstr(&caption));
	buf_free(&svg);
	buf_free(&caption);
	return rc;
}

static enum err_code put_clusters(struct html *h, struct err *e)
{
	const struct shared *s = &h->a->shared;
	struct picture *p;
	enum err_code rc = ERR_OK;

	if (s->cluster_n == 0)
		return ERR_OK;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return err_set(e, ERR_NO_MEMORY, "report", "for a drawing");
	page_section(h->out, "Keys that share a prime");
	page_text(h->out,
		"A dot is a modulus, named by the first digits of its key; a diamond is a prime "
		"that all "
		"moduli on its lines share. Whoever has two of them has every private key here.");
	for (uint32_t c = 0; rc == ERR_OK && c < s->cluster_n && c < CLUSTERS; c++)
		rc = put_cluster(h, c, p, e);
	if (s->cluster_n > CLUSTERS) {
		char left[96];
		snprintf(left, sizeof(left), "%u more clusters are not drawn.",
			s->cluster_n - CLUSTERS);
		page_text(h->out, left);
	}
	free(p->edge);
	free(p);
	return rc;
}

/* The first digits are enough to find the row of the other key: whole ids would be a wall. */
static void put_shared(struct buf *out, const char *ids)
{
	while (*ids != '\0') {
		const char *end = strchrnul(ids, '\n');
		buf_printf(out, "\nwith %.*s\xe2\x80\xa6", ID_SHOWN, ids);
		ids = *end == '\0' ? end : end + 1;
	}
}

static void put_row(void *arg, const struct key_row *r)
{
	struct html *h = arg;
	struct buf key = buf_new(1024), why = buf_new(65536), places = buf_new(BUF_MAX_DEFAULT);

	buf_printf(&key, "%s\n%s", r->kind, r->id);
	buf_str(&why, r->why);
	put_shared(&why, r->shared);
	if (r->shared_left > 0)
		buf_printf(&why, "\nand %llu more", (unsigned long long)r->shared_left);
	buf_str(&places, r->places);
	if (r->places_left > 0)
		buf_printf(&places, "\nand %llu more", (unsigned long long)r->places_left);
	const char *cells[] = {severity_name(check_severity(r->check)), check_name(r->check),
		buf_cstr(&key), buf_cstr(&why), buf_cstr(&places)};
	page_table_row(h->out, cells, 5);
	buf_free(&key);
	buf_free(&why);
	buf_free(&places);
}

static enum err_code put_findings(struct html *h, struct err *e)
{
	static const char *const heads[] = {"Severity", "Check", "Key", "Why", "Where"};
	uint64_t left = 0;
	enum err_code rc;

	if (h->a->tally.keys_found == 0)
		return ERR_OK;
	page_section(h->out, "Findings");
	page_table_begin(h->out, heads, 5);
	rc = key_rows(h->a, ROWS, LINES, put_row, h, &left, e);
	page_table_end(h->out);
	if (left > 0) {
		char text[96];
		snprintf(text, sizeof(text), "%llu more findings are in the output of --json.",
			(unsigned long long)left);
		page_text(h->out, text);
	}
	return rc;
}

static enum err_code put_flaw(
	void *arg, const struct keyset_place *at, const struct err *why, struct err *e)
{
	struct html *h = arg;
	struct buf place = buf_new(65536), text = buf_new(4096);

	(void)e;
	if (h->flaws++ < FLAWS) {
		place_print(h->a, at, &place);
		buf_printf(&text, "%s%s%s", err_sentence(why->code),
			why->reason[0] != '\0' ? ": " : "", why->reason);
		const char *cells[] = {buf_cstr(&place), err_name(why->code), buf_cstr(&text)};
		page_table_row(h->out, cells, 3);
	}
	buf_free(&place);
	buf_free(&text);
	return ERR_OK;
}

static enum err_code put_flaws(struct html *h, struct err *e)
{
	static const char *const heads[] = {"Where", "Error", "Why"};
	enum err_code rc;

	if (h->a->tally.flaws == 0)
		return ERR_OK;
	page_section(h->out, "Not read");
	page_text(h->out, "Parts of the input that could not be read. All else was.");
	page_table_begin(h->out, heads, 3);
	rc = keyset_flaws(h->a->set, put_flaw, h, e);
	page_table_end(h->out);
	if (h->flaws > FLAWS)
		page_text(h->out, "There are more: the output of --json has them.");
	return rc;
}

enum err_code report_html(struct audit *a, struct err *e)
{
	struct buf out = buf_new(PAGE_MAX);
	struct html h = {.a = a, .out = &out};
	char subtitle[64], now[CLOCK_TEXT_SIZE];
	enum err_code rc;

	clock_print(clock_now(clock_system()), now);
	snprintf(subtitle, sizeof(subtitle), "medseal " MEDSEAL_VERSION ", %s", now);
	page_begin(&out, "Key audit", subtitle);
	put_summary(&h);
	put_sizes(&h);
	rc = put_clusters(&h, e);
	if (rc == ERR_OK)
		rc = put_findings(&h, e);
	if (rc == ERR_OK)
		rc = put_flaws(&h, e);
	page_end(&out);
	if (rc == ERR_OK)
		rc = buf_end(&out, e, a->html);
	if (rc == ERR_OK)
		rc = disk_replace(a->html, 0644, buf_view(&out), e);
	buf_free(&out);
	return rc;
}
