/* filters.h - what exists by name: filters and tests. */
#ifndef GN_TEMPLATE_FILTERS_H
#define GN_TEMPLATE_FILTERS_H

#include "core/template/runtime.h"

/* NULL if there is none of that name (in env). */
const gn_callable *gn_filter_find(gn_slice name, gn_template_environment env);
const gn_callable *gn_test_find(gn_slice name);

/* Parts of the table of filters. */
extern const gn_callable gn_filters_of_lists[], gn_filters_of_text[];
gn_value *gn_filter_wordwrap(gn_render *r, gn_value *self, gn_value **arg, const gn_given *given);

#endif
