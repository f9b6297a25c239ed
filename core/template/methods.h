/* methods.h - the tables of methods. */
#ifndef GN_TEMPLATE_METHODS_H
#define GN_TEMPLATE_METHODS_H

#include "core/template/runtime.h"

extern const gn_callable gn_methods_of_text[];

/* str.center. */
gn_value *gn_text_center(gn_render *r, gn_value *self, gn_value *width);
/* str.isupper, str.islower. */
bool gn_text_all_case(gn_slice s, bool upper_case);

#endif
