/* medseal entropy assess: how much min-entropy samples of a noise source have (SP 800-90B). */
#include <string.h>

#include "cli/entropy.h"
#include "cli/out.h"
#include "entropy/assess.h"
#include "entropy/iid.h"
#include "entropy/restart.h"

static struct {
	struct arg_number bits;
	bool quick, iid;
	struct arg_number seed, threads;
	const char *restart, *html, *svg;
	struct entropy_conditioning conditioning;
} opt;

static const struct arg args[] = {
	{"bits", 0, ARG_NUMBER, false, &opt.bits, "N",
		"width of a sample, 1 to 8; else the least that holds all"},
	{"quick", 0, ARG_FLAG, false, &opt.quick, NULL,
		"only estimators of one pass: an upper bound, soon"},
	{"iid", 0, ARG_FLAG, false, &opt.iid, NULL,
		"test whether samples are independent and alike; if so, the most common value "
		"counts"},
	{"seed", 0, ARG_NUMBER, false, &opt.seed, "N",
		"of the permutations of --iid; else 90: the same call gives the same answer"},
	{"threads", 0, ARG_NUMBER, false, &opt.threads, "N",
		"for --iid; else one for each processor"},
	{"html", 0, ARG_TEXT, false, &opt.html, "FILE", "write a page with plots"},
	{"svg", 0, ARG_TEXT, false, &opt.svg, "FILE", "write the plots alone"},
	{"restart", 0, ARG_TEXT, false, &opt.restart, "FILE",
		"1,000 samples after each of 1,000 restarts, one after the other: test them"},
	{"conditioning", 0, ARG_TEXT, false, &opt.conditioning.kind, "KIND",
		"vetted or unvetted: what comes out of a conditioning component"},
	{"n-in", 0, ARG_NUMBER, false, &opt.conditioning.n_in, "BITS", "that go into it"},
	{"n-out", 0, ARG_NUMBER, false, &opt.conditioning.n_out, "BITS", "that come out"},
	{"nw", 0, ARG_NUMBER, false, &opt.conditioning.nw, "BITS", "of its narrowest place"},
	{"h-in", 0, ARG_TEXT, false, &opt.conditioning.h_in, "H",
		"bits of entropy in --n-in; else as the samples have"},
	{"conditioned", 0, ARG_TEXT, false, &opt.conditioning.conditioned, "FILE",
		"output of an unvetted component"},
	{.name = NULL},
};

static void progress(void *arg, const char *what, unsigned done, unsigned total)
{
	out_step(arg, what, done, total);
}

static void add_h(yyjson_mut_doc *doc, yyjson_mut_val *o, const char *key, const struct estimate *x)
{
	if (x->ran)
		yyjson_mut_obj_add_real(doc, o, key, x->h);
	else
		yyjson_mut_obj_add_null(doc, o, key);
}

static void add_estimators(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct assessment *a)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "estimators");

	for (unsigned i = 0; i < ESTIMATOR_COUNT; i++) {
		yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, list);
		yyjson_mut_obj_add_str(doc, o, "estimator", estimator_name((enum estimator)i));
		add_h(doc, o, "h_original", &a->original[i]);
		add_h(doc, o, "h_bitstring", &a->bits[i]);
	}
}

static void add_result(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct samples *s,
	const struct assessment *a)
{
	yyjson_mut_obj_add_real(doc, root, "h_original", a->h_original);
	if (a->has_bits)
		yyjson_mut_obj_add_real(doc, root, "h_bitstring", a->h_bitstring);
	else
		yyjson_mut_obj_add_null(doc, root, "h_bitstring");
	yyjson_mut_obj_add_real(doc, root, "min_entropy", a->min_entropy);
	if (s->alphabet < 2) {
		yyjson_mut_obj_add_str(doc, root, "because",
			"every sample has the same value: there is no entropy in it");
		return;
	}
	yyjson_mut_obj_add_str(doc, root, "limited_by", estimator_name(a->limiting));
	yyjson_mut_obj_add_str(doc, root, "limited_in", a->limiting_bits ? "bits" : "samples");
	yyjson_mut_obj_add_str(doc, root, "because", estimator_meaning(a->limiting));
	yyjson_mut_obj_add_str(doc, root, "suggests", estimator_advice(a->limiting));
}

static void iid_progress(void *arg, unsigned round, unsigned rounds, unsigned decided)
{
	char what[96];

	snprintf(what, sizeof(what),
		"permutation tests: %u of %u statistics decided, at most %u rounds", decided,
		IID_STATISTICS, rounds);
	out_step(arg, what, round, rounds);
}

