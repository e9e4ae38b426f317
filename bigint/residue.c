/*
 * Choosing the kernel, feeding its lanes, and what is done with the residues.
 *
 * Lanes are fed in one of two ways.  As many numbers of about one length as there are lanes: a lane
 * each.  Any other number: cut into as many pieces as there are lanes, whose residues are put
 * together again with Horner's rule, 7 multiplications of N's size more.
 */
#include "bigint/residue_impl.h"

#include <stdlib.h>
#include <string.h>

static const struct kernel *const kernels[RESIDUE_KERNELS] = {
	[RESIDUE_PORTABLE] = &kernel_portable,
	[RESIDUE_AVX2] = &kernel_avx2,
	[RESIDUE_IFMA] = &kernel_ifma,
};

static enum residue_kernel best(void)
{
	for (int k = RESIDUE_KERNELS - 1; k > RESIDUE_PORTABLE; k--)
		if (kernels[k]->here())
			return (enum residue_kernel)k;
	return RESIDUE_PORTABLE;
}

bool residue_has(enum residue_kernel k)
{
	return k == RESIDUE_BEST || (k < RESIDUE_KERNELS && kernels[k]->here());
}

const char *residue_name(enum residue_kernel k)
{
	return kernels[k == RESIDUE_BEST ? best() : k]->name;
}

enum err_code residue_new(struct bytes modulus, enum residue_kernel k, struct residue **out,
	struct err *e)
{
	mpz_t n;
	if (!residue_has(k))
		return err_set(e, ERR_UNAVAILABLE, residue_name(k), "this processor lacks it");
	mpz_init(n);
	mpz_import(n, modulus.len, 1, 1, 0, 0, modulus.p);
	enum err_code rc = ERR_OK;
	if (mpz_sizeinbase(n, 2) > RESIDUE_BITS_MAX)
		rc = err_set(e, ERR_LIMIT, "modulus", "at most %d bits", RESIDUE_BITS_MAX);
	else if (mpz_even_p(n) || mpz_cmp_ui(n, 1) <= 0)
		rc = err_set(e, ERR_MALFORMED, "modulus", "it is even, or 1");
	struct residue *r = rc == ERR_OK ? calloc(1, sizeof(*r)) : NULL;
	if (r == NULL) {
		mpz_clear(n);
		return rc != ERR_OK ? rc : err_set(e, ERR_NO_MEMORY, "modulus", "its residues");
	}
	r->kernel = kernels[k == RESIDUE_BEST ? best() : k];
	r->limbs = mpz_size(n);
	memcpy(r->n, mpz_limbs_read(n), r->limbs * sizeof(r->n[0]));
	mpz_init_set(r->modulus, n);
	mpz_init_set_ui(r->taken, 1);
	mpz_init(r->part);
	mpz_init(r->weight);
	mpz_clear(n);
	if (!r->kernel->prepare(r->n, r->limbs, &r->digits)) {
		residue_free(r);
		return err_set(e, ERR_NO_MEMORY, "modulus", "its digits");
	}
	*out = r;
	return ERR_OK;
}

void residue_free(struct residue *r)
{
	if (r == NULL)
		return;
	mpz_clears(r->modulus, r->taken, r->part, r->weight, NULL);
	free(r->digits);
	free(r);
}

void residue_start(struct residue *r)
{
	mpz_set_ui(r->taken, 1);
}

static void read_lane(const struct residue *r, mp_limb_t *lane, mpz_t out)
{
	mp_limb_t *to = mpz_limbs_write(out, (mp_size_t)r->limbs + 1);
	memcpy(to, lane, (r->limbs + 1) * sizeof(*lane));
	mpz_limbs_finish(out, (mp_size_t)r->limbs + 1);
}

static void multiply_in(struct residue *r, mpz_t by)
{
	mpz_mul(r->taken, r->taken, by);
	mpz_tdiv_r(r->taken, r->taken, r->modulus);
}

/* A number a lane. */
static void take_many(struct residue *r, const struct limbs *numbers)
{
	mp_limb_t lanes[RESIDUE_LANES_MAX][RESIDUE_LIMBS_MAX + 1];
	size_t longest = 0;
	for (unsigned j = 0; j < r->kernel->lanes; j++)
		longest = numbers[j].n > longest ? numbers[j].n : longest;
	(void)r->kernel->run(r, numbers, longest, lanes);
	for (unsigned j = 0; j < r->kernel->lanes; j++) {
		read_lane(r, lanes[j], r->part);
		multiply_in(r, r->part);
	}
}

static void set_weight(struct residue *r, size_t limbs)
{
	if (limbs == r->weight_limbs)
		return;
	mpz_set_ui(r->weight, 2);
	mpz_powm_ui(r->weight, r->weight, 64 * limbs, r->modulus);
	r->weight_limbs = limbs;
}

