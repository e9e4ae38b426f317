#include "bigint/fft.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MAX_HERE 4096

struct variant {
	const char *file;
	bool (*usable)(void);
};

#if defined(__x86_64__)
static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
	       __builtin_cpu_supports("bmi2");
}

static bool has_avx512(void)
{
	return has_avx2() && __builtin_cpu_supports("avx512f") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512bw");
}
#endif

/* The best first. */
static const struct variant variants[] = {
#if defined(__x86_64__)
	{"fft-avx512.so", has_avx512},
	{"fft-avx2.so", has_avx2},
#endif
	{NULL, NULL},
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct fft_kernel *found;
static char where[PATH_MAX_HERE + 256];

/* What is loaded runs as this process: nobody else may be able to change it. */
static bool trusted(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 022) == 0 &&
	       (st.st_uid == 0 || st.st_uid == geteuid());
}

static bool load(const char *path)
{
	if (!trusted(path)) {
		(void)snprintf(where, sizeof(where), "%s: not there, or others may write it", path);
		return false;
	}
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		(void)snprintf(where, sizeof(where), "%s", dlerror());
		return false;
	}
	const struct fft_kernel *k = dlsym(handle, FFT_KERNEL_SYMBOL);
	if (k == NULL || k->abi != FFT_KERNEL_ABI || !k->prepare(1, 1)) {
		(void)snprintf(where, sizeof(where),
			"%s: of another version; run tools/build-flint", path);
		(void)dlclose(handle);
		return false;
	}
	found = k;
	(void)snprintf(where, sizeof(where), "%s", path);
	return true;
}

static bool load_from(const char *folder)
{
	char path[PATH_MAX_HERE];
	for (const struct variant *v = variants; v->file != NULL; v++) {
		int n = snprintf(path, sizeof(path), "%s/%s", folder, v->file);
		if (v->usable() && n > 0 && (size_t)n < sizeof(path) && access(path, R_OK) == 0 &&
			load(path))
			return true;
	}
	return false;
}

static bool cache_folder(char *out, size_t size)
{
	const char *cache = getenv("MEDSEAL_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");
	int n = -1;
	if (cache != NULL && *cache != '\0')
		n = snprintf(out, size, "%s/fft", cache);
	else if (xdg != NULL && *xdg != '\0')
		n = snprintf(out, size, "%s/medseal/fft", xdg);
	else if (home != NULL && *home != '\0')
		n = snprintf(out, size, "%s/.cache/medseal/fft", home);
	return n > 0 && (size_t)n < size;
}

static void find(void)
{
	const char *named = getenv("MEDSEAL_FFT");
	char folder[PATH_MAX_HERE];
	if (named != NULL && strcmp(named, "off") == 0) {
		(void)snprintf(where, sizeof(where), "turned off by MEDSEAL_FFT");
		return;
	}
	if (named != NULL && *named != '\0') {
		(void)load(named);
		return;
	}
	(void)snprintf(where, sizeof(where), "none was built; tools/build-flint builds it");
	if (!load_from(MEDSEAL_FFT_DIR) && cache_folder(folder, sizeof(folder)))
		(void)load_from(folder);
}

const struct fft_kernel *fft_load(void)
{
	(void)pthread_once(&once, find);
	return found;
}

const char *fft_where(void)
{
	(void)fft_load();
	return where;
}
