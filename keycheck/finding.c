#include "keycheck/finding.h"

static const struct row {
	const char *name;
	enum severity severity;
	const char *sentence;
	const char *advice;
} rows[CHECK_COUNT] = {
#define CHECK(sym, name, severity, sentence, advice)                                               \
	[CHECK_##sym] = {name, SEVERITY_##severity, sentence, advice},
#include "keycheck/checks.def"
#undef CHECK
};

const char *check_name(enum check c)
{
	return rows[c].name;
}

enum severity check_severity(enum check c)
{
	return rows[c].severity;
}

const char *check_sentence(enum check c)
{
	return rows[c].sentence;
}

const char *check_advice(enum check c)
{
	return rows[c].advice;
}

const char *severity_name(enum severity s)
{
	switch (s) {
	case SEVERITY_ERROR:
		return "error";
	case SEVERITY_WARNING:
		return "warning";
	case SEVERITY_NOTE:
	default:
		return "note";
	}
}