/* A piece of the number a lane; into r->part, and how many bits were dropped. */
static uint64_t reduce_one(struct residue *r, struct limbs number)
{
	mp_limb_t lanes[RESIDUE_LANES_MAX][RESIDUE_LIMBS_MAX + 1];
	struct limbs piece[RESIDUE_LANES_MAX];
	unsigned n = r->kernel->lanes;
	size_t each = (number.n + n - 1) / n;
	for (unsigned j = 0; j < n; j++) {
		size_t from = j * each < number.n ? j * each : number.n;
		size_t left = number.n - from;
		piece[j] = (struct limbs){number.p + from, left < each ? left : each};
	}
	uint64_t dropped = r->kernel->run(r, piece, each, lanes);
	read_lane(r, lanes[n - 1], r->part);
	if (n == 1)
		return dropped;
	mpz_t lane;
	mpz_init(lane);
	set_weight(r, each);
	for (unsigned j = n - 1; j-- > 0;) {
		mpz_mul(r->part, r->part, r->weight);
		read_lane(r, lanes[j], lane);
		mpz_add(r->part, r->part, lane);
		mpz_tdiv_r(r->part, r->part, r->modulus);
	}
	mpz_clear(lane);
	return dropped;
}

/* Are the next ones so near in length that a lane each wastes little? */
static bool even_lengths(const struct limbs *numbers, unsigned n)
{
	size_t least = SIZE_MAX;
	size_t most = 0;
	for (unsigned j = 0; j < n; j++) {
		least = numbers[j].n < least ? numbers[j].n : least;
		most = numbers[j].n > most ? numbers[j].n : most;
	}
	return most - least <= most / 16;
}

void residue_take(struct residue *r, const struct limbs *numbers, size_t n)
{
	unsigned lanes = r->kernel->lanes;
	for (size_t i = 0; i < n;) {
		if (lanes > 1 && n - i >= lanes && even_lengths(numbers + i, lanes)) {
			take_many(r, numbers + i);
			i += lanes;
		} else {
			(void)reduce_one(r, numbers[i++]);
			multiply_in(r, r->part);
		}
	}
}

static enum err_code write_out(mpz_t v, struct buf *out, struct err *e)
{
	uint8_t bytes[RESIDUE_BITS_MAX / 8];
	size_t n = 0;
	(void)mpz_export(bytes, &n, 1, 1, 0, 0, v);
	buf_reset(out);
	buf_bytes(out, bytes_of(bytes, n));
	return buf_end(out, e, "residue");
}

enum err_code residue_shares(struct residue *r, bool *shares, struct buf *factor, struct err *e)
{
	enum err_code rc = ERR_OK;
	mpz_gcd(r->part, r->taken, r->modulus);
	bool found = mpz_cmp_ui(r->part, 1) != 0;
	if (found && factor != NULL)
		rc = write_out(r->part, factor, e);
	if (rc == ERR_OK)
		*shares = found;
	return rc;
}

enum err_code residue_exact(struct residue *r, struct limbs number, struct buf *out, struct err *e)
{
	uint64_t dropped = reduce_one(r, number);
	mpz_t back;
	mpz_init_set_ui(back, 2);
	mpz_powm_ui(back, back, dropped, r->modulus);
	mpz_mul(r->part, r->part, back);
	mpz_tdiv_r(r->part, r->part, r->modulus);
	mpz_clear(back);
	return write_out(r->part, out, e);
}

void residue_pack(const uint64_t *digits, size_t stride, size_t n, unsigned bits, mp_limb_t *out,
	size_t out_n)
{
	unsigned __int128 carry = 0;
	unsigned have = 0; /* bits in `carry` that are final */
	size_t at = 0;
	memset(out, 0, out_n * sizeof(*out));
	for (size_t i = 0; i < n && at < out_n; i++) {
		carry += (unsigned __int128)digits[i * stride] << have;
		have += bits;
		if (have >= 64) {
			out[at++] = (mp_limb_t)carry;
			carry >>= 64;
			have -= 64;
		}
	}
	for (; at < out_n; at++) {
		out[at] = (mp_limb_t)carry;
		carry >>= 64;
	}
}

void residue_split(const mp_limb_t *n, size_t limbs, unsigned bits, uint64_t *out, size_t out_n)
{
	for (size_t i = 0; i < out_n; i++) {
		size_t limb = i * bits / 64;
		unsigned shift = (unsigned)(i * bits % 64);
		mp_limb_t v = limb < limbs ? n[limb] >> shift : 0;
		if (shift + bits > 64 && limb + 1 < limbs)
			v |= n[limb + 1] << (64 - shift);
		out[i] = v & (((uint64_t)1 << bits) - 1);
	}
}

/* Newton's iteration doubles the bits that are right; any odd n is its own inverse modulo 8. */
uint64_t residue_inverse(mp_limb_t n)
{
	mp_limb_t x = n;
	for (int i = 0; i < 5; i++)
		x *= 2 - n * x;
	return 0 - x;
}
