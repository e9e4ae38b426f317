/*
 * The kernel over FLINT's fft_small.  Debian's FLINT is built without that module, so
 * tools/build-flint compiles this file together with the module's own sources, taken from Debian's
 * source package of the same version; everything else comes from the packaged libflint.
 *
 * FLINT's one multiplication is taken apart: its functions that cut a number into digits and put it
 * together again are local to fft_small/mpn_mul.c, which is therefore included, unchanged.
 */
#include <fft_small/mpn_mul.c>

#include <stdatomic.h>
#include <string.h>

#include "bigint/fft_kernel.h"

static mpn_ctx_t context;
static int context_made;

/* fft_small counts its first prime down from here: mpn_ctx_init() finds the next ones. */
#define FIRST_PRIME UWORD(0x0003f00000000001)

/* Terms of a coefficient that the row's primes can hold. */
static uint64_t terms_max(const profile_entry_struct *row)
{
	ulong limbs = row->bn_bound;
	return limbs > UINT64_MAX / 64 ? UINT64_MAX / 64 : limbs * 64 / row->bits;
}

static int prepare(unsigned depth, unsigned primes)
{
	if (!context_made) {
		mpn_ctx_init(context, FIRST_PRIME);
		context_made = 1;
	}
	if (depth > 40 || primes > MPN_CTX_NCRTS)
		return 0;
	for (unsigned i = 0; i < primes; i++)
		sd_fft_ctx_fit_depth(context->ffts + i, depth);
	return 1;
}

static int choose(uint64_t bits, struct fft_plan *out)
{
	double best = 0;
	if (!prepare(0, 0))
		return 0;
	for (ulong r = 0; r < context->profiles_size; r++) {
		const profile_entry_struct *row = context->profiles + r;
		unsigned depth = LG_BLK_SZ;
		while (depth < 41 && ((uint64_t)row->bits << depth) < bits)
			depth++;
		/* A coefficient has at most 2^depth terms, twice for a sum of two products. */
		if (depth > 40 || terms_max(row) < (UWORD(2) << depth))
			continue;
		/* Cutting and joining cost about as much as ten levels of butterflies. */
		double cost = (double)row->np * (double)(UWORD(1) << depth) * (depth + 10);
		if (best == 0 || cost < best) {
			best = cost;
			*out = (struct fft_plan){.primes = (unsigned)row->np,
				.bits = (unsigned)row->bits,
				.depth = depth,
				.row = (unsigned)r,
				.stride = n_round_up(sd_fft_ctx_data_size(depth), 128)};
		}
	}
	return best != 0;
}

static ulong blocks(const struct fft_plan *p, size_t n)
{
	ulong len = n_cdiv(64 * (ulong)n, p->bits);
	ulong all = UWORD(1) << p->depth;
	return n_min(n_round_up(len, BLK_SZ), all);
}

static void load(const struct fft_plan *p, double *out, const uint64_t *a, size_t n, unsigned part,
	unsigned parts)
{
	ulong bits = p->bits, trunc = blocks(p, n);
	ulong rounding = bits % 8 == 0 ? 4 : 8;
	ulong easy = n_min(trunc, (64 * n - 33) / bits) & -rounding;
	ulong hard = n_min(trunc, (64 * n + bits - 1) / bits);
	ulong from = n_round_up(part * easy / parts, rounding);
	ulong to = n_round_up((part + 1) * easy / parts, rounding);
	int last = part + 1 == parts;
	context->profiles[p->row].to_ffts(context->ffts, out, p->stride, (const ulong *)a, n, trunc,
		context->vec_two_pow_tab[n_cdiv(p->primes, VEC_SZ) - 1], from, to,
		last ? easy : trunc, last ? hard : trunc);
}

static void forward(const struct fft_plan *p, unsigned prime, double *x, size_t n)
{
	sd_fft_lctx_t q;
	sd_fft_lctx_init(q, context->ffts + prime, p->depth);
	sd_fft_lctx_fft_trunc(
		q, x + prime * p->stride, p->depth, blocks(p, n), UWORD(1) << p->depth);
	sd_fft_lctx_clear(q, context->ffts + prime);
}

/* 1 / (points * cofactor): what the way back would have to divide by. */
static double scale(const struct fft_plan *p, unsigned prime)
{
	const sd_fft_ctx_struct *f = context->ffts + prime;
	ulong cop = *crt_data_co_prime_red(context->crts + p->primes - 1, prime);
	ulong m;
	NMOD_RED2(m, cop >> (64 - p->depth), cop << p->depth, f->mod);
	return vec1d_reduce_0n_to_pmhn((slong)nmod_inv(m, f->mod), f->p);
}

static void mul(
	const struct fft_plan *p, unsigned prime, double *z, const double *a, const double *b)
{
	const sd_fft_ctx_struct *f = context->ffts + prime;
	vec8d m = vec8d_set_d(scale(p, prime));
	vec8d n = vec8d_set_d(f->p), inv = vec8d_set_d(f->pinv);
	ulong shift = prime * p->stride;
	for (ulong i = 0; i < n_pow2(p->depth - LG_BLK_SZ); i++) {
		ulong at = shift + sd_fft_ctx_blk_offset(i);
		for (ulong j = at; j < at + BLK_SZ; j += 8) {
			vec8d x = vec8d_mulmod(vec8d_load(a + j), m, n, inv);
			vec8d_store(z + j, vec8d_mulmod(x, vec8d_load(b + j), n, inv));
		}
	}
}

