/* A signed note, a checkpoint's text and a verifier key from any bytes. */
#include <stdlib.h>
#include <string.h>

#include "merkle/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The example of c2sp.org/signed-note, whose note is in the corpus. */
static const char vkey[] = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

static void note(struct bytes in)
{
	struct note_key k;
	struct bytes text;
	struct checkpoint c;
	if (note_key_parse(vkey, &k, NULL) != ERR_OK)
		abort();
	/* The one text that this key has signed. */
	if (note_check(in, &k, &text, NULL) == ERR_OK &&
		!bytes_equal(text, bytes_str("This is an example message.\n")))
		abort();
	if (checkpoint_check(in, &k, &c, NULL) == ERR_OK)
		abort();
}

static void checkpoint(struct bytes in)
{
	struct checkpoint c;
	struct buf again = buf_new(NOTE_MAX);
	if (checkpoint_parse(in, &c, NULL) == ERR_OK &&
		(checkpoint_encode(&c, &again, NULL) != ERR_OK ||
			!bytes_equal(buf_view(&again), in)))
		abort();
	buf_free(&again);
}

static void key(struct bytes in)
{
	char text[300];
	struct note_key k;
	struct buf again = buf_new(sizeof(text));
	size_t n = in.len < sizeof(text) ? in.len : sizeof(text) - 1;
	if (n > 0)
		memcpy(text, in.p, n);
	text[n] = '\0';
	if (note_key_parse(text, &k, NULL) == ERR_OK &&
		(note_key_print(&k, &again, NULL) != ERR_OK ||
			!bytes_equal(buf_view(&again), bytes_str(text))))
		abort();
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = bytes_of(data, size);
	note(in);
	checkpoint(in);
	key(in);
	return 0;
}
