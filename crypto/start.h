/* Loads the library's configuration and algorithms. */
#ifndef CRYPTO_START_H
#define CRYPTO_START_H

/*
 * Call before a sandbox closes, and before a fork whose children should share the memory: later
 * no use of crypto/ or x509/ opens a file.  May be called again.
 */
void crypto_start(void);

#endif
