/*
 * Each attempt runs in a child of its own inside the sandbox, and must end in one of two ways: the
 * kernel kills the child (SIGSYS), or the call fails.  Each attempt also runs outside, where it
 * must succeed: an attempt that could not succeed anyway would show nothing.
 */
#include "tests/unit/cmocka_tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

#define DONE 42   /* exit status: the attempt succeeded */
#define FAILED 43 /* it failed with an error */
#define NO_SANDBOX 44

static char folder[] = "/tmp/medseal-sandbox-XXXXXX";
static char inside[64];
static int listening = -1; /* a socket that accepts, handed to every child */
static int port;

typedef bool attempt_fn(void);

static bool open_root_file(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0;
}

static bool open_inside(void)
{
	return open(inside, O_RDWR) >= 0;
}

static bool make_outside(void)
{
	int fd = open("/tmp/medseal-sandbox-left", O_CREAT | O_WRONLY, 0600);
	(void)unlink("/tmp/medseal-sandbox-left");
	return fd >= 0;
}

static bool make_inside(void)
{
	char path[80];
	(void)snprintf(path, sizeof(path), "%s.new", inside);
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	return fd >= 0 && unlink(path) == 0;
}

static bool make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}

static bool make_unix_pair(void)
{
	int fds[2];
	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0;
}

static bool run_program(void)
{
	(void)execl("/bin/sh", "sh", "-c", "exit 42", (char *)NULL);
	return false;
}

static bool fork_child(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool trace_parent(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0;
}

static bool signal_parent(void)
{
	return kill(getppid(), 0) == 0;
}

static bool read_foreign_memory(void)
{
	static char here[16];
	struct iovec iov = {here, sizeof(here)};
	return syscall(SYS_process_vm_readv, getpid(), &iov, 1UL, &iov, 1UL, 0UL) == sizeof(here);
}

static bool map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		MAP_FAILED;
}

static bool make_memory_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p != MAP_FAILED && mprotect(p, 4096, PROT_READ | PROT_EXEC) == 0;
}

static bool raise_limit(void)
{
	struct rlimit r = {64, 64};
	return setrlimit(RLIMIT_NOFILE, &r) == 0;
}

static bool change_mode(void)
{
	return chmod(inside, 0644) == 0;
}

static bool accept_connection(void)
{
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	return fd >= 0;
}

static bool use_memory_and_time(void)
{
	char *p = malloc((size_t)1 << 22);
	struct timespec ts;
	if (p == NULL || clock_gettime(CLOCK_REALTIME, &ts) != 0)
		return false;
	memset(p, 1, (size_t)1 << 22);
	p = realloc(p, (size_t)1 << 24);
	free(p);
	char text[32];
	struct tm tm;
	return gmtime_r(&ts.tv_sec, &tm) != NULL && strftime(text, sizeof(text), "%F", &tm) > 0;
}

/* Exit status of the attempt in a child; -1 when it was killed for it. */
static int outcome(const struct sandbox *s, attempt_fn *attempt)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct err e;
		if (s != NULL && sandbox_enter(s, &e) != ERR_OK) {
			dprintf(2, "# %s: %s\n", e.object, e.reason);
			_exit(NO_SANDBOX);
		}
		_exit(attempt() ? DONE : FAILED);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGSYS);
		return -1;
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void must_be_stopped(const struct sandbox *s, attempt_fn *attempt, const char *what)
{
	int outside = outcome(NULL, attempt);
	if (outside != DONE)
		fail_msg("%s does not even succeed outside: %d", what, outside);
	int got = outcome(s, attempt);
	if (got != -1 && got != FAILED)
		fail_msg("%s: %s", what, got == DONE ? "it succeeded in the sandbox" : "no sandbox");
}

static void must_work(const struct sandbox *s, attempt_fn *attempt, const char *what)
{
	int got = outcome(s, attempt);
	if (got != DONE)
		fail_msg("%s: outcome %d in the sandbox", what, got);
}

#define STOPPED(s, attempt) must_be_stopped((s), (attempt), #attempt)
#define WORKS(s, attempt) must_work((s), (attempt), #attempt)

