/* Landlock by its three system calls; glibc has no wrappers for them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/sandbox.h"

/* Everything of ABI 1; REFER came with 2, TRUNCATE with 3, IOCTL_DEV with 5. */
#define FS_ABI_1 ((uint64_t)(LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

/* What a keeper does below the realm: no devices, no programs, no links. */
#define FS_KEEPER                                                                                  \
	((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |                 \
		LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                     \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_TRUNCATE))

static uint64_t fs_of(int abi)
{
	uint64_t fs = FS_ABI_1;
	if (abi >= 2)
		fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		fs |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return fs;
}

static struct landlock_ruleset_attr attr_of(int abi)
{
	struct landlock_ruleset_attr a = {.handled_access_fs = fs_of(abi)};
	if (abi >= 4)
		a.handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP |
			LANDLOCK_ACCESS_NET_CONNECT_TCP;
	if (abi >= 6)
		a.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;
	return a;
}

static enum err_code allow_folder(int ruleset, const char *folder, uint64_t handled, struct err *e)
{
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, ERR_SANDBOX, folder, errno, "the folder cannot be opened");
	struct landlock_path_beneath_attr rule = {.allowed_access = FS_KEEPER & handled,
		.parent_fd = fd};
	long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	int why = errno;
	(void)close(fd);
	if (rc != 0)
		return err_sys(e, ERR_SANDBOX, folder, why, "Landlock does not take the folder");
	return ERR_OK;
}

enum err_code sandbox_landlock(const char *folder, struct err *e)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return err_sys(e, ERR_SANDBOX, "landlock", errno,
			"this kernel has no Landlock (Linux 5.13, lsm=landlock), "
			"and without it nothing is served");
	struct landlock_ruleset_attr attr = attr_of((int)abi);
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return err_sys(e, ERR_SANDBOX, "landlock", errno, "no ruleset");
	enum err_code rc = ERR_OK;
	if (folder != NULL)
		rc = allow_folder(ruleset, folder, attr.handled_access_fs, e);
	if (rc == ERR_OK && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
				    syscall(SYS_landlock_restrict_self, ruleset, 0) != 0))
		rc = err_sys(e, ERR_SANDBOX, "landlock", errno, "it could not be closed");
	(void)close(ruleset);
	return rc;
}
