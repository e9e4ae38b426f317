#include "cli/entropy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/file.h"
#include "entropy/conditioning.h"
#include "entropy/restart.h"

enum err_code entropy_read(const char *path, unsigned bits, struct samples *out, struct err *e)
{
	struct buf file = buf_new(SAMPLES_MAX);
	enum err_code rc = disk_read(path, SAMPLES_MAX, &file, e);

	if (rc == ERR_OK)
		rc = samples_take(buf_view(&file), bits, path, out, e);
	buf_free(&file);
	return rc;
}

enum err_code entropy_restart(yyjson_mut_doc *doc, yyjson_mut_val *root,
	const struct entropy_restart *restart, enum assess_depth depth, double *h, bool *failed,
	struct err *e)
{
	struct restart_result r;
	yyjson_mut_val *o;
	enum err_code rc = restart_test(&restart->s, *h, depth, &r, e);

	if (rc != ERR_OK)
		return rc;
	o = yyjson_mut_obj_add_obj(doc, root, "restart");
	yyjson_mut_obj_add_str(doc, o, "file", restart->path);
	if (restart->iid_tested) {
		yyjson_mut_obj_add_bool(doc, o, "iid_rows", restart->row_iid);
		yyjson_mut_obj_add_bool(doc, o, "iid_columns", restart->column_iid);
	}
	yyjson_mut_obj_add_real(doc, o, "h_initial", *h);
	yyjson_mut_obj_add_uint(doc, o, "cutoff", r.cutoff);
	yyjson_mut_obj_add_uint(doc, o, "row_most", r.row_most);
	yyjson_mut_obj_add_uint(doc, o, "column_most", r.column_most);
	yyjson_mut_obj_add_bool(doc, o, "sanity_check", r.sane);
	yyjson_mut_obj_add_real(doc, o, "h_row", r.h_row);
	yyjson_mut_obj_add_real(doc, o, "h_column", r.h_column);
	yyjson_mut_obj_add_bool(doc, o, "validation", r.valid);
	yyjson_mut_obj_add_real(doc, o, "min_entropy", r.min_entropy);
	*h = r.min_entropy;
	*failed = !r.sane || !r.valid;
	return ERR_OK;
}

static enum err_code number(const char *text, const char *option, double *out, struct err *e)
{
	char *end;

	errno = 0;
	*out = strtod(text, &end);
	if (end == text || *end != '\0' || errno != 0)
		return err_set(e, ERR_USAGE, option, "%s is not a number", text);
	return ERR_OK;
}

/* h': the least estimate of the component's output as bits (section 3.1.5.2). */
static enum err_code estimate_output(const char *path, double *h_prime, struct err *e)
{
	struct samples s;
	uint8_t *bits;
	enum err_code rc = entropy_read(path, 0, &s, e);

	if (rc != ERR_OK)
		return rc;
	bits = samples_bits(&s);
	if (bits == NULL)
		rc = err_set(e, ERR_NO_MEMORY, path, "for its bits");
	else
		rc = assess_string(bits, s.n * s.bits, 2, ASSESS_FULL, 1.0, h_prime, e);
	free(bits);
	samples_free(&s);
	return rc;
}

static enum err_code take_options(const struct entropy_conditioning *o, double h, unsigned bits,
	struct conditioning *c, struct err *e)
{
	c->vetted = strcmp(o->kind, "vetted") == 0;
	if (!c->vetted && strcmp(o->kind, "unvetted") != 0)
		return err_set(e, ERR_USAGE, "--conditioning", "it is vetted or unvetted");
	if (!o->n_in.set || !o->n_out.set || !o->nw.set)
		return err_set(e, ERR_USAGE, "--conditioning", "it needs --n-in, --n-out and --nw");
	if (c->vetted == (o->conditioned != NULL))
		return err_set(e, ERR_USAGE, "--conditioned",
			"an unvetted component needs it, a vetted one has none");
	c->n_in = o->n_in.v;
	c->n_out = o->n_out.v;
	c->nw = o->nw.v;
	c->h_in = (double)c->n_in / bits * h;
	if (o->h_in != NULL)
		return number(o->h_in, "--h-in", &c->h_in, e);
	return ERR_OK;
}

enum err_code entropy_condition(yyjson_mut_doc *doc, yyjson_mut_val *root,
	const struct entropy_conditioning *o, double h, unsigned bits, struct err *e)
{
	struct conditioning c = {.vetted = false};
	struct conditioned r;
	yyjson_mut_val *to;
	enum err_code rc = take_options(o, h, bits, &c, e);

	if (rc == ERR_OK && !c.vetted)
		rc = estimate_output(o->conditioned, &c.h_prime, e);
	if (rc == ERR_OK)
		rc = conditioning_entropy(&c, &r, e);
	if (rc != ERR_OK)
		return rc;
	to = yyjson_mut_obj_add_obj(doc, root, "conditioning");
	yyjson_mut_obj_add_str(doc, to, "component", o->kind);
	yyjson_mut_obj_add_uint(doc, to, "n_in", c.n_in);
	yyjson_mut_obj_add_uint(doc, to, "n_out", c.n_out);
	yyjson_mut_obj_add_uint(doc, to, "nw", c.nw);
	yyjson_mut_obj_add_real(doc, to, "h_in", c.h_in);
	if (!c.vetted)
		yyjson_mut_obj_add_real(doc, to, "h_prime", c.h_prime);
	yyjson_mut_obj_add_real(doc, to, "output_entropy", r.output_entropy);
	yyjson_mut_obj_add_real(doc, to, "h_out", r.h_out);
	yyjson_mut_obj_add_real(doc, to, "missing_log2", r.missing_log2);
	return ERR_OK;
}