/* What none of them may do. */
static void all_refused(const struct sandbox *s)
{
	STOPPED(s, open_root_file);
	STOPPED(s, make_outside);
	STOPPED(s, make_socket);
	STOPPED(s, make_unix_pair);
	STOPPED(s, run_program);
	STOPPED(s, fork_child);
	STOPPED(s, trace_parent);
	STOPPED(s, signal_parent);
	STOPPED(s, read_foreign_memory);
	STOPPED(s, map_code);
	STOPPED(s, make_memory_code);
	STOPPED(s, raise_limit);
	STOPPED(s, change_mode);
	WORKS(s, use_memory_and_time);
}

static void connect_once(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	(void)close(fd);
}

static const struct sandbox worker = {SANDBOX_WORKER, NULL, 64};
static const struct sandbox keeper = {SANDBOX_KEEPER, folder, 64};
static const struct sandbox signer = {SANDBOX_SIGNER, NULL, 64};

static void a_worker_has_no_files_and_no_new_sockets(void **state)
{
	(void)state;
	all_refused(&worker);
	STOPPED(&worker, open_inside);
	STOPPED(&worker, make_inside);
	connect_once();
	WORKS(&worker, accept_connection);
}

static void a_keeper_has_its_folder_and_nothing_else(void **state)
{
	(void)state;
	all_refused(&keeper);
	connect_once();
	STOPPED(&keeper, accept_connection);
	WORKS(&keeper, open_inside);
	WORKS(&keeper, make_inside);
}

static void a_signer_has_messages_alone(void **state)
{
	(void)state;
	all_refused(&signer);
	STOPPED(&signer, open_inside);
	STOPPED(&signer, make_inside);
	connect_once();
	STOPPED(&signer, accept_connection);
}

/* Either wall alone keeps files away: one of them may have a hole. */
static bool open_behind_landlock(void)
{
	struct err e;
	return sandbox_landlock(NULL, &e) == ERR_OK && open_root_file();
}

static bool open_behind_seccomp(void)
{
	struct err e;
	return sandbox_filter(SANDBOX_WORKER, &e) == ERR_OK && open_root_file();
}

static void each_wall_holds_alone(void **state)
{
	(void)state;
	assert_int_equal(outcome(NULL, open_behind_landlock), FAILED);
	assert_int_not_equal(outcome(NULL, open_behind_seccomp), DONE);
}

static bool only_kept_descriptors_are_open(void)
{
	struct err e;
	int keep[] = {-1, 70, 50, 50};
	for (int fd = 40; fd < 80; fd++)
		if (dup2(0, fd) != fd)
			return false;
	if (sandbox_close_others(keep, 4, &e) != ERR_OK)
		return false;
	for (int fd = 3; fd < 256; fd++)
		if ((fcntl(fd, F_GETFD) >= 0) != (fd == 50 || fd == 70))
			return false;
	return fcntl(2, F_GETFD) >= 0;
}

static void inherited_descriptors_are_closed(void **state)
{
	(void)state;
	assert_int_equal(outcome(NULL, only_kept_descriptors_are_open), DONE);
}

static bool root_without_user_is_refused(void)
{
	struct err e;
	if (geteuid() == 0)
		return sandbox_become("", &e) == ERR_ROOT_USER &&
			sandbox_become("root", &e) == ERR_ROOT_USER &&
			sandbox_become("no-such-user-here", &e) == ERR_ROOT_USER &&
			sandbox_become("nobody", &e) == ERR_OK && geteuid() != 0 && setuid(0) != 0;
	return sandbox_become("", &e) == ERR_OK && sandbox_become("root", &e) == ERR_ROOT_USER;
}

static void root_becomes_somebody_else_for_good(void **state)
{
	(void)state;
	assert_int_equal(outcome(NULL, root_without_user_is_refused), DONE);
}

static int make_world(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(inside, sizeof(inside), "%s/file", folder);
	int fd = open(inside, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	(void)close(fd);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(listening, (struct sockaddr *)&a, len) != 0 ||
		listen(listening, 16) != 0 || getsockname(listening, (struct sockaddr *)&a, &len) != 0)
		return -1;
	port = ntohs(a.sin_port);
	return 0;
}

static int remove_world(void **state)
{
	(void)state;
	(void)close(listening);
	(void)unlink(inside);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_worker_has_no_files_and_no_new_sockets),
		cmocka_unit_test(a_keeper_has_its_folder_and_nothing_else),
		cmocka_unit_test(a_signer_has_messages_alone),
		cmocka_unit_test(each_wall_holds_alone),
		cmocka_unit_test(inherited_descriptors_are_closed),
		cmocka_unit_test(root_becomes_somebody_else_for_good),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_world, remove_world);
}
