/* ifeval.h - does an answer do what its prompt demands? The checks of IFEval,
 * Zhou et al. 2023, arXiv:2311.07911. */
#ifndef GN_EVAL_IFEVAL_H
#define GN_EVAL_IFEVAL_H

#include "core/gneiss.h"

typedef struct gn_ifeval {
    int count;         /* instructions */
    int strict, loose; /* of them kept */
    bool approximate;  /* one of them is decided otherwise than in the original */
} gn_ifeval;

/* doc: columns prompt, instruction_id_list, kwargs. */
bool gn_ifeval_check(const gn_value *doc, gn_slice answer, gn_ifeval *out, gn_error *e);

#endif
