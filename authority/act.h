/* The halves of act_end, for an act that does more between its entry and its end. */
#ifndef AUTHORITY_ACT_H
#define AUTHORITY_ACT_H

#include "authority/authority.h"

/* Neither undoes the act when it fails: the caller does. */
MUST_USE enum err_code act_log(struct authority *a, struct entry *en, struct err *e);
MUST_USE enum err_code act_close(struct authority *a, struct err *e);

#endif
