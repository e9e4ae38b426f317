/* Prints the key of a fresh log on standard error and its export on standard output. */
#include <stdio.h>

#include "tests/unit/audit/log_maker.h"

int main(void)
{
	struct log_maker m;
	struct buf vkey = buf_new(300);
	log_maker_start(&m);
	for (unsigned i = 1; i <= 25; i++) {
		log_maker_append(&m, i);
		log_maker_sign(&m);
	}
	log_maker_append(&m, 2); /* not signed yet: not exported */
	if (note_key_print(&m.note, &vkey, NULL) != ERR_OK ||
		audit_export(m.store, &m.state, 1, NULL) != ERR_OK)
		return 1;
	(void)fprintf(stderr, "%s\n", buf_cstr(&vkey));
	buf_free(&vkey);
	log_maker_end(&m);
	return 0;
}
