/* The bag of certificates in a SignedData (RFC 5652 §5.1, PKCS#7): nothing else of it is read. */
#include "keyread/object.h"

enum err_code cms_read(struct found *f, struct bytes der, struct err *e)
{
	struct reader r = reader_of(der);
	struct reader info = ber_enter(&r, DER_SEQUENCE);
	(void)ber_take(&info, DER_OID);
	struct reader explicit = ber_enter(&info, DER_CONTEXT(0));
	struct reader data = ber_enter(&explicit, DER_SEQUENCE);
	(void)ber_take(&data, DER_INTEGER);  /* version */
	(void)ber_take(&data, DER_SET);      /* digestAlgorithms */
	(void)ber_take(&data, DER_SEQUENCE); /* encapContentInfo */
	if (data.bad)
		return err_set(e, ERR_MALFORMED, "PKCS#7", "no SignedData (RFC 5652 5.1)");
	if (der_peek(&data) != DER_CONTEXT(0))
		return ERR_OK; /* certificates are optional */
	struct reader bag = ber_enter(&data, DER_CONTEXT(0));
	if (data.bad)
		return err_set(e, ERR_TRUNCATED, "PKCS#7", "in the bag of certificates");
	uint64_t n = 0;
	enum err_code first = ERR_OK;
	while (reader_left(&bag) > 0 && f->stopped == ERR_OK) {
		struct err why;
		struct ber one = ber_next(&bag);
		n++;
		if (bag.bad)
			return err_set(e, ERR_TRUNCATED, "PKCS#7", "certificate %llu of the bag",
				(unsigned long long)n);
		/* [1] to [3] are attribute certificates and others without a key. */
		if (one.tag != DER_SEQUENCE)
			continue;
		enum err_code rc = certificate_read(f, one.whole, "certificate in PKCS#7", &why);
		if (rc != ERR_OK && first == ERR_OK)
			first = err_set(e, rc, "PKCS#7", "certificate %llu of the bag: %s",
				(unsigned long long)n, why.reason);
	}
	return first;
}
