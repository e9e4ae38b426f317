#include "crypto/base64.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/mem.h"

/* Encoded in pieces of whole groups of three, so that a piece never needs padding but the last. */
#define PIECE 3072

void base64_encode(struct bytes data, size_t line, struct buf *out)
{
	size_t step = line > 0 ? line / 4 * 3 : PIECE;
	if (step > PIECE)
		step = PIECE;
	for (size_t at = 0; at < data.len; at += step) {
		size_t n = data.len - at < step ? data.len - at : step;
		unsigned char text[PIECE / 3 * 4 + 1];
		int len = EVP_EncodeBlock(text, data.p + at, (int)n);
		buf_bytes(out, bytes_of(text, (size_t)len));
		if (line > 0)
			buf_u8(out, '\n');
		if (out->secret)
			mem_wipe(text, sizeof(text));
	}
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool in_alphabet(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		c == '+' || c == '/';
}

/* Copy the significant characters to `to`; counts the padding.  EVP_DecodeBlock would let spaces,
 * '-' and misplaced '=' pass. */
static enum err_code gather(struct bytes text, bool white_space, uint8_t *to, size_t *n,
	size_t *padding, struct err *e)
{
	*n = 0;
	*padding = 0;
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.p[i];
		if (white_space && is_space(c))
			continue;
		if (c == '=' && *padding < 2)
			(*padding)++;
		else if (!in_alphabet(c) || *padding > 0)
			return err_set(e, ERR_BASE64, NULL, "character 0x%02x at byte %zu", c, i);
		to[(*n)++] = c;
	}
	if (*n % 4 != 0)
		return err_set(e, ERR_BASE64, NULL, "%zu characters are no multiple of four", *n);
	return ERR_OK;
}

/* Left-over bits of the last group must be zero. */
static bool is_canonical(const uint8_t *last_group, const uint8_t *decoded_tail, size_t padding)
{
	unsigned char again[5];
	(void)EVP_EncodeBlock(again, decoded_tail, (int)(3 - padding));
	return memcmp(again, last_group, 4) == 0;
}

enum err_code base64_decode(struct bytes text, bool white_space, struct buf *out, struct err *e)
{
	if (text.len == 0)
		return ERR_OK;
	if (text.len > INT_MAX)
		return err_set(e, ERR_LIMIT, "base64", "%zu characters", text.len);
	uint8_t *chars = malloc(text.len);
	uint8_t *raw = malloc(text.len);
	size_t n;
	size_t padding;
	enum err_code rc = ERR_NO_MEMORY;
	if (chars == NULL || raw == NULL) {
		rc = err_set(e, ERR_NO_MEMORY, "base64", "%zu bytes", text.len);
		goto out;
	}
	rc = gather(text, white_space, chars, &n, &padding, e);
	if (rc != ERR_OK || n == 0)
		goto out;
	int len = EVP_DecodeBlock(raw, chars, (int)n);
	if (len < 3 || (size_t)len != n / 4 * 3 ||
		!is_canonical(chars + n - 4, raw + len - 3, padding)) {
		rc = err_set(e, ERR_BASE64, NULL, "the last group has bits left over");
		goto out;
	}
	buf_bytes(out, bytes_of(raw, (size_t)len - padding));
	rc = buf_end(out, e, "base64");
out:
	mem_wipe(chars, chars != NULL ? text.len : 0);
	mem_wipe(raw, raw != NULL ? text.len : 0);
	free(chars);
	free(raw);
	return rc;
}
