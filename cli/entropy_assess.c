/* medseal entropy assess: how much min-entropy samples of a noise source have (SP 800-90B). */
#include <string.h>

#include "cli/file.h"
#include "cli/out.h"
#include "entropy/assess.h"

static struct {
	struct arg_number bits;
	bool quick;
} opt;

static const struct arg args[] = {
	{"bits", 0, ARG_NUMBER, false, &opt.bits, "N",
		"width of a sample, 1 to 8; else the least that holds all"},
	{"quick", 0, ARG_FLAG, false, &opt.quick, NULL,
		"only estimators of one pass: an upper bound, soon"},
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

static enum err_code report(const struct cli *c, const char *path, const struct samples *s,
	const struct assessment *a, struct err *e)
{
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_mut_obj(doc);
	enum err_code rc;

	yyjson_mut_doc_set_root(doc, root);
	yyjson_mut_obj_add_str(doc, root, "file", path);
	yyjson_mut_obj_add_uint(doc, root, "samples", s->n);
	yyjson_mut_obj_add_uint(doc, root, "bits", s->bits);
	yyjson_mut_obj_add_uint(doc, root, "alphabet", s->alphabet);
	add_estimators(doc, root, a);
	add_result(doc, root, s, a);
	rc = out_doc(c, doc, e);
	if (rc == ERR_OK && s->n < SAMPLES_WANTED)
		out_note(c,
			"SP 800-90B wants %d samples; fewer give a lower and less certain "
			"estimate.",
			SAMPLES_WANTED);
	return rc;
}

static enum err_code assess_file(struct cli *c, const char *path, struct err *e)
{
	struct assess_options o = {
		.depth = opt.quick ? ASSESS_QUICK : ASSESS_FULL, .progress = progress, .arg = c};
	struct buf file = buf_new(SAMPLES_MAX);
	struct samples s;
	struct assessment a;
	enum err_code rc = disk_read(path, SAMPLES_MAX, &file, e);

	if (rc == ERR_OK)
		rc = samples_take(buf_view(&file), (unsigned)opt.bits.v, path, &s, e);
	buf_free(&file);
	if (rc != ERR_OK)
		return rc;
	rc = assess(&s, &o, &a, e);
	out_progress_end(c);
	if (rc == ERR_OK)
		rc = report(c, path, &s, &a, e);
	samples_free(&s);
	return rc;
}

static enum err_code run(struct cli *c, const struct arg_operands *o, struct err *e)
{
	enum err_code rc = ERR_OK;

	if (opt.bits.set && (opt.bits.v < 1 || opt.bits.v > SAMPLES_BITS_MAX))
		return err_set(e, ERR_USAGE, "--bits", "a sample has 1 to 8 bits");
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
