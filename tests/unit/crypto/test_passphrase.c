#include "tests/unit/cmocka_tap.h"

#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "crypto/passphrase.h"

static char dir[64];
static char path[96];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/medseal-pass-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/pass", dir);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	(void)unlink(path);
	return rmdir(dir);
}

static void put(const char *text, size_t len, mode_t mode)
{
	(void)unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	(void)close(fd);
}

static void assert_read(const char *want)
{
	struct buf out;
	assert_int_equal(passphrase_read(path, NULL, "p", false, &out, NULL), ERR_OK);
	assert_true(out.secret);
	assert_true(bytes_equal(buf_view(&out), bytes_str(want)));
	buf_free(&out);
}

static void the_first_line_of_a_file_is_taken(void **state)
{
	(void)state;
	put("a long enough one", 17, 0600);
	assert_read("a long enough one");
	put("with newline\n", 13, 0400);
	assert_read("with newline");
	put("from windows\r\nmore", 18, 0600);
	assert_read("from windows");
	put(" spaces count ", 14, 0600);
	assert_read(" spaces count ");
}

static void files_that_are_no_good_are_refused(void **state)
{
	(void)state;
	struct buf out = buf_new(1);
	struct err e;
	put("secret secret\n", 14, 0644);
	assert_int_equal(passphrase_read(path, NULL, "p", false, &out, &e), ERR_PERMISSIONS);
	put("secret secret\n", 14, 0640);
	assert_int_equal(passphrase_read(path, NULL, "p", false, &out, &e), ERR_PERMISSIONS);
	put("\nsecond", 7, 0600);
	assert_int_equal(passphrase_read(path, NULL, "p", false, &out, &e), ERR_PASSPHRASE_WEAK);
	put("", 0, 0600);
	assert_int_equal(passphrase_read(path, NULL, "p", false, &out, &e), ERR_PASSPHRASE_WEAK);
	char big[PASSPHRASE_MAX + 10];
	memset(big, 'x', sizeof(big));
	put(big, sizeof(big), 0600);
	assert_int_equal(passphrase_read(path, NULL, "p", false, &out, &e), ERR_LIMIT);
	(void)unlink(path);
	assert_int_equal(passphrase_read(path, NULL, "p", false, &out, &e), ERR_NOT_FOUND);
	assert_int_equal(passphrase_read(dir, NULL, "p", false, &out, &e), ERR_IO);
	assert_null(out.p);
}

static void a_credential_stands_in_for_the_file(void **state)
{
	(void)state;
	struct buf out;
	/* 0440: systemd's ACL for the service shows as the group's bit. */
	put("from the service manager\n", 25, 0440);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
	assert_int_equal(passphrase_read(NULL, "pass", "p", true, &out, NULL), ERR_OK);
	assert_true(bytes_equal(buf_view(&out), bytes_str("from the service manager")));
	buf_free(&out);
	struct err e;
	put("from the service manager\n", 25, 0444);
	assert_int_equal(passphrase_read(NULL, "pass", "p", true, &out, &e), ERR_PERMISSIONS);
}

/* In a session of its own there is no terminal, or only the one given. */
static int in_session(const char *typed, bool confirm, char *screen, size_t size)
{
	int master = -1;
	pid_t pid = typed != NULL ? forkpty(&master, NULL, NULL, NULL) : fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (typed == NULL)
			(void)setsid();
		struct buf out;
		struct err e;
		enum err_code rc = passphrase_read(NULL, NULL, "Passphrase", confirm, &out, &e);
		if (rc == ERR_OK && !bytes_equal(buf_view(&out), bytes_str("hunter2hunter2")))
			rc = ERR_INTERNAL;
		if (rc == ERR_OK)
			buf_free(&out);
		_exit((int)rc);
	}
	size_t seen = 0;
	const char *next = typed;
	struct termios echo;
	while (typed != NULL && seen < size - 1) {
		ssize_t n = read(master, screen + seen, size - 1 - seen);
		if (n <= 0)
			break;
		seen += (size_t)n;
		/* Answer each question once it is asked: input before it is thrown away. */
		if (seen >= 2 && memcmp(screen + seen - 2, ": ", 2) == 0 && *next != '\0') {
			size_t line = strcspn(next, "\n\003") + 1;
			assert_int_equal(write(master, next, line), (ssize_t)line);
			next += line;
		}
	}
	screen[seen] = '\0';
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (master >= 0) {
		/* however it ended, the terminal is as it was */
		assert_int_equal(tcgetattr(master, &echo), 0);
		assert_true((echo.c_lflag & (ECHO | ISIG)) == (ECHO | ISIG));
		(void)close(master);
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void without_a_terminal_there_is_no_way_to_ask(void **state)
{
	(void)state;
	char screen[256];
	assert_int_equal(in_session(NULL, false, screen, sizeof(screen)), ERR_NOT_TERMINAL);
}

static void the_terminal_is_asked_without_echo(void **state)
{
	(void)state;
	char screen[256];
	assert_int_equal(in_session("hunter2hunter2\n", false, screen, sizeof(screen)), ERR_OK);
	assert_non_null(strstr(screen, "Passphrase: "));
	assert_null(strstr(screen, "hunter2"));
	assert_int_equal(
		in_session("hunter2hunter2\nhunter2hunter2\n", true, screen, sizeof(screen)),
		ERR_OK);
	assert_null(strstr(screen, "hunter2"));
	assert_non_null(strstr(screen, "Once more"));
}

static void two_different_answers_are_refused(void **state)
{
	(void)state;
	char screen[256];
	assert_int_equal(
		in_session("hunter2hunter2\nhunter3hunter3\n", true, screen, sizeof(screen)),
		ERR_PASSPHRASE);
	assert_int_equal(in_session("\n", false, screen, sizeof(screen)), ERR_PASSPHRASE);
	assert_int_equal(
		in_session("hunter2hunter2\003", false, screen, sizeof(screen)), ERR_PASSPHRASE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_line_of_a_file_is_taken, make_folder,
			remove_folder),
		cmocka_unit_test_setup_teardown(files_that_are_no_good_are_refused, make_folder,
			remove_folder),
		cmocka_unit_test_setup_teardown(a_credential_stands_in_for_the_file, make_folder,
			remove_folder),
		cmocka_unit_test(without_a_terminal_there_is_no_way_to_ask),
		cmocka_unit_test(the_terminal_is_asked_without_echo),
		cmocka_unit_test(two_different_answers_are_refused),
	};
	return RUN_TAP(tests);
}
