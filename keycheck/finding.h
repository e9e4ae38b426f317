/* What a check says of a key.  The checks themselves are a table: keycheck/checks.def. */
#ifndef KEYCHECK_FINDING_H
#define KEYCHECK_FINDING_H

#include <stddef.h>
#include <stdint.h>

#include "crypto/hash.h"

enum severity {
	SEVERITY_NOTE,    /* unusual; no attack known */
	SEVERITY_WARNING, /* below today's rules */
	SEVERITY_ERROR,   /* an attacker can or does hold the private key, or it is no key */
};

enum check {
#define CHECK(sym, name, severity, sentence, advice) CHECK_##sym,
#include "keycheck/checks.def"
#undef CHECK
	CHECK_COUNT
};

#define FINDING_WHY_MAX 320

struct finding {
	enum check check;
	char why[FINDING_WHY_MAX];         /* what was seen, for people; never a private number */
	const uint8_t (*shared_with)[SHA256_SIZE]; /* other keys concerned; views */
	size_t shared_n;
};

/* The check's stable name ("shared-prime"), severity, sentence, and what to do. */
const char *check_name(enum check c);
enum severity check_severity(enum check c);
const char *check_sentence(enum check c);
const char *check_advice(enum check c);
const char *severity_name(enum severity s); /* "note", "warning", "error": SARIF's levels */

#endif
