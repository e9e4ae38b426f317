#include "keycheck/lists_import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keycheck/import_impl.h"
#include "keycheck/lists_impl.h"

/* badkeys' docs/BLOCKLISTFORMAT.md: 120 bits of hash and the number of a list. */
#define BADKEYS_RECORD 16
#define BADKEYS_HASH 15

/* ---- text ---- */

/* The next line without its end, comment and blanks; false at the end of the text. */
static bool next_line(struct reader *r, struct bytes *line)
{
	if (reader_left(r) == 0)
		return false;
	const uint8_t *from = r->p + r->pos;
	const uint8_t *end = memchr(from, '\n', reader_left(r));
	size_t len = end != NULL ? (size_t)(end - from) : reader_left(r);
	(void)read_bytes(r, len + (end != NULL));
	const uint8_t *hash = memchr(from, '#', len);
	if (hash != NULL)
		len = (size_t)(hash - from);
	while (len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\r' || from[len - 1] == '\t'))
		len--;
	while (len > 0 && (*from == ' ' || *from == '\t')) {
		from++;
		len--;
	}
	*line = bytes_of(from, len);
	return true;
}

static enum err_code kind_of_digits(
	size_t digits, enum list_kind said, enum list_kind *out, struct err *e)
{
	if (said != LIST_KIND_ANY)
		*out = said;
	else if (digits == 2 * SHA256_SIZE)
		*out = LIST_SPKI_SHA256;
	else if (digits == 2 * BADKEYS_HASH)
		*out = LIST_NUMBER_SHA256;
	else
		return err_set(e, ERR_USAGE, "key list",
			"hashes of %zu hex digits are used by several lists: say which hash",
			digits);
	return ERR_OK;
}

/* Octets of one line of hex. */
static enum err_code hex_line(struct bytes line, bool is_number, uint64_t number, uint8_t *out,
	size_t *size, struct err *e)
{
	char text[2 * LIST_PRIME_MAX + 2];
	size_t odd = is_number ? line.len % 2 : 0;

	if (line.len > 2 * LIST_PRIME_MAX)
		return err_set(e, ERR_LIMIT, "key list", "line %llu: more than %d hex digits",
			(unsigned long long)number, 2 * LIST_PRIME_MAX);
	text[0] = '0'; /* before a number of an odd count of digits */
	memcpy(text + odd, line.p, line.len);
	text[odd + line.len] = '\0';
	*size = (line.len + odd) / 2;
	if ((line.len + odd) % 2 != 0 || !hex_decode(text, out, *size))
		return err_set(e, ERR_MALFORMED, "key list", "line %llu is not hex",
			(unsigned long long)number);
	return ERR_OK;
}

static enum err_code at_line(enum err_code rc, uint64_t number, struct err *e)
{
	char why[ERR_REASON_MAX];

	if (rc != ERR_MALFORMED || e == NULL)
		return rc;
	snprintf(why, sizeof(why), "%s", e->reason);
	return err_set(e, rc, "key list", "line %llu: %s", (unsigned long long)number, why);
}

static enum err_code take_line(struct import *im, struct bytes line, uint64_t number, struct err *e)
{
	uint8_t octets[LIST_PRIME_MAX];
	size_t size = 0;
	bool primes = im->o->about.check == CHECK_KNOWN_PRIME;
	enum err_code rc = hex_line(line, primes, number, octets, &size, e);

	if (rc == ERR_OK && im->maker == NULL) {
		enum list_kind kind = LIST_PRIMES;
		if (!primes)
			rc = kind_of_digits(line.len, im->o->about.kind, &kind, e);
		if (rc == ERR_OK)
			rc = import_start(im, kind, (unsigned)size, e);
	}
	if (rc != ERR_OK)
		return rc;
	rc = primes ? list_maker_prime(im->maker, bytes_of(octets, size), im->source, e)
		    : list_maker_hash(im->maker, bytes_of(octets, size), im->source, e);
	return at_line(rc, number, e);
}

static enum err_code import_text(struct import *im, struct bytes file, struct err *e)
{
	struct reader r = reader_of(file);
	struct bytes line;
	enum err_code rc = ERR_OK;

	im->counts->form = "hex in lines";
	for (uint64_t number = 1; rc == ERR_OK && next_line(&r, &line); number++) {
		if (line.len > 0)
			rc = take_line(im, line, number, e);
	}
	return rc;
}

/* ---- badkeys ---- */

/* Whole records in rising order, as their search needs it, and no text. */
static bool is_badkeys(struct bytes file)
{
	bool text = true;

	if (file.len < BADKEYS_RECORD || file.len % BADKEYS_RECORD != 0)
		return false;
	for (size_t at = 0; at < file.len; at += BADKEYS_RECORD) {
		if (at > 0 && memcmp(file.p + at - BADKEYS_RECORD, file.p + at, BADKEYS_HASH) >= 0)
			return false;
		for (size_t i = 0; i < BADKEYS_RECORD; i++)
			text = text && file.p[at + i] < 0x80;
	}
	return !text;
}

static enum err_code import_badkeys(struct import *im, struct bytes file, struct err *e)
{
	unsigned source_of[256];
	bool known[256] = {false};
	char text[LIST_TEXT_MAX + 1];
	enum err_code rc;

	im->counts->form = "badkeys blocklist";
	if (im->o->about.kind != LIST_KIND_ANY && im->o->about.kind != LIST_NUMBER_SHA256)
		return err_set(
			e, ERR_USAGE, "key list", "a badkeys blocklist has a hash of its own");
	rc = import_start(im, LIST_NUMBER_SHA256, BADKEYS_HASH, e);
	for (size_t at = 0; at < file.len && rc == ERR_OK; at += BADKEYS_RECORD) {
		unsigned id = file.p[at + BADKEYS_HASH];
		if (!known[id]) {
			snprintf(
				text, sizeof(text), "%.400s, its list %u", im->o->about.source, id);
			rc = list_maker_source(im->maker, text, &source_of[id], e);
			known[id] = true;
		}
		if (rc == ERR_OK)
			rc = list_maker_hash(
				im->maker, bytes_of(file.p + at, BADKEYS_HASH), source_of[id], e);
	}
	return rc;
}

/* ---- all ---- */

enum err_code import_start(
	struct import *im, enum list_kind kind, unsigned hash_size, struct err *e)
{
	struct list_about about = im->o->about;

	about.kind = kind;
	enum err_code rc = list_maker_new(&about, hash_size, &im->maker, e);
	if (rc == ERR_OK)
		rc = list_maker_source(im->maker, about.source, &im->source, e);
	return rc;
}

/* A list made elsewhere: only looked at. */
static enum err_code take_as_it_is(
	struct bytes file, struct buf *out, struct import_counts *counts, struct err *e)
{
	struct list l;
	enum err_code rc = list_parse(file, "key list", &l, e);

	if (rc != ERR_OK)
		return rc;
	counts->form = "key list";
	counts->taken = l.about.count;
	list_clear(&l);
	buf_bytes(out, file);
	return buf_end(out, e, "key list");
}

static enum err_code import_any(struct import *im, struct bytes file, struct err *e)
{
	if (memmem(file.p, file.len, "-----BEGIN ", 11) != NULL)
		return import_pem(im, file, e);
	if (im->o->about.check != CHECK_KNOWN_PRIME && is_badkeys(file))
		return import_badkeys(im, file, e);
	return import_text(im, file, e);
}

enum err_code lists_import(struct bytes file, const struct import_options *o, struct buf *out,
	struct import_counts *counts, struct err *e)
{
	struct import im = {.o = o, .counts = counts};

	*counts = (struct import_counts){.form = "nothing"};
	if (file.len >= LIST_MAGIC_SIZE && memcmp(file.p, LIST_MAGIC, LIST_MAGIC_SIZE) == 0)
		return take_as_it_is(file, out, counts, e);
	enum err_code rc = file.len > 0 ? import_any(&im, file, e) : ERR_OK;
	if (rc == ERR_OK && im.maker == NULL)
		rc = err_set(e, ERR_MALFORMED, "key list", "there is no entry in it");
	if (rc == ERR_OK)
		rc = list_maker_end(im.maker, out, &counts->taken, e);
	list_maker_free(im.maker);
	return rc;
}
