/*
 * NIST's own reference data: 11 files of samples, which are not ours to ship.  MEDSEAL_90B_REFDATA
 * names the folder with them (bin/ of the SP800-90B_EntropyAssessment repository).  And NIST's
 * program itself, for what has no reference data: MEDSEAL_90B_PEER names a folder with a built
 * ea_restart (cpp/ of the same repository).  That takes some 10 minutes, most of them NIST's.
 */
#include "tests/unit/cmocka_tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "entropy/assess.h"
#include "entropy/restart.h"
#include "tests/unit/entropy/sources.h"

#define TOLERANCE 1e-6 /* NIST's own, of its self-test */

/* The results that go with the files, by estimator; -1: none. */
static const struct reference {
	const char *name;
	double original[ESTIMATOR_COUNT], bitstring[ESTIMATOR_COUNT];
} references[] = {
	{"biased-random-bits.bin",
		{0.0286330697815, 0.0285137928263, 0.0291230239401, 0.0177665791165,
			0.0264892570536, 0.0558813940031, 0.0286348921421, 0.0405997632749,
			0.0286345862563, 0.0286350201548},
		{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}},
	{"biased-random-bytes.bin",
		{0.319650651838, -1, -1, -1, 0.291159804499, 0.519281371377, 0.319646253766,
			0.466258265028, 0.320276876685, 0.32137218081},
		{0.151827325077, 0.0727058884586, 0.0916043879164, 0.0631354932157,
			0.0322176088758, 0.0648017300639, 0.0419251336463, 0.0420016436393,
			0.0419251536821, 0.0419251487554}},
	{"data.pi.bin",
		{0.811140579704, 0.569537593458, 0.72318078199, 0.601559190632, 0.70186099415,
			0.908803656483, 0.812333232592, 0.811434612615, 0.811183696803, 0.811158644365},
		{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}},
	{"normal.bin",
		{5.6221552772, -1, -1, -1, 5.52911778545, 6.10503907959, 5.66817432027,
			6.1062232236, 5.67575844103, 5.67916389713},
		{0.996315460806, 1, 0.993792543296, 0.512511972889, 0.772905580775,
			0.828399020572, 1, 0.997707478296, 0.676757600523, 0.992460632843}},
	{"rand1_short.bin",
		{0.961058825701, 0.691464120997, 0.987596104459, 0.611716204794, 0.867624430817,
			0.962625803833, 0.952618060533, 0.943333706576, 0.961616667829, 0.961446245952},
		{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}},
	{"rand4_short.bin",
		{3.79003739021, -1, -1, -1, 3.5674726724, 3.83352552223, 3.86695468248,
			3.78365061255, 3.88465527949, 3.88249566406},
		{0.979189482962, 0.898179448381, 0.990616807771, 0.803872066969, 0.89877722939,
			0.932969314495, 0.986560864592, 0.982641821736, 0.977696512087, 0.980145173356}},
	{"rand8_short.bin",
		{7.01045403774, -1, -1, -1, 7.01045403774, 7.28919867172, 7.37519224973,
			6.63644128708, 7.32762767919, 7.35335539384},
		{0.983386784659, 0.832052982215, 0.997724976728, 0.732611718061, 0.910786445735,
			0.981930357736, 0.994537115515, 0.989693493888, 0.987814544042, 0.9880818038}},
	{"ringOsc-nist.bin",
		{0.993514068761, 0.126445736196, 0.25797939245, 0.159322697722, 0.201708508171,
			0.365798634803, 0.290519227366, 0.251066953571, 0.251068940816, 0.251073056821},
		{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}},
	{"truerand_1bit.bin",
		{0.995043015131, 0.900935726908, 0.998486475556, 0.829677083234, 0.91422636746,
			0.985818337227, 0.996972248016, 0.998291666366, 0.996659943804, 0.997050047579},
		{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1}},
	{"truerand_4bit.bin",
		{3.97119433673, -1, -1, -1, 3.68775369423, 3.93496566576, 3.99228528072,
			3.97627096945, 3.98526264408, 3.98427722674},
		{0.997730385822, 0.928360945305, 0.999469539755, 0.900626592142, 0.929433736388,
			0.986687395176, 0.998080076228, 0.998648590129, 0.998205084169, 0.9993550236}},
	{"truerand_8bit.bin",
		{7.8651180029, -1, -1, -1, 7.8651180029, 7.93919903337, 7.98857981937,
			7.93976455611, 7.92680881975, 7.92678718081},
		{0.99819928012, 0.958406295418, 0.999439303167, 0.904232681897, 0.933569244304,
			0.998671087965, 0.999562833167, 0.998401559831, 0.999660367563, 0.998465328047}},
};

static bool load(const char *dir, const char *name, struct samples *out)
{
	static uint8_t data[1 << 21];
	char path[4096];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "rb");
	if (f == NULL)
		return false;
	n = fread(data, 1, sizeof(data), f);
	(void)fclose(f);
	return samples_take(bytes_of(data, n), 0, name, out, NULL) == ERR_OK;
}