static void add_chi_square(
	yyjson_mut_doc *doc, yyjson_mut_val *list, const char *name, const struct iid_chi_square *x)
{
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, list);

	yyjson_mut_obj_add_str(doc, o, "test", name);
	yyjson_mut_obj_add_bool(doc, o, "pass", x->pass);
	yyjson_mut_obj_add_real(doc, o, "score", x->score);
	yyjson_mut_obj_add_uint(doc, o, "freedom", x->freedom);
	yyjson_mut_obj_add_real(doc, o, "p", x->p);
}

static void add_iid(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct iid_result *r)
{
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "iid_tests"), *o;

	add_chi_square(doc, list, "chi-square independence", &r->independence);
	add_chi_square(doc, list, "chi-square goodness of fit", &r->fit);
	o = yyjson_mut_arr_add_obj(doc, list);
	yyjson_mut_obj_add_str(doc, o, "test", "longest repeated substring");
	yyjson_mut_obj_add_bool(doc, o, "pass", r->repeat_pass);
	yyjson_mut_obj_add_uint(doc, o, "score", r->longest_repeat);
	yyjson_mut_obj_add_null(doc, o, "freedom");
	yyjson_mut_obj_add_real(doc, o, "p", r->repeat_p);
	list = yyjson_mut_obj_add_arr(doc, root, "permutations");
	for (unsigned i = 0; i < IID_STATISTICS; i++) {
		const struct iid_permuted *x = &r->statistic[i];
		o = yyjson_mut_arr_add_obj(doc, list);
		yyjson_mut_obj_add_str(
			doc, o, "statistic", iid_statistic_name((enum iid_statistic)i));
		yyjson_mut_obj_add_bool(doc, o, "pass", x->pass);
		yyjson_mut_obj_add_uint(doc, o, "above", x->above);
		yyjson_mut_obj_add_uint(doc, o, "equal", x->equal);
		yyjson_mut_obj_add_uint(doc, o, "below", x->below);
		yyjson_mut_obj_add_str(
			doc, o, "tells", iid_statistic_meaning((enum iid_statistic)i));
	}
	yyjson_mut_obj_add_uint(doc, root, "rounds", r->rounds);
	yyjson_mut_obj_add_uint(doc, root, "seed", opt.seed.set ? opt.seed.v : IID_SEED_DEFAULT);
	yyjson_mut_obj_add_bool(doc, root, "iid", r->pass);
}

static enum err_code report(const struct cli *c, const char *path, const struct samples *s,
	const struct assessment *a, const struct iid_result *iid,
	const struct entropy_restart *restart, enum assess_depth depth, struct err *e)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	double h = a->min_entropy;
	bool failed = false;
	enum err_code rc = ERR_OK;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "file", path);
	yyjson_mut_obj_add_uint(doc, root, "samples", s->n);
	yyjson_mut_obj_add_uint(doc, root, "bits", s->bits);
	yyjson_mut_obj_add_uint(doc, root, "alphabet", s->alphabet);
	if (iid != NULL)
		add_iid(doc, root, iid);
	add_estimators(doc, root, a);
	add_result(doc, root, s, a);
	if (restart != NULL)
		rc = entropy_restart(doc, root, restart, depth, &h, &failed, e);
	if (rc == ERR_OK && opt.conditioning.kind != NULL && !failed)
		rc = entropy_condition(doc, root, &opt.conditioning, h, s->bits, e);
	if (rc != ERR_OK) {
		yyjson_mut_doc_free(doc);
		return rc;
	}
	rc = out_doc(c, doc, e);
	if (rc == ERR_OK && failed)
		return err_set(e, ERR_RESTART, opt.restart,
			"no entropy may be claimed (SP 800-90B, section 3.1.4)");
	if (rc == ERR_OK && s->n < SAMPLES_WANTED)
		out_note(c,
			"SP 800-90B wants %d samples; fewer give a lower and less certain "
			"estimate.",
			SAMPLES_WANTED);
	return rc;
}

/* The claim holds only when rows and columns of the restarts pass as well (section 3.1.2). */
static enum err_code test_restart_iid(
	struct entropy_restart *restart, const struct iid_options *o, struct err *e)
{
	struct iid_result row, column;
	enum err_code rc;

	if (restart->s.alphabet < 2)
		return ERR_OK; /* the sanity check says what there is to say */
	rc = restart_iid(&restart->s, o, &row, &column, e);
	if (rc != ERR_OK)
		return rc;
	restart->iid_tested = true;
	restart->row_iid = row.pass;
	restart->column_iid = column.pass;
	return ERR_OK;
}