static void mul2(const struct fft_plan *p, unsigned prime, double *z, const double *a,
	const double *b, const double *c, const double *d)
{
	const sd_fft_ctx_struct *f = context->ffts + prime;
	vec8d m = vec8d_set_d(scale(p, prime));
	vec8d n = vec8d_set_d(f->p), inv = vec8d_set_d(f->pinv);
	ulong shift = prime * p->stride;
	for (ulong i = 0; i < n_pow2(p->depth - LG_BLK_SZ); i++) {
		ulong at = shift + sd_fft_ctx_blk_offset(i);
		for (ulong j = at; j < at + BLK_SZ; j += 8) {
			vec8d x = vec8d_mulmod(vec8d_load(a + j), m, n, inv);
			vec8d y = vec8d_mulmod(vec8d_load(c + j), m, n, inv);
			x = vec8d_mulmod(x, vec8d_load(b + j), n, inv);
			y = vec8d_mulmod(y, vec8d_load(d + j), n, inv);
			vec8d_store(z + j, vec8d_reduce_to_pm1n(vec8d_add(x, y), n, inv));
		}
	}
}

static void inverse(const struct fft_plan *p, unsigned prime, double *z)
{
	sd_fft_lctx_t q;
	sd_fft_lctx_init(q, context->ffts + prime, p->depth);
	sd_fft_lctx_ifft_trunc(q, z + prime * p->stride, p->depth, UWORD(1) << p->depth);
	sd_fft_lctx_clear(q, context->ffts + prime);
}

/* Coefficients from `begin` are stored; below `easy` none reaches over limb hi. */
struct range {
	ulong begin, easy, end;
};

static struct range range_of(const struct fft_plan *p, uint64_t lo, uint64_t hi)
{
	ulong n = context->crts[p->primes - 1].coeff_len;
	ulong all = UWORD(1) << p->depth;
	struct range r;
	r.easy = n_min((hi >= n + 1 ? hi - (n + 1) : 0) * 64 / p->bits, all) & -(ulong)BLK_SZ;
	/* A coefficient that begins n + 1 limbs before lo is below it. */
	r.begin = (lo >= n + 2 ? lo - (n + 2) : 0) * 64 / p->bits & -(ulong)BLK_SZ;
	r.begin = n_min(r.begin, r.easy);
	r.end = n_min(n_cdiv(64 * hi, p->bits), all);
	return r;
}

static uint64_t store_from(const struct fft_plan *p, uint64_t lo, uint64_t hi)
{
	return range_of(p, lo, hi).begin * p->bits / 64;
}

static ulong part_begin(const struct range *r, unsigned part, unsigned parts)
{
	return r->begin + n_round_up(part * (r->easy - r->begin) / parts, BLK_SZ);
}

static void store(const struct fft_plan *p, double *z, uint64_t *out, uint64_t lo, uint64_t hi,
	unsigned part, unsigned parts, uint64_t overhang[FFT_OVERHANG])
{
	static const from_ffts_func table[] = {_mpn_from_ffts_4, _mpn_from_ffts_5, _mpn_from_ffts_6,
		_mpn_from_ffts_7, _mpn_from_ffts_8};
	struct range r = range_of(p, lo, hi);
	ulong from = part_begin(&r, part, parts), to = part_begin(&r, part + 1, parts);
	/* FLINT counts limbs from the number's beginning, `out` begins at r.begin. */
	ulong *base = (ulong *)((uintptr_t)out - (uintptr_t)(r.begin * p->bits / 64) * 8);
	table[p->primes - 4](base, hi, r.end, context->ffts, z, p->stride, context->crts, p->bits,
		from, to, part + 1 == parts ? NULL : (ulong *)overhang);
}

static void store_join(const struct fft_plan *p, uint64_t *out, uint64_t lo, uint64_t hi,
	unsigned parts, uint64_t (*overhang)[FFT_OVERHANG])
{
	ulong n = context->crts[p->primes - 1].coeff_len;
	struct range r = range_of(p, lo, hi);
	ulong base = r.begin * p->bits / 64;
	for (unsigned i = 1; i < parts; i++) {
		ulong at = part_begin(&r, i, parts) * p->bits / 64 - base, len = hi - base - at;
		if (part_begin(&r, i - 1, parts) == part_begin(&r, i, parts))
			continue; /* an empty part hangs over nothing */
		ulong m = n_min(n, len);
		mp_limb_t carry = mpn_add_n((ulong *)out + at, (ulong *)out + at,
			(ulong *)overhang[i - 1], (mp_size_t)m);
		if (carry && len > m)
			(void)mpn_add_1((ulong *)out + at + m, (ulong *)out + at + m,
				(mp_size_t)(len - m), 1);
	}
}

#if defined(__AVX512F__)
#define NAME "fft_small (AVX-512)"
#elif defined(__AVX2__)
#define NAME "fft_small (AVX2)"
#else
#define NAME "fft_small"
#endif

__attribute__((visibility("default"))) extern const struct fft_kernel medseal_fft_kernel;
const struct fft_kernel medseal_fft_kernel = {
	.abi = FFT_KERNEL_ABI,
	.name = NAME,
	.prepare = prepare,
	.primes_max = MPN_CTX_NCRTS,
	.choose = choose,
	.load = load,
	.forward = forward,
	.mul = mul,
	.mul2 = mul2,
	.inverse = inverse,
	.store_from = store_from,
	.store = store,
	.store_join = store_join,
};
