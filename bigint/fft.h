/* Finds the fastest kernel of transforms that this machine has. */
#ifndef BIGINT_FFT_H
#define BIGINT_FFT_H

#include "base/err.h"
#include "bigint/fft_kernel.h"

/*
 * The kernel, loaded once for the process, or NULL: then products are GMP's and FLINT's own.  The
 * environment variable MEDSEAL_FFT names a kernel's file to take (and no other), or is "off".  Else
 * the installed folder and then the user's cache folder, where tools/build-flint puts them, are
 * looked into; a file that others may write is not loaded.
 */
const struct fft_kernel *fft_load(void);
/* Why there is none, or which file it is; static text. */
const char *fft_where(void);

#endif
