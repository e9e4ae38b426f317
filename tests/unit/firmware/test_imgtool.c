/*
 * Against MCUboot's own imgtool: it accepts what we make, and we accept what it makes, but for the
 * kinds of image that docs/spec/image.md refuses.  $MEDSEAL_IMGTOOL names scripts/imgtool.py of
 * a MCUboot source tree (what it needs of Python is in tools/packages); without it the test is
 * skipped.
 */
#include "tests/unit/cmocka_tap.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/key.h"
#include "firmware/mcuboot.h"
#include "firmware/verify_host.h"
#include "verify/image.h"

#define ARGS_MAX 12

extern char **environ;

static const char *imgtool;
static char folder[] = "/tmp/medseal-imgtool-XXXXXX";
static struct key *signer;
static struct buf spki;
static uint8_t point[1][VERIFY_POINT_SIZE];

static const char *in_folder(const char *name, char path[256])
{
	(void)snprintf(path, 256, "%s/%s", folder, name);
	return path;
}

/* Exit status of imgtool; its words go to the file "log". */
static int run_imgtool(const char *const *args)
{
	char log[256];
	const char *argv[ARGS_MAX * 2 + 3] = {"python3", imgtool};
	size_t n = 2;
	for (; *args != NULL; args++) {
		assert_true(n < sizeof(argv) / sizeof(argv[0]) - 1);
		argv[n++] = *args;
	}
	posix_spawn_file_actions_t to_log;
	assert_int_equal(posix_spawn_file_actions_init(&to_log), 0);
	assert_int_equal(posix_spawn_file_actions_addopen(&to_log, 1, in_folder("log", log),
		O_WRONLY | O_CREAT | O_TRUNC, 0600), 0);
	assert_int_equal(posix_spawn_file_actions_adddup2(&to_log, 1, 2), 0);
	pid_t pid;
	int status;
	assert_int_equal(posix_spawnp(&pid, "python3", &to_log, NULL, (char *const *)argv, environ),
		0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)posix_spawn_file_actions_destroy(&to_log);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void write_file(const char *name, struct bytes b)
{
	char path[256];
	FILE *f = fopen(in_folder(name, path), "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(b.p, 1, b.len, f), b.len);
	assert_int_equal(fclose(f), 0);
}

static struct buf read_file(const char *name)
{
	static uint8_t room[1 << 18];
	char path[256];
	FILE *f = fopen(in_folder(name, path), "rb");
	assert_non_null(f);
	size_t n = fread(room, 1, sizeof(room), f);
	assert_true(n < sizeof(room));
	(void)fclose(f);
	struct buf b = buf_new(BUF_MAX_DEFAULT);
	buf_bytes(&b, bytes_of(room, n));
	return b;
}

static int imgtool_verifies(const char *image)
{
	char path[256];
	char key[256];
	return run_imgtool((const char *const[]){
		"verify", "-k", in_folder("key.pem", key), in_folder(image, path), NULL});
}

static void imgtool_accepts_what_we_make(void **state)
{
	(void)state;
	static const uint8_t uuid[16] = {1, 2, 3};
	static const struct mcuboot_options options[] = {
		{.version = {0, 0, 0, 0}},
		{.version = {1, 2, 3, 4}, .security_counter = 5, .header_size = 512},
		{.version = {255, 255, 65535, 0xffffffff}, .security_counter = 0xffffffff,
			.place = MCUBOOT_RAM_LOAD, .address = 0x20000000, .vendor_id = uuid},
		{.version = {1, 0, 0, 0}, .place = MCUBOOT_ROM_FIXED, .address = 0x8000,
			.vendor_id = uuid, .class_id = uuid},
	};
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		struct buf image = buf_new(MCUBOOT_IMAGE_MAX);
		struct buf sig = buf_new(256);
		struct buf done = buf_new(MCUBOOT_IMAGE_MAX);
		struct mcuboot_info info;
		assert_int_equal(mcuboot_prepare(bytes_str("a program"), &options[i], &image, NULL),
			ERR_OK);
		assert_int_equal(mcuboot_parse(buf_view(&image), &info, NULL), ERR_OK);
		assert_int_equal(key_sign_digest(signer, info.digest, &sig, NULL), ERR_OK);
		assert_int_equal(mcuboot_finish(buf_view(&image), buf_view(&spki), buf_view(&sig),
			&done, NULL), ERR_OK);
		write_file("ours.bin", buf_view(&done));
		assert_int_equal(imgtool_verifies("ours.bin"), 0);
		/* and it does look */
		done.p[image.len - 1] ^= 1;
		write_file("ours.bin", buf_view(&done));
		assert_int_not_equal(imgtool_verifies("ours.bin"), 0);
		buf_free(&image);
		buf_free(&sig);
		buf_free(&done);
	}
}

struct peer_case {
	const char *args[ARGS_MAX];
	enum verify_code want;
};

#define COUNTED "--security-counter", "7"

static const struct peer_case peer_cases[] = {
	{{"-H", "0x20", COUNTED}, VERIFY_OK},
	{{"-H", "0x200", COUNTED}, VERIFY_OK},
	{{"-H", "0x20", "--security-counter", "auto"}, VERIFY_OK},
	{{"-H", "0x20", COUNTED, "-R", "0"}, VERIFY_OK},
	{{"-H", "0x20", COUNTED, "--load-addr", "0x20000000"}, VERIFY_OK},
	{{"-H", "0x20", COUNTED, "--rom-fixed", "0x8000"}, VERIFY_OK},
	{{"-H", "0x20", COUNTED, "-d", "(1,2.0.0)(3,0.1.0+7)"}, VERIFY_OK},
	{{"-H", "0x20", COUNTED, "-d", "(1,2.0.1)"}, VERIFY_DEPENDENCY},
	{{"-H", "0x20", COUNTED, "-d", "(2,0.0.0)"}, VERIFY_DEPENDENCY},
	{{"-H", "0x20", COUNTED, "--vid", "a.example", "--cid", "pump"}, VERIFY_OK},
	{{"-H", "0x20", COUNTED, "--boot-record", "APP"}, VERIFY_OK},
	{{"-H", "0x20", COUNTED, "--custom-tlv", "0x00a0", "ward 7"}, VERIFY_OK},
	{{"-H", "0x20", COUNTED, "--custom-tlv", "0x02ff", "0x01"}, VERIFY_OK},
	/* kinds of image that are not ours to run */
	{{"-H", "0x20"}, VERIFY_TLV_MISSING},
	{{"-H", "0x20", COUNTED, "--non-bootable"}, VERIFY_HEADER},
	{{"-H", "0x20", COUNTED, "--endian", "big"}, VERIFY_HEADER},
	{{"-H", "0x20", COUNTED, "--pad"}, VERIFY_LENGTH},
	{{"-H", "0x20", COUNTED, "--public-key-format", "full"}, VERIFY_TLV},
	{{"-H", "0x20", COUNTED, "--custom-tlv", "0x0a1f", "x"}, VERIFY_TLV},
	{{"-H", "0x20", COUNTED, "--compression", "lzma2"}, VERIFY_HEADER},
};

static void we_judge_what_imgtool_makes(void **state)
{
	(void)state;
	static const struct verify_installed installed[] = {{1, {2, 0, 0, 0}}, {3, {0, 1, 0, 7}}};
	char key[256];
	char in[256];
	char out[256];
	(void)in_folder("key.pem", key);
	for (size_t i = 0; i < sizeof(peer_cases) / sizeof(peer_cases[0]); i++) {
		const char *args[ARGS_MAX * 2] = {"sign", "-k", key, "--pad-header", "-S",
			"0x20000", "--align", "1", "-v", "1.2.3+4"};
		size_t n = 10;
		for (const char *const *a = peer_cases[i].args; *a != NULL; a++)
			args[n++] = *a;
		args[n++] = in_folder("body.bin", in);
		args[n++] = in_folder("theirs.bin", out);
		if (run_imgtool(args) != 0)
			fail_msg("case %zu: imgtool failed, see %s/log", i, folder);

		struct buf image = read_file("theirs.bin");
		struct verify_policy policy = {.keys = (const uint8_t(*)[VERIFY_POINT_SIZE])point,
			.n_keys = 1,
			.installed = installed,
			.n_installed = 2};
		struct verify_result res;
		struct err e;
		struct err want;
		enum err_code code = verify_host_image(buf_view(&image), &policy, "theirs", &res,
			&e);
		if (code != verify_host_err(peer_cases[i].want, 0, "", &want))
			fail_msg("case %zu (%s %s): %s", i, peer_cases[i].args[2],
				peer_cases[i].args[4] == NULL ? "" : peer_cases[i].args[4],
				err_name(code));
		if (code == ERR_OK) {
			assert_int_equal(res.version.build, 4);
			assert_int_equal(res.body_len, 4000);
		}
		buf_free(&image);
	}
}

/* The digest that imgtool hands to an external signer is the one we approve and sign. */
static void the_digest_to_be_signed_is_the_same(void **state)
{
	(void)state;
	char in[256];
	char out[256];
	assert_int_equal(run_imgtool((const char *const[]){"sign", "--vector-to-sign", "digest",
		"--pad-header", "-H", "0x100", "-S", "0x20000", "--align", "1", "-v", "3.2.1",
		COUNTED, in_folder("body.bin", in), in_folder("digest.bin", out), NULL}), 0);
	struct buf body = read_file("body.bin");
	struct buf want = read_file("digest.bin");
	struct buf image = buf_new(MCUBOOT_IMAGE_MAX);
	struct mcuboot_info info;
	const struct mcuboot_options opt = {
		.version = {3, 2, 1, 0}, .security_counter = 7, .header_size = 0x100};
	assert_int_equal(mcuboot_prepare(buf_view(&body), &opt, &image, NULL), ERR_OK);
	assert_int_equal(mcuboot_parse(buf_view(&image), &info, NULL), ERR_OK);
	assert_int_equal(want.len, sizeof(info.digest));
	assert_memory_equal(want.p, info.digest, sizeof(info.digest));
	buf_free(&body);
	buf_free(&want);
	buf_free(&image);
}

static int prepare(void **state)
{
	(void)state;
	char path[256];
	uint8_t body[4000];
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)(i * 31 >> 4);
	assert_non_null(mkdtemp(folder));
	write_file("body.bin", bytes_of(body, sizeof(body)));
	spki = buf_new(KEY_SPKI_MAX);
	assert_int_equal(key_generate(KEY_P256, &signer, NULL), ERR_OK);
	assert_int_equal(key_save_plain(signer, in_folder("key.pem", path), NULL), ERR_OK);
	assert_int_equal(key_spki(signer, &spki, NULL), ERR_OK);
	assert_int_equal(verify_host_point(buf_view(&spki), point[0], NULL), ERR_OK);
	return 0;
}

static int tidy(void **state)
{
	(void)state;
	static const char *const names[] = {
		"key.pem", "body.bin", "ours.bin", "theirs.bin", "digest.bin", "log"};
	char path[256];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(in_folder(names[i], path));
	key_free(signer);
	buf_free(&spki);
	return rmdir(folder);
}

int main(void)
{
	imgtool = getenv("MEDSEAL_IMGTOOL");
	if (imgtool == NULL) {
		printf("1..0 # SKIP MEDSEAL_IMGTOOL does not name MCUboot's imgtool.py\n");
		return 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(imgtool_accepts_what_we_make),
		cmocka_unit_test(we_judge_what_imgtool_makes),
		cmocka_unit_test(the_digest_to_be_signed_is_the_same),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, prepare, tidy);
}