static double delta(const struct reference *r, const struct assessment *a)
{
	double worst = 0;
	for (unsigned i = 0; i < ESTIMATOR_COUNT; i++) {
		double lit = a->original[i].ran ? a->original[i].h : -1;
		double bit = a->bits[i].ran ? a->bits[i].h : -1;
		worst = fmax(worst, fabs(lit - r->original[i]));
		worst = fmax(worst, fabs(bit - r->bitstring[i]));
	}
	return worst;
}

static void nists_reference_data(void **state)
{
	const char *dir = getenv("MEDSEAL_90B_REFDATA");
	struct assess_options o = {.depth = ASSESS_FULL};

	(void)state;
	if (dir == NULL) {
		print_message("# MEDSEAL_90B_REFDATA does not name the folder of NIST's samples\n");
		skip();
	}
	for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
		struct samples s;
		struct assessment a;
		if (!load(dir, references[i].name, &s))
			fail_msg("%s cannot be read", references[i].name);
		assert_int_equal(assess(&s, &o, &a, NULL), ERR_OK);
		samples_free(&s);
		double d = delta(&references[i], &a);
		print_message("# %s: %.1e\n", references[i].name, d);
		if (!(d <= TOLERANCE))
			fail_msg("%s differs by %g", references[i].name, d);
	}
}

/* ---- restarts, by NIST's program ---- */

/* NIST's prints six decimals. */
#define PRINTED 1e-6
/* Its cut-off is simulated: by chance it is one off where the true tail is near alpha. */
#define CUTOFF_OFF 1

struct peer_restart {
	int cutoff, most;
	bool sane, valid;
	double h_row, h_column, min_entropy;
	/* the IID track */
	bool chi_square, repeat, permutations;
};

/* What the program prints, and its end. */
static FILE *peer_start(
	const char *dir, const char *path, unsigned bits, double h_initial, bool iid, pid_t *child)
{
	char program[4096], width[8], h[32];
	int to[2];

	snprintf(program, sizeof(program), "%s/ea_restart", dir);
	snprintf(width, sizeof(width), "%u", bits);
	snprintf(h, sizeof(h), "%.17g", h_initial);
	if (pipe(to) != 0)
		return NULL;
	*child = fork();
	if (*child == 0) {
		dup2(to[1], STDOUT_FILENO);
		close(to[0]);
		execl(program, program, iid ? "-i" : "-n", path, width, h, (char *)NULL);
		_exit(127);
	}
	close(to[1]);
	if (*child > 0)
		return fdopen(to[0], "r");
	close(to[0]);
	return NULL;
}

static bool peer_restart(const char *dir, const char *path, unsigned bits, double h_initial,
	bool iid, struct peer_restart *out)
{
	struct peer_restart r = {.cutoff = -1, .sane = true};
	char line[512];
	double alpha;
	pid_t child;
	FILE *f = peer_start(dir, path, bits, h_initial, iid, &child);

	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL) {
		(void)sscanf(line, "ALPHA: %lf, X_cutoff: %d", &alpha, &r.cutoff);
		(void)sscanf(line, "X_max: %d", &r.most);
		(void)sscanf(line, "H_r: %lf", &r.h_row);
		(void)sscanf(line, "H_c: %lf", &r.h_column);
		(void)sscanf(line, "min(H_r, H_c, H_I): %lf", &r.min_entropy);
		r.sane = r.sane && strstr(line, "Sanity Check Failed") == NULL;
		r.valid = r.valid || strstr(line, "Validation Test Passed") != NULL;
		r.chi_square = r.chi_square || strstr(line, "** Passed chi square") != NULL;
		r.repeat = r.repeat || strstr(line, "** Passed length of longest") != NULL;
		r.permutations = r.permutations || strstr(line, "** Passed IID perm") != NULL;
	}
	(void)fclose(f);
	(void)waitpid(child, NULL, 0);
	*out = r;
	return r.cutoff >= 0;
}

static void same_restart(
	const char *what, const struct restart_result *ours, const struct peer_restart *nists)
{
	unsigned most = ours->row_most > ours->column_most ? ours->row_most : ours->column_most;

	print_message("# %s: cut-off %u (NIST's %d), most %u, %s; H_r %.6f, H_c %.6f\n", what,
		ours->cutoff, nists->cutoff, most,
		!ours->sane    ? "not sane"
		: !ours->valid ? "not valid"
			       : "passed",
		ours->h_row, ours->h_column);
	assert_int_equal(most, nists->most);
	assert_true(abs((int)ours->cutoff - nists->cutoff) <= CUTOFF_OFF);
	/* no input here has its maximum where that would matter */
	assert_int_equal(ours->sane, nists->sane);
	if (!nists->sane) /* NIST's ends here */
		return;
	assert_int_equal(ours->valid, nists->valid);
	if (!(fabs(ours->h_row - nists->h_row) <= PRINTED &&
		    fabs(ours->h_column - nists->h_column) <= PRINTED))
		fail_msg("%s: NIST's has H_r %.6f, H_c %.6f", what, nists->h_row, nists->h_column);
	if (nists->valid && fabs(ours->min_entropy - nists->min_entropy) > PRINTED)
		fail_msg("%s: %.6f, not %.6f", what, ours->min_entropy, nists->min_entropy);
}

