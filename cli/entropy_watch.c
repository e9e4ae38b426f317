/* medseal entropy watch: early signs of poor randomness in what a fleet sends. */
#include "cli/entropy_watch.h"

#include "cli/out.h"

static struct {
	const char *product;
	const char *realm_db;
} opt;

static const struct arg args[] = {
	{"product", 0, ARG_TEXT, false, &opt.product, "NAME",
		"product line of the certificates and keys; else their file's name"},
	{"realm-db", 0, ARG_TEXT, false, &opt.realm_db, "FILE",
		"also a realm's database (medseal.db), read only"},
	{.name = NULL},
};

static void say_flaw(const char *path, const struct err *why)
{
	char line[ERR_OBJECT_MAX + ERR_REASON_MAX + 256];

	err_print(why, line, sizeof(line));
	fprintf(stderr, "medseal: %s: %s\n", path, line);
}

struct report {
	yyjson_mut_doc *doc;
	yyjson_mut_val *lines, *findings;
	uint64_t found;
};

static void add_line(void *arg, const struct watch_line *l)
{
	struct report *r = arg;
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(r->doc, r->lines);

	yyjson_mut_obj_add_strcpy(r->doc, o, "product", l->product);
	yyjson_mut_obj_add_strcpy(r->doc, o, "kind", l->kind);
	yyjson_mut_obj_add_uint(r->doc, o, "values", l->values);
	yyjson_mut_obj_add_uint(r->doc, o, "bits", l->bits);
}

static void add_finding(void *arg, const struct watch_finding *f)
{
	struct report *r = arg;
	yyjson_mut_val *o = yyjson_mut_arr_add_obj(r->doc, r->findings);

	yyjson_mut_obj_add_strcpy(r->doc, o, "product", f->product);
	yyjson_mut_obj_add_strcpy(r->doc, o, "kind", f->kind);
	yyjson_mut_obj_add_str(r->doc, o, "finding", watch_sign_name(f->sign));
	yyjson_mut_obj_add_strcpy(r->doc, o, "why", f->why);
	r->found++;
}

static enum err_code report(const struct cli *c, struct watch_input *in, struct err *e)
{
	struct report r = {.doc = yyjson_mut_doc_new(NULL)};
	yyjson_mut_val *root = yyjson_mut_obj(r.doc);
	enum err_code rc;

	yyjson_mut_doc_set_root(r.doc, root);
	r.lines = yyjson_mut_obj_add_arr(r.doc, root, "lines");
	r.findings = yyjson_mut_obj_add_arr(r.doc, root, "findings");
	watch_lines(in->w, add_line, &r);
	rc = watch_look(in->w, add_finding, &r, e);
	if (rc == ERR_OK)
		rc = watch_shared_primes(in->w, add_finding, &r, e);
	yyjson_mut_obj_add_uint(r.doc, root, "unreadable", in->flaws);
	if (rc != ERR_OK) {
		yyjson_mut_doc_free(r.doc);
		return rc;
	}
	rc = out_doc(c, r.doc, e);
	if (rc == ERR_OK && r.found > 0)
		return err_set(e, ERR_POOR_RANDOMNESS, NULL, "%llu finding%s",
			(unsigned long long)r.found, r.found == 1 ? "" : "s");
	return rc;
}

static enum err_code run(struct cli *c, const struct arg_operands *o, struct err *e)
{
	struct watch_input in = {.w = watch_new(), .product = opt.product, .flaw = say_flaw};
	enum err_code rc = ERR_OK;

	if (o->n == 0 && opt.realm_db == NULL)
		rc = err_set(e, ERR_USAGE, "entropy watch", "name a file, or --realm-db");
	else if (in.w == NULL)
		rc = err_set(e, ERR_NO_MEMORY, "entropy watch", "to begin");
	for (size_t i = 0; rc == ERR_OK && i < o->n; i++)
		rc = watch_file(&in, o->v[i], e);
	if (rc == ERR_OK && opt.realm_db != NULL)
		rc = watch_realm(&in, opt.realm_db, e);
	if (rc == ERR_OK)
		rc = report(c, &in, e);
	watch_input_free(&in);
	return rc;
}

const struct command command_entropy_watch = {
	.words = "entropy watch",
	.operands = "[INPUT...]",
	.max = ARG_LIST_MAX,
	.summary = "Look for signs of poor randomness in a fleet's serials, nonces and keys",
	.args = args,
	.run = run,
};
