#include "tests/unit/store/temp_store.h"

#include "tests/unit/cmocka_tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void temp_store_start(struct temp_store *t)
{
	/* In memory where there is such a place: thousands of fsyncs, and none is what is tested. */
	*t = (struct temp_store){.folder = "/dev/shm/medseal-store-XXXXXX"};
	if (mkdtemp(t->folder) == NULL) {
		*t = (struct temp_store){.folder = "/tmp/medseal-store-XXXXXX"};
		assert_non_null(mkdtemp(t->folder));
	}
	(void)snprintf(t->path, sizeof(t->path), "%s/db", t->folder);
	OK(store_create(t->path, &t->store, NULL));
}

void temp_store_reopen(struct temp_store *t)
{
	store_close(t->store);
	t->store = NULL;
	OK(store_open(t->path, &t->store, NULL));
}

void temp_store_end(struct temp_store *t)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock", ".copy"};
	store_close(t->store);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char name[80];
		(void)snprintf(name, sizeof(name), "%s%s", t->path, ends[i]);
		(void)unlink(name);
	}
	assert_int_equal(rmdir(t->folder), 0);
}

void id_of(unsigned n, uint8_t out[SHA256_SIZE])
{
	for (size_t i = 0; i < SHA256_SIZE; i++)
		out[i] = (uint8_t)((n >> (i % 4 * 8)) + i);
}

struct device device_of(unsigned n)
{
	struct device d = {.product = "pump", .added_at = 1767225600};
	(void)snprintf(d.serial, sizeof(d.serial), "PUMP-%05u", n);
	return d;
}

struct ticket ticket_of(unsigned n)
{
	struct ticket t = {.made_at = 1767225600, .expires_at = 1767229200};
	(void)snprintf(t.serial, sizeof(t.serial), "PUMP-%05u", n);
	id_of(n, t.hash);
	return t;
}

struct cert_row cert_of(unsigned n, const char *device)
{
	struct cert_row c = {.profile = device[0] != '\0' ? PROFILE_DEVICE : PROFILE_SERVER,
		.not_before = 1767225600,
		.not_after = 1798761600,
		.issued_at = 1767225660};
	(void)snprintf(c.serial, sizeof(c.serial), "%08x", n);
	(void)snprintf(c.device, sizeof(c.device), "%s", device);
	id_of(n, c.fingerprint);
	id_of(n + 0x1000000, c.spki_id);
	return c;
}

enum err_code log_add(struct store *s, uint64_t seq, const char *act, const char *object,
	struct err *e)
{
	struct merkle_hash leaf;
	char text[60];
	(void)snprintf(text, sizeof(text), "text of entry %llu", (unsigned long long)seq);
	id_of((unsigned)seq, leaf.b);
	return store_log_add(s, seq, bytes_str(text), &leaf, act, object, e);
}