/* What the case must come to, so that each verdict is met. */
enum verdict { PASSED, NOT_VALID, NOT_SANE };

static const struct restart_case {
	const char *name;
	enum source source;
	unsigned bits;
	double h_initial;
	bool iid;
	enum verdict verdict;
} restart_cases[] = {
	{"flat, 1 bit", SOURCE_FLAT, 1, 0.8, false, PASSED},
	{"flat, 2 bits", SOURCE_FLAT, 2, 1.7, false, PASSED},
	{"biased, 3 bits", SOURCE_BIASED, 3, 2, false, PASSED},
	{"flat, 4 bits", SOURCE_FLAT, 4, 3.6, false, PASSED},
	{"drift, 5 bits, too much claimed", SOURCE_DRIFT, 5, 4.4, false, NOT_SANE},
	{"gaps, 6 bits", SOURCE_GAPS, 6, 4, false, PASSED},
	{"biased, 7 bits", SOURCE_BIASED, 7, 5.5, false, PASSED},
	{"flat, 8 bits", SOURCE_FLAT, 8, 7, false, PASSED},
	{"biased, 8 bits, too much claimed", SOURCE_BIASED, 8, 7.9, false, NOT_SANE},
	{"dependent, 4 bits", SOURCE_MARKOV, 4, 2, false, NOT_VALID},
	{"sparse, 8 bits", SOURCE_SPARSE, 8, 0.01, false, PASSED},
	{"flat, 8 bits, IID", SOURCE_FLAT, 8, 7.8, true, PASSED},
	{"flat, 1 bit, IID", SOURCE_FLAT, 1, 0.99, true, PASSED},
};

static void same_iid(const char *what, const struct samples *s, const struct peer_restart *nists)
{
	struct iid_options o = {.seed = IID_SEED_DEFAULT};
	struct iid_result row, column;

	assert_int_equal(restart_iid(s, &o, &row, &column, NULL), ERR_OK);
	print_message("# %s: permutations %s and %s\n", what, row.pass ? "passed" : "failed",
		column.pass ? "passed" : "failed");
	assert_int_equal(row.fit.pass && row.independence.pass && column.fit.pass &&
				 column.independence.pass,
		nists->chi_square);
	assert_int_equal(row.repeat_pass && column.repeat_pass, nists->repeat);
	/* NIST's permutes by chance, and takes the rows for columns again; a good source passes */
	assert_true(nists->permutations && row.pass && column.pass);
}

static void one_restart(const char *program, const struct restart_case *c, uint8_t *data)
{
	char path[] = "/tmp/medseal-restart-XXXXXX";
	int fd = mkstemp(path);
	struct peer_restart nists;
	struct restart_result ours;
	struct samples s;
	bool ran;

	assert_true(fd >= 0);
	source_fill(c->source, c->bits, data, RESTART_SAMPLES);
	assert_int_equal(write(fd, data, RESTART_SAMPLES), RESTART_SAMPLES);
	close(fd);
	ran = peer_restart(program, path, c->bits, c->h_initial, c->iid, &nists);
	unlink(path);
	if (!ran)
		fail_msg("%s/ea_restart does not run", program);
	assert_int_equal(
		samples_take(bytes_of(data, RESTART_SAMPLES), c->bits, c->name, &s, NULL), ERR_OK);
	assert_int_equal(
		restart_test(&s, c->h_initial, c->iid ? ASSESS_IID : ASSESS_FULL, &ours, NULL),
		ERR_OK);
	same_restart(c->name, &ours, &nists);
	assert_int_equal(!ours.sane ? NOT_SANE : !ours.valid ? NOT_VALID : PASSED, c->verdict);
	if (c->iid)
		same_iid(c->name, &s, &nists);
	samples_free(&s);
}

static void restarts_are_judged_as_by_nists_program(void **state)
{
	const char *program = getenv("MEDSEAL_90B_PEER");
	uint8_t *data;

	(void)state;
	if (program == NULL) {
		print_message("# MEDSEAL_90B_PEER does not name the folder of NIST's ea_restart\n");
		skip();
	}
	data = malloc(RESTART_SAMPLES);
	assert_non_null(data);
	for (size_t i = 0; i < sizeof(restart_cases) / sizeof(restart_cases[0]); i++)
		one_restart(program, &restart_cases[i], data);
	free(data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nists_reference_data),
		cmocka_unit_test(restarts_are_judged_as_by_nists_program),
	};
	return RUN_TAP(tests);
}
