/* Private keys that the world knows: published as tests or examples, found on shipped devices. */
#ifndef CRYPTO_TEST_KEYS_H
#define CRYPTO_TEST_KEYS_H

#include "crypto/key.h"

/* Where the key was published, or NULL when it is not in the list.  Static text. */
const char *test_key_source(const struct key *k);

#endif