/* A source that is not IID is estimated by all ten all the same; then the call says no. */
static enum err_code assess_samples(struct cli *c, const char *path, const struct samples *s,
	struct entropy_restart *restart, struct err *e)
{
	struct assess_options o = {
		.depth = opt.quick ? ASSESS_QUICK : ASSESS_FULL, .progress = progress, .arg = c};
	struct iid_options permute = {.seed = opt.seed.set ? opt.seed.v : IID_SEED_DEFAULT,
		.threads = (unsigned)opt.threads.v,
		.progress = iid_progress,
		.arg = c};
	struct iid_result iid = {.pass = true};
	bool test = opt.iid && s->alphabet > 1, claim = true;
	struct assessment a;
	enum err_code rc = ERR_OK;

	if (test)
		rc = iid_test(s, &permute, &iid, e);
	if (rc == ERR_OK && test && iid.pass && restart != NULL)
		rc = test_restart_iid(restart, &permute, e);
	if (rc == ERR_OK && restart != NULL && restart->iid_tested)
		claim = restart->row_iid && restart->column_iid;
	if (rc == ERR_OK && test && iid.pass && claim)
		o.depth = ASSESS_IID;
	if (rc == ERR_OK)
		rc = assess(s, &o, &a, e);
	out_progress_end(c);
	if (rc == ERR_OK)
		rc = report(c, path, s, &a, test ? &iid : NULL, restart, o.depth, e);
	if (rc == ERR_OK && (opt.html != NULL || opt.svg != NULL))
		rc = entropy_report(opt.html, opt.svg, path, s, &a, e);
	if (rc == ERR_OK && !(iid.pass && claim))
		rc = err_set(e, ERR_NOT_IID, iid.pass ? restart->path : path,
			"the estimate of all estimators stands instead");
	return rc;
}

static enum err_code assess_file(struct cli *c, const char *path, struct err *e)
{
	struct entropy_restart restart = {.path = opt.restart};
	struct samples s;
	enum err_code rc = entropy_read(path, (unsigned)opt.bits.v, &s, e);

	if (rc != ERR_OK)
		return rc;
	/* of the same width: that the least one holds its samples may be chance */
	if (opt.restart != NULL)
		rc = entropy_read(opt.restart, s.bits, &restart.s, e);
	if (rc == ERR_OK && opt.restart != NULL && restart.s.n != RESTART_SAMPLES)
		rc = err_set(e, ERR_USAGE, opt.restart,
			"%zu samples; 1,000 restarts of 1,000 samples are wanted", restart.s.n);
	if (rc == ERR_OK)
		rc = assess_samples(c, path, &s, opt.restart != NULL ? &restart : NULL, e);
	if (opt.restart != NULL)
		samples_free(&restart.s);
	samples_free(&s);
	return rc;
}

static enum err_code run(struct cli *c, const struct arg_operands *o, struct err *e)
{
	enum err_code rc = ERR_OK;

	if (opt.bits.set && (opt.bits.v < 1 || opt.bits.v > SAMPLES_BITS_MAX))
		return err_set(e, ERR_USAGE, "--bits", "a sample has 1 to 8 bits");
	if (opt.threads.v > IID_THREADS_MAX)
		return err_set(e, ERR_USAGE, "--threads", "at most %d", IID_THREADS_MAX);
	if (o->n > 1 && (opt.html != NULL || opt.svg != NULL || opt.restart != NULL))
		return err_set(e, ERR_USAGE, "entropy assess",
			"--html, --svg and --restart go with one file");
	if (opt.restart != NULL && opt.quick)
		return err_set(e, ERR_USAGE, "--restart", "it goes with a full assessment");
	if (opt.conditioning.kind == NULL &&
		(opt.conditioning.n_in.set || opt.conditioning.n_out.set ||
			opt.conditioning.nw.set || opt.conditioning.h_in != NULL ||
			opt.conditioning.conditioned != NULL))
		return err_set(e, ERR_USAGE, "--conditioning", "which kind: vetted or unvetted?");
	for (size_t i = 0; i < o->n; i++) {
		struct err here = {0};
		enum err_code one = assess_file(c, o->v[i], &here);
		if (one == ERR_OK)
			continue;
		/* the rest is still assessed; the last failure is said on the way out */
		if (rc != ERR_OK)
			out_err(c, e);
		*e = here;
		rc = one;
	}
	return rc;
}

const struct command command_entropy_assess = {
	.words = "entropy assess",
	.operands = "FILE...",
	.min = 1,
	.max = ARG_LIST_MAX,
	.summary = "Estimate the min-entropy of noise samples, one a byte (SP 800-90B)",
	.args = args,
	.run = run,
};
