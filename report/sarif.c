#include "report/sarif.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "report/text.h"

#define TEXT_MAX 4096u

static void not_written(struct sarif *s)
{
	s->bad = true;
	if (s->errnum == 0)
		s->errnum = errno;
}

/* Takes `doc`: written, after a comma when it is not the first of its list. */
static void put(struct sarif *s, yyjson_mut_doc *doc)
{
	char *text = yyjson_mut_write(doc, 0, NULL);

	if (s->later)
		putc(',', s->f);
	s->later = true;
	if (text == NULL)
		s->bad = true;
	else if (fprintf(s->f, "\n%s", text) < 0)
		not_written(s);
	free(text);
	yyjson_mut_doc_free(doc);
}

static yyjson_mut_val *object(struct sarif *s, yyjson_mut_doc **doc)
{
	yyjson_mut_val *o = NULL;

	*doc = yyjson_mut_doc_new(NULL);
	if (*doc != NULL)
		o = yyjson_mut_obj(*doc);
	if (o == NULL)
		s->bad = true;
	else
		yyjson_mut_doc_set_root(*doc, o);
	return o;
}

static void add_text(yyjson_mut_doc *doc, yyjson_mut_val *o, const char *key, struct bytes text)
{
	struct buf b = buf_new(4 * TEXT_MAX);

	text_clean(&b, text, TEXT_MAX);
	yyjson_mut_obj_add_strncpy(doc, o, key, buf_cstr(&b), b.len);
	buf_free(&b);
}

/* message, shortDescription, help: {"text": ...} (§3.11, §3.12) */
static void add_message(yyjson_mut_doc *doc, yyjson_mut_val *o, const char *key, const char *text)
{
	add_text(doc, yyjson_mut_obj_add_obj(doc, o, key), "text", bytes_str(text));
}

void sarif_begin(struct sarif *s, FILE *f, const struct sarif_rule *rule, size_t rules)
{
	*s = (struct sarif){.f = f, .rule = rule};
	fprintf(f,
		"{\"$schema\":\"https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/"
		"sarif-schema-2.1.0.json\",\n\"version\":\"" SARIF_VERSION
		"\",\n\"runs\":[{\"tool\":{\"driver\":{\"name\":\"medseal\",\"version\":\"%s\","
		"\"rules\":[",
		MEDSEAL_VERSION);
	for (size_t i = 0; i < rules; i++) {
		yyjson_mut_doc *doc;
		yyjson_mut_val *o = object(s, &doc);
		if (o == NULL)
			continue;
		yyjson_mut_obj_add_str(doc, o, "id", rule[i].id);
		add_message(doc, o, "shortDescription", rule[i].sentence);
		add_message(doc, o, "help", rule[i].advice);
		yyjson_mut_obj_add_str(doc, yyjson_mut_obj_add_obj(doc, o, "defaultConfiguration"),
			"level", rule[i].level);
		put(s, doc);
	}
	fprintf(f, "]}},\n\"columnKind\":\"unicodeCodePoints\",\n\"results\":[");
	s->later = false;
}

void sarif_result(struct sarif *s, size_t rule, const char *message, const char *fingerprint)
{
	yyjson_mut_doc *doc;
	yyjson_mut_val *o = object(s, &doc);
	char *text;

	if (o == NULL)
		return;
	yyjson_mut_obj_add_str(doc, o, "ruleId", s->rule[rule].id);
	yyjson_mut_obj_add_uint(doc, o, "ruleIndex", rule);
	yyjson_mut_obj_add_str(doc, o, "level", s->rule[rule].level);
	add_message(doc, o, "message", message);
	yyjson_mut_obj_add_str(doc, yyjson_mut_obj_add_obj(doc, o, "partialFingerprints"),
		"keySha256/v1", fingerprint);
	text = yyjson_mut_write(doc, 0, NULL);
	/* Without its last brace: the places follow, one by one. */
	if (text == NULL)
		s->bad = true;
	else if (fprintf(s->f, "%s\n%.*s,\"locations\":[", s->later ? "," : "",
			 (int)strlen(text) - 1, text) < 0)
		not_written(s);
	free(text);
	yyjson_mut_doc_free(doc);
	s->later = false;
}

/* RFC 3986 §2.3; a slash parts the names of folders. */
static bool stands_for_itself(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~/", c) != NULL);
}

static void add_uri(yyjson_mut_doc *doc, yyjson_mut_val *o, const char *file)
{
	struct buf b = buf_new(4 * TEXT_MAX);

	if (file[0] == '/')
		buf_str(&b, "file://");
	for (const char *p = file; *p != '\0' && b.len < 3 * TEXT_MAX; p++) {
		if (stands_for_itself((uint8_t)*p))
			buf_u8(&b, (uint8_t)*p);
		else
			buf_printf(&b, "%%%02X", (uint8_t)*p);
	}
	yyjson_mut_obj_add_strncpy(doc, o, "uri", buf_cstr(&b), b.len);
	buf_free(&b);
}

static void add_location(yyjson_mut_doc *doc, yyjson_mut_val *o, const struct sarif_place *at)
{
	yyjson_mut_val *physical = yyjson_mut_obj_add_obj(doc, o, "physicalLocation");

	add_uri(doc, yyjson_mut_obj_add_obj(doc, physical, "artifactLocation"), at->file);
	if (!at->whole) {
		yyjson_mut_val *region = yyjson_mut_obj_add_obj(doc, physical, "region");
		if (at->line > 0)
			yyjson_mut_obj_add_uint(doc, region, "startLine", at->line);
		else
			yyjson_mut_obj_add_uint(doc, region, "byteOffset", at->offset);
	}
	if (at->name.len > 0) {
		yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, o, "logicalLocations");
		add_text(doc, yyjson_mut_arr_add_obj(doc, list), "name", at->name);
	}
}

void sarif_location(struct sarif *s, const struct sarif_place *at)
{
	yyjson_mut_doc *doc;
	yyjson_mut_val *o = object(s, &doc);

	if (o == NULL)
		return;
	add_location(doc, o, at);
	put(s, doc);
}

void sarif_result_end(struct sarif *s)
{
	fprintf(s->f, "]}");
	s->later = true;
}

void sarif_invocation(struct sarif *s, bool successful)
{
	fprintf(s->f,
		"],\n\"invocations\":[{\"executionSuccessful\":%s,\"toolExecutionNotifications\":[",
		successful ? "true" : "false");
	s->later = false;
}

void sarif_notification(
	struct sarif *s, const struct sarif_place *at, const char *id, const char *message)
{
	yyjson_mut_doc *doc;
	yyjson_mut_val *o = object(s, &doc);

	if (o == NULL)
		return;
	yyjson_mut_obj_add_strcpy(doc, yyjson_mut_obj_add_obj(doc, o, "descriptor"), "id", id);
	yyjson_mut_obj_add_str(doc, o, "level", "warning");
	add_message(doc, o, "message", message);
	yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, o, "locations");
	add_location(doc, yyjson_mut_arr_add_obj(doc, list), at);
	put(s, doc);
}

enum err_code sarif_end(struct sarif *s, const char *name, struct err *e)
{
	fprintf(s->f, "]}]}]}\n");
	if (fflush(s->f) != 0 || ferror(s->f))
		not_written(s);
	if (!s->bad)
		return ERR_OK;
	if (s->errnum == 0)
		return err_set(e, ERR_NO_MEMORY, name, "for the report");
	return err_sys(e, s->errnum == ENOSPC || s->errnum == EDQUOT ? ERR_DISK_FULL : ERR_IO, name,
		s->errnum, "the report cannot be written");
}
